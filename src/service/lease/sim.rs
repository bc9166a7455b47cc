//! Members and a server on one virtual clock: joins, deaths, stalls, losses, clocks that step. Whatever happens, no part is
//! worked on by two at once, tokens only grow, nothing rests for long while somebody lives, and shares are even with the
//! fewest moves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fastrand::Rng;

use super::member::Member;
use super::view::{Action, Claimed, Holder, Peer, View};
use crate::clock::Mono;
use crate::contract::lease::SESSION_MS;

/// One step of the world.
const STEP: Duration = Duration::from_millis(100);

/// What the scripts do, by the server's own clock.
#[derive(Default)]
struct Server {
    /// Its clock, in microseconds; it may step.
    us: u64,
    sessions: BTreeMap<String, (String, u64)>,
    parts: BTreeMap<u32, Holder>,
    count: u32,
    token: u64,
    drained: BTreeSet<String>,
    connection: u64,
}

impl Server {
    fn live(&self, inst: &str) -> bool {
        self.sessions
            .get(inst)
            .is_some_and(|(_, until)| *until > self.us)
    }

    fn renew(&mut self, member: &Member) -> View {
        let had_session = self.live(member.inst());
        let until = self.us + SESSION_MS * 1000;
        self.sessions
            .insert(member.inst().to_owned(), (member.host().to_owned(), until));
        let us = self.us;
        self.sessions.retain(|_, (_, until)| *until > us);
        if self.count != member.wanted() {
            let sessions = &self.sessions;
            self.parts
                .retain(|_, holder| sessions.contains_key(&holder.inst));
            if self.parts.is_empty() {
                self.count = member.wanted();
            }
        }
        let members = self.sessions.iter().map(|(inst, (host, _))| Peer {
            inst: inst.clone(),
            host: host.clone(),
        });
        View {
            server_us: self.us,
            connection: self.connection,
            had_session,
            parts: self.count,
            holders: self.parts.clone(),
            members: members.collect(),
            drained: self.drained.clone(),
        }
    }

    fn claim(&mut self, member: &Member, part: u32, read: Option<&Holder>, floor: u64) -> Claimed {
        if !self.live(member.inst()) || self.count != member.wanted() {
            return Claimed::Stale;
        }
        if let Some(holder) = self.parts.get(&part)
            && holder.inst != member.inst()
        {
            let left = self
                .sessions
                .get(&holder.inst)
                .map(|(_, until)| until.saturating_sub(self.us));
            let lives = left.is_some_and(|us| us > 0 && us <= SESSION_MS * 1000);
            if Some(holder) != read || lives {
                return Claimed::Others;
            }
        }
        self.token = (self.token + 1).max(self.us / 1000).max(floor);
        let inst = member.inst().to_owned();
        let token = self.token;
        self.parts.insert(part, Holder { inst, token });
        Claimed::Ours(token)
    }
}

struct One {
    member: Member,
    /// It does nothing before: stopped, or cut off.
    stalled_until: Mono,
}

struct World {
    now: Mono,
    server: Server,
    all: BTreeMap<String, One>,
    /// The token in whose name each part was worked on last, and when.
    worked: BTreeMap<u32, (u64, Mono)>,
    /// How often a part went from one to another.
    moves: usize,
    owners: BTreeMap<u32, String>,
    parts: u32,
}

impl World {
    fn new(parts: u32) -> World {
        World {
            now: Mono(1_000_000),
            server: Server {
                us: 1_762_000_000_000_000,
                ..Server::default()
            },
            all: BTreeMap::new(),
            worked: BTreeMap::new(),
            moves: 0,
            owners: BTreeMap::new(),
            parts,
        }
    }

    fn join(&mut self, inst: &str) {
        let one = One {
            member: Member::new("s", inst, "h", self.parts),
            stalled_until: Mono(0),
        };
        self.all.insert(inst.to_owned(), one);
    }

    fn step(&mut self, rng: &mut Rng) {
        self.now = self.now + STEP;
        self.server.us += STEP.as_micros() as u64;
        let mut names: Vec<String> = self.all.keys().cloned().collect();
        rng.shuffle(&mut names);
        for name in names {
            let one = self.all.get_mut(&name).expect("there");
            if one.stalled_until <= self.now {
                turn(&mut one.member, &mut self.server, self.now, rng);
            }
        }
        self.work();
    }

    /// Everybody whose gate is open works. Results under a lower token than was seen are refused.
    fn work(&mut self) {
        let mut at_work: BTreeMap<u32, (String, u64)> = BTreeMap::new();
        for (inst, one) in &self.all {
            if one.stalled_until > self.now || one.member.gate_until() <= self.now {
                continue;
            }
            for (part, token) in one.member.open() {
                let other = at_work.insert(part, (inst.clone(), token));
                assert_eq!(other, None, "{part} is worked on twice, by {inst} too");
            }
        }
        for (part, (inst, token)) in at_work {
            let (last, _) = self.worked.get(&part).copied().unwrap_or_default();
            if token < last {
                self.all
                    .get_mut(&inst)
                    .expect("at work")
                    .member
                    .fenced(part, last);
                continue;
            }
            self.worked.insert(part, (token, self.now));
            let before = self.owners.insert(part, inst.clone());
            self.moves += usize::from(before.is_some_and(|before| before != inst));
        }
    }

    fn pass(&mut self, secs: u64, rng: &mut Rng) {
        for _ in 0..secs * 10 {
            self.step(rng);
        }
    }

    fn loads(&self) -> Vec<usize> {
        self.all
            .values()
            .map(|one| one.member.open().len())
            .collect()
    }

    fn assert_even(&self) {
        let loads = self.loads();
        let (least, most) = (loads.iter().min(), loads.iter().max());
        let spread = most.zip(least).map_or(0, |(most, least)| most - least);
        assert!(spread <= 1, "{loads:?}");
        assert_eq!(
            loads.iter().sum::<usize>(),
            self.parts as usize,
            "{loads:?}"
        );
    }

    /// The longest that a part has not been worked on.
    fn idle(&self) -> Duration {
        let idle = (0..self.parts).map(|part| {
            let (_, last) = self.worked.get(&part).copied().unwrap_or_default();
            self.now.since(last)
        });
        idle.max().unwrap_or_default()
    }
}

fn turn(member: &mut Member, server: &mut Server, now: Mono, rng: &mut Rng) {
    for _ in 0..8 {
        let actions = member.turn(now, |_, _| false);
        if actions.is_empty() {
            return;
        }
        for action in actions {
            match action {
                Action::Renew => {
                    member.asks(now);
                    let view = server.renew(member);
                    // An answer is lost now and then.
                    if rng.u8(..) < 5 {
                        member.unanswered(now);
                    } else {
                        member.answered(view, now);
                    }
                    break;
                }
                Action::Claim {
                    part,
                    holder,
                    floor,
                } => {
                    let done = server.claim(member, part, holder.as_ref(), floor);
                    if rng.u8(..) < 5 {
                        member.look();
                    } else {
                        member.claimed(part, done);
                    }
                }
                Action::Release { part, token } => {
                    let inst = member.inst().to_owned();
                    if server.parts.get(&part) == Some(&Holder { inst, token }) {
                        server.parts.remove(&part);
                    }
                    member.released(part);
                }
            }
        }
    }
}

#[test]
fn whatever_happens_no_part_is_worked_on_twice_and_none_rests_for_long() {
    let rounds: u64 = std::env::var("SIM_SEEDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(600);
    for seed in 0..rounds / 60 {
        let mut rng = Rng::with_seed(seed);
        let mut world = World::new(64);
        (0..4).for_each(|n| world.join(&format!("m{n}")));
        world.pass(25, &mut rng);
        let (mut next, mut excuse) = (4, world.now);
        for _ in 0..60 {
            let names: Vec<String> = world.all.keys().cloned().collect();
            let name = &names[rng.usize(..names.len())];
            let mut limit = Duration::from_secs(14);
            match rng.u8(..8) {
                0 if names.len() > 1 => drop(world.all.remove(name)),
                1 if names.len() < 7 => {
                    world.join(&format!("m{next}"));
                    next += 1;
                }
                2 => {
                    let until = world.now + Duration::from_secs(15);
                    world.all.get_mut(name).expect("there").stalled_until = until;
                }
                3 => {
                    world.server.us += 3_600_000_000;
                    limit = Duration::from_secs(18);
                }
                4 => {
                    world.server.us -= 3_600_000_000;
                    limit = Duration::from_secs(18);
                }
                5 => {
                    // It comes back without its data.
                    let (us, connection) = (world.server.us, world.server.connection + 1);
                    world.server = Server {
                        us,
                        connection,
                        ..Server::default()
                    };
                    limit = Duration::from_secs(18);
                }
                _ => {}
            }
            excuse = excuse.max(world.now + limit);
            for _ in 0..rng.u64(..60) {
                world.step(&mut rng);
                let is_alive = world.all.values().any(|one| one.stalled_until <= world.now);
                if !is_alive {
                    excuse = world.now + Duration::from_secs(18);
                }
                if world.now > excuse {
                    assert!(
                        world.idle() <= Duration::from_secs(18),
                        "seed {seed}: {:?}",
                        world.idle()
                    );
                }
            }
        }
        world.pass(45, &mut rng);
        world.assert_even();
        assert!(
            world.idle() <= Duration::from_secs(4),
            "seed {seed}: {:?}",
            world.idle()
        );
    }
}

#[test]
fn a_dead_members_parts_are_worked_again_within_thirteen_seconds() {
    let mut rng = Rng::with_seed(1);
    let mut world = World::new(64);
    (0..4).for_each(|n| world.join(&format!("m{n}")));
    world.pass(25, &mut rng);
    world.assert_even();
    world.all.remove("m1");
    let mut worst = Duration::ZERO;
    for _ in 0..150 {
        world.step(&mut rng);
        worst = worst.max(world.idle());
    }
    assert!(worst <= Duration::from_secs(13), "{worst:?}");
}

#[test]
fn a_join_and_a_leave_move_as_few_parts_as_can_be() {
    for (parts, members) in [(64, 1), (64, 3), (64, 4), (60, 5), (7, 3), (256, 9), (5, 9)] {
        let mut rng = Rng::with_seed(u64::from(parts) + members);
        let mut world = World::new(parts);
        for n in 0..members {
            world.join(&format!("m{n}"));
            world.pass(25, &mut rng);
            world.assert_even();
        }
        let before = world.loads();
        world.moves = 0;
        world.join("new");
        world.pass(25, &mut rng);
        world.assert_even();
        let gained = world.all["new"].member.open().len();
        assert_eq!(
            world.moves, gained,
            "{parts} parts, {members} members before"
        );
        // As even as it was, and each gave only what it had too much.
        let least = parts as usize / (members as usize + 1);
        assert_eq!(gained, least, "{before:?}");

        world.moves = 0;
        world.all.remove("new");
        world.pass(30, &mut rng);
        world.assert_even();
        assert_eq!(
            world.moves, gained,
            "{parts} parts, {members} members again"
        );
    }
}

#[test]
fn a_changed_number_of_parts_counts_when_all_are_released() {
    let mut rng = Rng::with_seed(3);
    let mut world = World::new(64);
    (0..3).for_each(|n| world.join(&format!("m{n}")));
    world.pass(25, &mut rng);
    world
        .all
        .values_mut()
        .take(2)
        .for_each(|one| one.member.want(16));
    world.pass(10, &mut rng);
    assert_eq!(world.server.count, 64, "one of them has not heard of it");
    world.all.values_mut().for_each(|one| one.member.want(16));
    world.parts = 16;
    world.pass(20, &mut rng);
    assert_eq!(world.server.count, 16);
    world.assert_even();
}

#[test]
fn who_is_drained_gives_all_back_and_takes_it_again_afterwards() {
    let mut rng = Rng::with_seed(4);
    let mut world = World::new(10);
    (0..2).for_each(|n| world.join(&format!("m{n}")));
    world.pass(25, &mut rng);
    world.server.drained.insert("inst:m0".to_owned());
    world.pass(10, &mut rng);
    assert_eq!(world.loads(), [0, 10]);
    assert!(world.all["m0"].member.is_draining());
    world.server.drained.insert("svc:s".to_owned());
    world.pass(10, &mut rng);
    assert_eq!(world.loads(), [0, 0], "nobody claims");
    world.server.drained.clear();
    world.pass(20, &mut rng);
    world.assert_even();
}
