use super::*;
use crate::env::Env;
use crate::truth::{Defaults, Rules};

const SCHEMAS: &[ServiceSchema] = &[SCHEMA];

fn parse(own: &str) -> Result<Truth, String> {
    let document = format!(r#"{{"services": {{"vexy_ai": {{{own}}}}}}}"#);
    let rules = Rules::strict(Defaults::default(), SCHEMAS);
    Truth::parse(document.as_bytes(), rules).map_err(|rejected| rejected.to_string())
}

fn read(own: &str) -> Result<Config, String> {
    Ok(Config::from_truth(&parse(own)?).expect("it passed validation"))
}

#[track_caller]
fn refused(own: &str, path: &str, words: &str) {
    let said = read(own).expect_err(own);
    assert!(
        said.contains(&format!("services.vexy_ai.{path}")) && said.contains(words),
        "{own}: {said}"
    );
}

#[test]
fn what_is_not_written_has_its_default() {
    let Analysis {
        workers,
        batch,
        claim_idle_sec,
        max_deliveries,
        summary_chars,
        feeds,
        categories,
        watch,
        behind_warn_sec,
        keep_sec,
        keep_items,
    } = read("").expect("nothing is wrong").analysis;
    assert_eq!((workers, batch, claim_idle_sec), (None, 64, 60));
    assert_eq!((max_deliveries, summary_chars), (5, 300));
    assert!(feeds.is_empty() && categories.is_empty() && watch.is_empty());
    assert_eq!(
        (behind_warn_sec, keep_sec, keep_items),
        (120, 172_800, 50_000)
    );
    assert!((1..=4).contains(&Analysis::default().threads()));
    let config = read(r#""analysis": {"workers": 7, "watch": ["BRK.B"], "feeds": {"a b": 0.5}}"#);
    let analysis = config.expect("nothing is wrong").analysis;
    assert_eq!((analysis.threads(), analysis.feeds["a b"]), (7, 0.5));
}

#[test]
fn each_range_is_kept_and_each_end_of_it_taken() {
    for (field, min, max) in [
        ("workers", 1, 16),
        ("batch", 1, 512),
        ("claim_idle_sec", 5, 3_600),
        ("max_deliveries", 2, 20),
        ("summary_chars", 80, 1_000),
        ("behind_warn_sec", 5, 86_400),
        ("keep_sec", 60, 31_536_000),
        ("keep_items", 1, 10_000_000),
    ] {
        for good in [min, max] {
            let own = format!(r#""analysis": {{"{field}": {good}}}"#);
            assert!(read(&own).is_ok(), "{own}");
        }
        for bad in [min - 1, max + 1] {
            let own = format!(r#""analysis": {{"{field}": {bad}}}"#);
            refused(&own, &format!("analysis.{field}"), "is not from");
        }
    }
}

#[test]
fn a_weight_and_a_ticker_are_refused_at_their_own_place() {
    let own = r#""analysis": {"feeds": {"good": 1, "bad": 1.5}, "categories": {"a": -0.1}}"#;
    refused(own, "analysis.feeds.bad", "1.5 is not from 0 to 1");
    refused(own, "analysis.categories.a", "-0.1 is not from 0 to 1");
    let own = r#""analysis": {"watch": ["AAPL", "apple"]}"#;
    refused(own, "analysis.watch[1]", "no ticker");
    refused(
        r#""analysis": {"feeds": ["a"]}"#,
        "analysis",
        "expected a map",
    );
    refused(r#""analysis": []"#, "analysis", "not an object");
}

#[test]
#[allow(clippy::too_many_lines)] // A table of cases.
fn a_digest_is_off_unless_it_is_written_and_what_is_wrong_with_it_has_its_place() {
    let digest = read("").expect("nothing is wrong").digest;
    assert!(digest.is_off());
    assert_eq!(
        (digest.tz.as_str(), digest.top, digest.min_salience),
        ("UTC", 5, 40)
    );
    let own = r#""digest": {"epochs": [{"name": "open", "time": "09:30"}], "tz": "Mars/Olympus", "days": ["mon", "sun"]}"#;
    let digest = read(own)
        .expect("an unknown zone is found at run time")
        .digest;
    assert!(!digest.is_off() && digest.weekdays().len() == 2);
    assert!(
        !read(r#""digest": {"events_from": 70}"#)
            .expect("right")
            .digest
            .is_off()
    );
    for (own, path, words) in [
        (r#"{"top": 0}"#, "top", "is not from 1 to 20"),
        (r#"{"top": 21}"#, "top", "is not from 1 to 20"),
        (
            r#"{"min_salience": 101}"#,
            "min_salience",
            "is not from 0 to 100",
        ),
        (
            r#"{"events_from": 0}"#,
            "events_from",
            "is not from 1 to 100",
        ),
        (
            r#"{"events_from": 101}"#,
            "events_from",
            "is not from 1 to 100",
        ),
        (r#"{"tz": ""}"#, "tz", "no time zone"),
        (r#"{"tz": "Zürich"}"#, "tz", "no time zone"),
        (r#"{"days": ["mon", "Tuesday"]}"#, "days[1]", "no day"),
        (
            r#"{"epochs": [{"name": "a", "time": "9:30"}]}"#,
            "epochs[0].time",
            "no time of day",
        ),
        (
            r#"{"epochs": [{"name": "a", "time": "24:00"}]}"#,
            "epochs[0].time",
            "no time of day",
        ),
        (
            r#"{"epochs": [{"name": "a", "time": "09:-1"}]}"#,
            "epochs[0].time",
            "no time of day",
        ),
        (
            r#"{"epochs": [{"name": "", "time": "09:30"}]}"#,
            "epochs[0].name",
            "no name",
        ),
        (
            r#"{"epochs": [{"name": "a\nb", "time": "09:30"}]}"#,
            "epochs[0].name",
            "no name",
        ),
        (
            r#"{"epochs": [{"name": "a"}]}"#,
            "epochs[0]",
            "missing field `time`",
        ),
        (
            r#"{"epochs": [{"name": "a", "time": "09:30"}, {"name": "a", "time": "10:30"}]}"#,
            "epochs[1].name",
            "a second time",
        ),
        (
            r#"{"epochs": [{"name": "a", "time": "09:30"}, {"name": "b", "time": "09:30"}]}"#,
            "epochs[1].time",
            "two epochs at one time",
        ),
    ] {
        refused(
            &format!(r#""digest": {own}"#),
            &format!("digest.{path}"),
            words,
        );
    }
    let many: Vec<String> = (0..25)
        .map(|n| format!(r#"{{"name": "{n}", "time": "{n:02}:00"}}"#))
        .collect();
    refused(
        &format!(r#""digest": {{"epochs": [{}]}}"#, many.join(",")),
        "digest.epochs",
        "24 are the most",
    );
}

#[test]
fn a_field_that_nobody_reads_gets_a_warning_in_each_section() {
    for own in [
        r#""analysis": {"batchsize": 64}"#,
        r#""model": {"max_tokens": 1}"#,
        r#""digest": {"timezone": "UTC"}"#,
        r#""analyses": {}"#,
    ] {
        let truth = parse(own).expect("nothing is refused");
        assert_eq!(truth.warnings().list().len(), 1, "{own}");
    }
}

#[test]
fn no_field_of_ours_is_taken_for_a_secret_or_for_one_that_nobody_reads() {
    for section in SCHEMA.sections.expect("there are some") {
        for field in section.fields {
            let own = format!(r#""{}": {{"{field}": null}}"#, section.name);
            let said = parse(&own).map(|truth| truth.warnings().list().len());
            let is_read = !matches!(&said, Err(why) if why.contains("secret"));
            assert!(is_read && said != Ok(1), "{own}: {said:?}");
        }
    }
}

#[test]
fn an_analyst_is_called_as_the_environment_says() {
    let named = |name: &str| Environment::read(&Env::from_pairs([("VEXY_NAME", name)]));
    assert_eq!(named("").expect("unset").name, SERVICE);
    assert_eq!(named("vexy_ai-2").expect("a name").name, "vexy_ai-2");
    for bad in ["a b", "a:1", "..", &"x".repeat(65)] {
        let error = named(bad).expect_err(bad);
        assert_eq!(error.name, "VEXY_NAME");
    }
    let error = Environment::read(&Env::from_pairs([("VEXY_COMPANIES_FILE", "/no/such/file")]));
    assert_eq!(error.expect_err("no file").name, "VEXY_COMPANIES_FILE");
}
