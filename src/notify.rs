//! Being told: from the alert log to a person's phone.
//!
//! The way of an alert:
//!
//! 1. `channel`: a thread for each way to people reads the alert log in its own consumer group.
//! 2. [`aggregator`]: how each service stands and what people were last told → the difference, as a [`notification::Notification`].
//! 3. [`rendering`] and [`mod@format`]: a notification → words, and the shape that the receiver understands ([`message`]).
//! 4. [`outbox`]: the message is stored with the acknowledgement of what it says, and only then sent.
//! 5. [`transport`]: one attempt by HTTP or SMTP; [`retry`]: what the answer means and when to try again.
//!
//! Steps 2 to 4 and `retry` are pure. The edges around them: [`store`] (Redis), [`config`] (which channels there are),
//! `notifier` (channels that come and go as truth says), `relay` (hands alerts to channels that cannot read the log), `deadman`.
#![warn(missing_docs, clippy::missing_errors_doc)]

use crate::contract::{Alert, AlertKind};

pub mod aggregator;
mod channel;
pub mod config;
mod deadman;
pub mod format;
mod inbox;
mod link;
pub mod message;
pub mod notification;
mod notifier;
pub mod outbox;
mod relay;
pub mod rendering;
pub mod retry;
pub mod sign;
pub mod store;
pub mod transport;

pub use config::{Config, ConfigError, channels_configured};
pub use notifier::{Context, Notifier, idle, start, try_environment};
pub use relay::Relay;

/// In whose name people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Tells everything but the fate of the healer.
    Healer,
    /// Tells the fate of the healer.
    Sentinel,
}

impl Role {
    /// The service's name, and the first part of its consumer groups.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Healer => "healer",
            Role::Sentinel => "sentinel",
        }
    }

    /// Whether it tells this alert.
    pub fn owns(self, alert: &Alert) -> bool {
        let kind = alert.of.unwrap_or(alert.kind);
        let about_healer = matches!(kind, AlertKind::HealerMiss | AlertKind::HealerOk);
        let truth = matches!(kind, AlertKind::TruthRejected | AlertKind::TruthMissing);
        // What it told about the settings, in place of a healer that is away or for itself.
        let of_sentinel = truth && alert.svc == Role::Sentinel.as_str();
        (about_healer || of_sentinel) == (self == Role::Sentinel)
    }
}
