//! What a healer wants of the world, and when.

use super::super::healer::{Input, Wish};
use super::super::plan::{MS, SEC};
use super::{Event, World};

impl World {
    /// The thread of the writer sleeps until it has something to do.
    pub(super) fn let_write(&mut self, healer: usize) {
        let at = self.healers[healer].wants_to_write_at().max(self.now);
        let h = &mut self.healers[healer];
        if h.writes_at != at {
            h.writes_at = at;
            h.writing += 1;
            let writing = h.writing;
            self.at(at + 50, Event::Write { healer, writing });
        }
    }

    pub(super) fn grant(&mut self, healer: usize, wishes: Vec<Wish>) {
        let boot = self.healers[healer].boot;
        let mut takes = 20;
        for wish in wishes {
            match wish {
                Wish::Send(client, command) => {
                    // What one packet holds stays in order.
                    takes = self.rng.u64(takes..60);
                    let under_way = takes + self.a_way();
                    let arrives = self.healers[healer].arrivals.entry(client).or_default();
                    *arrives = (self.now + under_way).max(*arrives);
                    let under_way = *arrives - self.now;
                    self.send_after(under_way, client, command);
                }
                Wish::NotificationKind(word) => self.say_to_others(healer, &word),
                Wish::Reconnect => {
                    let link = self.healers[healer].link;
                    self.drop_link(healer);
                    self.input(healer, Input::LinkLost { link });
                }
                Wish::Connect => {
                    let asking = self.asking();
                    self.after(
                        MS + asking,
                        2 * SEC + asking,
                        Event::Connect { healer, boot },
                    );
                }
            }
        }
    }

    /// One way between a healer and Redis.
    pub(super) fn a_way(&mut self) -> u64 {
        self.way.0 + self.rng.u64(0..=self.way.1)
    }

    /// To connect, log in, subscribe and prove that is six round trips.
    pub(super) fn asking(&self) -> u64 {
        12 * (self.way.0 + self.way.1)
    }
}
