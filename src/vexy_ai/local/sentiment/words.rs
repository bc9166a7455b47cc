//! The words that the rules of sentiment know, written for this program: one class a list, all forms of a word.

use super::entry::*;

/// What the words of a list are.
pub(super) struct List {
    pub(super) entry: Entry,
    pub(super) words: &'static str,
}

pub(super) const NOTHING: Entry = Entry {
    class: 0,
    polarity: 0,
    weight: 0,
    degree: 0,
};

/// Words of a class.
pub(super) const fn class(class: u32, words: &'static str) -> List {
    List {
        entry: Entry { class, ..NOTHING },
        words,
    }
}

/// Measures, with what they count for in hundredths.
pub(super) const fn measure(class: u32, weight: i16, words: &'static str) -> List {
    List {
        entry: Entry {
            class,
            weight,
            ..NOTHING
        },
        words,
    }
}

/// Words that say something by themselves, in hundredths.
pub(super) const fn polar(polarity: i16, words: &'static str) -> List {
    List {
        entry: Entry {
            polarity,
            ..NOTHING
        },
        words,
    }
}

/// Words of degree: what they add, in hundredths.
pub(super) const fn degree(degree: i8, words: &'static str) -> List {
    List {
        entry: Entry { degree, ..NOTHING },
        words,
    }
}

/// All words. One of several lists has the classes of all, and its other values from the first that gives one.
pub(super) const LISTS: &[List] = &[
    // Directions. What moves by itself is told before it: "profit rose".
    class(
        UP | MOVES,
        "rise rises rose risen climb climbs climbed climbing jump jumps jumped jumping surge surges surged surging soar \
         soars soared soaring leap leaps leaped leapt skyrocket skyrockets skyrocketed spike spikes spiked advance advances \
         advanced grow grows grew grown rebound rebounds rebounded rebounding zoom zooms zoomed rally rallies rallied \
         rallying gain gains gained gaining widen widens widened widening swell swells swelled swollen balloon ballooned \
         appreciate appreciates appreciated strengthen strengthens strengthened strengthening firmed harden \
         hardens hardened perk perks perked recover recovers recovered pickup uptick inch inched mount mounts mounted \
         quicken quickened accelerate accelerates accelerated accelerating outpace escalate escalated escalates multiplied \
         snowballed shoots uptrend upturn rocketed rockets bounce bounces bounced trebled trebles treble tripled triples \
         triple quadrupled quadruples quadruple doubled doubles sizzles vaults vaulted scales scaled galloped gallops",
    ),
    class(
        DOWN | MOVES,
        "fall falls fell fallen falling decline declines declined declining drop drops dropped dropping plunge plunges \
         plunged plunging tumble tumbles tumbled tumbling slump slumps slumped slumping slide slides slid sliding slip slips \
         slipped slipping sink sinks sank sunk sinking dip dips dipped dipping plummet plummets plummeted plummeting shrink \
         shrinks shrank shrunk shrinking decrease decreases decreased decreasing dive dives dived crash crashes crashed \
         crashing tank tanks tanked tanking slide slides crumble crumbles crumbled skid skids skidded ease eases eased easing \
         retreat retreats retreated weaken weakens weakened weakening soften softens softened softening contracted \
         narrow narrows narrowed narrowing dwindle dwindles dwindled dwindling diminish diminished diminishes erode erodes \
         eroded recede receded recedes nosedive nosedives nosedived slacken slackened ebb ebbed depreciate depreciates \
         depreciated deteriorate deteriorates deteriorated deteriorating downtrend downturn collapse collapses collapsed \
         wilts wilt sags sagged sag droops droop crater cratered slows slowed slowing slowdown halved halves",
    ),
    // What somebody moves is told after it: "raised its dividend", and as well before: "sales increased".
    class(
        UP | MOVES | TAKES,
        "increase increases increased increasing grow growing boost boosts boosted boosting lift lifts lifted lifting raise \
         raises raised raising hike hikes hiked hiking enhance enhances enhanced enhancing expand expands expanded improve improves improved \
         improving double doubling expanding push pushes upped maximise maximize bolster bolsters \
         bolstered strengthen strengthens widen",
    ),
    class(
        DOWN | MOVES | TAKES,
        "reduce reduces reduced reducing cut cuts cutting slash slashes slashed slashing trim trims trimmed trimming pare \
         pares pared curb curbs curbed lower lowers lowered lowering drag drags dragged dent dents dented shave shaved \
         minimise minimize decrease decreasing axe axed axes shed sheds shedding curtail curtailed halve",
    ),
    // What stands before the measure: "higher costs".
    class(
        UP | BEFORE,
        "higher rising increased growing increasing soaring surging improved improving larger greater bigger stronger faster \
         widening mounting ballooning ",
    ),
    class(
        DOWN | BEFORE,
        "lower falling decreased declining decreasing reduced smaller weaker slower shrinking narrowing lesser dwindling \
         shrinking plunging slowing subdued",
    ),
    class(UP | PARTICLE, "up upward upwards"),
    class(DOWN | PARTICLE, "down downward downwards"),
    // Measures, and what it means that they grow. The polarity is the weight.
    measure(
        GOOD,
        120,
        "profit profits earnings ebit ebitda ebita eps pat pbt net-profit profitability surplus npat netprofit",
    ),
    measure(
        GOOD,
        100,
        "sales revenue revenues turnover income margin margins order orders orderbook backlog demand output exports export \
         volumes volume shipments deliveries dividend dividends cashflow inflow inflows bookings intake productivity \
         efficiency competitiveness returns roi roce rating ratings outlook guidance forecast forecasts estimates \
         target targets visibility utilisation utilization traffic passengers subscribers subscriptions customers consumption \
         spending investment confidence sentiment gdp economy liquidity solvency capacity production visitors loads \
         topline bottomline realisations realizations premium premiums deposits loan-book receipts reserves nii \
         circulation occupancy reservations buying quality assets advances bid bids value valuation valuations appetite \
         momentum activity business gains lending credit ratio recovery performance results result net industry position",
    ),
    measure(
        GOOD,
        130,
        "share shares stock stocks index indices price prices futures scrip equities markets market sensex nifty nikkei ftse dax \
         dow nasdaq rupee euro sterling yen yuan pound rouble ringgit rupiah baht dollar gold silver copper nickel zinc lead \
         crude oil brent aluminium platinum bullion bourses bourse currency currencies commodities bonds counter counters \
         m-cap mcap ",
    ),
    measure(
        GOOD,
        100,
        "jobs employees staff workforce personnel headcount workers payrolls employment positions",
    ),
    measure(BAD, 100, " deficit deficits shortfall losers"),
    measure(
        BAD,
        80,
        "cost costs expense expenses debt debts indebtedness liabilities unemployment jobless inflation npa npas npls \
         provisions provision impairment impairments impairment-losses writedowns write-offs defaults default delinquencies \
         overheads expenditure outflow outflows arrears inventories inventory stockpiles complaints fraud risks tariffs \
         claims layoffs uncertainty uncertainties prices-of-raw competition burden emissions accidents worries \
         fears concerns overcapacity fees charges interest-costs curbs subsidy subsidies redundancies bankruptcies waste \
         delays pressure pressures provisioning gearing leverage",
    ),
    class(
        FLAT,
        "stake stakes shareholding holding holdings ownership number amount age capital share-capital rights votes voting rate \
         rates yield yields tax taxes cap limit limits floor temperature vix ceiling tenure term period interval level",
    ),
    // Polar words.
    polar(
        100,
        "bullish outperform outperforms outperformed outperforming upgrade upgrades upgraded record-high upbeat buoyant \
         robust booming boom thrive thrives thriving flourish turnaround windfall blockbuster stellar outstanding \
         impressive superb splendid excellent awarded award awards wins winner winners bags bagged secures secured \
         secure clinches clinched clinch beats beat surpasses surpassed surpass exceeded exceeds oversubscribed multibagger \
         overweight jackpot cheer cheers cheering cheered reclaims breakthrough profitable undervalued \
         outshine outshines success successful successfully triumph optimistic optimism multi-year accretive undervalued",
    ),
    polar(
        70,
        "strong positive better good improved improvement improvements improve improves stronger favourable favorable \
         attractive promising healthy solid rebound recovery uptrend boost boosts boosted boom gains gain rally rallies \
         rallied benefit benefits benefited benefitted benefiting lucrative resilient momentum advantage advantages \
           brighter bright encouraging encouraged pleased satisfied satisfactory smart sound \
         superior leap leaps bulls helped helps lifted outpaced outpacing expansion expanding bounce comfortable interesting \
         rewarding safe surge surges upturn uptick enhance enhances enhanced enhancing strengthen strengthens strengthened \
         strengthening excel accelerated efficient prefer favourite favorite accumulate glitter glitters \
         winning double doubles tailwind tailwinds stabilise stabilize stabilises stabilizes easing-up relief \
         efficiently fast-growing thanks multi-fold twofold threefold fourfold jump jumps advance profitably exceptional",
    ),
    polar(
        40,
        " growing hopeful hope hopes confident potential contract-win \
         stable reasonable competitive hit-high award-winning innovative \
         dominate dominates fund-raising popular valuable thrilled proud",
    ),
    polar(
        -100,
        " downgrade downgrades downgraded underperform underperforms underperformed bankruptcy bankrupt insolvency insolvent \
         default defaults defaulted fraud scam scandal crisis turmoil disaster disastrous dismal abysmal plummet lawsuit sued \
         sues layoff layoffs lay-offs laid-off dismissals dismissal redundancies redundant sacked fired worst disappoints \
         disappointed disappointing disappoint disappointment misses miss missed slump plunge plunges crash collapse \
         sluggish lacklustre lackluster recession panic bloodbath carnage rout meltdown embezzlement bribery \
         selloff sell-off sinks nosedive worsen worsens worsened worsening deteriorate deteriorated deteriorating deterioration \
         shutdown downbeat gloomy gloom pessimistic slowdown downturn tanks underweight manipulation illegal illegally \
         overvalued unprofitable loss-making unprofitability jinx bleak grim devastating dire",
    ),
    polar(
        -70,
        "weak weaker weakness weakening poor bad worse negative lower-than-expected hurt hurts hurting suffer suffers \
         suffered suffering struggle struggles struggled struggling trouble troubled troubles woes woe worries worry worried \
         concern concerns fear fears jitters jittery anxiety uncertainty uncertain cautious \
         pressure pressured drag drags dragged dampen dampens dampened dent dents dented hampered hamper hampers threat \
         threatens threatened warned warn loses lose lost losing losers loser failed failure \
         fail subdued dull muted soft tougher challenging difficult difficulties difficulty problem problems halt \
         halts halted suspend suspends suspended suspension delay delays delayed reject rejects rejected cancel cancels \
         cancelled canceled cancellation strike strikes closure closures closing-down shut shuts avoid \
         penalty fined violation violations breach raid raids accused accuses alleged allegations guilty \
         lawsuits erodes erosion crackdown ban bans banned spook spooks spooked rattle rattles rattled sour \
         sours soured glut oversupply overcapacity stagnant stagnation stall stalls stalled \
         slowing slowed weigh weighs weighed shaky shrinking shrivels adverse adversely unfavourable unfavorable \
         unsatisfactory injured killed accident hacked scamming spam damage damaged downtrend choppy \
           pain expensive turbulence shortage shortages headwind headwinds disruption disruptions cutback \
         cutbacks contraction downsizing downsize pullback unrest layoffs terminated terminate terminates terminating \
         discontinue discontinued discontinues cease ceases ceased temporarily derail derails nervous nervousness hawkish \
         fizzle fizzles fade fades faded retreat retreats costlier slack sceptical skeptical strain strained ",
    ),
    polar(
        -40,
        "problematic slower drop decline overhang complain complaints expire lag lags \
         lagging miss-out fragile pricey doubt doubts doubtful investigation investigating investigated stress stressed \
         challenge challenges debt-laden overdone vulnerable",
    ),
    polar(100, "bull-run"),
    polar(70, "favourably favorably"),
    polar(
        60,
        "upside exceed opportunity opportunities picks pick exceeding",
    ),
    polar(
        50,
        "triple triples tripled quadruple quadrupled treble trebled best hiring synergies synergy",
    ),
    polar(45, "expand expands expanded easier"),
    polar(45, "growth delighted glad"),
    polar(30, "cheap prospects well"),
    polar(
        15,
        "nod approval approves clearance support supports supported attract attracts",
    ),
    polar(-100, "bearish damp damps dismiss dismissed explosion"),
    polar(
        -70,
        "fined hit hits bears tough sell choppiness selling hammered battered dumps dumped dump woe fails avoided avoidable \
         avoidance tepid lacklusture defaulter melted cracks cracked snap snaps weighing",
    ),
    polar(
        -40,
        "downside warns warning caution tension tensions insider-trading",
    ),
    polar(-30, "dispute disputes"),
    polar(-25, "loss losses"),
    polar(
        -15,
        "probe fine quits quit resigns exit correction volatile volatility risk slow limited exits",
    ),
    class(DAMPS, "mixed rangebound flat flattish unchanged sideways"),
    class(
        DETERMINER,
        "a an the this that these those some any its their his her our another each every",
    ),
    class(UP | BEFORE, "record"),
    class(PREDICATE, "higher lower stronger weaker"),
    measure(BAD, 100, "loss losses"),
    measure(BAD, 80, "risk risks volatility"),
    measure(GOOD, 100, "growth stk"),
    class(LOSES, "loss losses"),
    // Negation, and words of degree: the increment of VADER (Hutto & Gilbert 2014), 0.293.
    class(
        NEGATES,
        "not no never none neither nor without cannot can't couldn't don't doesn't didn't isn't aren't wasn't weren't won't \
         wouldn't hasn't haven't hadn't shouldn't ain't hardly unlikely denies denied deny lack lacks lacked nothing",
    ),
    degree(
        29,
        "very sharply significantly substantially considerably strongly heavily steeply dramatically markedly hugely \
         massively extremely highly clearly exceptionally remarkably largely greatly sharp significant substantial \
         considerable huge steep dramatic marked massive big biggest major strong heavy notably materially",
    ),
    degree(
        -29,
        "slightly marginally somewhat modestly little bit partly partially moderately mildly slight marginal modest mild \
         moderate small barely scarcely almost nearly-flat",
    ),
    // Words that part clauses, and those that begin what is of no weight.
    class(
        CLAUSE,
        "while whereas but although though as after because when since if which who where and or that than said says amid",
    ),
    class(CONCEDES, " notwithstanding although though albeit"),
    class(TURNS, "but however yet nevertheless"),
    class(
        PREPOSITION,
        "of in on at by for from to with before after excluding including during over under between within into through \
         against per due owing among across without versus vs above below until till towards about around",
    ),
    class(INTO, "in of for"),
    class(
        COMPARES,
        "compared from against versus vs comparison comparing",
    ),
    class(DEFERS, "may might could would should if can whether"),
    class(PROFITS, "profit profits surplus black ebit earnings"),
    class(LOSES, " red deficit"),
    class(PERCENT, "% pct percent percentage points point bps"),
    class(UNIT, "% $ € £ ¥ ₹ euro"),
    class(
        UNIT,
        "mn m million millions mln bn b billion bln tn trillion k thousand crore crores cr lakh lakhs pct percent pc per cent \
         percentage points point euros euro eur usd dollars rs sek nok dkk gbp chf jpy inr lb lbs t tonnes tons bps",
    ),
];
