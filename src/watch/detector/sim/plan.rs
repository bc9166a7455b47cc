//! What a world is to go through: drawn at random, or kept from one that once went wrong.

use crate::notify::notification::Ms;

pub const MS: u64 = 1000;
pub const SEC: u64 = 1_000_000;
/// Faults happen until then.
pub const STORM: u64 = 45 * SEC;

/// A list of events, and the world in which they happen.
#[derive(Clone, Debug)]
pub struct Plan {
    pub services: Vec<Rhythm>,
    pub healers: usize,
    /// How long a way between healers and Redis takes, besides what it takes here: at least, and up to how much more.
    pub way: (u64, u64),
    /// Whether anything but services fails.
    pub is_calm: bool,
    /// Each service depends on the one before it.
    pub is_chained: bool,
    pub rate_limit_ms: Ms,
    pub events: Vec<(u64, Planned)>,
}

/// How often a service beats, and how long it may be silent.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    pub interval_ms: u32,
    pub timeout_ms: u32,
}

#[derive(Clone, Debug)]
pub enum Planned {
    Return(usize),
    Die(usize),
    Fail(Fault),
    Mend(Fault),
}

#[derive(Clone, Debug)]
pub enum Fault {
    Stall,
    Kill,
    StopHealer(usize),
    CrashHealer(usize),
    KillLink(usize),
    HalfOpen(usize),
    /// Another timeout, perhaps with another interval.
    Timing(usize, Rhythm),
    /// Truth names the service no more.
    Watch(usize),
    /// The way to Redis is another from now on.
    Way(u64, u64),
    /// Channels pass from one service to another.
    Channels(Move),
    /// The first is gone for a while, and the second has its channel from then on.
    Rename(usize, usize),
}

#[derive(Clone, Debug)]
pub enum Move {
    Swap(usize, usize),
    Rotate,
    /// The first takes what the second leaves.
    TakeOver(usize, usize),
}

impl Plan {
    /// One that `chance` makes.
    pub fn random(chance: &mut fastrand::Rng) -> Plan {
        let (services, healers) = (chance.usize(1..5), chance.usize(1..3));
        let services = (0..services).map(|_| some_rhythm(chance)).collect();
        let mut plan = Plan {
            services,
            healers,
            way: (0, 0),
            is_calm: chance.u8(..) < 64,
            is_chained: chance.bool(),
            rate_limit_ms: if chance.bool() { 60_000 } else { 0 },
            events: Vec::new(),
        };
        for svc in 0..plan.services.len() {
            plan.live(svc, chance);
        }
        for healer in 0..healers {
            let starts = SEC + chance.u64(0..=500 * MS);
            plan.add(starts, Planned::Mend(Fault::CrashHealer(healer)));
        }
        plan.choose_ways(chance);
        if !plan.is_calm {
            plan.choose_faults(chance);
        }
        plan
    }

    fn add(&mut self, at: u64, event: Planned) {
        self.events.push((at, event));
    }

    fn live(&mut self, svc: usize, chance: &mut fastrand::Rng) {
        self.add(SEC + chance.u64(0..=2 * SEC), Planned::Return(svc));
        let mut at = chance.u64(3 * SEC..20 * SEC);
        while at < STORM {
            self.add(at, Planned::Die(svc));
            at += chance.u64(100 * MS..15 * SEC);
            self.add(at, Planned::Return(svc));
            at += chance.u64(SEC..20 * SEC);
        }
    }

    /// Every other world has a far bus, which may jitter, and become another.
    fn choose_ways(&mut self, chance: &mut fastrand::Rng) {
        if chance.bool() {
            return;
        }
        self.way = some_way(chance);
        for _ in 0..chance.u32(0..3) {
            let (at, (least, jitter)) = (chance.u64(5 * SEC..STORM), some_way(chance));
            if !self.is_calm {
                self.add(at, Planned::Fail(Fault::Way(least, jitter)));
            }
        }
    }

    fn choose_faults(&mut self, chance: &mut fastrand::Rng) {
        if chance.u8(..) < 64 {
            // A Redis that stutters.
            let mut at = chance.u64(5 * SEC..20 * SEC);
            while at < STORM {
                let lasts = chance.u64(200 * MS..1500 * MS);
                self.add(at, Planned::Fail(Fault::Stall));
                self.add(at + lasts, Planned::Mend(Fault::Stall));
                at += lasts + chance.u64(200 * MS..3 * SEC);
            }
        }
        for _ in 0..chance.u32(1..12) {
            let (fault, longest) = self.some_fault(chance);
            let at = chance.u64(2 * SEC..STORM);
            self.add(at, Planned::Fail(fault.clone()));
            // Most troubles are short.
            let longest = if chance.bool() { longest / 10 } else { longest };
            let lasts = chance.u64(0..=longest);
            self.add(at + lasts, Planned::Mend(fault));
        }
    }

    /// And how long it lasts at most.
    fn some_fault(&self, chance: &mut fastrand::Rng) -> (Fault, u64) {
        let healer = chance.usize(0..self.healers);
        let svc = chance.usize(0..self.services.len());
        let other = chance.usize(0..self.services.len());
        match chance.u32(0..15) {
            0 | 1 => (Fault::Stall, 12 * SEC),
            2 => (Fault::Kill, 12 * SEC),
            3 | 4 => (Fault::StopHealer(healer), 12 * SEC),
            5 | 6 => (Fault::CrashHealer(healer), 8 * SEC),
            7 => (Fault::KillLink(healer), 0),
            8 => (Fault::HalfOpen(healer), 0),
            9 => (Fault::Channels(some_move(svc, other, chance)), 0),
            10 => (Fault::Rename(svc, other), 10 * SEC),
            11 | 12 => {
                let interval_ms = chance.u32(200..6000);
                let timeout_ms = interval_ms + chance.u32(700..3000);
                (
                    Fault::Timing(
                        svc,
                        Rhythm {
                            interval_ms,
                            timeout_ms,
                        },
                    ),
                    0,
                )
            }
            _ if chance.bool() => {
                let interval_ms = self.services[svc].interval_ms;
                let timeout_ms = interval_ms * chance.u32(2..5) + 1000;
                (
                    Fault::Timing(
                        svc,
                        Rhythm {
                            interval_ms,
                            timeout_ms,
                        },
                    ),
                    0,
                )
            }
            _ => (Fault::Watch(svc), 10 * SEC),
        }
    }
}

/// Timeouts that leave little room are what stalls of Redis are dangerous to.
fn some_rhythm(chance: &mut fastrand::Rng) -> Rhythm {
    let is_tight = chance.bool();
    let interval_ms = if is_tight {
        chance.u32(200..600)
    } else {
        chance.u32(300..2000)
    };
    let timeout_ms = if is_tight {
        interval_ms + chance.u32(400..1200)
    } else {
        interval_ms * chance.u32(2..4) + 1000
    };
    Rhythm {
        interval_ms,
        timeout_ms,
    }
}

/// A round trip of up to a second, jitter of up to 400 ms in it.
fn some_way(chance: &mut fastrand::Rng) -> (u64, u64) {
    let jitter = if chance.bool() {
        0
    } else {
        chance.u64(0..=200 * MS)
    };
    (chance.u64(0..=500 * MS - jitter), jitter)
}

fn some_move(svc: usize, other: usize, chance: &mut fastrand::Rng) -> Move {
    match chance.u32(0..3) {
        0 => Move::Swap(svc, other),
        1 => Move::Rotate,
        _ => Move::TakeOver(svc, other),
    }
}
