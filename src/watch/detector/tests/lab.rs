//! A detector on a virtual clock with a bus that returns its echoes.

use crate::contract::Status;
use crate::watch::handover::HANDED_MAX;
use std::collections::VecDeque;
use std::time::Duration;

use super::super::*;
use crate::clock::{Mono, Now};

/// Wall time is the virtual time plus this: it dates, it must not judge.
pub const WALL: i64 = 1_762_000_000;

/// What came out.
#[derive(Debug, PartialEq)]
pub enum Told {
    Bus(Output),
    Service(Transition),
}

pub struct Lab {
    pub detector: Detector,
    pub now: Mono,
    /// Everything that was told, with its time.
    pub told: Vec<(Mono, Told)>,
    /// How long an echo takes; `None`: the bus is silent.
    pub echo_takes: Option<Duration>,
    pub echoes_sent: usize,
    /// Whether the server is still the same; `None`: the check is never answered.
    pub same_server: Option<bool>,
    /// The wall clock is off by so many seconds.
    pub wall: i64,
    returning: VecDeque<(Mono, u64)>,
}

impl Lab {
    /// A proven bus with these services: name, timeout and interval in milliseconds.
    pub fn with(services: &[(&str, u32, u32)]) -> Lab {
        let mut lab = Lab::unproven(services);
        lab.prove();
        lab
    }

    pub fn unproven(services: &[(&str, u32, u32)]) -> Lab {
        let now = Mono(1_000_000);
        let mut lab = Lab {
            detector: Detector::new(now),
            now,
            told: Vec::new(),
            echo_takes: Some(Duration::from_micros(100)),
            echoes_sent: 0,
            same_server: Some(true),
            wall: 0,
            returning: VecDeque::new(),
        };
        lab.reload(services);
        lab.told.clear();
        lab
    }

    pub fn moment(&self) -> Now {
        Now {
            mono: self.now,
            wall_secs: WALL + self.wall + (self.now.0 / 1_000_000) as i64,
        }
    }

    pub fn reload(&mut self, services: &[(&str, u32, u32)]) -> Vec<Dropped> {
        self.detector.begin_reload(self.now);
        for &(svc, timeout_ms, interval_ms) in services {
            let channel = format!("{svc}:heartbeat");
            self.detector.watch(&Spec {
                svc,
                channel: &channel,
                timeout_ms,
                interval_ms,
            });
        }
        let mut dropped = Vec::new();
        while !self.detector.sweep(2, &mut dropped) {}
        dropped
    }

    /// Confirms every channel and proves the subscription.
    pub fn prove(&mut self) {
        let mut channels = Vec::new();
        self.detector.channels(0, |channel| {
            channels.push(channel.to_vec());
            true
        });
        for channel in channels {
            self.detector.confirmed(&channel, self.moment());
        }
        self.detector.proven(self.moment());
        self.settle();
    }

    /// Writes are refused for want of replicas, or no more.
    pub fn cut_off(&mut self, is_cut_off: bool) {
        self.detector.set_cut_off(is_cut_off, self.moment());
        self.settle();
    }

    pub fn lose_link(&mut self) {
        self.returning.clear();
        self.detector.link_lost(self.moment());
        self.settle();
    }

    /// A beat with `fields` besides `svc`.
    pub fn beat(&mut self, svc: &str, fields: &str) {
        let payload = format!(
            r#"{{"svc":"{svc}"{}{fields}}}"#,
            if fields.is_empty() { "" } else { "," }
        );
        self.payload(svc, payload.as_bytes());
    }

    pub fn payload(&mut self, svc: &str, payload: &[u8]) {
        let channel = format!("{svc}:heartbeat");
        self.detector.activity(self.now);
        self.detector
            .frame(channel.as_bytes(), payload, self.moment());
        self.settle();
    }

    /// Lets `secs` pass, waking the detector whenever it wants, as its loop would.
    pub fn pass(&mut self, secs: f64) {
        let end = Mono(self.now.0 + (secs * 1e6) as u64);
        loop {
            // A loop that means to sleep until then looks again then, whatever came up meanwhile.
            let wake = self.detector.next_wakeup().min(self.detector.promised);
            let wake = wake.max(self.now);
            let echo = self.returning.front().map_or(Mono(u64::MAX), |e| e.0);
            if wake.min(echo) > end {
                self.now = end;
                return;
            }
            self.now = wake.min(echo).max(self.now);
            if echo <= wake {
                if let Some((_, seq)) = self.returning.pop_front() {
                    self.detector.echo_returned(seq, self.moment(), HANDED_MAX);
                }
            } else {
                self.detector.tick(self.moment(), HANDED_MAX);
            }
            self.settle();
        }
    }

    /// The process stands still: neither echoes nor deadlines are looked at.
    pub fn stand_still(&mut self, secs: f64) {
        self.now = Mono(self.now.0 + (secs * 1e6) as u64);
    }

    /// Does what the detector asks for, until it asks for nothing more.
    pub fn settle(&mut self) {
        loop {
            while let Some(echo) = self.detector.take_echo() {
                self.echoes_sent += 1;
                if let Some(takes) = self.echo_takes {
                    self.returning.push_back((self.now + takes, echo.seq));
                }
            }
            let mut transitions = Vec::new();
            self.detector.take_transitions(&mut transitions);
            let now = self.now;
            self.told
                .extend(transitions.into_iter().map(|t| (now, Told::Service(t))));
            let mut outputs = Vec::new();
            self.detector.take_outputs(&mut outputs);
            if outputs.is_empty() {
                return;
            }
            for output in outputs {
                let check = output == Output::CheckServer;
                self.told.push((self.now, Told::Bus(output)));
                match self.same_server {
                    Some(true) if check => self.detector.server_checked(self.moment()),
                    Some(false) if check => self.lose_link(),
                    _ => {}
                }
            }
        }
    }

    /// What was told of services, as words, oldest first; and forgets it.
    pub fn words(&mut self) -> Vec<String> {
        let told = std::mem::take(&mut self.told);
        told.iter().filter_map(|(_, told)| word(told)).collect()
    }

    pub fn transitions(&mut self) -> Vec<Transition> {
        let told = std::mem::take(&mut self.told);
        told.into_iter()
            .filter_map(|(_, told)| match told {
                Told::Service(transition) => Some(transition),
                Told::Bus(_) => None,
            })
            .collect()
    }

    pub fn status_of(&self, svc: &str) -> Status {
        let index = self.detector.table.by_name(svc.as_bytes());
        self.detector.status(index.expect("a service"))
    }

    /// The status of the only service, or of the first.
    pub fn status(&mut self) -> Status {
        self.detector.status(0)
    }
}

fn word(told: &Told) -> Option<String> {
    let output = match told {
        Told::Bus(output) => output,
        Told::Service(t) => {
            let what = match &t.change {
                Change::Missed { again: true, .. } => "missed-again",
                Change::Missed { planned: true, .. } => "missed-planned",
                Change::Missed {
                    never_heard: true, ..
                } => "missed-never-heard",
                Change::Missed { .. } => "missed",
                Change::Recovered { .. } => "ok",
                Change::Degraded { .. } => "degraded",
                Change::Restored { .. } => "restored",
                Change::Restarting { .. } => "restarting",
                Change::DuplicateInstance => "duplicate",
                Change::Unwatched => "unwatched",
                Change::Watched => "watched",
                Change::Flapping(_) => "flapping",
                Change::Steady(_) => "steady",
            };
            return Some(format!("{} {what}", t.service.svc));
        }
    };
    Some(match output {
        Output::Bus(BusNews::Down { .. }) => "bus down".into(),
        Output::Bus(BusNews::Up { .. }) => "bus up".into(),
        Output::Bus(BusNews::Unstable { .. }) => "bus unstable".into(),
        Output::Reconnect => "reconnect".into(),
        Output::Malformed { svc, count, .. } => format!("{svc} malformed {count}"),
        Output::CheckServer => return None,
    })
}
