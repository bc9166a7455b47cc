//! How much an article matters, 0 to 100: points for what it says, less for what is no news and what is old.
//!
//! All parts are whole points, each of them a reason; their sum is the score. Only the best go to a model.

use compact_str::CompactString;

use super::text::{Kind, Text};
use super::{Event, Findings, Place, Reason};

/// Points of sentiment, at -1 or 1.
const SENTIMENT: f64 = 15.0;
/// Points of the first ticker, and of each further one up to [`TICKERS_MAX`].
const FIRST_TICKER: f64 = 6.0;
const NEXT_TICKER: f64 = 2.0;
const TICKERS_MAX: f64 = 10.0;
/// Points of a ticker that is watched.
const WATCHED: f64 = 10.0;
/// Points of a change of [`PERCENT_FULL`] percent or more.
const PERCENT: f64 = 10.0;
const PERCENT_FULL: f64 = 50.0;
/// Points of a feed with the weight 1.
const FEED: f64 = 15.0;
/// The weight of a feed that nobody weighed.
pub const FEED_DEFAULT: f64 = 0.5;
/// What is left of the points of an article that is like one before it.
const REPEATED: f64 = 0.3;
/// An article is fresh for an hour, then has half of its points after each half day.
const FRESH_SEC: i64 = 3600;
const HALF_LIFE_SEC: f64 = 12.0 * 3600.0;
/// Parts of a score.
const PARTS_MAX: usize = 8;
/// Sentences in which a percentage counts.
const SENTENCES_MAX: usize = 3;

/// What the score depends on besides the article.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances<'a> {
    /// The weight of its feed, else of the feed's category, 0 to 1.
    pub feed_weight: Option<f64>,
    /// Tickers that are watched.
    pub watch: &'a [String],
    /// Another article of its cluster came before it.
    pub repeated: bool,
    /// Its age in seconds, when it is known when it was published.
    pub age_sec: Option<i64>,
}

/// The score, and what it is made of.
pub fn score(findings: &Findings, circumstances: &Circumstances) -> (u8, Vec<Reason>) {
    let mut parts: Vec<(&'static str, CompactString, f64)> = Vec::with_capacity(PARTS_MAX);
    if let Some(event) = findings.event {
        parts.push(("event", event.as_str().into(), points_of(event)));
    }
    let sentiment = SENTIMENT * findings.sentiment.abs().min(1.0);
    parts.push(("sentiment", findings.label.as_str().into(), sentiment));
    if let Some(more) = findings.tickers.len().checked_sub(1) {
        let mut symbols = CompactString::default();
        for ticker in findings.tickers.iter().take(3) {
            if !symbols.is_empty() {
                symbols.push(' ');
            }
            symbols.push_str(&ticker.symbol);
        }
        let points = FIRST_TICKER + NEXT_TICKER * more as f64;
        parts.push(("tickers", symbols, points.min(TICKERS_MAX)));
    }
    let watched = |t: &&super::Ticker| {
        circumstances
            .watch
            .iter()
            .any(|watched| *watched == t.symbol)
    };
    if let Some(ticker) = findings.tickers.iter().find(watched) {
        parts.push(("watch", ticker.symbol.clone(), WATCHED));
    }
    if findings.percent > 0.0 {
        let share = (1.0 + findings.percent).ln() / (1.0 + PERCENT_FULL).ln();
        parts.push((
            "percent",
            compact_str::format_compact!("{} %", findings.percent),
            PERCENT * share.min(1.0),
        ));
    }
    let feed = circumstances
        .feed_weight
        .filter(|w| w.is_finite())
        .unwrap_or(FEED_DEFAULT);
    parts.push((
        "feed",
        CompactString::default(),
        FEED * feed.clamp(0.0, 1.0),
    ));
    parts
        .iter_mut()
        .for_each(|(_, _, points)| *points = points.round());

    let mut sum: f64 = parts.iter().map(|(.., points)| points).sum();
    if circumstances.repeated {
        let less = (sum * (REPEATED - 1.0)).round();
        sum += less;
        parts.push(("novelty", CompactString::default(), less));
    }
    let age = circumstances.age_sec.unwrap_or(0).saturating_sub(FRESH_SEC);
    if age > 0 {
        let less = (sum * (0.5_f64.powf(age as f64 / HALF_LIFE_SEC) - 1.0)).round();
        sum += less;
        parts.push(("age", CompactString::default(), less));
    }
    let reasons = parts.into_iter().filter(|(.., points)| *points != 0.0);
    let reasons = reasons.map(|(rule, words, weight)| Reason {
        part: "salience",
        rule,
        words,
        weight,
        place: Place::Outside,
    });
    (sum.clamp(0.0, 100.0) as u8, reasons.collect())
}

fn points_of(event: Event) -> f64 {
    match event {
        Event::Bankruptcy | Event::MAndA => 40.0,
        Event::Guidance => 36.0,
        Event::Earnings | Event::LegalRegulatory | Event::CentralBank => 32.0,
        Event::MacroData | Event::Layoffs => 30.0,
        Event::Management | Event::AnalystRating | Event::IpoOffering | Event::Product => 26.0,
        Event::Dividend | Event::Buyback => 22.0,
        Event::MarketMove | Event::Insider => 16.0,
        Event::Other => 4.0,
    }
}

/// The largest percentage that the title or one of the first sentences names; 0 where there is none.
pub fn largest_percent(text: &Text) -> f64 {
    let mut largest: f64 = 0.0;
    for sentence in text.sentences().iter().take(SENTENCES_MAX) {
        for pair in text.tokens_of(sentence).windows(2) {
            let percent = match pair[1].kind {
                Kind::Sign => text.word(&pair[1]) == "%",
                Kind::Word => matches!(text.lower(&pair[1]), "percent" | "pct" | "pc" | "per"),
                _ => false,
            };
            if let (true, Some(value)) = (percent, text.number(&pair[0])) {
                largest = largest.max(value);
            }
        }
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vexy_ai::local::{Article, Label, Ticker};
    use proptest::prelude::*;

    fn ticker(symbol: &str) -> Ticker {
        Ticker {
            symbol: symbol.into(),
            name: None,
            rule: "cashtag",
        }
    }

    fn takeover() -> Findings {
        Findings {
            event: Some(Event::MAndA),
            sentiment: 0.6,
            label: Label::Positive,
            tickers: vec![ticker("X"), ticker("CLF")],
            percent: 20.0,
            ..Findings::default()
        }
    }

    #[test]
    fn each_part_is_told() {
        let watch = ["CLF".to_owned()];
        let circumstances = Circumstances {
            feed_weight: Some(1.0),
            watch: &watch,
            ..Circumstances::default()
        };
        let (score, why) = score(&takeover(), &circumstances);
        let parts: Vec<_> = why
            .iter()
            .map(|r| (r.rule, r.words.as_str(), r.weight))
            .collect();
        assert_eq!(
            parts,
            [
                ("event", "m_and_a", 40.0),
                ("sentiment", "positive", 9.0),
                ("tickers", "X CLF", 8.0),
                ("watch", "CLF", 10.0),
                ("percent", "20 %", 8.0),
                ("feed", "", 15.0),
            ]
        );
        assert_eq!(score, 90);
    }

    #[test]
    fn what_is_known_or_old_matters_less() {
        let at = |repeated, age_sec| {
            let circumstances = Circumstances {
                repeated,
                age_sec,
                ..Circumstances::default()
            };
            score(&takeover(), &circumstances).0
        };
        assert_eq!(at(false, None), 73);
        assert_eq!(at(false, Some(FRESH_SEC)), 73);
        assert_eq!(at(true, None), 22);
        assert_eq!(at(false, Some(FRESH_SEC + 12 * 3600)), 36);
        assert_eq!(at(true, Some(i64::MAX)), 0);
        // A date in the future is no merit.
        assert_eq!(at(false, Some(i64::MIN)), 73);
    }

    #[test]
    fn the_largest_percentage_counts() {
        let of = |title| {
            largest_percent(&Text::new(&Article {
                title,
                ..Article::default()
            }))
        };
        assert_eq!(of("Shares fall 3.5% after sales drop 12 percent"), 12.0);
        assert_eq!(of("Shares fall to 35"), 0.0);
    }

    proptest! {
        #[test]
        fn the_reasons_add_up_to_the_score(
            event in proptest::option::of(0..Event::ALL.len()),
            sentiment in -1.0..=1.0,
            tickers in 0..30_usize,
            percent in 0.0..1e9,
            feed_weight in proptest::option::of(-1.0..2.0),
            watched in any::<bool>(),
            repeated in any::<bool>(),
            age_sec in proptest::option::of(any::<i64>()),
        ) {
            let findings = Findings {
                event: event.map(|at| Event::ALL[at]),
                sentiment,
                tickers: (0..tickers).map(|n| ticker(&format!("T{n}"))).collect(),
                percent,
                ..Findings::default()
            };
            let watch = if watched { vec!["T0".to_owned()] } else { Vec::new() };
            let circumstances = Circumstances { feed_weight, watch: &watch, repeated, age_sec };
            let (score, why) = score(&findings, &circumstances);
            prop_assert!(score <= 100);
            prop_assert_eq!(f64::from(score), why.iter().map(|r| r.weight).sum::<f64>());
        }
    }
}
