//! Carries one message to one recipient, and says what was answered.

use super::config::{Channel, Target};
use super::outbox::{Delivery, Message};
use super::retry::Answer;
use super::telling::Ms;

mod mail;
mod post;

pub use post::client;

/// A channel's connection to the world.
pub enum Courier {
    Post(post::Post),
    Mail(mail::Mail),
}

impl Courier {
    /// A courier for `channel`; `host` is how this machine calls itself.
    pub fn new(channel: &Channel, host: &str) -> Result<Courier, String> {
        match &channel.target {
            Target::Webhook(webhook) => Ok(Courier::Post(post::Post::new(webhook.clone()))),
            Target::Email(email) => mail::Mail::new(email.clone(), host).map(Courier::Mail),
        }
    }

    /// Makes one attempt. Takes no longer than the channel's time-out for each step.
    pub fn deliver(&self, message: &Message, delivery: &Delivery, now_ms: Ms) -> Answer {
        match self {
            Courier::Post(post) => post.deliver(message, now_ms),
            Courier::Mail(mail) => mail.deliver(message, &delivery.to),
        }
    }
}
