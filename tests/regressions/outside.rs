//! Text from outside moved the cursor of a terminal, and forged lines of a table and of a log.

use std::fs;

use serde_json::{Value, json};

use crate::support::mail_server::MailServer;
use crate::support::market::Market;
use crate::support::newsroom::Newsroom;
use crate::support::notifier::notifier;
use crate::support::receiver::Receiver;
use crate::support::redis_server::{command, connect};
use crate::support::truth::truth_of;
use crate::support::{Daemon, PATIENCE, RedisServer, Stage, until};

/// Clears a screen, in both ways that terminals know, and goes on in lines of its own, as three ends of lines make them.
const FORGED: &str =
    "\u{1b}[2J\u{9b}31mstuck\r\nhealer    up\u{2028}healer    up\u{85}healer    up\u{7f}\u{202e}x";

/// No character of `text` acts on a terminal, and no line of it is the forged one.
#[track_caller]
fn assert_harmless(what: &str, text: &str) {
    assert!(!text.is_empty(), "{what} shows nothing");
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let ends = c == '\n';
        assert!(
            !turns && (ends || !c.is_control()),
            "{what} has {c:?}:\n{text:?}"
        );
    }
    let is_forged = |line: &str| line.trim_start().starts_with("healer    up");
    assert!(
        !text.lines().any(is_forged),
        "{what} has a forged line:\n{text}"
    );
}

/// What the operator's command says about the swarm on this bus.
#[track_caller]
fn asked(redis: &RedisServer, args: &[&str]) -> String {
    let url = redis.url();
    let (_, text) = Daemon::run("marketswarm", args, &[("SYSTEM_REDIS_URL", &url)], PATIENCE);
    assert_harmless(&args.join(" "), &text);
    text
}

#[test]
fn a_beat_wrote_lines_of_its_own_on_the_operators_terminal() {
    let stage = Stage::new(&["mesh", "massive"], 0.5, 10.0);
    let beater = stage.beat(&["mesh", "massive"]);
    let healer = stage.healer_for("mesh");
    let url = stage.redis.url();
    let mut watch = Daemon::start_with(
        "marketswarm",
        &["watch", "--plain"],
        &[("SYSTEM_REDIS_URL", &url)],
    );
    watch.wait_log("beat mesh", PATIENCE);
    beater.say("massive", json!({"status": FORGED, "inst": FORGED}));
    beater.say("mesh", json!({"status": "degraded", "reason": FORGED}));
    let alert = stage.alerts.wait("service_degraded", "mesh", PATIENCE);
    let reason = alert.json["reason"].as_str().unwrap().to_owned();
    assert_harmless("the alert", &reason);
    assert!(reason.contains("stuck healer    up"), "{reason}");
    watch.wait_log("DEGRADED mesh: ", PATIENCE);
    watch.wait_log("stuck healer    up", PATIENCE);
    until("the table has it", PATIENCE, || {
        let table = asked(&stage.redis, &["status"]);
        match table.contains("stuck healer    up") {
            true => Ok(()),
            false => Err(table),
        }
    });
    let history = asked(&stage.redis, &["alerts"]);
    assert!(history.contains("stuck healer    up"), "{history}");
    for args in [["status", "--json"], ["alerts", "--json"]] {
        asked(&stage.redis, &args);
    }
    watch.stop();
    assert_harmless("watch --plain", &watch.log());
    assert_harmless("the healer's log", &healer.log());
}

#[test]
fn up_showed_what_a_beat_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let (truth, data) = (folder.path().join("truth.json"), folder.path().join("data"));
    fs::write(&truth, truth_of(&["mesh"], 1.0, 10.0).to_string()).unwrap();
    let (truth, data_name) = (truth.display().to_string(), data.display().to_string());
    let mut args = vec!["up", "--plain", "--truth", &truth, "--data", &data_name];
    args.extend([
        "--system-port",
        "0",
        "--market-port",
        "0",
        "--only",
        "mesh,healer",
    ]);
    let path = std::env::var("PATH").unwrap();
    let mut up = Daemon::start_with("marketswarm", &args, &[("PATH", &path)]);
    up.wait_log("mesh: first beat heard", PATIENCE);
    up.wait_log("the healer judges", PATIENCE);
    let note: Value = serde_json::from_slice(&fs::read(data.join("run/up.json")).unwrap()).unwrap();
    let mut bus = connect(note["system_port"].as_u64().unwrap() as u16, None).unwrap();
    let beat = json!({"svc": "mesh", "i": 1, "status": "degraded", "reason": FORGED}).to_string();
    let heard: u64 = command(&["PUBLISH", "mesh:heartbeat", &beat])
        .query(&mut bus)
        .unwrap();
    assert!(heard > 0);
    up.wait_log("DEGRADED mesh: ", PATIENCE);
    up.stop();
    assert_harmless("up", &up.log());
    assert!(up.log().contains("stuck healer    up"), "{}", up.log());
}

#[test]
fn an_alert_of_another_writer_reached_people_as_it_was() {
    let (redis, receiver) = (RedisServer::start(), Receiver::start());
    let mail = MailServer::start();
    let to = "ops@example.org";
    let mut env = vec![("WEBHOOK_URL".to_owned(), receiver.url())];
    env.extend(mail.iter().flat_map(|server| server.env(to)));
    let pairs: Vec<(&str, &str)> = env.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let _notifier = notifier(&redis, &pairs);
    let now = marketswarm::clock::wall_secs();
    let alert = json!({"type": "bus_readonly", "svc": format!("mesh{FORGED}"), "ts": now, "id": "other-1",
        "reason": FORGED, "host": FORGED, "bus": FORGED});
    redis.query::<String>(&[
        "XADD",
        "healer:alerts:log",
        "*",
        "alert",
        &alert.to_string(),
    ]);
    let told = receiver.wait_text("stuck healer    up", PATIENCE);
    assert_harmless("the webhook", &told.text());
    for field in ["svc", "reason", "host", "bus"] {
        let said = told.json()["alerts"][0][field].as_str().map(str::to_owned);
        assert_harmless(
            field,
            &said.unwrap_or_else(|| panic!("no {field}: {}", told.body)),
        );
    }
    if let Some(server) = &mail {
        let taken = server.wait_mail(to, "REFUSES WRITES", PATIENCE);
        // A long header goes on in a line that begins with a blank, a long line of the text behind `=`.
        let data = taken["data"].as_str().unwrap();
        let data = data.replace("=\r\n", "").replace("\r\n ", " ");
        let data = data.replace("\r\n", "\n");
        assert_harmless("the mail", &data);
    }
    asked(&redis, &["alerts"]);
}

#[test]
fn a_truth_forged_lines_of_the_log_and_of_its_check() {
    let mut stage = Stage::new(&["mesh"], 0.5, 10.0);
    let _beater = stage.beat(&["mesh"]);
    let healer = stage.healer_for("mesh");
    stage.truth["services"]["mesh"]["description"] = FORGED.into();
    stage.truth["services"]["mesh"][FORGED] = FORGED.into();
    stage.truth["services"][FORGED] =
        json!({"heartbeat": {"channel": FORGED, "redis_url": FORGED}});
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("truth.json");
    fs::write(&file, stage.truth.to_string()).unwrap();
    let (code, text) = Daemon::run(
        "marketswarm",
        &["truth", "check", file.to_str().unwrap()],
        &[],
        PATIENCE,
    );
    assert_eq!(code, 2, "{text}");
    assert_harmless("truth check", &text);
    stage.reseed();
    let alert = stage.alerts.wait("truth_rejected", "healer", PATIENCE);
    assert_harmless("the alert", alert.json["reason"].as_str().unwrap());
    asked(&stage.redis, &["alerts"]);
    assert_harmless("the healer's log", &healer.log());
}

#[test]
fn what_stands_in_the_store_of_market_data_and_of_analyses_wrote_on_terminals() {
    let market = Market::open(&["ACME"]);
    market.seed();
    let redis = &market.redis;
    let (now, uid) = ("1800000000", "u1");
    redis.query::<i64>(&["ZADD", "rss:analysis:index", now, uid]);
    let jobs = json!([{"job": FORGED, "good_ms": 1, "failures": 1, "error": FORGED}]).to_string();
    let links = json!([{"cluster": FORGED, "state": FORGED, "why": FORGED}]).to_string();
    let summary = json!({"atm": FORGED}).to_string();
    let chain = json!({"spot": FORGED, "ts": FORGED, "contracts": [{"type": FORGED}]}).to_string();
    redis.query::<String>(&["SET", "k", &chain]);
    for (key, fields) in [
        (
            "market:snapshot:ACME",
            vec![
                ("feed", FORGED),
                ("kind", FORGED),
                ("price", FORGED),
                ("stale", "1"),
                ("reason", FORGED),
            ],
        ),
        (
            "massive:status",
            vec![
                ("as_of_ms", "1"),
                ("state", "degraded"),
                ("reason", FORGED),
                ("demand", FORGED),
                ("stream", FORGED),
                ("jobs", &jobs),
                ("stream_links", &links),
            ],
        ),
        ("massive:totals", vec![(FORGED, FORGED)]),
        (
            "market:chain:ACME",
            vec![
                ("spot", FORGED),
                ("stale", "1"),
                ("reason", FORGED),
                ("2026-01-16:pointer", "k"),
                ("2026-01-16:summary", &summary),
            ],
        ),
        (
            "rss:analysis:u1",
            vec![
                ("uid", uid),
                ("title", FORGED),
                ("feed", FORGED),
                ("url", FORGED),
                ("summary", FORGED),
                ("model", FORGED),
            ],
        ),
    ] {
        let mut words = vec!["HSET", key];
        words.extend(fields.iter().flat_map(|(name, value)| [*name, *value]));
        redis.query::<i64>(&words);
    }
    for args in [
        vec!["market"],
        vec!["market", "--json"],
        vec!["market", "get", "ACME"],
        vec!["market", "status"],
        vec!["market", "status", "--json"],
        vec!["market", "budget"],
        vec!["market", "chain", "ACME"],
        vec!["market", "chain", "ACME", "2026-01-16"],
        vec!["vexy", "status"],
        vec!["vexy", "show", uid],
    ] {
        asked(redis, &args);
    }
}

#[test]
fn a_feed_wrote_on_the_operators_terminal() {
    let entities: String = FORGED
        .chars()
        .map(|c| format!("&#x{:x};", u32::from(c)))
        .collect();
    let feed = format!(
        "<rss version=\"2.0\"><channel><title>T{entities}</title><link>https://x.example/</link><item>\
         <guid>1</guid><title>I {entities}</title><author>{entities}</author></item></channel></rss>"
    );
    let mut room = Newsroom::open();
    room.feed("good", "/good");
    room.feed("coded", "/coded");
    room.feed("page", "/page");
    let page = format!(
        "<!doctype html><link rel=alternate type=application/rss+xml href=\"http://[{entities}\">"
    );
    room.server
        .always("/page", crate::support::feed_server::Reply::ok(page));
    room.server.always(
        "/good",
        crate::support::feed_server::Reply::ok(feed.clone()),
    );
    let coded =
        crate::support::feed_server::Reply::ok("x").with("content-encoding", "\u{9b}31mstuck");
    room.server.always("/coded", coded);
    let reader = room.start();
    room.wait_queue(1);
    for id in ["coded", "page"] {
        let status = room.wait_status(id, "fails", |status| status["error"].is_string());
        assert_harmless(id, status["error"].as_str().unwrap());
    }
    let good = room.wait_status("good", "is read", |status| status["title"].is_string());
    assert_harmless("the title", good["title"].as_str().unwrap());
    asked(&room.redis, &["feed", "status"]);
    asked(&room.redis, &["feed", "status", "--json"]);
    assert_harmless("the reader's log", &reader.log());
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), feed).unwrap();
    let path = file.path().to_str().unwrap();
    let (_, text) = Daemon::run("marketswarm", &["feed", "check", path], &[], PATIENCE);
    assert_harmless("feed check", &text);
    assert!(
        text.contains("stuck healer    up") || text.contains("stuck"),
        "{text}"
    );
}
