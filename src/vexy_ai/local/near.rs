//! Near-duplicates: which articles tell one and the same, word for word or nearly so.
//!
//! An article's signature is made of 32 values, each the least of all its pairs of words under one permutation: two
//! articles agree in as many of 32 as their sets of pairs share, on average (A. Broder, On the resemblance and
//! containment of documents, 1997). Four values make a band. Articles that agree in a band are compared; from
//! [`ALIKE`] on they are of one cluster.

mod index;

pub use index::{Cluster, Index, Joined, LIFE_SEC};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::Signature;

/// Values of a signature.
pub const VALUES: usize = 32;
/// Values of a band.
pub const BAND: usize = 4;
/// Bands of a signature.
pub const BANDS: usize = VALUES / BAND;
/// From how many equal values on two articles are of one cluster: an estimate of 0.6.
pub const ALIKE: u32 = 20;
/// Pairs of words at least: of fewer nobody can tell.
pub const PAIRS_MIN: u32 = 4;

/// Reads the words of an article and makes its signature.
///
/// A value has 7 bits from one of 32 bytes that a pair is mixed to, and below them 25 of a product of its own. The 7 bits of
/// eight values are compared at once; only where they are no greater than the least so far the rest is worked out, so that a
/// pair costs about 50 instructions rather than 32 products.
#[derive(Clone, Debug)]
pub struct Sketch {
    least: Signature,
    /// The upper 7 bits of each of `least`, a byte each.
    upper: [u64; VALUES / 8],
    before: Option<u64>,
    pairs: u32,
}

/// The bit of each byte that is free for the carry of a comparison.
const CARRY: u64 = 0x8080_8080_8080_8080;
/// Bits of a value below the upper 7.
const LOWER_BITS: u32 = 25;

/// Odd factors: each permutes the numbers of 64 bits.
const FACTORS: [u64; VALUES] = numbers();

/// Numbers without a pattern (splitmix64), the same in every build: signatures are compared across machines.
const fn numbers() -> [u64; VALUES] {
    let mut made = [0; VALUES];
    let mut state: u64 = 0x6d61_726b_6574;
    let mut at = 0;
    while at < VALUES {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        made[at] = (z ^ (z >> 31)) | 1;
        at += 1;
    }
    made
}

impl Default for Sketch {
    fn default() -> Sketch {
        Sketch {
            least: [u32::MAX; VALUES],
            upper: [!CARRY; VALUES / 8],
            before: None,
            pairs: 0,
        }
    }
}

impl Sketch {
    /// Takes the next word, by its hash.
    pub fn word(&mut self, hash: u64) {
        if let Some(before) = self.before.replace(hash) {
            self.pairs += 1;
            self.pair(mixed(before.rotate_left(23) ^ hash, 0));
        }
    }

    fn pair(&mut self, x: u64) {
        for (eight, least_upper) in self.upper.iter_mut().enumerate() {
            let upper = mixed(x, FACTORS[eight]) & !CARRY;
            // A byte keeps its carry where it is not greater than the least so far.
            let mut no_greater = ((*least_upper | CARRY) - upper) & CARRY;
            while no_greater != 0 {
                let byte = no_greater.trailing_zeros() / 8;
                no_greater &= no_greater - 1;
                let at = eight * 8 + byte as usize;
                let top = (upper >> (8 * byte)) as u32 & 0x7f;
                let low = (x.wrapping_mul(FACTORS[at]) >> (64 - LOWER_BITS)) as u32;
                let value = top << LOWER_BITS | low;
                if value < self.least[at] {
                    self.least[at] = value;
                    *least_upper &= !(0x7f << (8 * byte));
                    *least_upper |= u64::from(top) << (8 * byte);
                }
            }
        }
    }

    /// The signature; `None` for fewer than [`PAIRS_MIN`] pairs.
    pub fn finish(self) -> Option<Signature> {
        (self.pairs >= PAIRS_MIN).then_some(self.least)
    }
}

/// The two halves of a wide product.
fn mixed(value: u64, other: u64) -> u64 {
    let wide = u128::from(value ^ other) * 0xd6e8_feb8_6659_fd93;
    (wide as u64) ^ (wide >> 64) as u64
}

/// In how many of 32 values two signatures agree.
pub fn agreement(a: &Signature, b: &Signature) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a == b)).sum()
}

/// A signature as text for the wire: base64 of its values, each with the lowest byte first.
pub fn written(signature: &Signature) -> String {
    let mut bytes = [0; VALUES * 4];
    for (four, value) in bytes.chunks_exact_mut(4).zip(signature) {
        four.copy_from_slice(&value.to_le_bytes());
    }
    STANDARD_NO_PAD.encode(bytes)
}

/// A signature from the wire; `None` for what is none.
pub fn read(text: &str) -> Option<Signature> {
    // Nothing longer is decoded.
    if text.len() != 171 {
        return None;
    }
    let bytes = STANDARD_NO_PAD.decode(text).ok()?;
    let mut signature = [0; VALUES];
    for (value, four) in signature.iter_mut().zip(bytes.chunks_exact(4)) {
        *value = u32::from_le_bytes(four.try_into().ok()?);
    }
    Some(signature)
}

#[cfg(test)]
mod tests;
