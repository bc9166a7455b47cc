//! `marketswarm feed status`: every feed of truth, the worst first.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::{Swarm, Words, print};
use crate::clock::{human, wall_secs};
use crate::env::Env;
use crate::rss_agg::config::FeedSpec;
use crate::rss_agg::record::{Health, Record};
use crate::service::Error;
use crate::text::SafeText;

/// Runs the command.
pub(super) fn run(words: &Words, env: Env) -> Result<ExitCode, Error> {
    words.none()?;
    let mut swarm = Swarm::find(&env)?;
    let ids: Vec<&str> = swarm
        .config
        .feeds
        .iter()
        .map(|spec| spec.id.as_str())
        .collect();
    let records = swarm.store.records(&ids, || {})?;
    let totals = swarm.store.totals()?;
    let about = |(spec, record): (&std::sync::Arc<FeedSpec>, Option<Record>)| {
        (spec.id.clone(), record.unwrap_or_default().about(spec))
    };
    let mut feeds: Vec<(String, Record)> =
        swarm.config.feeds.iter().zip(records).map(about).collect();
    feeds.sort_by_key(|(id, record)| (rank(record), id.clone()));
    print(&if words.json {
        let feeds: Map<String, Json> = feeds
            .iter()
            // A record has string keys and finite numbers only, so it can be written.
            .map(|(id, record)| (id.clone(), serde_json::to_value(record).unwrap_or_default()))
            .collect();
        let totals: Map<String, Json> = totals
            .into_iter()
            .map(|(name, n)| (name, n.into()))
            .collect();
        format!("{:#}\n", json!({"feeds": feeds, "totals": totals}))
    } else {
        table(&feeds, &totals, wall_secs())
    })?;
    let fails = feeds
        .iter()
        .any(|(_, record)| rank(record) < rank(&Record::default()));
    Ok(ExitCode::from(u8::from(fails)))
}

/// The worst first.
fn rank(record: &Record) -> u8 {
    match record.health {
        Health::Failing => 0,
        Health::Gone => 1,
        Health::New => 2,
        Health::Ok => 3,
    }
}

fn table(feeds: &[(String, Record)], totals: &[(String, u64)], now_ts: i64) -> String {
    let head = [
        "FEED",
        "HEALTH",
        "HTTP",
        "FETCHED",
        "NEXT POLL",
        "LAST NEW",
        "GAP",
        "QUEUED",
    ];
    let rows: Vec<[String; 8]> = feeds
        .iter()
        .map(|(id, record)| row(id, record, now_ts))
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[&str]| {
        let cells = cells.iter().zip(&widths);
        let padded: Vec<String> = cells
            .map(|(cell, &width)| format!("{cell:<width$}"))
            .collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut out = line(&head);
    for (row, (_, record)) in rows.iter().zip(feeds) {
        out += &line(&row.each_ref().map(String::as_str));
        for note in notes(record) {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "    {note}");
        }
    }
    let total = |name: &str| {
        totals
            .iter()
            .find(|(known, _)| known == name)
            .map_or(0, |(_, n)| *n)
    };
    let _ = writeln!(
        out,
        "\n{} feeds; {} items queued, {} changed, {} dropped by filters, {} documents in quarantine",
        feeds.len(),
        total("queued"),
        total("updated"),
        total("dropped"),
        total("quarantined")
    );
    if total("lost") > 0 {
        let _ = writeln!(
            out,
            "{} queue entries were LOST: no worker had them in time",
            total("lost")
        );
    }
    out
}

fn row(id: &str, record: &Record, now_ts: i64) -> [String; 8] {
    let span = |secs: i64| human(Duration::from_secs(secs.unsigned_abs()));
    let ago = |ts: Option<i64>| {
        ts.map_or("-".into(), |ts| {
            format!("{} ago", span((now_ts - ts).max(0)))
        })
    };
    let next = match record.next_poll_ts {
        Some(ts) if ts > now_ts => format!("in {}", span(ts - now_ts)),
        Some(_) => "due".into(),
        None if record.health == Health::Gone => "never".into(),
        None => "-".into(),
    };
    let health = match record.health {
        Health::New => "new",
        Health::Ok => "ok",
        Health::Failing => "failing",
        Health::Gone => "gone",
    };
    [
        id.to_owned(),
        health.to_owned(),
        record
            .http_status
            .map_or("-".into(), |status| status.to_string()),
        ago(record.last_fetch_ts),
        next,
        ago(record.last_new_ts),
        record
            .average_gap_sec
            .map_or("-".into(), |secs| span(secs as i64)),
        record.queued.to_string(),
    ]
}

fn notes(record: &Record) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(error) = &record.error {
        let times = if record.failures > 1 {
            format!(" ({} times in a row)", record.failures)
        } else {
            String::new()
        };
        notes.push(format!("{error}{times}"));
    }
    if let Some(to) = &record.moved_to {
        notes.push(format!(
            "moved for good to {}: put that into truth",
            SafeText::new(to)
        ));
    }
    if let Some(feed) = record.alternates.first() {
        notes.push(format!(
            "the URL is a web page; its feed is {}: put that into truth",
            SafeText::new(feed)
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_the_worst_first_and_what_to_do() {
        let mut failing = Record {
            health: Health::Failing,
            failures: 3,
            error: Some("HTTP 500".into()),
            last_fetch_ts: Some(940),
            next_poll_ts: Some(1120),
            http_status: Some(500),
            ..Record::default()
        };
        failing.moved_to = Some("https://b/".into());
        let ok = Record {
            health: Health::Ok,
            queued: 7,
            last_new_ts: Some(400),
            average_gap_sec: Some(90.0),
            ..Record::default()
        };
        let text = table(
            &[("bad".into(), failing), ("good".into(), ok)],
            &[("queued".into(), 7), ("lost".into(), 2)],
            1000,
        );
        assert_eq!(
            text,
            "FEED  HEALTH   HTTP  FETCHED    NEXT POLL  LAST NEW    GAP         QUEUED\n\
             bad   failing  500   1 min ago  in 2 min   -           -           0\n    \
                 HTTP 500 (3 times in a row)\n    \
                 moved for good to https://b/: put that into truth\n\
             good  ok       -     -          -          10 min ago  1 min 30 s  7\n\
             \n2 feeds; 7 items queued, 0 changed, 0 dropped by filters, 0 documents in quarantine\n\
             2 queue entries were LOST: no worker had them in time\n"
        );
    }
}
