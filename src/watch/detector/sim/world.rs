//! The world: a clock, a queue of what will happen, and chance.

mod faults;
mod links;
mod senders;
mod serving;
mod wishes;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::healer::{Healer, Input};
use super::people::People;
use super::plan::{Fault, MS, Plan, Planned, Rhythm, SEC, STORM};
use super::redis::{Client, Command, Mode, Redis};
use super::store::Store;
use super::truth::Watching;
use crate::clock::{Mono, Now};

/// After the storm everything is repaired, and after so long all must be as it should: the longest timeout there is, after
/// the time that a service has to learn its place, and the doubts of a link that was half-open.
const CALM: u64 = 60 * SEC;
/// What the wall clock says at the beginning.
const WALL: i64 = 1_794_924_000;

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
    /// When the last that is under way reaches Redis.
    arrives: u64,
    /// Its beats as they reached Redis; and when Redis served one.
    pub sent: Vec<Sent>,
    pub served: Vec<u64>,
    /// When truth gave it which timeout.
    pub timeouts: Vec<(u64, u32)>,
    /// When truth last named it no more; what was told before is forgotten then.
    pub dropped_at: Option<u64>,
    /// When it did so before.
    dropped_before: Option<u64>,
    /// What it knew then: its channel and its interval.
    dropped_with: (usize, u32),
}

/// A beat that reached Redis.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    pub at: u64,
    /// When its sender means to beat again.
    pub next: u64,
    pub served: Option<u64>,
}

impl Service {
    /// One that is not alive yet, and knows what truth says.
    fn new(truth: &Watching) -> Service {
        Service {
            alive: false,
            life: 0,
            i: 0,
            channel: truth.channel,
            interval_ms: truth.interval_ms,
            beat_at: 0,
            turn: 0,
            arrives: 0,
            sent: Vec::new(),
            served: Vec::new(),
            timeouts: vec![(0, truth.timeout_ms)],
            dropped_at: None,
            dropped_before: None,
            dropped_with: (0, 0),
        }
    }

    /// Redis dies, and its beats that wait there with it.
    fn lost_what_waits(&mut self) {
        for beat in self.sent.iter_mut().filter(|beat| beat.served.is_none()) {
            beat.served = Some(u64::MAX);
        }
    }

    /// Redis serves the oldest of its beats that wait.
    fn served(&mut self, now: u64) {
        self.served.push(now);
        if let Some(beat) = self.sent.iter_mut().find(|beat| beat.served.is_none()) {
            beat.served = Some(now);
        }
    }
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
    Write {
        healer: usize,
        writing: u64,
    },
    Connect {
        healer: usize,
        boot: u32,
    },
    Fault(Fault),
    Repair(Fault),
    /// Of the people's aggregator; numbered, as the timers of healers are.
    Tell(u64),
    Calm,
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
    /// Number of the aggregator's timer that counts.
    telling: u64,
    /// When a healer last started.
    pub(super) started_at: u64,
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
    /// The world of `plan`; what it leaves open, above all how long things take, is drawn from `chance`.
    pub fn new(plan: &Plan, chance: fastrand::Rng) -> World {
        let watching = |(channel, rhythm): (usize, &Rhythm)| Watching {
            watched: true,
            channel,
            timeout_ms: rhythm.timeout_ms,
            interval_ms: rhythm.interval_ms,
        };
        let truth: Vec<Watching> = plan.services.iter().enumerate().map(watching).collect();
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
            services: truth.iter().map(Service::new).collect(),
            healers: (0..plan.healers).map(Healer::new).collect(),
            started_at: 0,
            links: 0,
            channels: 10,
            way: (0, 0),
            longest_trip: 0,
            calm: plan.is_calm,
            people: People::new(plan.is_chained, plan.rate_limit_ms),
            telling: 0,
            truth,
            rng: chance,
        };
        world.be_far(plan.way);
        for (at, event) in &plan.events {
            let event = match event.clone() {
                Planned::Return(svc) => Event::Return { svc },
                Planned::Die(svc) => Event::Die { svc },
                Planned::Fail(fault) => Event::Fault(fault),
                Planned::Mend(fault) => Event::Repair(fault),
            };
            world.at(*at, event);
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

    /// The instance that tells people, when it can: one that thinks that it speaks, and holds the lease.
    fn speaker(&self) -> Option<(usize, u32)> {
        let holder = self.redis.store.lease.as_ref().map(|(holder, _)| holder);
        let speaking = |h: &&Healer| h.alive && h.speaks() && Some(&h.inst()) == holder;
        let healer = self.healers.iter().find(speaking)?;
        Some((healer.number, healer.boot))
    }

    /// The aggregator's turn: something may have been told, or its time has come.
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
            Event::Write { healer, writing } if writing == self.healers[healer].writing => {
                self.healers[healer].writes_at = u64::MAX;
                self.input(healer, Input::Write)
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
            | Event::Write { .. }
            | Event::Tell(_)
            | Event::Connect { .. } => {}
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
        self.healers[healer].take(input, now, &self.truth, &mut wishes);
        self.grant(healer, wishes);
        // A loop that means to sleep until then looks again then, whatever came up meanwhile.
        let wake = self.healers[healer].wakes_at(now.mono).0;
        self.healers[healer].timer += 1;
        let timer = self.healers[healer].timer;
        let at = wake.max(self.now).saturating_add(self.rng.u64(1..100));
        self.at(at, Event::Timer { healer, timer });
        self.let_write(healer);
    }

    fn moment(&self) -> Now {
        // The clocks go together here: by the wall clock, records are told from newer words.
        Now {
            mono: Mono(self.now),
            wall_secs: WALL + (self.now / SEC) as i64,
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
