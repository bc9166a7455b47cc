//! Maps whose keys are hashes already, so that nobody hashes them once more.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map by the hash of a word.
pub type ByHash<V> = HashMap<u64, V, BuildHasherDefault<Same>>;

/// Takes a key of 64 bits as its own hash.
#[derive(Clone, Copy, Debug, Default)]
pub struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// Says of most hashes at once that a map does not have them: a bit for each key. One that is set may be another key's.
#[derive(Clone, Debug)]
pub struct Filter {
    bits: Vec<u64>,
}

impl Filter {
    /// Of these keys: eight to sixteen bits for each.
    pub fn new(keys: impl ExactSizeIterator<Item = u64>) -> Filter {
        let words = (keys.len() / 8 + 1).next_power_of_two();
        let mut filter = Filter {
            bits: vec![0; words],
        };
        for key in keys {
            let (word, bit) = filter.place(key);
            filter.bits[word] |= bit;
        }
        filter
    }

    /// Whether a map may have this key; never false for one that it has.
    pub fn may_have(&self, key: u64) -> bool {
        let (word, bit) = self.place(key);
        self.bits[word] & bit != 0
    }

    fn place(&self, key: u64) -> (usize, u64) {
        let word = (key >> 6) as usize & (self.bits.len() - 1);
        (word, 1 << (key & 63))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_there_is_never_denied(keys in proptest::collection::vec(any::<u64>(), 0..200)) {
            let filter = Filter::new(keys.iter().copied());
            for key in keys {
                prop_assert!(filter.may_have(key));
            }
        }
    }

    #[test]
    fn most_of_what_is_not_there_is_denied() {
        let key = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29) ^ n;
        let filter = Filter::new((0..1000).map(key).collect::<Vec<_>>().into_iter());
        let passed = (1000..11_000).filter(|&n| filter.may_have(key(n))).count();
        assert!(passed < 2000, "{passed} of 10000");
    }
}
