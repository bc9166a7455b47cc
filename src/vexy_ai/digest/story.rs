//! What a digest says, from analyses as they are stored: counts, balance, and the stories that weigh most. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value as Json;

/// Tickers of one story that are named.
const TICKERS_MAX: usize = 3;

/// Of one stored analysis what a digest needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Analysed {
    pub uid: String,
    pub title: String,
    pub url: String,
    pub salience: u8,
    /// The uid of the first item of its story.
    pub cluster: String,
    /// Empty: none.
    pub event: String,
    pub label: String,
    pub tickers: Vec<String>,
    /// Seconds since 1970; 0 when nobody knows.
    pub published_ts: i64,
}

/// The fields that are read, in the order in which [`Analysed::read`] takes them.
pub const FIELDS: [&str; 8] = [
    "title",
    "url",
    "salience",
    "cluster",
    "event",
    "sentiment_label",
    "tickers",
    "published_ts",
];

impl Analysed {
    /// Reads the values of [`FIELDS`]; `None` when there is no analysis (any more).
    pub fn read(uid: &str, values: [Option<String>; 8]) -> Option<Analysed> {
        let [
            title,
            url,
            salience,
            cluster,
            event,
            label,
            tickers,
            published_ts,
        ] = values;
        let salience = salience?.parse().ok()?;
        Some(Analysed {
            uid: uid.to_owned(),
            title: title.unwrap_or_default(),
            url: url.unwrap_or_default(),
            salience,
            cluster: cluster
                .filter(|c| !c.is_empty())
                .unwrap_or_else(|| uid.to_owned()),
            event: event.unwrap_or_default(),
            label: label.unwrap_or_default(),
            tickers: symbols(&tickers.unwrap_or_default()),
            published_ts: published_ts.and_then(|ts| ts.parse().ok()).unwrap_or(0),
        })
    }
}

/// The symbols in the field `tickers`.
fn symbols(json: &str) -> Vec<String> {
    let Ok(Json::Array(all)) = serde_json::from_str(json) else {
        return Vec::new();
    };
    let symbol = |ticker: &Json| ticker["symbol"].as_str().map(str::to_owned);
    all.iter().filter_map(symbol).take(TICKERS_MAX).collect()
}

/// One story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// The item of it that weighs most.
    pub best: Analysed,
    /// Its items.
    pub items: usize,
}

/// What there is to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub items: usize,
    /// Stories that are new; each has the label of its best item.
    pub stories: usize,
    pub positive: usize,
    pub negative: usize,
    /// New stories by their event, the most frequent first.
    pub events: Vec<(String, usize)>,
    /// Those that weigh most.
    pub top: Vec<Story>,
}

impl Summary {
    /// From -1 (all bad) to 1 (all good).
    pub fn balance(&self) -> f64 {
        if self.stories == 0 {
            return 0.0;
        }
        (self.positive as f64 - self.negative as f64) / self.stories as f64
    }

    /// The symbols of the top stories, each once.
    pub fn tickers(&self) -> Vec<&str> {
        let mut all = Vec::new();
        for ticker in self.top.iter().flat_map(|story| &story.best.tickers) {
            if !all.contains(&ticker.as_str()) {
                all.push(ticker.as_str());
            }
        }
        all
    }
}

/// Sums up the analyses of a span. A story whose first item is not among them began before, and is none of the new ones;
/// `told` are those that a digest has named already (of one that was analysed once more, say).
pub fn sum_up(items: &[Analysed], told: &HashSet<String>, top: usize, min_salience: u8) -> Summary {
    let mut clusters: HashMap<&str, Vec<&Analysed>> = HashMap::new();
    for item in items {
        clusters.entry(&item.cluster).or_default().push(item);
    }
    let mut stories: Vec<Story> = Vec::new();
    for (cluster, items) in clusters {
        let is_new = items.iter().any(|item| item.uid == cluster) && !told.contains(cluster);
        // The heaviest, and of those the one that was first there.
        let best = items.iter().min_by_key(|item| {
            (
                u8::MAX - item.salience,
                item.uid != cluster,
                item.published_ts,
                &item.uid,
            )
        });
        if let (true, Some(best)) = (is_new, best) {
            stories.push(Story {
                best: (*best).clone(),
                items: items.len(),
            });
        }
    }
    stories.sort_by(|a, b| {
        let key = |s: &Story| {
            (
                u8::MAX - s.best.salience,
                usize::MAX - s.items,
                -s.best.published_ts,
            )
        };
        key(a)
            .cmp(&key(b))
            .then_with(|| a.best.uid.cmp(&b.best.uid))
    });
    let mut events: BTreeMap<&str, usize> = BTreeMap::new();
    for story in stories.iter().filter(|story| !story.best.event.is_empty()) {
        *events.entry(&story.best.event).or_default() += 1;
    }
    let mut events: Vec<(String, usize)> = events
        .into_iter()
        .map(|(event, n)| (event.to_owned(), n))
        .collect();
    events.sort_by_key(|(_, n)| usize::MAX - n);
    let labelled = |label: &str| stories.iter().filter(|s| s.best.label == label).count();
    Summary {
        items: items.len(),
        stories: stories.len(),
        positive: labelled("positive"),
        negative: labelled("negative"),
        events,
        top: stories
            .into_iter()
            .filter(|story| story.best.salience >= min_salience)
            .take(top)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(uid: &str, cluster: &str, salience: u8, label: &str) -> Analysed {
        Analysed {
            uid: uid.to_owned(),
            cluster: cluster.to_owned(),
            salience,
            label: label.to_owned(),
            event: if salience > 50 { "earnings" } else { "" }.to_owned(),
            ..Analysed::default()
        }
    }

    fn uids(summary: &Summary) -> Vec<(&str, usize)> {
        summary
            .top
            .iter()
            .map(|s| (s.best.uid.as_str(), s.items))
            .collect()
    }

    #[test]
    fn a_story_counts_once_by_its_heaviest_item() {
        let items = [
            item("a", "a", 60, "positive"),
            item("a2", "a", 60, "negative"),
            item("a3", "a", 50, "negative"),
            item("b", "b", 90, "negative"),
            item("c", "c", 30, "neutral"),
            item("d", "d", 60, "positive"),
            // Of a story that began before.
            item("e2", "e", 99, "positive"),
        ];
        let summary = sum_up(&items, &HashSet::new(), 5, 40);
        assert_eq!(uids(&summary), [("b", 1), ("a", 3), ("d", 1)]);
        assert_eq!((summary.items, summary.stories), (7, 4));
        assert_eq!((summary.positive, summary.negative), (2, 1));
        assert_eq!(summary.balance(), 0.25);
        assert_eq!(summary.events, [("earnings".to_owned(), 3)]);
        assert_eq!(uids(&sum_up(&items, &HashSet::new(), 1, 40)), [("b", 1)]);
        assert_eq!(uids(&sum_up(&items, &HashSet::new(), 5, 91)), []);
        // What was named already is no news, and neither is it counted.
        let told = HashSet::from(["b".to_owned()]);
        let summary = sum_up(&items, &told, 5, 40);
        assert_eq!((uids(&summary)[0], summary.stories), (("a", 3), 3));
        let none = sum_up(&[], &told, 5, 40);
        assert_eq!((none.balance(), none), (0.0, Summary::default()));
    }

    #[test]
    fn what_is_stored_is_read_and_what_is_none_is_left_out() {
        let values = |salience: Option<&str>, tickers: &str| {
            [
                Some("T".into()),
                None,
                salience.map(str::to_owned),
                Some(String::new()),
                None,
                Some("neutral".into()),
                Some(tickers.into()),
                Some("5".into()),
            ]
        };
        let tickers = r#"[{"symbol":"A"},{"rule":"x"},{"symbol":7},{"symbol":"B"}]"#;
        let read = Analysed::read("u", values(Some("70"), tickers)).expect("one");
        assert_eq!((read.cluster.as_str(), read.salience), ("u", 70));
        assert_eq!(read.tickers, ["A", "B"]);
        for bad in [None, Some(""), Some("300"), Some("x")] {
            assert_eq!(Analysed::read("u", values(bad, tickers)), None);
        }
        for bad in ["", "{}", "[", "[1]"] {
            assert!(
                Analysed::read("u", values(Some("1"), bad))
                    .expect("one")
                    .tickers
                    .is_empty()
            );
        }
    }
}
