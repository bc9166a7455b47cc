//! What is looked at now and then: the memory of the bus, what was judged, and what is to be added up.

use std::collections::BTreeMap;

use redis::cmd;

use super::{FULL_PERCENT, Folder, PIECE};
use crate::bus::{BusError, info_field};
use crate::clock;
use crate::console::event::Event;
use crate::history::Intervals;
use crate::history::store::{self, Everything};
use crate::text::SafeText;

impl Folder {
    /// Whether the bus has room for what would be written.
    pub(super) fn check_memory(&mut self) -> Result<(), BusError> {
        let memory: String = match self.store.commands().query(cmd("INFO").arg("memory")) {
            Ok(memory) => memory,
            // A user who may not ask that writes until it is refused.
            Err(error) if error.is_no_such_command() => return Ok(()),
            Err(error) => return Err(error),
        };
        let number =
            |name| info_field(&memory, name).and_then(|text| text.trim().parse::<u64>().ok());
        let (used, most) = (
            number("used_memory").unwrap_or(0),
            number("maxmemory").unwrap_or(0),
        );
        let is_full = most > 0 && used.saturating_mul(100) > most.saturating_mul(FULL_PERCENT);
        if is_full != self.is_full {
            self.is_full = is_full;
            let words = format!(
                "the history pauses: the bus uses more than {FULL_PERCENT} % of its memory"
            );
            match is_full {
                true => log::warn!("{words}"),
                false => log::info!("the history goes on"),
            }
            self.note(is_full.then(|| SafeText::new(&words)));
        }
        Ok(())
    }

    /// Tells when each bus was judged, the holes of the log left out.
    pub(super) fn cover(&mut self, everything: &Everything) -> Result<(), BusError> {
        let covered = store::covered(self.store.commands())?;
        let without = |(bus, all): (String, Intervals)| (bus, all.without(&everything.holes));
        let covered: BTreeMap<String, Intervals> = covered.into_iter().map(without).collect();
        if covered != self.covered {
            self.covered.clone_from(&covered);
            self.tell(Event::Covered(covered));
        }
        if let Some(all) = store::unwatched(self.store.commands(), &mut self.unwatched)? {
            self.tell(Event::Unwatched(all));
        }
        Ok(())
    }

    /// Adds up what is too old or too much to be kept one by one.
    pub(super) fn age(&mut self, everything: &mut Everything) -> Result<(), BusError> {
        let now = clock::wall_secs();
        let surplus = everything.records.iter().filter_map(|(svc, record)| {
            let count = record.surplus(now);
            (count > 0).then(|| (svc.clone(), count))
        });
        let surplus: Vec<(String, usize)> = surplus.take(PIECE).collect();
        for (svc, count) in &surplus {
            let record = everything.record(svc);
            if !self.store.age(svc, record, *count, now)? {
                continue;
            }
            for (day, sums) in record.sums_of_oldest(*count, now) {
                let kept = record.days.entry(day).or_default();
                kept.iter_mut()
                    .zip(sums)
                    .for_each(|(kept, more)| *kept += more);
            }
            record.spans.drain(..*count);
        }
        self.tell_records(everything, surplus.iter().map(|(svc, _)| svc.as_str()));
        Ok(())
    }
}
