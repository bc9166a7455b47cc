use super::*;
use crate::truth::{Defaults, Rules};

const SCHEMAS: &[ServiceSchema] = &[SCHEMA];

fn read(own: &str) -> Result<Config, String> {
    let document = format!(r#"{{"services": {{"massive": {{{own}}}}}}}"#);
    let rules = Rules::strict(Defaults::default(), SCHEMAS);
    let truth =
        Truth::parse(document.as_bytes(), rules).map_err(|rejected| rejected.to_string())?;
    Ok(Config::from_truth(&truth).expect("it passed validation"))
}

#[track_caller]
fn refused(own: &str, path: &str, words: &str) {
    let said = read(own).expect_err(own);
    assert!(
        said.contains(&format!("services.massive.{path}")) && said.contains(words),
        "{own}: {said}"
    );
}

#[test]
fn what_is_not_written_has_its_default() {
    let config = read("").expect("nothing is wrong");
    assert!(config.is_empty());
    assert_eq!(config.source, Source::Massive);
    assert_eq!(config.base_url.as_str(), "https://api.massive.com/");
    assert_eq!((config.calls_per_min, config.spots_ms), (5, 60_000));
    assert_eq!((config.closed_ms, config.stale_ms), (900_000, 120_000));
    assert_eq!(
        (config.max_contracts, config.chain_span_ms),
        (10_000, 60_000)
    );
    assert_eq!((config.tick_entries, config.jump_pct), (5_000, 30.0));
    assert!(config.summary && config.gex);
    let config =
        read(r#""chains": [{"underlying": "I:SPX"}, {"underlying": "SPY"}], "symbols": ["SPY"]"#)
            .expect("nothing is wrong");
    assert_eq!(
        (&config.indices[..], &config.symbols[..]),
        (&["I:SPX".to_owned()][..], &["SPY".to_owned()][..])
    );
    let chain = &config.chains[0];
    assert_eq!(
        (chain.expirations, chain.strikes_pct, chain.interval_ms),
        (4, 10.0, 60_000)
    );
}

#[test]
fn each_range_is_kept_and_each_end_of_it_taken() {
    for (section, field, min, max) in [
        ("vendor", "calls_per_min", 1, 60_000),
        ("schedule", "spots_sec", 1, 86_400),
        ("schedule", "closed_sec", 60, 86_400),
        ("limits", "stale_sec", 5, 86_400),
        ("limits", "jump_pct", 0, 1_000),
        ("limits", "max_contracts", 250, 20_000),
        ("limits", "chain_span_sec", 5, 600),
        ("limits", "tick_entries", 0, 100_000),
    ] {
        for good in [min, max] {
            let own = format!(r#""{section}": {{"{field}": {good}}}"#);
            assert!(read(&own).is_ok(), "{own}");
        }
        for bad in [min - 1, max + 1] {
            let own = format!(r#""{section}": {{"{field}": {bad}}}"#);
            // Below zero serde says it, in other words.
            refused(
                &own,
                &format!("{section}.{field}"),
                if bad < 0 { "" } else { "is not from" },
            );
        }
    }
    for (field, good, bad) in [
        ("expirations", "1", "0"),
        ("expirations", "32", "33"),
        ("strikes_pct", "0.5", "0.4"),
        ("strikes_pct", "100", "100.1"),
        ("interval_sec", "5", "4"),
        ("interval_sec", "86400", "86401"),
    ] {
        let chain = |value| format!(r#""chains": [{{"underlying": "SPY", "{field}": {value}}}]"#);
        assert!(read(&chain(good)).is_ok(), "{field} {good}");
        refused(&chain(bad), &format!("chains[0].{field}"), "is not from");
    }
}

#[test]
fn ages_below_two_rounds_are_warned_of() {
    let warned = |own: &str| {
        let document = format!(r#"{{"services": {{"massive": {{{own}}}}}}}"#);
        let rules = Rules::strict(Defaults::default(), SCHEMAS);
        let truth = Truth::parse(document.as_bytes(), rules).expect("it can be used");
        truth.warnings().to_string()
    };
    for (own, path) in [
        (r#""limits": {"stale_sec": 119}"#, "limits.stale_sec"),
        (r#""schedule": {"spots_sec": 61}"#, "schedule.spots_sec"),
        (
            r#""schedule": {"spots_sec": 61}, "limits": {"stale_sec": 121}"#,
            "limits.stale_sec",
        ),
    ] {
        let said = warned(own);
        let place = format!("services.massive.{path}: prices go stale between two rounds");
        assert!(said.contains(&place), "{own}: {said}");
    }
    for own in [
        "",
        r#""limits": {"stale_sec": 120}"#,
        r#""schedule": {"spots_sec": 2}, "limits": {"stale_sec": 5}"#,
    ] {
        assert_eq!(warned(own), "", "{own}");
    }
}

#[test]
fn names_are_refused_with_what_to_write() {
    refused(r#""symbols": ["SPY", "BRK/B"]"#, "symbols[1]", "BRK.B");
    refused(r#""symbols": ["^SPX"]"#, "symbols[0]", "I:SPX");
    refused(
        r#""symbols": ["SPY", "SPY"]"#,
        "symbols[1]",
        "a second time",
    );
    refused(r#""symbols": [5]"#, "symbols[0]", "");
    refused(r#""symbols": {}"#, "symbols", "not a list");
    refused(r#""indices": ["SPX"]"#, "indices[0]", "I:SPX");
    refused(
        r#""chains": [{"underlying": "SPX"}, {"underlying": "I:SPX"}]"#,
        "chains[1].underlying",
        "SPX",
    );
    refused(r#""chains": [{}]"#, "chains[0]", "underlying");
    refused(r#""symbols": ["DEMO1"]"#, "symbols[0]", "demo");
    let many: Vec<String> = (0..251).map(|n| format!("\"I:A{n}\"")).collect();
    refused(
        &format!(r#""indices": [{}]"#, many.join(",")),
        "indices",
        "251 names",
    );
    let many: Vec<String> = (0..17)
        .map(|n| format!(r#"{{"underlying": "A{n}"}}"#))
        .collect();
    refused(
        &format!(r#""chains": [{}]"#, many.join(",")),
        "chains",
        "17 chains",
    );
    assert!(
        read(r#""symbols": ["AMpB", "AMPB"]"#).is_ok(),
        "case is kept"
    );
}

#[test]
fn the_vendor_is_asked_over_tls_unless_truth_names_the_host() {
    for bad in [
        "ftp://api.massive.com",
        "http://api.massive.com",
        "https://u:p@api.massive.com",
        "https://api.massive.com/v3",
        "https://api.massive.com/?a=b",
        "not a url",
        "http://127.0.0.1:8098",
        "https://localhost",
    ] {
        let own = format!(r#""vendor": {{"base_url": "{bad}"}}"#);
        let said = read(&own).expect_err(bad);
        assert!(
            said.contains("base_url") && !said.contains("u:p@"),
            "{said}"
        );
    }
    let local = r#""vendor": {"base_url": "http://127.0.0.1:8098"}"#;
    for allowed in ["127.0.0.1", "127.0.0.1:8098", "127.0.0.0/8"] {
        let own = format!(r#"{local}, "limits": {{"allow_hosts": ["{allowed}"]}}"#);
        assert!(read(&own).is_ok(), "{own}");
    }
    refused(
        r#""limits": {"allow_hosts": ["a b"]}"#,
        "limits.allow_hosts",
        "a b",
    );
    refused(
        r#""vendor": {"source": "other"}"#,
        "vendor.source",
        "massive",
    );
}

#[test]
fn the_stream_is_off_delayed_or_live_and_where_the_vendor_has_it() {
    let stream = |own: &str| {
        let config = read(own).expect(own);
        (config.stream, config.stream_url.to_string())
    };
    for (own, mode, url) in [
        ("", StreamMode::Off, "wss://delayed.massive.com/"),
        (
            r#""vendor": {"stream": "delayed"}"#,
            StreamMode::Delayed,
            "wss://delayed.massive.com/",
        ),
        (
            r#""vendor": {"stream": "live"}"#,
            StreamMode::Live,
            "wss://socket.massive.com/",
        ),
        (
            r#""vendor": {"stream": "live", "stream_url": "ws://127.0.0.1:9"}, "limits": {"allow_hosts": ["127.0.0.1"]}"#,
            StreamMode::Live,
            "ws://127.0.0.1:9/",
        ),
        (
            r#""vendor": {"source": "demo", "base_url": "http://127.0.0.1:8098", "stream": "live"}"#,
            StreamMode::Live,
            "ws://127.0.0.1:8098/",
        ),
    ] {
        assert_eq!(stream(own), (mode, url.to_owned()), "{own}");
    }
    refused(r#""vendor": {"stream": "on"}"#, "vendor.stream", "delayed");
    for bad in [
        "https://socket.massive.com",
        "ws://socket.massive.com",
        "ws://127.0.0.1:9",
        "wss://u:p@socket.massive.com",
        "wss://socket.massive.com/stocks",
        "no url",
    ] {
        let own = format!(r#""vendor": {{"stream_url": "{bad}"}}"#);
        let said = read(&own).expect_err(bad);
        assert!(
            said.contains("vendor.stream_url") && !said.contains("u:p@"),
            "{said}"
        );
    }
}

#[test]
fn a_model_wants_both_rates_and_makes_none_up() {
    let model = |own: &str| read(own).map(|config| config.model);
    let rates = r#""rate_pct": 4.5, "dividend_pct": 1.25"#;
    let own = format!(r#""derive": {{"model": "black-scholes", {rates}}}"#);
    let wanted = Model {
        rate_pct: 4.5,
        dividend_pct: 1.25,
    };
    assert_eq!(model(&own), Ok(Some(wanted)));
    assert_eq!(model(&format!(r#""derive": {{{rates}}}"#)), Ok(None));
    for (own, field, words) in [
        (
            r#""model": "black-scholes""#,
            "",
            "rate_pct is absent, and no rate is made up",
        ),
        (
            r#""model": "black-scholes", "rate_pct": 4"#,
            "",
            "dividend_pct is absent, and no rate is made up",
        ),
        (r#""rate_pct": 25.1"#, "rate_pct", "is not from"),
        (r#""dividend_pct": -1"#, "dividend_pct", "is not from"),
        (r#""model": "heston""#, "model", "black-scholes"),
    ] {
        refused(
            &format!(r#""derive": {{{own}}}"#),
            format!("derive.{field}").trim_end_matches('.'),
            words,
        );
    }
}

#[test]
fn the_demo_is_here_and_has_names_of_its_own() {
    let demo = |url: &str, symbol: &str| {
        format!(r#""vendor": {{"source": "demo", "base_url": "{url}"}}, "symbols": ["{symbol}"]"#)
    };
    let config = read(&demo("http://127.0.0.1:8098", "DEMO1")).expect("the demo");
    assert_eq!(config.source, Source::Demo);
    refused(
        &demo("https://api.massive.com", "DEMO1"),
        "vendor.base_url",
        "this machine",
    );
    refused(&demo("http://127.0.0.1:8098", "SPY"), "symbols[0]", "DEMO1");
}

#[test]
fn a_key_in_truth_is_refused_and_never_repeated() {
    for own in [
        r#""vendor": {"key": "hunter2"}"#,
        r#""key": "hunter2""#,
        r#""api_key": "hunter2""#,
        r#""vendor_token": "hunter2""#,
        r#""limits": {"keys": ["hunter2"]}"#,
        r#""chains": [{"underlying": "SPY", "access": {"my_token_x": "hunter2"}}]"#,
    ] {
        let said = read(own).expect_err(own);
        assert!(said.contains("MASSIVE_API_KEY"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
