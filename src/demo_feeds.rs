//! Generated feeds for a newcomer without a network. Nothing in them is true, and every title says so.
//!
//! Which items exist is a function of the time alone: item `n` of a feed appears at `n × period`. A demo that is
//! restarted goes on where it would be, and whoever reads it can prove that none was lost or repeated: the numbers
//! follow each other.

use serde_json::{Value, json};

/// Items that a document lists: an outage of so many periods loses nothing.
const LISTED: i64 = 60;

/// One feed of the demo.
#[derive(Clone, Copy, Debug)]
pub struct DemoFeed {
    pub id: &'static str,
    pub path: &'static str,
    pub category: &'static str,
    pub period_sec: i64,
    format: Format,
    /// Who the news is about, and what it is. `{who}`, `{n}` and `{m}` (`m` above `n`) are filled in.
    subjects: &'static [&'static str],
    stories: &'static [Words],
}

/// Title and text of a story.
type Words = (&'static str, &'static str);

#[derive(Clone, Copy, Debug)]
enum Format {
    Rss,
    Atom,
    Json,
    Rdf,
}

/// All of them: each speaks another format.
pub const FEEDS: [DemoFeed; 4] = [
    DemoFeed {
        id: "demo-fx",
        path: "/demo/fx.rss",
        category: "fx",
        period_sec: 3,
        format: Format::Rss,
        subjects: &[
            "Demo crown",
            "Demo franc",
            "Demo mark",
            "Demo peso",
            "Demo dinar",
        ],
        stories: &[
            (
                "{who} gains 0.{n}% after strong export data",
                "The {who} rose 0.{n}% against the dollar in demo trading. Exports grew {m}% in the month.",
            ),
            (
                "{who} flat before the fixing",
                "The {who} was little changed at {m}.{n} ahead of the demo fixing.",
            ),
            (
                "{who} slides to its weakest in {n} months",
                "The {who} fell 0.{m}% and hit its lowest level in {n} months as investors sold risky assets.",
            ),
        ],
    },
    DemoFeed {
        id: "demo-earnings",
        path: "/demo/earnings.atom",
        category: "earnings",
        period_sec: 5,
        format: Format::Atom,
        subjects: &[
            "Example Corp (NASDAQ: DEMO1)",
            "Sample & Sons (NYSE: DEMO2)",
            "Placeholder AG",
            "Fictional Industries",
            "Imaginary Foods",
            "Pretend Motors",
            "Makebelieve Media",
        ],
        stories: &[
            (
                "{who} quarterly profit rises {n}%, beats estimates",
                "{who} said its net profit rose {n}% in the quarter. Sales grew to {m} million from {n} million a year earlier.",
            ),
            (
                "{who} cuts its full-year outlook as orders fall {m}%",
                "{who} lowered its guidance for the year. Orders fell {m}% in the quarter, and operating profit decreased by {n}%.",
            ),
            (
                "{who} to buy back shares worth {m} million",
                "The board of {who} approved a share repurchase of up to {m} million over {n} months.",
            ),
            (
                "{who} swings to a loss of {n} million",
                "{who} reported a net loss of {n} million, compared with a profit of {m} million a year ago.",
            ),
        ],
    },
    DemoFeed {
        id: "demo-rates",
        path: "/demo/rates.json",
        category: "rates",
        period_sec: 7,
        format: Format::Json,
        subjects: &[
            "Demo central bank",
            "Sample central bank",
            "Example central bank",
        ],
        stories: &[
            (
                "{who} holds its rate at {n}.{m}%",
                "The {who} left its key interest rate unchanged at {n}.{m}%, as expected.",
            ),
            (
                "{who} cuts its rate by {m} basis points",
                "The {who} lowered its key rate by {m} basis points as inflation eased to {n}%.",
            ),
            (
                "Inflation rises to {n}.{m}%, {who} says",
                "Consumer prices rose {n}.{m}% from a year earlier, the {who} said, up from {n}% in the month before.",
            ),
        ],
    },
    DemoFeed {
        id: "demo-filings",
        path: "/demo/filings.rdf",
        category: "filings",
        period_sec: 11,
        format: Format::Rdf,
        subjects: &[
            "Example Corp",
            "Sample & Sons",
            "Placeholder AG",
            "Pretend Motors",
        ],
        stories: &[
            ("{who} agrees to buy rival for {m} million", ""),
            ("{who} names new chief executive after {n} years", ""),
            (
                "Regulator fines {who} {m} million over {n} demo filings",
                "",
            ),
        ],
    },
];

/// A document as it is at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    pub content_type: &'static str,
    /// Changes with every item.
    pub etag: String,
    pub body: String,
}

struct DemoItem {
    number: i64,
    title: String,
    text: String,
    link: String,
    ts: i64,
}

/// What stands at `path` at `now_ts`.
pub fn serve(path: &str, now_ts: i64) -> Option<Served> {
    let feed = FEEDS.iter().find(|feed| feed.path == path)?;
    let newest = now_ts.div_euclid(feed.period_sec);
    let items: Vec<DemoItem> = (newest - LISTED + 1..=newest)
        .rev()
        .map(|n| feed.item(n))
        .collect();
    let (content_type, body) = match feed.format {
        Format::Rss => ("application/rss+xml", rss(feed, &items)),
        Format::Atom => ("application/atom+xml", atom(feed, &items)),
        Format::Json => ("application/feed+json", json_feed(feed, &items)),
        Format::Rdf => ("application/rdf+xml", rdf(feed, &items)),
    };
    Some(Served {
        content_type,
        etag: format!("\"{}-{newest}\"", feed.id),
        body,
    })
}

/// Puts the demo feeds, served at this port of loopback, in the place of a truth's own.
pub fn into_truth(truth: &mut Value, port: u16) {
    let rss_agg = &mut truth["services"]["rss_agg"];
    rss_agg["feeds"] = FEEDS
        .iter()
        .map(|feed| {
            let url = format!("http://127.0.0.1:{port}{}", feed.path);
            json!({"id": feed.id, "url": url, "category": feed.category})
        })
        .collect();
    rss_agg["schedule"] = json!({"interval_sec": 2, "min_sec": 1});
    rss_agg["limits"]["allow_hosts"] = json!([format!("127.0.0.1:{port}")]);
    rss_agg["limits"]["per_host_rps"] = json!(20);
}

impl DemoFeed {
    fn item(&self, number: i64) -> DemoItem {
        let (stories, subjects) = (self.stories.len() as i64, self.subjects.len() as i64);
        let (title, text) = self.stories[number.rem_euclid(stories) as usize];
        let who = self.subjects[number.div_euclid(stories).rem_euclid(subjects) as usize];
        // So that a story seldom comes again as it was.
        let n = number.rem_euclid(7) + 2;
        let m = number.rem_euclid(83) + 11;
        let told = |words: &str| {
            let numbered = words
                .replace("{n}", &n.to_string())
                .replace("{m}", &m.to_string());
            numbered.replace("{who}", who)
        };
        DemoItem {
            number,
            title: format!("DEMO {number}: {}", told(title)),
            text: told(text),
            link: format!("https://demo.invalid/{}/{number}", self.id),
            ts: number * self.period_sec,
        }
    }

    fn title(&self) -> String {
        format!("Demo feed: {}", self.category)
    }
}

fn rss(feed: &DemoFeed, items: &[DemoItem]) -> String {
    let mut out = format!(
        "<?xml version=\"1.0\"?>\n<rss version=\"2.0\"><channel><title>{}</title><link>https://demo.invalid/</link>\
         <description>Generated</description>\n",
        feed.title()
    );
    for item in items {
        let date = jiff::Timestamp::from_second(item.ts).unwrap_or_default();
        out += &format!(
            "<item><guid isPermaLink=\"false\">{}-{}</guid><title>{}</title><link>{}</link><pubDate>{}</pubDate>\
             <description>&lt;p&gt;{}&lt;/p&gt;</description></item>\n",
            feed.id,
            item.number,
            escaped(&item.title),
            item.link,
            date.strftime("%a, %d %b %Y %H:%M:%S GMT"),
            escaped(&escaped(&item.text))
        );
    }
    out + "</channel></rss>\n"
}

fn atom(feed: &DemoFeed, items: &[DemoItem]) -> String {
    let newest_ts = items.first().map_or(0, |item| item.ts);
    let mut out = format!(
        "<?xml version=\"1.0\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\"><title>{}</title>\
         <id>tag:demo.invalid,2026:{}</id><updated>{}</updated>\n",
        feed.title(),
        feed.id,
        crate::clock::rfc3339(newest_ts)
    );
    for item in items {
        let date = crate::clock::rfc3339(item.ts);
        out += &format!(
            "<entry><id>tag:demo.invalid,2026:{}/{}</id><title>{}</title><link href=\"{}\"/><published>{date}</published>\
             <updated>{date}</updated><summary>{}</summary></entry>\n",
            feed.id,
            item.number,
            escaped(&item.title),
            item.link,
            escaped(&item.text)
        );
    }
    out + "</feed>\n"
}

fn json_feed(feed: &DemoFeed, items: &[DemoItem]) -> String {
    let items: Vec<Value> = items
        .iter()
        .map(|item| {
            json!({
                "id": format!("{}-{}", feed.id, item.number),
                "url": item.link,
                "title": item.title,
                "content_text": item.text,
                "date_published": crate::clock::rfc3339(item.ts),
            })
        })
        .collect();
    json!({"version": "https://jsonfeed.org/version/1.1", "title": feed.title(), "items": items})
        .to_string()
}

fn rdf(feed: &DemoFeed, items: &[DemoItem]) -> String {
    let mut out = format!(
        "<?xml version=\"1.0\"?>\n<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" \
         xmlns=\"http://purl.org/rss/1.0/\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\
         <channel><title>{}</title><link>https://demo.invalid/</link></channel>\n",
        feed.title()
    );
    for item in items {
        out += &format!(
            "<item rdf:about=\"{0}\"><title>{1}</title><link>{0}</link><dc:date>{2}</dc:date></item>\n",
            item.link,
            escaped(&item.title),
            crate::clock::rfc3339(item.ts)
        );
    }
    out + "</rdf:RDF>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::document::{Context, Document};
    use crate::feed::identity::identify;
    use crate::feed::normalise::Normaliser;
    use crate::rss_agg::config::Config;
    use crate::sections::SCHEMAS;
    use crate::truth::{Defaults, Rules, Truth};

    const NOW: i64 = 1_795_558_200;

    fn titles(feed: &DemoFeed, now_ts: i64) -> Vec<String> {
        let served = serve(feed.path, now_ts).expect("served");
        let document = Document::decode(served.body.as_bytes(), Some(served.content_type));
        let context = Context {
            url: "http://127.0.0.1/",
            max_items: 2000,
        };
        let parsed = document.parse(context).expect("a feed");
        assert!(
            parsed.whole && parsed.repairs.is_empty(),
            "{}: {:?}",
            feed.id,
            parsed.repairs
        );
        let identities = identify(feed.id, &parsed);
        let mut normaliser = Normaliser::new(&parsed, feed.id, crate::clock::Mono::default);
        let items = parsed.entries.iter().zip(&identities);
        items
            .map(|(entry, identity)| {
                let item = normaliser.item(entry, identity, now_ts);
                assert_eq!(item.published_supplied, None, "{item:?}");
                item.title.expect("a title")
            })
            .collect()
    }

    #[test]
    fn every_feed_is_one_without_repairs_and_grows_by_one_item_each_period() {
        for feed in &FEEDS {
            let (before, after) = (titles(feed, NOW), titles(feed, NOW + feed.period_sec));
            assert_eq!(before.len(), LISTED as usize, "{}", feed.id);
            assert_eq!(before[..before.len() - 1], after[1..]);
            assert!(after[0].starts_with("DEMO "), "{}", after[0]);
        }
        assert_eq!(serve("/", NOW), None);
    }

    #[test]
    fn a_truth_with_the_demo_is_valid_and_names_its_feeds() {
        let mut truth = json!({"services": {"rss_agg": {"heartbeat": {}, "feeds": [{"id": "x", "url": "https://x/"}]}}});
        into_truth(&mut truth, 8099);
        let truth = Truth::parse(
            truth.to_string().as_bytes(),
            Rules::strict(Defaults::default(), SCHEMAS),
        );
        let config = Config::from_truth(&truth.expect("valid")).expect("readable");
        let ids: Vec<&str> = config.feeds.iter().map(|feed| feed.id.as_str()).collect();
        assert_eq!(ids, FEEDS.map(|feed| feed.id));
        assert!(config.guard.allows_name("127.0.0.1", 8099));
    }
}
