//! What is known of each service, and what happened. Pure: it is told what was seen, and when.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::news::{News, Tone};
use super::oversight::{Healer, Oversight, Standing, State, Trouble, Who};
use super::row::Row;
use super::sentence::sentence;
use super::told::told;
use crate::bus::BusError;
use crate::clock::Mono;
use crate::contract::{Alert, Health, SYSTEM_BUS};
use crate::truth::Truth;

/// Services that are shown; more than that are counted.
pub const ROWS_MAX: usize = 10_000;
/// News that are kept.
const NEWS_MAX: usize = 200;

/// What nobody could look at for so long is not known any more.
const UNSEEN_AFTER: Duration = Duration::from_secs(10);
/// Troubles that are shown at once.
const TROUBLES_MAX: usize = 3;

/// A moment by both clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    pub mono: Mono,
    pub wall_secs: i64,
}

impl Moment {
    pub fn now() -> Moment {
        Moment {
            mono: Mono::now(),
            wall_secs: crate::clock::wall_secs(),
        }
    }
}

/// Something that the poller saw.
#[derive(Debug)]
pub enum Seen {
    Beat {
        svc: String,
        i: Option<u64>,
        inst: Option<String>,
        status: Option<String>,
        at: Mono,
    },
    Alert(Box<Alert>),
    /// What was told before anybody looked, oldest first.
    Past(Vec<Alert>),
    Look(Box<Look>),
    Truth(Arc<Truth>),
    /// The link to this bus broke (with the reason), or holds again.
    Link {
        bus: String,
        broken: Option<BusError>,
    },
}

/// One look at what the healer wrote.
#[derive(Debug)]
pub struct Look {
    pub oversight: Oversight,
    pub health: Vec<Health>,
}

/// What counts as news, besides alerts and trouble.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tells {
    #[default]
    NothingElse,
    /// The first beat of each service, and that the healer began to judge.
    Starts,
    /// Each beat.
    Beats,
}

/// All that is known.
#[derive(Debug, Default)]
pub struct Board {
    pub rows: Vec<Row>,
    pub left_out: usize,
    index: HashMap<String, usize>,
    pub news: VecDeque<News>,
    /// `None` until somebody looked.
    oversight: Option<Oversight>,
    /// When somebody last did.
    looked: Mono,
    /// Buses whose link is broken, with the reason.
    broken: Vec<(String, String)>,
    pub tells: Tells,
}

impl Board {
    /// Takes in what was seen; answers with what is new in it.
    pub fn see(&mut self, seen: Seen, now: Moment) -> Vec<News> {
        let mut news = Vec::new();
        let mut tell = |tone, text| news.push(News::new(now.wall_secs, tone, text));
        match seen {
            Seen::Beat {
                svc,
                i,
                inst,
                status,
                at,
            } => {
                let Some(row) = self.index.get(&svc).map(|&at| &mut self.rows[at]) else {
                    return news;
                };
                let (first, said) = (row.heard.is_none(), status.clone());
                row.beat(i, inst, status.as_deref(), at);
                let number = i.map_or(String::new(), |i| format!(" {i}"));
                let said = said.map_or(String::new(), |said| format!(", {said}"));
                match self.tells {
                    Tells::Beats => tell(Tone::Dim, format!("beat {svc}{number}{said}")),
                    Tells::Starts if first => tell(Tone::Dim, format!("{svc}: first beat heard")),
                    Tells::Starts | Tells::NothingElse => {}
                }
            }
            Seen::Alert(alert) => {
                self.apply(&alert);
                let (tone, text) = sentence(&alert);
                tell(tone, text);
            }
            Seen::Past(alerts) => {
                for alert in alerts {
                    let (tone, text) = sentence(&alert);
                    news.push(News::new(alert.ts, tone, text));
                }
            }
            Seen::Look(look) => {
                news.extend(self.look(*look, now));
            }
            Seen::Truth(truth) => {
                let before: Vec<String> = self.rows.iter().map(|row| row.name.clone()).collect();
                self.adopt(&truth);
                let names = self.rows.iter().map(|row| row.name.as_str());
                if !before.is_empty() && !names.eq(before.iter().map(String::as_str)) {
                    let count = truth.services().len();
                    tell(Tone::Plain, format!("a new truth: {count} services"));
                }
            }
            Seen::Link { bus, broken } => {
                let was = self.broken.iter().position(|(name, _)| *name == bus);
                match (was, broken) {
                    (None, Some(error)) => {
                        tell(Tone::Bad, format!("the link to {bus} broke: {error}"));
                        self.broken.push((bus, error.to_string()));
                    }
                    (Some(at), None) => {
                        self.broken.remove(at);
                        tell(Tone::Good, format!("the link to {bus} holds again"));
                    }
                    _ => {}
                }
            }
        }
        for one in &news {
            self.keep(one.clone());
        }
        news
    }

    /// Adds something to what happened.
    pub fn keep(&mut self, news: News) {
        if self.news.len() == NEWS_MAX {
            self.news.pop_front();
        }
        self.news.push_back(news);
    }

    /// The services of `truth`; what is known of those that stay is kept.
    pub fn adopt(&mut self, truth: &Truth) {
        let mut known: HashMap<String, Row> = self
            .rows
            .drain(..)
            .map(|row| (row.name.clone(), row))
            .collect();
        let buses: Vec<&str> = truth.buses().collect();
        for service in truth.services().take(ROWS_MAX) {
            let name = service.name().to_owned();
            let mut row = known.remove(&name).unwrap_or_else(|| Row::new(name));
            row.interval = service.interval();
            row.timeout = service.timeout();
            let who = Who::of(&service, &buses);
            row.watched = who.is_watched;
            who.bus.clone_into(&mut row.bus);
            self.rows.push(row);
        }
        self.left_out = truth.services().len().saturating_sub(ROWS_MAX);
        let names = self.rows.iter().enumerate();
        self.index = names.map(|(at, row)| (row.name.clone(), at)).collect();
    }

    pub fn row_mut(&mut self, svc: &str) -> Option<&mut Row> {
        self.index.get(svc).map(|&at| &mut self.rows[at])
    }

    /// Why what is on the screen cannot be trusted, or not all of it.
    pub fn troubles(&self) -> Vec<String> {
        if let Some((bus, why)) = self.broken.first() {
            return vec![format!("no link to {bus}: {why}")];
        }
        let all = self.oversight.iter().flat_map(Oversight::troubles);
        all.map(|(_, words)| words).take(TROUBLES_MAX).collect()
    }

    /// Where `row` stands.
    pub fn standing(&self, row: &Row, now: Mono) -> Standing {
        let Some(oversight) = &self.oversight else {
            let state = if row.watched {
                State::Unknown
            } else {
                State::Off
            };
            return state.into();
        };
        let mut standing = oversight.standing(row.who(), row.health.as_ref());
        // What it said just now is newer than what the healer wrote of it.
        if row.heard.is_some() {
            standing.said.clone_from(&row.said);
        }
        let unseen = now.since(self.looked);
        let is_unseen =
            unseen > UNSEEN_AFTER && self.broken.iter().any(|(bus, _)| bus == SYSTEM_BUS);
        if is_unseen && !matches!(standing.state, State::Off | State::Down) {
            let reason = format!("{SYSTEM_BUS} is out of reach");
            return Standing {
                reason: Some(reason.into()),
                ..State::Unknown.into()
            };
        }
        standing
    }

    /// Takes in a look; what began or ended since the one before is news.
    fn look(&mut self, look: Look, now: Moment) -> Vec<News> {
        let mut news = Vec::new();
        let mut tell = |tone, text| news.push(News::new(now.wall_secs, tone, text));
        let speaks = look.oversight.healer.speaks();
        let is_refused = matches!(look.oversight.healer, Healer::Refused(_));
        let before = self.oversight.as_ref().map(Oversight::troubles);
        let after = look.oversight.troubles();
        let had: BTreeSet<&Trouble> = before
            .iter()
            .flatten()
            .map(|(trouble, _)| trouble)
            .collect();
        let has: BTreeSet<&Trouble> = after.iter().map(|(trouble, _)| trouble).collect();
        let starts = self.tells == Tells::Starts;
        for (trouble, words) in &after {
            // That the healer is yet to come is no news of a swarm that starts.
            let is_start = before.is_none() && starts && !speaks;
            if !had.contains(trouble) && !is_start {
                tell(Tone::Bad, words.clone());
            }
        }
        if before.is_none() && starts && speaks {
            tell(Tone::Good, "the healer judges".into());
        }
        for trouble in had.difference(&has).filter(|_| speaks) {
            let text = match trouble {
                Trouble::Silent | Trouble::Mute => "the healer judges".to_owned(),
                Trouble::Refused => "Redis takes writes again".to_owned(),
                Trouble::Unjudged(bus) => format!("{bus} can be judged again"),
            };
            tell(Tone::Good, text);
        }
        for health in look.health {
            let Some(row) = self.row_mut(&health.svc) else {
                continue;
            };
            // While nothing can be written, what was heard since is newer.
            let is_newer = |known: &Health| is_refused && known.as_of_ts > health.as_of_ts;
            if !row.health.as_ref().is_some_and(is_newer) {
                row.health = Some(health);
            }
        }
        self.oversight = Some(look.oversight);
        self.looked = now.mono;
        news
    }

    fn apply(&mut self, alert: &Alert) {
        let Some(row) = self.row_mut(&alert.svc) else {
            return;
        };
        let mut health = row
            .health
            .take()
            .unwrap_or_else(|| Health::unknown(&alert.svc));
        let was_known = health.as_of_ts > 0;
        let says = told(&mut health, alert);
        row.health = (was_known || says).then_some(health);
    }
}

#[cfg(test)]
mod tests;
