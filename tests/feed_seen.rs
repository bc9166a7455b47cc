//! Exactly once, on the pure core: whatever a feed does to its items' order, dates and links, each is new once.

use std::collections::HashMap;

use marketswarm::feed::document::{Context, Document};
use marketswarm::feed::identity::{Key, identify};
use marketswarm::feed::seen::{Candidate, Mark, Poll, Seen, Verdict};

const ITEMS: usize = 50;

/// The feed as one poll finds it: in another order, with other dates and other tracking parameters.
fn listing(random: &mut fastrand::Rng, poll: usize) -> String {
    let mut order: Vec<usize> = (0..ITEMS).collect();
    random.shuffle(&mut order);
    let mut feed = String::from("<rss version='2.0'><channel><title>T</title>");
    for n in order {
        let campaign = random.u32(..);
        let tracked = format!(
            "https://example.org/story/{n}/?id={n}&amp;utm_source=rss&amp;utm_campaign={campaign}"
        );
        let fragment = if random.bool() {
            format!("#xtor=RSS-{campaign}")
        } else {
            String::new()
        };
        let scheme = if random.bool() { "http" } else { "https" };
        let identity = match n % 4 {
            0 => format!("<guid isPermaLink='false'>id-{n}</guid><link>{tracked}</link>"),
            1 => format!("<guid>{tracked}</guid>"),
            2 => format!(
                "<link>{}{fragment}</link>",
                tracked.replacen("https", scheme, 1)
            ),
            _ => String::new(),
        };
        let day = random.u32(1..29);
        let year = 2000 + poll % 26;
        feed.push_str(&format!(
            "<item>{identity}<title>Story {n}</title><description>&lt;p&gt;Text {n}&lt;/p&gt;</description>\
             <pubDate>{day} Jan {year} 0{}:00:00 GMT</pubDate></item>",
            random.u32(0..10)
        ));
    }
    feed + "</channel></rss>"
}

#[test]
fn a_thousand_polls_of_fifty_items_queue_exactly_fifty() {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(7);
    eprintln!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut store: HashMap<Key, Mark> = HashMap::new();
    let (mut clock, mut complete_ts) = (0, None);
    let (mut queued, mut updated) = (0, 0);
    for poll in 0..1_000 {
        let mut body = listing(&mut random, poll);
        if poll % 10 == 9 {
            body.truncate(random.usize(200..body.len()));
        }
        let document = Document::decode(body.as_bytes(), None);
        let parsed = document
            .parse(Context {
                url: "https://example.org/rss",
                max_items: 2_000,
            })
            .expect("a feed");
        let identities = identify("feed", &parsed);
        // The marks come from the store each time, as after a restart.
        let seen = Seen::new(store.clone(), clock, complete_ts);
        let now_ts = 1_700_000_000 + i64::try_from(poll).expect("small") * 3_600;
        let terms = Poll {
            now_ts,
            complete: parsed.lists_everything(),
            first_items: None,
        };
        let plan = seen.plan(&identities, terms, |_| Candidate {
            published_ts: 0,
            dropped: false,
        });
        queued += plan
            .verdicts
            .iter()
            .filter(|verdict| **verdict == Verdict::New { queue: true })
            .count();
        updated += plan
            .verdicts
            .iter()
            .filter(|verdict| matches!(verdict, Verdict::Updated { .. }))
            .count();
        store.extend(plan.put);
        for uid in &plan.remove {
            store.remove(uid);
        }
        (clock, complete_ts) = (plan.absence_clock_sec, plan.complete_ts);
    }
    assert_eq!((queued, updated), (ITEMS, 0));
    assert_eq!(store.len(), ITEMS);
}
