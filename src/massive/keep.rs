//! The thread that writes: it holds the lease, and does one batch after the other.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::Event;
use super::book::chains::Chains;
use super::book::symbols::remove_symbol;
use super::store::{Batch, Loaded, Store, TERMS};
use crate::bus::lease::Standing;
use crate::bus::{Address, BusError};
use crate::clock::Mono;
use crate::contract::market::STATUS;
use crate::service::{Error, Progress, Working};

/// Batches that may wait.
pub const ORDERS_MAX: usize = 16;
/// From one attempt at the lease to the next while it is not held.
const ATTEMPT_EVERY: Duration = Duration::from_secs(1);
/// The longest that it may show no progress.
pub const PROGRESS_BUDGET: Duration = Duration::from_secs(45);

/// What the thread is told.
pub enum Order {
    /// Hold these symbols and chains, at this address, and take away what was held besides.
    Adopt {
        symbols: Vec<String>,
        chains: Vec<String>,
        address: Box<Address>,
    },
    Write(Batch),
}

/// What it tells.
pub enum Kept {
    /// The store is ours: what it has. `is_anew` says that somebody else, or nobody, had it before.
    Adopted { loaded: Box<Loaded>, is_anew: bool },
    /// Another instance writes.
    StandBy,
    /// The store does not answer, or takes no writes.
    Away(BusError),
    /// A batch was written: how many of its ticks were there already.
    Wrote(u64),
}

/// The writer.
pub struct Keeper {
    pub store: Store,
    pub orders: Receiver<Order>,
    pub sender: Sender<Event>,
    pub progress: Progress,
    /// What is to be held.
    pub wanted: Option<(Vec<String>, Vec<String>)>,
    pub state: State,
    pub next: Mono,
}

/// How the store stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing is known yet.
    Unknown,
    /// Ours, and what it has was told.
    Ours,
    StandBy,
    Away,
}

impl Keeper {
    /// Works until there are no more orders, then gives the lease back.
    pub fn run(mut self) -> Result<(), Error> {
        loop {
            let order = self.orders.recv_deadline(self.next.instant());
            let progress = self.progress.clone();
            let working = progress.working();
            // However many batches wait: what they are written under is renewed in time.
            if matches!(order, Ok(Order::Write(_))) && self.next <= Mono::now() {
                self.attempt(false, false, &working);
            }
            match order {
                Ok(Order::Adopt {
                    symbols,
                    chains,
                    address,
                }) => {
                    self.store.set_address(*address);
                    self.wanted = Some((symbols, chains));
                    self.attempt(self.state != State::Ours, true, &working);
                }
                Ok(Order::Write(batch)) => self.write(&batch),
                Err(RecvTimeoutError::Timeout) => self.attempt(false, false, &working),
                Err(RecvTimeoutError::Disconnected) => {
                    self.store.give_back();
                    return Ok(());
                }
            }
        }
    }

    fn tell(&self, kept: Kept) {
        // The loop has ended: so will this thread.
        let _ = self.sender.send(Event::Kept(kept));
    }

    fn write(&mut self, batch: &Batch) {
        // What was decided on before the store was lost is decided anew.
        if self.state != State::Ours {
            return self.tell(Kept::Wrote(0));
        }
        match self.store.write(batch) {
            Ok(Some(repeats)) => self.tell(Kept::Wrote(repeats)),
            Ok(None) => self.stand_by(),
            Err(error) => self.away(error),
        }
    }

    /// Looks after the lease.
    fn attempt(&mut self, is_anew: bool, is_new_truth: bool, working: &Working<'_>) {
        let Some((symbols, chains)) = self.wanted.clone() else {
            self.next = Mono::now() + TERMS.renew;
            return;
        };
        let is_anew = match self.store.hold() {
            Ok(Standing::Others) => return self.stand_by(),
            Err(error) => return self.away(error),
            Ok(Standing::Kept) => is_anew || self.state != State::Ours,
            Ok(Standing::Taken) => true,
        };
        self.next = Mono::now() + TERMS.renew;
        if !is_anew && !is_new_truth {
            return;
        }
        match self.adopt(&symbols, &chains, working) {
            Ok(Some(loaded)) => {
                self.state = State::Ours;
                let loaded = Box::new(loaded);
                self.tell(Kept::Adopted { loaded, is_anew });
            }
            Ok(None) => self.stand_by(),
            Err(error) => self.away(error),
        }
    }

    /// Reads what there is, and takes away what truth has no longer. `None` when the lease is another's by now.
    fn adopt(
        &mut self,
        symbols: &[String],
        chains: &[String],
        working: &Working<'_>,
    ) -> Result<Option<Loaded>, BusError> {
        let loaded = self.store.load(symbols, chains, || working.tick())?;
        let mut batch = Batch::default();
        for symbol in loaded
            .known_symbols
            .iter()
            .filter(|name| !symbols.contains(name))
        {
            remove_symbol(symbol, &mut batch);
        }
        for name in loaded
            .known_chains
            .iter()
            .filter(|name| !chains.contains(name))
        {
            let stored = self.store.chain(name)?;
            Chains::remove(name, &stored, &mut batch);
        }
        let (symbols, chains) = (symbols.join(" "), chains.join(" "));
        batch.add(["HSET", STATUS, "symbols", &symbols, "chains", &chains]);
        batch.keep(STATUS);
        Ok(self.store.write(&batch)?.map(|_| loaded))
    }

    fn stand_by(&mut self) {
        self.next = Mono::now() + ATTEMPT_EVERY;
        if self.state != State::StandBy {
            self.state = State::StandBy;
            self.tell(Kept::StandBy);
        }
    }

    fn away(&mut self, error: BusError) {
        self.next = Mono::now() + ATTEMPT_EVERY;
        self.state = State::Away;
        self.tell(Kept::Away(error));
    }
}
