//! The thread that reads what no alert tells: which buses answer, how the feeds do, and what changed in truth.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::Sender;
use serde::Deserialize;

use super::daemons::{self, DAEMONS_MAX};
use super::event::Event;
use super::facts::{FEED_HEALTHS, Facts};
use super::shared::Shared;
use crate::bus::{Address, BusError, Commands, ConnectionRegistry, Limits};
use crate::clock;
use crate::contract::feeds;
use crate::contract::metrics::{METRICS_INDEX, Report, metrics_key};
use crate::fail_stop::lock;
use crate::reports::truth::Keeper;
use crate::service::{Error, Progress};

/// From one reading to the next.
const PERIOD: Duration = Duration::from_secs(5);
/// How long it waits for a bus.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(2),
    read: Duration::from_secs(2),
};
/// Buses that are asked whether they answer; of more, the first by name.
const BUSES_MAX: usize = 16;
/// Records of feeds that one command brings, about.
const FEEDS_PIECE: usize = 200;
/// Commands of one reading of the feeds at most: of more feeds a part is counted.
const PIECES_MAX: usize = 100;
/// The feeds are read at each so many-th reading; those that are more than one piece, more seldom yet.
const FEEDS_EVERY: u32 = 2;
const MANY_FEEDS_EVERY: u32 = 12;
/// One turn takes no longer.
pub const BUDGET: Duration = Duration::from_secs(300);

/// Where to read, told by the loop. Clones tell the same reader.
#[derive(Clone, Default)]
pub struct Places(Arc<Mutex<Option<Named>>>);

/// The buses by name, and the one that carries data.
struct Named {
    buses: Vec<(String, Address)>,
    market: Option<Address>,
}

impl Places {
    /// These are the buses from now on, and this is the one that carries data.
    pub fn set(&self, mut buses: Vec<(String, Address)>, market: Option<Address>) {
        buses.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        buses.truncate(BUSES_MAX);
        let named = Some(Named { buses, market });
        *lock(&self.0) = named;
    }

    fn take(&self) -> Option<Named> {
        lock(&self.0).take()
    }
}

/// The reader's state.
pub struct FactReader {
    places: Places,
    connections: ConnectionRegistry,
    sender: Sender<Event>,
    progress: Progress,
    buses: Vec<(String, Commands)>,
    market: Option<Commands>,
    facts: Facts,
    shared: Arc<Shared>,
    /// Where truth lies, and who enters what changed there; whether that is still to be done.
    system: Commands,
    truth_key: String,
    keeper: Keeper,
    is_truth_new: bool,
    /// Readings until the feeds are read.
    feeds_in: u32,
}

impl FactReader {
    /// One that reads at `places`, until `connections` ends; truth lies on that bus at that key.
    pub fn new(
        places: Places,
        (system, truth_key): (Address, String),
        shared: Arc<Shared>,
        connections: ConnectionRegistry,
        sender: Sender<Event>,
        progress: Progress,
    ) -> FactReader {
        FactReader {
            places,
            connections,
            sender,
            progress,
            buses: Vec::new(),
            market: None,
            facts: Facts::default(),
            shared,
            system: Commands::new(system, "console:read", LIMITS),
            truth_key,
            keeper: Keeper::default(),
            is_truth_new: false,
            feeds_in: 0,
        }
    }

    /// Reads until the bus connections end.
    pub fn run(mut self) -> Result<(), Error> {
        while !self.connections.is_ending() {
            let progress = self.progress.clone();
            let work = progress.working();
            self.move_to_places();
            self.note_truth();
            self.read_reports();
            let facts = self.read();
            drop(work);
            if facts != self.facts {
                self.facts = facts;
                // A loop that is gone needs no facts.
                let _ = self.sender.send(Event::Read(self.facts.clone()));
            }
            self.connections.wait(PERIOD);
        }
        Ok(())
    }

    fn move_to_places(&mut self) {
        let Some(named) = self.places.take() else {
            return;
        };
        let connect = |address| Commands::new(address, "console:read", LIMITS);
        self.buses = (named.buses.into_iter())
            .map(|(bus, address)| (bus, connect(address)))
            .collect();
        self.market = named.market.map(connect);
        self.feeds_in = 0;
        self.is_truth_new = true;
    }

    /// Reads what daemons count of themselves, each on the bus of its beats.
    fn read_reports(&mut self) {
        let mut all = Vec::new();
        for (bus, commands) in &mut self.buses {
            match reports(commands, DAEMONS_MAX - all.len()) {
                Ok(found) => all.extend(found),
                Err(error) => log::debug!("what daemons count on {bus} cannot be read: {error}"),
            }
        }
        // Buses of two names may be one server.
        all.sort_unstable_by(|a, b| (&a.svc, &a.inst).cmp(&(&b.svc, &b.inst)));
        all.dedup_by(|a, b| (&a.svc, &a.inst) == (&b.svc, &b.inst));
        self.shared.set_reports(all);
    }

    /// Enters what changed in truth, once for each that came into force.
    fn note_truth(&mut self) {
        if !self.is_truth_new {
            return;
        }
        let now_ts = clock::wall_secs();
        match self.keeper.note(&mut self.system, &self.truth_key, now_ts) {
            Ok(()) => self.is_truth_new = false,
            Err(error) => log::debug!("what changed in truth cannot be entered: {error}"),
        }
    }

    fn read(&mut self) -> Facts {
        let answers = |(bus, commands): &mut (String, Commands)| {
            let answer = commands.ping();
            // Whoever refuses a command is there.
            let is_up = !answer.is_err_and(|error| error.is_connection_lost());
            (bus.clone(), is_up)
        };
        let buses = self.buses.iter_mut().map(answers).collect();
        if self.feeds_in > 0 {
            self.feeds_in -= 1;
            let feeds = self.facts.feeds;
            return Facts { buses, feeds };
        }
        let feeds = self.market.as_mut().map(feed_counts);
        let feeds = match feeds {
            None => None,
            Some(Ok((counts, pieces))) => {
                let every = if pieces > 1 {
                    MANY_FEEDS_EVERY
                } else {
                    FEEDS_EVERY
                };
                self.feeds_in = every - 1;
                Some(counts)
            }
            Some(Err(error)) => {
                log::debug!("how the feeds do cannot be read: {error}");
                None
            }
        };
        Facts { buses, feeds }
    }
}

/// What up to `most` daemons count that beat on this bus, the newest reports first.
fn reports(bus: &mut Commands, most: usize) -> Result<Vec<Report>, BusError> {
    let mut newest = redis::cmd("ZRANGE");
    newest.arg(METRICS_INDEX).arg(0).arg(most).arg("REV");
    let mut members: Vec<String> = bus.query(&newest)?;
    members.truncate(most);
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<String> = members.iter().map(|m| metrics_key(m)).collect();
    let texts: Vec<Option<String>> = bus.query(redis::cmd("MGET").arg(&keys))?;
    let both = members.iter().zip(texts);
    Ok(both
        .filter_map(|(member, text)| daemons::read(member, &text?))
        .collect())
}

/// How many feeds do how, and how many commands it took to read that.
fn feed_counts(market: &mut Commands) -> Result<([u64; FEED_HEALTHS.len()], usize), BusError> {
    let mut counts = [0; FEED_HEALTHS.len()];
    let mut cursor = "0".to_owned();
    for piece in 1..=PIECES_MAX {
        let mut scan = redis::cmd("HSCAN");
        scan.arg(feeds::STATUS).arg(&cursor);
        scan.arg("COUNT").arg(FEEDS_PIECE);
        let (next, records): (String, Vec<(String, String)>) = market.query(&scan)?;
        let found = records.iter().filter_map(|(_, record)| health_of(record));
        found.for_each(|at| counts[at] += 1);
        if next == "0" {
            return Ok((counts, piece));
        }
        cursor = next;
    }
    Ok((counts, PIECES_MAX))
}

/// The place in [`FEED_HEALTHS`] of what a feed's record says.
fn health_of(record: &str) -> Option<usize> {
    #[derive(Deserialize)]
    struct Health<'r> {
        health: &'r str,
    }
    let word = serde_json::from_str::<Health<'_>>(record).ok()?.health;
    FEED_HEALTHS.iter().position(|known| *known == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_feed_does_is_a_word_of_its_record() {
        assert_eq!(health_of(r#"{"url":"u","health":"failing"}"#), Some(2));
        for odd in ["", "{}", r#"{"health":"fine"}"#, r#"{"health":3}"#] {
            assert_eq!(health_of(odd), None, "{odd}");
        }
    }
}
