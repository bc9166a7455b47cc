use super::*;
use crate::rss_agg::fetch::Hop;
use crate::rss_agg::fetch::answer::ServerHints;
use crate::rss_agg::schedule::pace::Why;

const NOW: i64 = 1_795_558_200;
const PACE: Pace = Pace {
    interval_sec: 600,
    min_sec: 60,
    max_sec: 7200,
};

fn spec(url: &str) -> FeedSpec {
    FeedSpec {
        id: "f".into(),
        url: Url::parse(url).expect("a URL"),
        category: None,
        pace: PACE,
        headers_env: Vec::new(),
    }
}

fn answer(status: u16, hops: &[(u16, &str)]) -> Answer {
    let url = hops.last().map_or("http://a/", |hop| hop.1);
    Answer {
        status,
        url: Url::parse(url).expect("a URL"),
        hops: hops
            .iter()
            .map(|(status, to)| Hop {
                status: *status,
                to: Url::parse(to).expect("a URL"),
            })
            .collect(),
        content_type: None,
        validators: Validators::default(),
        hints: ServerHints::default(),
        body: None,
    }
}

fn record(spec: &FeedSpec) -> Record {
    Record::default().about(spec)
}

#[test]
fn validators_survive_the_store_byte_for_byte_and_expire_after_a_week() {
    let spec = spec("http://a/");
    let mut record = record(&spec);
    let given = Validators {
        url: "http://a/".into(),
        etag: Some((0x20..=0xff).collect()),
        last_modified: Some(b"whenever".to_vec()),
    };
    record.validators = Some(StoredValidators::new(&given, "h".into(), NOW));
    let json = serde_json::to_string(&record).expect("json");
    let record: Record = serde_json::from_str(&json).expect("a record");
    assert_eq!(record.conditions(NOW + 1), Some(given));
    assert_eq!(record.conditions(NOW + FULL_EVERY_SEC), None);
    assert_eq!(
        record.conditions(NOW - 1),
        None,
        "from the future: not believed"
    );
}

#[test]
fn a_permanent_redirect_is_believed_the_second_time_and_forgotten_when_it_fails() {
    let spec = spec("http://a/");
    let mut record = record(&spec);
    let moved = answer(200, &[(301, "http://b/")]);
    record.note_unchanged(&moved, NOW);
    assert_eq!(record.start_url(&spec), spec.url);
    record.note_unchanged(&answer(200, &[(302, "http://b/")]), NOW);
    record.note_unchanged(&moved, NOW);
    assert_eq!(
        record.start_url(&spec),
        spec.url,
        "it did not hold twice in a row"
    );
    record.note_unchanged(&moved, NOW);
    assert_eq!(record.start_url(&spec).as_str(), "http://b/");
    record.note_unchanged(&answer(304, &[]), NOW);
    assert_eq!(record.start_url(&spec).as_str(), "http://b/");
    record.note_refusal(&answer(410, &[]), "410".into(), NOW);
    assert_eq!(
        (record.start_url(&spec), record.health),
        (spec.url.clone(), Health::Failing)
    );
}

#[test]
fn a_410_stops_the_feed_until_truth_names_another_url() {
    let spec = spec("http://a/");
    let mut record = record(&spec);
    record.note_refusal(&answer(410, &[]), "410 Gone".into(), NOW);
    assert_eq!(record.plan_next(&spec, NOW, false), None);
    assert_eq!(record.due_ts(&spec, NOW + 999_999), None);
    let other = self::spec("http://b/");
    assert_eq!(record.due_ts(&other, NOW + 5), Some(NOW + 5));
    assert_eq!(record.about(&other).health, Health::New);
}

#[test]
fn a_restart_does_not_bring_a_poll_forward_and_a_new_pace_counts_from_the_last_fetch() {
    let spec = spec("http://a/");
    let mut record = record(&spec);
    assert_eq!(record.due_ts(&spec, NOW), Some(NOW));
    record.note_unchanged(&answer(200, &[]), NOW);
    let wait = record.plan_next(&spec, NOW, false).expect("a next poll");
    assert_eq!((wait.secs, wait.why), (600, Why::Interval));
    assert_eq!(record.due_ts(&spec, NOW + 10), Some(NOW + 600));
    let mut hasty = spec.clone();
    hasty.pace.interval_sec = 120;
    assert_eq!(record.due_ts(&hasty, NOW + 10), Some(NOW + 120));
    // While it fails, the back-off stands, whatever the pace.
    record.note_failure("no route".into(), NOW);
    record.plan_next(&spec, NOW, false);
    assert_eq!(record.due_ts(&hasty, NOW), record.next_poll_ts);
    // A time from a clock that was wrong is not waited for.
    record.next_poll_ts = Some(NOW * 2);
    assert_eq!(record.due_ts(&spec, NOW), Some(NOW + FARTHEST_SEC));
}

#[test]
fn the_average_gap_follows_the_arrivals() {
    let spec = spec("http://a/");
    let mut record = record(&spec);
    let ok = answer(200, &[]);
    let brings = |queued| Reading {
        queued,
        ..Reading::default()
    };
    record.note_reading(&ok, brings(10), NOW);
    assert_eq!(
        record.average_gap_sec, None,
        "a first poll says nothing about gaps"
    );
    record.note_reading(&ok, brings(0), NOW + 50);
    record.note_reading(&ok, brings(2), NOW + 100);
    assert_eq!(
        (record.average_gap_sec, record.last_new_ts),
        (Some(50.0), Some(NOW + 100))
    );
    assert_eq!(record.queued, 12);
}

#[test]
fn a_broken_body_brings_its_items_but_no_validators_and_backs_off() {
    let spec = spec("http://a/");
    let mut record = record(&spec);
    let reading = Reading {
        queued: 3,
        broken: Some("the body broke off".into()),
        ..Reading::default()
    };
    record.note_reading(&answer(200, &[]), reading, NOW);
    assert_eq!(
        (record.health, record.failures, record.queued),
        (Health::Failing, 1, 3)
    );
    assert!(record.validators.is_none());
    let wait = record.plan_next(&spec, NOW, false).expect("a next poll");
    assert_eq!(wait.why, Why::BackOff { failures: 1 });
}

#[test]
fn a_wall_clock_that_goes_back_keeps_no_feed_waiting() {
    let spec = spec("http://a/");
    let mut record = record(&spec);
    (record.last_fetch_ts, record.next_poll_ts) = (Some(NOW), Some(NOW + 600));
    record.pace = Some(PACE);
    assert_eq!(record.due_ts(&spec, NOW + 1), Some(NOW + 600));
    let before = NOW - 5 * 3600;
    assert_eq!(record.due_ts(&spec, before), Some(before));
}
