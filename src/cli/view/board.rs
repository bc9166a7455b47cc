//! What is known of each service, and what happened. Pure: it is told what was seen, and when.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::row::Row;
use super::sentence;
use crate::bus::BusError;
use crate::clock::Mono;
use crate::contract::{Alert, AlertKind, Health, Status};
use crate::truth::Truth;

/// Services that are shown; more than that are counted.
pub(in crate::cli) const ROWS_MAX: usize = 10_000;
/// News that are kept.
const NEWS_MAX: usize = 200;

/// Said when no healer holds the lease.
const SILENT: &str = "the healer is silent: nothing is judged, all states are unknown";

/// A moment by both clocks.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::cli) struct Moment {
    pub mono: Mono,
    pub wall_secs: i64,
}

impl Moment {
    pub(in crate::cli) fn now() -> Moment {
        Moment {
            mono: Mono::now(),
            wall_secs: crate::clock::wall_secs(),
        }
    }
}

/// Something that the eyes saw.
#[derive(Debug)]
pub(in crate::cli) enum Seen {
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
pub(in crate::cli) struct Look {
    /// Whether a healer holds the lease: it renews it each second, and it runs out in five.
    pub healer_lives: bool,
    pub health: Vec<Health>,
}

/// How a line is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Tone {
    Plain,
    Dim,
    Good,
    Odd,
    Bad,
    Head,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::cli) struct News {
    pub wall_secs: i64,
    pub tone: Tone,
    pub text: String,
}

impl News {
    pub(in crate::cli) fn new(wall_secs: i64, tone: Tone, text: String) -> News {
        News {
            wall_secs,
            tone,
            text,
        }
    }
}

/// Where a service stands, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum State {
    Up,
    Down,
    Degraded,
    /// Nobody who could know says anything.
    Unknown,
    /// Not watched: switched off, or without a heartbeat.
    Off,
}

impl State {
    pub(in crate::cli) fn as_str(self) -> &'static str {
        match self {
            State::Up => "up",
            State::Down => "down",
            State::Degraded => "degraded",
            State::Unknown => "unknown",
            State::Off => "off",
        }
    }

    fn of(status: Status) -> State {
        match status {
            Status::Up => State::Up,
            Status::Down => State::Down,
            Status::Degraded => State::Degraded,
            Status::Unknown => State::Unknown,
        }
    }
}

/// What counts as news, besides alerts and trouble.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) enum Tells {
    #[default]
    NothingElse,
    /// The first beat of each service, and that the healer began to judge.
    Starts,
    /// Each beat.
    Beats,
}

/// All that is known.
#[derive(Debug, Default)]
pub(in crate::cli) struct Board {
    pub rows: Vec<Row>,
    pub left_out: usize,
    index: HashMap<String, usize>,
    pub news: VecDeque<News>,
    /// `None` until somebody looked.
    healer_lives: Option<bool>,
    /// Buses whose link is broken, with the reason.
    broken: Vec<(String, String)>,
    pub tells: Tells,
}

impl Board {
    /// Takes in what was seen; answers with what is new in it.
    pub(in crate::cli) fn see(&mut self, seen: Seen, now: Moment) -> Vec<News> {
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
                let before = self.healer_lives.replace(look.healer_lives);
                let starts = self.tells == Tells::Starts;
                match (before, look.healer_lives) {
                    (Some(true), false) => tell(Tone::Bad, SILENT.into()),
                    (Some(false), true) => tell(Tone::Good, "the healer judges".into()),
                    (None, true) if starts => tell(Tone::Good, "the healer judges".into()),
                    (None, false) if !starts => tell(Tone::Bad, SILENT.into()),
                    _ => {}
                }
                for health in &look.health {
                    if let Some(&at) = self.index.get(&health.svc) {
                        self.rows[at].status = Some(health.status);
                    }
                }
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
    pub(in crate::cli) fn keep(&mut self, news: News) {
        if self.news.len() == NEWS_MAX {
            self.news.pop_front();
        }
        self.news.push_back(news);
    }

    /// The services of `truth`; what is known of those that stay is kept.
    pub(in crate::cli) fn adopt(&mut self, truth: &Truth) {
        let mut known: HashMap<String, Row> = self
            .rows
            .drain(..)
            .map(|row| (row.name.clone(), row))
            .collect();
        for service in truth.services().take(ROWS_MAX) {
            let name = service.name().to_owned();
            let mut row = known.remove(&name).unwrap_or_else(|| Row::new(name));
            row.interval = service.interval();
            row.timeout = service.timeout();
            row.watched = service.is_watched() || row.name == "healer";
            self.rows.push(row);
        }
        self.left_out = truth.services().len().saturating_sub(ROWS_MAX);
        let names = self.rows.iter().enumerate();
        self.index = names.map(|(at, row)| (row.name.clone(), at)).collect();
    }

    pub(in crate::cli) fn row_mut(&mut self, svc: &str) -> Option<&mut Row> {
        self.index.get(svc).map(|&at| &mut self.rows[at])
    }

    /// Why nothing on the screen can be trusted, if so.
    pub(in crate::cli) fn trouble(&self) -> Option<String> {
        if let Some((bus, why)) = self.broken.first() {
            return Some(format!("no link to {bus}: {why}"));
        }
        (self.healer_lives == Some(false)).then(|| SILENT.into())
    }

    /// Where `row` stands.
    pub(in crate::cli) fn state(&self, row: &Row) -> State {
        let healer_lives = self.healer_lives == Some(true);
        if !row.watched {
            State::Off
        } else if row.name == "healer" {
            // The sentinel speaks about it, and only it.
            match (healer_lives, row.status) {
                (_, Some(Status::Down)) => State::Down,
                (true, _) => State::Up,
                (false, _) => State::Unknown,
            }
        } else if !healer_lives {
            State::Unknown
        } else {
            row.status.map_or(State::Unknown, State::of)
        }
    }

    fn apply(&mut self, alert: &Alert) {
        let Some(row) = self.row_mut(&alert.svc) else {
            return;
        };
        match alert.kind {
            AlertKind::HeartbeatMiss | AlertKind::HealerMiss => row.status = Some(Status::Down),
            AlertKind::HeartbeatOk | AlertKind::HealerOk | AlertKind::ServiceRestored => {
                row.status = Some(Status::Up)
            }
            AlertKind::ServiceDegraded => row.status = Some(Status::Degraded),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
