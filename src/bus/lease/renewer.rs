//! A lease that is asked for and renewed by a thread of its own, whatever else its owner is busy with.

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::{Fence, HOLD, Held, Lease, RELEASE, Standing, release, take};
use crate::bus::{Address, BusError, Commands, Script, Scripts};
use crate::clock::Mono;

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum Change {
    /// The lease is held from now on, and was not before, or not all the time: this fence lets its writes pass.
    Taken(Fence),
    /// Another holds it.
    Others { holder: String },
    /// It is not held, and cannot be asked for.
    Away(BusError),
}

/// What a renewer can be told.
#[derive(Clone, Debug)]
pub enum Order {
    /// Ask at once: a write was fenced.
    Ask,
    /// The bus is elsewhere from now on. What is held at the old place is given back.
    Move(Box<Address>),
}

/// The body of that thread.
pub struct Renewer {
    lease: Lease,
    commands: Commands,
    scripts: Scripts,
    hold: Script,
    release: Script,
    /// What was told last.
    told: Option<Change>,
}

impl Renewer {
    /// Keeps `lease` on the bus that `commands` leads to.
    pub fn new(lease: Lease, commands: Commands) -> Renewer {
        let (hold, release) = (Script::new(HOLD), Script::new(RELEASE));
        Renewer {
            lease,
            commands,
            scripts: Scripts::new([&hold, &release]),
            hold,
            release,
            told: None,
        }
    }

    /// Asks and renews until `orders` is disconnected, then gives the lease back. Each change is told, no news is not.
    ///
    /// A question can take as long as the limits of the connection say: so much later than it ran out may the loss of a
    /// lease be told. Fences do not wait for that.
    pub fn run(mut self, orders: &Receiver<Order>, mut tell: impl FnMut(Change)) {
        loop {
            if self.lease.next_ask() <= Mono::now() {
                self.ask(&mut tell);
            }
            match orders.recv_deadline(self.lease.next_ask().instant()) {
                Ok(Order::Ask) => self.lease.ask_now(),
                Ok(Order::Move(address)) if *address != *self.commands.address() => {
                    self.give_back();
                    self.commands.set_address(*address);
                    self.lease.ask_now();
                }
                Ok(Order::Move(_)) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.give_back();
    }

    fn ask(&mut self, tell: &mut impl FnMut(Change)) {
        let (lease, commands) = (&mut self.lease, &mut self.commands);
        let asked = take(lease, commands, &mut self.scripts, &self.hold);
        let now = Mono::now();
        let change = match asked {
            Ok(Held {
                standing: Standing::Others,
                holder,
                ..
            }) => Change::Others {
                holder: holder.unwrap_or_default(),
            },
            // An answer that came too late to be worth anything: the next question follows.
            Ok(_) => match self.lease.fence(now) {
                Some(fence) => Change::Taken(fence),
                None => return self.lease.ask_now(),
            },
            Err(_) if self.lease.token(now).is_some() => return,
            Err(error) => Change::Away(error),
        };
        if self.is_news(&change) {
            self.told = Some(change.clone());
            tell(change);
        }
    }

    /// Of errors in a row only the first is news: the next may say the same in other words.
    fn is_news(&self, change: &Change) -> bool {
        match (&self.told, change) {
            (Some(Change::Away(_)), Change::Away(_)) => false,
            (told, change) => told.as_ref() != Some(change),
        }
    }

    fn give_back(&mut self) {
        if self.lease.held_until().is_none() || !self.commands.is_connected() {
            return;
        }
        let (lease, commands) = (&mut self.lease, &mut self.commands);
        if let Err(error) = release(lease, commands, &mut self.scripts, &self.release) {
            log::debug!("{} is not given back: {error}", self.lease.key());
        }
    }
}
