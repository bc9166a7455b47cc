//! One worker of the same group on several streams.

use std::time::Duration;

use super::consumer::Before;
use super::group::{is_no_group, unread_of};
use super::{Consumer, Delivery, READ_MAX};
use crate::bus::{BusError, Commands};

/// A worker of the same group, under the same name, on several streams. It goes through one [`Commands`] all its life.
///
/// What is pending under its name and what others left comes first, from any of the streams, and alone; what is new comes
/// from all of them at once.
pub struct Several {
    consumers: Vec<Consumer>,
}

impl Several {
    /// These together. Their groups have one name, and so have they.
    pub fn new(consumers: Vec<Consumer>) -> Several {
        Several { consumers }
    }

    /// One of them, by its number in the order in which they were given.
    pub fn get(&mut self, nth: usize) -> Option<&mut Consumer> {
        self.consumers.get_mut(nth)
    }

    /// All of them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Consumer> {
        self.consumers.iter_mut()
    }

    /// Entries to work on, each with the number of its stream: one of before, or new ones; waits up to `block` for new
    /// ones when there are none. Nothing when as much is in hand as there may be.
    ///
    /// # Errors
    /// Those of the bus: after one, the next call begins with what was handed out and never arrived.
    pub fn next(
        &mut self,
        commands: &mut Commands,
        block: Duration,
    ) -> Result<Vec<(usize, Delivery)>, BusError> {
        let mut with_room = Vec::with_capacity(self.consumers.len());
        let mut count = READ_MAX;
        for (nth, consumer) in self.consumers.iter_mut().enumerate() {
            match consumer.before_new(commands)? {
                Before::Delivered(delivered) => {
                    return Ok(delivered.into_iter().map(|one| (nth, one)).collect());
                }
                Before::Room(room) => {
                    with_room.push(nth);
                    count = count.min(room);
                }
                Before::Nothing => {}
            }
        }
        let groups: Vec<_> = with_room
            .iter()
            .map(|nth| self.consumers[*nth].group())
            .collect();
        let read = unread_of(commands, &groups, count, block);
        self.took_new(&with_room, read)
    }

    fn took_new(
        &mut self,
        asked: &[usize],
        read: Result<Vec<(usize, Vec<super::Entry>)>, BusError>,
    ) -> Result<Vec<(usize, Delivery)>, BusError> {
        let mut streams = match read {
            Ok(streams) => streams,
            Err(error) => return self.failed(asked, error).map(|()| Vec::new()),
        };
        let mut delivered = Vec::new();
        for (at, nth) in asked.iter().enumerate() {
            let found = streams.iter().position(|(stream, _)| *stream == at);
            let entries = found.map(|found| streams.swap_remove(found).1);
            let taken = self.consumers[*nth].took_new(Ok(entries.unwrap_or_default()))?;
            delivered.extend(taken.into_iter().map(|one| (*nth, one)));
        }
        Ok(delivered)
    }

    /// The error does not say which group is gone: each of them is made unless it is there.
    fn failed(&mut self, asked: &[usize], error: BusError) -> Result<(), BusError> {
        let mut is_remade = is_no_group(&error);
        for nth in asked {
            let consumer = &mut self.consumers[*nth];
            if is_remade {
                is_remade = consumer.make_again();
            } else {
                consumer.got_no_answer();
            }
        }
        if is_remade {
            log::warn!("{error}: made anew");
            return Ok(());
        }
        Err(error)
    }
}
