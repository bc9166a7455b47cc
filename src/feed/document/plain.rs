//! Plain text out of HTML: for titles, for `*_text`, and for the hash that tells an update.
//!
//! One pass, no tree: tags go, references are read, white space collapses, blocks become lines. What comes out is
//! text, not markup: it is safe only where text is expected.

mod tag;
mod words;

use memchr::{memchr, memchr2, memmem};

use super::attributes::Attributes;
use super::entities;
use tag::{Kind, Tag, TagReader};
pub use tag::{ends_name, is_word};

/// How the start of a CDATA section is written, and its end.
pub const SECTION: &str = "<![CDATA[";
pub const SECTION_END: &str = "]]>";

/// Which `<…>` are tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tags {
    /// All of them.
    All,
    /// Only those that a line of running text has, so that a title may speak of `Vec<T>`, of `<A.N>` and of `<input>`,
    /// and loses no word behind them. Whether a title of RSS is text or markup was never settled.
    OfALine,
}

/// Appends the plain text of `html` to `out`.
pub fn html_to_text(html: &str, tags: Tags, out: &mut String) {
    let mut text = Reading {
        html,
        tags,
        words: Collapser::new(out),
        reader: TagReader::new(html),
        sections: 0,
        unended: Vec::new(),
        endless_comments: false,
        endless_declarations: false,
    };
    let bytes = html.as_bytes();
    let mut at = 0;
    while let Some(found) = memchr2(b'<', b'&', &bytes[at..]) {
        let special = at + found;
        text.push(&html[at..special]);
        if bytes[special] == b'&' {
            let (_, len, character) = entities::read(&html[special..]);
            match character {
                Some(c) => text.words.push_char(c),
                None => text.words.push(&html[special..special + len]),
            }
            at = special + len;
        } else {
            at = text.markup(special);
        }
    }
    text.push(&html[at..]);
}

/// Appends `plain` with its white space collapsed.
pub fn collapse(plain: &str, out: &mut String) {
    Collapser::new(out).push(plain);
}

/// Escapes text so that it shows as itself in HTML.
pub fn escape(plain: &str, out: &mut String) {
    let mut done = 0;
    for (at, byte) in plain.bytes().enumerate() {
        let escaped = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            _ => continue,
        };
        out.push_str(&plain[done..at]);
        out.push_str(escaped);
        done = at + 1;
    }
    out.push_str(&plain[done..]);
}

/// The value of the first `<img src>` in `html`, unread.
pub fn first_image(html: &str) -> Option<&str> {
    let mut reader = TagReader::new(html);
    let mut at = 0;
    while let Some(found) = memchr(b'<', &html.as_bytes()[at..]) {
        at += found;
        if html[at..].starts_with("<!--") {
            at += memmem::find(&html.as_bytes()[at..], b"-->")?;
        }
        let Some(tag) = reader.read(&html[at..]) else {
            at += 1;
            continue;
        };
        at += tag.len;
        if tag.is_closed && tag.name.eq_ignore_ascii_case("img") {
            let src = Attributes::new(tag.attributes, false).get("src");
            if let Some(src) = src.filter(|src| !src.trim().is_empty()) {
                return Some(src.trim());
            }
        }
    }
    None
}

/// The reading of one text.
struct Reading<'h, 'o> {
    html: &'h str,
    tags: Tags,
    words: Collapser<'o>,
    reader: TagReader,
    /// CDATA sections that are open: so many `]]>` are no text.
    sections: usize,
    /// Hidden elements that have no end tag any more: what follows their start tags is text.
    unended: Vec<&'h str>,
    /// No comment has an end any more.
    endless_comments: bool,
    /// Nor has a declaration.
    endless_declarations: bool,
}

impl<'h> Reading<'h, '_> {
    /// Takes a piece without markup and references.
    fn push(&mut self, mut piece: &'h str) {
        while self.sections > 0
            && let Some((before, after)) = piece.split_once(SECTION_END)
        {
            self.sections -= 1;
            self.words.push(before);
            piece = after;
        }
        self.words.push(piece);
    }

    /// Reads what starts with the `<` at `at`: a tag, a comment, or the `<` alone. Returns where it ends.
    fn markup(&mut self, at: usize) -> usize {
        let here = &self.html[at..];
        if here.starts_with(SECTION) {
            // HTML knows no sections: whoever wrote one meant what is in it.
            self.sections += 1;
            return at + SECTION.len();
        }
        let hidden = match here.as_bytes().get(1) {
            Some(b'!') if here.starts_with("<!--") => self.comment_len(here),
            Some(b'!' | b'?') if self.tags == Tags::All && !self.endless_declarations => {
                let end = memchr(b'>', here.as_bytes()).map(|end| end + 1);
                self.endless_declarations = end.is_none();
                end
            }
            _ => None,
        };
        if let Some(len) = hidden {
            return at + len;
        }
        let tag = self.reader.read(here).filter(|tag| match self.tags {
            // One without an end, at the end of a text that was cut, is as it stands.
            Tags::All => !is_word(tag.name) && (tag.is_closed || tag.len < here.len()),
            Tags::OfALine => tag.is_closed && tag::is_of_a_line(tag.name),
        });
        match tag {
            Some(tag) => self.tag(&tag, at + tag.len),
            None => {
                self.words.push("<");
                at + 1
            }
        }
    }

    /// The length of a comment. Without an end it goes on to the end of a page; a headline only speaks of it.
    fn comment_len(&mut self, here: &str) -> Option<usize> {
        let end = (!self.endless_comments)
            .then(|| memmem::find(here.as_bytes(), b"-->"))
            .flatten();
        self.endless_comments |= end.is_none();
        end.map(|end| end + "-->".len())
            .or((self.tags == Tags::All).then_some(here.len()))
    }

    /// Takes a tag that ends at `end`; returns where to go on.
    fn tag(&mut self, tag: &Tag<'h>, end: usize) -> usize {
        match tag::kind(tag.name) {
            Kind::Block => self.words.new_line(),
            Kind::Hidden if !tag.is_end && !tag.attributes.ends_with('/') => {
                return self.hidden(tag.name, end);
            }
            _ => {}
        }
        end
    }

    /// Where a hidden element ends that starts at `from`.
    fn hidden(&mut self, name: &'h str, from: usize) -> usize {
        if self
            .unended
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
        {
            return from;
        }
        match element_end(&self.html[from..], name) {
            Some(end) => from + end,
            // What is left of a program is none the less no text.
            None if is_program(name) => self.html.len(),
            None => {
                self.unended.push(name);
                from
            }
        }
    }
}

/// Where `</name …>` ends in `html`, if it is there.
pub fn element_end(html: &str, name: &str) -> Option<usize> {
    let bytes = html.as_bytes();
    let is_named = |&at: &usize| {
        let after = &bytes[at + 2..];
        let is_name = |end: &[u8]| end.eq_ignore_ascii_case(name.as_bytes());
        after.get(..name.len()).is_some_and(is_name)
            && after.get(name.len()).is_none_or(tag::ends_name)
    };
    let at = memmem::find_iter(bytes, b"</").find(is_named)?;
    Some(memchr(b'>', &bytes[at..]).map_or(html.len(), |end| at + end + 1))
}

/// Is what the element holds written for machines?
pub fn is_program(name: &str) -> bool {
    name.eq_ignore_ascii_case("script") || name.eq_ignore_ascii_case("style")
}

/// Writes text with one space for any white space, and one line break between blocks.
struct Collapser<'o> {
    out: &'o mut String,
    start: usize,
    gap: Gap,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Space,
    Line,
}

impl<'o> Collapser<'o> {
    fn new(out: &'o mut String) -> Collapser<'o> {
        let start = out.len();
        Collapser {
            out,
            start,
            gap: Gap::None,
        }
    }

    fn push(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at].is_ascii_whitespace() {
                self.gap = self.gap.max(Gap::Space);
                at += 1;
                continue;
            }
            let len = words::run_len(&bytes[at..]);
            self.close_gap();
            self.out.push_str(&text[at..at + len]);
            at += len;
        }
    }

    fn push_char(&mut self, c: char) {
        if c.is_whitespace() {
            self.gap = self.gap.max(Gap::Space);
        } else {
            self.close_gap();
            self.out.push(c);
        }
    }

    fn new_line(&mut self) {
        self.gap = Gap::Line;
    }

    fn close_gap(&mut self) {
        let gap = std::mem::replace(&mut self.gap, Gap::None);
        if self.out.len() > self.start {
            match gap {
                Gap::None => {}
                Gap::Space => self.out.push(' '),
                Gap::Line => self.out.push('\n'),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(html: &str, tags: Tags) -> String {
        let mut out = String::new();
        html_to_text(html, tags, &mut out);
        out
    }

    #[test]
    fn tags_go_and_blocks_become_lines() {
        for (html, plain) in [
            ("  a \n b  ", "a b"),
            (
                "<p>One <b>bold</b> word</p><p>Two</p>",
                "One bold word\nTwo",
            ),
            ("a&nbsp;&amp;&nbsp;b", "a & b"),
            ("x<script>alert(1)</script>y<!-- c -->z", "xyz"),
            ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
            ("cut <a href='x", "cut <a href='x"),
            ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
            ("é<br/>è", "é\nè"),
            // A damaged byte ends a name, and is no part of it.
            ("<p>a</p\u{fffd}<b>b</b\u{fffd}>c", "a\nbc"),
        ] {
            assert_eq!(text(html, Tags::All), plain, "{html}");
        }
    }

    #[test]
    fn a_title_may_speak_of_angle_brackets() {
        assert_eq!(
            text("<b>Vec<T></b> &amp; more <3", Tags::OfALine),
            "Vec<T> & more <3"
        );
    }

    #[test]
    fn the_first_image_is_found_whatever_its_attributes() {
        assert_eq!(first_image("<p><IMG alt=x src='a.png'>"), Some("a.png"));
        assert_eq!(
            first_image("<img><img src=\"\"><img\nsrc=b.png >"),
            Some("b.png")
        );
        assert_eq!(first_image("<imgx src=a>"), None);
    }

    #[test]
    fn no_text_costs_more_than_its_length() {
        let started = std::time::Instant::now();
        for piece in [
            "<a \" b=\">",
            "<a b=\">\" ",
            "<x b='",
            "<b ",
            "<title>",
            "<TITLE><head>",
            "<!--",
            "<!",
            "<?",
            "<![CDATA[",
            "]]>",
            "<img alt=\"",
        ] {
            let hostile = piece.repeat(400_000 / piece.len());
            text(&hostile, Tags::All);
            text(&hostile, Tags::OfALine);
            first_image(&hostile);
        }
        let took = started.elapsed();
        assert!(took < std::time::Duration::from_secs(20), "{took:?}");
    }
}
