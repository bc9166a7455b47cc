//! A healer's links: made and lost.

use super::super::healer::Input;
use super::super::plan::{MS, SEC};
use super::super::redis::Mode;
use super::{Event, World};

impl World {
    pub(super) fn connect(&mut self, healer: usize) {
        let boot = self.healers[healer].boot;
        if self.redis.mode != Mode::Running
            || self.healers[healer].stopped
            || self.healers[healer].link != 0
        {
            if self.healers[healer].link == 0 {
                self.after(50 * MS, 2 * SEC, Event::Connect { healer, boot });
            }
            return;
        }
        self.links += 1;
        let h = &mut self.healers[healer];
        (h.link, h.half_open, h.delivered) = (self.links, false, self.now);
        h.heard = h.channels();
        let channels = h.heard.iter().copied().collect();
        let link = self.links;
        self.deliver(healer, Input::Proven { link, channels });
    }

    /// The server's side of the link is gone; the healer learns of it as the caller sees fit.
    pub(super) fn drop_link(&mut self, healer: usize) {
        self.healers[healer].heard.clear();
        self.healers[healer].half_open = false;
    }
}
