//! Words by their hash: made once from a list, then asked for each token.

use super::text::word_hash;

/// What is known of each of some words. A look-up is a probe or two of memory that stays in the cache.
#[derive(Debug)]
pub struct Lookup<V> {
    /// Open addressing; a power of two, at most half full. The hash 0 is of no word.
    slots: Vec<(u64, V)>,
}

impl<V: Copy + Default> Lookup<V> {
    /// Of `words`, each in lower case. What is said of a word twice is put together by `merge`.
    pub fn new<'a>(
        words: impl Iterator<Item = (&'a str, V)>,
        merge: impl Fn(V, V) -> V,
    ) -> Lookup<V> {
        let words: Vec<_> = words
            .map(|(word, value)| (word_hash(word), value))
            .collect();
        Lookup::of(words, merge)
    }

    /// Of hashes, none of them 0; what is said first of one counts.
    pub fn of_hashes(hashes: Vec<(u64, V)>) -> Lookup<V> {
        Lookup::of(hashes, |first, _| first)
    }

    fn of(hashes: Vec<(u64, V)>, merge: impl Fn(V, V) -> V) -> Lookup<V> {
        let size = (hashes.len() * 2 + 2).next_power_of_two();
        let mut lookup = Lookup {
            slots: vec![(0, V::default()); size],
        };
        for (hash, value) in hashes {
            let at = lookup.slot(hash);
            lookup.slots[at] = match lookup.slots[at] {
                (0, _) => (hash, value),
                (_, known) => (hash, merge(known, value)),
            };
        }
        lookup
    }

    /// What is known of the word with this hash.
    pub fn get(&self, hash: u64) -> Option<V> {
        match self.slots[self.slot(hash)] {
            (0, _) => None,
            (_, value) => Some(value),
        }
    }

    /// Where the word is, or would be.
    fn slot(&self, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at].0 != hash && self.slots[at].0 != 0 {
            at = (at + 1) & mask;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_found_and_no_other() {
        let words: Vec<String> = (0..500).map(|n| format!("word{n}")).collect();
        let lookup = Lookup::new(
            words.iter().zip(0..).map(|(w, n)| (w.as_str(), n)),
            |a, _| a,
        );
        for (word, n) in words.iter().zip(0..) {
            assert_eq!(lookup.get(word_hash(word)), Some(n));
        }
        assert_eq!(lookup.get(word_hash("another")), None);
        assert_eq!(lookup.get(0), None);
    }

    #[test]
    fn what_is_said_of_a_word_twice_is_put_together() {
        let lookup = Lookup::new([("in", 1), ("of", 2), ("in", 4)].into_iter(), |a, b| a | b);
        assert_eq!(lookup.get(word_hash("in")), Some(5));
        assert_eq!(lookup.get(word_hash("of")), Some(2));
    }
}
