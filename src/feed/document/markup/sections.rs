//! What is no tag: CDATA sections, comments, instructions, declarations.

use memchr::{memchr, memchr2, memmem};

use super::{Token, Tokenizer};
use crate::feed::document::repair::Repair;

impl<'a> Tokenizer<'a> {
    /// Where the inside of the CDATA section starts that may start here. XML knows no other section in a document, so
    /// `<![CDXTA[` is one too; HTML knows things like `<![if …]>`.
    pub(super) fn cdata_start(&mut self) -> Option<usize> {
        let here = &self.text.as_bytes()[self.at..];
        if here.starts_with(b"<![CDATA[") {
            return Some(self.at + "<![CDATA[".len());
        }
        let name = here.strip_prefix(b"<![").filter(|_| !self.is_html)?;
        let len = name
            .iter()
            .take(10)
            .position(|b| !b.is_ascii_alphanumeric())?;
        if len == 0 || name[len] != b'[' {
            return None;
        }
        self.repairs.at(Repair::MisspeltCdata, self.at);
        Some(self.at + "<![".len() + len + 1)
    }

    /// Reads the section with this inside; `None` when only its start stands here, by accident, and is skipped.
    pub(super) fn read_cdata(&mut self, element: &str, inside: usize) -> Option<Token<'a>> {
        let bytes = self.text.as_bytes();
        let close = self.cdata_end.find(bytes, inside);
        let section = &bytes[inside..close.unwrap_or(bytes.len())];
        // A section hardly ever holds the start of another one: then the `]]>` belongs to that one, and ours is missing.
        let suspect = match (close, memmem::find(section, b"<![CDATA[")) {
            (Some(_), Some(next)) => Some(&section[..next]),
            (Some(_), None) => None,
            (None, _) => Some(section),
        };
        // Once a start without end was skipped, all further ones are, so that a heap of them costs no more than one.
        let end_of_element = suspect
            .filter(|_| close.is_some() || !self.skipped_cdata)
            .and_then(|head| find_end_tag(head, element));
        if let Some(end) = end_of_element {
            self.repairs.at(Repair::UnclosedCdata, self.start);
            self.at = inside + end;
            return Some(Token::Cdata(&self.text[inside..self.at]));
        }
        // Nor does it hold the end of an item.
        let ends_item = |head: &[u8]| {
            ["item", "entry"]
                .iter()
                .any(|name| find_end_tag(head, name).is_some())
        };
        if close.is_none() && self.skipped_cdata || suspect.is_some_and(ends_item) {
            self.skipped_cdata |= close.is_none();
            self.repairs.at(Repair::UnclosedCdata, self.start);
            self.at = inside;
            return None;
        }
        let Some(close) = close else {
            return Some(self.cut());
        };
        self.at = close + "]]>".len();
        Some(Token::Cdata(&self.text[inside..close]))
    }

    pub(super) fn skip_comment(&mut self) -> bool {
        let bytes = self.text.as_bytes();
        let inside = self.at + "<!--".len();
        if let Some(close) = self.comment_end.find(bytes, inside) {
            self.at = close + "-->".len();
            return true;
        }
        match memchr(b'>', &bytes[inside.min(bytes.len())..]) {
            Some(close) => {
                self.repairs.at(Repair::UnclosedComment, self.at);
                self.at = inside + close + 1;
                true
            }
            None => {
                self.at = bytes.len();
                false
            }
        }
    }

    pub(super) fn skip_instruction(&mut self) -> bool {
        // `?>` should end it; a bare `>` ends it too, and comes first in either case.
        match memchr(b'>', &self.text.as_bytes()[self.at..]) {
            Some(close) => self.at += close + 1,
            None => self.at = self.text.len(),
        }
        self.at < self.text.len() || self.text.ends_with('>')
    }

    /// `<!DOCTYPE …>` with an internal subset in brackets, and whatever else starts with `<!`.
    pub(super) fn skip_declaration(&mut self) -> bool {
        let bytes = self.text.as_bytes();
        let inside = self.at + 2;
        let mut words = self.text[inside..].split_ascii_whitespace();
        let first = self.text[inside..].get(..7);
        let is_doctype = first.is_some_and(|word| word.eq_ignore_ascii_case("DOCTYPE"));
        // Behind the first element there is none: it is skipped up to the next tag at most.
        let close = if self.has_element {
            memchr2(b'>', b'<', &bytes[inside..])
        } else {
            memchr(b'>', &bytes[inside..])
        };
        let Some(mut close) = close else {
            self.at = bytes.len();
            return false;
        };
        if bytes[inside + close] == b'<' {
            self.repairs.at(Repair::UnclosedTag, self.at);
            self.at = inside + close;
            return true;
        }
        // Only the first counts, so that a heap of them costs no more than one.
        if is_doctype && self.doctype.is_none() && !self.has_element {
            self.doctype = words.nth(1).and_then(|word| word.split(['>', '[']).next());
            if let Some(open) = memchr(b'[', &bytes[inside..inside + close]) {
                let subset = &bytes[inside + open..];
                if let Some(end) = memmem::find(subset, b"]>").map(|e| e + 1).or_else(|| {
                    memchr(b']', subset).and_then(|b| memchr(b'>', &subset[b..]).map(|c| b + c))
                }) {
                    self.defines_entities |= memmem::find(&subset[..end], b"<!ENTITY").is_some();
                    close = open + end;
                }
            }
        }
        self.at = inside + close + 1;
        true
    }
}

/// Where `</element` stands in `text`, if it does.
fn find_end_tag(text: &[u8], element: &str) -> Option<usize> {
    if element.is_empty() {
        return None;
    }
    memmem::find_iter(text, b"</").find(|&at| {
        let name = &text[at + 2..];
        name.get(..element.len())
            .is_some_and(|n| n.eq_ignore_ascii_case(element.as_bytes()))
            && name
                .get(element.len())
                .is_none_or(|&b| b == b'>' || b.is_ascii_whitespace())
    })
}
