//! Messages on their way: stored before they are first sent, resent unchanged, gone when they were taken. No I/O.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::notification::{Ms, Thread};
use super::retry::{Answer, UNSURE_TRIES, next_attempt, next_unsure};

/// Messages that wait for recipients who cannot be reached while others can; the oldest beyond that are given up.
const MESSAGES_MAX: usize = 100;
/// Entry ids that a message names; the rest is counted.
pub const ENTRIES_MAX: usize = 1000;

/// A composed message, as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutboxMessage {
    /// Stays the same over all attempts, so that a receiver can drop a repeat.
    pub id: String,
    /// When it was composed.
    pub made_ms: Ms,
    /// The first line; the subject of a mail.
    pub title: String,
    /// What is posted, or the text of the mail.
    pub body: String,
    /// The media type of the body.
    pub content_type: String,
    /// Other fields of the head.
    pub headers: Vec<(String, String)>,
    /// The conversation that it goes on with.
    pub thread: Option<Thread>,
    /// The entries of the alert log in it, by id, at most [`ENTRIES_MAX`].
    pub entries: Vec<String>,
    /// Entries that found no room there.
    pub more_entries: usize,
    /// One for each receiver.
    pub deliveries: Vec<Delivery>,
    /// Deliveries that are over, well or badly.
    pub settled: u32,
}

/// A message on its way to one recipient.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delivery {
    /// The recipient's address; empty for a webhook.
    pub to: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was first tried.
    pub first_ms: Option<Ms>,
    /// When to try next.
    pub next_ms: Ms,
    /// What was answered last.
    pub last: String,
    /// Attempts of which nobody knows how they were answered.
    pub unsure: u32,
    /// The receiver answers again: one more, and that is the end of it.
    pub last_try: bool,
}

impl Delivery {
    /// Whether others go before it: it may have been taken long ago, and is only tried now and then.
    fn stands_aside(&self) -> bool {
        self.unsure >= UNSURE_TRIES
    }
}

/// A delivery that will not be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Why it was given up.
    pub reason: String,
    /// When.
    pub at_ms: Ms,
    /// The receiver.
    pub to: String,
    /// What was not delivered.
    pub message: OutboxMessage,
}

/// What an answer changed.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum Settled {
    /// Taken. `unreachable_since`: earlier attempts had failed since then.
    Done { unreachable_since: Option<Ms> },
    /// To be tried again then.
    Later { at_ms: Ms },
    /// Probably taken: nobody will ever know, and the receiver works.
    Probably,
    /// Given up.
    Dead(Box<DeadLetter>),
}

/// The messages of one channel, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    messages: VecDeque<OutboxMessage>,
}

impl Outbox {
    /// What was stored when the process ended: all of it is tried at once.
    pub fn restore(mut messages: Vec<OutboxMessage>) -> Outbox {
        messages.sort_by_key(|m| m.made_ms);
        for delivery in messages.iter_mut().flat_map(|m| &mut m.deliveries) {
            // Not what may be one more copy each time.
            if !delivery.stands_aside() {
                delivery.next_ms = 0;
            }
        }
        Outbox {
            messages: messages.into(),
        }
    }

    /// How many messages wait.
    pub fn waiting(&self) -> usize {
        self.messages.len()
    }

    /// When the oldest of them was written.
    pub fn oldest_ms(&self) -> Option<Ms> {
        self.messages.iter().map(|message| message.made_ms).min()
    }

    /// The clock stepped by so much: pauses keep their length.
    pub fn shift(&mut self, by: Ms) {
        for message in &mut self.messages {
            message.made_ms += by;
            for delivery in &mut message.deliveries {
                delivery.next_ms += by;
                if let Some(at) = &mut delivery.first_ms {
                    *at += by;
                }
            }
        }
    }

    /// Adds a message; gives the letters that had to make room for it.
    pub fn push(&mut self, message: OutboxMessage, now_ms: Ms) -> Vec<DeadLetter> {
        let mut dead = Vec::new();
        while self.messages.len() >= MESSAGES_MAX {
            let Some(oldest) = self.messages.pop_front() else {
                break;
            };
            let reason = format!("more than {MESSAGES_MAX} messages waited for this recipient");
            let letter = |d: &Delivery| DeadLetter {
                reason: format!("{reason}; last: {}", d.last),
                at_ms: now_ms,
                to: d.to.clone(),
                message: oldest.clone(),
            };
            dead.extend(oldest.deliveries.iter().map(letter));
        }
        self.messages.push_back(message);
        dead
    }

    /// Whether nobody took the latest message yet: news then waits, and is told as one digest.
    pub fn is_held(&self) -> bool {
        let waits =
            |m: &OutboxMessage| m.settled == 0 && !m.deliveries.iter().all(Delivery::stands_aside);
        self.messages.back().is_some_and(waits)
    }

    /// Whether it is held because attempts failed.
    pub fn is_failing(&self) -> bool {
        let failed = |m: &OutboxMessage| m.deliveries.iter().any(|d| d.attempts > 0);
        self.is_held() && self.messages.back().is_some_and(failed)
    }

    /// Since when attempts at what is held have failed.
    pub fn failing_since_ms(&self) -> Option<Ms> {
        let latest = self.messages.back().filter(|_| self.is_failing())?;
        let failed = latest.deliveries.iter().filter(|d| d.attempts > 0);
        failed.filter_map(|d| d.first_ms).min()
    }

    /// When the next attempt is due.
    pub fn next_due_ms(&self) -> Option<Ms> {
        self.heads().map(|(_, d)| d.next_ms).min()
    }

    /// The delivery that is due: for each recipient, only the oldest message is tried.
    pub fn due(&self, now_ms: Ms) -> Option<(&OutboxMessage, &Delivery)> {
        self.heads()
            .filter(|(_, d)| d.next_ms <= now_ms)
            .min_by_key(|(_, d)| d.next_ms)
    }

    /// Notes what came of an attempt.
    pub fn settle(
        &mut self,
        id: &str,
        to: &str,
        answer: &Answer,
        now_ms: Ms,
        seed: u64,
    ) -> Option<Settled> {
        let message = self.messages.iter_mut().find(|m| m.id == id)?;
        let at = message.deliveries.iter().position(|d| d.to == to)?;
        let delivery = &mut message.deliveries[at];
        delivery.attempts = delivery.attempts.saturating_add(1);
        answer.reason().clone_into(&mut delivery.last);
        let first_ms = *delivery.first_ms.get_or_insert(now_ms);
        let (attempts, mut reason) = (delivery.attempts, delivery.last.clone());
        let settled = match answer {
            Answer::Done(_) => Settled::Done {
                unreachable_since: (attempts > 1).then_some(first_ms),
            },
            Answer::Never(_) => Settled::Dead(Box::new(letter(message, to, reason, now_ms))),
            Answer::Unsure(_) if delivery.last_try => Settled::Probably,
            Answer::Unsure(_) => {
                delivery.unsure = delivery.unsure.saturating_add(1);
                match next_unsure(delivery.unsure, first_ms, now_ms) {
                    Some(at_ms) => {
                        delivery.next_ms = at_ms;
                        return Some(Settled::Later { at_ms });
                    }
                    None => {
                        reason = format!("given up after a day; last: {reason}");
                        Settled::Dead(Box::new(letter(message, to, reason, now_ms)))
                    }
                }
            }
            Answer::Later { after, .. } => {
                match next_attempt(attempts, first_ms, now_ms, *after, seed) {
                    Some(at_ms) => {
                        delivery.next_ms = at_ms;
                        return Some(Settled::Later { at_ms });
                    }
                    None => {
                        reason =
                            format!("given up after a day and {attempts} attempts; last: {reason}");
                        Settled::Dead(Box::new(letter(message, to, reason, now_ms)))
                    }
                }
            }
        };
        message.deliveries.remove(at);
        message.settled += 1;
        if message.deliveries.is_empty() {
            self.messages.retain(|m| m.id != id);
        }
        if matches!(settled, Settled::Done { .. }) {
            self.try_once_more(to, now_ms);
        }
        Some(settled)
    }

    /// The recipient answers: what may have been taken before is tried once more.
    fn try_once_more(&mut self, to: &str, now_ms: Ms) {
        let deliveries = self.messages.iter_mut().flat_map(|m| &mut m.deliveries);
        for delivery in deliveries.filter(|d| d.to == to && d.stands_aside()) {
            (delivery.last_try, delivery.next_ms) = (true, now_ms);
        }
    }

    /// The message of that id, while it is under way.
    pub fn get(&self, id: &str) -> Option<&OutboxMessage> {
        self.messages.iter().find(|m| m.id == id)
    }

    /// All messages under way.
    pub fn messages(&self) -> impl Iterator<Item = &OutboxMessage> {
        self.messages.iter()
    }

    /// Takes over what another outbox held.
    pub fn absorb(&mut self, other: Outbox) {
        for message in other.messages {
            if self.get(&message.id).is_none() {
                self.messages.push_back(message);
            }
        }
    }

    /// For each recipient, the oldest message that is on its way there, and those that stand aside.
    fn heads(&self) -> impl Iterator<Item = (&OutboxMessage, &Delivery)> {
        let mut seen: Vec<&str> = Vec::new();
        self.messages
            .iter()
            .flat_map(|m| m.deliveries.iter().map(move |d| (m, d)))
            .filter(move |(_, d)| {
                if d.stands_aside() {
                    return true;
                }
                let new = !seen.contains(&d.to.as_str());
                if new {
                    seen.push(&d.to);
                }
                new
            })
    }
}

fn letter(message: &OutboxMessage, to: &str, reason: String, at_ms: Ms) -> DeadLetter {
    DeadLetter {
        reason,
        at_ms,
        to: to.to_owned(),
        message: message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, made_ms: Ms, to: &[&str]) -> OutboxMessage {
        let delivery = |to: &&str| Delivery {
            to: to.to_string(),
            ..Delivery::default()
        };
        OutboxMessage {
            id: id.into(),
            made_ms,
            deliveries: to.iter().map(delivery).collect(),
            ..OutboxMessage::default()
        }
    }

    fn due(outbox: &Outbox, now: Ms) -> Option<(String, String)> {
        outbox.due(now).map(|(m, d)| (m.id.clone(), d.to.clone()))
    }

    #[test]
    fn one_refused_address_does_not_cost_the_others_theirs() {
        let mut outbox = Outbox::default();
        outbox.push(message("1", 0, &["a", "b", "c"]), 0);
        let never = Answer::Never("answered 550: no such user".into());
        let later = Answer::none("greylisted");
        let done = Answer::Done("ok".into());
        let dead = outbox.settle("1", "a", &never, 0, 7);
        assert!(matches!(dead, Some(Settled::Dead(letter)) if letter.to == "a"));
        assert_eq!(
            outbox.settle("1", "b", &later, 0, 7),
            Some(Settled::Later { at_ms: 1_000 })
        );
        assert_eq!(due(&outbox, 0), Some(("1".into(), "c".into())));
        outbox.settle("1", "c", &done, 0, 7);
        assert!(
            !outbox.is_held(),
            "two of three are settled: news may go on"
        );
        outbox.push(message("2", 10, &["b", "c"]), 10);
        assert_eq!(
            due(&outbox, 10),
            Some(("2".into(), "c".into())),
            "b waits for its first message"
        );
        let taken = outbox.settle("1", "b", &done, 1_000, 7);
        assert_eq!(
            taken,
            Some(Settled::Done {
                unreachable_since: Some(0)
            })
        );
    }

    #[test]
    fn while_nobody_takes_the_latest_message_news_is_held() {
        let mut outbox = Outbox::default();
        outbox.push(message("1", 0, &[""]), 0);
        assert!(outbox.is_held() && !outbox.is_failing());
        outbox.settle("1", "", &Answer::none("refused"), 0, 7);
        assert!(outbox.is_held() && outbox.is_failing());
        assert_eq!(outbox.failing_since_ms(), Some(0));
        assert_eq!(outbox.next_due_ms(), Some(1_000));
        let restored = Outbox::restore(outbox.messages().cloned().collect());
        assert_eq!(restored.next_due_ms(), Some(0), "a restart tries at once");
    }

    #[test]
    fn what_may_have_been_taken_stands_aside_and_is_tried_once_more_when_others_are_answered() {
        let mut outbox = Outbox::default();
        outbox.push(message("1", 0, &[""]), 0);
        let unsure = Answer::unsure("no answer within 10 s");
        let mut now = 0;
        for pause in [15_000, 25_000, 600_000] {
            assert_eq!(outbox.is_held(), pause != 600_000 || now == 40_000);
            let at_ms = now + pause;
            let settled = outbox.settle("1", "", &unsure, now, 1);
            assert_eq!(settled, Some(Settled::Later { at_ms }));
            now = at_ms;
        }
        assert!(!outbox.is_held(), "news goes on");
        now -= 500_000;
        outbox.push(message("2", now, &[""]), now);
        assert_eq!(due(&outbox, now), Some(("2".into(), String::new())));
        let kept = Outbox::restore(outbox.messages().cloned().collect());
        assert_eq!(
            due(&kept, now),
            due(&outbox, now),
            "a restart sends no copy"
        );
        outbox.settle("2", "", &Answer::Done("ok".into()), now, 1);
        assert_eq!(due(&outbox, now), Some(("1".into(), String::new())));
        let last = outbox.settle("1", "", &unsure, now, 1);
        assert_eq!(last, Some(Settled::Probably));
        assert_eq!(outbox.messages().count(), 0);
    }

    #[test]
    fn a_delivery_is_given_up_after_a_day() {
        let mut outbox = Outbox::default();
        outbox.push(message("1", 0, &[""]), 0);
        let mut now = 0;
        loop {
            match outbox.settle("1", "", &Answer::none("refused"), now, 7) {
                Some(Settled::Later { at_ms }) => now = at_ms,
                Some(Settled::Dead(letter)) => {
                    assert!(
                        letter.reason.contains("given up after a day"),
                        "{}",
                        letter.reason
                    );
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(now, 24 * 3600 * 1000);
    }

    #[test]
    fn the_outbox_is_bounded_and_what_makes_room_is_a_dead_letter() {
        let mut outbox = Outbox::default();
        let mut dead = Vec::new();
        for i in 0..MESSAGES_MAX + 5 {
            dead.extend(outbox.push(message(&i.to_string(), i as Ms, &["slow"]), i as Ms));
        }
        assert_eq!(dead.len(), 5);
        assert_eq!(outbox.messages().count(), MESSAGES_MAX);
    }
}
