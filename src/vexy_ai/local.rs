//! The local analyser: an article goes in, what it says and why comes out. Pure: no clock, no bus, no model.

pub mod by_hash;
pub mod companies;
pub mod events;
pub mod language;
pub mod lookup;
pub mod names;
pub mod near;
pub mod salience;
pub mod sentiment;
pub mod summary;
pub mod text;

use compact_str::CompactString;
use companies::Companies;
use events::Events;
use language::Languages;
use names::Names;
use near::Sketch;
use sentiment::Sentiments;
use summary::Summaries;
use text::{Kind, Text};

/// What names the rules in force; a result by older rules is made anew.
pub const METHOD: &str = "local/1";

/// Bytes of title and text together that are read; the rest is left out.
pub const TEXT_MAX: usize = 32 * 1024;

/// One item as it is analysed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Article<'a> {
    pub title: &'a str,
    /// Summary and content, as plain text.
    pub text: &'a str,
    /// The language that the feed declares (`en-US`).
    pub language: Option<&'a str>,
    pub feed: &'a str,
    pub category: &'a str,
    pub url: &'a str,
    /// Seconds since 1970; 0 when nobody knows.
    pub published_ts: i64,
}

/// What the rules found in one article, before it is compared with others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// ISO 639-1, `und` when nobody can tell.
    pub language: &'static str,
    /// What told it: `declared`, `text`, `words`, `none`.
    pub language_by: &'static str,
    /// Whole sentences of the article, in their order.
    pub summary: String,
    /// -1 (bad) to 1 (good).
    pub sentiment: f64,
    pub label: Label,
    /// The event that the article is about, if any.
    pub event: Option<Event>,
    /// All events that it names, the best first.
    pub events: Vec<Event>,
    pub tickers: Vec<Ticker>,
    /// The largest percentage in its title and first sentences; 0 where there is none.
    pub percent: f64,
    /// 32 MinHash values of its pairs of words; `None` when there are too few to compare.
    pub signature: Option<Signature>,
    /// What led to each of these, in the order in which it was found.
    pub why: Vec<Reason>,
}

/// 32 MinHash values (Broder 1997).
pub type Signature = [u32; 32];

/// A sentiment in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Label {
    Positive,
    #[default]
    Neutral,
    Negative,
}

/// What an article can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    Earnings,
    Guidance,
    MAndA,
    AnalystRating,
    Dividend,
    Buyback,
    IpoOffering,
    Layoffs,
    Management,
    LegalRegulatory,
    Bankruptcy,
    Product,
    CentralBank,
    MacroData,
    MarketMove,
    Insider,
    Other,
}

/// A company's sign on an exchange, and what in the text led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticker {
    pub symbol: CompactString,
    /// The company, when the list of companies names it.
    pub name: Option<CompactString>,
    /// `cashtag`, `exchange`, `suffix`, `symbol`, `name`, `name+evidence`.
    pub rule: &'static str,
}

/// One word or rule that weighed.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// Which result it led to: `language`, `sentiment`, `event`, `ticker`, `cluster`, `salience`.
    pub part: &'static str,
    /// The rule, as the README names it.
    pub rule: &'static str,
    /// The words of the article.
    pub words: CompactString,
    /// What it adds to the part's score before the score is bounded.
    pub weight: f64,
    /// `title`, or the sentence's number from 0.
    pub place: Place,
}

/// Where in an article.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Title,
    Sentence(u16),
    /// Not in the text: the feed, its age, its neighbours.
    Outside,
}

/// What of the truth the analyser goes by.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Characters of a summary at most.
    pub summary_chars: usize,
}

/// The rules and all their words, made ready once; threads share it.
#[derive(Debug)]
pub struct Analyser {
    names: Names,
    events: Events,
    languages: Languages,
    sentiments: Sentiments,
    summaries: Summaries,
}

impl Analyser {
    /// Takes some milliseconds.
    pub fn new(companies: Companies) -> Analyser {
        Analyser {
            names: Names::new(companies),
            events: Events::new(),
            languages: Languages::default(),
            sentiments: Sentiments::default(),
            summaries: Summaries::default(),
        }
    }

    /// What the rules find in `article`; the same each time. Of a longer article than [`TEXT_MAX`] the rest is not read.
    pub fn analyse(&self, article: &Article, options: &Options) -> Findings {
        let text = Text::new(article);
        let marked = self.sentiments.mark(&text);
        let (language, language_by) = self.languages.of(&text, article.language, marked.ours);
        let is_english = language == "en";
        let (tickers, why) = self.names.find(&text, !is_english);
        let mut found = Findings {
            language,
            language_by,
            summary: self.summaries.of(&text, options.summary_chars),
            tickers,
            percent: salience::largest_percent(&text),
            signature: signature(&text),
            why,
            ..Findings::default()
        };
        // The words of our lists mean something else in other languages.
        if is_english {
            let (events, reasons) = self.events.find(&text);
            found.event = events.first().copied();
            found.events = events;
            found.why.extend(reasons);
            (found.sentiment, found.label) = self.sentiments.of(&text, marked, &mut found.why);
        }
        found
    }
}

/// The signature of an article, by its words and numbers; what is told twice in it counts once.
fn signature(text: &Text) -> Option<Signature> {
    let mut sketch = Sketch::default();
    for sentence in text.sentences().iter().filter(|s| !s.repeated) {
        for token in text.tokens_of(sentence) {
            if matches!(
                token.kind,
                Kind::Word | Kind::Number | Kind::Cashtag | Kind::Dotted
            ) {
                sketch.word(token.hash);
            }
        }
    }
    sketch.finish()
}

impl Label {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Label::Positive => "positive",
            Label::Neutral => "neutral",
            Label::Negative => "negative",
        }
    }
}

impl Event {
    /// All of them, in the order of precedence of the README.
    pub const ALL: [Event; 17] = [
        Event::Earnings,
        Event::Guidance,
        Event::MAndA,
        Event::AnalystRating,
        Event::Dividend,
        Event::Buyback,
        Event::IpoOffering,
        Event::Layoffs,
        Event::Management,
        Event::LegalRegulatory,
        Event::Bankruptcy,
        Event::Product,
        Event::CentralBank,
        Event::MacroData,
        Event::MarketMove,
        Event::Insider,
        Event::Other,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Event::Earnings => "earnings",
            Event::Guidance => "guidance",
            Event::MAndA => "m_and_a",
            Event::AnalystRating => "analyst_rating",
            Event::Dividend => "dividend",
            Event::Buyback => "buyback",
            Event::IpoOffering => "ipo_offering",
            Event::Layoffs => "layoffs",
            Event::Management => "management",
            Event::LegalRegulatory => "legal_regulatory",
            Event::Bankruptcy => "bankruptcy",
            Event::Product => "product",
            Event::CentralBank => "central_bank",
            Event::MacroData => "macro_data",
            Event::MarketMove => "market_move",
            Event::Insider => "insider",
            Event::Other => "other",
        }
    }
}
