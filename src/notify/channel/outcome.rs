//! What came of an attempt, for the log and for the other channels.

use super::*;
use crate::notify::retry::UNSURE_TRIES;

/// A channel that failed for this long is worth a digest when it is back.
const LONG_MS: Ms = 60_000;
/// And one that failed for this long, a note in the other channels.
const NOTE_MS: Ms = 120_000;

impl Channel {
    pub(super) fn delivered(&mut self, now_ms: Ms, unreachable_since: Option<Ms>) {
        if let Some(since) = unreachable_since {
            log::info!("channel {}: works again", self.name);
            if now_ms - since > LONG_MS {
                self.digest_since_ms = Some(since);
            }
        }
        self.said.clear();
        if std::mem::take(&mut self.noted) {
            self.note_others(format!("CHANNEL {} works again", self.name));
        }
    }

    pub(super) fn failed(&mut self, answer: &Answer, delivery: &Delivery, now_ms: Ms, at_ms: Ms) {
        let reason = answer.reason();
        if self.said != reason {
            let pause = clock::human(millis(at_ms - now_ms));
            let to = recipient(&delivery.to);
            log::warn!(
                "channel {}{to}: {reason}; tried again in {pause} and on",
                self.name
            );
            reason.clone_into(&mut self.said);
        }
        // What is tried more rarely from here on might be waited for in vain.
        if matches!(answer, Answer::Unsure(_)) && delivery.unsure + 1 >= UNSURE_TRIES {
            self.note_failure(&format!(": {reason}"));
        }
    }

    /// Its last try was not answered either, though the receiver answers others.
    pub(super) fn probably_taken(&mut self, title: &str, delivery: &Delivery) {
        let to = recipient(&delivery.to);
        log::warn!(
            "channel {}{to}: probably taken, though that was never answered: {title}",
            self.name
        );
        self.note_others(format!(
            "CHANNEL {}: probably taken, though that was never answered: {title}",
            self.name
        ));
    }

    /// Tells the other channels when this one has failed for long, whenever its next attempt may be.
    pub(super) fn note_long_failure(&mut self) {
        let since = self.outbox.failing_since_ms();
        if since.is_none_or(|since| self.clock.now_ms() - since < NOTE_MS) {
            return;
        }
        let said = std::mem::take(&mut self.said);
        self.note_failure(&format!(": {said}"));
        self.said = said;
    }

    pub(super) fn note_failure(&mut self, what: &str) {
        if !std::mem::replace(&mut self.noted, true) {
            self.note_others(format!("CHANNEL {} fails{what}", self.name));
        }
    }

    fn note_others(&self, text: String) {
        self.peers.note(&self.name, &text);
    }
}
