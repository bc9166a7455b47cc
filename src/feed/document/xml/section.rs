//! CDATA sections that became text: escaped once too often, or written into one another.

use std::borrow::Cow;

use crate::feed::document::plain::{SECTION, SECTION_END};

/// How the start of a section is written in HTML that shows it, and its end.
const SHOWN: &str = "&lt;![CDATA[";
const SHOWN_END: &str = "]]&gt;";

/// The text within the section that is all there is to `text`. One that only begins in it, or has other sections in or
/// behind it, is cleared of their starts and ends.
pub fn unwrapped(text: Cow<'_, str>) -> Cow<'_, str> {
    if starts_with_section(&text) {
        cleared(text)
    } else {
        text
    }
}

/// Does the text begin as a section does?
fn starts_with_section(text: &str) -> bool {
    text.starts_with(SECTION) || text.starts_with(SHOWN)
}

/// The text without the starts of sections, and without so many ends.
pub fn cleared(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => match slice(text) {
            Some(inside) => Cow::Borrowed(inside),
            None => Cow::Owned(copy(text)),
        },
        Cow::Owned(text) => Cow::Owned(copy(&text)),
    }
}

/// What is within the only section.
fn slice(text: &str) -> Option<&str> {
    let inside = text
        .strip_prefix(SECTION)
        .and_then(|inside| inside.strip_suffix(SECTION_END))
        .or_else(|| text.strip_prefix(SHOWN)?.strip_suffix(SHOWN_END))?;
    (!inside.contains("![CDATA[") && !inside.contains("]]")).then(|| inside.trim())
}

fn copy(text: &str) -> String {
    let mut clear = String::with_capacity(text.len());
    let mut open = 0;
    let mut rest = text;
    while let Some(at) = memchr::memchr3(b'<', b'&', b']', rest.as_bytes()) {
        clear.push_str(&rest[..at]);
        rest = &rest[at..];
        let start = [SECTION, SHOWN].into_iter().find(|s| rest.starts_with(s));
        let end = [SECTION_END, SHOWN_END]
            .into_iter()
            .find(|e| open > 0 && rest.starts_with(e));
        let len = match (start, end) {
            (Some(start), _) => {
                open += 1;
                start.len()
            }
            (None, Some(end)) => {
                open -= 1;
                end.len()
            }
            (None, None) => {
                clear.push_str(&rest[..1]);
                1
            }
        };
        rest = &rest[len..];
    }
    clear.push_str(rest);
    let lead = clear.len() - clear.trim_start().len();
    clear.truncate(clear.trim_end().len());
    clear.drain(..lead.min(clear.len()));
    clear
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_sections_stays_and_their_marks_go() {
        for (written, text) in [
            ("words", "words"),
            ("a <![CDATA[b]]>", "a <![CDATA[b]]>"),
            ("<![CDATA[words]]>", "words"),
            ("<![CDATA[ words ]]>", "words"),
            ("<![CDATA[words", "words"),
            ("<![CDATA[]]>", ""),
            ("<![CDATA[a[0]]>", "a[0"),
            ("<![CDATA[a]]> and <![CDATA[b]]>", "a and b"),
            ("<![CDATA[<![CDATA[a]]>]]>", "a"),
            ("<![CDATA[a <![CDATA[b]]> c]]> d]]>", "a b c d]]>"),
            ("&lt;![CDATA[AT&amp;T]]&gt;", "AT&amp;T"),
            ("&lt;![CDATA[x]]>", "x"),
            ("<![CDATA[é]]&gt; ü", "é ü"),
        ] {
            assert_eq!(unwrapped(Cow::Borrowed(written)), text, "{written}");
            assert_eq!(
                unwrapped(Cow::Owned(written.to_string())),
                text,
                "{written}"
            );
        }
    }
}
