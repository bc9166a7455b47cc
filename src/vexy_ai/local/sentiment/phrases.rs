//! The phrases that the rules of sentiment know, written for this program.

use super::entry::*;
use super::words::{List, NOTHING, class, measure, polar};

/// Several words that are one: a list's phrases are parted by `|`. A `*` stands for any one word, a `#` for a number, and
/// a `^` for the beginning of a sentence.
pub(super) const PHRASES: &[List] = &[
    // Nothing: what would mislead.
    class(
        0,
        "more than|up to|concerns the|concerns a|concern the|lawsuit concerns|negotiations concern|sell shares|sells shares|sell shares to|sold shares|to sell|may sell|will sell|investors sell|no more than|not only|as well as|no less than|not less than|at least|less than|at most|\
         rights issue|good morning|high level|high quality|high speed|set up|sets up|setting up|make up|makes up|\
         sign up|signed up|open up|opens up|opened up|end up|wind up|wake up|start up|back up|backed up|come up|comes up|\
         gear up|gears up|gearing up|botched up|mix up|taken up|take up|takes up|line up|lined up|wrap up|follow up|up for grabs|\
         cut off|cut to size|best practice|best practices|risk management|risk free|risk manager|\
         strike price|a stop loss|stop loss|with a stop|double digit|no longer|pick up|picks up|picked up a|\
         high rise|next rise|hot rolled|hot spot|in addition|soft drinks|soft drink|soft commodities|free fall|best known|\
         well known|growth strategy|growth company|growth market|growth markets|growth fund|growth funds|\
         hit #|hits #|hitting #|hit rs|hits rs|hit $|hits $|hit record|hits record|hit fresh|hits fresh|hit a fresh|hit new|\
         hits new|hit a new|hits a new|hit all|hits all|hits life|hits lifetime|hit upper|hits upper|hit the market|\
         hits the market|hit stores|hit the road|hit the street|hit dalal street|hit market|hit markets|hit stock markets|\
         hits global debt markets|may hit|can hit|could hit|likely to hit|to hit #|to hit rs|\
         hit investors|wins in|long position|short position|take a position|position of|held the position|the position|\
         his position|her position|senior position|positions in|fine paper|fine papers|fine chemicals|fine sciences|fine-tune|\
         cutting edge|cutting tools|cutting machine|cutting machines|falls under|fall under|fell due|falls due|fall due|\
         stock exchange|stock exchanges|stock market|exchange of|gold medal|oil tanker|oil tankers|price band|base price|\
         price range|issue price|purchase price|sale price|share price index|order of|in order to|in order|court order|\
         court orders|in advance|advance tax|advance payment|advance payments|business area|business areas|business unit|\
         business units|business segment|business operations|business line|business model|business park|business group|\
         business division|business magazine|the business|its business|business to|quality control|quality assurance|\
         asset value|net asset value|real estate assets|credit card|credit cards|credit facility|credit line|credit institution|\
         gains tax|target group|target price|target of|target price of|investment company|investment bank|\
         investment banking|investment banks|credit suisse|share of|share in|per share|each share|number of shares|\
         shares in|shares of|shares to|bank of|result of|results of|financial results|annual results|quarter results|\
         earnings season|earnings call|earnings release|fast moving|step down|steps down|stepped down|stepping down|\
         shut down|come down|down payment|benefit plan|benefit plans|pension benefits|health benefits|employee benefits|\
         number of|amount of|volume of|value of|total of|level of|range from|ranges from|ranging from|gain from|\
         gain on|gains from the sale|expected to cost|costs about|cost about|to cost|cost rs|to raise|may raise|for raising|\
         plans to raise|raise rs|raise $|raise up|raise funds|raise money|raise capital|price hike|price hikes|price cut|\
         price cuts|fare hike|fare hikes|cuts price|cut prices|stake sale|share sale|sale of shares|sell off of|\
         offer price|bid price|ask price|reserve price|floor price|buy sell|bull market perspective|limited upside|\
         opportunity to|narrow range|in a range|gains during|gains tax|trade deficit data|jobs data|inflation data|\
         gdp data|gdp numbers|economic data|no change|due diligence|positive list|improve co|smart phone|smart city|\
         smart alpha|record date|record books|on record|for the record|credit growth data|lower house|lower court|upper house|\
         rising star|growing up|negative list|gross value|not a problem|pressure equipment|pressure vessel|pressure vessels|\
         exit poll|exit polls|exit plan|strike back|strikes back|high court|not to|negative pledge|strong room|\
         better known|double tax|double taxation|increase from|failed bank|hard disk|cut glass|loss adjuster",
    ),
    // Directions, which have no measure beside them.
    polar(
        120,
        "week high|week highs|month high|month highs|mth high|year high|year highs|time high|time highs|record high|record highs|\
         life high|lifetime high|fresh high|fresh highs|new high|new highs|day high|record levels high|highest level|\
         upper circuit|all time closing high|closing high|closing highs|highest since|extend gains|extends gains|\
         extended gains|extending gains|lifetime highs|on fire|on a roll|take off|takes off|steal the show|stole the show|\
         bounces back|bounce back|bounced back|end higher|ends higher|settles higher|settle higher|picks up momentum",
    ),
    polar(
        -120,
        "week low|week lows|month low|month lows|mth low|mth lows|year low|year lows|time low|time lows|record low|record lows|\
         fresh low|fresh lows|new low|new lows|lowest level|lowest since|lower circuit|extend losses|extends losses|\
         extended losses|extending losses|in red|in the red|into red|into the red|profit booking|profit taking|book profits|\
         book profit|booking profits|selling pressure|sell off|under pressure|end lower|ends lower|biggest loss|weekly loss|\
         daily loss|day low|closes lower",
    ),
    polar(
        -60,
        "from # month high|from # week high|from # year high|off # month high|off # week high|from record high|from all time high|\
         from one year high|pare gains|pares gains|pared gains|pare early gains|erase gains|erases gains|gains fizzle|snap gains|\
         below # week high|trims gains|trim gains|off record high|off all time high|gives up gains",
    ),
    polar(
        60,
        "from # month low|from # week low|from # year low|pare losses|pares losses|pared losses|erase losses|erases losses|\
         trims losses|trim losses|reverse losses|recover losses|off lows|from lows|off day's lows|recoups losses|limit losses",
    ),
    // What analysts advise.
    polar(
        100,
        "^ buy|a buy|'buy' call|' buy|buy call|buy calls|buy ideas|good buy|good buys|clear buy|clear buys|buy on dips|buying on dips|\
         on dips|on every dip|should buy|can buy|buying opportunity|strong buy|top pick|top picks|top bet|top bets|safe bet|\
         safe bets|good bet|good bets|best bet|best bets|better bet|dark horse|dark horses|hidden gem|hidden gems|do well|\
         doing well|doing very well|did well|done well|fare well|return well|hot pick|hot picks|stock picks|good investment|\
         good pick|good picks|value pick|decent buy|must buy|worth a buy|entry point|buy rating|raises target|\
         raise target price|target price raised|raises target price|up target price|re rated|re rating|good return|good returns|\
         star pick|star picks|like it|multi bagger|bullish bets|bet on|bets on|betting on|bet big on|bullish on|positive on|\
         postive on|overweight on|go long|looks good|looking good|looks attractive|looks promising|on the upside|\
         higher exposure|remains top|picks up stake|picks up # stake",
    ),
    polar(
        70,
        "^ like|^ prefer|^ recommend|^ favour|^ accumulate|^ pick|^ keep|^ expect an upmove|can touch|could touch|may touch|possible for|can reach|easily reach|can go up|buys stake|hikes stake|raises stake|ups stake|increases stake|buys # stake|buys # lakh shares|lakh shares|crore shares|buy back|share buyback|buyback|bonus issue|stake buy",
    ),
    polar(
        -100,
        "^ sell|sell rating|sell call|' sell|stay away|stay out|steer clear|say no|best to avoid|best to exit|should be avoided|\
         go short|would not take|don't buy|do not buy|don't get into|not overweight|cautious on|bearish on|negative on|not a buy|\
         step aside|exit now|fresh shorts|not an investment|cut target|cuts target|cuts target price|lowers target|\
         sell recommendation|not in favor|not in favour|put ipos on hold|walk out|red flag|^ avoid|^ exit|^ skip",
    ),
    polar(
        -40,
        "cuts stake|cut stake|sells stake|sold stake|cut shareholding|dumped stake|offloads stake",
    ),
    // Results against what was expected.
    polar(
        100,
        "above estimates|above expectations|above forecasts|better than expected|better than estimated|ahead of estimates|\
         ahead of expectations|ahead of forecast|ahead of its own target|beat estimates|beats estimates|beat expectations|beats expectations|\
         beats forecast|beat forecasts|tops estimates|topped estimates|top estimates|tops expectations|tops forecasts|beats street|\
         raised its outlook|raises outlook|raised its guidance|raises guidance|lifts guidance|lifts outlook|lifted its guidance|\
         lifted its outlook|raises forecast|raised its forecast|upgraded its outlook|swings to profit|swung to profit|swung to a profit|\
         turned to profit|turned to a profit|turns to profit|returned to profit|returns to profit|return to profit|turned profitable|\
         back to profits|back in black|back to black|moved into the black|back in the black|bear fruit|in the black|turns profitable|\
         turns around|turned around|game changer",
    ),
    polar(
        -100,
        "below estimates|below expectations|below forecasts|worse than expected|lower than expected|smaller than expected|\
         less than expected|weaker than expected|wider than expected|short of expectations|short of estimates|missed estimates|\
         misses estimates|missed expectations|misses expectations|profit warning|cuts outlook|cut its outlook|lowered its outlook|\
         lowers outlook|lowers guidance|lowered its guidance|cuts guidance|cut its guidance|cuts forecast|cut its forecast|\
         lowers forecast|lowered its forecast|swings to loss|swung to loss|swung to a loss|swings to a loss|turned to a loss|slipped into loss|\
         slips into loss|slip into losses|slipped into the red|fell into the red|turns to loss|files for bankruptcy|filed for bankruptcy|\
         no rebound|no sign of|loses momentum|lose momentum|lost momentum|momentum broken|takes toll|taking toll|\
         taking a toll|took a toll|takes a toll|weigh on|weighs on|weighed on|dragged down|drags down|pulls down|pull down|pulled down|brings down",
    ),
    // Staff.
    polar(
        -150,
        "lay off|lays off|laid off|laying off|lay offs|job cuts|job losses|staff cuts|cut its workforce|cuts workforce|cut jobs|\
         cuts jobs|slash jobs|reduce personnel|reduction of personnel|personnel reductions|reduce its personnel|temporary layoffs|\
         give notice|made redundant|make redundant|terminate the employment|loss of jobs|codetermination talks|\
         close its plant|close its factory|closing of the plant|close down|closes down|shutting down|to be closed",
    ),
    // Contracts.
    polar(
        90,
        "received an order|receives an order|receives order|received orders|received a order|received a contract|received contract|\
         received a major order|received a significant order|has received an order|wins order|wins orders|wins contract|wins contracts|wins a|\
         win order|win contract|order win|order wins|contract win|bags order|bags orders|bags contract|secured an order|secures order|secured a contract|\
         secured contract|awarded a contract|awarded contract|awarded the contract|awarded a|was awarded|been awarded|got an order|\
         landed a contract|landed an order|clinched a deal|selected as the supplier|selected as supplier|has been selected|\
         been chosen|was chosen|was selected|chosen as|won a|won an|won the|won orders|won contracts|won new|won its|largest order|biggest order|order worth|orders worth|\
         contract worth|strong order|record order|repeat order|follow on order|new order from|orders from",
    ),
    polar(
        60,
        "cost savings|energy savings|substantial savings|annual savings|significant savings|positive effect|look forward|looks forward|looking forward|positive impact|\
         positive contribution|strengthens our position|strengthen its position|strengthens its position|strengthen our position|\
         strengthened its position|improve profitability|rate cut|rate cuts|tax cut|tax cuts|tax relief|add value|add more value|\
         adds value|fast track|gain advantage|oversubscribed|fully subscribed|subscribed # times|back in demand|clean chit|\
         spectacular response|good response|overwhelming response|strong response|new jobs|creates jobs|create jobs|hire more|\
         reasonably priced|attractively valued|good quarter|solid quarter|good growth|growth opportunities|growth potential|market leader in",
    ),
    polar(
        -60,
        "rate hike|rate hikes|hike in rates|tax hike|negative effect|negative impact|adverse effect|adverse impact|bad debt|\
         price war|price erosion|price pressure|trade war|no significant growth|cost overruns|cost overrun|muted response|\
         poor response|cool response|thin trade|slow start|on hold|not good|not that good|class action|short seller|short sellers|\
         supply glut|bond sell off|way behind|pay damages|ordered to pay|failed to|fails to|fail to|temporarily suspended|\
         power outage|data breach|tread water|near term issues|to the loss of|under threat|lost jobs|lost market share|lost ground|keep away",
    ),
    class(
        UP | MOVES,
        "went up|goes up|go up|going up|gone up|picked up|pick up in|moved up|moves up|move up",
    ),
    class(
        DOWN | MOVES,
        "went down|goes down|go down|going down|gone down|came down|comes down",
    ),
    class(
        COMPARES,
        "while a year ago|a year ago it was|year earlier it was|a year earlier was|previous year was|year before it was|year earlier the figure was",
    ),
    polar(
        150,
        "upgraded to|upgraded to * from *|upgraded to * * from *|upgraded to * from * *|upgraded from * to *|raised to buy|raised to * from *",
    ),
    polar(
        -150,
        "downgraded to|downgraded to * from *|downgraded to * * from *|downgraded to * from * *|downgraded from * to *|cut to sell|cut to hold",
    ),
    polar(
        60,
        "capital gain|sales gain|biggest ever|largest ever|best ever|highest ever|% more|developed well|developing well|record high level|saves energy|save energy|saves money|save money|saves time|time savings|sold out|been granted|granted a licence",
    ),
    polar(
        -80,
        "remain below|remained below|remains below|fall short|fell short|was below|were below|below last year's|% fewer|% less|lack of|poor demand|weak demand|smaller than last year|stand still|not profitable|eats into|eat into|in vain|gave up its plans",
    ),
    List {
        entry: Entry {
            class: BAD | LOSES,
            polarity: -45,
            weight: 110,
            ..NOTHING
        },
        words: "net loss|operating loss|pretax loss|pre tax loss|loss before taxes|loss for the period|made a loss|net losses|operating losses|loss after tax|loss per share",
    },
    List {
        entry: Entry {
            class: GOOD | PROFITS,
            weight: 120,
            ..NOTHING
        },
        words: "operating profit|net profit|pretax profit|pre tax profit|gross profit|profit before taxes|profit before tax|profit after taxes|profit after tax|profit for the period|q1 profit|q2 profit|q3 profit|q4 profit|profit per share",
    },
    polar(25, "raises rs|raises $|raises eur|raises #"),
    class(
        CONCEDES,
        "due to|because of|owing to|as a result of|on account of|even as|even though|in spite of|even if|shrugs off|shrugging off|shrug off",
    ),
    class(
        DAMPS,
        "little changed|range bound|wait and watch|in a range|near flat",
    ),
    // Measures of several words.
    measure(
        BAD,
        90,
        "raw material prices|raw material costs|raw material price|input prices|input costs|fuel costs|fuel prices|jet fuel prices|\
         jet fuel price|staff costs|operating costs|operating expenses|interest expenses|interest costs|financing costs|energy prices|\
         energy costs|bad loans|loan losses|credit losses|non performing loans|non performing assets|tax burden|restructuring costs|\
         trade deficit|lead times|delivery times|time needed|vacancy rate|unemployment rate|jobless rate|jobless claims|scrap rate|\
         scrap rates|unit costs|annual costs|fixed costs|cost base|cost structure|net debt|lead time|churn rate|sick leave|\
         import curbs|job cuts|cost level",
    ),
    measure(
        GOOD,
        120,
        "operating income|net income|net interest income|\
         net result|operating result|return on capital employed|return on capital|return on equity|return on investment|\
         earnings per share|net earnings|pat margin|operating margin|profit margin|order book|order intake|order backlog|\
         cash flow|cash flow from operations|operating cash flow|\
         result before taxes|result for the period|",
    ),
    measure(
        GOOD,
        100,
        "subscriber base|customer base|client base|user base|capital adequacy ratio|capital adequacy|net sales|market share|market shares|load factor|equity ratio|solvency ratio|customer satisfaction|consumer confidence|\
         business confidence|market capitalisation|market capitalization|rental income|comparable sales|like for like sales|credit rating|\
         new orders|housing starts|industrial production|industrial output|retail sales|car sales|auto sales|housing sales|\
         building permits|price target|net asset|cash position|passenger traffic",
    ),
    measure(
        GOOD,
        130,
        "share price|share prices|stock price|market cap|spot demand|stock prices|shares of",
    ),
    measure(
        FLAT,
        0,
        "bond yield|bond yields|interest rate|interest rates|repo rate|policy rate|share capital|voting rights|own shares|\
         number of employees|number of shares|tax rate|stock options|tax free bonds|free bonds|nominal value|book value of the shares",
    ),
];
