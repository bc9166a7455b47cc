//! The shapes that webhook receivers understand.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};
use ureq::http::Uri;

use super::notification::{Ms, Notification, NotificationKind};
use super::rendering;
use crate::clock;
use crate::contract::{Alert, AlertKind};
use crate::text::{SafeText, cut};

mod escape;

/// A receiver's dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Ours: `{"text", "alerts": […]}`.
    Json,
    /// `{"text"}`.
    Slack,
    /// `{"content"}`.
    Discord,
    /// Plain text, with a priority in a header.
    Ntfy,
    /// A list of alerts, as Alertmanager's API v2 takes it.
    Alertmanager,
}

/// What goes over the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Payload {
    /// The media type of the body.
    pub content_type: &'static str,
    /// Other fields of the head.
    pub headers: Vec<(&'static str, String)>,
    /// What is posted.
    pub body: String,
}

/// A firing alert whose end will be told is given one this far ahead: Alertmanager would end it after five minutes, and a
/// healer that is away must not look like an end.
const FIRING_MS: Ms = 7 * 24 * 3600 * 1000;
/// What just happens has no end that could be told: it fires for so long.
const HAPPENED_MS: Ms = 10 * 60 * 1000;

impl Format {
    /// What `WEBHOOK_FORMAT` may say.
    pub const NAMES: [&'static str; 5] = ["json", "slack", "discord", "ntfy", "alertmanager"];

    /// The format of that name.
    pub fn by_name(name: &str) -> Option<Format> {
        let all = [
            Format::Json,
            Format::Slack,
            Format::Discord,
            Format::Ntfy,
            Format::Alertmanager,
        ];
        all.into_iter()
            .find(|f| f.name() == name.trim().to_ascii_lowercase())
    }

    /// The name for `WEBHOOK_FORMAT`.
    pub fn name(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Slack => "slack",
            Format::Discord => "discord",
            Format::Ntfy => "ntfy",
            Format::Alertmanager => "alertmanager",
        }
    }

    /// Whether its receivers can tell a repeat: by the id of the message, or since an alert is the same thing each time.
    pub fn knows_ids(self) -> bool {
        matches!(self, Format::Json | Format::Alertmanager)
    }

    /// The format that the receiver behind `url` most probably speaks.
    pub fn guess(url: &Uri) -> Format {
        let host = url.host().unwrap_or("").to_ascii_lowercase();
        let is = |domain: &str| host == domain || host.ends_with(&format!(".{domain}"));
        if host == "hooks.slack.com" || is("hooks.slack-gov.com") {
            Format::Slack
        } else if (is("discord.com") || is("discordapp.com"))
            && url.path().starts_with("/api/webhooks/")
        {
            Format::Discord
        } else if is("ntfy.sh") || host.starts_with("ntfy.") {
            Format::Ntfy
        } else if url.path().trim_end_matches('/').ends_with("/api/v2/alerts") {
            Format::Alertmanager
        } else {
            Format::Json
        }
    }

    /// Puts a message into this format. `text` is the whole of it in words.
    pub fn payload(self, notification: &Notification, text: &str) -> Payload {
        let json = |body: Value| Payload {
            content_type: "application/json",
            headers: Vec::new(),
            body: body.to_string(),
        };
        match self {
            Format::Json => json(own(notification, text)),
            Format::Slack => {
                json(json!({"text": escape::fit(text, 30_000, escape::slack), "mrkdwn": false}))
            }
            Format::Discord => json(json!({
                "content": escape::fit(text, 1_900, escape::discord),
                "allowed_mentions": {"parse": []},
            })),
            Format::Ntfy => Payload {
                content_type: "text/plain; charset=utf-8",
                headers: ntfy_headers(notification),
                body: cut(text, 4_000).to_owned(),
            },
            Format::Alertmanager => json(alertmanager(notification)),
        }
    }
}

fn own(notification: &Notification, text: &str) -> Value {
    let mut body = json!({"text": text, "alerts": notification.alerts});
    if notification.omitted > 0 {
        body["omitted"] = notification.omitted.into();
    }
    if notification.test {
        body["test"] = true.into();
    }
    if let Some(lost) = notification.lost {
        body["lost"] = lost.into();
    }
    if let Some(runbook) = &notification.runbook {
        body["runbook"] = runbook.as_str().into();
    }
    if let Some(link) = &notification.link {
        body["link"] = link.as_str().into();
    }
    body
}

/// How urgent it is, and where a tap leads (<https://docs.ntfy.sh/publish/#click-action>).
fn ntfy_headers(notification: &Notification) -> Vec<(&'static str, String)> {
    let mut headers = vec![("Priority", priority(notification).to_owned())];
    headers.extend(notification.link.clone().map(|link| ("Click", link)));
    headers
}

/// High while something is bad in it.
fn priority(notification: &Notification) -> &'static str {
    let bad = notification
        .lines()
        .any(|(say, _, line)| line.bad && say != NotificationKind::Remind);
    if bad { "high" } else { "default" }
}

/// How something stands at the receiver's, after a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    Fires,
    Ended,
    /// Truth dropped it: its end will not be heard.
    Gone,
}

/// One alert for each thing that began or ended, labelled alike in both cases so that the end finds its beginning.
fn alertmanager(notification: &Notification) -> Value {
    let mut alerts: BTreeMap<(&str, Cow<'_, str>), Value> = BTreeMap::new();
    let of_lines = notification
        .lines()
        .flat_map(|(say, _, line)| line.begin.iter().chain(&line.end).map(move |a| (say, a)));
    let behind = notification
        .alerts
        .iter()
        .map(|alert| (NotificationKind::Begin, alert));
    let mut gone = Vec::new();
    for (say, alert) in of_lines.chain(behind) {
        if alert.kind == AlertKind::Flapping || alert.kind == AlertKind::Steady {
            continue;
        }
        let (begin, stands) = match alert.kind.ends() {
            Some(begin) => (begin, Stands::Ended),
            None if say == NotificationKind::Gone => (alert.kind, Stands::Gone),
            None => (alert.kind, Stands::Fires),
        };
        let key = (begin.as_str(), alert.subject());
        if stands == Stands::Gone {
            gone.push(key.clone());
        } else if gone.contains(&key) {
            continue;
        }
        alerts.insert(
            key,
            alertmanager_alert(notification.now_ms, alert, begin, stands),
        );
    }
    let title = rendering::title(notification);
    let mut list: Vec<Value> = alerts.into_values().collect();
    if list.is_empty() {
        list.push(json!({
            "labels": {"alertname": "note", "source": "marketswarm"},
            "annotations": {"summary": title},
            "startsAt": rfc3339(notification.now_ms),
        }));
    }
    if let Some(runbook) = &notification.runbook {
        for alert in &mut list {
            alert["annotations"]["runbook_url"] = runbook.as_str().into();
        }
    }
    if let Some(link) = &notification.link {
        for alert in &mut list {
            alert["generatorURL"] = link.as_str().into();
        }
    }
    Value::Array(list)
}

/// What fires still, and what fires no more since it was last posted, as Alertmanager takes it: it keeps nothing over a
/// restart of its own, and forgets what it does not hear of again.
pub fn refiring<'a>(
    now_ms: Ms,
    firing: impl Iterator<Item = &'a Alert>,
    over: impl Iterator<Item = &'a Alert>,
) -> String {
    let firing = firing.map(|alert| (alert, Stands::Fires));
    let all = firing.chain(over.map(|alert| (alert, Stands::Gone)));
    let list = all.map(|(alert, stands)| alertmanager_alert(now_ms, alert, alert.kind, stands));
    Value::Array(list.collect()).to_string()
}

fn alertmanager_alert(now_ms: Ms, alert: &Alert, begin: AlertKind, stands: Stands) -> Value {
    let severity = match begin {
        AlertKind::HeartbeatMiss | AlertKind::HealerMiss | AlertKind::BusDown => "critical",
        _ => "warning",
    };
    let starts = match stands {
        Stands::Ended => alert.since_ts.map_or(now_ms, |s| s * 1000),
        Stands::Fires | Stands::Gone => alert.began_ms(),
    };
    let ends = match stands {
        Stands::Ended => alert.ts * 1000,
        Stands::Gone => now_ms,
        Stands::Fires if begin.ended_by().is_some() => now_ms + FIRING_MS,
        Stands::Fires => now_ms + HAPPENED_MS,
    };
    let summary = match (&alert.reason, alert.late_sec) {
        (Some(reason), _) => SafeText::cut(reason, 256).into(),
        (None, Some(late)) => format!("no beat for {late} s"),
        (None, None) => alert.kind.as_str().replace('_', " "),
    };
    let mut labels = json!({
        "alertname": begin.as_str(),
        "svc": SafeText::cut(&alert.svc, 64),
        "severity": severity,
        "source": "marketswarm",
    });
    // Several streams of one service may stand still, each for itself.
    if let (Some(key), Some(group)) = (&alert.key, &alert.group) {
        labels["stream"] = json!(SafeText::cut(key, 256));
        labels["group"] = json!(SafeText::cut(group, 256));
    }
    json!({
        "labels": labels,
        "annotations": {"summary": summary},
        "startsAt": rfc3339(starts),
        "endsAt": rfc3339(ends),
    })
}

fn rfc3339(ms: Ms) -> String {
    clock::rfc3339(ms.div_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::super::notification::NotificationLine;
    use super::*;

    fn notification(svc: &str, reason: &str) -> (Notification, String) {
        let mut alert = Alert::new(AlertKind::ServiceDegraded, svc, 1_795_528_800);
        alert.reason = Some(reason.into());
        let mut notification = Notification {
            now_ms: 1_795_528_800_500,
            ..Notification::default()
        };
        let line = NotificationLine {
            svc: svc.into(),
            bad: true,
            begin: Some(alert.clone()),
            ..NotificationLine::default()
        };
        notification.push(NotificationKind::Begin, AlertKind::ServiceDegraded, line);
        notification.alerts.push(alert);
        let text = rendering::text(&notification, &jiff::tz::TimeZone::UTC);
        (notification, text)
    }

    #[test]
    fn the_receiver_is_guessed_from_the_url() {
        for (url, format) in [
            ("https://hooks.slack.com/services/T/B/x", Format::Slack),
            ("https://discord.com/api/webhooks/1/x", Format::Discord),
            (
                "https://ptb.discordapp.com/api/webhooks/1/x",
                Format::Discord,
            ),
            ("https://ntfy.sh/topic", Format::Ntfy),
            ("http://ntfy.home.example/topic", Format::Ntfy),
            ("http://am:9093/api/v2/alerts", Format::Alertmanager),
            ("https://example.org/hook", Format::Json),
            ("https://notslack.com/", Format::Json),
        ] {
            assert_eq!(Format::guess(&url.parse().expect(url)), format, "{url}");
            assert_eq!(Format::by_name(format.name()), Some(format));
        }
    }

    #[test]
    fn a_name_or_reason_cannot_address_a_crowd_or_break_the_format() {
        let (notification, text) = notification(
            "<!channel>",
            "@everyone *now* \"quoted\"\r\nX-Evil: 1 <script>",
        );
        let slack = Format::Slack.payload(&notification, &text).body;
        assert!(
            slack.contains("&lt;!channel&gt;") && !slack.contains("<!channel>"),
            "{slack}"
        );
        let slack: Value = serde_json::from_str(&slack).expect("JSON");
        assert_eq!(slack["mrkdwn"], false, "nothing is bold or struck out");
        let discord = Format::Discord.payload(&notification, &text);
        let body: Value = serde_json::from_str(&discord.body).expect("JSON");
        assert_eq!(body["allowed_mentions"], json!({"parse": []}));
        assert!(
            body["content"]
                .as_str()
                .is_some_and(|c| c.contains(r"\*now\*")),
            "{body}"
        );
        for format in [Format::Json, Format::Slack, Format::Alertmanager] {
            let payload = format.payload(&notification, &text);
            serde_json::from_str::<Value>(&payload.body).expect("JSON whatever the names hold");
        }
        let ntfy = Format::Ntfy.payload(&notification, &text);
        assert_eq!(ntfy.headers, [("Priority", "high".to_owned())]);
        assert!(!ntfy.body.contains("\r\nX-Evil"), "{}", ntfy.body);
    }

    #[test]
    fn our_own_format_carries_the_text_and_the_alerts() {
        let (notification, text) = notification("rss_agg", "no feed answers");
        let body: Value =
            serde_json::from_str(&Format::Json.payload(&notification, &text).body).expect("JSON");
        assert!(
            body["text"]
                .as_str()
                .is_some_and(|t| t.starts_with("DEGRADED rss_agg: no feed answers"))
        );
        assert_eq!(body["alerts"][0]["type"], "service_degraded");
    }

    #[test]
    fn alertmanager_gets_the_same_labels_at_the_end_as_at_the_beginning() {
        let (begin, text) = notification("a", "r");
        let mut end = begin.clone();
        end.groups.clear();
        let mut over = Alert::new(AlertKind::ServiceRestored, "a", 1_795_528_900);
        over.since_ts = Some(1_795_528_800);
        end.alerts = vec![over];
        let [begin, end] = [begin, end].map(|t| {
            let body = Format::Alertmanager.payload(&t, &text).body;
            serde_json::from_str::<Value>(&body).expect("JSON")[0].take()
        });
        assert_eq!(begin["labels"], end["labels"]);
        assert_eq!(begin["startsAt"], end["startsAt"]);
        assert_eq!(end["endsAt"], "2026-11-24T14:01:40Z");
    }

    #[test]
    fn a_long_message_is_cut_to_what_the_receiver_takes() {
        let (notification, _) = notification("a", "r");
        let long = "line of text\n".repeat(10_000);
        let body: Value = serde_json::from_str(&Format::Discord.payload(&notification, &long).body)
            .expect("JSON");
        assert!(
            body["content"]
                .as_str()
                .is_some_and(|c| c.chars().count() <= 2000)
        );
        assert!(Format::Ntfy.payload(&notification, &long).body.len() <= 4096);
    }
}
