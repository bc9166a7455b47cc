//! Plain text out of HTML: for titles, for `*_text`, and for the hash that tells an update.
//!
//! One pass, no tree: tags go, references are read, white space collapses, blocks become lines. What comes out is
//! text, not markup: it is safe only where text is expected.

use memchr::{memchr, memchr2, memmem};

use super::entities;

/// An `<img …>` longer than this is not looked into.
const LONGEST_TAG: usize = 8 * 1024;

/// Which `<…>` are tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tags {
    /// All of them.
    All,
    /// Only HTML's own, so that a title may speak of `Vec<T>`.
    KnownOnly,
}

/// Appends the plain text of `html` to `out`.
pub fn html_to_text(html: &str, tags: Tags, out: &mut String) {
    let mut text = Collapser::new(out);
    let bytes = html.as_bytes();
    let mut at = 0;
    while let Some(found) = memchr2(b'<', b'&', &bytes[at..]) {
        let special = at + found;
        text.push(&html[at..special]);
        if bytes[special] == b'&' {
            let (_, len, character) = entities::read(&html[special..]);
            match character {
                Some(c) => text.push_char(c),
                None => text.push(&html[special..special + len]),
            }
            at = special + len;
        } else {
            at = special + skip_tag(&html[special..], tags, &mut text);
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
    let bytes = html.as_bytes();
    let mut at = 0;
    while let Some(found) = memchr(b'<', &bytes[at..]) {
        at += found + 1;
        let rest = &bytes[at..];
        if rest.len() > 4 && rest[..3].eq_ignore_ascii_case(b"img") && rest[3].is_ascii_whitespace()
        {
            let rest = &rest[..rest.len().min(LONGEST_TAG)];
            let end = memchr(b'>', rest).unwrap_or(0);
            let tag = super::markup::Attributes::new(
                html.get(at + 3..at + end).unwrap_or_default(),
                false,
            );
            if let Some(src) = tag.get("src").filter(|src| !src.trim().is_empty()) {
                return Some(src.trim());
            }
        }
    }
    None
}

/// The length of what starts with `<` at the start of `at`: a tag, a comment, or the `<` alone.
fn skip_tag(at: &str, tags: Tags, text: &mut Collapser) -> usize {
    let bytes = at.as_bytes();
    if bytes.starts_with(b"<!--") {
        return memmem::find(bytes, b"-->").map_or(bytes.len(), |end| end + 3);
    }
    let closing = bytes.get(1) == Some(&b'/');
    let name_at = 1 + usize::from(closing);
    let name_len = bytes[name_at..]
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric())
        .count();
    let is_tag = bytes
        .get(name_at)
        .is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'!' | b'?'));
    if !is_tag {
        text.push("<");
        return 1;
    }
    let Some(end) = memchr(b'>', bytes) else {
        // No tag ends any more: the rest is text, taken at once (looking again at each `<` would take for ever).
        text.push(at);
        return at.len();
    };
    let mut lower = [0u8; 12];
    let name = match lower.get_mut(..name_len) {
        Some(name) => {
            name.copy_from_slice(&bytes[name_at..name_at + name_len]);
            name.make_ascii_lowercase();
            std::str::from_utf8(name).unwrap_or_default()
        }
        None => "",
    };
    let kind = kind_of(name);
    if kind == Kind::Unknown && tags == Tags::KnownOnly {
        text.push("<");
        return 1;
    }
    match kind {
        Kind::Block => text.new_line(),
        Kind::Hidden if !closing => return hidden_len(bytes, name, end + 1),
        _ => {}
    }
    end + 1
}

/// A script or style ends with its end tag; what is between is no text.
fn hidden_len(bytes: &[u8], name: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(found) = memmem::find(&bytes[at..], b"</") {
        at += found;
        let after = &bytes[at + 2..];
        if after
            .get(..name.len())
            .is_some_and(|n| n.eq_ignore_ascii_case(name.as_bytes()))
        {
            return memchr(b'>', &bytes[at..]).map_or(bytes.len(), |end| at + end + 1);
        }
        at += 2;
    }
    bytes.len()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Block,
    Inline,
    Hidden,
    Unknown,
}

fn kind_of(name: &str) -> Kind {
    match name {
        "address" | "article" | "aside" | "blockquote" | "br" | "dd" | "details" | "div" | "dl"
        | "dt" | "fieldset" | "figcaption" | "figure" | "footer" | "form" | "h1" | "h2" | "h3"
        | "h4" | "h5" | "h6" | "header" | "hr" | "li" | "main" | "nav" | "ol" | "p" | "pre"
        | "section" | "summary" | "table" | "tbody" | "td" | "tfoot" | "th" | "thead" | "tr"
        | "ul" | "body" | "html" | "center" | "caption" => Kind::Block,
        "script" | "style" | "head" | "title" | "noscript" | "template" | "iframe" | "textarea" => {
            Kind::Hidden
        }
        "a" | "abbr" | "acronym" | "audio" | "b" | "bdi" | "bdo" | "big" | "button" | "canvas"
        | "cite" | "code" | "col" | "colgroup" | "data" | "del" | "dfn" | "em" | "embed"
        | "font" | "i" | "img" | "input" | "ins" | "kbd" | "label" | "legend" | "link" | "map"
        | "mark" | "meta" | "meter" | "nobr" | "object" | "option" | "param" | "picture"
        | "progress" | "q" | "rp" | "rt" | "ruby" | "s" | "samp" | "select" | "small"
        | "source" | "span" | "strike" | "strong" | "sub" | "sup" | "svg" | "time" | "track"
        | "tt" | "u" | "var" | "video" | "wbr" => Kind::Inline,
        _ => Kind::Unknown,
    }
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
            // A run of words with single spaces between them goes over in one piece.
            let from = at;
            while at < bytes.len() {
                let space = bytes[at].is_ascii_whitespace();
                if space
                    && (bytes[at] != b' ' || bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace))
                {
                    break;
                }
                at += 1;
            }
            self.close_gap();
            self.out.push_str(&text[from..at]);
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
        ] {
            assert_eq!(text(html, Tags::All), plain, "{html}");
        }
    }

    #[test]
    fn a_title_may_speak_of_angle_brackets() {
        assert_eq!(
            text("<b>Vec<T></b> &amp; more <3", Tags::KnownOnly),
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
}
