//! Two meshes on a virtual clock, through stalls, losses and restarts in random order: in the end the registry is right,
//! and the numbers of its events have neither holes nor doubles. `SIM_SEEDS` says how many seeds, `SEED` one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fastrand::Rng;

use super::{Order, Registry, Transition, Wanted};
use crate::clock::{Mono, Now};
use crate::contract::mesh::{EventKind, Instance, State};
use crate::mesh::hearing::lab::{Lab, WALL, kept};

const STEP: Duration = Duration::from_millis(100);
const LEASE: Duration = Duration::from_secs(2);
const BATCH: usize = 64;
/// Steps with troubles, and without any after them.
const STEPS: usize = 600;
const QUIET: usize = 400;
const NAMES: usize = 12;

/// What Redis holds.
#[derive(Default)]
struct Store {
    lease: Option<(u32, Mono)>,
    /// `None`: there is no head.
    head: Option<(u64, u64)>,
    epochs: u64,
    /// Who told last, and the number of that.
    said: (String, u64),
    instances: BTreeMap<String, Instance>,
    events: Vec<(u64, u64, String)>,
}

/// What became of what was said.
enum Said {
    Fenced,
    Lost,
    Told(Vec<Result<(), Option<Instance>>>),
}

impl Store {
    fn say(&mut self, who: u32, epoch: u64, transitions: &[Transition], now: Mono) -> Said {
        if self
            .lease
            .is_none_or(|(holder, until)| holder != who || until <= now)
        {
            return Said::Fenced;
        }
        let Some((current, mut seq)) = self.head.filter(|head| head.0 == epoch) else {
            return Said::Lost;
        };
        let mut told = Vec::new();
        for t in transitions {
            let stored = self.instances.get(&*t.name).filter(|_| !t.name.is_empty());
            let (inst, number) = t.id.rsplit_once('-').expect("a number");
            let number: u64 = number.parse().expect("a number");
            let was_said = self.said.0 == inst && number <= self.said.1;
            if was_said || stored.is_some_and(|s| s.id == *t.id) {
                told.push(Ok(()));
                continue;
            }
            if let Some(stored) = stored.filter(|s| !s.id.is_empty() && s.id != *t.previous) {
                told.push(Err(Some(stored.clone())));
                continue;
            }
            if t.event.kind == EventKind::Forgotten && stored.is_none() {
                told.push(Ok(()));
                continue;
            }
            seq += 1;
            self.said = (inst.to_owned(), number);
            self.events.push((current, seq, t.id.to_string()));
            if let Some(instance) = &t.event.instance {
                match t.event.kind {
                    EventKind::Forgotten => drop(self.instances.remove(&*t.name)),
                    _ => drop(self.instances.insert(t.name.to_string(), instance.clone())),
                }
            }
            told.push(Ok(()));
        }
        self.head = Some((current, seq));
        Said::Told(told)
    }

    fn reset(&mut self, records: Vec<Instance>) -> u64 {
        self.epochs += 1;
        self.instances = records.into_iter().map(|r| (r.field(), r)).collect();
        self.events
            .push((self.epochs, 1, format!("reset-{}", self.epochs)));
        self.head = Some((self.epochs, 1));
        self.said = Default::default();
        self.epochs
    }
}

/// One mesh.
struct Mesh {
    id: u32,
    lab: Lab,
    registry: Registry,
    speaks: bool,
    epoch: u64,
    /// It does nothing until then.
    stalled_until: Mono,
    backlog: Vec<(usize, u64, bool)>,
}

impl Mesh {
    fn new(id: u32, now: Mono) -> Mesh {
        let mut lab = Lab::new(vec![kept("a", 3000, 1000)]);
        lab.jump(now);
        let mut registry = Registry::new(&format!("m{id}"));
        let wanted = Wanted {
            min: 0,
            timeout: Duration::from_secs(3),
        };
        registry.follow([("a".into(), wanted)], Duration::from_secs(86_400), at(now));
        Mesh {
            id,
            lab,
            registry,
            speaks: false,
            epoch: 0,
            stalled_until: now,
            backlog: Vec::new(),
        }
    }

    fn turn(&mut self, store: &mut Store, now: Mono, rng: &mut Rng, is_calm: bool) {
        let before = self.lab.now;
        if now > before + STEP * 2 {
            // What it missed is read first.
            self.lab.jump(now);
        }
        for (nth, i, stops) in std::mem::take(&mut self.backlog) {
            match stops {
                true => self.lab.say("a", &format!("i{nth}"), "stopping"),
                false => self.lab.beat("a", &format!("i{nth}"), i),
            }
        }
        while self.lab.now < now {
            self.lab.pass(STEP, |_| {});
        }
        let doubts = std::mem::take(&mut self.lab.doubts);
        for news in std::mem::take(&mut self.lab.news) {
            self.registry.hear(news);
        }
        if doubts > 0 {
            self.registry.doubt("bus", at(now));
        }
        if !self.lab.hearing.is_doubting() {
            self.registry.settle("bus");
        }
        self.speak(store, now, rng, is_calm);
        for order in self.registry.take_orders() {
            let moment = self.lab.moment();
            match order {
                Order::Forget { svc, inst } => self.lab.hearing.forget(&svc, &inst),
                Order::Expect { svc, inst, state } if state.is_live() => {
                    self.lab.hearing.expect(&svc, &inst, moment);
                }
                Order::Expect { svc, inst, state } => {
                    let has_left = state == State::Left;
                    self.lab.hearing.expect_gone(&svc, &inst, has_left, moment);
                }
            }
        }
    }

    fn speak(&mut self, store: &mut Store, now: Mono, rng: &mut Rng, is_calm: bool) {
        match store.lease {
            Some((holder, until)) if holder != self.id && until > now => {
                if std::mem::take(&mut self.speaks) {
                    self.registry.fall_silent();
                }
                return;
            }
            Some((holder, until)) if holder == self.id && until > now && self.speaks => {}
            _ => {
                let stored = store.instances.values().cloned().collect();
                self.registry.take_over(stored, at(now));
                self.speaks = true;
                store.lease = Some((self.id, now + LEASE));
                match store.head {
                    Some((epoch, _)) => self.epoch = epoch,
                    None => self.reset(store),
                }
            }
        }
        store.lease = Some((self.id, now + LEASE));
        while self.registry.waiting() > 0 {
            let batch = self.registry.next(BATCH);
            let said = store.say(self.id, self.epoch, &batch, now);
            if !is_calm && rng.u8(..8) == 0 {
                // The answer is lost: the same is said again.
                return;
            }
            match said {
                Said::Fenced => return self.registry.fall_silent(),
                Said::Lost => self.reset(store),
                Said::Told(outcomes) => {
                    for outcome in outcomes {
                        match outcome {
                            Ok(()) => self.registry.told(),
                            Err(stored) => {
                                self.registry.conflicts(stored, at(now));
                                break;
                            }
                        }
                    }
                }
            }
        }
    }

    fn reset(&mut self, store: &mut Store) {
        self.registry.begin_anew();
        self.epoch = store.reset(self.registry.records());
    }
}

fn at(mono: Mono) -> Now {
    Now {
        mono,
        wall_secs: WALL + (mono.0 / 1_000_000) as i64,
    }
}

/// A sender: its number of beats, and when the next is due; `None` when it is dead.
struct Sender {
    i: u64,
    due: Option<Mono>,
    has_left: bool,
}

fn trouble(
    rng: &mut Rng,
    senders: &mut [Sender],
    meshes: &mut [Mesh],
    store: &mut Store,
    now: Mono,
) {
    let nth = rng.usize(..senders.len());
    let mesh = rng.usize(..meshes.len());
    match rng.u8(..40) {
        0..=3 => senders[nth].due = None,
        4..=7 if !senders[nth].has_left => senders[nth].due = Some(now),
        8 if senders[nth].due.is_some() => senders[nth].has_left = true,
        9 => meshes[mesh].stalled_until = now + Duration::from_millis(rng.u64(500..6000)),
        10 => {
            let id = meshes.iter().map(|m| m.id).max().unwrap_or(0) + 1;
            meshes[mesh] = Mesh::new(id, now);
        }
        11 if rng.u8(..4) == 0 => {
            *store = Store {
                epochs: store.epochs,
                events: std::mem::take(&mut store.events),
                ..Store::default()
            }
        }
        12 if rng.u8(..4) == 0 => senders.iter_mut().for_each(|s| s.due = None),
        _ => {}
    }
}

fn play(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let mut now = Mono(1_000_000);
    let mut store = Store::default();
    let mut meshes = vec![Mesh::new(1, now), Mesh::new(2, now)];
    let mut senders: Vec<Sender> = (0..NAMES)
        .map(|_| Sender {
            i: 0,
            due: None,
            has_left: false,
        })
        .collect();
    for step in 0..STEPS + QUIET {
        now = now + STEP;
        let is_calm = step >= STEPS;
        if !is_calm {
            trouble(&mut rng, &mut senders, &mut meshes, &mut store, now);
        }
        for (nth, sender) in senders.iter_mut().enumerate() {
            if sender.due.is_none_or(|due| due > now) {
                continue;
            }
            sender.i += 1;
            sender.due = (!sender.has_left).then_some(now + Duration::from_secs(1));
            for mesh in &mut meshes {
                mesh.backlog.push((nth, sender.i, sender.has_left));
            }
        }
        for mesh in &mut meshes {
            if mesh.stalled_until <= now {
                mesh.turn(&mut store, now, &mut rng, is_calm);
            }
        }
    }
    check(seed, &store, &senders);
}

fn check(seed: u64, store: &Store, senders: &[Sender]) {
    let mut before: BTreeMap<u64, u64> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for (epoch, seq, id) in &store.events {
        let last = before.insert(*epoch, *seq).unwrap_or(0);
        assert_eq!(*seq, last + 1, "SEED={seed}: epoch {epoch}");
        assert!(ids.insert(id), "SEED={seed}: {id} is told twice");
    }
    for (nth, sender) in senders.iter().enumerate() {
        let stored = store.instances.get(&format!("a/i{nth}")).map(|i| i.state);
        let is_right = match (sender.due, stored) {
            (Some(_), stored) => stored == Some(State::Up),
            // Of one that came and went while nobody listened nobody knows.
            (None, stored) => matches!(stored, None | Some(State::Failed | State::Left)),
        };
        assert!(
            is_right,
            "SEED={seed}: i{nth} beats: {}, {stored:?}",
            sender.due.is_some()
        );
    }
}

#[test]
fn two_meshes_through_stalls_losses_and_restarts_leave_the_registry_right() {
    let number = |name: &str| std::env::var(name).ok().and_then(|s| s.parse().ok());
    if let Some(seed) = number("SEED") {
        return play(seed);
    }
    for seed in 0..number("SIM_SEEDS").unwrap_or(300) / 3 {
        play(seed);
    }
}
