mod instances;
mod properties;
mod refusals;

use super::*;

fn parse(text: &str) -> Result<Truth, Rejected> {
    let rules = Rules::strict(Defaults::default(), crate::sections::SCHEMAS);
    Truth::parse(text.as_bytes(), rules)
}

fn good(text: &str) -> Truth {
    parse(text).unwrap_or_else(|rejected| panic!("{text}\nis refused:\n{rejected}"))
}

/// The document of a small swarm, as other programs write it.
const SWARM: &str = r#"{
  "version": "1.0",
  "buses": {"third": {"url": "redis://10.0.0.3:7000"}},
  "services": {
    "rss_agg": {
      "heartbeat": {"channel": "rss_agg:heartbeat", "interval_sec": 5, "redis_url": "redis://system-redis:6379"},
      "access_points": {"publish_to": [{"bus": "market-redis", "key": "rss:queue"}]},
      "feeds": [{"id": "a", "url": "https://example.org/rss"}]
    },
    "mesh": {"heartbeat": {"channel": "beats.mesh", "timeout_sec": 60}, "depends_on": ["rss_agg", "massive"]},
    "massive": {"heartbeat": {"redis_url": "redis://127.0.0.1:7001"}, "access_points": {"subscribe_to": [{"bus": "third", "key": "x"}]}},
    "off": {"heartbeat": {}, "enabled": false},
    "silent": {},
    "healer": {
      "heartbeat": {"interval_sec": 10},
      "threshold": {"heartbeat_cadence": 25},
      "access_points": {"subscribe_to": [
        {"bus": "system-redis", "key": "rss_agg:heartbeat"},
        {"bus": "system-redis", "key": "beats.mesh"},
        {"bus": "system-redis", "key": "stranger:heartbeat"},
        {"bus": "system-redis", "key": "silent:heartbeat"},
        {"bus": "system-redis", "key": "healer:heartbeat"}
      ]}
    }
  }
}"#;

#[test]
fn the_document_that_ships_is_good_and_watches_every_service_but_the_healer() {
    let truth = good(include_str!("../../truth.json"));
    assert!(truth.warnings().is_empty(), "{}", truth.warnings());
    let watched: Vec<_> = truth.watched().map(|svc| svc.name()).collect();
    assert_eq!(
        watched,
        [
            "rss_agg", "massive", "mesh", "vexy_ai", "sentinel", "console"
        ]
    );
}

#[test]
fn everything_that_beats_or_is_listed_is_watched_but_the_healer_and_what_is_switched_off() {
    let truth = good(SWARM);
    let watched: Vec<_> = truth
        .watched()
        .map(|svc| (svc.name(), svc.channel().into_owned()))
        .collect();
    let of = |name: &'static str, channel: &str| (name, channel.to_owned());
    assert_eq!(
        watched,
        [
            of("rss_agg", "rss_agg:heartbeat"),
            of("mesh", "beats.mesh"),
            of("massive", "massive:heartbeat"),
            of("silent", "silent:heartbeat"),
            of("stranger", "stranger:heartbeat"),
        ]
    );
    assert!(
        truth
            .service("stranger")
            .is_some_and(|svc| svc.is_only_heard())
    );
    assert!(truth.warnings().is_empty(), "{}", truth.warnings());
}

#[test]
fn a_value_comes_from_the_service_then_from_the_cadence_then_from_the_default() {
    let truth = good(SWARM);
    let of = |name: &str| {
        let svc = truth.service(name).expect("in the document");
        (svc.interval().as_secs(), svc.timeout().as_secs())
    };
    assert_eq!(of("rss_agg"), (5, 25));
    assert_eq!(of("mesh"), (10, 60));
    assert_eq!(of("stranger"), (10, 25));
    // A default that is too slow for the timeout gives way to it.
    let quick = good(r#"{"services": {"a": {"heartbeat": {"timeout_sec": 6}}}}"#);
    let a = quick.service("a").expect("in the document");
    assert_eq!((a.interval().as_secs(), a.timeout().as_secs()), (2, 6));
    let bare = Truth::parse(
        br#"{"services": {"a": {"heartbeat": {}}}}"#,
        Defaults {
            timeout_sec: 7.0,
            interval_sec: 2.0,
        },
    )
    .expect("valid");
    let a = bare.service("a").expect("in the document");
    assert_eq!((a.interval().as_secs(), a.timeout().as_secs()), (2, 7));
}

#[test]
fn the_healer_is_not_held_to_a_cadence_that_its_own_interval_exceeds() {
    let truth = good(
        r#"{"services": {"healer": {"heartbeat": {"interval_sec": 10}, "threshold": {"heartbeat_cadence": 3}}}}"#,
    );
    let healer = truth.service("healer").expect("in the document");
    assert_eq!(healer.timeout().as_secs(), 30);
}

#[test]
fn a_url_means_the_bus_that_it_names_or_whose_address_it_is() {
    let truth = good(SWARM);
    let bus_of = |name: &str, system: &str| {
        let buses = truth.resolve_buses(|bus| (bus == "system-redis").then(|| system.to_owned()));
        buses[truth.service(name).expect("in the document").bus().index()].to_owned()
    };
    assert_eq!(bus_of("rss_agg", "10.0.0.9:1"), "system-redis");
    assert_eq!(bus_of("massive", "10.0.0.9:1"), "127.0.0.1:7001");
    assert_eq!(bus_of("massive", "localhost:7001"), "system-redis");
    assert_eq!(truth.bus_url("third"), Some("redis://10.0.0.3:7000"));
    assert_eq!(
        truth.bus_url("127.0.0.1:7001"),
        Some("redis://127.0.0.1:7001")
    );
    assert_eq!(truth.bus_url("system-redis"), None);
    // The bus is declared only after a URL has named it.
    let late = good(
        r#"{"services": {"a": {"heartbeat": {"redis_url": "redis://third"}}}, "buses": {"third": {}}}"#,
    );
    let a = late.service("a").expect("in the document");
    assert_eq!(late.buses().nth(a.bus().index()), Some("third"));
    // And the URL that it has there.
    let late = good(
        r#"{"services": {"a": {"heartbeat": {"redis_url": "redis://api:6379"}}}, "buses": {"api": {"url": "redis://127.0.0.1:7000/2"}}}"#,
    );
    let bus = late.service("a").expect("there").bus();
    assert_eq!(late.buses().nth(bus.index()), Some("api"));
    assert_eq!(late.buses().count(), 3);
    let said = late.warnings().to_string();
    assert!(said.contains("database"), "{said}");
}

#[test]
fn a_service_is_of_the_group_that_it_names_or_of_the_first_part_of_its_name() {
    let text = r#"{"services":{"web.one":{"heartbeat":{}},"db":{"heartbeat":{},"group":"stores"},"x":{}}}"#;
    let truth = Truth::parse(text.as_bytes(), Defaults::default()).expect("valid");
    let groups: Vec<&str> = truth.services().map(|service| service.group()).collect();
    assert_eq!(groups, ["web", "stores", "x"]);
    let wrong = text.replace("stores", "a b");
    let refused = Truth::parse(wrong.as_bytes(), Defaults::default());
    let refused = refused.expect_err("refused").to_string();
    assert!(refused.contains("services.db.group"), "{refused}");
}

#[test]
fn a_service_says_what_it_is_for_and_where_it_is_written_what_to_do() {
    let text = r#"{"services":{"a":{"heartbeat":{}},"db":{"heartbeat":{},"description":"keeps <all>","runbook":"https://wiki.example.org/db"}}}"#;
    let truth = Truth::parse(text.as_bytes(), Defaults::default()).expect("valid");
    let said: Vec<_> = truth
        .services()
        .map(|service| (service.description(), service.runbook()))
        .collect();
    let of_db = (Some("keeps <all>"), Some("https://wiki.example.org/db"));
    assert_eq!(said, [(None, None), of_db]);
    for wrong in [
        "javascript:alert(1)",
        "https://",
        "https://a b",
        "ftp://a",
        "https://me:hunter2@wiki.example.org/db",
        "https://me@wiki.example.org",
        "//a",
        "https://a\\u0000",
    ] {
        let text = text.replace("https://wiki.example.org/db", wrong);
        let refused = Truth::parse(text.as_bytes(), Defaults::default());
        let refused = refused.expect_err(wrong).to_string();
        assert!(refused.contains("services.db.runbook"), "{refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
    }
}

#[test]
fn lanes_dependencies_and_sections_are_looked_up() {
    let truth = good(SWARM);
    let rss_agg = truth.service("rss_agg").expect("in the document");
    let lane = Lane {
        bus: "market-redis",
        key: "rss:queue",
    };
    assert_eq!(rss_agg.publish_to().collect::<Vec<_>>(), [lane]);
    assert_eq!(rss_agg.subscribe_to().count(), 0);
    let mesh = truth.service("mesh").expect("in the document");
    assert_eq!(
        mesh.depends_on().collect::<Vec<_>>(),
        ["rss_agg", "massive"]
    );
    let feeds = truth.section("rss_agg", "feeds").expect("a section");
    assert_eq!(
        feeds.json(),
        r#"[{"id": "a", "url": "https://example.org/rss"}]"#
    );
    let read: Vec<std::collections::HashMap<String, String>> =
        feeds.read().expect("a list of objects");
    assert_eq!(read[0]["id"], "a");
    let wrong = feeds
        .read::<Vec<std::collections::HashMap<String, u32>>>()
        .expect_err("not numbers");
    assert_eq!(
        wrong.to_string(),
        "line 8 column 24: services.rss_agg.feeds[0].id: invalid type: string \"a\", expected u32"
    );
}

#[test]
fn what_only_the_default_of_one_process_makes_wrong_is_refused_by_nobody_who_runs() {
    let text = r#"{"services": {"slow": {"heartbeat": {"interval_sec": 40}}}}"#;
    let rules = Rules::lenient(Defaults::default(), crate::sections::SCHEMAS);
    assert!(parse(text).is_err(), "whoever writes it is told");
    let truth = Truth::parse(text.as_bytes(), rules).expect("in force");
    let slow = truth.service("slow").expect("there");
    assert_eq!(
        slow.timeout(),
        Duration::from_secs(120),
        "never dead between two beats"
    );
    // What the document itself says is wrong for everybody.
    let text = r#"{"services": {"slow": {"heartbeat": {"interval_sec": 40, "timeout_sec": 30}}}}"#;
    assert!(Truth::parse(text.as_bytes(), rules).is_err());
    let text = r#"{"services": {"slow": {"heartbeat": {"interval_sec": 40}},
        "healer": {"threshold": {"heartbeat_cadence": 30}}}}"#;
    assert!(Truth::parse(text.as_bytes(), rules).is_err());
}
