//! Channels: what is read, and what is refused with which name.

use super::*;
use crate::truth::{Defaults, Rules, ServiceSchema};

/// Past the validator, as a document may come.
const OPEN: &[ServiceSchema] = &[ServiceSchema::open("healer")];

fn truth(notify: &str) -> Truth {
    let doc =
        format!(r#"{{"services":{{"healer":{{"heartbeat":{{"interval_sec":10}}{notify}}}}}}}"#);
    let rules = Rules::strict(Defaults::default(), OPEN);
    Truth::parse(doc.as_bytes(), rules).unwrap_or_else(|e| panic!("{e}"))
}

fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::read(&Env::from_pairs(pairs.iter().copied()), &truth(""))
}

#[test]
fn the_environment_alone_gives_one_channel_of_each_kind() {
    let config = read(&[
        (
            "WEBHOOK_URL",
            "https://hooks.slack.com/services/T/B/hunter2",
        ),
        ("SMTP_HOST", "mail.example.org"),
        ("SMTP_PORT", "465"),
        ("SMTP_FROM", "swarm@example.org"),
        ("SMTP_TO", "a@example.org, b@example.org"),
    ])
    .expect("valid");
    let said: Vec<String> = config.channels.iter().map(|c| c.to_string()).collect();
    assert_eq!(
        said,
        [
            "webhook: slack to https://hooks.slack.com/…",
            "email: mail by mail.example.org:465 to 2 people"
        ]
    );
    let Target::Email(email) = &config.channels[1].target else {
        panic!("an e-mail channel")
    };
    assert_eq!(email.tls, Tls::Implicit);
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn what_is_wrong_is_refused_with_the_name_of_its_variable_and_never_its_value() {
    let mail = [
        ("SMTP_HOST", "m.example.org"),
        ("SMTP_FROM", "s@example.org"),
        ("SMTP_TO", "a@example.org"),
    ];
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("WEBHOOK_URL", "hunter2")], "WEBHOOK_URL"),
        (&[("WEBHOOK_URL", "ftp://hunter2/")], "WEBHOOK_URL"),
        (&[("WEBHOOK_URL", "https://u:hunter2@h/")], "WEBHOOK_URL"),
        (
            &[("WEBHOOK_URL", "https://h/"), ("WEBHOOK_FORMAT", "hunter2")],
            "WEBHOOK_FORMAT",
        ),
        (
            &[
                ("WEBHOOK_URL", "https://h/"),
                ("WEBHOOK_SECRET", "whsec_hunter2!"),
            ],
            "WEBHOOK_SECRET",
        ),
        (
            &[
                ("WEBHOOK_URL", "https://h/"),
                ("WEBHOOK_TIMEOUT_SEC", "hunter2"),
            ],
            "WEBHOOK_TIMEOUT_SEC",
        ),
        (
            &[("WEBHOOK_URL_FILE", "/nonexistent/x")],
            "WEBHOOK_URL_FILE",
        ),
        (&[("DEADMAN_URL", "hunter2")], "DEADMAN_URL"),
        (&[("SMTP_HOST", "m"), ("SMTP_TO", "a@b.org")], "SMTP_FROM"),
        (&[("SMTP_HOST", "m"), ("SMTP_FROM", "a@b.org")], "SMTP_TO"),
        (&[mail[0], mail[1], ("SMTP_TO", "hunter2")], "SMTP_TO"),
        (
            &[mail[0], mail[1], mail[2], ("SMTP_PORT", "hunter2")],
            "SMTP_PORT",
        ),
        (
            &[mail[0], mail[1], mail[2], ("SMTP_USER", "hunter2")],
            "SMTP_PASS",
        ),
        (
            &[mail[0], mail[1], mail[2], ("SMTP_TLS", "hunter2")],
            "SMTP_TLS",
        ),
        (
            &[
                mail[0],
                mail[1],
                mail[2],
                ("SMTP_TLS", "none"),
                ("SMTP_USER", "u"),
                ("SMTP_PASS", "hunter2"),
            ],
            "SMTP_TLS",
        ),
        (&[("GROUP_WAIT_SEC", "5")], "GROUP_WAIT_SEC"),
    ];
    for (pairs, name) in cases {
        let said = read(pairs).expect_err(name).to_string();
        assert!(said.contains(name) && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn truth_names_several_channels_and_the_variables_that_hold_their_secrets() {
    let notify = r#","notify":[
        {"name":"ops","kind":"webhook","url_env":"OPS_URL","format":"discord"},
        {"name":"me","kind":"email","to":["me@example.org"]}]"#;
    let pairs = [
        ("OPS_URL", "https://h/x"),
        ("SMTP_HOST", "localhost"),
        ("SMTP_FROM", "s@example.org"),
    ];
    let config = Config::read(&Env::from_pairs(pairs), &truth(notify)).expect("valid");
    let names: Vec<&str> = config.channels.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["ops", "me"]);
    // One whose variable is missing leaves the other as it is.
    let lacking = Config::read(&Env::from_pairs(pairs[1..].iter().copied()), &truth(notify));
    let lacking = lacking.expect("the environment is right");
    assert_eq!(lacking.channels, config.channels[1..]);
    assert_eq!(lacking.unusable[0].name.as_deref(), Some("ops"));
    assert!(lacking.unusable[0].why.to_string().contains("OPS_URL"));
}

#[test]
#[allow(clippy::too_many_lines)] // A table of cases.
fn every_mistake_in_the_shape_of_a_channel_is_told_with_its_path_and_what_to_write() {
    let seventeen: Vec<String> = (0..17)
        .map(|i| format!(r#"{{"name":"c{i}","kind":"webhook"}}"#))
        .collect();
    let seventeen = seventeen.join(",");
    for (list, path, instead) in [
        (r#"{"name":"a","kind":"pager"}"#, "[0].kind", "webhook"),
        (r#"{"name":"a","kind":5}"#, "[0].kind", "webhook"),
        (r#"{"name":"a"}"#, "[0]", "kind"),
        (r#"{"kind":"email"}"#, "[0]", "name"),
        (r#"{"name":"../a","kind":"email"}"#, "[0].name", "A-Z"),
        (r#"{"name":"","kind":"email"}"#, "[0].name", "A-Z"),
        (r#"{"name":7,"kind":"email"}"#, "[0].name", "A-Z"),
        (
            r#"{"name":"a","kind":"email"},{"name":"a","kind":"email"}"#,
            "[1].name",
            "its own",
        ),
        (
            r#"{"name":"a","kind":"webhook","format":"xml"}"#,
            "[0].format",
            "slack",
        ),
        (
            r#"{"name":"a","kind":"webhook","format":[]}"#,
            "[0].format",
            "slack",
        ),
        (
            r#"{"name":"a","kind":"webhook","formt":"slack"}"#,
            "[0].formt",
            "`format`",
        ),
        (
            r#"{"name":"a","kind":"webhook","colour":"red"}"#,
            "[0].colour",
            "url_env",
        ),
        (
            r#"{"name":"a","kind":"webhook","url_env":5}"#,
            "[0].url_env",
            "OPS_URL",
        ),
        (
            r#"{"name":"a","kind":"webhook","timeout_sec":0}"#,
            "[0].timeout_sec",
            "120",
        ),
        (
            r#"{"name":"a","kind":"webhook","timeout_sec":"5"}"#,
            "[0].timeout_sec",
            "120",
        ),
        (r#"{"name":"a","kind":"email","to":[]}"#, "[0].to", "ops@"),
        (
            r#"{"name":"a","kind":"email","to":["nobody"]}"#,
            "[0].to",
            "ops@",
        ),
        (
            r#"{"name":"a","kind":"email","to":"a@example.org"}"#,
            "[0].to",
            "ops@",
        ),
        (r#""ops""#, "[0]", "an object"),
        (seventeen.as_str(), "[16]", "fewer"),
    ] {
        let doc = format!("{{\"services\":{{\"healer\":{{\n\"notify\":[{list}]}}}}}}");
        let path = format!("services.healer.notify{path}");
        let rules = |is_lenient| Rules {
            is_lenient,
            ..Rules::strict(Defaults::default(), crate::sections::SCHEMAS)
        };
        let refused = Truth::parse(doc.as_bytes(), rules(false)).expect_err(list);
        let Some(problem) = refused.errors.list().iter().find(|p| p.path == path) else {
            panic!("{list}: {refused}")
        };
        assert_eq!(problem.position.line, 2, "{problem}");
        assert!(problem.instead.contains(instead), "{problem}");
        // Who runs by it goes on with the channels that are right.
        let truth = Truth::parse(doc.as_bytes(), rules(true)).expect("spared");
        let config = Config::read(&Env::from_pairs([("X", "y")]), &truth).expect("readable");
        assert!(!config.unusable.is_empty(), "{list}");
        assert!(misshapen(&truth).is_some_and(|wrong| wrong.contains(&path)));
    }
    let whole = r#"{"services":{"healer":{"notify":{"name":"a"}}}}"#;
    let rules = Rules::strict(Defaults::default(), crate::sections::SCHEMAS);
    let refused = Truth::parse(whole.as_bytes(), rules).expect_err("no list");
    assert!(refused.to_string().contains("write a list"), "{refused}");
}

#[test]
fn every_field_that_a_channel_may_have_is_taken() {
    let fields = entry::FIELDS.map(|field| match field {
        "name" => r#""name":"a""#.to_owned(),
        "kind" => r#""kind":"email""#.to_owned(),
        "format" => r#""format":"slack""#.to_owned(),
        "timeout_sec" => r#""timeout_sec":5"#.to_owned(),
        "to" => r#""to":["a@example.org"]"#.to_owned(),
        env => format!("{env:?}:\"SOME_NAME\""),
    });
    let doc = format!(
        r#"{{"services":{{"healer":{{"notify":[{{{}}}]}}}}}}"#,
        fields.join(",")
    );
    let rules = Rules::strict(Defaults::default(), crate::sections::SCHEMAS);
    let truth = Truth::parse(doc.as_bytes(), rules).unwrap_or_else(|e| panic!("{e}"));
    assert!(truth.warnings().is_empty(), "{}", truth.warnings());
}

#[test]
fn what_the_environment_holds_must_be_right_even_where_truth_names_the_channels() {
    let notify = r#","notify":[{"name":"me","kind":"email","to":["me@example.org"]}]"#;
    let read = |pairs: &[(&str, &str)]| {
        Config::read(&Env::from_pairs(pairs.iter().copied()), &truth(notify))
    };
    let mail = [("SMTP_HOST", "localhost"), ("SMTP_FROM", "s@example.org")];
    // Without SMTP_TO this is no channel by itself; truth says who is written to.
    assert_eq!(read(&mail).expect("right").channels.len(), 1);
    let wrong = read(&[mail[0], mail[1], ("WEBHOOK_URL", "hunter2")]);
    assert!(
        wrong
            .expect_err("no URL")
            .to_string()
            .contains("WEBHOOK_URL")
    );
}

#[test]
fn nobody_is_told_while_no_channel_is_configured() {
    let none = Env::from_pairs([("LOG_LEVEL", "info")]);
    let some = Env::from_pairs([("WEBHOOK_URL", "https://h/")]);
    assert!(!channels_configured(&none, &truth("")));
    assert!(channels_configured(&some, &truth("")));
    assert!(!channels_configured(&some, &truth(r#","notify":[]"#)));
}
