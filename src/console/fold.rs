//! The thread that folds the alert log into the history.

mod truth;
mod upkeep;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::Sender;
use redis::cmd;

use super::event::Event;
use crate::bus::{Address, Backoff, BusError, Commands, ConnectionRegistry, LogOnce};
use crate::clock::Mono;
use crate::contract::ALERT_LOG;
use crate::fail_stop::lock;
use crate::history::store::{BEGINNING, Everything, Store, Written};
use crate::history::{Change, Intervals, Record};
use crate::service::{Error, Progress};
use crate::swarm_state::{LogEntry, Logged, READER_LIMITS, log_after, log_entries};
use crate::text::SafeText;

/// How long it waits for the log at a time.
const WAIT: Duration = Duration::from_secs(1);
/// Changes that are written at once.
const BATCH: usize = 100;
/// From one batch to the next: 5 000 changes a second at most, since a storm belongs to the healer.
const PACE: Duration = Duration::from_millis(20);
/// From one look at the memory of the bus, at what is judged and at what is to be added up, to the next.
const UPKEEP_PERIOD: Duration = Duration::from_secs(10);
/// The share of its memory, in percent, above which nothing more is written.
const FULL_PERCENT: u64 = 70;
/// Services that are looked at in one packet.
const PIECE: usize = 1000;
/// One turn takes no longer.
pub const BUDGET: Duration = Duration::from_secs(60);

/// What truth names, told by the loop.
pub type Named = Arc<Mutex<Option<Vec<String>>>>;

/// The folder's state.
pub struct Folder {
    store: Store,
    everything: Option<Everything>,
    connections: ConnectionRegistry,
    sender: Sender<Event>,
    progress: Progress,
    /// What truth names, when that is news.
    named: Named,
    /// What it named last.
    names: Option<Vec<String>>,
    /// The number of the last entry that was folded.
    number: Option<u64>,
    upkeep_due: Mono,
    is_full: bool,
    covered: BTreeMap<String, Intervals>,
    /// The length and the end of the log of services that were not judged, as it was read last.
    unwatched: (u64, String),
    /// Another console wrote what is not known here.
    is_outdated: bool,
    /// Set after a hole: what lasts is to be compared with what is written of it.
    is_unsure: bool,
}

impl Folder {
    /// One that works on the bus at `address`, until `connections` ends.
    pub fn new(
        address: Address,
        connections: ConnectionRegistry,
        sender: Sender<Event>,
        progress: Progress,
        named: Named,
    ) -> Folder {
        Folder {
            store: Store::new(Commands::new(address, "console:fold", READER_LIMITS)),
            everything: None,
            connections,
            sender,
            progress,
            named,
            names: None,
            number: None,
            upkeep_due: Mono::default(),
            is_full: false,
            covered: BTreeMap::new(),
            unwatched: Default::default(),
            is_outdated: false,
            is_unsure: true,
        }
    }

    /// Folds until the bus connections end.
    pub fn run(mut self) -> Result<(), Error> {
        let mut backoff = Backoff::bus();
        let mut outage = LogOnce::default();
        let connections = self.connections.clone();
        while !connections.is_ending() {
            let progress = self.progress.clone();
            let work = progress.working();
            let turn = self.turn();
            drop(work);
            let pause = match turn {
                Ok(pause) => {
                    backoff.reset();
                    if outage.end() {
                        self.note(None);
                    }
                    pause
                }
                // What was under way was cut by the end: what is there tells the next console where to go on.
                Err(_) if connections.is_ending() => break,
                Err(error) => {
                    if outage.is_news(&error) {
                        log::warn!("the history is not written: {error}");
                        self.note(Some(SafeText::new(&format!(
                            "the history is not written: {error}"
                        ))));
                    }
                    // Whether the last batch was written is not known: what is there tells.
                    self.everything = None;
                    backoff.next_pause()
                }
            };
            if !pause.is_zero() {
                connections.wait(pause);
            }
        }
        Ok(())
    }

    /// One piece of work; answers with how long to wait until the next.
    fn turn(&mut self) -> Result<Duration, BusError> {
        let mut everything = match self.everything.take() {
            Some(everything) => everything,
            None => self.read()?,
        };
        let pause = self.work(&mut everything)?;
        let pause = pause.filter(|_| !std::mem::take(&mut self.is_outdated));
        self.everything = pause.map(|_| everything);
        Ok(pause.unwrap_or(Duration::ZERO))
    }

    /// `None`: somebody else wrote; all is to be read again.
    fn work(&mut self, everything: &mut Everything) -> Result<Option<Duration>, BusError> {
        let now = Mono::now();
        if now >= self.upkeep_due {
            self.upkeep_due = now + UPKEEP_PERIOD;
            self.check_memory()?;
            self.cover(everything)?;
            if !self.is_full {
                self.age(everything)?;
            }
        }
        if self.is_full {
            return Ok(Some(WAIT));
        }
        self.follow_truth(everything)?;
        let after = everything
            .cursor
            .clone()
            .unwrap_or_else(|| BEGINNING.to_owned());
        let part = log_after(self.store.commands(), &after, Some(WAIT))?;
        if part.is_empty() {
            if std::mem::take(&mut self.is_unsure) {
                self.compare(everything)?;
            }
            return Ok(Some(Duration::ZERO));
        }
        let mut rest = part.as_slice();
        while !rest.is_empty() {
            let (count, written) = self.write_some(everything, rest)?;
            if let Written::Moved(to) = written {
                log::info!("another console wrote the history up to {to}: reading it again");
                return Ok(None);
            }
            rest = &rest[count..];
            if !rest.is_empty() {
                self.connections.wait(PACE);
            }
        }
        Ok(Some(PACE))
    }

    fn read(&mut self) -> Result<Everything, BusError> {
        let everything = self.store.read()?;
        let records: Vec<(String, Arc<Record>)> = everything
            .records
            .iter()
            .map(|(svc, record)| (svc.clone(), Arc::clone(record)))
            .collect();
        self.number = self.number_at(everything.cursor.as_deref())?;
        self.is_unsure = true;
        self.names = self.names.take().or_else(|| self.take_named());
        // Truth is compared with what was read.
        if let Some(names) = self.names.take() {
            lock(&self.named).get_or_insert(names);
        }
        self.tell(Event::Recorded(records));
        Ok(everything)
    }

    /// The number of the entry at the cursor; 0, which every other follows with a gap, when it is lost already.
    fn number_at(&mut self, cursor: Option<&str>) -> Result<Option<u64>, BusError> {
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        let mut range = cmd("XRANGE");
        range.arg(ALERT_LOG).arg(cursor).arg(cursor);
        let found = log_entries(self.store.commands().query(&range)?).pop();
        Ok(match found {
            Some(logged) => logged.entry.and_then(|entry| entry.n),
            None => Some(0),
        })
    }

    /// Folds and writes the beginning of `part`; how many entries of it that were.
    fn write_some(
        &mut self,
        everything: &mut Everything,
        part: &[Logged],
    ) -> Result<(usize, Written), BusError> {
        // Should it not be written, all of it is read again.
        let mut changes: Vec<Change> = Vec::new();
        let (mut count, mut hole, mut number) = (0usize, None, self.number);
        let mut last_ms = cursor_ms(everything.cursor.as_deref());
        for logged in part {
            if changes.len() >= BATCH {
                break;
            }
            count += 1;
            let Some(entry) = &logged.entry else { continue };
            if let Some(lost) = lost_before(entry, number, everything.cursor.is_none(), last_ms) {
                // Of one batch one hole, that covers all of them.
                let (from, to) = hole.unwrap_or(lost);
                hole = Some((from.min(lost.0), to.max(lost.1)));
                everything.fold.lost_until = Some(lost.1);
                self.is_unsure = true;
            }
            number = entry.n.or(number);
            last_ms = Some(entry.at_ms);
            changes.extend(everything.fold.hear(&entry.alert));
        }
        let Some(end) = part.get(count.saturating_sub(1)) else {
            return Ok((part.len(), Written::Done));
        };
        let before = everything.cursor.clone();
        let written = self
            .store
            .write(before.as_deref(), &end.id, hole, &changes)?;
        let written = match written {
            // What was read may hold these changes: taken in once more, they would be shown twice.
            Written::Already if everything.is_torn => Written::Moved(end.id.clone()),
            Written::Already => Written::Done,
            written => written,
        };
        if written == Written::Done {
            everything.cursor = Some(end.id.clone());
            self.number = number;
            if let Some((from, to)) = hole {
                everything.holes.add(from, to);
            }
            self.take_in(everything, &changes);
        }
        Ok((count, written))
    }

    fn take_in(&mut self, everything: &mut Everything, changes: &[Change]) {
        changes.iter().for_each(|change| everything.apply(change));
        let mut names: Vec<&str> = changes.iter().map(|change| change.svc.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        self.tell_records(everything, names);
    }

    fn tell_records<'a>(&self, everything: &Everything, names: impl IntoIterator<Item = &'a str>) {
        let record = |svc: &str| Some((svc.to_owned(), Arc::clone(everything.records.get(svc)?)));
        let records: Vec<_> = names.into_iter().filter_map(record).collect();
        if !records.is_empty() {
            self.tell(Event::Recorded(records));
        }
    }

    fn take_named(&self) -> Option<Vec<String>> {
        lock(&self.named).take()
    }

    fn note(&self, note: Option<SafeText>) {
        self.tell(Event::HistoryNote(note));
    }

    fn tell(&self, event: Event) {
        // A loop that is gone needs no history.
        let _ = self.sender.send(event);
    }
}

/// When entries before this one were lost, in epoch seconds: numbers that are missing tell, and at the very beginning a
/// number that is not the first.
fn lost_before(
    entry: &LogEntry,
    number: Option<u64>,
    is_beginning: bool,
    last_ms: Option<i64>,
) -> Option<(i64, i64)> {
    let new = entry.n?;
    let is_lost = match number {
        Some(old) => new > old + 1,
        None => is_beginning && new > 1,
    };
    let from = last_ms.map_or(0, |ms| ms.div_euclid(1000));
    is_lost.then(|| (from, entry.at_ms.div_euclid(1000) + 1))
}

fn cursor_ms(cursor: Option<&str>) -> Option<i64> {
    cursor?.split('-').next()?.parse().ok()
}
