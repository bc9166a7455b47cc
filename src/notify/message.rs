//! From what is to be said to a message that can be stored and sent.

use jiff::tz::TimeZone;

use super::config::Target;
use super::notification::Notification;
use super::outbox::{Delivery, OutboxMessage};
use super::rendering;
use crate::contract::NAME_MAX_BYTES;

/// Header of a mail that names the alerts in it, as `alerts` of a webhook does.
pub const ALERTS_HEADER: &str = "X-MarketSwarm-Alerts";
/// Alert ids in that header; the rest is counted: mail servers refuse long heads.
const IDS_MAX: usize = 300;

/// Writes `telling` as `target` takes it, with a delivery for each recipient.
pub fn write(
    target: &Target,
    notification: &Notification,
    id: String,
    zone: &TimeZone,
) -> OutboxMessage {
    let text = rendering::text(notification, zone);
    let to = |to: &str| Delivery {
        to: to.to_owned(),
        ..Delivery::default()
    };
    let mut message = OutboxMessage {
        id,
        made_ms: notification.now_ms,
        title: rendering::title(notification),
        thread: notification.thread.clone(),
        ..OutboxMessage::default()
    };
    match target {
        Target::Webhook(webhook) => {
            let payload = webhook.format.payload(notification, &text);
            message.body = payload.body;
            message.content_type = payload.content_type.to_owned();
            let headers = payload.headers.into_iter();
            message.headers = headers.map(|(n, v)| (n.to_owned(), v)).collect();
            message.deliveries.push(to(""));
        }
        Target::Email(email) => {
            message.body = text + "\n";
            message
                .headers
                .push((ALERTS_HEADER.to_owned(), ids(notification)));
            message.deliveries = email.to.iter().map(|a| to(a.as_ref())).collect();
        }
    }
    message
}

/// The ids of the alerts, `+ 480` for those that find no room. Other writers' ids are made harmless for a header.
fn ids(notification: &Notification) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    let ids = notification.alerts.iter().take(IDS_MAX).map(|alert| {
        let id = alert.id.chars().filter(allowed).take(NAME_MAX_BYTES);
        id.collect::<String>()
    });
    let mut ids: Vec<String> = ids.filter(|id| !id.is_empty()).collect();
    let more = notification.alerts.len().saturating_sub(IDS_MAX) + notification.omitted;
    if more > 0 {
        ids.push(format!("+ {more}"));
    }
    ids.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Alert, AlertKind};

    #[test]
    fn the_ids_in_a_mails_head_are_bounded_and_harmless() {
        let mut notification = Notification::default();
        for n in 0..IDS_MAX + 7 {
            let mut alert = Alert::new(AlertKind::HeartbeatMiss, "a", 0);
            alert.id = format!("h-{n}\r\nBcc: x@example.org");
            notification.alerts.push(alert);
        }
        notification.omitted = 3;
        let ids = ids(&notification);
        assert!(ids.starts_with("h-0Bcc:xexample.org h-1Bcc"), "{ids}");
        assert!(ids.ends_with(" + 10"), "{ids}");
        assert!(!ids.contains(['\r', '\n']));
    }
}
