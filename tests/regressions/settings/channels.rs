//! How people are told is judged like any other section of truth, and no mistake in it silences a watcher.

use serde_json::{Value, json};

use crate::support::receiver::Receiver;
use crate::support::watcher::{HEALER, INTERVAL_SEC, SENTINEL, TIMEOUT_SEC};
use crate::support::{Daemon, PATIENCE, RedisServer, Stage, secs};

fn webhook(name: &str, variable: &str) -> Value {
    json!({"name": name, "kind": "webhook", "url_env": variable})
}

#[test]
fn a_channel_of_the_wrong_shape_is_refused_by_check_and_bootstrap_with_its_place() {
    let redis = RedisServer::start();
    let url = redis.url();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("truth.json");
    let path = file.to_str().unwrap();
    for (field, value) in [("kind", "pager"), ("format", "xml"), ("colour", "red")] {
        let mut channel = webhook("ops", "OPS_URL");
        channel[field] = json!(value);
        let truth = json!({"services": {"healer": {"notify": [channel]}}});
        std::fs::write(&file, serde_json::to_string_pretty(&truth).unwrap()).unwrap();
        let checked = Daemon::run("marketswarm", &["truth", "check", path], &[], PATIENCE);
        let env = [("SYSTEM_REDIS_URL", url.as_str()), ("TRUTH_FILE", path)];
        let seeded = Daemon::run("bootstrap", &[], &env, PATIENCE);
        for (code, said) in [checked, seeded] {
            assert_eq!(code, 2, "{said}");
            let place = format!("services.healer.notify[0].{field}");
            assert!(said.contains(&place), "{said}");
        }
    }
    assert!(!redis.query::<bool>(&["EXISTS", "truth:doc"]));
}

#[test]
fn both_watchers_start_with_the_channels_that_are_usable_and_say_which_are_not() {
    for who in [HEALER, SENTINEL] {
        let mut stage = who.stage();
        let receiver = Receiver::start();
        stage.truth["services"]["healer"]["notify"] = json!([
            webhook("good", "GOOD_URL"),
            webhook("lacks", "NO_SUCH_VARIABLE"),
            webhook("torn", "GOOD_URL").as_object().map(|torn| {
                let mut torn = torn.clone();
                torn.insert("ca_env".into(), json!("TORN_CA"));
                torn
            }),
            {"name": "odd", "kind": "pager"},
            "nonsense",
        ]);
        stage.reseed();
        let url = receiver.url();
        let torn = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        let env = [("GOOD_URL", url.as_str()), ("TORN_CA", torn)];
        let mut watch = who.at_work_on(stage, &env);
        let told = receiver
            .wait_text("CHANNELS not as truth says: ", PATIENCE)
            .text();
        for named in ["NO_SUCH_VARIABLE", "notify[3].kind", "notify[4]", "torn"] {
            assert!(told.contains(named), "{named}: {told}");
        }
        watch.beats.silence(who.subject);
        receiver.wait_text(&format!("DOWN {}", who.subject), PATIENCE);
        assert!(watch.daemon.is_alive());
        let log = watch.daemon.log();
        assert!(log.contains("notify[3].kind"), "{log}");
    }
}

#[test]
fn a_misshapen_channel_that_comes_past_bootstrap_is_told_and_the_rest_is_in_force() {
    let mut watch = HEALER.at_work();
    watch.stage.truth["services"]["healer"]["notify"] = json!([{"name": "a", "kind": "pager"}]);
    crate::support::truth::add_service(&mut watch.stage.truth, "svc-b", INTERVAL_SEC, TIMEOUT_SEC);
    watch.beats.add("svc-b", secs(INTERVAL_SEC));
    watch.stage.reseed();
    let told = watch.alerts().wait("truth_rejected", "healer", PATIENCE);
    assert!(told.text.contains("notify[0].kind"), "{}", told.text);
    watch.stage.wait_health("svc-b", "up");
    watch.assert_still_judges();
}

#[test]
fn a_channel_whose_variable_is_missing_keeps_its_former_settings_and_that_is_told_once() {
    let mut stage = Stage::new(&["a"], 0.2, 1.0);
    let receivers = [Receiver::start(), Receiver::start()];
    let urls: Vec<String> = receivers.iter().map(Receiver::url).collect();
    let env = [
        ("ONE_URL", urls[0].as_str()),
        ("TWO_URL", urls[1].as_str()),
        ("RATE_LIMIT_SEC", "0"),
    ];
    let set = |stage: &mut Stage, channels: Value| {
        stage.truth["services"]["healer"]["notify"] = channels;
        stage.reseed();
    };
    let one = webhook("one", "ONE_URL");
    set(&mut stage, json!([one, webhook("two", "TWO_URL")]));
    let beats = stage.beat(&["a"]);
    let healer = stage.start_with("healer", &env);
    stage.wait_health("a", "up");
    healer.wait_log("channel two:", PATIENCE);
    for edition in 0..3 {
        stage.truth["description"] = json!(format!("edition {edition}"));
        set(&mut stage, json!([one, webhook("two", "NO_SUCH_VARIABLE")]));
        std::thread::sleep(secs(0.3));
    }
    let told = receivers[0].wait_text("two as before", PATIENCE).text();
    assert!(told.contains("NO_SUCH_VARIABLE"), "{told}");
    beats.silence("a");
    for receiver in &receivers {
        receiver.wait_text("DOWN a", PATIENCE);
        let all = receiver.all();
        let notes = all.iter().filter(|t| t.text().contains("CHANNELS"));
        assert_eq!(notes.count(), 1, "{all:?}");
    }
}

#[test]
fn where_no_channel_of_truth_can_be_used_at_a_start_the_usual_ones_tell() {
    for notify in [
        json!({"name": "a"}),
        json!([webhook("a", "NO_SUCH_VARIABLE")]),
    ] {
        let mut stage = HEALER.stage();
        stage.truth["services"]["healer"]["notify"] = notify;
        stage.reseed();
        let receiver = Receiver::start();
        let watch = HEALER.at_work_on(stage, &[("WEBHOOK_URL", &receiver.url())]);
        receiver.wait_text("CHANNELS not as truth says: ", PATIENCE);
        watch.beats.silence("svc-a");
        receiver.wait_text("DOWN svc-a", PATIENCE);
    }
}

#[test]
fn wrong_channels_in_the_environment_itself_are_exit_code_2() {
    let stage = Stage::new(&["a"], 0.2, 1.0);
    for watcher in ["healer", "sentinel"] {
        for (name, value) in [
            ("WEBHOOK_URL", "nonsense"),
            ("SMTP_HOST", "mail.example.org"),
            ("DEADMAN_URL", "nonsense"),
        ] {
            let mut daemon = stage.start_with(watcher, &[(name, value)]);
            assert_eq!(daemon.wait_exit(PATIENCE), 2, "{watcher} {name}");
            let names = if name == "SMTP_HOST" {
                "SMTP_FROM"
            } else {
                name
            };
            assert!(daemon.log().contains(names), "{}", daemon.log());
        }
    }
}

#[test]
fn no_mistake_in_the_channels_ends_a_watcher_or_keeps_one_from_starting() {
    let mistakes = [
        r#"[{"name": "odd", "kind": "webhook", "url_env": "not a name"}]"#,
        r#"[{"name": "odd", "kind": "webhook", "kind": "email", "url_env": "OPS_URL"}]"#,
        r#"[{"name": "odd", "kind": "webhook", "password": "s3cret"}]"#,
        r#"[{"name": "odd", "kind": "webhook", "url": "https://me:s3cret@example.org/"}]"#,
        r#"[], "notify": []"#,
    ];
    for who in [HEALER, SENTINEL] {
        for mistake in mistakes {
            let stage = who.stage();
            let receiver = Receiver::start();
            let url = receiver.url();
            let mut truth = stage.truth.clone();
            truth["services"]["healer"]["notify"] = json!("HERE");
            let text = truth.to_string().replace("\"HERE\"", mistake);
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("truth.json");
            std::fs::write(&file, &text).unwrap();
            let path = file.to_str().unwrap();
            let (code, said) = Daemon::run("marketswarm", &["truth", "check", path], &[], PATIENCE);
            assert_eq!(code, 2, "{mistake}: {said}");
            assert!(said.contains("services.healer.notify"), "{said}");
            assert_eq!(
                said.matches("not the name of").count(),
                usize::from(mistake.contains("not a name")),
                "{said}"
            );
            stage.redis.query::<()>(&["SET", "truth:doc", &text]);
            let env = [("WEBHOOK_URL", url.as_str())];
            let mut watch = who.at_work_on(stage, &env);
            watch.beats.silence(who.subject);
            who.wait_miss(watch.alerts());
            assert!(watch.daemon.is_alive(), "{mistake}");
            let log = watch.daemon.log();
            assert!(!log.contains("s3cret"), "{log}");
        }
    }
}
