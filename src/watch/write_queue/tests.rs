use std::collections::BTreeMap;

use super::*;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    service: String,
    id: String,
    previous: String,
}

impl Queued for Word {
    fn service(&self) -> &str {
        &self.service
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn previous(&self) -> &str {
        &self.previous
    }

    fn set_previous(&mut self, id: String) {
        self.previous = id;
    }
}

fn word(service: &str, id: &str, previous: &str) -> Word {
    Word {
        service: service.into(),
        id: id.into(),
        previous: previous.into(),
    }
}

/// A store as the script makes it: by service, the last id; and all that it took.
#[derive(Default)]
struct Store {
    last: BTreeMap<String, String>,
    log: Vec<Word>,
}

impl Store {
    fn tell(&mut self, word: &Word) -> Outcome<()> {
        let last = self.last.entry(word.service.clone()).or_default();
        if *last == word.id {
            return Outcome::Written;
        }
        if !last.is_empty() && *last != word.previous {
            return Outcome::Conflict { id: last.clone() };
        }
        last.clone_from(&word.id);
        self.log.push(word.clone());
        Outcome::Written
    }
}

/// Random words about a few services, offers of random size, answers that are lost, refusals in the middle, and trims: in
/// the end the store has of each service the last word, each word once at most and in order, and all of them unless some
/// were trimmed.
#[test]
fn whatever_is_lost_and_refused_each_word_is_written_once_and_in_order() {
    for seed in 0..2000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut queue, mut store) = (WriteQueue::default(), Store::default());
        let mut model: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let (mut number, mut trimmed, steps) = (0, false, random.usize(5..60));
        for step in 0.. {
            let is_over = step >= steps;
            if is_over && queue.is_empty() {
                break;
            }
            if !is_over && random.bool() {
                number += 1;
                let service = format!("s{}", random.u8(..4));
                let told = model.entry(service.clone()).or_default();
                let previous = told.last().cloned().unwrap_or_default();
                let id = format!("me-{number}");
                queue.push(word(&service, &id, &previous));
                told.push(id);
                continue;
            }
            if !is_over && random.u8(..) < 10 {
                trimmed |= queue.trim(random.usize(..8), 4).is_some();
                assert!(queue.len() <= 8);
                continue;
            }
            let offered: Vec<Word> = queue.offer(random.usize(1..6)).to_vec();
            let refused_at = if !is_over && random.u8(..) < 40 {
                random.usize(..6)
            } else {
                usize::MAX
            };
            let outcomes: Vec<Outcome<()>> = offered
                .iter()
                .enumerate()
                .map(|(nth, word)| match nth >= refused_at {
                    true => Outcome::Refused(()),
                    false => store.tell(word),
                })
                .collect();
            if !is_over && random.u8(..) < 60 {
                // The answer is lost.
                continue;
            }
            let refused = outcomes.contains(&Outcome::Refused(()));
            let answered = queue.answered(outcomes);
            assert!(trimmed || answered.conflicting.is_empty(), "seed {seed}");
            for lost in answered.conflicting {
                // What was between was trimmed, and the store had it. Its record is read, and what differs told anew.
                number += 1;
                let (service, id) = (lost.service, format!("me-{number}"));
                queue.push(word(&service, &id, &store.last[&service]));
                model.entry(service).or_default().push(id);
            }
            assert_eq!(answered.stopped.is_some(), refused, "seed {seed}");
        }
        for (service, told) in &model {
            let log = store.log.iter().filter(|word| word.service == *service);
            let log: Vec<&String> = log.map(|word| &word.id).collect();
            assert_eq!(log.last().copied(), told.last(), "seed {seed}");
            let mut of_told = told.iter();
            let in_order = log.iter().all(|id| of_told.any(|one| one == *id));
            assert!(in_order, "seed {seed}: {log:?} of {told:?}");
            assert!(trimmed || log.len() == told.len(), "seed {seed}");
        }
    }
}

#[test]
fn what_another_said_is_a_conflict_and_a_fence_keeps_what_waits() {
    let mut queue = WriteQueue::default();
    for (id, previous) in [("me-1", ""), ("me-2", "me-1"), ("me-3", "me-2")] {
        queue.push(word("a", id, previous));
    }
    let other = Outcome::Conflict {
        id: "other-1".into(),
    };
    let answered = queue.answered([other, Outcome::<()>::Fenced]);
    assert_eq!(answered.conflicting, [word("a", "me-1", "")]);
    assert_eq!(answered.stopped, Some(Stop::Fenced));
    // The store has gone on to one that still waits: the answers to both were lost.
    let later = Outcome::<()>::Conflict { id: "me-3".into() };
    let answered = queue.answered([later]);
    assert_eq!(answered.written, [word("a", "me-2", "me-1")]);
    assert_eq!(queue.offer(9), [word("a", "me-3", "me-2")]);
}

#[test]
fn of_too_many_the_youngest_services_keep_their_latest_word() {
    let mut queue = WriteQueue::default();
    for (service, id, previous) in [
        ("a", "1", ""),
        ("b", "2", "x"),
        ("c", "3", ""),
        ("b", "4", "2"),
    ] {
        queue.push(word(service, id, previous));
    }
    assert_eq!(queue.trim(4, 2), None);
    assert_eq!(queue.trim(3, 2), Some(1));
    assert_eq!(queue.offer(9), [word("b", "4", "x"), word("c", "3", "")]);
}
