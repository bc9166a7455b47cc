//! The pages in a browser: nothing breaks its policy, nothing is wider than a phone, and the keyboard does it all.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::console::{Console, TOKEN};
use crate::support::{PATIENCE, Stage, python_with, say_skipped};

#[test]
fn the_pages_hold_in_a_browser_wide_and_narrow_light_and_dark() {
    let has_browser = ["/usr/bin/chromium", "/usr/bin/chromedriver"]
        .iter()
        .all(|p| Path::new(p).exists());
    let Some(python) = python_with("selenium").filter(|_| has_browser) else {
        say_skipped(
            "the pages in a browser (chromium, chromium-driver and python3-selenium are not all here)",
        );
        return;
    };
    let stage = Stage::new(&["db", "api", "web.one", "web.two", "healer"], 0.2, 1.0);
    let _healer = stage.start("healer");
    let beater = stage.beat(&["db", "api", "web.one", "web.two"]);
    let console = Console::start(&stage.redis.url(), &[]);
    console.wait_state("api", "up");
    console.wait_state("db", "up");
    beater.silence("db");
    stage.alerts.wait("heartbeat_miss", "db", PATIENCE);
    console.wait_state("db", "down");
    let given = std::env::var_os("CONSOLE_PICTURES");
    let own = tempfile::tempdir().unwrap();
    let folder = given.as_ref().map_or(own.path(), Path::new);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/browser.py");
    let url = format!("http://localhost:{}", console.port);
    let output = Command::new(python)
        .arg(script)
        .args([&url, TOKEN])
        .arg(folder)
        .arg("db")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let views: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(views.len(), 14, "{said}");
    for view in &views {
        assert_eq!(view["wrong"], serde_json::json!([]), "{view}");
        match view["view"].as_str() {
            Some("list") => assert_eq!(view["rows"], 5, "{view}"),
            Some("silence") => assert!(view["done"] == true && view["planned"] == true, "{view}"),
            Some("keys") => assert!(view["current"] == 1 && view["focused"] == "q", "{view}"),
            _ => assert!(view["rows"].as_u64() > Some(0), "{view}"),
        }
    }
}
