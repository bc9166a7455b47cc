//! What becomes of a queue that nobody takes from.

use std::collections::HashMap;

use super::{Place, Waiting};
use crate::contract::mesh::{Event, EventKind};
use crate::mesh::registry::Transition;

fn transition(name: &str, previous: &str, id: u64) -> Transition {
    Transition {
        name: name.into(),
        previous: previous.into(),
        id: id.to_string().into(),
        event: Event {
            epoch: 0,
            seq: 0,
            kind: EventKind::Up,
            ts: 0,
            bus: None,
            instance: None,
        },
    }
}

fn ids(all: &[Transition]) -> Vec<(&str, &str)> {
    all.iter().map(|t| (&*t.previous, &*t.id)).collect()
}

#[test]
fn beyond_the_limit_the_last_of_an_instance_follows_what_the_one_before_it_followed() {
    let mut waiting = Waiting::new(2);
    let a = waiting.push(transition("a", "", 1), 0);
    waiting.push(transition("b", "", 2), 0);
    let a = waiting.push(transition("a", "1", 3), a);
    waiting.push(transition("c", "", 4), 0);
    waiting.push(transition("a", "3", 5), a);
    assert_eq!(ids(&waiting.give(9)), [("", "5"), ("", "2"), ("", "4")]);
}

#[test]
fn what_was_given_out_stands_until_it_is_answered() {
    let mut waiting = Waiting::new(1);
    let a = waiting.push(transition("a", "", 1), 0);
    assert_eq!(ids(&waiting.give(1)), [("", "1")]);
    let a = waiting.push(transition("a", "1", 2), a);
    waiting.push(transition("a", "2", 3), a);
    assert_eq!(
        ids(&waiting.give(1)),
        [("", "1")],
        "it is said again as it was"
    );
    assert_eq!(waiting.pop().map(|t| t.id), Some("1".into()));
    assert_eq!(ids(&waiting.give(9)), [("1", "3")]);
}

/// The same by plain means: a list, looked through from its beginning.
#[derive(Default)]
struct Plain {
    list: Vec<Transition>,
    given: usize,
}

impl Plain {
    fn push(&mut self, mut transition: Transition, max: usize) {
        let last = self.list.iter().rposition(|t| t.name == transition.name);
        match last.filter(|nth| self.list.len() >= max && *nth >= self.given) {
            Some(nth) => {
                transition.previous = self.list[nth].previous.clone();
                self.list[nth] = transition;
            }
            None => self.list.push(transition),
        }
    }

    fn give(&mut self, limit: usize) -> Vec<Transition> {
        let given: Vec<Transition> = self.list.iter().take(limit).cloned().collect();
        self.given = self.given.max(given.len());
        given
    }

    fn pop(&mut self) -> Option<Transition> {
        self.given = self.given.saturating_sub(1);
        (!self.list.is_empty()).then(|| self.list.remove(0))
    }

    fn take_back(&mut self, name: &str) {
        let fixed = self.list[..self.given].iter().filter(|t| *t.name == *name);
        self.given -= fixed.count();
        self.list.retain(|t| *t.name != *name);
    }
}

#[test]
fn it_does_what_a_plain_list_does() {
    for seed in 0..400 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let max = rng.usize(1..8);
        let (mut waiting, mut plain) = (Waiting::new(max), Plain::default());
        let mut last: HashMap<String, (Place, u64)> = HashMap::new();
        for number in 1..200 {
            let name = rng.alphanumeric().to_ascii_lowercase().min('e').to_string();
            match rng.u8(..10) {
                0..=5 => {
                    let (place, before) = last.get(&name).copied().unwrap_or_default();
                    let next = transition(&name, &before.to_string(), number);
                    plain.push(next.clone(), max);
                    last.insert(name, (waiting.push(next, place), number));
                }
                6 => {
                    let limit = rng.usize(..4);
                    assert_eq!(waiting.give(limit), plain.give(limit), "SEED={seed}");
                }
                7 => assert_eq!(waiting.pop(), plain.pop(), "SEED={seed}"),
                8 => {
                    waiting.take_back(&name);
                    plain.take_back(&name);
                }
                _ if rng.u8(..8) == 0 => {
                    waiting.clear();
                    plain = Plain::default();
                }
                _ => {}
            }
            assert_eq!(waiting.len(), plain.list.len(), "SEED={seed}");
        }
        assert_eq!(waiting.give(usize::MAX), plain.list, "SEED={seed}");
    }
}
