//! Random histories of a group's workers, played against a plain map of what became of each entry.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::{Ask, Delivery, Entry, EntryId, Grave, Intake, Policy, Reply};
use crate::clock::Mono;

const POLICY: Policy = Policy {
    batch: 3,
    max_bytes: 10,
    max_deliveries: 3,
    claim_idle: Duration::from_secs(60),
    claim_every: Duration::from_secs(20),
};
const WORKERS: usize = 3;
/// A worker that gets an entry with this value dies of it.
const POISON: &[u8] = b"poison";
const TOO_LONG: &[u8] = b"more than ten";

#[derive(Clone, Debug)]
struct Pending {
    worker: usize,
    touched: Mono,
    deliveries: u64,
}

/// The stream and its group, as Redis keeps them.
#[derive(Default)]
struct Server {
    entries: BTreeMap<EntryId, Vec<u8>>,
    /// What was handed out last, and what is pending.
    group: Option<(EntryId, BTreeMap<EntryId, Pending>)>,
    last: u64,
    /// What became of entries: how often acknowledged, how often buried.
    acknowledged: BTreeMap<EntryId, u32>,
    dead: BTreeMap<EntryId, u32>,
}

impl Server {
    /// `None`: there is no group.
    fn serve(&mut self, worker: usize, ask: &Ask, now: Mono) -> Option<Reply> {
        if *ask == Ask::Make {
            self.group.get_or_insert_default();
            return Some(Reply::Done);
        }
        let (last, pending) = self.group.as_mut()?;
        Some(match ask {
            Ask::Make => Reply::Done,
            Ask::Pending { after } => {
                let mut mine = pending
                    .iter()
                    .filter(|(id, p)| **id > *after && p.worker == worker);
                Reply::Pending(mine.next().map(|(id, p)| (*id, p.deliveries)))
            }
            Ask::Own { id } => {
                let mine = pending
                    .iter_mut()
                    .find(|(other, p)| **other >= *id && p.worker == worker);
                let read = mine.map(|(id, p)| {
                    p.deliveries += 1;
                    p.touched = now;
                    entry(*id, self.entries.get(id))
                });
                Reply::Entries(read.into_iter().collect())
            }
            Ask::Claim { cursor } => {
                let idle = |p: &Pending| now.since(p.touched) >= POLICY.claim_idle;
                let entries = &self.entries;
                // What was trimmed away is forgotten on the way.
                pending.retain(|id, p| *id < *cursor || !idle(p) || entries.contains_key(id));
                let found = pending
                    .iter_mut()
                    .find(|(id, p)| **id >= *cursor && idle(p));
                let claimed = found.map(|(id, p)| {
                    (p.worker, p.touched) = (worker, now);
                    *id
                });
                let next = claimed.and_then(|id| pending.range(id.next()..).next());
                Reply::Claimed(next.map_or(EntryId::ZERO, |(id, _)| *id), claimed)
            }
            Ask::Unread { count } => {
                let new: Vec<EntryId> = self
                    .entries
                    .range(last.next()..)
                    .take(*count)
                    .map(|(id, _)| *id)
                    .collect();
                for id in &new {
                    let first = Pending {
                        worker,
                        touched: now,
                        deliveries: 1,
                    };
                    pending.insert(*id, first);
                    *last = *id;
                }
                Reply::Entries(
                    new.iter()
                        .map(|id| entry(*id, self.entries.get(id)))
                        .collect(),
                )
            }
            Ask::Bury(Grave { id, .. }) => {
                if pending.get(id).is_some_and(|p| p.worker == worker) {
                    pending.remove(id);
                    if self.entries.contains_key(id) {
                        *self.dead.entry(*id).or_default() += 1;
                    }
                }
                Reply::Done
            }
        })
    }

    fn acknowledge(&mut self, id: EntryId) {
        let pending = self
            .group
            .as_mut()
            .and_then(|(_, pending)| pending.remove(&id));
        if pending.is_some() {
            *self.acknowledged.entry(id).or_default() += 1;
        }
    }
}

fn entry(id: EntryId, value: Option<&Vec<u8>>) -> Entry {
    Entry {
        id,
        fields: value.map(|value| vec![(Vec::new(), value.clone())]),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    Nothing,
    Question,
    Answer,
}

#[derive(Clone, Debug)]
enum Op {
    Add(u8),
    /// A worker asks one question.
    Step(usize, Lost),
    /// A worker does what it has had longest, and acknowledges it.
    Finish(usize, Lost),
    Kill(usize),
    /// A worker says that it is still at it.
    Renew(usize),
    GiveBack(usize),
    Pass(u64),
    /// Only so many entries are kept.
    Trim(usize),
    /// Somebody removes the group.
    Destroy,
}

fn op() -> impl Strategy<Value = Op> {
    let who = 0..WORKERS;
    let lost =
        prop_oneof![6 => Just(Lost::Nothing), 1 => Just(Lost::Question), 1 => Just(Lost::Answer)];
    prop_oneof![
        8 => any::<u8>().prop_map(Op::Add),
        20 => (who.clone(), lost.clone()).prop_map(|(c, lost)| Op::Step(c, lost)),
        8 => (who.clone(), lost).prop_map(|(c, lost)| Op::Finish(c, lost)),
        2 => who.clone().prop_map(Op::Kill),
        2 => who.clone().prop_map(Op::Renew),
        1 => who.prop_map(Op::GiveBack),
        3 => (1u64..70).prop_map(Op::Pass),
        1 => (0usize..10).prop_map(Op::Trim),
        1 => Just(Op::Destroy),
    ]
}

struct Worker {
    intake: Intake,
    hand: Vec<Delivery>,
}

impl Worker {
    fn new() -> Worker {
        Worker {
            intake: Intake::new(POLICY),
            hand: Vec::new(),
        }
    }
}

struct World {
    server: Server,
    workers: Vec<Worker>,
    now: Mono,
    added: BTreeMap<EntryId, Vec<u8>>,
    /// The group was removed, and made anew from the beginning: what was done before is handed out again.
    is_repeated: bool,
    trimmed: bool,
}

impl World {
    fn play(&mut self, op: &Op) -> Result<(), TestCaseError> {
        match *op {
            Op::Add(kind) => {
                self.server.last += 1;
                let id = EntryId {
                    ms: self.server.last,
                    seq: 0,
                };
                let value = match kind {
                    0..10 => POISON.to_vec(),
                    10..20 => TOO_LONG.to_vec(),
                    _ => b"work".to_vec(),
                };
                self.server.entries.insert(id, value.clone());
                self.added.insert(id, value);
            }
            Op::Step(c, lost) => self.step(c, lost)?,
            Op::Finish(c, lost) => self.finish(c, lost),
            Op::Kill(c) => self.workers[c] = Worker::new(),
            Op::Renew(c) => self.touch(c, self.now),
            Op::GiveBack(c) => {
                self.touch(c, Mono(0));
                let worker = &mut self.workers[c];
                let ids: Vec<EntryId> = worker.hand.drain(..).map(|d| d.entry.id).collect();
                worker.intake.settle(&ids);
            }
            Op::Pass(secs) => self.now = self.now + Duration::from_secs(secs),
            Op::Trim(kept) => {
                while self.server.entries.len() > kept {
                    self.server.entries.pop_first();
                    self.trimmed = true;
                }
            }
            Op::Destroy => {
                self.server.group = None;
                self.is_repeated = true;
            }
        }
        Ok(())
    }

    fn step(&mut self, c: usize, lost: Lost) -> Result<(), TestCaseError> {
        let Some(ask) = self.workers[c].intake.ask() else {
            prop_assert_eq!(
                self.workers[c].hand.len(),
                POLICY.batch,
                "it has room, and asks nothing"
            );
            return Ok(());
        };
        if let Ask::Bury(grave) = &ask {
            let known = self
                .server
                .group
                .as_ref()
                .and_then(|(_, p)| p.get(&grave.id));
            let value = self.server.entries.get(&grave.id).map(Vec::as_slice);
            let is_due = value.is_none_or(|value| value == TOO_LONG)
                || known.is_none_or(|p| p.worker != c || p.deliveries >= POLICY.max_deliveries);
            prop_assert!(is_due, "{grave:?} too early: {known:?}");
        }
        if lost == Lost::Question {
            self.workers[c].intake.failed();
            return Ok(());
        }
        let before = self.server.group.clone();
        let reply = self.server.serve(c, &ask, self.now);
        let intake = &mut self.workers[c].intake;
        match reply {
            _ if lost == Lost::Answer => intake.failed(),
            None => intake.no_group(),
            Some(reply) => {
                let delivered = intake.answered(reply, self.now);
                prop_assert!(
                    delivered.len() <= 1 || matches!(ask, Ask::Unread { .. }),
                    "what came before comes alone"
                );
                for delivery in delivered {
                    self.assert_may_have(c, &delivery, before.as_ref())?;
                    self.workers[c].hand.push(delivery);
                }
            }
        }
        Ok(())
    }

    fn assert_may_have(
        &self,
        c: usize,
        delivery: &Delivery,
        before: Option<&(EntryId, BTreeMap<EntryId, Pending>)>,
    ) -> Result<(), TestCaseError> {
        let id = delivery.entry.id;
        let in_hand = self.workers[c]
            .hand
            .iter()
            .any(|other| other.entry.id == id);
        prop_assert!(!in_hand, "{id} twice in one hand");
        prop_assert!(delivery.deliveries <= POLICY.max_deliveries, "{delivery:?}");
        let pending = before.and_then(|(_, pending)| pending.get(&id));
        prop_assert!(
            pending.is_none_or(|p| p.worker == c),
            "{id} is another's: {pending:?}"
        );
        prop_assert_eq!(
            delivery.entry.fields.as_ref().map(|f| &f[0].1),
            self.added.get(&id)
        );
        Ok(())
    }

    fn finish(&mut self, c: usize, lost: Lost) {
        let worker = &mut self.workers[c];
        let Some(delivery) = worker.hand.first() else {
            return;
        };
        if delivery.entry.field("") == Some(POISON) {
            self.workers[c] = Worker::new();
            return;
        }
        let id = delivery.entry.id;
        if lost != Lost::Question {
            self.server.acknowledge(id);
        }
        if lost == Lost::Nothing {
            worker.hand.remove(0);
            worker.intake.settle(&[id]);
        }
    }

    fn touch(&mut self, c: usize, at: Mono) {
        let Some((_, pending)) = &mut self.server.group else {
            return;
        };
        for delivery in &self.workers[c].hand {
            if let Some(p) = pending
                .get_mut(&delivery.entry.id)
                .filter(|p| p.worker == c)
            {
                p.touched = at;
            }
        }
    }

    fn assert_books(&self) -> Result<(), TestCaseError> {
        for (id, times) in &self.server.acknowledged {
            prop_assert!(
                *times == 1 || self.is_repeated,
                "{id} acknowledged {times} times"
            );
        }
        for (id, times) in &self.server.dead {
            prop_assert!(*times == 1 || self.is_repeated, "{id} buried {times} times");
            let both = self.server.acknowledged.contains_key(id);
            prop_assert!(!both || self.is_repeated, "{id} buried and acknowledged");
        }
        Ok(())
    }

    /// One worker alone does all that is left.
    fn drain(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..3 {
            self.now = self.now + POLICY.claim_idle;
            for _ in 0..40 + 20 * self.added.len() {
                self.step(0, Lost::Nothing)?;
                self.finish(0, Lost::Nothing);
            }
        }
        let left = self
            .server
            .group
            .as_ref()
            .map(|(_, pending)| pending.keys().collect::<Vec<_>>());
        prop_assert_eq!(left, Some(Vec::new()), "pending for ever");
        for (id, value) in &self.added {
            let done = self.server.acknowledged.contains_key(id);
            let dead = self.server.dead.contains_key(id);
            let gone = self.trimmed && !self.server.entries.contains_key(id);
            prop_assert!(done || dead || gone, "{id} is lost");
            if value == POISON || value == TOO_LONG {
                prop_assert!(!done, "{id} cannot be done");
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn every_entry_is_done_once_or_buried_whatever_happens(ops in proptest::collection::vec(op(), 1..150)) {
        let mut world = World {
            server: Server::default(),
            workers: (0..WORKERS).map(|_| Worker::new()).collect(),
            now: Mono(1),
            added: BTreeMap::new(),
            is_repeated: false,
            trimmed: false,
        };
        for op in &ops {
            world.play(op)?;
            world.assert_books()?;
        }
        world.drain()?;
        world.assert_books()?;
    }
}

/// A worker that has found its group, and nothing pending.
fn settled() -> Intake {
    let mut intake = Intake::new(POLICY);
    intake.answered(Reply::Done, Mono(1));
    intake.answered(Reply::Pending(None), Mono(1));
    intake.answered(Reply::Claimed(EntryId::ZERO, None), Mono(1));
    intake
}

#[test]
fn a_start_looks_at_its_own_pending_then_at_what_others_left_then_at_what_is_new() {
    let mut intake = Intake::new(POLICY);
    let id = |ms| EntryId { ms, seq: 0 };
    let some = |ms| entry(id(ms), Some(&b"work".to_vec()));
    let asked = |intake: &Intake| intake.ask().expect("a question");
    assert_eq!(asked(&intake), Ask::Make);
    intake.answered(Reply::Done, Mono(1));
    assert_eq!(
        asked(&intake),
        Ask::Pending {
            after: EntryId::ZERO
        }
    );
    intake.answered(Reply::Pending(Some((id(5), 1))), Mono(1));
    assert_eq!(asked(&intake), Ask::Own { id: id(5) });
    let delivered = intake.answered(Reply::Entries(vec![some(5)]), Mono(1));
    assert_eq!(delivered[0].deliveries, 2);
    assert_eq!(asked(&intake), Ask::Pending { after: id(5) });
    intake.answered(Reply::Pending(None), Mono(1));
    assert_eq!(
        asked(&intake),
        Ask::Claim {
            cursor: EntryId::ZERO
        }
    );
    intake.answered(Reply::Claimed(id(9), Some(id(7))), Mono(1));
    assert_eq!(
        asked(&intake),
        Ask::Pending {
            after: id(7).before()
        }
    );
    intake.answered(Reply::Pending(Some((id(7), 3))), Mono(1));
    assert!(matches!(asked(&intake), Ask::Bury(grave) if grave.id == id(7)));
    intake.answered(Reply::Done, Mono(1));
    assert_eq!(asked(&intake), Ask::Claim { cursor: id(9) });
    intake.answered(Reply::Claimed(EntryId::ZERO, None), Mono(1));
    assert_eq!(asked(&intake), Ask::Unread { count: 2 });
    intake.answered(Reply::Entries(vec![some(20), some(21)]), Mono(1));
    assert_eq!(intake.ask(), None, "its hands are full");
    intake.settle(&[id(5)]);
    assert_eq!(asked(&intake), Ask::Unread { count: 1 });
}

#[test]
fn what_an_answer_that_was_lost_handed_out_is_looked_for_at_once() {
    let mut intake = settled();
    intake.failed();
    assert_eq!(
        intake.ask(),
        Some(Ask::Pending {
            after: EntryId::ZERO
        })
    );
}

#[test]
fn what_others_left_is_looked_for_again_in_time_and_not_all_the_time() {
    let mut intake = settled();
    assert!(matches!(intake.ask(), Some(Ask::Unread { .. })));
    intake.answered(Reply::Entries(Vec::new()), Mono(1) + POLICY.claim_every / 2);
    assert!(matches!(intake.ask(), Some(Ask::Unread { .. })));
    intake.answered(Reply::Entries(Vec::new()), Mono(1) + POLICY.claim_every);
    assert_eq!(
        intake.ask(),
        Some(Ask::Claim {
            cursor: EntryId::ZERO
        })
    );
}
