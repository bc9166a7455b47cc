//! Reads JSON in one pass, and copies nothing of it.
//!
//! A chain of ten megabytes comes every minute. What is asked of a reader here is little: where the values of a few keys
//! stand, that everything else may be passed over, and that the whole is JSON. A property test holds it to the grammar
//! of serde_json.

use std::borrow::Cow;

use super::node::{Node, Presence, Raw, Slot};

/// How deep values may nest; what the vendor sends nests five deep.
const DEPTH_MAX: usize = 128;

/// The text is not JSON: at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson(pub usize);

type Result<T> = std::result::Result<T, NotJson>;

/// A place in a text. Its smallest steps are inlined even where the rest is made small: each event of a stream takes dozens.
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// The container entered last has no member yet.
    is_fresh: bool,
}

impl<'a> Scanner<'a> {
    /// The begin of a text.
    pub fn new(text: &'a str) -> Scanner<'a> {
        Scanner {
            text,
            at: 0,
            depth: 0,
            is_fresh: false,
        }
    }

    /// The first byte of the next value, which tells its type.
    #[inline(always)]
    pub fn peek(&mut self) -> Result<u8> {
        self.space();
        self.byte().ok_or(NotJson(self.at))
    }

    /// Enters the object or list that comes next.
    #[inline(always)]
    pub fn enter(&mut self) -> Result<()> {
        if self.depth == DEPTH_MAX {
            return self.bad();
        }
        self.at += 1;
        self.depth += 1;
        self.is_fresh = true;
        Ok(())
    }

    /// The next key of the object entered last; `None` leaves it.
    pub fn next_key(&mut self) -> Result<Option<Cow<'a, str>>> {
        if !self.next_member(b'}')? {
            return Ok(None);
        }
        let start = self.at;
        let is_plain = self.string()?;
        let quoted = &self.text[start..self.at];
        self.space();
        self.expect(b':')?;
        if is_plain {
            return Ok(Some(Cow::Borrowed(&quoted[1..quoted.len() - 1])));
        }
        let key = serde_json::from_str(quoted).map_err(|_| NotJson(self.at))?;
        Ok(Some(Cow::Owned(key)))
    }

    /// Is there another element in the list entered last? If not, it is left.
    pub fn next_element(&mut self) -> Result<bool> {
        self.next_member(b']')
    }

    /// Reads the next value into a node.
    pub fn fill(&mut self, node: &mut dyn Node<'a>) -> Result<()> {
        let presence = match self.peek()? {
            b'{' => Presence::There,
            b'n' => Presence::Absent,
            _ => Presence::WrongType,
        };
        node.begin(presence);
        if presence != Presence::There {
            return self.skip();
        }
        self.enter()?;
        while let Some(key) = self.next_key()? {
            self.take(node.slot(&key))?;
        }
        Ok(())
    }

    /// Takes the value of the member whose key was read.
    pub fn take(&mut self, slot: Slot<'_, 'a>) -> Result<()> {
        match slot {
            Slot::Scalar(raw) => {
                self.space();
                let start = self.at;
                self.skip()?;
                *raw = Raw::of(&self.text[start..self.at]);
                Ok(())
            }
            Slot::Object(node) => self.fill(node),
            Slot::Unused => self.skip(),
        }
    }

    /// Passes over the next value.
    pub fn skip(&mut self) -> Result<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' => {
                self.enter()?;
                while self.next_member(b'}')? {
                    self.string()?;
                    self.space();
                    self.expect(b':')?;
                    self.skip()?;
                }
                Ok(())
            }
            b'[' => {
                self.enter()?;
                while self.next_member(b']')? {
                    self.skip()?;
                }
                Ok(())
            }
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number(),
        }
    }

    /// Makes sure that nothing but white space follows.
    pub fn end(&mut self) -> Result<()> {
        self.space();
        match self.byte() {
            None => Ok(()),
            Some(_) => self.bad(),
        }
    }

    /// The error of this place.
    pub fn bad<T>(&self) -> Result<T> {
        Err(NotJson(self.at))
    }

    #[inline(always)]
    fn next_member(&mut self, close: u8) -> Result<bool> {
        let byte = self.peek()?;
        if byte == close {
            self.at += 1;
            self.depth -= 1;
            self.is_fresh = false;
            return Ok(false);
        }
        if !self.is_fresh {
            self.expect(b',')?;
            self.space();
        }
        self.is_fresh = false;
        Ok(true)
    }

    /// Passes over a string with its quotes; whether it holds no escape.
    fn string(&mut self) -> Result<bool> {
        self.expect(b'"')?;
        let bytes = self.text.as_bytes();
        let mut is_plain = true;
        loop {
            self.at += plain_run(&bytes[self.at..]);
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(is_plain);
                }
                Some(b'\\') => {
                    is_plain = false;
                    self.escape()?;
                }
                _ => return self.bad(),
            }
        }
    }

    fn escape(&mut self) -> Result<()> {
        let rest = &self.text.as_bytes()[self.at + 1..];
        self.at += match rest {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|b| b.is_ascii_hexdigit()) => 6,
            _ => return self.bad(),
        };
        Ok(())
    }

    fn number(&mut self) -> Result<()> {
        self.at += usize::from(self.byte() == Some(b'-'));
        match self.byte() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    #[inline(always)]
    fn digits(&mut self) -> Result<()> {
        let run = digit_run(&self.text.as_bytes()[self.at..]);
        self.at += run;
        if run == 0 { self.bad() } else { Ok(()) }
    }

    fn word(&mut self, word: &str) -> Result<()> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return self.bad();
        }
        self.at += word.len();
        Ok(())
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.byte() != Some(byte) {
            return self.bad();
        }
        self.at += 1;
        Ok(())
    }

    #[inline(always)]
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
    }

    #[inline(always)]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

/// One in each byte of a word, and the topmost bit of each.
const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x8080_8080_8080_8080;

/// How many bytes stand before the first quote, backslash or control character, or the end. This and the next are where
/// the time goes: eight bytes at a time.
#[inline(always)]
fn plain_run(bytes: &[u8]) -> usize {
    run(
        bytes,
        |word| {
            let (quote, backslash) = (word ^ (ONES * 0x22), word ^ (ONES * 0x5C));
            // A subtraction borrows from a byte that is too small; the first one that does is exact.
            let zero = |word: u64| word.wrapping_sub(ONES) & !word;
            let control = word.wrapping_sub(ONES * 0x20) & !word;
            (zero(quote) | zero(backslash) | control) & TOPS
        },
        |byte| !matches!(byte, b'"' | b'\\' | ..b' '),
    )
}

/// How many digits there are.
#[inline(always)]
fn digit_run(bytes: &[u8]) -> usize {
    run(
        bytes,
        |word| {
            // A digit's upper half is 3, also when 6 is added. No byte of ASCII carries into the next one.
            let (halves, digits) = (ONES * 0xF0, ONES * 0x30);
            let upper = (word & halves) ^ digits;
            let with_six = ((word & (ONES * 0x7F)).wrapping_add(ONES * 6) & halves) ^ digits;
            let wrong = upper | with_six;
            ((wrong & (ONES * 0x7F)).wrapping_add(ONES * 0x7F) | wrong) & TOPS
        },
        |byte| byte.is_ascii_digit(),
    )
}

/// How many bytes belong to a run. `stops` marks in a word of eight, at their topmost bits, those that do not (those
/// behind the first may be marked wrongly).
#[inline(always)]
fn run(bytes: &[u8], stops: impl Fn(u64) -> u64, belongs: impl Fn(u8) -> bool) -> usize {
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk::<8>() {
        let stops = stops(u64::from_le_bytes(*chunk));
        if stops != 0 {
            return at + stops.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes[at..].iter().take_while(|byte| belongs(**byte));
    at + rest.count()
}

#[cfg(test)]
mod tests;
