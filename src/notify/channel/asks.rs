//! What operators ask of a channel from afar: a test, or to send once more what was given up. Whoever asks knows no secret of
//! the channel; whoever holds it acts, and leaves the answer where the other looks.

use serde_json::json;

use super::*;
use crate::contract::NAME_MAX_BYTES;
use crate::contract::asks::{Ask, Wanted};
use crate::notify::notification::Notification;
use crate::text::SafeText;

/// From one look for asks to the next.
const LOOK_MS: Ms = 1_000;
/// Letters that one ask sends once more, the newest.
const LETTERS_MAX: usize = 16;

impl Channel {
    /// Does the next thing that is asked for, while this instance holds the channel.
    pub(super) fn heed_asks(&mut self) {
        let now_ms = self.clock.now_ms();
        if !matches!(self.link, StoreLink::Held) || now_ms < self.next_ask_ms {
            return;
        }
        self.next_ask_ms = now_ms + LOOK_MS;
        let ask = match self.store.next_ask() {
            Ok(Some(ask)) => ask,
            Ok(None) => return,
            Err(error) => return log::debug!("channel {}: no look for asks: {error}", self.name),
        };
        let by = SafeText::cut(&ask.by, NAME_MAX_BYTES);
        log::info!("channel {}: {by} asks for {}", self.name, ask.what.as_str());
        let answer = match ask.what {
            Wanted::Test => self.test(&ask),
            Wanted::Resend => self.resend(),
        };
        if let Err(error) = self.store.answer_ask(&ask.id, &answer.to_string()) {
            log::debug!("channel {}: the answer is lost: {error}", self.name);
        }
    }

    /// Sends a marked test to each recipient, past everything that waits.
    fn test(&mut self, ask: &Ask) -> serde_json::Value {
        let now_ms = self.clock.now_ms();
        let by = SafeText::cut(&ask.by, NAME_MAX_BYTES);
        let telling = Notification {
            now_ms,
            notes: vec![format!(
                "TEST, asked for by {by}: this is how a message arrives; nothing is down because of it"
            )],
            test: true,
            ..Notification::default()
        };
        let id = format!("msg_{:032x}", fastrand::u128(..));
        let message = write(&self.target, &telling, id, &self.zone);
        let mut answers = Vec::new();
        for delivery in &message.deliveries {
            self.hold_while_sending();
            let answer = self.transport.deliver(&message, delivery, now_ms);
            let is_taken = matches!(answer, Answer::Done(_));
            answers
                .push(json!({ "to": delivery.to, "taken": is_taken, "answer": answer.reason() }));
        }
        json!({ "what": "test", "answers": answers })
    }

    /// Puts what was given up among what is on its way again, under the ids of before. A letter goes when its message is
    /// stored; should this end in between, the receiver meets an id that it knows.
    fn resend(&mut self) -> serde_json::Value {
        let letters = match self.store.dead_letters(LETTERS_MAX) {
            Ok(letters) => letters,
            Err(error) => return json!({ "what": "resend", "error": error.to_string() }),
        };
        let mut sent = 0;
        let all = letters.len();
        for (text, letter) in letters {
            let id = letter.message.id.clone();
            if self.outbox.get(&id).is_some() {
                continue;
            }
            let message = OutboxMessage {
                deliveries: vec![Delivery {
                    to: letter.to,
                    ..Delivery::default()
                }],
                ..letter.message
            };
            let crowded_out = self.outbox.push(message, self.clock.now_ms());
            self.owed.dead(crowded_out);
            self.owed.put(&id);
            self.flush();
            if !self.owed.is_unstored(&id) && self.store.forget_letter(&text).is_ok() {
                sent += 1;
            }
        }
        json!({ "what": "resend", "sent_again": sent, "left": all - sent })
    }
}
