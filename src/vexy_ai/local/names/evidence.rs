//! What around a word says that it is a company's name, and what says that it is not.

use std::collections::{HashMap, HashSet};

use super::symbols::all_capitals;
use super::table::{Entry, Mixed};
use crate::vexy_ai::local::text::{Kind, Text, Token, word_hash};

/// The score from which on a doubtful name counts.
pub(super) const ENOUGH: i32 = 3;

const LEGAL: u32 = 1;
const NOUN: u32 = 1 << 1;
const VERB: u32 = 1 << 2;
const BASE: u32 = 1 << 3;
const ROLE: u32 = 1 << 4;
const BUSINESS: u32 = 1 << 5;
const RATING: u32 = 1 << 6;
const SAYS: u32 = 1 << 7;
const PLACE: u32 = 1 << 8;
const SMALL: u32 = 1 << 9;
const FORENAME: u32 = 1 << 10;
const OF: u32 = 1 << 11;
const RATES: u32 = 1 << 12;
const STARTER: u32 = 1 << 13;
const MACRO: u32 = 1 << 14;

const LISTS: &[(u32, &str)] = &[
    (LEGAL, "inc incorporated corp corporation co company ltd limited plc llc ag nv group holdings holding motors motor technologies \
        technology energy entertainment stores brands pharmaceuticals therapeutics labs"),
    (NOUN, "shares share stock stocks ceo cfo coo chairman chief executive earnings profit profits revenue revenues sales results eps \
        quarter q1 q2 q3 q4 dividend guidance outlook forecast margin margins investors shareholders shareholder board bonds stake \
        store stores unit subsidiary spokesman spokesperson spokeswoman employees workers layoffs deal takeover acquisition merger \
        ipo buyback cards orders deliveries customers users subscribers backlog valuation founder president analyst day fy fiscal \
        options calls puts price holders net operating quarterly annual preferred debt bid offer"),
    (VERB, "reports report reported posts posted post beats beat misses missed says said sees expects expected raises raised cuts \
        lowers lowered lifts lifted plans planned buys bought acquires acquired sells sold launches launched unveils unveiled \
        announces announced declares declared names named appoints appointed hires hired agrees agreed signs signed wins won \
        files filed faces faced sued sues settles settled recalls recalled tops topped warns warned jumps jumped surges surged \
        soars soared falls fell drops dropped slides slid tumbles tumbled plunges plunged sinks sank rises rose gains gained climbs \
        climbed rallies rallied slumps slumped dips dipped edges shuts closes prices priced completes completed reaffirms \
        reiterates upgraded downgraded earnings trades trading gets opens opened expands expanded invests tanks spikes pops shares \
        rebounds halts resumes delays delayed partners reinstates introduces offers taps slashes boosts inks secures receives wants \
        considers considering mulls exploring explores nears seeks ousts fires lays swings slips eyes loses adds hits wants targets joins cancels ends weighs shifts swaps"),
    (BASE, "buy acquire sell cut launch pay report open close hire invest raise lay spin merge join start stop build expand shut \
        issue repurchase host present release announce offer take make add use replace"),
    (ROLE, "retailer automaker carmaker maker giant insurer airline firm parent rival chipmaker operator startup owner lender \
        company bank acquire acquires acquiring buy buys buying upgrades downgrades initiates initiated upgrade downgrade like \
        competitor unit developer provider brand platform stock shares processor restaurant chain drugmaker miner producer \
        software biotech fintech subsidiary conglomerate homebuilder owns owned vs versus sue sues against backs overweight \
        longtime names include including"),
    (BUSINESS, "shares stock stocks profit profits loss revenue revenues earnings sales quarter quarterly q1 q2 q3 q4 ceo cfo dividend \
        analyst analysts upgrade upgraded downgrade downgraded investors company companies retailer retailers retail eps guidance \
        forecast wall billion million merger acquisition acquire buyback ipo nasdaq nyse premarket rating outperform buy sell bank \
        banks card payments app stores consumer customers tech earnings insurer lender results estimates consensus deal"),
    (RATING, "price target targets pt rating ratings upgrade upgraded upgrades downgrade downgraded downgrades overweight underweight \
        outperform underperform neutral buy sell hold initiated initiates reiterates reiterated maintains maintained coverage \
        analyst analysts conviction equal-weight pick picks bullish bearish top"),
    (RATES, "upgrades downgrades maintains reiterates initiates upgrade downgrade upgraded downgraded starts assumes resumes keeps \
        reinstates analyst analysts strategist strategists economist economists analysts' rates recommends predicts forecasts \
        note research trims lowers raises lifts hikes cuts adjusts boosts says sees expects warns thinks believes likes calls \
        names adds removes economists' survey estimates projects conference"),
    (SAYS, "says say said sees expects warns reports reported survey poll strategist strategists analyst analysts economist economists \
        predicts forecasts recommends thinks believes note estimates research conference securities"),
    (PLACE, "foundation park arena stadium center centre rainforest river university college street avenue county award awards museum \
        field island islands valley city house hall basin jungle forest region prize theatre bowl open ave road bridge tower beach \
        hills hill creek bay mountain school hospital india omx"),
    (SMALL, "of the and for de la du & to in on at by y e"),
    (STARTER, "why how when where what will can is are as after the and for with if while here here's this these does did should \
        could would at in on from by but or to of a an no not new more exclusive breaking update update-1 watch today amid despite \
        since because before like s meet inside now"),
    (MACRO, "gdp growth inflation oil brent crude gold s&p rupee dollar rate rates fed euro yuan us u.s china economy economic copper \
        recession eurozone boj ecb bitcoin stocks equities equity emerging nifty sensex forex currency yields treasury bond bonds"),
    (OF, "of in at by from with for on"),
    (FORENAME, "john james robert michael mike william bill david richard rick joseph joe thomas tom charles chuck chris christopher \
        daniel dan matthew matt anthony tony mark donald don steven steve paul andrew andy joshua josh kenneth ken kevin brian \
        george timothy tim ronald ron jason edward ed jeffrey jeff ryan jacob gary nicholas nick eric jonathan jon stephen larry \
        justin scott brandon benjamin ben samuel sam frank greg gregory alexander alex patrick pat jack dennis jerry tyler aaron \
        jose adam nathan henry zach peter kyle noah ethan jeremy walter christian keith roger terry austin sean gerald carl harold \
        dylan arthur lawrence jordan jesse bryan bruce gabriel logan alan juan harry harrison ralph roy eugene randy vincent bobby \
        russell louis philip phil mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty sandra \
        margaret ashley kimberly emily donna michelle carol amanda melissa deborah stephanie rebecca laura helen sharon cynthia \
        kathleen amy angela anna ruth brenda pamela nicole katherine samantha christine catherine virginia debra rachel janet emma \
        maria heather diane julie joyce victoria kelly christina joan evelyn lauren judith olivia martha cheryl megan andrea ann \
        jean alice jacqueline hannah doris kathryn gloria teresa sara janice marie julia grace judy theresa rose beverly denise \
        marilyn amber danielle brittany diana abigail jane natalie lori elon warren jamie rupert mr ms mrs dr sir senator sen \
        judge justice minister president rep gov lord miss conrad paris perez nikki christine gerald tyson oscar max leo simon \
        neil craig doug howard stuart ted tim walt barry jim jimmy bob dave rob rex sundar satya mohammed ali lee wang"),
];

/// A word, and what before it or behind it says that it is no company.
const NOT_SO: &[(&str, &str, &str)] = &[
    ("target", "price pt prices inflation profit sales growth revenue rate on off its their his above below year-end bullish upside fed fed's deficit \
        emission production earnings margin a new fiscal easy soft prime main key potential takeover gdp", "price prices of for raised cut lowered range date zone rate levels \
        upped set level raises boosted hiked increased trimmed reduced maintained missed by audience"),
    ("visa", "work student travel tourist h-1b h1b 1b us u.s golden entry business schengen eb-5 new stricter visitor", "application applications rules holders program programme ban \
        requirements fees fee waiver bulletin curbs norms issue issues on-arrival policy free restrictions reform applicants regime"),
    ("gap", "the a wage gender funding trade pay supply gdp output income narrow wide skills price huge valuation big budget demand opening closing \
        bridge close deficit fiscal bullish bearish", "up down between in of higher lower opening with from widens narrows fill"),
    ("block", "the a city new road bull deal sales to trade party voting opposition stumbling genesis building", "deal deals trade trades on chain bill of merger sale sales chains quorum"),
    ("square", "times red trafalgar tiananmen union madison the a public town jamie", "feet foot off enix kilometers miles mile metre metres meters pharma"),
    ("match", "the a to test cricket football soccer final boxing tennis may can could must will that not", "the with up expectations estimates fixing winner day"),
    ("snap", "to a the oh cold may could will", "election poll survey losing winning streak decline decision five-day two-day three-day out back up elections gains lockdown"),
    ("key", "the a is are in of some most other", "level levels support resistance takeaways rate rates interest policy data points test role market markets issue events \
        index moving risks things facts to players west technical trends area member factor question reasons metrics vote"),
    ("ally", "trump us u.s close key nato putin political a an longtime former", "of in nato party with"),
    ("shell", "the a as of in", "company companies out firms firm shock casings"),
    ("delta", "the a niger mekong river gamma", "variant strain hedging state of force gamma virus corp"),
    ("united", "manchester leeds newcastle", "states nations kingdom arab way we against front states' breweries spirits bank progressive phosphorus india"),
    ("southwest", "the in in asia us china", "of monsoon florida china asia england monsoons airlines' india"),
    ("strategy", "the a an its investment trading our new growth business option options fed's exit bull portfolio equity market global", "for of to group officer chief and"),
    ("meta", "", "analysis data description"),
    ("carnival", "rio the", "cruise-goers of"),
    ("travelers", "air international chinese business some the more many us holiday most for", "to from who are should can face will fear"),
    ("progressive", "the a more", "democrats caucus left party policies tax lawmakers democrat groups"),
    ("circle", "the a inner full", "back of rate rates"),
    ("fox", "michael megan", "hunting business's"),
    ("ice", "on the sea arctic black", "cream age agents raids raid detention hockey storm sheet melt brent cotton"),
    ("dow", "the", "jones futures 30 index theory ends closes industrials rises falls drops jumps slips gains adds up down dives plunges tumbles surges \
        climbs sinks loses set points hits rallies sheds opens edges slides jumped fell rose industrial transports transportation"),
    ("unity", "national european party jewish in of for statue", "government candidate in among march"),
    ("toast", "a the french avocado", "to of"),
    ("workday", "the a average", "evening morning"),
    ("snowflake", "a the", ""),
    ("diamondback", "", "rattlesnake"),
    ("emerson", "ralph waldo", ""),
    ("apollo", "the", "program missions hospitals tyres 11 13 mission theater hospital"),
    ("paramount", "is of", "importance concern to"),
    ("zoom", "may to shares stocks can could will", "past ahead higher in out on to up into call calls meeting meetings"),
    ("lilly", "", "singh king"),
    ("kraft", "robert bob", "paper beer"),
    ("apple", "big the an rotten", "orchard orchards cider pie juice crop growers valley farmers"),
    ("amazon", "the brazil's brazilian", "rainforest river basin jungle fires deforestation forest region"),
    ("tesla", "nikola", ""),
    ("oracle", "the of an", "of"),
    ("corning", "", "new"),
    ("caterpillar", "the a", "insect"),
    ("chevron", "the", "deference doctrine pattern"),
    ("intel", "us military israeli u.s threat", "report reports officials agencies committee sharing community on chief agency official"),
    ("ford", "harrison tom president gerald betty henry rob doug christine", "foundation theatre county government"),
    ("box", "the a black white cash ballot juke", "office"),
    ("arm", "the a an its investment lending finance infrastructure retail wealth life trading research", "of in to"),
    ("affirm", "to courts analysts", "that"),
    ("moody's", "", "says cuts upgrades downgrades affirms warns rating raises changes assigns places sees lowers expects revises keeps analytics report investors investor puts"),
    ("figma", "", ""),
    ("rocket", "a the falcon space long-range", "attack launch attacks fire ships ship lander booster engines scientist"),
    ("3m", "", "high low chart copper lme libor aluminium bond shibor mibor euribor usd"),
    ("vertex", "", "standard"),
    ("sea", "the south black red baltic north caspian dead deep mediterranean by at", "level levels of freight limits ice container routes bed change ports"),
    ("orange", "", "county juice"),
    ("coke", "met of raises", "oven ovens prices"),
    ("general", "", ""),
    ("gap", "", ""),
];

/// Lists of words by their hash.
#[derive(Debug)]
pub(super) struct Words {
    flags: HashMap<u64, u32, std::hash::BuildHasherDefault<Mixed>>,
    /// Pairs of words that follow one another, of which one would be a name otherwise.
    not_so: HashSet<(u64, u64)>,
    not_so_after: HashSet<(u64, u64)>,
}

impl Words {
    pub(super) fn new() -> Words {
        let mut flags = HashMap::default();
        for (flag, words) in LISTS {
            for word in words.split_whitespace() {
                *flags.entry(word_hash(word)).or_insert(0) |= flag;
            }
        }
        let pairs = |before: bool| -> HashSet<(u64, u64)> {
            let pair = |(name, prior, later): &(&str, &'static str, &'static str)| {
                let name = word_hash(name);
                let words = if before { *prior } else { *later };
                words.split_whitespace().map(move |w| (name, word_hash(w))).collect::<Vec<_>>()
            };
            NOT_SO.iter().flat_map(pair).collect()
        };
        Words {
            flags,
            not_so: pairs(true),
            not_so_after: pairs(false),
        }
    }

    fn of(&self, token: Option<&Token>) -> u32 {
        token.and_then(|t| self.flags.get(&t.hash)).copied().unwrap_or(0)
    }

    pub(super) fn is_small(&self, hash: u64) -> bool {
        self.flags.get(&hash).is_some_and(|flags| flags & SMALL != 0)
    }
}

/// How a sentence is written, and what it is about.
pub(super) struct Context {
    first: usize,
    last: usize,
    /// Capitals say nothing: all letters are.
    pub(super) no_capitals: bool,
    /// Nearly every word begins with a capital.
    title_case: bool,
    business: bool,
    rating: bool,
    /// It speaks of an economy or a market.
    economy: bool,
}

impl Context {
    /// Of the sentence whose tokens are `first` to before `last`.
    pub(super) fn of(text: &Text, first: usize, last: usize, words: &Words) -> Context {
        let (mut long, mut capital, mut flags) = (0_u32, 0_u32, 0);
        for (at, token) in text.tokens()[first..last].iter().enumerate() {
            if token.kind == Kind::Word {
                flags |= words.of(Some(token));
                if at > 0 && token.end - token.start >= 4 {
                    long += 1;
                    capital += u32::from(token.capital());
                }
            }
        }
        Context {
            first,
            last,
            no_capitals: all_capitals(text, text.tokens()[first].sentence),
            title_case: long > 2 && capital * 10 >= long * 7,
            business: flags & BUSINESS != 0,
            rating: flags & RATING != 0,
            economy: flags & MACRO != 0,
        }
    }

    fn token<'a>(&self, text: &'a Text, at: usize, step: isize) -> Option<&'a Token> {
        let at = at.checked_add_signed(step)?;
        (at >= self.first && at < self.last).then(|| &text.tokens()[at])
    }

    /// Whether a capital letter at `at` tells more than that a sentence or a title begins.
    fn telling_capital(&self, text: &Text, at: usize) -> bool {
        let opens = |t: &Token| matches!(text.word(t), ":" | "\"" | "'" | "“" | "‘" | "-" | "|");
        !self.title_case && !self.no_capitals && at > self.first && !self.token(text, at, -1).is_some_and(opens)
    }

    /// The words around name something else.
    pub(super) fn is_elsewhere(&self, text: &Text, at: usize, end: usize, words: &Words) -> bool {
        let (before, after) = (self.token(text, at, -1), self.token(text, end - 1, 1));
        let name = text.tokens()[at].hash;
        let single = end == at + 1;
        if let Some(after) = after
            && (after.capital() && words.of(Some(after)) & PLACE != 0 && !text.tokens()[end - 1].possessive()
                || single && words.not_so_after.contains(&(name, after.hash)))
        {
            return true;
        }
        if single && before.is_some_and(|before| words.not_so.contains(&(name, before.hash))) {
            return true;
        }
        // `$3M` and `4 Block` are amounts.
        text.tokens()[at].kind == Kind::Number && before.is_some_and(|t| t.kind == Kind::Sign)
    }

    /// A forename or a title stands before: it is somebody's name.
    pub(super) fn follows_a_name(&self, text: &Text, at: usize) -> bool {
        let telling = self.telling_capital(text, at) && at > self.first + 1;
        telling && self.token(text, at, -1).is_some_and(|t| t.kind == Kind::Word && t.capital() && !t.possessive())
    }

    /// The company speaks as an analyst or is quoted.
    pub(super) fn speaks(&self, text: &Text, at: usize, end: usize, words: &Words) -> bool {
        let possessive = text.tokens()[end - 1].possessive();
        let after = self.token(text, end - 1, 1);
        let flags = words.of(after);
        let then = self.token(text, end - 1, 2);
        // "says it will", "said its profit": of itself.
        let itself = [then, self.token(text, end - 1, 3)]
            .into_iter()
            .flatten()
            .any(|t| matches!(text.lower(t), "it" | "its" | "profit" | "earnings" | "quarterly" | "q1" | "q2" | "q3" | "q4"));
        let before = self.token(text, at, -1);
        let from = before.is_some_and(|t| matches!(text.lower(t), "at" | "by" | "from" | "-" | ":" | "," | "--" | "–" | "—" | "|" | "(" | "via" | "per" | "as"));
        let ends = after.is_none_or(|t| matches!(t.kind, Kind::Stop | Kind::Link) || text.lower(t) == ")");
        if flags & SAYS != 0 && !itself && !possessive {
            return true;
        }
        if self.rating && (flags & RATES != 0 && !itself || from || possessive && words.of(then) & (RATES | SAYS) != 0) {
            return true;
        }
        if before.is_some_and(|t| matches!(text.lower(t), "says" | "said" | "to")) && ends {
            return true;
        }
        if self.economy && flags & RATES != 0 && !itself {
            return true;
        }
        // "...: JPMorgan" and "JPMorgan: ..." at the ends of a headline.
        let quoted = ends && from && at > self.first + 2;
        quoted || possessive && after.is_some_and(|t| t.capital()) && then.is_some_and(|t| t.capital() || words.of(Some(t)) & SAYS != 0) && !self.title_case
    }
}

/// How much around a doubtful name says that it is one.
pub(super) fn score(text: &Text, entry: &Entry, at: usize, end: usize, context: &Context, words: &Words) -> i32 {
    let before = context.token(text, at, -1);
    let after = context.token(text, end - 1, 1);
    let then = context.token(text, end - 1, 2);
    let flags = words.of(after);
    let possessive = text.tokens()[end - 1].possessive();
    let mut score = 0;
    if flags & LEGAL != 0 && after.is_some_and(Token::capital) {
        score += 3;
    }
    if flags & NOUN != 0 || possessive && words.of(then) & NOUN != 0 {
        score += 2;
    }
    if !possessive && flags & VERB != 0 {
        score += 2;
    }
    if after.is_some_and(|t| matches!(text.lower(t), "to" | "will")) && words.of(then) & BASE != 0 {
        score += 3;
    }
    if words.of(before) & ROLE != 0 || words.of(before) & OF != 0 && words.of(context.token(text, at, -2)) & (NOUN | ROLE) != 0 {
        score += 2;
    }
    if context.telling_capital(text, at) {
        score += 1;
        let name_before = before.is_some_and(|t| t.kind == Kind::Word && t.capital() && words.of(Some(t)) & (ROLE | SMALL | STARTER) == 0);
        let name_after = after.is_some_and(|t| t.kind == Kind::Word && t.capital() && flags & (LEGAL | NOUN) == 0) && !possessive;
        if name_before && !before.is_some_and(Token::possessive) {
            score -= 3;
        }
        if name_after {
            score -= 2;
        }
    } else if context.title_case {
        // In a title that has capitals everywhere a neighbour says nothing, and the name begins it more often than not.
        score += i32::from(at == context.first);
    } else if at == context.first {
        score += i32::from(entry.large);
    }
    if words.of(before) & FORENAME != 0 {
        score -= 3;
    }
    score += i32::from(entry.large) + i32::from(context.business);
    score
}
