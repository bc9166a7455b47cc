//! When a group of news closes and is told.

use super::super::notification::{Ms, NAMES_MAX};

/// No group may wait longer than this before the first word about it, whatever `GROUP_WAIT_SEC` says.
const FIRST_WORD_MS: Ms = 900;
/// After a message, the news of this long counts as its continuation.
const STORM_MS: Ms = 10_000;
/// Messages within [`STORM_MS`] after which the next one waits.
const STORM_MESSAGES: usize = 3;

/// The open group, if any, and the messages just sent.
#[derive(Clone, Debug, Default)]
pub(super) struct GroupWindow {
    opened_ms: Option<Ms>,
    last_ms: Ms,
    count: usize,
    recent_ms: Vec<Ms>,
}

impl GroupWindow {
    /// The window of an aggregator that sent these messages before it was restarted.
    pub fn after(recent_ms: impl Iterator<Item = Ms>) -> GroupWindow {
        GroupWindow {
            recent_ms: recent_ms.collect(),
            ..GroupWindow::default()
        }
    }

    /// When the latest messages went out, at most three.
    pub fn recent_ms(&self) -> &[Ms] {
        &self.recent_ms
    }

    /// The clock stepped by so much.
    pub fn shift(&mut self, by: Ms) {
        self.last_ms += by;
        for at in self.opened_ms.iter_mut().chain(&mut self.recent_ms) {
            *at += by;
        }
    }

    /// News came.
    pub fn note(&mut self, now_ms: Ms) {
        self.opened_ms.get_or_insert(now_ms);
        self.last_ms = now_ms;
        self.count += 1;
    }

    /// When the open group is to be told.
    ///
    /// The first group of an incident waits `wait_ms` and no longer. An update waits until the news ebbs away: under a
    /// second while its names still fit a message, up to [`STORM_MS`] when they do not. And after three messages in
    /// ten seconds the fourth waits for the ten seconds to be over.
    pub fn close_ms(&self, wait_ms: Ms) -> Option<Ms> {
        let opened = self.opened_ms?;
        let wait = wait_ms.clamp(0, FIRST_WORD_MS);
        let continues = |&t: &Ms| opened - t < STORM_MS;
        if !self.recent_ms.last().is_some_and(continues) {
            return Some(opened + wait);
        }
        let latest = if self.count > NAMES_MAX {
            opened + STORM_MS
        } else {
            opened + FIRST_WORD_MS.min(2 * wait)
        };
        let close = (self.last_ms + wait).min(latest);
        let full = self.recent_ms.len() == STORM_MESSAGES;
        let budget = self.recent_ms.first().map_or(Ms::MIN, |&t| t + STORM_MS);
        Some(if full { close.max(budget) } else { close })
    }

    /// The group closed; `told` when there was a message in it.
    pub fn close(&mut self, now_ms: Ms, told: bool) {
        self.opened_ms = None;
        self.count = 0;
        if told {
            if self.recent_ms.len() == STORM_MESSAGES {
                self.recent_ms.remove(0);
            }
            self.recent_ms.push(now_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays arrivals and gives the times of the messages.
    fn messages(arrivals: impl IntoIterator<Item = Ms>) -> Vec<Ms> {
        let mut window = GroupWindow::default();
        let mut told = Vec::new();
        let mut close_due = |window: &mut GroupWindow, until: Ms| {
            while let Some(at) = window.close_ms(500).filter(|&at| at <= until) {
                window.close(at, true);
                told.push(at);
            }
        };
        for at in arrivals {
            close_due(&mut window, at);
            window.note(at);
        }
        close_due(&mut window, Ms::MAX / 2);
        told
    }

    #[test]
    fn the_first_word_comes_after_the_group_wait() {
        assert_eq!(messages([1000]), [1500]);
        assert_eq!(messages([1000, 1100, 1499]), [1500]);
    }

    #[test]
    fn a_hundred_thousand_over_three_seconds_are_one_message_and_one_update() {
        let told = messages((0..100_000).map(|i| i * 3000 / 100_000));
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(told[0], 500);
        assert!(told[1] <= 3600, "{told:?}");
    }

    #[test]
    fn a_second_death_soon_after_the_first_is_told_within_a_second() {
        assert_eq!(messages([0, 2000]), [500, 2500]);
        let told = messages([0, 600, 900, 1200, 1490]);
        assert_eq!(told, [500, 1500]);
    }

    #[test]
    fn a_trickle_is_no_more_than_four_messages_in_ten_seconds() {
        let told = messages((0..100).map(|i| i * 200));
        for (i, &at) in told.iter().enumerate() {
            let later = told[i..].iter().filter(|&&t| t < at + STORM_MS).count();
            assert!(later <= 4, "{told:?}");
        }
        assert!(told.len() <= 9, "{told:?}");
    }
}
