//! `marketswarm feed status`: every feed of truth, the worst first.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::{Swarm, Words, print};
use crate::clock::{human, wall_secs};
use crate::env::Env;
use crate::reports::feeds::Feeds;
use crate::rss_agg::record::{Health, Record};
use crate::service::Error;
use crate::text::SafeText;

/// Runs the command.
pub(super) fn run(words: &Words, env: Env) -> Result<ExitCode, Error> {
    words.none()?;
    let mut swarm = Swarm::find(&env)?;
    let found = Feeds::read(&mut swarm.store, &swarm.config)?;
    print(&if words.json {
        let feeds: Map<String, Json> = found
            .feeds
            .iter()
            // A record has string keys and finite numbers only, so it can be written.
            .map(|(id, record)| (id.clone(), serde_json::to_value(record).unwrap_or_default()))
            .collect();
        let totals: Map<String, Json> = found
            .totals
            .iter()
            .map(|(name, n)| (name.clone(), (*n).into()))
            .collect();
        format!("{:#}\n", json!({"feeds": feeds, "totals": totals}))
    } else {
        table(&found, wall_secs())
    })?;
    Ok(ExitCode::from(u8::from(found.fails())))
}

fn table(found: &Feeds, now_ts: i64) -> String {
    let feeds = &found.feeds;
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
    let _ = writeln!(
        out,
        "\n{} feeds; {} items queued, {} changed, {} dropped by filters, {} documents in quarantine",
        feeds.len(),
        found.total("queued"),
        found.total("updated"),
        found.total("dropped"),
        found.total("quarantined")
    );
    if found.total("lost") > 0 {
        let _ = writeln!(
            out,
            "{} queue entries were LOST: no worker had them in time",
            found.total("lost")
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
        let found = Feeds {
            feeds: vec![("bad".into(), failing), ("good".into(), ok)],
            totals: vec![("queued".into(), 7), ("lost".into(), 2)],
        };
        let text = table(&found, 1000);
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
