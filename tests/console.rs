//! The console shows what is so, and nothing else: to whoever may see it, live, and without being in anybody's way.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::console::{Console, TOKEN, stage};
use crate::support::truth::{seed, truth_of};
use crate::support::{Daemon, PATIENCE, RedisServer, Stage, until};

#[test]
fn it_answers_before_bus_and_truth_are_there_and_finds_them_when_they_come() {
    let mut redis = RedisServer::prepare(&[]);
    let mut console = Console::start(&redis.url(), &[("TRUTH_WAIT_SEC", "0")]);
    assert_eq!(console.get_openly("/healthz").status, 200);
    assert_eq!(console.get_openly("/ok").status, 503);
    assert_eq!(console.get("/").status, 200);
    console.daemon.wait_log("cannot be reached", PATIENCE);
    redis.start_again();
    console.daemon.wait_log("there is no truth", PATIENCE);
    assert_eq!(console.get_openly("/healthz").status, 200);
    seed(&redis, &truth_of(&["db"], 0.2, 1.0));
    console.wait_state("db", "unknown");
    let summary = console.get("/api/v1/summary").json();
    assert_eq!(
        (&summary["judged"], &summary["total"]),
        (&json!(false), &json!(2))
    );
    let began = Instant::now();
    console.daemon.stop();
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_setting_that_cannot_be_used_ends_it_with_2() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (name, value) in [
        ("CONSOLE_LISTEN", "nowhere"),
        ("CONSOLE_LISTEN", taken.as_str()),
        ("CONSOLE_TOKEN", "s3cret"),
        ("CONSOLE_HOSTS", "a b"),
    ] {
        let env = [("SYSTEM_REDIS_URL", "redis://127.0.0.1:1"), (name, value)];
        let (code, log) = Daemon::run("console", &[], &env, PATIENCE);
        assert_eq!(code, 2, "{name}: {log}");
        assert!(log.contains(name), "{log}");
    }
}

#[test]
fn who_tells_people_and_what_could_not_be_delivered_is_shown() {
    let (stage, _healer, _beater, console) = stage();
    let wait_told_by = |words: &str| {
        until("who tells people", PATIENCE, || {
            let summary = console.get("/api/v1/summary").json();
            match summary["told_by"].as_str() {
                Some(told_by) if told_by.contains(words) => Ok(()),
                _ => Err(summary.to_string()),
            }
        })
    };
    wait_told_by("nobody will be told");
    let group = [
        "XGROUP",
        "CREATE",
        "healer:alerts:log",
        "healer:ops",
        "$",
        "MKSTREAM",
    ];
    stage.redis.query::<()>(&group);
    stage
        .redis
        .query::<()>(&["SET", "notify:healer:ops:holder", "i1"]);
    stage.redis.query::<()>(&["LPUSH", "healer:dead:ops", "{}"]);
    wait_told_by("told by: ops ● ▲ 1 dead");
    let notify = console.get("/api/v1/notify").json();
    let letter = json!({"ts": 0, "to": "", "title": "", "reason": "a letter that cannot be read"});
    let ops = json!({"channel": "ops", "at_work": true, "waiting": 0, "waiting_since_ts": null,
        "last_answer": null, "dead": 1, "letters": [letter]});
    assert_eq!(notify["channels"], json!([ops]));
    let page = console.get("/").body;
    assert!(page.contains("told by: ops ● ▲ 1 dead"), "{page}");
    let metrics = console.get("/metrics").body;
    let line = "marketswarm_dead_letters{channel=\"ops\"} 1";
    assert!(metrics.contains(line), "{metrics}");
}

#[test]
fn a_death_is_shown_live_and_so_is_the_end_of_it() {
    let (_stage, _healer, beater, console) = stage();
    until("all is well", PATIENCE, || {
        match console.get_openly("/ok") {
            ok if ok.status == 200 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let mut live = console.follow();
    live.wait("the first frame", PATIENCE, |frame| {
        frame["counts"]["up"] == 3
    });
    beater.silence("db");
    let frame = live.wait("a death", PATIENCE, |frame| frame["counts"]["down"] == 1);
    let changed = frame["changed"].as_array().unwrap();
    assert!(changed.contains(&json!("db")), "{frame}");
    assert!(
        frame["headline"]
            .as_str()
            .unwrap()
            .starts_with("1 of 3 down: db"),
        "{frame}"
    );
    assert_eq!(console.get_openly("/ok").status, 503);
    let text = console.get_openly("/status.txt").body;
    assert!(
        text.contains("down") && text.contains("no beat for"),
        "{text}"
    );
    let page = console.get("/").body;
    assert!(
        page.contains("1 of 3 down: db") && page.contains("href=\"/services/db\""),
        "{page}"
    );
    let first = console.get("/api/v1/services?state=down").json();
    assert_eq!(
        (&first["total"], &first["services"][0]["svc"]),
        (&json!(1), &json!("db"))
    );
    beater.resume("db");
    live.wait("the end of it", PATIENCE, |frame| {
        frame["counts"]["up"] == 3
    });
    let incidents = until("an incident", PATIENCE, || {
        let all = console.get("/api/v1/incidents").json();
        if all["incidents"][0]["to"].is_number() {
            Ok(all)
        } else {
            Err(all.to_string())
        }
    });
    let id = incidents["incidents"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(console.get(&format!("/incidents/{id}")).status, 200);
    wait_metric(&console, "service_up{svc=\"db\"} 1");
    wait_metric(&console, "alerts_total{type=\"heartbeat_miss\"} ");
    wait_metric(&console, "detection_lateness_seconds{quantile=\"0.99\"} ");
    wait_metric(&console, "bus_up{bus=\"system-redis\"} 1");
}

/// Waits until a line of the metrics begins so, behind the prefix of all of them.
fn wait_metric(console: &Console, line: &str) {
    until(line, PATIENCE, || {
        let metrics = console.get("/metrics").body;
        match metrics.contains(&format!("\nmarketswarm_{line}")) {
            true => Ok(()),
            false => Err(metrics),
        }
    });
}

/// Waits until the headline says so.
fn wait_headline(console: &Console, words: &str) {
    until(words, PATIENCE, || {
        let summary = console.get("/api/v1/summary").json();
        match summary["headline"].as_str() {
            Some(headline) if headline.contains(words) => Ok(()),
            _ => Err(summary.to_string()),
        }
    });
}

#[test]
fn without_a_healer_or_a_bus_nothing_is_green() {
    let (mut stage, mut healer, _beater, console) = stage();
    healer.kill();
    let detail = console.wait_state("db", "unknown");
    assert_eq!(detail["last_known"], "up", "{detail}");
    wait_headline(&console, "healer is silent");
    let _healer = stage.start("healer");
    console.wait_state("db", "up");
    stage.redis.kill();
    console.wait_state("db", "unknown");
    wait_headline(&console, "out of reach");
    assert_eq!(console.get_openly("/ok").status, 503);
    stage.redis.start_again();
    stage.reseed();
    console.wait_state("db", "up");
}

#[test]
fn a_process_that_was_stopped_does_not_show_what_was_before() {
    let (_stage, _healer, beater, console) = stage();
    console.daemon.pause();
    beater.silence("db");
    std::thread::sleep(Duration::from_secs(16));
    console.daemon.resume();
    let answer = console.get_openly("/ok");
    assert_eq!(answer.status, 503, "{answer:?}");
    console.wait_state("db", "down");
}

#[test]
fn only_those_get_in_who_are_let_in() {
    let redis = RedisServer::start();
    seed(&redis, &truth_of(&["db"], 0.2, 1.0));
    let console = Console::start(&redis.url(), &[]);
    for path in [
        "/api/v1/summary",
        "/metrics",
        "/api/v1/live",
        "/api/v1/services/db",
    ] {
        assert_eq!(console.get_openly(path).status, 401, "{path}");
    }
    let page = console.get_openly("/");
    assert_eq!((page.status, page.field("Location")), (303, Some("/login")));
    for host in ["127.0.0.1.evil.com", "evil.com"] {
        let rebound = format!("GET /status.txt HTTP/1.1\nHost: {host}");
        assert_eq!(console.send(&rebound, "").status, 421);
    }
    assert_eq!(
        console
            .send("GET /healthz HTTP/1.1\nHost: evil.com", "")
            .status,
        200
    );
    let csp = console
        .get("/")
        .field("Content-Security-Policy")
        .map(str::to_owned);
    assert!(csp.is_some_and(|csp| csp.starts_with("default-src 'none'; script-src 'self'")));

    let login = "POST /login HTTP/1.1\nHost: localhost\nContent-Type: application/x-www-form-urlencoded\nSec-Fetch-Site: same-origin";
    assert_eq!(console.send(login, "token=wrong").status, 401);
    let foreign = login.replace("same-origin", "cross-site");
    assert_eq!(
        console.send(&foreign, &format!("token={TOKEN}")).status,
        403
    );
    let answer = console.send(login, &format!("token={TOKEN}"));
    assert_eq!(answer.status, 303, "{answer:?}");
    let cookie = answer.field("Set-Cookie").unwrap().to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap();
    let with = |fields: &str| {
        let head = format!(
            "POST /api/v1/services/db/ack HTTP/1.1\nHost: localhost\nCookie: {cookie}\nContent-Type: application/json\n{fields}"
        );
        console.send(&head, "{}").status
    };
    assert_eq!(with("Sec-Fetch-Site: cross-site"), 403);
    assert_eq!(with("Origin: https://evil.com"), 403);
    assert_eq!(with("X: y"), 403);
    assert_eq!(
        with("Sec-Fetch-Site: same-origin"),
        409,
        "let in, and db is not down"
    );
    for _ in 0..5 {
        console.send(login, "token=wrong");
    }
    assert_eq!(console.send(login, &format!("token={TOKEN}")).status, 429);
}

#[test]
fn without_a_token_this_machine_reads_and_nobody_acts() {
    let redis = RedisServer::start();
    seed(&redis, &truth_of(&["db"], 0.2, 1.0));
    let console = Console::start(&redis.url(), &[("CONSOLE_TOKEN", "")]);
    assert_eq!(console.get_openly("/").status, 200);
    let behind_a_proxy = "GET / HTTP/1.1\nHost: localhost\nX-Forwarded-For: 1.2.3.4";
    assert_eq!(console.send(behind_a_proxy, "").status, 401);
    let act = "POST /api/v1/services/db/ack HTTP/1.1\nHost: localhost\nContent-Type: application/json\nSec-Fetch-Site: same-origin";
    assert_eq!(console.send(act, "{}").status, 401);
}

#[test]
fn a_silence_is_made_once_however_often_it_is_asked_for_and_ends() {
    let (stage, _healer, beater, console) = stage();
    beater.silence("db");
    console.wait_state("db", "down");
    let wish = json!({"id": "w1", "svc": "db", "span": "2h", "why": "new <b>disks</b>"});
    for _ in 0..3 {
        let answer = console.post("/api/v1/silences", &wish);
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let planned = console.wait_state("db", "planned");
    assert_eq!(
        planned["silences"].as_array().map(Vec::len),
        Some(1),
        "{planned}"
    );
    assert_eq!(
        stage.redis.query::<u64>(&["XLEN", "healer:silences:log"]),
        1
    );
    let other = json!({"id": "w1", "svc": "api", "span": "2h", "why": "x"});
    assert_eq!(console.post("/api/v1/silences", &other).status, 409);
    let unknown = json!({"id": "w2", "svc": "nobody", "span": "2h", "why": "x"});
    assert_eq!(console.post("/api/v1/silences", &unknown).status, 404);
    for wrong in ["{", "[]", "{\"id\":1}"] {
        let head = format!(
            "POST /api/v1/silences HTTP/1.1\nHost: localhost\nAuthorization: Bearer {TOKEN}\nContent-Type: application/json"
        );
        assert_eq!(console.send(&head, wrong).status, 400, "{wrong}");
    }
    for _ in 0..2 {
        assert_eq!(
            console.post("/api/v1/silences/w1/end", &json!({})).status,
            200
        );
    }
    console.wait_state("db", "down");
    for _ in 0..2 {
        assert_eq!(
            console.post("/api/v1/services/db/ack", &json!({})).status,
            200
        );
    }
    until("shown as acknowledged", PATIENCE, || {
        let detail = console.get("/api/v1/services/db").json();
        if detail["acked"] == true {
            Ok(())
        } else {
            Err(detail.to_string())
        }
    });
    let audit: Vec<String> = stage.redis.query(&["LRANGE", "console:audit", "0", "-1"]);
    assert_eq!(audit.len(), 7, "{audit:?}");
    assert!(!audit.join(" ").contains(TOKEN));
}

#[test]
fn everybody_sees_what_truth_lists_for_them_and_nothing_else() {
    let mut stage = Stage::new(&["db", "healer"], 0.2, 1.0);
    stage.truth["services"]["console"] = json!({"public": {"title": "Shop", "groups": [
        {"name": "All", "services": {"Web shop": "db"}}]}});
    stage.reseed();
    let _healer = stage.start("healer");
    let beater = stage.beat(&["db"]);
    let console = Console::start(&stage.redis.url(), &[]);
    console.wait_state("db", "up");
    let badge = |state: &str| {
        until(state, PATIENCE, || {
            let badge = console.get_openly("/badge/Web%20shop.svg");
            match badge.body.contains(&format!("Web shop: {state}")) {
                true => Ok(badge),
                false => Err(format!("{badge:?}")),
            }
        })
    };
    let up = badge("up");
    assert_eq!(
        up.field("Cross-Origin-Resource-Policy"),
        Some("cross-origin")
    );
    assert_eq!(up.field("Cache-Control"), Some("no-cache"));
    beater.silence("db");
    badge("down");
    let page = until("the outage for everybody", PATIENCE, || {
        let page = console.get_openly("/public");
        match page.body.contains("Web shop is not up") {
            true => Ok(page),
            false => Err(format!("{page:?}")),
        }
    });
    assert_eq!(
        page.field("Cross-Origin-Resource-Policy"),
        Some("same-origin")
    );
    assert!(
        !page.body.contains("db") && !page.body.contains("no beat"),
        "{page:?}"
    );
    let behind_a_proxy =
        "GET /public/incidents.atom HTTP/1.1\nHost: localhost\nX-Forwarded-For: 1.2.3.4";
    let feed = console.send(behind_a_proxy, "");
    assert_eq!(feed.field("Content-Type"), Some("application/atom+xml"));
    assert!(
        feed.body.contains("<title>Web shop is not up</title>"),
        "{feed:?}"
    );
    let json = console.get_openly("/badge/Web%20shop.json").json();
    assert_eq!(
        (&json["label"], &json["message"]),
        (&json!("Web shop"), &json!("down"))
    );
    assert_eq!(
        console
            .get_openly("/badge/Web%20shop/uptime-90d.svg")
            .status,
        200
    );
    for path in [
        "/badge/db.svg",
        "/badge/healer.json",
        "/badge/Web%20shop/uptime-1d.svg",
    ] {
        assert_eq!(console.get_openly(path).status, 404, "{path}");
    }
    stage.truth["services"]["console"] = json!({});
    stage.reseed();
    until(
        "nothing is for everybody any more",
        PATIENCE,
        || match console.get_openly("/public").status {
            404 => Ok(()),
            status => Err(status.to_string()),
        },
    );
}
