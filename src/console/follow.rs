//! The thread that follows the alert log from its end on: what is told is shown at once.

use std::time::Duration;

use crossbeam_channel::Sender;
use redis::cmd;

use super::event::Event;
use crate::bus::{Address, Backoff, BusError, Commands, ConnectionRegistry, LogOnce};
use crate::contract::ALERT_LOG;
use crate::service::{Error, Progress};
use crate::swarm_state::{LOG_READ_MAX, READER_LIMITS, log_after, log_entries};

/// How long it waits for the log at a time.
const WAIT: Duration = Duration::from_secs(1);
/// One turn takes no longer.
pub const BUDGET: Duration = Duration::from_secs(30);

/// The follower's state.
pub struct Follower {
    commands: Commands,
    connections: ConnectionRegistry,
    sender: Sender<Event>,
    progress: Progress,
    /// The last entry that was read, and its number.
    last: Option<String>,
    number: Option<u64>,
}

impl Follower {
    /// One that reads the bus at `address`, until `connections` ends.
    pub fn new(
        address: Address,
        connections: ConnectionRegistry,
        sender: Sender<Event>,
        progress: Progress,
    ) -> Follower {
        Follower {
            commands: Commands::new(address, "console:follow", READER_LIMITS),
            connections,
            sender,
            progress,
            last: None,
            number: None,
        }
    }

    /// Follows until nobody listens or the bus connections end.
    pub fn run(mut self) -> Result<(), Error> {
        let mut backoff = Backoff::bus();
        let mut outage = LogOnce::default();
        let connections = self.connections.clone();
        while !connections.is_ending() {
            let progress = self.progress.clone();
            let work = progress.working();
            let turn = self.turn();
            drop(work);
            match turn {
                Ok(true) => {
                    backoff.reset();
                    outage.end();
                }
                Ok(false) => return Ok(()),
                Err(error) => {
                    if outage.is_news(&error) {
                        log::debug!("the alert log cannot be followed: {error}");
                    }
                    connections.wait(backoff.next_pause());
                }
            }
        }
        Ok(())
    }

    /// Reads what is new; false when nobody listens any more.
    fn turn(&mut self) -> Result<bool, BusError> {
        let last = match &self.last {
            Some(last) => last.clone(),
            None => self.find_end()?,
        };
        let part = log_after(&mut self.commands, &last, Some(WAIT))?;
        // A full part may have pushed others out of the log before they were read; their numbers tell.
        debug_assert!(part.len() <= LOG_READ_MAX);
        self.last = Some(part.last().map_or(last, |end| end.id.clone()));
        for entry in part.into_iter().filter_map(|logged| logged.entry) {
            let missed = matches!((self.number, entry.n), (Some(old), Some(new)) if new > old + 1);
            self.number = entry.n.or(self.number);
            let alert = Box::new(entry.alert);
            if self.sender.send(Event::Alert { alert, missed }).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Where the log ends now.
    fn find_end(&mut self) -> Result<String, BusError> {
        let mut newest = cmd("XREVRANGE");
        newest.arg(ALERT_LOG).arg("+").arg("-").arg("COUNT").arg(1);
        let newest = log_entries(self.commands.query(&newest)?).pop();
        self.number = newest.as_ref().and_then(|logged| logged.entry.as_ref()?.n);
        Ok(newest.map_or_else(|| "0-0".to_owned(), |logged| logged.id))
    }
}
