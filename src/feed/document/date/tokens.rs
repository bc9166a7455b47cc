//! A date cut into numbers, words and marks.

use std::borrow::Cow;

/// A date longer than this is none.
const LONGEST_BYTES: usize = 200;
/// A date of more parts than this is none.
const MOST: usize = 48;

/// One part of a date.
#[derive(Clone, Copy, Debug)]
pub struct Token<'t> {
    pub kind: Kind,
    pub text: &'t str,
    /// No blank stands before it.
    pub is_glued: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Number(i64),
    Word,
    /// A zone of the tz database, by its name.
    Zone,
    Mark(u8),
    /// Behind the last part, and before the first.
    Nothing,
}

const NOTHING: Token<'static> = Token {
    kind: Kind::Nothing,
    text: "",
    is_glued: false,
};

/// All parts of a date. Who has read a part takes it, so that it is read once.
#[derive(Debug)]
pub struct Tokens<'t> {
    list: [Token<'t>; MOST],
    pub len: usize,
    taken: u64,
}

impl<'t> Tokens<'t> {
    /// Cuts plain ASCII. `zone_len` says how much of a text's beginning names a zone of the tz database.
    pub fn cut(text: &'t str, zone_len: fn(&str) -> Option<usize>) -> Option<Tokens<'t>> {
        let mut tokens = Tokens {
            list: [NOTHING; MOST],
            len: 0,
            taken: 0,
        };
        let mut rest = text;
        while let Some(first) = rest.bytes().next() {
            if first.is_ascii_whitespace() {
                rest = rest.trim_start();
                continue;
            }
            let while_is = |is: fn(&u8) -> bool| rest.bytes().take_while(is).count();
            let (kind, len) = if first.is_ascii_digit() {
                let len = while_is(u8::is_ascii_digit);
                (Kind::Number(rest[..len].parse().ok()?), len)
            } else if !first.is_ascii_alphabetic() {
                (Kind::Mark(first), 1)
            } else if let Some(len) = zone_len(rest) {
                (Kind::Zone, len)
            } else {
                (Kind::Word, while_is(u8::is_ascii_alphabetic))
            };
            let before = text.len() - rest.len();
            let blank_before = text.as_bytes()[..before]
                .last()
                .is_none_or(u8::is_ascii_whitespace);
            *tokens.list.get_mut(tokens.len)? = Token {
                kind,
                text: &rest[..len],
                is_glued: !blank_before,
            };
            tokens.len += 1;
            rest = &rest[len..];
        }
        Some(tokens)
    }

    pub fn at(&self, at: usize) -> Token<'t> {
        self.list[..self.len].get(at).copied().unwrap_or(NOTHING)
    }

    /// The part before this one.
    pub fn before(&self, at: usize) -> Token<'t> {
        at.checked_sub(1).map_or(NOTHING, |at| self.at(at))
    }

    /// A number that is not taken, and of how many figures it is.
    pub fn number(&self, at: usize) -> Option<(i64, usize)> {
        match self.at(at) {
            Token {
                kind: Kind::Number(number),
                text,
                ..
            } if self.is_free(at) => Some((number, text.len())),
            _ => None,
        }
    }

    /// A word, taken or not.
    pub fn word(&self, at: usize) -> Option<&'t str> {
        let token = self.at(at);
        (token.kind == Kind::Word).then_some(token.text)
    }

    pub fn is_word(&self, at: usize, word: &str) -> bool {
        self.word(at)
            .is_some_and(|found| found.eq_ignore_ascii_case(word))
    }

    pub fn is_mark(&self, at: usize, mark: u8) -> bool {
        self.at(at).kind == Kind::Mark(mark)
    }

    pub fn is_free(&self, at: usize) -> bool {
        self.taken & (1 << at) == 0
    }

    pub fn take(&mut self, from: usize, until: usize) {
        (from..until).for_each(|at| self.taken |= 1 << at);
    }
}

/// The same date in ASCII: accents go, figures and signs of other scripts become ours, and a letter that has no
/// like stays a letter, so that no word becomes another by losing it.
pub fn in_ascii(text: &str) -> Option<Cow<'_, str>> {
    if text.len() > LONGEST_BYTES {
        return None;
    }
    // Go writes the reading of another clock behind its times (`m=+0.0123`).
    let text = text.split_once(" m=").map_or(text, |(date, _)| date);
    if text.is_ascii() {
        return Some(Cow::Borrowed(text));
    }
    let halves = [
        (["上午", "午前", "오전"], " AM "),
        (["下午", "午後", "오후"], " PM "),
    ];
    let mut text = text.to_owned();
    for (names, half) in halves {
        for name in names
            .iter()
            .filter(|name| text.contains(**name))
            .copied()
            .collect::<Vec<_>>()
        {
            text = text.replace(name, half);
        }
    }
    Some(Cow::Owned(text.chars().map(plain).collect()))
}

fn plain(c: char) -> char {
    match c {
        _ if c.is_ascii() => c,
        'à' | 'á' | 'â' | 'ä' | 'ã' | 'Ä' => 'a',
        'è' | 'é' | 'ê' | 'ë' | 'É' => 'e',
        'ò' | 'ó' | 'ô' | 'ö' => 'o',
        'ù' | 'ú' | 'û' | 'ü' | 'Û' => 'u',
        'ì' | 'í' | 'î' => 'i',
        'ç' => 'c',
        '−' | '‐' | '‑' | '–' | '—' | '－' | '年' | '月' | '년' | '월' => '-',
        '：' | '時' | '时' | '分' | '시' | '분' => ':',
        '／' => '/',
        '．' => '.',
        '＋' => '+',
        '日' | '秒' | '일' | '초' => ' ',
        '０'..='９' => {
            char::from(b'0' + u8::try_from(u32::from(c) - u32::from('０')).unwrap_or(0))
        }
        _ if c.is_alphabetic() => 'x',
        // No-break spaces and the like stand where a blank was meant.
        _ => ' ',
    }
}
