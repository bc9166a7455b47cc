//! The world: a clock, a queue of what will happen, and chance.

mod faults;
mod links;
mod senders;
mod serving;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::healer::{Healer, Input, Wish};
use super::people::People;
use super::redis::{Client, Command, Mode, Redis, Store};
use super::truth::Watching;
use crate::clock::{Mono, Now};

const MS: u64 = 1000;
const SEC: u64 = 1_000_000;
/// Faults happen until then.
pub const STORM: u64 = 45 * SEC;
/// Then everything is repaired, and after so long all must be as it should.
const CALM: u64 = 40 * SEC;

#[derive(Debug)]
pub struct Service {
    pub alive: bool,
    life: u32,
    i: u64,
    /// What it knows of truth: where and how often it beats.
    channel: usize,
    interval_ms: u32,
    /// Its last beat, and the number of the next that counts.
    beat_at: u64,
    turn: u32,
    /// When its beats reached Redis, each with when it meant to send the next; and when Redis served them.
    pub sent: Vec<(u64, u64)>,
    pub served: Vec<u64>,
    /// When truth gave it which timeout.
    pub timeouts: Vec<(u64, u32)>,
    /// When truth last named it no more; what was told before is forgotten then.
    pub dropped_at: Option<u64>,
}

#[derive(Clone, Debug)]
enum Event {
    Beat {
        svc: usize,
        turn: u32,
    },
    /// It looks whether the truth was written.
    Learn {
        svc: usize,
        life: u32,
    },
    Die {
        svc: usize,
    },
    Return {
        svc: usize,
    },
    Arrive {
        life: u32,
        client: Client,
        command: Command,
    },
    Drain {
        life: u32,
        client: Client,
    },
    Deliver {
        healer: usize,
        boot: u32,
        input: Input,
    },
    Timer {
        healer: usize,
        timer: u64,
    },
    Renew {
        healer: usize,
        boot: u32,
    },
    Connect {
        healer: usize,
        boot: u32,
    },
    Fault(Fault),
    Repair(Fault),
    /// Of the people's teller; numbered, as the timers of healers are.
    Tell(u64),
    Calm,
}

#[derive(Clone, Debug)]
enum Fault {
    Stall,
    Kill,
    StopHealer(usize),
    CrashHealer(usize),
    KillLink(usize),
    HalfOpen(usize),
    Timeout(usize),
    /// Another interval, and the timeout that goes with it.
    Rhythm(usize),
    Watch(usize),
    /// The way to Redis is another from now on.
    Way(u64, u64),
    /// Channels pass from one service to another.
    Channels(Move),
    /// The first is gone for a while, and the second has its channel from then on.
    Rename(usize, usize),
}

#[derive(Clone, Debug)]
enum Move {
    Swap(usize, usize),
    Rotate,
    /// The first takes what the second leaves.
    TakeOver(usize, usize),
}

pub struct World {
    pub now: u64,
    rng: fastrand::Rng,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Event>,
    counter: u64,
    pub redis: Redis,
    pub services: Vec<Service>,
    pub truth: Vec<Watching>,
    pub healers: Vec<Healer>,
    pub people: People,
    /// Number of the teller's timer that counts.
    telling: u64,
    links: u32,
    /// How long a way between healers and Redis takes, besides what it takes here: at least, and up to how much more.
    pub way: (u64, u64),
    /// The longest round trip that there was.
    pub longest_trip: u64,
    /// Number of the last channel that came up.
    channels: usize,
    /// Whether anything but services failed.
    pub calm: bool,
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (services, healers) = (rng.usize(1..5), rng.usize(1..3));
        let truth: Vec<Watching> = (0..services)
            .map(|channel| {
                // Timeouts that leave little room are what stalls of Redis are dangerous to.
                let tight = rng.bool();
                let interval_ms = if tight {
                    rng.u32(200..600)
                } else {
                    rng.u32(300..2000)
                };
                let timeout_ms = if tight {
                    interval_ms + rng.u32(400..1200)
                } else {
                    interval_ms * rng.u32(2..4) + 1000
                };
                Watching {
                    watched: true,
                    channel,
                    timeout_ms,
                    interval_ms,
                }
            })
            .collect();
        let mut world = World {
            now: SEC,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            counter: 0,
            redis: Redis {
                mode: Mode::Running,
                pending: BTreeMap::new(),
                life: 0,
                store: Store::default(),
            },
            services: Vec::new(),
            healers: (0..healers).map(Healer::new).collect(),
            links: 0,
            channels: 10,
            way: (0, 0),
            longest_trip: 0,
            calm: rng.u8(..) < 64,
            people: People::new(rng.bool(), if rng.bool() { 60_000 } else { 0 }),
            telling: 0,
            truth,
            rng,
        };
        for svc in 0..services {
            world.services.push(Service {
                alive: false,
                life: 0,
                i: 0,
                channel: svc,
                interval_ms: world.truth[svc].interval_ms,
                beat_at: 0,
                turn: 0,
                sent: Vec::new(),
                served: Vec::new(),
                timeouts: vec![(0, world.truth[svc].timeout_ms)],
                dropped_at: None,
            });
            world.after(0, 2 * SEC, Event::Return { svc });
            let mut at = world.rng.u64(3 * SEC..20 * SEC);
            while at < STORM {
                world.at(at, Event::Die { svc });
                at += world.rng.u64(100 * MS..15 * SEC);
                world.at(at, Event::Return { svc });
                at += world.rng.u64(SEC..20 * SEC);
            }
        }
        for healer in 0..healers {
            world.after(0, 500 * MS, Event::Repair(Fault::CrashHealer(healer)));
        }
        world.plan_ways();
        if !world.calm {
            world.plan_faults();
        }
        world.at(STORM, Event::Calm);
        world
    }

    pub fn run(&mut self) {
        while let Some(Reverse((at, number))) = self.queue.pop() {
            if at > STORM + CALM {
                break;
            }
            self.now = at;
            if let Some(event) = self.events.remove(&number) {
                self.happen(event);
            }
        }
        if let Some(speaker) = self.speaker() {
            let (store, now) = (&self.redis.store, self.now);
            self.people.rest(now, speaker, store, &self.truth);
        }
    }

    /// The instance that tells people, when it can.
    fn speaker(&self) -> Option<(usize, u32)> {
        let speaking = |h: &&Healer| h.alive && h.speaking;
        let healer = self.healers.iter().find(speaking)?;
        Some((healer.number, healer.boot))
    }

    /// The teller's turn: something may have been told, or its time has come.
    pub(super) fn tell_people(&mut self) {
        let speaker = self.speaker();
        let stands = speaker.is_some_and(|(healer, _)| self.healers[healer].stopped);
        if self.redis.mode != Mode::Running || stands {
            self.wake_teller(self.now + 250 * MS);
            return;
        }
        let (store, now) = (&self.redis.store, self.now);
        let wake = self.people.step(now, speaker, store, &self.truth);
        if let Some(at) = wake {
            self.wake_teller(at);
        }
    }

    fn wake_teller(&mut self, at: u64) {
        self.telling += 1;
        let number = self.telling;
        self.at(at, Event::Tell(number));
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Beat { svc, turn } if turn == self.services[svc].turn => self.beat(svc),
            Event::Learn { svc, life } if life == self.services[svc].life => self.learn(svc),
            Event::Die { svc } => self.services[svc].alive = false,
            Event::Return { svc } => self.come_back(svc),
            Event::Arrive {
                life,
                client,
                command,
            } if life == self.redis.life => self.arrive(client, command),
            Event::Drain { life, client }
                if life == self.redis.life && self.redis.mode == Mode::Running =>
            {
                for command in self.redis.pending.remove(&client).unwrap_or_default() {
                    self.serve(client, command);
                }
            }
            Event::Deliver {
                healer,
                boot,
                input,
            } if boot == self.healers[healer].boot => self.input(healer, input),
            Event::Timer { healer, timer } if timer == self.healers[healer].timer => {
                self.input(healer, Input::Wake)
            }
            Event::Renew { healer, boot } if boot == self.healers[healer].boot => {
                self.renew(healer)
            }
            Event::Connect { healer, boot } if boot == self.healers[healer].boot => {
                self.connect(healer)
            }
            Event::Fault(fault) => self.fail(fault),
            Event::Repair(fault) => self.repair(fault),
            Event::Tell(number) if number == self.telling => self.tell_people(),
            Event::Calm => self.calm_down(),
            // Of a life that is over.
            Event::Beat { .. }
            | Event::Learn { .. }
            | Event::Arrive { .. }
            | Event::Drain { .. }
            | Event::Deliver { .. }
            | Event::Timer { .. }
            | Event::Tell(_) => {}
            Event::Renew { .. } | Event::Connect { .. } => {}
        }
    }

    fn input(&mut self, healer: usize, input: Input) {
        if !self.healers[healer].alive {
            return;
        }
        if self.healers[healer].stopped {
            self.healers[healer].inbox.push_back(input);
            return;
        }
        let (now, mut wishes) = (self.moment(), Vec::new());
        self.healers[healer].take(input, now, &self.redis.store, &self.truth, &mut wishes);
        self.grant(healer, wishes);
        let detector = &self.healers[healer].detector;
        // A loop that means to sleep until then looks again then, whatever came up meanwhile.
        let wake = detector.next_wakeup().min(detector.promised).0;
        self.healers[healer].timer += 1;
        let timer = self.healers[healer].timer;
        let at = wake.max(self.now).saturating_add(self.rng.u64(1..100));
        self.at(at, Event::Timer { healer, timer });
    }

    fn grant(&mut self, healer: usize, wishes: Vec<Wish>) {
        let boot = self.healers[healer].boot;
        let mut takes = 20;
        for wish in wishes {
            match wish {
                Wish::Send(client, command) => {
                    // What one packet holds stays in order.
                    takes = self.rng.u64(takes..60);
                    let under_way = takes + self.a_way();
                    let arrives = self.healers[healer].arrivals.entry(client).or_default();
                    *arrives = (self.now + under_way).max(*arrives);
                    let under_way = *arrives - self.now;
                    self.send_after(under_way, client, command);
                }
                Wish::Reconnect => {
                    let link = self.healers[healer].link;
                    self.drop_link(healer);
                    self.input(healer, Input::LinkLost { link });
                }
                Wish::Connect => {
                    let asking = self.asking();
                    self.after(
                        MS + asking,
                        2 * SEC + asking,
                        Event::Connect { healer, boot },
                    );
                }
            }
        }
    }

    /// One way between a healer and Redis.
    fn a_way(&mut self) -> u64 {
        self.way.0 + self.rng.u64(0..=self.way.1)
    }

    /// To connect, log in, subscribe and prove that is six round trips.
    fn asking(&self) -> u64 {
        12 * (self.way.0 + self.way.1)
    }

    fn moment(&mut self) -> Now {
        // The wall clock says anything at all.
        Now {
            mono: Mono(self.now),
            wall_secs: self.rng.i64(0..2_000_000_000),
        }
    }

    fn at(&mut self, at: u64, event: Event) {
        self.counter += 1;
        self.events.insert(self.counter, event);
        self.queue.push(Reverse((at, self.counter)));
    }

    fn after(&mut self, least: u64, most: u64, event: Event) {
        let at = self.now + self.rng.u64(least..=most);
        self.at(at, event);
    }

    fn send_after(&mut self, takes: u64, client: Client, command: Command) {
        let life = self.redis.life;
        let at = self.now + takes;
        self.at(
            at,
            Event::Arrive {
                life,
                client,
                command,
            },
        );
    }
}
