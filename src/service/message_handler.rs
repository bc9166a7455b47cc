//! What an ordinary service hears on the system bus.

use crossbeam_channel::Sender;

use super::truth_watch::TruthHint;
use super::{Error, Notice, Profile};
use crate::bus::{
    Address, Batch, BusError, Channels, Event, Limits, LogOnce, Message, ServerIdentity, Sink,
    Subscriber,
};
use crate::clock::Mono;
use crate::contract::{MESSAGE_MAX_BYTES, TRUTH_CHANGED};

/// Starts the thread that listens on the bus at `address` for what `profile` asks for.
pub(super) fn listen<E: From<Notice> + Send + 'static>(
    profile: &Profile,
    address: Address,
    hint: TruthHint,
    sender: Sender<E>,
) -> Result<Subscriber, Error> {
    let handler = MessageHandler {
        channels: profile.channels,
        hint,
        sender,
        outage: LogOnce::default(),
    };
    Ok(Subscriber::start(
        "subscriber",
        address,
        &format!("{}:sub", profile.id),
        Limits::default(),
        MESSAGE_MAX_BYTES,
        handler,
    )?)
}

/// The sink of an ordinary service: hints that the truth changed, and the messages it asked for.
struct MessageHandler<E> {
    channels: &'static [&'static str],
    hint: TruthHint,
    sender: Sender<E>,
    outage: LogOnce,
}

impl<E: From<Notice>> MessageHandler<E> {
    fn message(&self, Message { channel, payload }: Message<'_>) {
        if channel == TRUTH_CHANGED.as_bytes() {
            self.hint.give();
            return;
        }
        let notice = Notice::Message {
            channel: String::from_utf8_lossy(channel).into_owned(),
            payload: payload.to_vec(),
        };
        // Full means that the daemon is busy: Redis holds the rest meanwhile.
        let _ = self.sender.send(E::from(notice));
    }
}

impl<E: From<Notice> + Send + 'static> Sink for MessageHandler<E> {
    fn wanted(&mut self, _from: usize, into: &mut Channels) -> Option<usize> {
        for channel in std::iter::once(&TRUTH_CHANGED).chain(self.channels) {
            into.push(channel.as_bytes());
        }
        None
    }

    fn batch(&mut self, batch: &mut Batch<'_>, _now: Mono) {
        while let Some(event) = batch.next() {
            match event {
                Event::Messages(run) => run.messages().for_each(|message| self.message(message)),
                Event::Refused { channel } => {
                    log::error!(
                        "Redis forbids channel {} (ACL)",
                        String::from_utf8_lossy(channel)
                    );
                }
                Event::TooLong { channel, bytes } => {
                    log::warn!(
                        "a message of {bytes} bytes on {} was left out",
                        String::from_utf8_lossy(channel)
                    );
                }
                Event::Confirmed { .. } => {}
            }
        }
    }

    fn proven(&mut self, _proof: &ServerIdentity, _now: Mono) {
        if self.outage.end() {
            log::info!("subscribed again");
        }
        // What was announced while the link was down was not heard.
        self.hint.give();
    }

    fn lost(&mut self, error: &BusError, _now: Mono) {
        if self.outage.is_news(error) {
            log::warn!("the subscription is lost: {error}; trying on");
        }
    }
}
