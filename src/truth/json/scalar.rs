//! Strings and numbers.

use std::borrow::Cow;

use super::{Reader, Result};

impl<'a> Reader<'a> {
    /// Takes a string; borrowed unless it holds escapes.
    pub(in crate::truth) fn string(&mut self) -> Result<Cow<'a, str>> {
        self.expect(b'"', "a string")?;
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut end = start;
        // Nearly every string ends without an escape: this loop is where the time goes.
        while let Some(&byte) = bytes.get(end)
            && byte != b'"'
            && byte != b'\\'
            && byte >= b' '
        {
            end += 1;
        }
        self.at = end;
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(&self.text[start..end]));
        }
        self.escaped_string(start)
    }

    /// Takes a number; one beyond the range of a double is infinite.
    pub(in crate::truth) fn number(&mut self) -> Result<f64> {
        self.space();
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.unexpected("a digit")),
        }
        if let Some(b'0'..=b'9') = self.peek() {
            return Err(self.syntax("a number cannot start with a zero"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        // Every text of this grammar is a number to Rust as well.
        Ok(self.text[start..self.at].parse().unwrap_or(f64::NAN))
    }

    /// Takes `true` or `false`.
    pub(in crate::truth) fn boolean(&mut self) -> Result<bool> {
        self.space();
        if self.peek() == Some(b't') {
            self.word("true").map(|()| true)
        } else {
            self.word("false").map(|()| false)
        }
    }

    /// The rest of a string from its first escape (or its first fault) on.
    fn escaped_string(&mut self, start: usize) -> Result<Cow<'a, str>> {
        let mut out = String::from(&self.text[start..self.at]);
        loop {
            let from = self.at;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(out));
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                None => return Err(self.syntax("the text ends inside a string")),
                Some(..b' ') => {
                    return Err(self.syntax(
                        "a line break or control character inside a string; close the string or write \\n",
                    ));
                }
                Some(_) => {
                    while let Some(byte) = self.peek()
                        && byte != b'"'
                        && byte != b'\\'
                        && byte >= b' '
                    {
                        self.at += 1;
                    }
                    out.push_str(&self.text[from..self.at]);
                }
            }
        }
    }

    /// One escape, the backslash being read.
    fn escape(&mut self) -> Result<char> {
        let byte = self.peek();
        self.at += usize::from(byte.is_some_and(|b| b.is_ascii()));
        Ok(match byte {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.syntax("an unknown escape in a string")),
        })
    }

    /// `XXXX` behind `\u`, with its second half where the character needs two.
    fn unicode(&mut self) -> Result<char> {
        let high = self.hex4()?;
        let code = if (0xD800..0xDC00).contains(&high) && self.text[self.at..].starts_with("\\u") {
            self.at += 2;
            let low = self.hex4()?;
            if !(0xDC00..0xE000).contains(&low) {
                return Err(self.syntax("half of a \\u pair"));
            }
            0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
        } else {
            high
        };
        char::from_u32(code).ok_or_else(|| self.syntax("half of a \\u pair"))
    }

    fn hex4(&mut self) -> Result<u32> {
        let digits = self
            .text
            .as_bytes()
            .get(self.at..self.at + 4)
            .unwrap_or_default();
        if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(self.syntax("four hexadecimal digits must follow \\u"));
        }
        let code = digits.iter().fold(0, |code, digit| {
            code * 16 + char::from(*digit).to_digit(16).unwrap_or(0)
        });
        self.at += 4;
        Ok(code)
    }

    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.unexpected("a digit"));
        }
        Ok(())
    }
}
