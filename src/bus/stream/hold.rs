//! Keeping hold of entries from beside the worker that has them in hand.

use std::time::Duration;

use super::consumer::{TOUCH, TOUCHED_MAX};
use super::{EntryId, Group};
use crate::bus::{BusError, Commands, Script, Scripts};

/// Says of entries that they are worked on, while their worker waits for something else than the store. It goes through
/// one [`Commands`] all its life.
pub struct Holder {
    touch: Script,
    scripts: Scripts,
}

impl Default for Holder {
    fn default() -> Holder {
        let touch = Script::new(TOUCH);
        Holder {
            scripts: Scripts::new([&touch]),
            touch,
        }
    }
}

impl Holder {
    /// Says so of these; those that are not this consumer's (any more) are left alone.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn renew(
        &mut self,
        commands: &mut Commands,
        group: &Group,
        ids: &[EntryId],
    ) -> Result<(), BusError> {
        for ids in ids.chunks(TOUCHED_MAX) {
            let mut packet = redis::pipe();
            let call = self.touch.call(&mut packet, &[&group.key]);
            call.arg(&group.name).arg(&group.consumer);
            call.arg(Duration::ZERO.as_millis() as u64);
            for id in ids {
                call.arg(id.to_string());
            }
            self.scripts.run(commands, &packet)?;
        }
        Ok(())
    }
}
