//! What the console asks of others: whoever holds a channel acts and answers, once for each ask.

use serde_json::json;

use crate::support::console::Console;
use crate::support::receiver::Receiver;
use crate::support::{PATIENCE, Stage, until};

/// Asks under `id` until the answer is there.
fn answer(console: &Console, path: &str, id: &str) -> serde_json::Value {
    until(&format!("an answer of {path}"), PATIENCE, || {
        let answer = console.post(path, &json!({"id": id}));
        match answer.status {
            200 => Ok(answer.json()),
            _ => Err(format!("{answer:?}")),
        }
    })
}

#[test]
fn a_channel_is_tried_out_and_what_it_gave_up_goes_out_again_once() {
    let (stage, receiver) = (Stage::new(&["a", "healer"], 0.3, 4.0), Receiver::start());
    let _beater = stage.beat(&["a"]);
    let env = [
        ("WEBHOOK_URL", receiver.url()),
        ("CONSOLE_URL", "https://status.example.org".to_owned()),
    ];
    let env = env.each_ref().map(|(name, value)| (*name, value.as_str()));
    let _healer = stage.start_with("healer", &env);
    let console = Console::start(&stage.redis.url(), &[]);
    console.wait_state("a", "up");
    let path = "/api/v1/notify/webhook/test";
    let told = answer(&console, path, "t1");
    assert_eq!(told["answers"][0]["taken"], true, "{told}");
    assert_eq!(answer(&console, path, "t1"), told);
    let tests = || {
        let all = receiver.messages();
        all.iter().filter(|m| m.json()["test"] == true).count()
    };
    assert_eq!(tests(), 1);
    let letter = json!({"reason": "HTTP 410", "at_ms": 1000, "to": "",
        "message": {"id": "msg_old", "title": "db down", "body": "{\"text\":\"db down\"}",
            "content_type": "application/json"}});
    let dead = "healer:dead:webhook";
    stage
        .redis
        .query::<u64>(&["LPUSH", dead, &letter.to_string()]);
    let told = answer(&console, "/api/v1/notify/webhook/resend", "r1");
    assert_eq!(
        (&told["sent_again"], &told["left"]),
        (&json!(1), &json!(0)),
        "{told}"
    );
    receiver.wait_text("db down", PATIENCE);
    assert_eq!(stage.redis.query::<u64>(&["LLEN", dead]), 0);
    let audit: Vec<String> = stage.redis.query(&["LRANGE", "console:audit", "0", "-1"]);
    assert!(
        audit.iter().any(|entry| entry.contains("\"resend\"")),
        "{audit:?}"
    );
}

#[test]
fn a_message_leads_to_the_page_of_the_service() {
    let (mut stage, receiver) = (Stage::new(&["a"], 0.3, 1.0), Receiver::start());
    let runbook = "https://wiki.example.org/a";
    stage.truth["services"]["a"]["runbook"] = json!(runbook);
    stage.truth["services"]["a"]["description"] = json!("keeps <b>all</b>");
    stage.reseed();
    let console = Console::start(&stage.redis.url(), &[]);
    console.wait_state("a", "unknown");
    let page = console.get("/services/a").body;
    assert!(page.contains("keeps &lt;b&gt;all&lt;/b&gt;"), "{page}");
    assert!(page.contains(&format!("href=\"{runbook}\"")), "{page}");
    let detail = console.get("/api/v1/services/a").json();
    assert_eq!(detail["runbook"], runbook, "{detail}");
    let beater = stage.beat(&["a"]);
    let url = receiver.url();
    let env = [
        ("WEBHOOK_URL", url.as_str()),
        ("CONSOLE_URL", "https://status.example.org/"),
    ];
    let _healer = stage.start_with("healer", &env);
    stage.wait_health("a", "up");
    drop(beater);
    let told = receiver.wait_text("DOWN a", PATIENCE);
    let link = "https://status.example.org/services/a";
    assert_eq!(told.json()["link"], link, "{}", told.body);
    assert!(told.text().ends_with(link), "{}", told.text());
    assert_eq!(told.json()["runbook"], runbook, "{}", told.body);
}

#[test]
fn nothing_is_asked_of_nobody() {
    let mut stage = Stage::new(&["db"], 0.2, 1.0);
    stage.truth["services"]["rss_agg"] =
        json!({"heartbeat": {}, "feeds": [{"id": "news", "url": "https://feeds.example/rss"}]});
    stage.reseed();
    let console = Console::start(&stage.redis.url(), &[]);
    console.wait_state("db", "unknown");
    let asked = |path: &str, body| console.post(path, &body).status;
    assert_eq!(asked("/api/v1/notify/ops/test", json!({"id": "a"})), 409);
    assert_eq!(asked("/api/v1/notify/ops/test", json!({"id": "a b"})), 422);
    assert_eq!(asked("/api/v1/notify/ops/test", json!({})), 400);
    assert_eq!(asked("/api/v1/feeds/none/poll", json!({"id": "b"})), 404);
    assert_eq!(asked("/api/v1/feeds/news/poll", json!({"id": "c"})), 409);
    let openly =
        "POST /api/v1/feeds/news/poll HTTP/1.1\nHost: localhost\nContent-Type: application/json";
    assert_eq!(console.send(openly, "{\"id\":\"d\"}").status, 401);
}
