//! `marketswarm market status` and `market budget`: how massive stands.

use std::fmt::Write;
use std::process::ExitCode;

use serde_json::{Value as Json, json};

use super::swarm::{Swarm, now_ms};
use super::{Words, columns, print};
use crate::contract::market::TOTALS;
use crate::env::Env;
use crate::reports::market::{Calls, age};
use crate::reports::{Fields, integer};
use crate::service::Error;

/// Runs `market status`.
pub(super) fn run(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.none()?;
    let mut swarm = Swarm::find(env)?;
    let (status, totals) = (swarm.status()?, swarm.hash(TOTALS)?);
    let jobs = status.get("jobs").map_or("[]", String::as_str);
    let jobs = crate::reports::json(jobs);
    let links = status.get("stream_links").map_or("[]", String::as_str);
    let links = crate::reports::json(links);
    let is_ok = status.get("state").is_some_and(|state| state == "ok");
    print(&if words.json {
        let mut status = json!(status);
        status["jobs"] = jobs;
        status["stream_links"] = links;
        format!("{:#}\n", json!({"status": status, "totals": totals}))
    } else {
        text(&status, &totals, &jobs, &links, now_ms())
    })?;
    Ok(ExitCode::from(u8::from(!is_ok)))
}

fn text(status: &Fields, totals: &Fields, jobs: &Json, links: &Json, now_ms: i64) -> String {
    if status.is_empty() {
        return "massive has not written anything yet\n".to_owned();
    }
    let ago = |ms: Option<i64>| {
        ms.map_or_else(
            || "never".to_owned(),
            |ms| format!("{} ago", age(now_ms - ms)),
        )
    };
    let jobs = jobs.as_array().cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = jobs
        .iter()
        .map(|job| {
            let every = job["interval_ms"]
                .as_i64()
                .map_or_else(|| "-".to_owned(), age);
            let error = job["error"].as_str().unwrap_or_default();
            let failures = job["failures"].to_string();
            vec![
                job["job"].as_str().unwrap_or_default().to_owned(),
                every,
                ago(job["good_ms"].as_i64()),
                failures,
                error.to_owned(),
            ]
        })
        .collect();
    let get = |name: &str| status.get(name).map_or("-", String::as_str);
    let mut out = columns(
        &["JOB", "EVERY", "GOOD ANSWER", "FAILURES", "LAST ERROR"],
        &rows,
    );
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "\n{}{}; written {}; rung {} for symbols, {} for indices",
        get("state"),
        match get("reason") {
            "-" | "" => String::new(),
            reason => format!(": {reason}"),
        },
        ago(integer(status, "as_of_ms")),
        get("rung_symbols"),
        get("rung_indices")
    );
    out += &stream_text(status, links);
    let totals: Vec<String> = totals
        .iter()
        .map(|(name, n)| format!("{name} {n}"))
        .collect();
    let _ = writeln!(out, "{}", totals.join(", "));
    out
}

/// How each connection of the stream stands; nothing where there is none.
fn stream_text(status: &Fields, links: &Json) -> String {
    let mode = status.get("stream").map_or("off", String::as_str);
    if mode == "off" {
        return String::new();
    }
    let links = links.as_array().into_iter().flatten().map(|link| {
        let word = |name: &str| link[name].as_str().unwrap_or_default();
        let count = |name: &str| link[name].as_u64().unwrap_or(0);
        let state = match word("why") {
            why if why.is_empty() || word("state") == "up" => word("state").to_owned(),
            why => format!("{} ({why})", word("state")),
        };
        let down = link["down_ms"]
            .as_i64()
            .map_or_else(String::new, |ms| format!(" for {}", age(ms)));
        format!(
            "{} {state}{down}, {} of {} symbols priced, {} channels refused",
            word("cluster"),
            count("priced"),
            count("symbols"),
            count("refused")
        )
    });
    let mut links: Vec<String> = links.collect();
    if links.is_empty() {
        links.push("no connection yet".to_owned());
    }
    let missed = match status.get("missed_minutes").map(String::as_str) {
        None | Some("0") => String::new(),
        Some(n) => format!("; minutes of {n} symbols are missing"),
    };
    format!("stream {mode}: {}{missed}\n", links.join("; "))
}

/// Runs `market budget`.
pub(super) fn budget(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.none()?;
    let mut swarm = Swarm::find(env)?;
    let status = swarm.status()?;
    let calls = Calls::read(&mut swarm.store, &status, &swarm.config)?;
    let demand = status.get("demand").filter(|demand| !demand.is_empty());
    print(&if words.json {
        let plan = swarm.config.calls_per_min;
        format!(
            "{:#}\n",
            json!({"calls": calls.made, "allowed": calls.allowed, "plan": plan, "next_in_ms": calls.wait_ms, "demand": demand})
        )
    } else {
        let next = if calls.is_free() {
            "one is free".to_owned()
        } else {
            format!("the next in {}", age(calls.wait_ms))
        };
        let demand = demand.map_or_else(String::new, |demand| {
            format!("\n{demand}: intervals are stretched")
        });
        format!(
            "{} of {} calls in the last 61 s; {next}{demand}\n",
            calls.made, calls.allowed
        )
    })?;
    Ok(ExitCode::from(u8::from(!calls.is_free())))
}
