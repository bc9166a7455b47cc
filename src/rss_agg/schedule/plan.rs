//! Which feed a free poller takes now, and when to look again.
//!
//! A feed is asleep until it is due, then waits in the line of its host, then is under way. Feeds that were slow the
//! last time share half of the pollers at most, so that a web full of hanging servers cannot starve the rest.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Mono;
use crate::net::permits::hosts::{Busy, Hosts};

/// How soon a host is looked at again whose connections were all taken.
const RECHECK: Duration = Duration::from_millis(500);

/// The feeds and where each of them stands. Names are feed ids and hosts (`name:port`).
#[derive(Debug)]
pub struct Plan {
    pollers: usize,
    feeds: HashMap<Arc<str>, Feed>,
    asleep: BTreeSet<(Mono, Arc<str>)>,
    lines: HashMap<Arc<str>, VecDeque<Arc<str>>>,
    /// The hosts whose line is not empty, by the moment at which they may be asked.
    open: BTreeSet<(Mono, Arc<str>)>,
    /// Slow feeds that are due while as many slow ones as are allowed are under way.
    parked: VecDeque<Arc<str>>,
    under_way: usize,
    slow_under_way: usize,
}

/// A feed whose turn has come, and the host at which a place was taken for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    pub feed: Arc<str>,
    pub host: Arc<str>,
}

#[derive(Debug)]
struct Feed {
    host: Arc<str>,
    slow: bool,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Until this moment.
    Asleep(Mono),
    /// In the line of its host.
    InLine,
    Parked,
    /// `slow` as it was when it started; `removed` when truth dropped it since.
    UnderWay {
        slow: bool,
        removed: bool,
    },
    /// Not to be polled again (410) until truth changes.
    Stopped,
}

impl Plan {
    /// A plan for as many polls at once as there are pollers.
    pub fn new(pollers: usize) -> Plan {
        Plan {
            pollers: pollers.max(1),
            feeds: HashMap::new(),
            asleep: BTreeSet::new(),
            lines: HashMap::new(),
            open: BTreeSet::new(),
            parked: VecDeque::new(),
            under_way: 0,
            slow_under_way: 0,
        }
    }

    /// Adds a feed, or moves one that is not under way. `None`: known, but not to be polled.
    pub fn put(&mut self, feed: &str, host: &str, due: Option<Mono>) {
        if let Some(Feed {
            stage: Stage::UnderWay { removed, .. },
            host: old_host,
            ..
        }) = self.feeds.get_mut(feed)
        {
            *removed = false;
            *old_host = host.into();
            return;
        }
        let slow = self.feeds.get(feed).is_some_and(|known| known.slow);
        self.remove(feed);
        let id: Arc<str> = feed.into();
        let stage = due.map_or(Stage::Stopped, Stage::Asleep);
        if let Some(due) = due {
            self.asleep.insert((due, id.clone()));
        }
        let host = host.into();
        self.feeds.insert(id, Feed { host, slow, stage });
    }

    /// Forgets a feed. One that is under way is forgotten when it is done.
    pub fn remove(&mut self, feed: &str) {
        let Some((id, known)) = self.feeds.get_key_value(feed) else {
            return;
        };
        let (id, host) = (id.clone(), known.host.clone());
        match known.stage {
            Stage::UnderWay { slow, .. } => {
                if let Some(known) = self.feeds.get_mut(feed) {
                    known.stage = Stage::UnderWay {
                        slow,
                        removed: true,
                    };
                }
                return;
            }
            Stage::Asleep(due) => {
                self.asleep.remove(&(due, id));
            }
            Stage::InLine => {
                if let Some(line) = self.lines.get_mut(&host) {
                    line.retain(|other| *other != id);
                }
            }
            Stage::Parked => self.parked.retain(|other| *other != id),
            Stage::Stopped => {}
        }
        self.feeds.remove(feed);
    }

    /// The next feed to poll now, if any may be: its place at its host is taken in `hosts`.
    pub fn take(&mut self, hosts: &mut Hosts, now: Mono) -> Option<Turn> {
        self.wake(now);
        if self.slow_under_way < self.slow_limit()
            && let Some(parked) = self.parked.pop_front()
        {
            self.join_line(&parked, now);
        }
        while self.under_way < self.pollers {
            let (at, host) = self.open.first().cloned()?;
            if at > now {
                return None;
            }
            self.open.pop_first();
            let Some(front) = self.lines.get(&host).and_then(|line| line.front()).cloned() else {
                self.lines.remove(&host);
                continue;
            };
            let slow = self.feeds.get(&front).is_some_and(|feed| feed.slow);
            if slow && self.slow_under_way >= self.slow_limit() {
                self.pop_line(&host, now);
                self.set_stage(&front, Stage::Parked);
                self.parked.push_back(front);
                continue;
            }
            match hosts.start(&host, now) {
                Err(Busy::Until(later)) => {
                    self.open.insert((later, host));
                }
                Err(Busy::Full) => {
                    self.open.insert((now + RECHECK, host));
                }
                Ok(()) => {
                    self.pop_line(&host, now);
                    let removed = false;
                    self.set_stage(&front, Stage::UnderWay { slow, removed });
                    self.under_way += 1;
                    self.slow_under_way += usize::from(slow);
                    return Some(Turn { feed: front, host });
                }
            }
        }
        None
    }

    /// A poll is over, and its place at its host is given back: the feed sleeps until `due` (`None`: it stopped).
    /// Returns whether truth still has the feed.
    pub fn done(&mut self, feed: &str, due: Option<Mono>, slow: bool) -> bool {
        let Some(known) = self.feeds.get_mut(feed) else {
            return false;
        };
        let Stage::UnderWay {
            slow: was_slow,
            removed,
        } = known.stage
        else {
            return true;
        };
        known.slow = slow;
        self.under_way = self.under_way.saturating_sub(1);
        self.slow_under_way = self.slow_under_way.saturating_sub(usize::from(was_slow));
        if removed {
            self.feeds.remove(feed);
        } else {
            let host = known.host.clone();
            known.stage = Stage::Stopped;
            self.put(feed, &host, due);
        }
        !removed
    }

    /// When [`take`](Plan::take) is worth calling again; `None`: not before a poll is done or truth changes.
    pub fn next_deadline(&self) -> Option<Mono> {
        if self.under_way >= self.pollers {
            return None;
        }
        let asleep = self.asleep.first().map(|(at, _)| *at);
        let open = self.open.first().map(|(at, _)| *at);
        asleep.into_iter().chain(open).min()
    }

    /// The polls under way.
    pub fn under_way(&self) -> usize {
        self.under_way
    }

    /// Whether truth has the feed.
    pub fn contains(&self, feed: &str) -> bool {
        self.feeds
            .get(feed)
            .is_some_and(|known| !matches!(known.stage, Stage::UnderWay { removed: true, .. }))
    }

    /// The ids of all feeds.
    pub fn ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.feeds.keys()
    }

    fn slow_limit(&self) -> usize {
        (self.pollers / 2).max(1)
    }

    fn wake(&mut self, now: Mono) {
        while let Some((due, _)) = self.asleep.first()
            && *due <= now
        {
            if let Some((_, id)) = self.asleep.pop_first() {
                self.join_line(&id, now);
            }
        }
    }

    fn join_line(&mut self, id: &Arc<str>, at: Mono) {
        let Some(feed) = self.feeds.get_mut(id) else {
            return;
        };
        feed.stage = Stage::InLine;
        let host = feed.host.clone();
        let line = self.lines.entry(host.clone()).or_default();
        if line.is_empty() {
            self.open.insert((at, host));
        }
        line.push_back(id.clone());
    }

    /// Takes the first feed out of the line; a line that is not empty stays open.
    fn pop_line(&mut self, host: &Arc<str>, now: Mono) {
        let Some(line) = self.lines.get_mut(host) else {
            return;
        };
        line.pop_front();
        if line.is_empty() {
            self.lines.remove(host);
        } else {
            self.open.insert((now, host.clone()));
        }
    }

    fn set_stage(&mut self, feed: &str, stage: Stage) {
        if let Some(known) = self.feeds.get_mut(feed) {
            known.stage = stage;
        }
    }
}

/// When feeds that are all due at once (a first start, or the end of a long outage) take their turns: evenly over at
/// most half a minute, and at most a second apart. `turn` counts from 0.
pub fn turn_delay(turn: usize, of: usize) -> Duration {
    let step = (30.0 / of.max(1) as f64).min(1.0);
    Duration::from_secs_f64(step * turn as f64)
}

#[cfg(test)]
mod tests;
