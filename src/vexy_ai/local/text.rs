//! An article cut into sentences and tokens, once, for all rules: one pass over its bytes, three allocations.
//!
//! A token's lower-cased form is told by its [`hash`](Token::hash): every word list is looked up by that alone. Who
//! forges a text whose word has the hash of another gains nothing, since they could have written the other word.

mod dots;
mod scan;
mod shape;

use hashbrown::HashSet;

use super::{Article, Place, TEXT_MAX};
use crate::text::cut;

/// A title and a text, cut up.
#[derive(Debug)]
pub struct Text {
    /// The title, a line end, the text; at most [`TEXT_MAX`] bytes and that line end.
    source: String,
    /// `source` in lower case, byte for byte in the same places.
    lower: String,
    tokens: Vec<Token>,
    sentences: Vec<Sentence>,
}

/// A word, a number or a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// [`word_hash`] of its lower-cased form.
    pub hash: u64,
    /// Where it begins in the source, in bytes.
    pub start: u32,
    /// Where it ends in the source, in bytes; a possessive `'s` is left out.
    pub end: u32,
    /// The number of its sentence in [`Text::sentences`].
    pub sentence: u16,
    pub kind: Kind,
    flags: u8,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Letters, with digits, inner dots, `&` and apostrophes: `profit`, `Q3`, `U.S`, `AT&T`, `didn't`. Words with
    /// hyphens are several tokens, the later ones [`joined`](Token::joined).
    Word,
    /// Digits with their dots and commas: `1,142.5`.
    Number,
    /// `$AAPL`: the token is the letters.
    Cashtag,
    /// `VOD.L`, `BRK.B`: a symbol with the suffix of its exchange or class.
    Dotted,
    /// What belongs to a number: `%`, a sign of a currency, `+`, `-`.
    Sign,
    /// What ends a sentence.
    Stop,
    /// Any other punctuation.
    Mark,
    /// An address of the web, whole.
    Link,
}

/// One sentence; the title is one, and the first where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// Where it begins in the source, in bytes.
    pub start: u32,
    /// Where it ends in the source, in bytes.
    pub end: u32,
    /// Its first token.
    pub first: u32,
    /// The token after its last.
    pub last: u32,
    pub in_title: bool,
    /// It stands word for word earlier in the article: a feed's summary is often the beginning of its content.
    pub repeated: bool,
}

const CAPITAL: u8 = 1;
const UPPER: u8 = 2;
const JOINED: u8 = 4;
const POSSESSIVE: u8 = 8;

impl Token {
    /// It begins with a capital letter.
    pub fn capital(&self) -> bool {
        self.flags & CAPITAL != 0
    }

    /// All its letters are capitals, and there are two or more.
    pub fn upper(&self) -> bool {
        self.flags & UPPER != 0
    }

    /// It belongs to the token before, without a blank between: `week` of `52-week`, `mn` of `13.1mn`.
    pub fn joined(&self) -> bool {
        self.flags & JOINED != 0
    }

    /// An `'s` follows that is not part of it.
    pub fn possessive(&self) -> bool {
        self.flags & POSSESSIVE != 0
    }
}

impl Text {
    /// `article`, cut up. Of a title and text of more than [`TEXT_MAX`] bytes, the rest is left out.
    pub fn new(article: &Article) -> Text {
        let title = cut(article.title, TEXT_MAX);
        let body = cut(article.text, TEXT_MAX - title.len());
        let mut source = String::with_capacity(title.len() + 1 + body.len());
        source.push_str(title);
        source.push('\n');
        source.push_str(body);
        let lower = lowered(&source);
        let mut scan = scan::Scan::new(&source, &lower, title.len());
        scan.run();
        let (tokens, mut sentences) = scan.into_parts();
        mark_repeated(&tokens, &mut sentences);
        Text {
            source,
            lower,
            tokens,
            sentences,
        }
    }

    /// All tokens, in their order.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// All sentences, in their order.
    pub fn sentences(&self) -> &[Sentence] {
        &self.sentences
    }

    /// The tokens of one sentence.
    pub fn tokens_of(&self, sentence: &Sentence) -> &[Token] {
        &self.tokens[sentence.first as usize..sentence.last as usize]
    }

    /// The title and what follows, up to about so many bytes.
    pub fn beginning(&self, bytes_max: usize) -> &str {
        cut(&self.source, bytes_max)
    }

    /// A sentence as it is written.
    pub fn written(&self, sentence: &Sentence) -> &str {
        &self.source[sentence.start as usize..sentence.end as usize]
    }

    /// A token as it is written.
    pub fn word(&self, token: &Token) -> &str {
        &self.source[token.start as usize..token.end as usize]
    }

    /// A token in lower case.
    pub fn lower(&self, token: &Token) -> &str {
        &self.lower[token.start as usize..token.end as usize]
    }

    /// What is written from the beginning of one token to the end of another that is not before it.
    pub fn words(&self, first: &Token, last: &Token) -> &str {
        self.source
            .get(first.start as usize..last.end as usize)
            .unwrap_or_default()
    }

    /// The value of a number: `1,142.5`. `None` for what is none, or has more than one dot (a date, a version).
    pub fn number(&self, token: &Token) -> Option<f64> {
        if token.kind != Kind::Number {
            return None;
        }
        let (mut whole, mut scale, mut seen_dot) = (0.0, 1.0, false);
        for byte in self.lower(token).bytes() {
            match byte {
                b'0'..=b'9' => {
                    whole = whole * 10.0 + f64::from(byte - b'0');
                    if seen_dot {
                        scale *= 10.0;
                    }
                }
                b'.' if seen_dot => return None,
                b'.' => seen_dot = true,
                _ => {}
            }
        }
        let value = whole / scale;
        value.is_finite().then_some(value)
    }

    /// Where a token's sentence stands in the article, as reasons say it: the title, or a number from 0.
    pub fn place(&self, sentence: u16) -> Place {
        let titles = usize::from(self.sentences.first().is_some_and(|s| s.in_title));
        match usize::from(sentence).checked_sub(titles) {
            None => Place::Title,
            Some(number) => Place::Sentence(number as u16),
        }
    }
}

/// The hash of a word in lower case, the same on every machine and in every run: what is built on it (the signature of
/// an article) is compared across machines. The apostrophe ’ counts as '.
pub fn word_hash(lower: &str) -> u64 {
    let bytes = lower.as_bytes();
    if bytes.len() > 3 && bytes.contains(&0xe2) {
        return hash_bytes(lower.replace('\u{2019}', "'").as_bytes());
    }
    hash_bytes(bytes)
}

fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hash = SEED ^ bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        hash = folded(hash ^ eight(chunk));
    }
    let rest = chunks.remainder();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    folded(hash ^ u64::from_le_bytes(last))
}

/// [`hash_bytes`] of a part of `bytes`, which is quicker where something follows: eight bytes are read at once, and those
/// that are too many are masked.
fn hash_within(bytes: &[u8], start: usize, end: usize) -> u64 {
    let len = end - start;
    match bytes.get(start..start + 8) {
        Some(chunk) if len < 8 => {
            let mask = (1 << (8 * len)) - 1;
            folded(SEED ^ len as u64 ^ (eight(chunk) & mask))
        }
        _ => hash_bytes(&bytes[start..end]),
    }
}

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

fn eight(chunk: &[u8]) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(chunk);
    u64::from_le_bytes(eight)
}

/// The two halves of a wide product, which mixes every bit into every other.
fn folded(value: u64) -> u64 {
    let wide = u128::from(value ^ 0xa076_1d64_78bd_642f) * 0xe703_7ed1_a0b4_28db;
    (wide as u64) ^ (wide >> 64) as u64
}

/// `source` in lower case, each character in the bytes where it was; one whose lower case is longer or shorter stays.
fn lowered(source: &str) -> String {
    let mut lower = source.to_ascii_lowercase();
    if lower.is_ascii() {
        return lower;
    }
    let mut rest = source;
    let ascii = std::mem::take(&mut lower);
    lower.reserve(source.len());
    while let Some(at) = rest.bytes().position(|b| b >= 0x80) {
        let from = source.len() - rest.len();
        lower.push_str(&ascii[from..from + at]);
        let mut chars = rest[at..].chars();
        if let Some(c) = chars.next() {
            let mut low = c.to_lowercase();
            match (low.next(), low.next()) {
                (Some(one), None) if one.len_utf8() == c.len_utf8() => lower.push(one),
                _ => lower.push(c),
            }
        }
        rest = chars.as_str();
    }
    lower.push_str(&ascii[source.len() - rest.len()..]);
    lower
}

/// Marks the sentences that stand word for word earlier.
fn mark_repeated(tokens: &[Token], sentences: &mut [Sentence]) {
    if sentences.len() < 2 {
        return;
    }
    let mut seen = HashSet::with_capacity(sentences.len());
    for sentence in sentences {
        let words = tokens[sentence.first as usize..sentence.last as usize]
            .iter()
            .filter(|t| !matches!(t.kind, Kind::Stop | Kind::Mark));
        let whole = words.fold(0, |all: u64, t| folded(all.rotate_left(5) ^ t.hash));
        sentence.repeated = !seen.insert(whole);
    }
}

#[cfg(test)]
mod tests;
