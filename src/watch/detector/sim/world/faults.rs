//! What goes wrong, when, and how it is mended.

use super::super::healer::Input;
use super::super::redis::{Client, Mode};
use super::{Event, Fault, MS, Move, SEC, STORM, World};

impl World {
    /// Every other world has a far bus, which may jitter, and become another.
    pub(super) fn plan_ways(&mut self) {
        if self.rng.bool() {
            return;
        }
        let way = self.some_way();
        self.be_far(way);
        for _ in 0..self.rng.u32(0..3) {
            let (at, (least, jitter)) = (self.rng.u64(5 * SEC..STORM), self.some_way());
            if !self.calm {
                self.at(at, Event::Fault(Fault::Way(least, jitter)));
            }
        }
    }

    fn be_far(&mut self, way: (u64, u64)) {
        self.way = way;
        self.longest_trip = self.longest_trip.max(2 * (way.0 + way.1));
    }

    /// A round trip of up to a second, jitter of up to 400 ms in it.
    fn some_way(&mut self) -> (u64, u64) {
        let jitter = if self.rng.bool() {
            0
        } else {
            self.rng.u64(0..=200 * MS)
        };
        (self.rng.u64(0..=500 * MS - jitter), jitter)
    }

    pub(super) fn plan_faults(&mut self) {
        if self.rng.u8(..) < 64 {
            // A Redis that stutters.
            let mut at = self.rng.u64(5 * SEC..20 * SEC);
            while at < STORM {
                let lasts = self.rng.u64(200 * MS..1500 * MS);
                self.at(at, Event::Fault(Fault::Stall));
                self.at(at + lasts, Event::Repair(Fault::Stall));
                at += lasts + self.rng.u64(200 * MS..3 * SEC);
            }
        }
        for _ in 0..self.rng.u32(1..12) {
            let healer = self.rng.usize(0..self.healers.len());
            let svc = self.rng.usize(0..self.services.len());
            let (fault, longest) = match self.rng.u32(0..15) {
                0 | 1 => (Fault::Stall, 12 * SEC),
                2 => (Fault::Kill, 12 * SEC),
                3 | 4 => (Fault::StopHealer(healer), 12 * SEC),
                5 | 6 => (Fault::CrashHealer(healer), 8 * SEC),
                7 => (Fault::KillLink(healer), 0),
                8 => (Fault::HalfOpen(healer), 0),
                9 => (Fault::Channels(self.some_move(svc)), 0),
                10 => {
                    let other = self.rng.usize(0..self.services.len());
                    (Fault::Rename(svc, other), 10 * SEC)
                }
                11 | 12 => (Fault::Rhythm(svc), 0),
                _ if self.rng.bool() => (Fault::Timeout(svc), 0),
                _ => (Fault::Watch(svc), 10 * SEC),
            };
            let at = self.rng.u64(2 * SEC..STORM);
            self.at(at, Event::Fault(fault.clone()));
            // Most troubles are short.
            let lasts = if self.rng.bool() {
                longest / 10
            } else {
                longest
            };
            let lasts = self.rng.u64(0..=lasts);
            self.at(at + lasts, Event::Repair(fault));
        }
    }

    pub(super) fn fail(&mut self, fault: Fault) {
        match fault {
            Fault::Stall if self.redis.mode == Mode::Running => self.redis.mode = Mode::Stalled,
            Fault::Kill if self.redis.mode != Mode::Dead => {
                self.redis.mode = Mode::Dead;
                self.redis.life += 1;
                self.redis.pending.clear();
                for healer in 0..self.healers.len() {
                    self.break_link(healer);
                    self.healers[healer].connection_lost = true;
                }
            }
            Fault::StopHealer(healer) => self.healers[healer].stopped = true,
            Fault::CrashHealer(healer) => {
                self.drop_link(healer);
                self.healers[healer].alive = false;
                self.tell_people();
                self.healers[healer].inbox.clear();
            }
            Fault::KillLink(healer) => self.break_link(healer),
            Fault::HalfOpen(healer) => {
                self.healers[healer].half_open = self.healers[healer].link != 0
            }
            Fault::Timeout(svc) => {
                let timeout_ms = self.truth[svc].interval_ms * self.rng.u32(2..5) + 1000;
                self.truth[svc].timeout_ms = timeout_ms;
                self.services[svc].timeouts.push((self.now, timeout_ms));
                self.announce();
            }
            Fault::Rhythm(svc) => {
                let interval_ms = self.rng.u32(200..6000);
                let timeout_ms = interval_ms + self.rng.u32(700..3000);
                self.truth[svc].interval_ms = interval_ms;
                self.truth[svc].timeout_ms = timeout_ms;
                self.services[svc].timeouts.push((self.now, timeout_ms));
                self.announce();
            }
            Fault::Watch(svc) => {
                self.drop_service(svc);
                self.announce();
                self.redis.store.health.remove(&svc);
            }
            Fault::Rename(svc, other) => {
                self.drop_service(svc);
                if other != svc {
                    self.truth[other].channel = self.truth[svc].channel;
                    self.truth[other].watched = true;
                    self.truth[svc].channel = self.new_channel();
                }
                self.announce();
                self.redis.store.health.remove(&svc);
            }
            Fault::Way(least, jitter) => self.be_far((least, jitter)),
            Fault::Channels(passing) => {
                self.pass_channels(&passing);
                self.announce();
            }
            Fault::Stall | Fault::Kill => {}
        }
    }

    pub(super) fn repair(&mut self, fault: Fault) {
        match fault {
            Fault::Stall if self.redis.mode == Mode::Stalled => {
                self.redis.mode = Mode::Running;
                // The event loop serves what waits in any order, and some of it one turn later.
                let waiting: Vec<Client> = self.redis.pending.keys().copied().collect();
                for client in waiting {
                    let life = self.redis.life;
                    self.after(0, 60, Event::Drain { life, client });
                }
            }
            Fault::Kill if self.redis.mode == Mode::Dead => self.redis.mode = Mode::Running,
            Fault::StopHealer(healer) if self.healers[healer].stopped => self.wake_up(healer),
            Fault::CrashHealer(healer) if !self.healers[healer].alive => {
                let now = self.moment();
                self.healers[healer].start(now, &self.truth);
                let boot = self.healers[healer].boot;
                self.after(MS, 50 * MS, Event::Connect { healer, boot });
                self.after(MS, 50 * MS, Event::Renew { healer, boot });
                self.input(healer, Input::Wake);
                // A healer that starts does not know what truth said before, so it can spare nobody who does not know
                // better yet.
                self.spread_at_once();
            }
            // A healer that stands still meanwhile would never know that it was dropped.
            Fault::Watch(_) | Fault::Rename(..) if self.healers.iter().any(|h| h.stopped) => {
                self.at(self.now + 100 * MS, Event::Repair(fault));
            }
            Fault::Watch(svc) | Fault::Rename(svc, _) => {
                self.truth[svc].watched = true;
                self.announce();
            }
            _ => {}
        }
    }

    pub(super) fn break_link(&mut self, healer: usize) {
        let (link, boot) = (self.healers[healer].link, self.healers[healer].boot);
        self.drop_link(healer);
        if link != 0 {
            // What is on its way still arrives, then the end.
            let at = (self.now + 100).max(self.healers[healer].delivered);
            self.at(
                at,
                Event::Deliver {
                    healer,
                    boot,
                    input: Input::LinkLost { link },
                },
            );
        }
    }

    /// SIGCONT: what piled up is read; the loop may wake before, between or after.
    pub(super) fn wake_up(&mut self, healer: usize) {
        self.healers[healer].stopped = false;
        let mut inbox = std::mem::take(&mut self.healers[healer].inbox);
        inbox.retain(|input| !matches!(input, Input::Wake));
        let place = self.rng.usize(0..=inbox.len());
        inbox.insert(place, Input::Wake);
        for input in inbox {
            self.input(healer, input);
        }
    }

    /// A new truth: every healer reads it, subscribes what is new, and lets go of what is not wanted any more.
    pub(super) fn announce(&mut self) {
        self.spread_truth();
        for healer in 0..self.healers.len() {
            self.input(healer, Input::Truth);
        }
    }

    /// Truth names the service no more.
    fn drop_service(&mut self, svc: usize) {
        self.truth[svc].watched = false;
        self.services[svc].dropped_at = Some(self.now);
        self.people.drop_service(svc, self.now);
        self.tell_people();
    }

    fn some_move(&mut self, svc: usize) -> Move {
        let other = self.rng.usize(0..self.services.len());
        match self.rng.u32(0..3) {
            0 => Move::Swap(svc, other),
            1 => Move::Rotate,
            _ => Move::TakeOver(svc, other),
        }
    }

    fn pass_channels(&mut self, passing: &Move) {
        let channel = |world: &World, svc: usize| world.truth[svc].channel;
        match *passing {
            Move::Swap(a, b) => {
                let (of_a, of_b) = (channel(self, a), channel(self, b));
                (self.truth[a].channel, self.truth[b].channel) = (of_b, of_a);
            }
            Move::Rotate => {
                let mut channels: Vec<usize> = self.truth.iter().map(|w| w.channel).collect();
                channels.rotate_left(1);
                let places = self.truth.iter_mut().zip(channels);
                places.for_each(|(watching, channel)| watching.channel = channel);
            }
            Move::TakeOver(a, b) => {
                self.truth[a].channel = channel(self, b);
                self.truth[b].channel = self.new_channel();
            }
        }
    }

    fn new_channel(&mut self) -> usize {
        self.channels += 1;
        self.channels
    }

    pub(super) fn calm_down(&mut self) {
        self.repair(Fault::Stall);
        self.repair(Fault::Kill);
        for healer in 0..self.healers.len() {
            self.repair(Fault::StopHealer(healer));
            self.repair(Fault::CrashHealer(healer));
        }
        for svc in 0..self.services.len() {
            if !self.truth[svc].watched {
                self.repair(Fault::Watch(svc));
            }
        }
        // Nothing that was planned for later happens any more.
        self.events.retain(|_, event| {
            !matches!(
                event,
                Event::Fault(_) | Event::Repair(_) | Event::Die { .. } | Event::Return { .. }
            )
        });
    }
}
