//! The thread that looks: each second who judges, and now and then what was written of each service.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::event::Event;
use crate::bus::{Address, BusError};
use crate::clock::Mono;
use crate::contract::Health;
use crate::fail_stop::lock;
use crate::service::{Error, Progress};
use crate::swarm_state::{Oversight, StateReader, silence_log, silences, tellers};

/// From one look to the next.
const LOOK_PERIOD: Duration = Duration::from_secs(1);
/// So many snapshots are read at each look: what a service says of itself changes without an alert.
const FEW: usize = 1000;
/// From one reading of all snapshots to the next, where there are more, unless somebody asks for one.
const SWEEP_PERIOD: Duration = Duration::from_secs(60);
/// The same while some services have none yet.
const SWEEP_PERIOD_AT_FIRST: Duration = Duration::from_secs(5);
/// From one reading of the silences, and of those who tell people, to the next, unless somebody asks for one.
const SILENCES_PERIOD: Duration = Duration::from_secs(5);
/// After a look that is longer ago all snapshots are read: this process stood still, and alerts wait to be read.
const STOOD_STILL: Duration = Duration::from_secs(5);
/// Snapshots that are handed on at once.
const PIECE: usize = 8000;
/// One turn takes no longer: a look may listen for seconds, and a sweep reads a million keys.
pub const BUDGET: Duration = Duration::from_secs(60);

/// Asks a looker to look now. Clones ask the same one.
#[derive(Clone)]
pub struct Lookout {
    wake: Sender<()>,
    wishes: Arc<Mutex<Wishes>>,
}

#[derive(Default)]
struct Wishes {
    names: Vec<String>,
    sweep: bool,
    silences: bool,
}

impl Lookout {
    /// These services are to be read from now on, at once for the first time.
    pub fn watch(&self, names: Vec<String>) {
        self.wish(|wishes| {
            wishes.names = names;
            wishes.sweep = true;
        });
    }

    /// All snapshots are to be read now.
    pub fn sweep(&self) {
        self.wish(|wishes| wishes.sweep = true);
    }

    /// The silences are to be read now.
    pub fn silences(&self) {
        self.wish(|wishes| wishes.silences = true);
    }

    fn wish(&self, wish: impl FnOnce(&mut Wishes)) {
        wish(&mut lock(&self.wishes));
        // A wake-up that waits already is as good as two.
        let _ = self.wake.try_send(());
    }
}

/// The looker's state.
pub struct Looker {
    reader: StateReader,
    sender: Sender<Event>,
    progress: Progress,
    inbox: Receiver<()>,
    wishes: Arc<Mutex<Wishes>>,
    names: Vec<String>,
    /// When all snapshots, and the silences, are read next.
    sweep_due: Mono,
    silences_due: Mono,
}

impl Looker {
    /// One that reads the bus at `address`, and what asks it.
    pub fn new(address: Address, sender: Sender<Event>, progress: Progress) -> (Looker, Lookout) {
        let (wake, inbox) = bounded(1);
        let wishes: Arc<Mutex<Wishes>> = Arc::default();
        let lookout = Lookout {
            wake,
            wishes: Arc::clone(&wishes),
        };
        let looker = Looker {
            reader: StateReader::new(address, "console:look"),
            sender,
            progress,
            inbox,
            wishes,
            names: Vec::new(),
            sweep_due: Mono::default(),
            silences_due: Mono::default(),
        };
        (looker, lookout)
    }

    /// Looks until nobody asks any more.
    pub fn run(mut self) -> Result<(), Error> {
        let mut next = Mono::now();
        loop {
            match self.inbox.recv_deadline(next.instant()) {
                Ok(()) | Err(crossbeam_channel::RecvTimeoutError::Timeout) => {}
                Err(crossbeam_channel::RecvTimeoutError::Disconnected) => return Ok(()),
            }
            let progress = self.progress.clone();
            let work = progress.working();
            let began = Mono::now();
            self.take_wishes(began);
            if began.since(next) > STOOD_STILL {
                self.sweep_due = began;
            }
            let found = self.look(began);
            drop(work);
            if self.sender.send(Event::Looked(Box::new(found))).is_err() {
                return Ok(());
            }
            next = began + LOOK_PERIOD;
        }
    }

    fn take_wishes(&mut self, now: Mono) {
        let mut wishes = lock(&self.wishes);
        if !wishes.names.is_empty() {
            self.names = std::mem::take(&mut wishes.names);
        }
        if std::mem::take(&mut wishes.sweep) {
            self.sweep_due = now;
        }
        if std::mem::take(&mut wishes.silences) {
            self.silences_due = now;
        }
    }

    fn look(&mut self, now: Mono) -> Result<Oversight, BusError> {
        if now >= self.silences_due {
            self.silences_due = now + SILENCES_PERIOD;
            match self.read_silences() {
                Err(error) if error.is_connection_lost() => return Err(error),
                // What may not be read keeps nothing else from being shown.
                Err(error) => log::debug!("the silences cannot be read: {error}"),
                Ok(()) => {}
            }
            match tellers(self.reader.commands()) {
                Err(error) if error.is_connection_lost() => return Err(error),
                Err(error) => log::debug!("who tells people cannot be read: {error}"),
                Ok(all) => drop(self.sender.send(Event::Tellers(all))),
            }
        }
        if now >= self.sweep_due {
            let mut found = 0;
            for names in self.names.chunks(PIECE) {
                let health = self.reader.health(names.iter().map(String::as_str))?;
                let health: Vec<Health> = health.into_iter().flatten().collect();
                found += health.len();
                // The queue is bounded: a loop that is busy lets this thread wait.
                let _ = self.sender.send(Event::Swept(health));
            }
            self.sweep_due = now
                + match self.names.len() {
                    count if count <= FEW => Duration::ZERO,
                    count if found < count => SWEEP_PERIOD_AT_FIRST,
                    _ => SWEEP_PERIOD,
                };
        }
        self.reader.oversight()
    }

    fn read_silences(&mut self) -> Result<(), BusError> {
        let all = silences(self.reader.commands())?;
        let log = silence_log(self.reader.commands())?;
        let _ = self.sender.send(Event::Silenced(all, log));
        Ok(())
    }
}
