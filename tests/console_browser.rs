//! The pages in a browser: nothing breaks its policy, nothing is wider than a phone, nobody is shut out of them, and the
//! keyboard does it all.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::console::{Console, TOKEN};
use crate::support::truth::seed_text;
use crate::support::{PATIENCE, RedisServer, Stage, is_full, python_with, say_skipped, until};

/// Views of a look: two or three pages, wide and narrow, light and dark.
const PAGES: usize = 4;

/// A browser with its driver, and whoever drives it.
pub struct Browser {
    python: &'static str,
    /// The script of axe-core.
    axe: Option<PathBuf>,
    pictures: PathBuf,
    _own: tempfile::TempDir,
}

impl Browser {
    pub fn find() -> Option<Browser> {
        let has_browser = ["/usr/bin/chromium", "/usr/bin/chromedriver"]
            .iter()
            .all(|p| Path::new(p).exists());
        let Some(python) = python_with("selenium").filter(|_| has_browser) else {
            say_skipped(
                "the pages in a browser (chromium, chromium-driver and python3-selenium are not all here)",
            );
            return None;
        };
        let axe = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/axe.min.js");
        let axe = Some(axe).filter(|axe| axe.exists());
        if axe.is_none() {
            say_skipped(
                "the pages by axe-core (target/tools/axe.min.js, which scripts/test.sh puts there)",
            );
        }
        let own = tempfile::tempdir().unwrap();
        let given = std::env::var_os("CONSOLE_PICTURES").map(PathBuf::from);
        Some(Browser {
            python,
            axe,
            pictures: given.unwrap_or_else(|| own.path().to_owned()),
            _own: own,
        })
    }

    /// Looks at all pages while the swarm is in `state`, and does `more`; nothing may be wrong with what is seen.
    pub fn look(&self, console: &Console, state: &str, more: &[&str]) -> Vec<Value> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/browser.py");
        let url = format!("http://localhost:{}", console.port);
        let output = Command::new(self.python)
            .arg(script)
            .args([&url, TOKEN])
            .arg(&self.pictures)
            .args(["db", state])
            .arg(self.axe.as_deref().unwrap_or(Path::new("-")))
            .args(more)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{state}: {said}\n{complained}");
        let views = said.lines().map(|line| serde_json::from_str(line).unwrap());
        let views: Vec<Value> = views.collect();
        for view in &views {
            assert_eq!(view["wrong"], json!([]), "{state}: {view}");
            assert_ne!(view["rows"], json!(0), "{state}: {view}");
        }
        views
    }
}

fn view<'v>(views: &'v [Value], name: &str) -> &'v Value {
    let mut found = views.iter().filter(|view| view["view"] == name);
    found
        .next()
        .unwrap_or_else(|| panic!("no {name}: {views:?}"))
}

#[test]
fn the_pages_hold_in_a_browser_wide_and_narrow_light_and_dark() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let mut stage = Stage::new(&["db", "api", "web.one", "web.two", "healer"], 0.2, 1.0);
    let mut healer = stage.start("healer");
    let beater = stage.beat(&["db", "api", "web.one", "web.two"]);
    let console = Console::start(&stage.redis.url(), &[]);
    for svc in ["db", "api", "web.one", "web.two", "healer"] {
        console.wait_state(svc, "up");
    }
    if is_full() {
        browser.look(&console, "up", &[]);
    }
    beater.silence("db");
    stage.alerts.wait("heartbeat_miss", "db", PATIENCE);
    console.wait_state("db", "down");
    let more: &[&str] = match is_full() {
        true => &["greyscale", "tabs", "keys"],
        false => &["greyscale", "keys"],
    };
    let views = browser.look(&console, "down", more);
    // Of the keys and the login two and two, the second of those where axe-core is there.
    let others = more.len() + 2 + usize::from(browser.axe.is_some());
    assert_eq!(views.len(), 3 * PAGES + others, "{views:?}");
    assert_eq!(view(&views, "list")["rows"], 5);
    told_without_colours(view(&views, "greyscale"));
    let silence = view(&views, "silence");
    assert!(
        silence["done"] == true && silence["planned"] == true,
        "{silence}"
    );
    let keys = view(&views, "keys");
    assert!(keys["current"] == 1 && keys["focused"] == "q", "{keys}");
    if !is_full() {
        return;
    }
    assert_eq!(view(&views, "tabs")["rows"], json!([5, 5, 5, 5, 5, 5, 5]));
    healer.kill();
    console.wait_state("api", "unknown");
    browser.look(&console, "unknown", &[]);
    stage.redis.kill();
    until("the bus is away", PATIENCE, || {
        let summary = console.get("/api/v1/summary").json();
        match summary["headline"].as_str() {
            Some(headline) if headline.contains("out of reach") => Ok(()),
            _ => Err(summary.to_string()),
        }
    });
    browser.look(&console, "away", &[]);
    nothing_is_named(&browser);
}

/// A swarm without services.
fn nothing_is_named(browser: &Browser) {
    let redis = RedisServer::start();
    seed_text(&redis, r#"{"services":{}}"#);
    let console = Console::start(&redis.url(), &[]);
    browser.look(&console, "empty", &[]);
}

/// Signs and words of states differ, and so do the shapes of the cells of a bar.
fn told_without_colours(view: &Value) {
    let stands = view["stands"].as_array().unwrap();
    for stand in stands {
        let (state, text) = (stand[0].as_str().unwrap(), stand[1].as_str().unwrap());
        assert!(text.contains(state) && !text.starts_with(state), "{view}");
        let sign = |stand: &Value| stand[1].as_str().and_then(|text| text.chars().next());
        let others = stands.iter().filter(|other| other[0] != stand[0]);
        assert!(others.map(sign).all(|other| other != sign(stand)), "{view}");
    }
    let shapes = view["shapes"].as_object().unwrap();
    assert!(shapes.len() >= 2, "{view}");
    for (kind, looks) in shapes {
        let others = shapes.iter().filter(|(other, _)| *other != kind);
        assert!(
            others.map(|(_, other)| other).all(|other| other != looks),
            "{view}"
        );
    }
}
