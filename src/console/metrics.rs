//! `/metrics`, in the text format 0.0.4 (<https://prometheus.io/docs/instrumenting/exposition_formats/>). Pure.

use std::fmt::Write;

use super::view::{Row, STANDS, Stand, View};

/// Services that are told one by one; of more only those that are not up.
const SERVICES_MAX: usize = 2000;
/// Lines that are told at most.
const LINES_MAX: usize = 20_000;

/// What the server says of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Own {
    pub live: usize,
    pub requests: u64,
}

/// All of it. What is not known has no sample.
pub fn text(view: &View, own: Own) -> String {
    let mut out = String::new();
    head(&mut out, "services", "gauge", "Services by state.");
    for stand in STANDS {
        line(
            &mut out,
            "services",
            &[("state", stand.as_str())],
            view.counts.of(stand) as f64,
        );
    }
    head(
        &mut out,
        "judged",
        "gauge",
        "Whether a healer judges and can be read.",
    );
    line(&mut out, "judged", &[], f64::from(u8::from(view.judged)));
    head(
        &mut out,
        "healer_judging",
        "gauge",
        "Whether the healer can judge the services of a bus.",
    );
    for bus in view.buses.iter().filter(|_| view.judged) {
        line(
            &mut out,
            "healer_judging",
            &[("bus", &bus.bus)],
            f64::from(u8::from(bus.judged)),
        );
    }
    head(
        &mut out,
        "alerts_total",
        "counter",
        "Alerts that were told since the console began, by type.",
    );
    for (kind, count) in view.alerts.iter() {
        line(&mut out, "alerts_total", &[("type", kind)], *count as f64);
    }
    let (count, sum) = view.lateness;
    head(
        &mut out,
        "detection_lateness_seconds",
        "summary",
        "How long after its limit a miss was told, since the console began.",
    );
    line(&mut out, "detection_lateness_seconds_sum", &[], sum);
    line(
        &mut out,
        "detection_lateness_seconds_count",
        &[],
        count as f64,
    );
    head(
        &mut out,
        "dead_letters",
        "gauge",
        "Messages that a channel could not deliver.",
    );
    for teller in view.tellers.iter() {
        let labels = [("channel", teller.channel.as_str())];
        line(&mut out, "dead_letters", &labels, teller.dead as f64);
    }
    services(&mut out, view);
    head(
        &mut out,
        "console_live_clients",
        "gauge",
        "Clients that follow live.",
    );
    line(&mut out, "console_live_clients", &[], own.live as f64);
    head(
        &mut out,
        "console_requests_total",
        "counter",
        "Requests that were answered.",
    );
    line(&mut out, "console_requests_total", &[], own.requests as f64);
    out
}

fn services(out: &mut String, view: &View) {
    let all = view.rows.len() <= SERVICES_MAX;
    let most = (LINES_MAX - 100) / 3;
    let told: Vec<&Row> = view
        .worst()
        .filter(|row| row.stand != Stand::Off && (all || row.stand != Stand::Up))
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

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "# HELP marketswarm_{name} {help}\n# TYPE marketswarm_{name} {kind}"
    );
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    let _ = write!(out, "marketswarm_{name}");
    for (at, (label, text)) in labels.iter().enumerate() {
        let before = if at == 0 { '{' } else { ',' };
        let text = text
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let _ = write!(out, "{before}{label}=\"{text}\"");
    }
    let _ = match labels.is_empty() {
        true => writeln!(out, " {value}"),
        false => writeln!(out, "}} {value}"),
    };
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
        let text = text(&view(rows), Own::default());
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
        let text = text(&view(rows), Own::default());
        assert!(
            text.contains("marketswarm_services_omitted 3000\n"),
            "{}",
            &text[..2000]
        );
        assert!(text.contains("svc=\"z\"") && !text.contains("svc=\"s1\""));
        assert!(text.lines().count() < 100);
    }
}
