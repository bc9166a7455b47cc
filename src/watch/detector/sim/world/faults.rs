//! What goes wrong, when, and how it is mended.

use super::super::healer::Input;
use super::super::plan::{Fault, MS, Move, Rhythm};
use super::super::redis::{Client, Mode};
use super::{Event, World};

impl World {
    pub(super) fn be_far(&mut self, way: (u64, u64)) {
        self.way = way;
        self.longest_trip = self.longest_trip.max(2 * (way.0 + way.1));
    }

    pub(super) fn fail(&mut self, fault: Fault) {
        match fault {
            Fault::Stall if self.redis.mode == Mode::Running => self.redis.mode = Mode::Stalled,
            Fault::Kill if self.redis.mode != Mode::Dead => {
                self.redis.mode = Mode::Dead;
                self.redis.life += 1;
                self.redis.pending.clear();
                for service in &mut self.services {
                    service.lost_what_waits();
                }
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
            Fault::Timing(
                svc,
                Rhythm {
                    interval_ms,
                    timeout_ms,
                },
            ) => {
                self.truth[svc].interval_ms = interval_ms;
                self.truth[svc].timeout_ms = timeout_ms;
                self.services[svc].timeouts.push((self.now, timeout_ms));
                self.announce();
            }
            Fault::Watch(svc) => {
                self.drop_service(svc);
                self.announce();
            }
            Fault::Rename(svc, other) => {
                self.drop_service(svc);
                if other != svc {
                    self.truth[other].channel = self.truth[svc].channel;
                    if !self.truth[other].watched {
                        self.be_named(other);
                    }
                    self.truth[svc].channel = self.new_channel();
                }
                self.announce();
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
                self.started_at = self.now;
                let boot = self.healers[healer].boot;
                self.after(MS, 50 * MS, Event::Connect { healer, boot });
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
                self.be_named(svc);
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
        inbox.retain(|input| !matches!(input, Input::Wake | Input::Write));
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
        let service = &mut self.services[svc];
        service.dropped_before = service.dropped_at.replace(self.now);
        service.dropped_with = (service.channel, service.interval_ms);
        self.people.drop_service(svc, self.now);
        self.tell_people();
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
