use super::*;
use crate::sections::SCHEMAS;
use crate::truth::{Defaults, Rules};

fn truth(rss_agg: &str) -> Result<Truth, String> {
    let document = format!(r#"{{"services": {{"rss_agg": {{"heartbeat": {{}}, {rss_agg}}}}}}}"#);
    Truth::parse(
        document.as_bytes(),
        Rules::strict(Defaults::default(), SCHEMAS),
    )
    .map_err(|error| error.to_string())
}

#[test]
fn truth_becomes_feeds_with_the_defaults_filled_in() {
    let truth = truth(
        r#""schedule": {"interval_sec": 300},
           "limits": {"per_host_rps": 2, "contact": "ops@example.com"},
           "feeds": [
             {"id": "a", "url": "https://example.com/feed", "category": "fx"},
             {"id": "b", "url": "http://10.0.0.1:8080/", "interval_sec": 60,
              "headers_env": {"X-Key": "FEED_KEY"}}]"#,
    )
    .expect("valid");
    let config = Config::from_truth(&truth).expect("readable");
    let [a, b] = &config.feeds[..] else {
        panic!("{config:?}")
    };
    assert_eq!(
        (a.pace.interval_sec, a.pace.min_sec, a.host().as_str()),
        (300, 60, "example.com:443")
    );
    assert_eq!(
        (b.pace.interval_sec, b.host().as_str()),
        (60, "10.0.0.1:8080")
    );
    assert_eq!(b.headers_env, [("X-Key".to_owned(), "FEED_KEY".to_owned())]);
    assert_eq!(
        (config.limits.first_items, config.limits.per_host_rps),
        (10, 2.0)
    );
    assert_eq!(config.limits.keep_items, 50_000);
}

#[test]
fn what_the_reader_could_not_use_is_refused_with_its_path() {
    for (section, path, says) in [
        (r#""feeds": {}"#, "rss_agg.feeds", "list"),
        (r#""feeds": [{"id": "a"}]"#, "rss_agg.feeds[0]", "url"),
        (
            r#""feeds": [{"id": "a", "url": "ftp://x/"}]"#,
            "rss_agg.feeds[0].url",
            "http",
        ),
        (
            r#""feeds": [{"id": "a b", "url": "http://x/"}]"#,
            "rss_agg.feeds[0].id",
            "white space",
        ),
        (
            r#""feeds": [{"id": "a", "url": "http://x/"}, {"id": "a", "url": "http://y/"}]"#,
            "rss_agg.feeds[1].id",
            "second feed",
        ),
        (
            r#""feeds": [{"id": "a", "url": "http://x/", "interval_sec": 0}]"#,
            "interval_sec",
            "31536000",
        ),
        (
            r#""feeds": [{"id": "a", "url": "http://x/", "headers_env": {"Host": "H"}}]"#,
            "headers_env",
            "Host",
        ),
        (
            r#""schedule": {"min_sec": 9, "max_sec": 5}"#,
            "rss_agg.schedule.min_sec",
            "max_sec",
        ),
        (
            r#""schedule": {"interval_sec": "x"}"#,
            "rss_agg.schedule.interval_sec",
            "u64",
        ),
        (
            r#""filters": [{"field": "title", "match": "a(", "action": "drop"}]"#,
            "rss_agg.filters[0].match",
            "expression",
        ),
        (
            r#""filters": [{"field": "titel", "match": "a", "action": "drop"}]"#,
            "rss_agg.filters[0]",
            "titel",
        ),
        (
            r#""limits": {"per_host_rps": 0}"#,
            "rss_agg.limits.per_host_rps",
            "rate",
        ),
        (
            r#""limits": {"allow_hosts": ["a/b"]}"#,
            "rss_agg.limits.allow_hosts",
            "a/b",
        ),
    ] {
        let error = truth(section).err().unwrap_or_default();
        assert!(
            error.contains(path) && error.contains(says),
            "{section}: {error:?}"
        );
    }
}

#[test]
fn credentials_in_a_feed_url_are_refused_and_not_printed() {
    let error =
        truth(r#""feeds": [{"id": "a", "url": "https://bob:hunter2@x/"}]"#).expect_err("refused");
    assert!(
        error.contains("feeds[0].url") && !error.contains("hunter2"),
        "{error}"
    );
}
