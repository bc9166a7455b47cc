//! Random histories of several candidates, played against a plain model of the server and of who held what when.

use std::time::Duration;

use proptest::prelude::*;

use super::{Answer, Ask, IfFree, Lease, Standing, Terms};
use crate::clock::Mono;

const TERMS: Terms = Terms {
    ttl: Duration::from_millis(10_000),
    renew: Duration::from_millis(2_000),
};
const CANDIDATES: usize = 3;

/// What the script and the key do, in plain words.
#[derive(Default)]
struct Server {
    value: Option<(String, i64)>,
    wall_ms: i64,
    /// Holdings so far, each the value that began it; the last one may be over.
    holdings: Vec<String>,
}

impl Server {
    fn value(&self) -> Option<&str> {
        let live = self.value.as_ref().filter(|(_, end)| *end > self.wall_ms);
        live.map(|(value, _)| value.as_str())
    }

    fn set(&mut self, value: &str, ttl_ms: u64) {
        self.value = Some((value.to_owned(), self.wall_ms + ttl_ms as i64));
    }

    fn hold(&mut self, ask: &Ask) -> Answer {
        let holder = self.value().map(str::to_owned);
        if holder.as_ref() == Some(&ask.current) {
            self.set(&ask.current, ask.ttl_ms);
            return Answer::Kept;
        }
        let left_ms = self.value.as_ref().map_or(0, |(_, end)| end - self.wall_ms) as u64;
        match holder {
            Some(holder) if !is_earlier(&holder, ask) && left_ms <= ask.ttl_ms => {
                Answer::Others { holder, left_ms }
            }
            _ => {
                self.set(&ask.fresh, ask.ttl_ms);
                self.holdings.push(ask.fresh.clone());
                Answer::Taken
            }
        }
    }
}

/// Whether an earlier question of the same owner took it.
fn is_earlier(holder: &str, ask: &Ask) -> bool {
    let number = |value: &str| value.strip_prefix(&ask.ours)?.parse::<u64>().ok();
    let both = number(holder).zip(number(&ask.fresh));
    both.is_some_and(|(holder, fresh)| holder < fresh)
}

#[derive(Clone, Debug)]
enum Op {
    /// Time passes for everybody.
    Pass(u64),
    /// A candidate asks; the question takes so long, and the answer.
    Ask(usize, u64, u64),
    /// The question is never heard.
    AskLost(usize),
    /// It is heard, and the answer is lost.
    AnswerLost(usize),
    /// The answer is lost, and the question is heard much later, if ever.
    AskStray(usize),
    /// The oldest of those is heard now.
    Stray,
    Refuse(usize),
    Release(usize),
    /// kill -9, and another instance starts.
    Restart(usize),
    /// The server's wall clock steps.
    Step(i64),
    /// The server lost its data.
    Lose,
}

fn op(steps: bool, strays: bool) -> impl Strategy<Value = Op> {
    let who = 0..CANDIDATES;
    let step = if steps { -30_000..30_000i64 } else { 0..1 };
    prop_oneof![
        6 => (0u64..4_000).prop_map(Op::Pass),
        2 => (0u64..20_000).prop_map(Op::Pass),
        10 => (who.clone(), 0u64..100, 0u64..100).prop_map(|(c, there, back)| Op::Ask(c, there, back)),
        2 => (who.clone(), 0u64..9_000, 0u64..9_000).prop_map(|(c, there, back)| Op::Ask(c, there, back)),
        2 => who.clone().prop_map(Op::AskLost),
        2 => who.clone().prop_map(Op::AnswerLost),
        2 => who.clone().prop_map(move |c| if strays { Op::AskStray(c) } else { Op::AskLost(c) }),
        2 => Just(Op::Stray),
        1 => who.clone().prop_map(Op::Refuse),
        1 => who.clone().prop_map(Op::Release),
        1 => who.prop_map(Op::Restart),
        1 => step.prop_map(Op::Step),
        1 => Just(if steps { Op::Lose } else { Op::Stray }),
    ]
}

struct Candidate {
    lease: Lease,
    /// The holding that it knows to be its own, as the number that it has at the server.
    holding: Option<usize>,
}

struct World {
    server: Server,
    candidates: Vec<Candidate>,
    strays: Vec<Ask>,
    now: Mono,
    names: usize,
    has_tokens: bool,
}

impl World {
    fn new(has_tokens: bool) -> World {
        let mut world = World {
            server: Server::default(),
            candidates: Vec::new(),
            strays: Vec::new(),
            now: Mono(1),
            names: 0,
            has_tokens,
        };
        for _ in 0..CANDIDATES {
            let lease = world.lease();
            world.candidates.push(Candidate {
                lease,
                holding: None,
            });
        }
        world
    }

    fn lease(&mut self) -> Lease {
        self.names += 1;
        let owner = format!("i{}", self.names);
        match self.has_tokens {
            true => Lease::with_tokens("k", &owner, TERMS),
            false => Lease::plain("k", &owner, TERMS),
        }
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now + Duration::from_millis(ms);
        self.server.wall_ms += ms as i64;
    }

    fn ask(&mut self, c: usize, there: u64, back: u64) -> Result<(), TestCaseError> {
        let ask = self.candidates[c].lease.ask(self.now);
        self.pass(there);
        let answer = self.server.hold(&ask);
        let there_now = self.server.holdings.len().checked_sub(1);
        self.pass(back);
        let candidate = &mut self.candidates[c];
        match candidate.lease.answered(&answer, self.now) {
            Standing::Kept => {
                prop_assert_eq!(
                    candidate.holding,
                    there_now,
                    "kept, and another held it meanwhile"
                );
            }
            Standing::Taken => candidate.holding = there_now,
            Standing::Others => candidate.holding = None,
        }
        Ok(())
    }

    fn play(&mut self, op: &Op) -> Result<(), TestCaseError> {
        match *op {
            Op::Pass(ms) => self.pass(ms),
            Op::Ask(c, there, back) => self.ask(c, there, back)?,
            Op::AskLost(c) => {
                let lease = &mut self.candidates[c].lease;
                lease.ask(self.now);
                lease.unanswered(self.now);
            }
            Op::AnswerLost(c) => {
                let lease = &mut self.candidates[c].lease;
                self.server.hold(&lease.ask(self.now));
                lease.unanswered(self.now);
            }
            Op::AskStray(c) => {
                let lease = &mut self.candidates[c].lease;
                self.strays.push(lease.ask(self.now));
                lease.unanswered(self.now);
            }
            Op::Stray if !self.strays.is_empty() => {
                self.server.hold(&self.strays.remove(0));
            }
            Op::Stray => {}
            Op::Refuse(c) => {
                let lease = &mut self.candidates[c].lease;
                lease.ask(self.now);
                lease.refused(self.now);
            }
            Op::Release(c) => {
                let lease = &mut self.candidates[c].lease;
                if self.server.value() == Some(lease.token.as_str()) {
                    self.server.value = None;
                }
                lease.released();
                self.candidates[c].holding = None;
            }
            Op::Restart(c) => {
                let lease = self.lease();
                self.candidates[c] = Candidate {
                    lease,
                    holding: None,
                };
            }
            Op::Step(ms) => self.server.wall_ms += ms,
            Op::Lose => self.server.value = None,
        }
        Ok(())
    }

    /// Whoever believes to hold it does, and is alone with that.
    fn assert_one_believes(&self) -> Result<(), TestCaseError> {
        let believe = |c: &&Candidate| c.lease.token(self.now).is_some();
        let all: Vec<_> = self.candidates.iter().filter(believe).collect();
        prop_assert!(all.len() <= 1, "{} believe to hold it", all.len());
        for candidate in all {
            prop_assert_eq!(self.server.value(), candidate.lease.token(self.now));
        }
        Ok(())
    }

    /// A fence of a holding lets pass what is written in it, and nothing once another has begun.
    fn assert_fenced(&self) -> Result<(), TestCaseError> {
        for candidate in &self.candidates {
            let Some(fence) = candidate.lease.fence(self.now) else {
                continue;
            };
            prop_assert_eq!(fence.if_free(), IfFree::Refused);
            if self.server.value() == Some(fence.token()) {
                let last = self.server.holdings.last().map(String::as_str);
                prop_assert_eq!(last, Some(fence.token()));
            }
        }
        Ok(())
    }

    /// Whoever is left alone holds it within the time that it lasts, and two questions.
    fn assert_taken_over(&mut self, c: usize) -> Result<(), TestCaseError> {
        let start = self.now;
        self.candidates[c].lease.ask_now();
        while self.candidates[c].lease.token(self.now).is_none() {
            let wait = self.candidates[c].lease.next_ask().since(self.now);
            self.pass(wait.as_millis() as u64 + 1);
            self.ask(c, 1, 1)?;
            let took = self.now.since(start);
            prop_assert!(took <= TERMS.ttl + Duration::from_millis(20), "{took:?}");
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn a_lease_has_one_holder_at_a_time(ops in proptest::collection::vec(op(false, true), 1..80)) {
        let mut world = World::new(true);
        for op in &ops {
            world.play(op)?;
            world.assert_one_believes()?;
            world.assert_fenced()?;
        }
        world.assert_taken_over(0)?;
    }

    #[test]
    fn a_holding_is_never_taken_for_another_whatever_clocks_and_data_do(
        ops in proptest::collection::vec(op(true, true), 1..80),
    ) {
        let mut world = World::new(true);
        for op in &ops {
            world.play(op)?;
            world.assert_fenced()?;
            let mut all = world.server.holdings.clone();
            all.sort();
            all.dedup();
            prop_assert_eq!(all.len(), world.server.holdings.len(), "a token came twice");
        }
        world.assert_taken_over(0)?;
    }

    #[test]
    fn a_plain_lease_that_may_have_been_free_counts_as_taken_anew(
        ops in proptest::collection::vec(op(false, false), 1..80),
    ) {
        let mut world = World::new(false);
        for op in &ops {
            world.play(op)?;
            world.assert_one_believes()?;
        }
        world.assert_taken_over(0)?;
    }
}

#[test]
fn what_was_given_back_is_taken_anew_though_the_key_is_alive_again() {
    let mut world = World::new(true);
    world.ask(1, 0, 0).expect("it is free");
    // It runs out by the server's clock, is given back, and the clock steps back.
    world.server.wall_ms += 14_000;
    world.play(&Op::Release(1)).expect("given back");
    world.server.wall_ms -= 13_000;
    assert_eq!(world.server.value(), Some("i2#1"), "as before");
    world.ask(1, 0, 0).expect("taken, not kept");
    assert_eq!(world.server.value(), Some("i2#2"));
}

#[test]
fn it_is_asked_for_again_in_time() {
    let mut lease = Lease::with_tokens("k", "a", TERMS);
    let at = |ms: u64| Mono(ms * 1000);
    assert_eq!(lease.next_ask(), at(0), "at once");
    lease.ask(at(5));
    lease.answered(&Answer::Taken, at(10));
    assert_eq!(lease.next_ask(), at(2_010));
    lease.ask(at(2_010));
    lease.unanswered(at(3_000));
    assert_eq!(lease.next_ask(), at(3_500));
    assert_eq!(lease.token(at(9_000)), Some("a#1"), "it still lasts");
    assert_eq!(lease.token(at(9_805)), None, "by now it may be over");
    let others = |left_ms| Answer::Others {
        holder: "b#1".into(),
        left_ms,
    };
    lease.ask(at(10_000));
    lease.answered(&others(700), at(10_000));
    assert_eq!(lease.next_ask(), at(10_701), "when it runs out");
    lease.ask(at(10_701));
    lease.answered(&others(9_000), at(10_701));
    assert_eq!(lease.next_ask(), at(12_701), "it may be given back sooner");
}
