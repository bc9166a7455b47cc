//! One walk over the tags of a text: what is allowed is written anew, properly nested; the rest is left out.
//!
//! Nothing of the source is copied as it stands. A tag that comes out was written here, from a fixed list of names;
//! text and attribute values are read and escaped again. So a browser reads the result just as this module wrote it,
//! however differently the two might have read the source. And there is no tree: the cost is that of one pass,
//! whatever nests or misnests.

use super::DEPTH_MAX;
use super::allow::{self, Element, Group, Kind, Rule, Value};
use crate::feed::document::{Attributes, Token, Tokenizer, entities, plain, url};

/// Writes what is allowed of `html`. `true` when tags nested too deep and were left out.
pub fn walk(html: &str, base: &str, out: &mut String) -> bool {
    let mut walk = Walk {
        tokens: Tokenizer::html(html),
        base,
        out,
        open: Vec::new(),
        left_out: Vec::new(),
        too_deep: false,
        sections: 0,
        unended: Vec::new(),
    };
    walk.run();
    walk.too_deep
}

/// Writes text so that it shows as itself; references in it are read first.
pub fn write_text(raw: &str, out: &mut String) {
    let bytes = raw.as_bytes();
    let mut at = 0;
    while let Some(found) = memchr::memchr3(b'&', b'<', b'>', &bytes[at..]) {
        let special = at + found;
        out.push_str(&raw[at..special]);
        at = special + 1;
        match bytes[special] {
            b'<' => out.push_str("&lt;"),
            b'>' => out.push_str("&gt;"),
            _ => {
                let (_, len, character) = entities::read(&raw[special..]);
                match character {
                    Some('&') | None => out.push_str("&amp;"),
                    Some('<') => out.push_str("&lt;"),
                    Some('>') => out.push_str("&gt;"),
                    Some('\u{a0}') => out.push_str("&nbsp;"),
                    Some(c) => out.push(c),
                }
                // An unknown reference stays as it was written, now behind an escaped `&`.
                at = if character.is_some() {
                    special + len
                } else {
                    special + 1
                };
            }
        }
    }
    out.push_str(&raw[at..]);
}

struct Walk<'a, 'o> {
    tokens: Tokenizer<'a>,
    base: &'a str,
    out: &'o mut String,
    open: Vec<Element>,
    /// How many start tags of each name were left out for being too deep: so many end tags go too.
    left_out: Vec<(&'static str, usize)>,
    too_deep: bool,
    /// CDATA sections that are open: so many `]]>` are no text.
    sections: usize,
    /// Elements that go with what is in them, and have no end tag any more.
    unended: Vec<&'a str>,
}

impl<'a> Walk<'a, '_> {
    fn run(&mut self) {
        loop {
            match self.tokens.next("") {
                Token::Text(text) => self.text(text),
                // Only its start: whoever wrote a section into HTML meant what is in it.
                Token::Cdata(_) => self.sections += 1,
                Token::Start { name, .. } if plain::is_word(name) => {
                    write_text("<", self.out);
                    let behind = self.tokens.start() + 1;
                    self.tokens.rewind(behind);
                }
                Token::Start {
                    name,
                    attributes,
                    empty,
                } => match allow::element(name) {
                    Rule::Keep(element) => self.start(element, attributes, empty),
                    Rule::Unwrap => {}
                    Rule::Remove if empty => {}
                    Rule::Remove => self.remove(name),
                },
                Token::End { name } => {
                    if let Rule::Keep(element) = allow::element(name) {
                        self.end(element);
                    }
                }
                Token::Cut | Token::Eof => return self.close_to(0),
            }
        }
    }

    fn text(&mut self, mut text: &str) {
        while self.sections > 0
            && let Some((before, after)) = text.split_once(plain::SECTION_END)
        {
            self.sections -= 1;
            write_text(before, self.out);
            text = after;
        }
        write_text(text, self.out);
    }

    fn start(&mut self, element: Element, attributes: Attributes, empty: bool) {
        if element.kind == Kind::Void {
            return self.void(element, attributes);
        }
        if let Kind::Part(Group::Cell | Group::Row | Group::Rows) = element.kind
            && self.container() != Some("table")
        {
            // HTML knows no such thing outside of a table: only what is in it stays.
            return;
        }
        let ends = match element.kind {
            Kind::Part(group) => self.part_before(group),
            Kind::Container if element.name == "table" => {
                self.table_before().or_else(|| self.paragraph())
            }
            Kind::Block | Kind::Container => self.paragraph(),
            Kind::Inline | Kind::Void => None,
        };
        if let Some(at) = ends {
            self.close_to(at);
        }
        if self.open.len() >= DEPTH_MAX {
            self.too_deep = true;
            if !empty {
                *self.left_out(element.name) += 1;
            }
            return;
        }
        self.write_start(element, attributes);
        self.open.push(element);
        if empty {
            // `<p/>` opens a paragraph in HTML; whoever wrote it meant an empty one.
            self.close_to(self.open.len() - 1);
        }
    }

    fn void(&mut self, element: Element, attributes: Attributes) {
        let start = self.out.len();
        let has_url = self.write_start(element, attributes);
        // A picture without an address that may be followed shows nothing.
        if element.name == "img" && !has_url {
            self.out.truncate(start);
        }
    }

    fn end(&mut self, element: Element) {
        let left_out = self.left_out(element.name);
        if *left_out > 0 {
            *left_out -= 1;
            return;
        }
        if let Some(at) = self.open.iter().rposition(|open| open.name == element.name) {
            self.close_to(at);
        }
    }

    fn left_out(&mut self, name: &'static str) -> &mut usize {
        let at = self
            .left_out
            .iter()
            .position(|(known, _)| *known == name)
            .unwrap_or_else(|| {
                self.left_out.push((name, 0));
                self.left_out.len() - 1
            });
        &mut self.left_out[at].1
    }

    /// The innermost open list or table.
    fn container(&self) -> Option<&'static str> {
        let open = self
            .open
            .iter()
            .rev()
            .find(|open| open.kind == Kind::Container);
        open.map(|open| open.name)
    }

    /// The outermost open part that a new one ends, within the same list or table.
    fn part_before(&self, group: Group) -> Option<usize> {
        let inside = self
            .open
            .iter()
            .rposition(|open| open.kind == Kind::Container)
            .map_or(0, |at| at + 1);
        let ended = |open: &Element| matches!(open.kind, Kind::Part(other) if group.ends(other));
        self.open[inside..]
            .iter()
            .position(ended)
            .map(|at| inside + at)
    }

    /// The open table that another one ends: it may hold one only in a cell or its caption.
    fn table_before(&self) -> Option<usize> {
        let holds = |open: &Element| {
            matches!(open.name, "table" | "caption") || open.kind == Kind::Part(Group::Cell)
        };
        let at = self.open.iter().rposition(holds)?;
        (self.open[at].name == "table").then_some(at)
    }

    /// The open paragraph that a block ends.
    fn paragraph(&self) -> Option<usize> {
        let at = self
            .open
            .iter()
            .rposition(|open| open.kind != Kind::Inline)?;
        (self.open[at].name == "p").then_some(at)
    }

    fn close_to(&mut self, at: usize) {
        for element in self.open.drain(at..).rev() {
            self.out.push_str("</");
            self.out.push_str(element.name);
            self.out.push('>');
        }
    }

    /// Writes a start tag with what is allowed of its attributes; says whether one of them is a URL.
    fn write_start(&mut self, element: Element, attributes: Attributes) -> bool {
        let mut has_url = false;
        let mut written: Vec<&str> = Vec::new();
        self.out.push('<');
        self.out.push_str(element.name);
        for (name, value) in attributes.iter() {
            let Some((name, kind)) = allow::attribute(element.name, name) else {
                continue;
            };
            // The first of two attributes with one name is the one that counts.
            if written.contains(&name) {
                continue;
            }
            let Some(value) = safe_value(value, kind, self.base) else {
                continue;
            };
            written.push(name);
            has_url |= matches!(kind, Value::Url | Value::Link);
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push_str("=\"");
            write_value(&value, self.out);
            self.out.push('"');
        }
        if element.name == "a" {
            self.out.push_str(" rel=\"noopener noreferrer\"");
        }
        self.out.push('>');
        has_url
    }

    /// Skips an element with all that is in it. Where it has no end, only what was written for machines goes with it.
    fn remove(&mut self, name: &'a str) {
        let is_known = |known: &&str| known.eq_ignore_ascii_case(name);
        if self.unended.iter().any(is_known) {
            return;
        }
        let from = self.tokens.at();
        let rest = &self.tokens.text()[from..];
        match plain::element_end(rest, name) {
            Some(end) => self.tokens.rewind(from + end),
            None if plain::is_program(name) => self.tokens.rewind(from + rest.len()),
            None => self.unended.push(name),
        }
    }
}

/// The value as it may stay.
fn safe_value(raw: &str, kind: Value, base: &str) -> Option<String> {
    let value = entities::decode(raw, |_, _| ());
    match kind {
        Value::Words => Some(value.into_owned()),
        Value::Number => {
            let number = value.trim();
            let digits = number.strip_suffix(['%']).unwrap_or(number);
            let is_number =
                (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| number.to_string())
        }
        Value::Link
            if value
                .trim()
                .get(..7)
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("mailto:")) =>
        {
            let address = value.trim();
            address
                .bytes()
                .all(|b| b.is_ascii_graphic())
                .then(|| address.to_string())
        }
        Value::Url | Value::Link => {
            url::resolve(value.trim(), Some(base)).map(std::borrow::Cow::into_owned)
        }
    }
}

fn write_value(value: &str, out: &mut String) {
    let mut plain_from = 0;
    for (at, byte) in value.bytes().enumerate() {
        let (len, escaped) = match byte {
            b'&' => (1, "&amp;"),
            b'<' => (1, "&lt;"),
            b'>' => (1, "&gt;"),
            b'"' => (1, "&quot;"),
            0xc2 if value[at..].starts_with('\u{a0}') => (2, "&nbsp;"),
            _ => continue,
        };
        out.push_str(&value[plain_from..at]);
        out.push_str(escaped);
        plain_from = at + len;
    }
    out.push_str(&value[plain_from..]);
}

#[cfg(test)]
mod tests;
