//! What is refused, where it is said to be, and what is only warned of.

mod text;

use super::*;

fn errors(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => Vec::new(),
        Err(rejected) => rejected
            .errors
            .list()
            .iter()
            .map(Problem::to_string)
            .collect(),
    }
}

/// Asserts that each document is refused with exactly these errors, in this order.
#[track_caller]
fn refused(document: &str, expected: &[&str]) {
    let said = errors(document);
    assert_eq!(said.len(), expected.len(), "{document}: {said:#?}");
    for (said, expected) in said.iter().zip(expected) {
        assert!(
            said.contains(expected),
            "{document}:\n{said}\nis not\n{expected}"
        );
        assert!(!said.contains("hunter2"), "a secret is repeated: {said}");
    }
}

/// A document with one service `a`, which stands on line 2 from column 6 on.
fn svc(inner: &str) -> String {
    format!("{{\"services\": {{\n\"a\": {inner}}}}}")
}

fn beat(inner: &str) -> String {
    svc(&format!("{{\"heartbeat\": {inner}}}"))
}

#[test]
fn nobody_beats_where_the_swarm_itself_speaks() {
    for channel in ["truth:changed", "healer:alerts", "healer:echo:1f"] {
        refused(
            &beat(&format!("{{\"channel\": \"{channel}\"}}")),
            &["services.a.heartbeat.channel: a channel on which the swarm itself speaks"],
        );
    }
    refused(&beat("{\"channel\": \"truth:changed:a\"}"), &[]);
}

#[test]
fn what_has_the_wrong_shape_is_refused() {
    refused(
        "[]",
        &[
            "line 1 column 1: a list where an object belongs",
            "line 1 column 1: no services",
        ],
    );
    refused(
        "{\"version\": \"1.0\"}",
        &["no services; write {\"services\""],
    );
    refused(
        "{\"services\": null}",
        &["services: null where an object belongs"],
    );
    refused(
        "{\"services\": {}, \"components\": {}}",
        &["column 18: components: `services` and its older name `components` in one document"],
    );
    refused(
        &beat("null"),
        &["services.a.heartbeat: null where an object belongs"],
    );
    refused(
        &beat("{\"timeout_sec\": \"30\"}"),
        &["a string where a number of seconds belongs; write 30"],
    );
    refused(
        &beat("{\"channel\": 7}"),
        &["services.a.heartbeat.channel: a number where a string belongs"],
    );
    refused(
        &svc("{\"depends_on\": \"b\"}"),
        &["services.a.depends_on: a string where a list belongs"],
    );
    refused(
        &svc(
            "{\"access_points\": {\"publish_to\": [7, {\"key\": \"x\"}, {\"bus\": \"market-redis\"}]}}",
        ),
        &[
            "publish_to[0]: a number where an object belongs",
            "publish_to[1]: an access point without a bus",
            "publish_to[2]: an access point without a key",
        ],
    );
}

#[test]
fn what_is_there_twice_is_refused_wherever_it_is() {
    refused(
        &svc("{}, \"a\": {}"),
        &["line 2 column 10: services.a: a service that is there twice"],
    );
    refused(
        &svc("{\"enabled\": 1, \"enabled\": 2}"),
        &[
            "line 2 column 18: services.a.enabled: a number where true or false belongs; write true",
            "line 2 column 21: services.a.enabled: a key that is there twice",
        ],
    );
    refused(
        &svc("{\"x\": [{\"y\": 1, \"\\u0079\": 2}]}"),
        &["services.a.x[0].y: a key that is there twice"],
    );
    let many: String = (0..100).map(|n| format!("\"k{n}\": 0, ")).collect();
    refused(
        &svc(&format!("{{\"x\": {{{many} \"k7\": 1}}}}")),
        &["services.a.x.k7: a key that is there twice"],
    );
    let twice = "{\"services\": {\"a\": {\"heartbeat\": {\"channel\": \"c\"}}, \"b\": {\"heartbeat\": {\"channel\": \"c\"}}}}";
    refused(
        twice,
        &["services.b.heartbeat.channel: a channel that a uses as well"],
    );
    let default = twice
        .replacen("\"channel\": \"c\"", "", 1)
        .replace("\"c\"", "\"a:heartbeat\"");
    refused(
        &default,
        &["services.b.heartbeat.channel: a channel that a uses as well"],
    );
}

#[test]
fn intervals_and_timeouts_out_of_range_are_refused() {
    for (heartbeat, expected) in [
        (
            "{\"interval_sec\": 0}",
            "line 2 column 37: services.a.heartbeat.interval_sec: 0 is not above zero",
        ),
        (
            "{\"interval_sec\": -0.5}",
            "interval_sec: -0.5 is not above zero",
        ),
        (
            "{\"interval_sec\": 1e-9}",
            "interval_sec: 1e-9 is under a millisecond",
        ),
        (
            "{\"interval_sec\": 30}",
            "interval_sec: an interval of 30 s is not below the default timeout of 30 s",
        ),
        (
            "{\"timeout_sec\": 8, \"interval_sec\": 9}",
            "interval_sec: an interval of 9 s is not below the timeout of 8 s",
        ),
        (
            "{\"timeout_sec\": 2764801}",
            "timeout_sec: 2764801 is over 2764800 s (32 days)",
        ),
        ("{\"timeout_sec\": 1e999}", "timeout_sec: 1e999 is over"),
    ] {
        refused(&beat(heartbeat), &[expected]);
    }
    refused(
        "{\"services\": {\"a\": {\"heartbeat\": {\"interval_sec\": 5}}, \"healer\": {\"threshold\": {\"heartbeat_cadence\": 5}}}}",
        &[
            "services.a.heartbeat.interval_sec: an interval of 5 s is not below the heartbeat_cadence of 5 s",
        ],
    );
    refused(
        "{\"services\": {\"healer\": {\"threshold\": {\"heartbeat_cadence\": 0}}}}",
        &["services.healer.threshold.heartbeat_cadence: 0 is not above zero"],
    );
}

#[test]
fn credentials_and_secrets_are_refused_and_never_repeated() {
    refused(
        &beat("{\"redis_url\": \"redis://u:hunter2@x\"}"),
        &["redis_url: a user or password in a URL; put"],
    );
    refused(
        &svc("{\"api_key\": \"hunter2\"}"),
        &["services.a.api_key: a field named like a secret"],
    );
    refused(
        &svc("{\"x\": [{\"smtpPassword\": \"hunter2\"}]}"),
        &["services.a.x[0].smtpPassword: a field named like"],
    );
    refused(
        &svc("{\"url\": \"https://u:hunter2@x/\"}"),
        &["services.a.url: a user or password in a URL"],
    );
    refused(
        &svc("{\"url\": \"https://x/?token=hunter2\"}"),
        &["services.a.url: a secret among the parameters"],
    );
    refused(
        &svc("{\"x_env\": \"hunter2 hunter2\"}"),
        &["services.a.x_env: not the name of an environment variable"],
    );
    refused(
        "{\"services\": {}, \"buses\": {\"b\": {\"url\": \"redis://:hunter2@b\"}}}",
        &["buses.b.url: a user or password in a URL"],
    );
    let lane = "{\"bus\": \"redis://u:hunter2@x\", \"key\": \"redis://u:hunter2@x\"}";
    refused(
        &svc(&format!(
            "{{\"access_points\": {{\"publish_to\": [{lane}]}}}}"
        )),
        &[
            "publish_to[0].bus: a user or password in a URL",
            "publish_to[0].key: a user or password in a URL",
        ],
    );
    refused(
        "{\"services\": {\"redis://u:hunter2@x\": {}}}",
        &["services[…]: a user or password in a URL where a service name belongs"],
    );
    let named = good(&svc(
        "{\"x\": {\"headers_env\": {\"Authorization\": \"FEED_AUTH\"}, \"token_env\": \"T\", \"key\": \"k\"}}",
    ));
    assert_eq!(
        named.warnings().count(),
        1,
        "only the unknown field: {}",
        named.warnings()
    );
}

#[test]
fn what_is_not_there_is_refused_with_what_was_probably_meant() {
    refused(
        &beat("{\"redis_url\": \"http://x\"}"),
        &["redis_url: not a Redis URL; write redis://host:6379"],
    );
    refused(
        &svc(
            "{\"access_points\": {\"publish_to\": [{\"bus\": \"system_redis\", \"key\": \"x\"}]}}",
        ),
        &["publish_to[0].bus: an unknown bus, \"system_redis\"; did you mean \"system-redis\"?"],
    );
    refused(
        "{\"services\": {\"a b\": {}}}",
        &["services[\"a b\"]: \"a b\" is no service name; use 1 to 64"],
    );
    refused("{\"services\": {\"\": {}}}", &["\"\" is no service name"]);
    refused(
        &svc("{\"depends_on\": [\"feedz\",\n\"c\"]}, \"feeds\": {}"),
        &[
            "line 2 column 22: services.a.depends_on[0]: no service has the name \"feedz\"; did you mean \"feeds\"?",
            "line 3 column 1: services.a.depends_on[1]: no service has the name \"c\"",
        ],
    );
    let circle = "{\"services\": {\"a\": {\"depends_on\": [\"b\"]}, \"b\": {\"depends_on\": [\"c\"]}, \"c\": {\"depends_on\": [\"a\"]}}}";
    refused(
        circle,
        &["services.c.depends_on: a circle: a → b → c → a; leave one of them out"],
    );
    refused(
        &svc("{\"depends_on\": [\"a\"]}"),
        &["services.a.depends_on: a circle: a → a"],
    );
    let hears = |key: &str| {
        let lane = format!("{{\"bus\": \"system-redis\", \"key\": \"{key}\"}}");
        format!(
            "{{\"services\": {{\"a\": {{\"heartbeat\": {{\"channel\": \"c\"}}}}, \"healer\": {{\"access_points\": {{\"subscribe_to\": [{lane}]}}}}}}}}"
        )
    };
    refused(
        &hears("*:heartbeat"),
        &["services.healer.access_points.subscribe_to[0].key: \"*\" is no service name"],
    );
    refused(
        &hears("a:heartbeat"),
        &["subscribe_to[0].key: a beats on another channel; write the channel"],
    );
    let odd = good(&hears("news"));
    assert!(
        odd.warnings()
            .to_string()
            .contains("\"news\" is no heartbeat channel")
    );
}

#[test]
fn a_host_that_is_nearly_a_bus_gets_a_warning() {
    let truth = good(&beat("{\"redis_url\": \"redis://sytem-redis:6379\"}"));
    assert_eq!(
        truth.warnings().to_string(),
        "line 2 column 34: services.a.heartbeat.redis_url: \"sytem-redis\" is no bus of this document; \
         did you mean \"system-redis\"?"
    );
}

#[test]
fn an_owner_refuses_its_own_section() {
    refused(
        "{\"services\": {\"rss_agg\": {\"feeds\": [\n{\"id\": \"x\", \"url\": \"https://x/\"},\n{\"id\": \"y\", \"url\": 7}]}}}",
        &[
            "line 3 column 20: services.rss_agg.feeds[1].url: invalid type: integer `7`, expected a string",
        ],
    );
}

#[test]
fn an_unknown_field_is_said_once_with_what_was_probably_meant() {
    let services: Vec<_> = (0..5)
        .map(|n| format!("\"s{n}\": {{\"hartbeat\": {{}}, \"colour\": 1}}"))
        .collect();
    let truth = good(&format!(
        "{{\"services\": {{{}, \"rss_agg\": {{\"feeds\": [{{\"id\": \"x\", \"url\": \"https://x/\", \"uri\": 1}}]}}}}}}",
        services.join(",")
    ));
    let said: Vec<_> = truth
        .warnings()
        .list()
        .iter()
        .map(Problem::to_string)
        .collect();
    assert_eq!(
        said,
        [
            "line 1 column 22: services.s0.hartbeat: an unknown field; did you mean `heartbeat`? (and 4 more like it)",
            "line 1 column 38: services.s0.colour: an unknown field; a service has heartbeat, access_points, \
             instances, depends_on, enabled, description, group, runbook (and 4 more like it)",
            "line 1 column 251: services.rss_agg.feeds[0].uri: an unknown field; did you mean `url`?",
        ]
    );
}
