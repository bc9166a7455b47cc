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
