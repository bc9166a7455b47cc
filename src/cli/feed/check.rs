//! `marketswarm feed check`: one document or one URL, read as a poll would read it.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::process::ExitCode;

use serde_json::{Value as Json, json};
use url::Url;

use super::{Words, print};
use crate::clock::{self, Mono, rfc3339};
use crate::env::Env;
use crate::feed::check::{Report, check};
use crate::feed::document::{Context, Refused};
use crate::net::permits::HostPermit;
use crate::net::ssrf_guard::SsrfGuard;
use crate::net::trust_store::TrustStore;
use crate::rss_agg::fetch::{
    Ask, FetchError, Fetcher, MAX_BODY_BYTES, TOTAL_BUDGET, big_bodies, feed_url, trust_store,
};
use crate::service::Error;
use crate::text::SafeText;

/// The feed's name where it needs one: uids are made with it.
const FEED_ID: &str = "check";
/// More items than any poll reads by default: a checker should see the whole document.
const MAX_ITEMS: usize = 100_000;

/// Runs the command.
pub(super) fn run(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    let what = words.only("file or URL")?;
    let checked = if what.contains("://") {
        of_url(what, &trust_store(env)?)
    } else {
        of_file(what)?
    };
    print(&if words.json {
        format!("{:#}\n", checked.json())
    } else {
        checked.text()
    })?;
    Ok(ExitCode::from(checked.exit_code()))
}

/// What was found, or why there is nothing to find.
struct Checked {
    report: Result<Report, String>,
    /// What was odd on the way to the document: its codings, its end, a web page in between.
    on_the_way: Vec<String>,
}

fn of_file(path: &str) -> Result<Checked, Error> {
    let file = File::open(path).map_err(|e| Error::Config(format!("{path}: {e}")))?;
    let mut body = Vec::new();
    file.take(MAX_BODY_BYTES as u64 + 1)
        .read_to_end(&mut body)
        .map_err(|e| Error::Config(format!("{path}: {e}")))?;
    let mut on_the_way = Vec::new();
    if body.len() > MAX_BODY_BYTES {
        body.truncate(MAX_BODY_BYTES);
        on_the_way.push(format!(
            "the file is over {} MiB; the rest was not read",
            MAX_BODY_BYTES >> 20
        ));
    }
    let address = std::fs::canonicalize(path)
        .ok()
        .and_then(|path| Url::from_file_path(path).ok());
    let address = address.map_or_else(|| "file:///".to_owned(), String::from);
    let report = read(&body, None, &address).map_err(|refused| refused_file(&refused));
    Ok(Checked { report, on_the_way })
}

/// A URL is followed from a page to its feed; from a file nothing is fetched, but it can be said what to give instead.
fn refused_file(refused: &Refused) -> String {
    let instead = match refused {
        Refused::Html { feeds, .. } if !feeds.is_empty() => {
            "; give the URL of the feed instead of the file"
        }
        Refused::Html { relative, .. } if !relative.is_empty() => {
            ", relative to the page's address, which the file does not tell: \
             give the URL of the page instead of the file"
        }
        _ => "",
    };
    format!("{refused}{instead}")
}

fn of_url(text: &str, trust: &TrustStore) -> Checked {
    let mut on_the_way = Vec::new();
    let report = fetch(text, trust, &mut on_the_way);
    Checked { report, on_the_way }
}

fn fetch(text: &str, trust: &TrustStore, on_the_way: &mut Vec<String>) -> Result<Report, String> {
    let words = |error: FetchError| error.to_string();
    let mut url = feed_url(text).map_err(words)?;
    // Who types a URL means it, wherever it leads; where it redirects to is another matter.
    let typed = url.host_str().unwrap_or_default();
    let guard = SsrfGuard::new(&[typed.to_owned()])?;
    let fetcher = Fetcher::new(guard, None, big_bodies(), trust);
    let until = Mono::now() + TOTAL_BUDGET;
    let mut is_page = false;
    loop {
        let ask = Ask {
            url: &url,
            headers: &[],
            home: &url,
            validators: None,
        };
        let answer = fetcher
            .get(ask, &mut HostPermit::uncounted(), until)
            .map_err(words)?;
        for hop in &answer.hops {
            on_the_way.push(format!("redirected ({}) to {}", hop.status, hop.to));
        }
        let Some(body) = answer.body else {
            return Err(format!("the server answers {}", answer.status));
        };
        on_the_way.extend(body.repairs);
        on_the_way.extend(body.cut.map(|cut| cut.to_string()));
        match read(
            &body.bytes,
            answer.content_type.as_deref(),
            answer.url.as_str(),
        ) {
            Err(Refused::Html { feeds, .. }) if !is_page && !feeds.is_empty() => {
                is_page = true;
                on_the_way.push(format!("a web page; it names the feed {}", feeds[0]));
                url = feed_url(&feeds[0]).map_err(words)?;
            }
            other => return other.map_err(|refused| refused.to_string()),
        }
    }
}

fn read(body: &[u8], content_type: Option<&str>, url: &str) -> Result<Report, Refused> {
    let context = Context {
        url,
        max_items: MAX_ITEMS,
    };
    check(
        body,
        content_type,
        context,
        FEED_ID,
        clock::wall_secs(),
        Mono::now,
    )
}

impl Checked {
    fn exit_code(&self) -> u8 {
        match &self.report {
            Err(_) => 2,
            Ok(report) if report.is_clean() && self.on_the_way.is_empty() => 0,
            Ok(_) => 1,
        }
    }

    fn json(&self) -> Json {
        let mut out = match &self.report {
            // A report has string keys and finite numbers only, so it can be written.
            Ok(report) => serde_json::to_value(report).unwrap_or_default(),
            Err(why) => {
                json!({"feed": null, "items": [], "repairs": [], "problems": [{"words": why}]})
            }
        };
        if let Some(repairs) = out["repairs"].as_array_mut() {
            let on_the_way = self.on_the_way.iter();
            repairs.extend(
                on_the_way.map(
                    |words| json!({"repair": "transfer", "words": words, "count": 1, "line": 0}),
                ),
            );
        }
        out
    }

    fn text(&self) -> String {
        let mut out = String::new();
        let report = match &self.report {
            Ok(report) => report,
            Err(why) => {
                list(&mut out, "On the way", &self.on_the_way);
                return out + &format!("Refused: {}\n", SafeText::new(why));
            }
        };
        let feed = &report.feed;
        let title = SafeText::new(feed.title.as_deref().unwrap_or("(no title)"));
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{title}  [{}]", feed.format);
        let facts = [
            ("site", &feed.link),
            ("address", &feed.feed_link),
            ("language", &feed.language),
            ("image", &feed.image),
            ("generator", &feed.generator),
            ("copyright", &feed.copyright),
        ];
        for (name, value) in facts {
            if let Some(value) = value {
                let _ = writeln!(out, "  {name:<10} {}", SafeText::new(value));
            }
        }
        let _ = writeln!(out, "\nItems: {}", report.items.len());
        for (n, item) in report.items.iter().enumerate() {
            let title = SafeText::new(item.title.as_deref().unwrap_or("(no title)"));
            let supplied = if item.published_supplied.is_some() {
                " (supplied)"
            } else {
                ""
            };
            let _ = writeln!(
                out,
                "{:>5}  {}{supplied}  {title}",
                n + 1,
                rfc3339(item.published_ts)
            );
            if let Some(url) = &item.url {
                let _ = writeln!(out, "       {}", SafeText::new(url));
            }
        }
        let repairs: Vec<String> = report.repairs.iter().map(ToString::to_string).collect();
        let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
        list(&mut out, "\nOn the way", &self.on_the_way);
        list(&mut out, "\nRepairs", &repairs);
        list(&mut out, "\nRules violated", &problems);
        let verdict = match self.exit_code() {
            0 => "Understood as it stands.",
            _ => "Understood after repairs.",
        };
        let _ = writeln!(out, "\n{verdict}");
        out
    }
}

fn list(out: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "{title}: {}", lines.len());
    for line in lines {
        let _ = writeln!(out, "  {}", SafeText::new(line));
    }
}
