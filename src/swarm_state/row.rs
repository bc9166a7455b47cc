//! One service on the board: its last beat and the strip of those before.

use std::collections::VecDeque;
use std::time::Duration;

use super::oversight::Who;
use crate::clock::Mono;
use crate::contract::{Health, status_word};

/// Marks of a strip that are kept.
const MARKS_MAX: usize = 60;

/// One service.
#[derive(Debug)]
pub struct Row {
    pub name: String,
    pub interval: Duration,
    pub timeout: Duration,
    pub(super) watched: bool,
    /// Its bus by truth.
    pub(super) bus: String,
    /// The last beat.
    pub i: Option<u64>,
    pub heard: Option<Mono>,
    inst: Option<String>,
    /// What it said last that it is.
    pub(super) said: Option<String>,
    strip: VecDeque<Mark>,
    /// What the healer last wrote, or said since.
    pub(super) health: Option<Health>,
    /// What the process supervisor says about its process.
    pub note: String,
}

/// One mark of a strip of beats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Beat,
    /// The first beat of another instance.
    Restart,
    Degraded,
    Stopping,
    /// An interval without a beat.
    Missed,
}

impl Row {
    pub(super) fn new(name: String) -> Row {
        Row {
            name,
            interval: Duration::ZERO,
            timeout: Duration::ZERO,
            watched: true,
            bus: String::new(),
            i: None,
            heard: None,
            inst: None,
            said: None,
            strip: VecDeque::new(),
            health: None,
            note: String::new(),
        }
    }

    pub(super) fn who(&self) -> Who<'_> {
        Who {
            name: &self.name,
            is_watched: self.watched,
            bus: &self.bus,
        }
    }

    pub(super) fn beat(
        &mut self,
        i: Option<u64>,
        inst: Option<String>,
        status: Option<&str>,
        at: Mono,
    ) {
        for _ in 0..self.missed_by(at) {
            self.mark(Mark::Missed);
        }
        let restarted = self.inst.is_some() && inst != self.inst
            || matches!((self.i, i), (Some(old), Some(new)) if new < old);
        self.mark(match status {
            Some("stopping") => Mark::Stopping,
            Some("degraded") => Mark::Degraded,
            _ if restarted => Mark::Restart,
            _ => Mark::Beat,
        });
        self.said = status.and_then(status_word).map(str::to_owned);
        (self.i, self.heard) = (i, Some(at));
        if inst.is_some() {
            self.inst = inst;
        }
    }

    fn mark(&mut self, mark: Mark) {
        if self.strip.len() == MARKS_MAX {
            self.strip.pop_front();
        }
        self.strip.push_back(mark);
    }

    /// Whole intervals without a beat since the last one, half an interval being granted.
    fn missed_by(&self, now: Mono) -> usize {
        let (Some(heard), false) = (self.heard, self.interval.is_zero()) else {
            return 0;
        };
        let intervals = now.since(heard).as_secs_f64() / self.interval.as_secs_f64();
        ((intervals - 0.5).max(0.0) as usize).min(MARKS_MAX)
    }

    /// The newest `width` marks, those that are being missed right now among them.
    pub fn strip(&self, width: usize, now: Mono) -> Vec<Mark> {
        let missing = std::iter::repeat_n(Mark::Missed, self.missed_by(now));
        let all: Vec<Mark> = self.strip.iter().copied().chain(missing).collect();
        all[all.len().saturating_sub(width)..].to_vec()
    }

    /// How long ago the last beat was.
    pub fn age(&self, now: Mono) -> Option<Duration> {
        self.heard.map(|heard| now.since(heard))
    }
}
