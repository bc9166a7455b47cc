//! Answers that many ask for at once: after each change all who follow live do. Pure.

use std::collections::HashMap;

use crate::console::answer::Tagged;

/// Answers that are kept, and bytes of all of them; what is more is made for whoever asks.
const KEPT_MAX: usize = 64;
const BYTES_MAX: usize = 4 << 20;

/// Answers of one revision and one second, by what was asked.
#[derive(Debug, Default)]
pub(super) struct Kept {
    of: (u64, i64),
    answers: HashMap<String, Tagged>,
    bytes: usize,
}

impl Kept {
    /// The answer to `asked` as of this revision and second, if one was made.
    pub(super) fn get(&self, asked: &str, of: (u64, i64)) -> Option<Tagged> {
        let answer = self.answers.get(asked)?;
        (self.of == of).then(|| answer.clone())
    }

    /// Keeps an answer; those of before are let go.
    pub(super) fn put(&mut self, asked: String, of: (u64, i64), answer: &Tagged) {
        if self.of != of {
            self.answers.clear();
            (self.of, self.bytes) = (of, 0);
        }
        let more = asked.len() + answer.bytes.len();
        if self.answers.len() < KEPT_MAX && self.bytes + more <= BYTES_MAX {
            self.bytes += more;
            self.answers.insert(asked, answer.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_for_its_second_and_within_limits() {
        let mut kept = Kept::default();
        let answer = Tagged::new(vec![0; 1 << 20]);
        kept.put("a".into(), (1, 10), &answer);
        assert!(
            kept.get("a", (1, 10))
                .is_some_and(|found| found.etag == answer.etag)
        );
        for other in [(1, 11), (2, 10)] {
            assert!(kept.get("a", other).is_none());
        }
        for n in 0..100 {
            kept.put(format!("b{n}"), (1, 10), &answer);
        }
        assert!(kept.answers.len() == 3 && kept.bytes <= BYTES_MAX);
        kept.put("c".into(), (2, 10), &answer);
        assert_eq!(kept.answers.len(), 1);
        for n in 0..100 {
            kept.put(format!("d{n}"), (2, 10), &Tagged::new(Vec::new()));
        }
        assert_eq!(kept.answers.len(), KEPT_MAX);
    }
}
