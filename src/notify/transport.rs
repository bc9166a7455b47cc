//! Carries one message to one recipient, and says what was answered.

use super::config::{Channel, Target};
use super::notification::Ms;
use super::outbox::{Delivery, OutboxMessage};
use super::retry::Answer;

mod mail;
mod post;

pub use post::client;

/// A channel's connection to the world.
pub enum Transport {
    /// By HTTP.
    Post(post::Post),
    /// By SMTP.
    Mail(mail::Mail),
}

impl Transport {
    /// A transport for `channel`; `host` is how this machine calls itself.
    ///
    /// # Errors
    /// A setting of the channel that cannot be used, in words.
    pub fn new(channel: &Channel, host: &str) -> Result<Transport, String> {
        match &channel.target {
            Target::Webhook(webhook) => Ok(Transport::Post(post::Post::new(webhook.clone()))),
            Target::Email(email) => mail::Mail::new(email.clone(), host).map(Transport::Mail),
        }
    }

    /// Makes one attempt. Takes no longer than the channel's time-out for each step.
    pub fn deliver(&self, message: &OutboxMessage, delivery: &Delivery, now_ms: Ms) -> Answer {
        match self {
            Transport::Post(post) => post.deliver(message, now_ms),
            Transport::Mail(mail) => mail.deliver(message, &delivery.to),
        }
    }
}
