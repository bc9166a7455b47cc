//! From bytes to tokens and sentences, in one pass.

use super::dots;
use super::shape::{ascii_shape, shape, symbol_with_suffix};
use super::{CAPITAL, JOINED, Kind, POSSESSIVE, Sentence, Token, hash_within, word_hash};

/// Codes of currencies that a number may follow without a blank.
const CURRENCIES: &[&str] = &[
    "EUR", "USD", "GBP", "SEK", "NOK", "DKK", "CHF", "JPY", "INR", "US", "Rs",
];

/// Letters of a cashtag at most.
const CASHTAG_MAX: usize = 6;

/// Which bytes are letters and digits of ASCII.
const ALPHANUMERIC: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

pub(super) struct Scan<'a> {
    source: &'a str,
    lower: &'a str,
    bytes: &'a [u8],
    ascii: bool,
    /// Where the title ends.
    title_end: usize,
    at: usize,
    tokens: Vec<Token>,
    sentences: Vec<Sentence>,
    /// The first token of the sentence under way.
    first: usize,
    /// A line ended since the last token.
    new_line: bool,
    /// A sentence ended with the last token; what closes it may follow.
    stopped: bool,
    /// The next token belongs to the one before.
    joined: bool,
}

impl<'a> Scan<'a> {
    /// `lower` is `source` in lower case, with every character in its place.
    pub(super) fn new(source: &'a str, lower: &'a str, title_end: usize) -> Scan<'a> {
        Scan {
            source,
            lower,
            bytes: source.as_bytes(),
            ascii: source.is_ascii(),
            title_end,
            at: 0,
            tokens: Vec::with_capacity(source.len() / 5 + 8),
            sentences: Vec::with_capacity(source.len() / 100 + 4),
            first: 0,
            new_line: false,
            stopped: false,
            joined: false,
        }
    }

    pub(super) fn into_parts(self) -> (Vec<Token>, Vec<Sentence>) {
        (self.tokens, self.sentences)
    }

    pub(super) fn run(&mut self) {
        let mut in_title = true;
        while self.at < self.bytes.len() {
            if in_title && self.at >= self.title_end {
                in_title = false;
                self.end_sentence();
            }
            let before = self.at;
            self.step();
            debug_assert!(self.at > before, "each step goes on");
        }
        self.end_sentence();
    }

    /// One token, one blank, or one character that is neither.
    fn step(&mut self) {
        let byte = self.bytes[self.at];
        match byte {
            b'\n' | b'\r' => {
                self.new_line = true;
                self.joined = false;
                self.at += 1;
            }
            0..=b' ' | 0x7f => {
                self.joined = false;
                self.at += 1;
            }
            b'a'..=b'z' | b'A'..=b'Z' => self.word(),
            b'0'..=b'9' => self.number(),
            b'.' => self.dot(),
            b'!' | b'?' => {
                let end = self.after_all(|b| matches!(b, b'!' | b'?'));
                self.stop(end);
            }
            b'$' => self.dollar(),
            b'%' | b'+' | b'#' | b'@' | b'&' | b'=' => self.push(Kind::Sign, self.at + 1, 0),
            b'-' => self.hyphen(),
            0x80.. => self.wide(),
            _ => self.push(Kind::Mark, self.at + 1, 0),
        }
    }

    /// Where the run of such bytes from here on ends.
    fn after_all(&self, such: impl Fn(u8) -> bool) -> usize {
        let run = self.bytes[self.at..].iter().take_while(|&&b| such(b));
        self.at + run.count()
    }

    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(b' ')
    }

    fn char_at(&self, at: usize) -> Option<char> {
        self.source.get(at..).and_then(|rest| rest.chars().next())
    }

    /// Whether a letter begins at `at`, and how long it is.
    fn letter(&self, at: usize) -> Option<usize> {
        match self.byte(at) {
            b'a'..=b'z' | b'A'..=b'Z' => Some(1),
            0x80.. => self
                .char_at(at)
                .filter(|c| c.is_alphanumeric())
                .map(char::len_utf8),
            _ => None,
        }
    }

    /// The length of an apostrophe at `at`.
    fn apostrophe(&self, at: usize) -> Option<usize> {
        match self.byte(at) {
            b'\'' => Some(1),
            0xe2 => (self.bytes.get(at..at + 3) == Some("\u{2019}".as_bytes())).then_some(3),
            _ => None,
        }
    }

    fn ascii_alphanumerics(&self, mut at: usize) -> usize {
        while let Some(&byte) = self.bytes.get(at) {
            if !ALPHANUMERIC[usize::from(byte)] {
                break;
            }
            at += 1;
        }
        at
    }

    /// The end of the run of letters and digits from `at` on.
    fn alphanumerics(&self, mut at: usize) -> usize {
        loop {
            at = self.ascii_alphanumerics(at);
            if self.byte(at) < 0x80 {
                return at;
            }
            match self.letter(at) {
                Some(len) => at += len,
                None => return at,
            }
        }
    }

    /// The commonest case first: letters and digits of ASCII, and nothing that belongs to them.
    fn word(&mut self) {
        let start = self.at;
        let end = self.ascii_alphanumerics(start);
        let more = matches!(self.byte(end), b'.' | b'&' | b'\'' | b':' | 0x80..);
        let first = self.bytes[start];
        if more || end == start || first.is_ascii_uppercase() && self.currency(start).is_some() {
            return self.long_word();
        }
        self.push(Kind::Word, end, ascii_shape(&self.bytes[start..end]));
    }

    fn long_word(&mut self) {
        let start = self.at;
        let mut end = match self.currency(start) {
            Some(end) => end,
            None => self.alphanumerics(start),
        };
        let mut dots = 0;
        let mut flags = 0;
        let mut next = end;
        loop {
            match self.byte(end) {
                b'.' if self.letter(end + 1).is_some() && !self.new_sentence(start, end) => {
                    dots += 1;
                    end = self.alphanumerics(end + 1);
                }
                b'&' if self.letter(end + 1).is_some() => end = self.alphanumerics(end + 1),
                b'\'' | 0xe2 => {
                    let Some(len) = self.apostrophe(end) else {
                        break;
                    };
                    if self.letter(end + len).is_none() {
                        break;
                    }
                    let tail = self.alphanumerics(end + len);
                    if matches!(&self.lower[end + len..tail], "s") {
                        flags |= POSSESSIVE;
                        next = tail;
                        break;
                    }
                    end = tail;
                }
                _ => break,
            }
        }
        next = next.max(end);
        if self.byte(end) == b':'
            && self.bytes[end..].starts_with(b"://")
            && self.lower[start..end].starts_with("http")
        {
            let end = self.after_all(|b| b > b' ');
            return self.push(Kind::Link, end, 0);
        }
        let written = &self.source[start..end];
        let kind = if dots == 1 && symbol_with_suffix(written) {
            Kind::Dotted
        } else {
            Kind::Word
        };
        flags |= shape(written);
        self.push(kind, end, flags);
        self.at = next;
        self.joined = self.byte(next).is_ascii_digit();
    }

    /// `EUR74.8`, `Rs500`: where the letters end.
    fn currency(&self, start: usize) -> Option<usize> {
        if !self.byte(start + 2).is_ascii_digit() && !self.byte(start + 3).is_ascii_digit() {
            return None;
        }
        let letters = CURRENCIES
            .iter()
            .find(|c| self.bytes[start..].starts_with(c.as_bytes()))?;
        let end = start + letters.len();
        self.byte(end).is_ascii_digit().then_some(end)
    }

    /// `end.Next`: the blank after a full stop is missing.
    fn new_sentence(&self, start: usize, dot: usize) -> bool {
        let small = |at: usize| self.byte(at).is_ascii_lowercase();
        dot > start + 1
            && small(dot - 1)
            && small(dot - 2)
            && self.byte(dot + 1).is_ascii_uppercase()
            && small(dot + 2)
    }

    fn number(&mut self) {
        let mut end = self.at;
        loop {
            match self.byte(end) {
                b'0'..=b'9' => end += 1,
                b'.' if self.byte(end + 1).is_ascii_digit() => end += 2,
                b',' if self.byte(end + 1).is_ascii_digit()
                    && self.byte(end + 2).is_ascii_digit() =>
                {
                    end += 3;
                }
                _ => break,
            }
        }
        self.push(Kind::Number, end, 0);
        // `13.1mn`, `3rd`, `5G`: the letters belong to the number.
        self.joined = self.letter(end).is_some();
    }

    fn dollar(&mut self) {
        let from = self.at + 1;
        let letters = self.bytes[from..]
            .iter()
            .take_while(|b| b.is_ascii_alphabetic())
            .count();
        let before = self.at.checked_sub(1).map_or(b' ', |at| self.bytes[at]);
        let tag = (1..=CASHTAG_MAX).contains(&letters)
            && self.byte(from).is_ascii_uppercase()
            && !before.is_ascii_alphanumeric();
        if !tag {
            return self.push(Kind::Sign, from, 0);
        }
        let mut end = from + letters;
        let class = self.bytes[(end + 1).min(self.bytes.len())..]
            .iter()
            .take_while(|b| b.is_ascii_uppercase())
            .count();
        if matches!(self.byte(end), b'.' | b'-') && (1..=2).contains(&class) {
            end += 1 + class;
        }
        if self.byte(end).is_ascii_alphanumeric() {
            return self.push(Kind::Sign, from, 0);
        }
        self.at = from;
        self.push(Kind::Cashtag, end, CAPITAL);
    }

    fn hyphen(&mut self) {
        let next = self.letter(self.at + 1).is_some() || self.byte(self.at + 1).is_ascii_digit();
        let touches = self.tokens.last().is_some_and(|t| {
            t.end as usize == self.at && matches!(t.kind, Kind::Word | Kind::Number | Kind::Dotted)
        });
        if next && touches {
            self.joined = true;
            self.at += 1;
        } else if next && self.byte(self.at + 1).is_ascii_digit() {
            self.push(Kind::Sign, self.at + 1, 0);
        } else {
            let end = self.after_all(|b| b == b'-');
            self.push(Kind::Mark, end, 0);
        }
    }

    /// A character beyond ASCII.
    fn wide(&mut self) {
        let Some(c) = self.char_at(self.at) else {
            self.at += 1;
            return;
        };
        let end = self.at + c.len_utf8();
        match c {
            _ if c.is_alphanumeric() => self.word(),
            '€' | '£' | '¥' | '₹' | '₩' | '₽' | '¢' | '−' => {
                self.push(Kind::Sign, end, 0)
            }
            '…' => self.stop(end),
            '\u{3002}' | '\u{ff01}' | '\u{ff1f}' => self.stop(end),
            '\u{2010}' | '\u{2011}' | '\u{2013}'
                if self
                    .tokens
                    .last()
                    .is_some_and(|t| t.end as usize == self.at)
                    && self.alphanumerics(end) > end =>
            {
                self.joined = true;
                self.at = end;
            }
            '\u{2028}' | '\u{2029}' | '\u{85}' => {
                self.new_line = true;
                self.joined = false;
                self.at = end;
            }
            _ if c.is_whitespace() => {
                self.joined = false;
                self.at = end;
            }
            // Marks on letters, zero-width characters and the like are of no word, and part none.
            _ if c.is_control() || ('\u{300}'..'\u{370}').contains(&c) => self.at = end,
            _ => self.push(Kind::Mark, end, 0),
        }
    }

    fn dot(&mut self) {
        let end = self.after_all(|b| b == b'.');
        if end - self.at > 1 {
            return self.stop(end);
        }
        let fraction = |t: &Token| (t.end as usize) < self.at || t.kind == Kind::Sign;
        if self.byte(end).is_ascii_digit() && self.tokens.last().is_none_or(fraction) {
            self.push(Kind::Number, self.after_digits(end), 0);
            self.joined = self.letter(self.at).is_some();
            return;
        }
        if let Some(token) = self.tokens.last().copied()
            && token.end as usize == self.at
            && token.kind == Kind::Word
            && dots::shortens(self.source, self.lower, &token, end)
        {
            self.at = end;
            return;
        }
        self.stop(end);
    }

    fn after_digits(&self, from: usize) -> usize {
        let digits = self.bytes[from..].iter().take_while(|b| b.is_ascii_digit());
        from + digits.count()
    }

    fn stop(&mut self, end: usize) {
        self.push(Kind::Stop, end, 0);
        self.stopped = true;
    }

    /// Whether what begins at `at` begins a sentence after a stop, and not a part in small letters.
    fn begins(&self, at: usize) -> bool {
        match self.char_at(at) {
            Some(c) => !c.is_lowercase(),
            None => true,
        }
    }

    /// Whether a token that begins here stands apart from the `last` one: a blank is between, or needs not be.
    fn parted(&self, last: &Token, kind: Kind, flags: u8) -> bool {
        let stop = &self.source[last.start as usize..last.end as usize];
        (last.end as usize) < self.at
            || matches!(stop, "\u{3002}" | "\u{ff01}" | "\u{ff1f}")
            || stop == "." && kind == Kind::Word && flags & CAPITAL != 0
    }

    fn push(&mut self, kind: Kind, end: usize, flags: u8) {
        let start = self.at;
        if (self.stopped || self.new_line)
            && start >= self.title_end
            && self.first < self.tokens.len()
        {
            let apart = self
                .tokens
                .last()
                .is_none_or(|t| self.parted(t, kind, flags));
            let end_of_line = self.new_line && self.begins(start);
            let end_of_sentence = self.stopped && apart && self.begins(start);
            if end_of_line || end_of_sentence {
                self.end_sentence();
            }
        }
        let closes = matches!(kind, Kind::Mark | Kind::Stop);
        self.stopped &= closes;
        self.new_line = false;
        let joined = if self.joined { JOINED } else { 0 };
        self.joined = false;
        self.tokens.push(Token {
            hash: if self.ascii {
                hash_within(self.lower.as_bytes(), start, end)
            } else {
                word_hash(&self.lower[start..end])
            },
            start: start as u32,
            end: end as u32,
            sentence: self.sentences.len() as u16,
            kind,
            flags: flags | joined,
        });
        self.at = end;
    }

    fn end_sentence(&mut self) {
        self.stopped = false;
        self.new_line = false;
        let tokens = &self.tokens[self.first..];
        if let (Some(first), Some(last)) = (tokens.first(), tokens.last()) {
            let possessive = if last.possessive() {
                self.alphanumerics(
                    last.end as usize + self.apostrophe(last.end as usize).unwrap_or(0),
                )
            } else {
                last.end as usize
            };
            // The dot of an abbreviation at the end is no token, but part of the sentence.
            let dot = usize::from(self.byte(possessive) == b'.' && last.kind == Kind::Word);
            self.sentences.push(Sentence {
                start: first.start,
                end: (possessive + dot) as u32,
                first: self.first as u32,
                last: self.tokens.len() as u32,
                in_title: (first.start as usize) < self.title_end,
                repeated: false,
            });
        }
        self.first = self.tokens.len();
    }
}
