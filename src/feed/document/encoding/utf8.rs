//! UTF-8 with bytes in it that are none.

/// So many good characters for each bad one are UTF-8 also where the label says something else.
const GOOD_AGAINST_LABEL: usize = 10;

/// Characters beyond ASCII that are UTF-8, and places that are not.
#[derive(Clone, Copy, Debug)]
pub struct Utf8 {
    good: usize,
    bad: usize,
}

impl Utf8 {
    pub fn count(body: &[u8]) -> Utf8 {
        let mut utf8 = Utf8 { good: 0, bad: 0 };
        let mut rest = body.len();
        for chunk in body.utf8_chunks() {
            utf8.good += chunk.valid().bytes().filter(|b| *b >= 0xc0).count();
            let bad = chunk.invalid();
            rest -= chunk.valid().len() + bad.len();
            // The end of a cut document may fall into a character.
            let is_cut = rest == 0 && bad.first().is_some_and(|lead| *lead >= 0xc2);
            utf8.bad += usize::from(!bad.is_empty() && !is_cut);
        }
        // Half a surrogate pair is three bytes of which each is wrong; both halves are a character that was written so.
        let pairs = pairs(body).count();
        let alone = surrogates(body).count() - 2 * pairs;
        utf8.bad -= utf8.bad.min(6 * pairs + 2 * alone);
        utf8.good += pairs;
        utf8
    }

    /// Real UTF-8 with some bad bytes, rather than text of another encoding.
    pub fn is_likely(self) -> bool {
        self.good > 0 && self.bad <= self.good
    }

    pub fn holds_against_labels(self) -> bool {
        self.good > 0 && self.bad * GOOD_AGAINST_LABEL <= self.good
    }
}

/// Where half a surrogate pair is written as if it were a character.
fn surrogates(body: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let half = |at: &usize| {
        matches!(
            body.get(*at..*at + 3),
            Some([0xed, 0xa0..=0xbf, 0x80..=0xbf])
        )
    };
    memchr::memchr_iter(0xed, body).filter(half)
}

/// Where both halves of a pair follow each other, and the character that they are.
fn pairs(body: &[u8]) -> impl Iterator<Item = (usize, char)> + '_ {
    let unit = |at: usize| {
        let [_, two, three] = *body.get(at..at + 3)? else {
            return None;
        };
        Some(0xd000 | u32::from(two & 0x3f) << 6 | u32::from(three & 0x3f))
    };
    let mut halves = surrogates(body).peekable();
    std::iter::from_fn(move || {
        loop {
            let at = halves.next()?;
            let Some(high) = unit(at).filter(|unit| (0xd800..0xdc00).contains(unit)) else {
                continue;
            };
            let low = halves
                .next_if(|next| *next == at + 3 && unit(*next).is_some_and(|unit| unit >= 0xdc00))
                .and_then(unit);
            let Some(low) = low else { continue };
            let both = char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?;
            return Some((at, both));
        }
    })
}

/// Puts halves of a pair that follow each other together (CESU-8). `None` where there are none.
pub fn join_surrogates(body: &[u8]) -> Option<Vec<u8>> {
    let mut joined = Vec::new();
    let mut done = 0;
    for (at, both) in pairs(body) {
        joined.extend_from_slice(&body[done..at]);
        joined.extend_from_slice(both.encode_utf8(&mut [0; 4]).as_bytes());
        done = at + 6;
    }
    joined.extend_from_slice(&body[done..]);
    (done > 0).then_some(joined)
}
