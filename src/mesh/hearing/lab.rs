//! A bus on a virtual clock that returns every echo.

use std::time::Duration;

use super::{Hearing, Kept, News, Room, What};
use crate::clock::{Mono, Now};

pub const WALL: i64 = 1_762_000_000;

/// A bus, and all that was told of it.
pub struct Lab {
    pub hearing: Hearing,
    pub now: Mono,
    pub news: Vec<News>,
    pub doubts: usize,
    /// Whether the server is found to be the same when it is looked up.
    pub answers: bool,
}

pub fn kept(svc: &str, timeout_ms: u32, interval_ms: u32) -> Kept {
    Kept {
        svc: svc.into(),
        channel: format!("{svc}:heartbeat").into(),
        timeout_ms,
        interval_ms,
    }
}

impl Lab {
    pub fn new(services: Vec<Kept>) -> Lab {
        let now = Mono(1_000_000);
        let mut lab = Lab {
            hearing: Hearing::new(Room::default(), now),
            now,
            news: Vec::new(),
            doubts: 0,
            answers: true,
        };
        lab.hearing.follow(services, lab.moment());
        lab.hearing.proven(lab.moment());
        lab.settle();
        lab
    }

    pub fn moment(&self) -> Now {
        Now {
            mono: self.now,
            wall_secs: WALL + (self.now.0 / 1_000_000) as i64,
        }
    }

    pub fn beat(&mut self, svc: &str, inst: &str, i: u64) {
        self.payload(
            svc,
            &format!(r#"{{"svc":"{svc}","i":{i},"inst":"{inst}"}}"#),
        );
    }

    pub fn say(&mut self, svc: &str, inst: &str, status: &str) {
        let said = format!(r#"{{"svc":"{svc}","i":9,"inst":"{inst}","status":"{status}"}}"#);
        self.payload(svc, &said);
    }

    pub fn payload(&mut self, svc: &str, payload: &str) {
        let channel = format!("{svc}:heartbeat");
        let now = self.moment();
        assert!(
            self.hearing
                .heard(channel.as_bytes(), payload.as_bytes(), now)
        );
        self.settle();
    }

    /// Lets time pass in steps of 100 ms, with `each` before every step.
    pub fn pass(&mut self, span: Duration, mut each: impl FnMut(&mut Lab)) {
        let end = self.now + span;
        while self.now < end {
            each(self);
            self.now = self.now + Duration::from_millis(100);
            let now = self.moment();
            self.hearing.detector().activity(now.mono);
            self.hearing.detector().tick(now, usize::MAX);
            if self.now.0.is_multiple_of(1_000_000) {
                self.hearing.look(now);
            }
            self.settle();
        }
    }

    /// Nothing was done until `now`.
    pub fn jump(&mut self, now: Mono) {
        self.now = now;
    }

    /// Echoes come back, the server is looked up, and what was judged is told.
    pub fn settle(&mut self) {
        for _ in 0..100 {
            let now = self.moment();
            let mut is_quiet = true;
            while let Some(echo) = self.hearing.detector().take_echo() {
                self.hearing
                    .detector()
                    .echo_returned(echo.seq, now, usize::MAX);
                is_quiet = false;
            }
            self.doubts += usize::from(self.hearing.judge(now));
            let mut outputs = Vec::new();
            self.hearing.detector().take_outputs(&mut outputs);
            let asks = self.hearing.take_look() || !outputs.is_empty();
            if asks && self.answers {
                self.hearing.detector().server_checked(now);
                self.hearing.looked(now.mono);
            }
            self.hearing.take_news(&mut self.news);
            if is_quiet && !asks {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// What was told of an instance, in words, without times and cards.
    pub fn told(&self, inst: &str) -> Vec<&'static str> {
        let of = self.news.iter().filter(|news| *news.inst == *inst);
        of.filter_map(|news| word(&news.what)).collect()
    }
}

fn word(what: &What) -> Option<&'static str> {
    Some(match what {
        What::Joined => "joined",
        What::Up => "up",
        What::Suspect => "suspect",
        What::Failed => "failed",
        What::Back => "back",
        What::Left => "left",
        What::Works(_) => "works",
        What::Restarted => "restarted",
        What::Card(_) | What::Times => return None,
    })
}
