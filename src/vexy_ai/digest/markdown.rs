//! Text from outside in a message that screens make HTML of, by way of Markdown or without.
//!
//! What means something to either is written as a numeric character reference: that is the character itself to both, and
//! never structure (CommonMark 0.31, 2.5: <https://spec.commonmark.org/0.31.2/#entity-and-numeric-character-references>).

use std::fmt::Write;

use url::{Host, Url};

use crate::text::SafeText;

/// The longest address of a link, as it is written.
const URL_MAX_BYTES: usize = 1_024;

/// One line of plain text, of at most `max_bytes` before it is written so that it is plain text in Markdown and in HTML.
pub fn plain(text: &str, max_bytes: usize) -> String {
    let text = SafeText::cut(text, max_bytes);
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if c.is_ascii_punctuation() && !matches!(c, ',' | '.' | '-' | '/' | '%' | '?') {
            // Writing to a String cannot fail.
            let _ = write!(out, "&#{};", u32::from(c));
        } else {
            out.push(c);
        }
    }
    // Where it begins a line, it would be an item of a list.
    if let Some(rest) = out.strip_prefix('-') {
        return format!("&#45;{rest}");
    }
    out
}

/// A link whose text is plain; only the text where the address is none that a screen may lead to: http or https, a host
/// by its name or IPv4 address, and no user.
pub fn link(text: &str, max_bytes: usize, url: &str) -> String {
    let text = plain(text, max_bytes);
    match address(url) {
        Some(url) => format!("[{text}]({url})"),
        None => text,
    }
}

/// The address as it stands in a link: a part of neither Markdown nor HTML.
fn address(url: &str) -> Option<String> {
    if url.len() > URL_MAX_BYTES {
        return None;
    }
    let url = Url::parse(url.trim()).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https");
    let is_named = matches!(url.host()?, Host::Domain(_) | Host::Ipv4(_));
    let has_user = !url.username().is_empty() || url.password().is_some();
    if !is_web || !is_named || has_user {
        return None;
    }
    let mut out = String::with_capacity(url.as_str().len() + 16);
    for byte in url.as_str().bytes() {
        match byte {
            b'&' => out.push_str("&amp;"),
            b'(' | b')' | b'<' | b'>' | b'"' | b'\'' | b'`' | b'\\' | b'[' | b']' | b'{' | b'}'
            | b'|' | b'^' | b'*' | b'!' | b'$' => {
                let _ = write!(out, "%{byte:02X}");
            }
            // The parser leaves neither blanks nor anything beyond ASCII.
            b if b.is_ascii_graphic() => out.push(char::from(b)),
            _ => return None,
        }
    }
    (out.len() <= URL_MAX_BYTES).then_some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_means_something_to_markdown_or_html_is_a_reference() {
        assert_eq!(
            plain(
                "A <b>*bold*</b> & [x](javascript:1) `q` | 5% up, $NVDA",
                200
            ),
            "A &#60;b&#62;&#42;bold&#42;&#60;/b&#62; &#38; &#91;x&#93;&#40;javascript&#58;1&#41; &#96;q&#96; &#124; 5% up, &#36;NVDA"
        );
        assert_eq!(plain("- item\n# head", 200), "&#45; item &#35; head");
        assert_eq!(
            plain("Zürich 東京 \u{202e}x\u{1b}[0m", 200),
            "Zürich 東京 x\u{fffd}&#91;0m"
        );
        assert_eq!(plain("abcdef", 3), "abc");
    }

    #[test]
    fn only_the_web_is_linked_to() {
        assert_eq!(
            link("a]b", 99, "https://x.example/a(b)\"><script>?q=1&r=[2]*'"),
            "[a&#93;b](https://x.example/a%28b%29%22%3E%3Cscript%3E?q=1&amp;r=%5B2%5D%2A%27)"
        );
        assert_eq!(
            link("x", 9, "https://münchen.example/ü"),
            "[x](https://xn--mnchen-3ya.example/%C3%BC)"
        );
        for refused in [
            "javascript:alert(1)",
            "JAVASCRIPT:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,<script>",
            "ftp://x.example/",
            "//x.example/",
            "/a",
            "",
            "https://user:pw@x.example/",
            "https://user@x.example/",
            "https://[::1]/",
            "https://x .example/",
            "vbscript:x",
        ] {
            assert_eq!(link("x", 9, refused), "x", "{refused:?}");
        }
        let long = format!("https://x.example/{}", "(".repeat(600));
        assert_eq!(link("x", 9, &long), "x");
    }

    proptest! {
        /// Whatever a feed says: of HTML's and Markdown's own characters none is left but those of our link.
        #[test]
        fn no_text_and_no_address_gets_out_of_its_place(text in ".{0,200}", tail in ".{0,200}") {
            let out = link(&text, 4096, &format!("https://x.example/{tail}"));
            let (label, address) = match out.strip_prefix('[') {
                Some(rest) => {
                    let (label, address) = rest.split_once("](").expect("our link");
                    (label.to_owned(), address.strip_suffix(')').expect("its end").to_owned())
                }
                None => (out.clone(), String::new()),
            };
            prop_assert!(!label.contains(['<', '>', '"', '\'', '*', '_', '`', '[', ']', '(', ')', '\\', '|', '\n']));
            prop_assert!(label.split('&').skip(1).all(|rest| rest.starts_with('#')));
            prop_assert!(!address.contains(['<', '>', '"', '\'', '(', ')', '[', ']', '`', '\\', ' ', '\n', '*']));
            prop_assert!(address.is_empty() || address.starts_with("https://x.example"));
        }
    }
}
