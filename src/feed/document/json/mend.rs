//! Slips in the writing of JSON that leave no doubt about what was meant: half a surrogate pair, which programs write
//! that cut a text in the middle of an emoji, and what templates and hand-made feeds write.
//!
//! A text that is JSON holds none of them but halves, and comes out as it went in.

/// What is mended no deeper; serde_json reads no deeper than 128.
const DEEPEST: usize = 128;
/// An escape that stands for U+FFFD, as long as the one it takes the place of.
const REPLACEMENT: &[u8] = b"\\ufffd";

/// A text that was mended, and where each kind of slip was first.
#[derive(Debug, PartialEq, Eq)]
pub struct Mended {
    pub text: String,
    /// Half a surrogate pair is U+FFFD now.
    pub half_pair: Option<usize>,
    /// A comma, a quote, an escape, a control character or a bare word is what it should have been.
    pub slip: Option<usize>,
}

/// The text without its slips; `None` when it has none, or is nested too deep.
pub fn mended(text: &str) -> Option<Mended> {
    let mut pass = Pass {
        bytes: text.as_bytes(),
        out: Vec::with_capacity(text.len() + 16),
        open: Vec::new(),
        last: Last::Nothing,
        half_pair: None,
        slip: None,
    };
    pass.run()?;
    let Pass {
        out,
        half_pair,
        slip,
        ..
    } = pass;
    half_pair.or(slip)?;
    Some(Mended {
        text: String::from_utf8(out).ok()?,
        half_pair,
        slip,
    })
}

/// What stood before, blanks aside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Open,
    Colon,
    /// A comma, which stands here in what was written.
    Comma(usize),
    Value,
    /// A word that is no value, which became one.
    BareWord,
}

/// One walk over the text. What is looked at ahead is white space and one byte, so it takes linear time.
struct Pass<'t> {
    bytes: &'t [u8],
    out: Vec<u8>,
    /// The brackets that are open: true for those of an object.
    open: Vec<bool>,
    last: Last,
    half_pair: Option<usize>,
    slip: Option<usize>,
}

impl Pass<'_> {
    fn run(&mut self) -> Option<()> {
        let mut at = 0;
        while let Some(&byte) = self.bytes.get(at) {
            at = match byte {
                b' ' | b'\t' | b'\r' | b'\n' => self.keep(at, self.last),
                b'{' | b'[' => {
                    self.value_begins(at);
                    self.open.push(byte == b'{');
                    if self.open.len() > DEEPEST {
                        return None;
                    }
                    self.keep(at, Last::Open)
                }
                b'}' | b']' => {
                    self.list_ends(at);
                    self.open.pop();
                    let at = self.keep(at, Last::Value);
                    if self.open.is_empty() {
                        // Whatever follows the document is none of its own.
                        self.out.extend_from_slice(&self.bytes[at..]);
                        return Some(());
                    }
                    at
                }
                b',' => self.comma(at),
                b':' => self.keep(at, Last::Colon),
                b'"' => {
                    self.value_begins(at);
                    self.string(at)
                }
                _ => self.word(at),
            };
        }
        Some(())
    }

    fn keep(&mut self, at: usize, last: Last) -> usize {
        self.out.push(self.bytes[at]);
        self.last = last;
        at + 1
    }

    fn slipped(&mut self, at: usize) {
        self.slip = self.slip.or(Some(at));
    }

    /// Between two values without a comma there is one now.
    fn value_begins(&mut self, at: usize) {
        if matches!(self.last, Last::Value | Last::BareWord) && !self.open.is_empty() {
            self.slipped(at);
            self.out.push(b',');
        }
    }

    /// A comma that nothing follows goes; a name that nothing follows has no value.
    fn list_ends(&mut self, at: usize) {
        match self.last {
            Last::Comma(written) => {
                self.slipped(at);
                self.out[written] = b' ';
            }
            Last::Colon => {
                self.slipped(at);
                self.out.extend_from_slice(b"null");
            }
            _ => {}
        }
    }

    /// A comma that follows nothing goes.
    fn comma(&mut self, at: usize) -> usize {
        match self.last {
            Last::Value | Last::BareWord => self.keep(at, Last::Comma(self.out.len())),
            Last::Colon => {
                self.slipped(at);
                self.out.extend_from_slice(b"null");
                self.keep(at, Last::Comma(self.out.len()))
            }
            last => {
                self.slipped(at);
                self.out.push(b' ');
                self.last = last;
                at + 1
            }
        }
    }

    /// `true`, a number, or what a program wrote that knows more than JSON does (`NaN`, `undefined`, `007`).
    fn word(&mut self, at: usize) -> usize {
        let is_of_word =
            |b: &&u8| !matches!(b, b',' | b':' | b'{' | b'}' | b'[' | b']' | b'"' | 0..=b' ');
        let len = self.bytes[at..]
            .iter()
            .take_while(is_of_word)
            .count()
            .max(1);
        let word = &self.bytes[at..at + len];
        let is_value = serde_json::from_slice::<serde::de::IgnoredAny>(word).is_ok();
        match self.last {
            Last::BareWord => self.slipped(at),
            _ if is_value => {
                self.value_begins(at);
                self.out.extend_from_slice(word);
                self.last = Last::Value;
            }
            _ => {
                self.value_begins(at);
                self.slipped(at);
                self.out.extend_from_slice(b"null");
                self.last = Last::BareWord;
            }
        }
        at + len
    }

    /// A string: its end is the quote that something follows which may follow a string here.
    fn string(&mut self, from: usize) -> usize {
        let is_name = self.open.last() == Some(&true) && self.last != Last::Colon;
        let mut at = self.keep(from, Last::Value);
        while let Some(&byte) = self.bytes.get(at) {
            match byte {
                b'"' if self.ends_string(at, is_name) => {
                    self.out.push(b'"');
                    return at + 1;
                }
                b'"' => {
                    self.slipped(at);
                    self.out.extend_from_slice(b"\\\"");
                    at += 1;
                }
                b'\\' => at = self.escape(at),
                0..0x20 => {
                    self.slipped(at);
                    self.out.push(b' ');
                    at += 1;
                }
                _ => {
                    self.out.push(byte);
                    at += 1;
                }
            }
        }
        at
    }

    fn ends_string(&self, quote: usize, is_name: bool) -> bool {
        let in_object = self.open.last() == Some(&true);
        let (next, at) = self.next(quote + 1);
        match next {
            None => true,
            Some(b':') => is_name,
            Some(_) if is_name => false,
            Some(b'}') => in_object,
            Some(b']') => !in_object,
            // In an object a name comes next.
            Some(b',') if in_object => matches!(self.next(at + 1).0, Some(b'"' | b'}' | b',')),
            Some(b',') => true,
            // A line that lacks its comma.
            Some(b'"') => self.bytes[quote + 1..at].contains(&b'\n'),
            Some(_) => false,
        }
    }

    /// The next byte that is no blank, and where it stands.
    fn next(&self, from: usize) -> (Option<u8>, usize) {
        let blanks = self.bytes[from..].iter();
        let at = from + blanks.take_while(|b| b.is_ascii_whitespace()).count();
        (self.bytes.get(at).copied(), at)
    }

    /// An escape. Of one that JSON does not know, what is escaped stays.
    fn escape(&mut self, at: usize) -> usize {
        let bytes = self.bytes;
        let pair = 2 * REPLACEMENT.len();
        match (unit(bytes, at), unit(bytes, at + REPLACEMENT.len())) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => {
                self.out.extend_from_slice(&bytes[at..at + pair]);
                at + pair
            }
            (Some(0xd800..0xe000), _) => {
                self.half_pair = self.half_pair.or(Some(at));
                self.out.extend_from_slice(REPLACEMENT);
                at + REPLACEMENT.len()
            }
            (Some(_), _) => {
                self.out
                    .extend_from_slice(&bytes[at..at + REPLACEMENT.len()]);
                at + REPLACEMENT.len()
            }
            (None, _) => match bytes.get(at + 1) {
                Some(escaped @ (b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => {
                    self.out.extend_from_slice(&[b'\\', *escaped]);
                    at + 2
                }
                _ => {
                    self.slipped(at);
                    at + 1
                }
            },
        }
    }
}

/// The code unit that the escape at `at` stands for, if there is one.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let digits = std::str::from_utf8(digits).ok()?;
    let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

#[cfg(test)]
mod tests;
