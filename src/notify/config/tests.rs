//! Channels: what is read, and what is refused with which name.

use super::*;
use crate::truth::Defaults;

fn truth(notify: &str) -> Truth {
    let doc =
        format!(r#"{{"services":{{"healer":{{"heartbeat":{{"interval_sec":10}}{notify}}}}}}}"#);
    Truth::parse(doc.as_bytes(), Defaults::default()).unwrap_or_else(|e| panic!("{e}"))
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
    let lacking = Config::read(&Env::from_pairs(pairs[1..].iter().copied()), &truth(notify));
    assert!(lacking.expect_err("no URL").to_string().contains("OPS_URL"));
}

#[test]
fn nobody_is_told_while_no_channel_is_configured() {
    let none = Env::from_pairs([("LOG_LEVEL", "info")]);
    let some = Env::from_pairs([("WEBHOOK_URL", "https://h/")]);
    assert!(!channels_configured(&none, &truth("")));
    assert!(channels_configured(&some, &truth("")));
    assert!(!channels_configured(&some, &truth(r#","notify":[]"#)));
}
