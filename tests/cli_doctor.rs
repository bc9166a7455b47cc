//! `marketswarm doctor` finds what is wrong, says what to do about it, and that helps.

use serde_json::Value;

use crate::support::receiver::Receiver;
use crate::support::stage::Stage;
use crate::support::{Daemon, PATIENCE, RedisServer, until};

/// What the doctor finds, and its exit code.
fn doctor(env: &[(&str, &str)]) -> (i32, Value) {
    let (code, text) = Daemon::run("marketswarm", &["doctor", "--json"], env, PATIENCE);
    let report = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    (code, report)
}

/// The finding that speaks of `words`, if there is one.
fn found<'r>(report: &'r Value, words: &str) -> Option<&'r Value> {
    let mut findings = report["findings"].as_array().unwrap().iter();
    findings.find(|finding| finding["what"].as_str().unwrap().contains(words))
}

#[test]
fn a_swarm_that_is_well_is_0_and_what_breaks_is_named_with_its_remedy() {
    let receiver = Receiver::start();
    let stage = Stage::new(&["mesh"], 0.5, 3.0);
    stage.redis.config_set("appendonly", "yes");
    let url = stage.redis.url();
    let env = [("SYSTEM_REDIS_URL", url.as_str())];
    let mut mesh = stage.start("mesh");
    let mut healer = stage.start_with("healer", &[("WEBHOOK_URL", &receiver.url())]);
    until("all is well", PATIENCE, || match doctor(&env) {
        (0, report) if report["well"] == true => Ok(()),
        (code, report) => Err(format!("{code}: {report:#}")),
    });
    let (code, text) = Daemon::run("marketswarm", &["doctor"], &env, PATIENCE);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("all is well; looked at: "), "{text}");

    mesh.kill();
    until("the death is found", PATIENCE, || {
        let (code, report) = doctor(&env);
        match found(&report, "is down: no beat for") {
            Some(finding) if finding["about"] == "mesh" && code == 1 => Ok(()),
            _ => Err(format!("{code}: {report:#}")),
        }
    });
    healer.kill();
    until("nobody judges", PATIENCE, || {
        let (code, report) = doctor(&env);
        assert_eq!(code, 1);
        let silent = found(&report, "the healer is silent");
        silent.map(|_| ()).ok_or_else(|| format!("{report:#}"))
    });
}

#[test]
fn a_database_that_keeps_no_beats_apart_is_found() {
    let redis = RedisServer::start();
    let url = format!("{}/3", redis.url());
    let (code, report) = doctor(&[("SYSTEM_REDIS_URL", &url)]);
    let finding = found(&report, "names database 3").expect("the database is named");
    assert_eq!((&finding["about"], code), (&"system-redis".into(), 1));
}

#[test]
fn without_a_truth_it_says_to_bootstrap_and_without_a_bus_it_is_3() {
    let redis = RedisServer::start();
    let url = redis.url();
    let env = [("SYSTEM_REDIS_URL", url.as_str())];
    let (code, report) = doctor(&env);
    assert_eq!(code, 1);
    assert!(found(&report, "run bootstrap").is_some(), "{report:#}");
    assert_eq!(
        report["findings"][0]["grade"], "wrong",
        "the worst is first"
    );
    drop(redis);
    let (code, report) = doctor(&env);
    assert_eq!(code, 3);
    assert!(found(&report, "cannot be reached").is_some(), "{report:#}");
    let (code, said) = Daemon::run("marketswarm", &["doctor", "--all"], &env, PATIENCE);
    assert_eq!(code, 2, "{said}");
}

#[test]
fn a_bus_that_may_evict_or_forbids_what_is_needed_is_mended_by_what_it_says() {
    let stage = Stage::new(&["mesh"], 1.0, 3.0);
    stage.redis.config_set("maxmemory", "100mb");
    stage.redis.config_set("maxmemory-policy", "allkeys-lru");
    let rules = ["on", ">hunter2", "~truth:*", "&*", "+@all", "-xadd"];
    let set_user = ["ACL", "SETUSER", "ops"];
    stage.redis.query::<()>(&[&set_user[..], &rules].concat());
    let url = format!("redis://ops:hunter2@127.0.0.1:{}", stage.redis.port());
    let env = [("SYSTEM_REDIS_URL", url.as_str())];
    let (code, report) = doctor(&env);
    assert_eq!(code, 1);
    assert!(found(&report, "allkeys-lru").is_some(), "{report:#}");
    for deed in ["`XADD healer:alerts:log`", "`SET health:healer`"] {
        let finding = found(&report, deed).unwrap_or_else(|| panic!("{deed}: {report:#}"));
        let remedy = finding["remedy"].as_str().unwrap();
        let words: Vec<&str> = remedy.split(' ').collect();
        assert_eq!(words[..3], set_user, "{remedy}");
        stage.redis.query::<()>(&words);
    }
    stage.redis.config_set("maxmemory-policy", "noeviction");
    let (_, report) = doctor(&env);
    for gone in ["allkeys-lru", "may not do"] {
        assert!(found(&report, gone).is_none(), "{gone}: {report:#}");
    }
}

#[test]
fn wrong_variables_other_truths_and_dead_letters_are_found() {
    let (stage, market) = (Stage::new(&["mesh"], 1.0, 3.0), RedisServer::start());
    market.query::<()>(&["SET", "truth:doc", "{}"]);
    let letter = ["LPUSH", "healer:dead:ops", "{}"];
    stage.redis.query::<i64>(&letter);
    let (url, market_url) = (stage.redis.url(), market.url());
    let env = [
        ("SYSTEM_REDIS_URL", url.as_str()),
        ("MARKET_REDIS_URL", &market_url),
        ("WEBHOOK_URL", "no url"),
        ("STATE_DIR", "/nowhere/at/all"),
    ];
    let (code, report) = doctor(&env);
    assert_eq!(code, 1);
    for words in [
        "WEBHOOK_URL",
        "cannot be looked at",
        "market-redis holds another truth",
        "1 message could not be delivered",
    ] {
        assert!(found(&report, words).is_some(), "{words}: {report:#}");
    }
}
