use super::*;
use crate::reports::feeds::Feeds;
use crate::reports::market::Market;
use crate::reports::mesh::Works;
use crate::reports::truth::{Change, Document, Entry, How};
use crate::rss_agg::record::{Health, Record};
use crate::swarm_state::registry::Registry;

fn texts(row: &[Cell]) -> Vec<&str> {
    row.iter().map(|cell| cell.text.as_str()).collect()
}

#[test]
fn where_nothing_was_written_the_page_says_so() {
    let remarks = |sheet: &Sheet| sheet.remarks.join(" ");
    assert!(remarks(&feeds(&Feeds::default(), &[], 0)).contains("truth names none"));
    let some = Feeds {
        feeds: vec![("a".into(), Record::default())],
        totals: Vec::new(),
    };
    assert!(remarks(&feeds(&some, &[], 0)).contains("rss_agg does not write this yet"));
    assert!(remarks(&market(&Market::default(), 0)).contains("massive does not write this yet"));
    let sheet = mesh(Some(&Registry::default()), 0, &Works::default());
    assert!(remarks(&sheet).contains("mesh does not write this yet"));
    assert!(remarks(&notify(&[], 0)).contains("nobody will be told"));
    assert!(remarks(&truth(&Document::default(), 0)).contains("There is no truth"));
}

#[test]
fn a_feed_that_fails_says_why_and_shows_no_key() {
    let failing = Record {
        health: Health::Failing,
        failures: 3,
        error: Some("https://a/?key=s3cret answers 500".into()),
        last_fetch_ts: Some(940),
        next_poll_ts: Some(1120),
        http_status: Some(500),
        average_gap_sec: Some(90.0),
        ..Record::default()
    };
    let found = Feeds {
        feeds: vec![("bad".into(), failing)],
        totals: vec![("queued".into(), 7)],
    };
    let sheet = feeds(&found, &[], 1000);
    assert_eq!(
        texts(&sheet.tables[0].rows[0]),
        [
            "bad",
            "failing",
            "https://a/?… answers 500 (3 times in a row)",
            "HTTP 500",
            "1 min ago",
            "in 2 min",
            "—",
            "1 min 30 s",
            "",
        ]
    );
    assert_eq!(sheet.tables[0].rows[0][1].stand, Some(Stand::Down));
}

#[test]
fn a_price_that_nobody_renews_is_stale_by_itself() {
    let fields = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let record = fields(&[
        ("price", "510.2"),
        ("prev_close", "500"),
        ("stale", "0"),
        ("fresh_until_ms", "60000"),
        ("event_ms", "30000"),
    ]);
    let found = Market {
        symbols: vec![("SPY".into(), record), ("QQQ".into(), fields(&[]))],
        ..Market::default()
    };
    let row = |now_ms| market(&found, now_ms).tables[0].rows[0].clone();
    assert_eq!(
        texts(&row(60_000)),
        ["SPY", "fresh", "510.2", "+2.04 %", "—", "—", "30 s"]
    );
    assert_eq!(row(60_001)[1], Cell::stand(Stand::Degraded, "STALE: old"));
    let none = &market(&found, 0).tables[0].rows[1];
    assert_eq!(none[1], Cell::stand(Stand::Unknown, "no record"));
}

#[test]
fn what_changed_in_truth_is_named() {
    let change = |how, path: &str| Change {
        how,
        path: path.into(),
    };
    let found = Document {
        bytes: 2,
        digest: "0123456789abcdef".into(),
        document: Some(serde_json::json!({})),
        changes: vec![Entry {
            ts: 940,
            digest: "0123456789abcdef".into(),
            changes: vec![
                change(How::Added, "services.db"),
                change(How::Removed, "services.api"),
            ],
            more: 3,
        }],
    };
    let sheet = truth(&found, 1000);
    assert_eq!(
        texts(&sheet.tables[0].rows[0]),
        [
            "1 min ago",
            "0123456789ab",
            "added services.db; removed services.api; and 3 more"
        ]
    );
    assert_eq!(sheet.text, Some(("Document", "{}".into())));
}

#[test]
fn of_very_many_the_rest_is_counted() {
    let table = Table::of("x", &["n"], &[0; 500], |n| vec![n.to_string().into()]);
    assert_eq!((table.rows.len(), table.more), (ROWS_MAX, 300));
}
