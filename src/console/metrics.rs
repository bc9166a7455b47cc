//! `/metrics`, in the text format 0.0.4 (<https://prometheus.io/docs/instrumenting/exposition_formats/>). Pure.

use std::fmt::Write;

use super::daemons;
use super::exposition::{head, line};
use super::facts::FEED_HEALTHS;
use super::process::Process;
use super::view::{Lateness, Row, STANDS, Stand, View};
use crate::contract::metrics::Report;

/// Services that are told one by one; of more only those that are not up.
const SERVICES_MAX: usize = 2000;
/// Lines that are told at most.
const LINES_MAX: usize = 20_000;

/// What the server says of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Own {
    pub live: usize,
    pub requests: u64,
    /// `None` where the system does not tell.
    pub process: Option<Process>,
}

/// All of it. What is not known has no sample; `daemons` count of themselves.
pub fn text(view: &View, own: Own, daemons: &[Report]) -> String {
    let mut out = String::new();
    head(&mut out, "services", "gauge", "Services by state.");
    for stand in STANDS {
        let labels = [("state", stand.as_str())];
        line(&mut out, "services", &labels, view.counts.of(stand) as f64);
    }
    let help = "Whether a healer judges and can be read.";
    head(&mut out, "judged", "gauge", help);
    line(&mut out, "judged", &[], f64::from(view.judged));
    buses(&mut out, view);
    alerts(&mut out, view);
    let help = "Messages that a channel could not deliver.";
    head(&mut out, "dead_letters", "gauge", help);
    for teller in view.tellers.iter() {
        let labels = [("channel", teller.channel.as_str())];
        line(&mut out, "dead_letters", &labels, teller.dead as f64);
    }
    if let Some(counts) = &view.facts.feeds {
        head(&mut out, "feeds", "gauge", "Feeds by how they do.");
        for (word, count) in FEED_HEALTHS.iter().zip(counts) {
            line(&mut out, "feeds", &[("health", word)], *count as f64);
        }
    }
    services(&mut out, view);
    itself(&mut out, view, own);
    let told = out.lines().count();
    daemons::write(&mut out, daemons, LINES_MAX.saturating_sub(told));
    out
}

fn buses(out: &mut String, view: &View) {
    let help = "Whether the healer can judge the services of a bus.";
    head(out, "healer_judging", "gauge", help);
    for bus in view.buses.iter().filter(|_| view.judged) {
        let labels = [("bus", bus.bus.as_str())];
        line(out, "healer_judging", &labels, f64::from(bus.judged));
    }
    head(out, "bus_up", "gauge", "Whether a bus answers the console.");
    for (bus, is_up) in &view.facts.buses {
        line(out, "bus_up", &[("bus", bus)], f64::from(*is_up));
    }
}

fn alerts(out: &mut String, view: &View) {
    let help = "Alerts that were told since the console began, by type.";
    head(out, "alerts_total", "counter", help);
    for (kind, count) in view.alerts.iter() {
        line(out, "alerts_total", &[("type", kind)], *count as f64);
    }
    let name = "detection_lateness_seconds";
    let help = "How long after its limit a miss was told, since the console began; quantiles of the newest.";
    head(out, name, "summary", help);
    let late = view.lateness;
    for (share, secs) in Lateness::SHARES.iter().zip(late.quantiles.iter().flatten()) {
        line(out, name, &[("quantile", &share.to_string())], *secs);
    }
    line(out, &format!("{name}_sum"), &[], late.sum);
    line(out, &format!("{name}_count"), &[], late.count as f64);
}

/// The console of itself; what every process tells by the names that are usual for it.
fn itself(out: &mut String, view: &View, own: Own) {
    let help = "Clients that follow live.";
    head(out, "console_live_clients", "gauge", help);
    line(out, "console_live_clients", &[], own.live as f64);
    let help = "Requests that were answered.";
    head(out, "console_requests_total", "counter", help);
    line(out, "console_requests_total", &[], own.requests as f64);
    let help = "Whether the history of outages is written.";
    head(out, "console_history_ok", "gauge", help);
    let is_written = view.history_note.is_none();
    line(out, "console_history_ok", &[], f64::from(is_written));
    head(out, "console_info", "gauge", "The version of the console.");
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    line(out, "console_info", &version, 1.0);
    let Some(process) = own.process else { return };
    for (name, kind, help, value) in [
        (
            "cpu_seconds_total",
            "counter",
            "Processor time, in seconds.",
            process.cpu_sec,
        ),
        (
            "resident_memory_bytes",
            "gauge",
            "Memory in use.",
            process.resident_bytes as f64,
        ),
        ("threads", "gauge", "Threads.", process.threads as f64),
    ] {
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "# HELP process_{name} {help}\n# TYPE process_{name} {kind}\nprocess_{name} {value}"
        );
    }
}

fn services(out: &mut String, view: &View) {
    let all = view.rows.len() <= SERVICES_MAX;
    let most = (LINES_MAX - 100) / 3;
    // The worst come first: of many nobody looks at those that are up.
    let told: Vec<&Row> = view
        .worst()
        .take_while(|row| all || row.stand < Stand::Up)
        .filter(|row| row.stand != Stand::Off)
        .take(most)
        .map(|row| &**row)
        .collect();
    head(
        out,
        "service_up",
        "gauge",
        "1 while a service is up or degraded, 0 while it is down; unknown: no sample.",
    );
    for row in &told {
        let up = match row.stand {
            Stand::Up | Stand::Degraded => 1.0,
            Stand::Down | Stand::Planned => 0.0,
            Stand::Unknown | Stand::Off => continue,
        };
        line(out, "service_up", &[("svc", &row.svc)], up);
    }
    head(
        out,
        "service_misses_total",
        "counter",
        "Misses that were told of a service.",
    );
    for row in told.iter().filter(|row| row.stand != Stand::Unknown) {
        line(
            out,
            "service_misses_total",
            &[("svc", &row.svc)],
            row.misses as f64,
        );
    }
    head(
        out,
        "service_last_beat_timestamp_seconds",
        "gauge",
        "When a service was last heard, as far as that was written.",
    );
    for row in &told {
        if let Some(seen) = row.last_seen_ts {
            line(
                out,
                "service_last_beat_timestamp_seconds",
                &[("svc", &row.svc)],
                seen as f64,
            );
        }
    }
    let watched = view.counts.watched();
    head(
        out,
        "services_omitted",
        "gauge",
        "Watched services that are not told one by one.",
    );
    line(
        out,
        "services_omitted",
        &[],
        watched.saturating_sub(told.len()) as f64,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::view::tests::{row, view};

    #[test]
    fn the_unknown_has_no_sample_and_names_cannot_forge_lines() {
        let rows = vec![
            row("a", Stand::Up, &[]),
            row("b", Stand::Unknown, &[]),
            row("c\"\n} 1", Stand::Down, &[]),
        ];
        let mut view = view(rows);
        let facts = std::sync::Arc::make_mut(&mut view.facts);
        facts.buses.insert("b1".into(), true);
        facts.feeds = Some([3, 0, 1, 0]);
        view.lateness.quantiles = Some([0.001, 0.5, 2.0]);
        let text = text(&view, Own::default(), &[]);
        for line in [
            "bus_up{bus=\"b1\"} 1",
            "feeds{health=\"ok\"} 3",
            "feeds{health=\"failing\"} 1",
            "detection_lateness_seconds{quantile=\"0.99\"} 0.5",
            "console_history_ok 1",
        ] {
            assert!(
                text.contains(&format!("\nmarketswarm_{line}\n")),
                "{line}: {text}"
            );
        }
        assert!(
            text.contains("marketswarm_services{state=\"up\"} 1\n"),
            "{text}"
        );
        assert!(
            text.contains("marketswarm_service_up{svc=\"a\"} 1\n"),
            "{text}"
        );
        assert!(
            !text.contains("marketswarm_service_up{svc=\"b\"}"),
            "{text}"
        );
        assert!(
            text.contains("marketswarm_service_up{svc=\"c\\\"\\n} 1\"} 0\n"),
            "{text}"
        );
    }

    #[test]
    fn of_many_only_those_are_told_that_are_not_up() {
        let mut rows: Vec<_> = (0..3000)
            .map(|n| row(&format!("s{n}"), Stand::Up, &[]))
            .collect();
        rows.push(row("z", Stand::Down, &[]));
        let text = text(&view(rows), Own::default(), &[]);
        assert!(
            text.contains("marketswarm_services_omitted 3000\n"),
            "{}",
            &text[..2000]
        );
        assert!(text.contains("svc=\"z\"") && !text.contains("svc=\"s1\""));
        assert!(text.lines().count() < 100);
    }
}
