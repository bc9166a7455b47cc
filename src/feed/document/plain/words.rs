//! Runs of words, looked through eight bytes at a time: most of a feed is that.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
const SPACES: u64 = u64::from_ne_bytes([b' '; 8]);

/// How many bytes at the start of `bytes` are words with single spaces between them: such a run is as it is to be shown.
pub fn run_len(bytes: &[u8]) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        let eight = window(bytes, at);
        let spaces = zeros(eight ^ SPACES);
        let low = eight.wrapping_sub(SPACES) & !eight & HIGHS;
        // Of what may be other white space, and of a space before white space, the highest bit is set.
        let doubts = low | spaces & ((spaces | low) >> 8);
        if doubts == 0 {
            // What follows a space at the end of the window is not known yet.
            at += 8 - (spaces >> 63) as usize;
            continue;
        }
        at += doubts.trailing_zeros() as usize / 8;
        match bytes.get(at) {
            None => break,
            Some(b' ') if bytes.get(at + 1).is_some_and(|b| !b.is_ascii_whitespace()) => {}
            Some(byte) if byte.is_ascii_whitespace() => return at,
            Some(_) => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Eight bytes from `at` on, the first lowest; behind the end there are spaces.
fn window(bytes: &[u8], at: usize) -> u64 {
    let rest = &bytes[at..];
    if let Some(eight) = rest.first_chunk() {
        return u64::from_le_bytes(*eight);
    }
    match bytes.last_chunk() {
        Some(last) => {
            let there = 8 * rest.len();
            u64::from_le_bytes(*last) >> (64 - there) | SPACES << there
        }
        None => {
            let mut eight = [b' '; 8];
            eight[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(eight)
        }
    }
}

/// The highest bit of each byte that is zero; above one it may be set for a 1, too.
fn zeros(eight: u64) -> u64 {
    eight.wrapping_sub(ONES) & !eight & HIGHS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Byte by byte.
    fn simple(bytes: &[u8]) -> usize {
        let is_end = |at: &usize| {
            let next = bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace);
            bytes[*at].is_ascii_whitespace() && (bytes[*at] != b' ' || next)
        };
        (0..bytes.len()).find(is_end).unwrap_or(bytes.len())
    }

    proptest! {
        #[test]
        fn a_run_is_as_long_as_one_that_is_read_byte_by_byte(
            bytes in prop::collection::vec(prop::sample::select(b"ab!~ \x0b\x01\t\n\xc3\xa4\xff\x80    xyz".to_vec()), 0..64)
        ) {
            prop_assert_eq!(run_len(&bytes), simple(&bytes));
        }

        #[test]
        fn a_run_of_sentences_too(text in "[a-z]{1,9}( [a-z!]{1,12}){0,9}[ \t]{0,3}[a-z ]{0,9}") {
            prop_assert_eq!(run_len(text.as_bytes()), simple(text.as_bytes()));
        }
    }
}
