//! Services: they beat by what they know of the truth, which is not always the one in force.

use super::super::healer::{Healer, Input};
use super::super::plan::{MS, SEC};
use super::super::redis::{Client, Command, Mode};
use super::{Event, World};
use crate::contract::SERVICES_LEARN_WITHIN;

impl World {
    pub(super) fn come_back(&mut self, svc: usize) {
        let service = &mut self.services[svc];
        if !service.alive {
            service.alive = true;
            service.life += 1;
            service.i = 0;
            self.learn(svc);
            self.beat_after(svc, 0, MS);
        }
    }

    /// It reads the truth, and lives by it.
    pub(super) fn learn(&mut self, svc: usize) {
        let (truth, service) = (&self.truth[svc], &mut self.services[svc]);
        service.channel = truth.channel;
        let before = std::mem::replace(&mut service.interval_ms, truth.interval_ms);
        let due = service.beat_at + u64::from(truth.interval_ms) * MS;
        if let Some(last) = service.sent.last_mut() {
            last.next = last.next.min(due.max(self.now));
        }
        if service.alive && truth.interval_ms < before && self.redis.mode != Mode::Dead {
            self.beat_after(svc, due.saturating_sub(self.now), 0);
        }
    }

    /// Truth names it again. What it took from a truth that did not name it, or long ago, no healer can know of; then it
    /// reads this one at once.
    pub(super) fn be_named(&mut self, svc: usize) {
        let longest = SERVICES_LEARN_WITHIN.as_micros() as u64;
        self.truth[svc].watched = true;
        let service = &self.services[svc];
        let dropped_at = service.dropped_at.unwrap_or(0);
        let is_known = service.dropped_with == (service.channel, service.interval_ms);
        if !is_known || dropped_at + longest <= self.now || dropped_at <= self.started_at {
            self.learn(svc);
        }
        // Whom nobody saw dropped was not: what was told of it before goes on.
        if self.speaker().is_none() && self.people.undo_drop(svc) {
            let service = &mut self.services[svc];
            service.dropped_at = service.dropped_before;
        }
    }

    /// A new truth was written: healers know at once here, services when they look, or had word of it.
    pub(super) fn spread_truth(&mut self) {
        // One that stands still while a second truth comes never reads the first, and spares nobody who lives by it.
        let misses_one = |h: &Healer| h.inbox.iter().any(|input| matches!(input, Input::Truth));
        if self.healers.iter().any(|h| !h.alive || misses_one(h)) {
            return self.spread_at_once();
        }
        let longest = SERVICES_LEARN_WITHIN.as_micros() as u64;
        for svc in 0..self.services.len() {
            let life = self.services[svc].life;
            let latest = if self.rng.bool() { longest } else { 10 * MS };
            self.after(0, latest, Event::Learn { svc, life });
        }
    }

    /// All services know the truth in force.
    pub(super) fn spread_at_once(&mut self) {
        for svc in 0..self.services.len() {
            self.learn(svc);
        }
    }

    fn beat_after(&mut self, svc: usize, least: u64, spread: u64) {
        self.services[svc].turn += 1;
        let turn = self.services[svc].turn;
        self.after(least, least + spread, Event::Beat { svc, turn });
    }

    pub(super) fn beat(&mut self, svc: usize) {
        if !self.services[svc].alive {
            return;
        }
        if self.redis.mode == Mode::Dead {
            // It reconnects with a pause of at most two seconds, and beats at once.
            // Two round trips go by until it is logged in, when it is as far away.
            let login = 4 * (self.way.0 + self.way.1);
            self.beat_after(svc, 50 * MS, 2 * SEC + login - 50 * MS);
            return;
        }
        let service = &mut self.services[svc];
        service.i += 1;
        service.beat_at = self.now;
        let interval = u64::from(service.interval_ms) * MS;
        let beat = Command::Beat {
            svc,
            channel: service.channel,
            i: service.i,
            inst: service.life,
            next: self.now + interval,
        };
        // Some beats take long on their way, some arrive twice.
        let late = if self.rng.u8(..) < 10 { 600 * MS } else { 200 };
        let takes = self.rng.u64(20..=late);
        for _ in 0..1 + u8::from(self.rng.u8(..) < 5) {
            // Over one connection none overtakes another.
            let service = &mut self.services[svc];
            service.arrives = service.arrives.max(self.now + takes);
            let takes = service.arrives - self.now;
            self.send_after(takes, Client::Service(svc), beat.clone());
        }
        self.beat_after(svc, interval, 5 * MS);
    }
}
