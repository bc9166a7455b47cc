//! The words: from a [`Notification`] to text that reads on a locked phone.

use std::fmt::Write;

use jiff::tz::TimeZone;

use super::notification::{
    DownSpan, Ms, Names, Notification, NotificationGroup, NotificationKind, NotificationLine,
};
use crate::contract::{Alert, AlertKind, NAME_MAX_BYTES, TEXT_MAX_BYTES};

#[cfg(test)]
mod tests;
mod times;

use crate::text::SafeText;
use times::{ago, clock_seconds, full, human_ms, moment, moment_in_seconds, secs};

/// A silence that was judged longer ago than this is measured anew when it is told.
const FRESH_MS: Ms = 5_000;

/// The first line of the message: what a locked phone shows, and the subject of a mail.
pub fn title(notification: &Notification) -> String {
    let Some(first) = notification.groups.first() else {
        return match notification.lost {
            Some(lost) => lost_words(lost),
            None => notification
                .notes
                .first()
                .map(|n| SafeText::cut(n, TEXT_MAX_BYTES).into())
                .unwrap_or_default(),
        };
    };
    let mut title = headline(first, notification);
    for group in &notification.groups[1..] {
        let _ = write!(title, " · {} {}", word(group), group.len());
    }
    title
}

/// The whole message as plain text; times are also given in `zone`.
pub fn text(notification: &Notification, zone: &TimeZone) -> String {
    let mut text = String::new();
    let mut line = |words: &str| {
        text.push_str(words);
        text.push('\n');
    };
    for group in &notification.groups {
        line(&headline(group, notification));
        for details in details(group, notification.now_ms, zone) {
            line(&details);
        }
    }
    if let Some(lost) = notification.lost {
        line(&lost_words(lost));
        let down =
            !notification.also_down.is_empty() || notification.lines().any(|(_, _, l)| l.bad);
        line(if down {
            "what is not named in this message is up"
        } else {
            "nothing is down now"
        });
    }
    for note in &notification.notes {
        line(&SafeText::cut(note, 2 * TEXT_MAX_BYTES));
    }
    if !notification.also_down.is_empty() {
        line(&format!("also down: {}", list(&notification.also_down)));
    }
    if let Some(runbook) = &notification.runbook {
        line(&format!("what to do: {runbook}"));
    }
    if let Some(link) = &notification.link {
        line(link);
    }
    text.truncate(text.trim_end().len());
    text
}

fn lost_words(lost: u64) -> String {
    let entries = if lost == 1 { "entry" } else { "entries" };
    format!("HISTORY INCOMPLETE: {lost} {entries} of the log were lost before they could be told")
}

/// One group in one line.
fn headline(group: &NotificationGroup, notification: &Notification) -> String {
    if group.say == NotificationKind::Past && notification.digest_since_ms.is_some() {
        return format!(
            "while this channel was down: {}",
            outages(group, notification.now_ms)
        );
    }
    if group.say == NotificationKind::Because {
        let cause = group.lines.iter().find_map(|l| l.cause.as_deref());
        let cause = SafeText::cut(cause.unwrap_or("a dependency"), NAME_MAX_BYTES);
        return format!("ALSO SILENT because of {cause}: {}", names(group));
    }
    match group.lines.as_slice() {
        [only] if group.more == 0 => {
            let svc = SafeText::cut(&only.svc, NAME_MAX_BYTES);
            format!(
                "{} {svc}{}",
                word(group),
                phrase(group, only, notification.now_ms)
            )
        }
        _ => {
            let what = match group.kind {
                AlertKind::BusDown | AlertKind::BusUnstable | AlertKind::BusReadonly => "buses",
                _ => "services",
            };
            format!("{} {} {what}: {}", word(group), group.len(), names(group))
        }
    }
}

/// The word in capitals that a group begins with.
fn word(group: &NotificationGroup) -> &'static str {
    use AlertKind::*;
    match (group.say, group.kind) {
        (NotificationKind::Begin, HeartbeatMiss) if group.never_heard => "NOT SEEN YET",
        (NotificationKind::Begin, BusDown) => "BUS DOWN",
        (NotificationKind::Begin, ServiceDegraded) => "DEGRADED",
        (NotificationKind::Begin, WorkStalled) => "STALLED",
        (NotificationKind::Begin, InstancesLow) => "TOO FEW",
        (NotificationKind::Begin, _) => "DOWN",
        (NotificationKind::Still | NotificationKind::Remind, HeartbeatMiss)
            if group.never_heard =>
        {
            "STILL NOT SEEN"
        }
        (NotificationKind::Still | NotificationKind::Remind, BusDown) => "BUS STILL DOWN",
        (NotificationKind::Still | NotificationKind::Remind, ServiceDegraded) => "STILL DEGRADED",
        (NotificationKind::Still | NotificationKind::Remind, WorkStalled) => "STILL STALLED",
        (NotificationKind::Still | NotificationKind::Remind, InstancesLow) => "STILL TOO FEW",
        (NotificationKind::Still | NotificationKind::Remind, _) => "STILL DOWN",
        (NotificationKind::Because, _) => "ALSO SILENT",
        (NotificationKind::Flapping, _) => "FLAPPING",
        (NotificationKind::Steady, _) => "STEADY",
        (NotificationKind::End, BusDown) => "BUS UP",
        (NotificationKind::End, ServiceDegraded) => "RESTORED",
        (NotificationKind::End, WorkStalled) => "MOVING",
        (NotificationKind::End, InstancesLow) => "ENOUGH",
        (NotificationKind::End, _) => "UP",
        (NotificationKind::Past, ServiceDegraded) => "WAS DEGRADED",
        (NotificationKind::Past, WorkStalled) => "WAS STALLED",
        (NotificationKind::Past, InstancesLow) => "HAD TOO FEW",
        (NotificationKind::Past, _) => "WAS DOWN",
        (NotificationKind::Gone, _) => "NOT WATCHED ANY MORE",
        (NotificationKind::Once, BusUnstable) => "BUS UNSTABLE",
        (NotificationKind::Once, BusReadonly) => "BUS REFUSES WRITES",
        (NotificationKind::Once, DuplicateInstance) => "TWO INSTANCES",
        (NotificationKind::Once, TruthRejected) => "TRUTH REJECTED",
        (NotificationKind::Once, TruthMissing) => "TRUTH MISSING",
        (NotificationKind::Once, _) => "RESTARTING",
    }
}

/// What follows the name of a service: `: no beat for 31 s (limit 30 s)`.
fn phrase(group: &NotificationGroup, line: &NotificationLine, now_ms: Ms) -> String {
    let mut words = match group.say {
        NotificationKind::Begin
        | NotificationKind::Still
        | NotificationKind::Remind
        | NotificationKind::Because => begin_words(group, line, now_ms),
        NotificationKind::End => end_words(line),
        NotificationKind::Flapping => format!(
            ": {} {} times in {}, {} now; quiet until it is steady",
            bad_word(group.kind),
            line.times,
            ago(now_ms, line.since_ms),
            state_word(group.kind, line),
        ),
        NotificationKind::Steady => format!(
            ": {} for {}, after it was {} {} times",
            state_word(group.kind, line),
            ago(now_ms, line.since_ms),
            bad_word(group.kind),
            line.times,
        ),
        NotificationKind::Past => format!(": {}, up now", spans(line, now_ms)),
        NotificationKind::Gone => ": truth dropped it, its end will not be heard".to_owned(),
        NotificationKind::Once => once_words(group.kind, line),
    };
    let repeats = match group.say {
        NotificationKind::Once => line.times.saturating_sub(1),
        NotificationKind::Begin | NotificationKind::End => line.times,
        _ => 0,
    };
    if repeats > 0 && group.say == NotificationKind::Once {
        let _ = write!(words, " ({} times)", line.times);
    } else if repeats > 0 {
        let _ = write!(words, " (before that down {})", spans(line, now_ms));
    }
    words
}

fn bad_word(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::ServiceDegraded => "degraded",
        AlertKind::WorkStalled => "stalled",
        AlertKind::InstancesLow => "short of instances",
        _ => "down",
    }
}

fn state_word(kind: AlertKind, line: &NotificationLine) -> &'static str {
    if line.bad { bad_word(kind) } else { "up" }
}

fn begin_words(group: &NotificationGroup, line: &NotificationLine, now_ms: Ms) -> String {
    let Some(begin) = &line.begin else {
        return String::new();
    };
    let silent = silence(begin, now_ms);
    let limit = begin
        .timeout_sec
        .map(|t| format!(" (limit {})", secs(t)))
        .unwrap_or_default();
    match group.kind {
        AlertKind::HeartbeatMiss if group.never_heard => format!(": nothing in {}", secs(silent)),
        AlertKind::HeartbeatMiss if begin.planned => match begin.eta {
            Some(eta) => format!(
                ": stopped on purpose and due back {}, no beat for {}",
                moment(eta.saturating_mul(1000), now_ms),
                secs(silent)
            ),
            None => format!(": stopped on purpose, no beat for {}{limit}", secs(silent)),
        },
        AlertKind::HealerMiss => format!(
            ": no beat for {}{limit}; nobody judges the services until it is back",
            secs(silent)
        ),
        AlertKind::BusDown
        | AlertKind::ServiceDegraded
        | AlertKind::WorkStalled
        | AlertKind::InstancesLow
            if begin.reason.is_some() =>
        {
            format!(": {}", reason(begin))
        }
        AlertKind::BusDown => format!(": nothing heard for {}", secs(silent.max(5.0))),
        AlertKind::ServiceDegraded => ": it says that its work is stuck".to_owned(),
        _ => format!(": no beat for {}{limit}", secs(silent)),
    }
}

fn end_words(line: &NotificationLine) -> String {
    let (Some(begin), Some(end)) = (&line.begin, &line.end) else {
        return String::new();
    };
    let lasted = end.ts.saturating_mul(1000) - since_ms(begin);
    if begin.never_heard {
        format!(": first seen after {}", human_ms(lasted))
    } else {
        format!(" after {}", human_ms(lasted))
    }
}

fn once_words(kind: AlertKind, line: &NotificationLine) -> String {
    let Some(alert) = &line.begin else {
        return String::new();
    };
    let said = reason(alert);
    match (kind, alert.count) {
        (AlertKind::ServiceRestarting, Some(n)) => {
            format!(": started anew {n} times in a short while")
        }
        (AlertKind::ServiceRestarting, None) => ": it starts anew again and again".to_owned(),
        _ if !said.is_empty() => format!(": {said}"),
        (AlertKind::DuplicateInstance, _) => ": two of it beat in turn".to_owned(),
        (AlertKind::BusUnstable, _) => ": it comes and goes, nothing could be judged".to_owned(),
        _ => String::new(),
    }
}

/// The lines below a headline.
fn details(group: &NotificationGroup, now_ms: Ms, zone: &TimeZone) -> Vec<String> {
    let mut out = Vec::new();
    for line in &group.lines {
        if !line.because.is_empty() {
            let of = if group.len() == 1 {
                "it"
            } else {
                &SafeText::cut(&line.svc, NAME_MAX_BYTES)
            };
            out.push(format!(
                "also silent because of {of}: {}",
                list(&line.because)
            ));
        }
    }
    if matches!(
        group.say,
        NotificationKind::Past | NotificationKind::Because | NotificationKind::Gone
    ) {
        return out;
    }
    if let ([only], 0) = (group.lines.as_slice(), group.more) {
        out.extend(facts(only, group.say, zone));
        return out;
    }
    for line in &group.lines {
        let svc = SafeText::cut(&line.svc, NAME_MAX_BYTES);
        out.push(format!("  {svc}{}", phrase(group, line, now_ms)));
    }
    if group.more > 0 {
        out.push(format!("  + {} more", group.more));
    }
    if let Some(first) = group.lines.first() {
        out.extend(place(first));
    }
    out
}

/// Where, since when, and how far it had come.
fn facts(line: &NotificationLine, say: NotificationKind, zone: &TimeZone) -> Vec<String> {
    let mut out: Vec<String> = place(line).into_iter().collect();
    if let Some(begin) = &line.begin {
        let since = match say {
            NotificationKind::Flapping | NotificationKind::Steady => {
                line.since_ms.unwrap_or_else(|| since_ms(begin))
            }
            _ => since_ms(begin),
        };
        match (&line.end, say) {
            (Some(end), NotificationKind::End) => {
                out.push(format!("from {}", full(since, zone)));
                out.push(format!("to {}", full(end.ts * 1000, zone)));
            }
            _ => out.push(format!("since {}", full(since, zone))),
        }
        if let Some(i) = line.end.as_ref().and_then(|e| e.last_i).or(begin.last_i) {
            out.push(format!("last beat number {i}"));
        }
    }
    out
}

fn place(line: &NotificationLine) -> Option<String> {
    let alert = line.end.as_ref().or(line.begin.as_ref())?;
    let host = alert
        .host
        .as_deref()
        .map(|h| format!("host {}", SafeText::cut(h, TEXT_MAX_BYTES)));
    let bus = alert.bus.as_deref().unwrap_or(crate::contract::SYSTEM_BUS);
    let bus = Some(format!("bus {}", SafeText::cut(bus, NAME_MAX_BYTES)));
    Some(host.into_iter().chain(bus).collect::<Vec<_>>().join(", "))
}

/// `rss_agg 14:02–14:05, massive 14:10–14:12 (3 times)`.
fn outages(group: &NotificationGroup, now_ms: Ms) -> String {
    let each = group.lines.iter().map(|l| {
        format!(
            "{} {}",
            SafeText::cut(&l.svc, NAME_MAX_BYTES),
            spans(l, now_ms)
        )
    });
    let mut out = each.collect::<Vec<_>>().join(", ");
    if group.more > 0 {
        let _ = write!(out, " + {} more", group.more);
    }
    out
}

fn spans(line: &NotificationLine, now_ms: Ms) -> String {
    let shown = |s: &DownSpan| {
        if s.to_ms - s.from_ms < 120_000 {
            let (from, to) = (moment_in_seconds(s.from_ms, now_ms), clock_seconds(s.to_ms));
            format!("{from}–{to}")
        } else {
            format!("{}–{}", moment(s.from_ms, now_ms), moment(s.to_ms, now_ms))
        }
    };
    let first = line
        .spans
        .first()
        .map(shown)
        .unwrap_or_else(|| "for a while".to_owned());
    if line.times > 1 {
        format!("{first} UTC ({} times)", line.times)
    } else {
        format!("{first} UTC")
    }
}

fn names(group: &NotificationGroup) -> String {
    let names = group.lines.iter().map(|l| name(&l.svc));
    let mut out = names.collect::<Vec<_>>().join(", ");
    if group.more > 0 {
        let _ = write!(out, " + {} more", group.more);
    }
    out
}

fn list(names: &Names) -> String {
    let spelled = names.names.iter().map(|n| name(n));
    let mut out = spelled.collect::<Vec<_>>().join(", ");
    if names.more > 0 {
        let _ = write!(out, " + {} more", names.more);
    }
    out
}

fn name(raw: &str) -> String {
    SafeText::cut(raw, NAME_MAX_BYTES).into()
}

fn reason(alert: &Alert) -> SafeText {
    SafeText::cut(alert.reason.as_deref().unwrap_or(""), TEXT_MAX_BYTES)
}

/// Seconds of silence: as judged when that was just now, else as it is when told.
fn silence(begin: &Alert, now_ms: Ms) -> f64 {
    let judged = begin.late_sec.unwrap_or(0.0);
    let fresh = now_ms - begin.ts.saturating_mul(1000) < FRESH_MS;
    if fresh && begin.late_sec.is_some() {
        judged
    } else {
        ((now_ms - since_ms(begin)) as f64 / 1000.0).max(judged)
    }
}

fn since_ms(begin: &Alert) -> Ms {
    begin.began_ms()
}
