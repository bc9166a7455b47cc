//! URLs as feeds write them: absolute ones stay byte for byte, relative ones are resolved.

use std::borrow::Cow;

use url::Url;

/// Longest URL that is kept.
pub const LONGEST: usize = 8 * 1024;

/// Absolute by its own words, over HTTP, and with a host.
pub fn is_http(url: &str) -> bool {
    let scheme = |name: &str| {
        url.get(..name.len())
            .is_some_and(|s| s.eq_ignore_ascii_case(name))
    };
    let rest = if scheme("http://") {
        &url[7..]
    } else if scheme("https://") {
        &url[8..]
    } else {
        return false;
    };
    url.len() <= LONGEST
        && rest
            .bytes()
            .next()
            .is_some_and(|b| !matches!(b, b'/' | b'?' | b'#' | b':'))
}

/// Is it relative, or over HTTP? What another scheme names is no web page.
pub fn may_be_http(url: &str) -> bool {
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    match url.trim_start().split_once(':') {
        Some((scheme, _)) if scheme.bytes().all(is_name) => {
            scheme.eq_ignore_ascii_case("http")
                || scheme.eq_ignore_ascii_case("https")
                || !scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        }
        _ => true,
    }
}

/// The URL without ampersands that were escaped once too often: no server has a parameter named `amp;page`.
pub fn unescaped(url: &str) -> Cow<'_, str> {
    const ESCAPED: [&str; 5] = ["&amp;", "&AMP;", "&#38;", "&#038;", "&#x26;"];
    let mut url = Cow::Borrowed(url);
    while url.len() <= LONGEST
        && let Some(escaped) = ESCAPED.iter().find(|escaped| url.contains(**escaped))
    {
        url = Cow::Owned(url.replace(escaped, "&"));
    }
    url
}

/// An absolute http(s) URL; `None` for any other scheme, and for what is no URL at all.
pub fn resolve<'u>(url: &'u str, base: Option<&str>) -> Option<Cow<'u, str>> {
    if is_http(url) {
        // White space within would end the URL where it is shown; all else stays as it was written.
        return Some(
            if url.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"')) {
                Cow::Owned(Url::parse(url).ok()?.into())
            } else {
                Cow::Borrowed(url)
            },
        );
    }
    if url.len() > LONGEST {
        return None;
    }
    let joined = match base.and_then(|base| Url::parse(base).ok()) {
        Some(base) => base.join(url).ok()?,
        None => Url::parse(url).ok()?,
    };
    (matches!(joined.scheme(), "http" | "https") && joined.has_host())
        .then(|| Cow::Owned(joined.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_url_stays_byte_for_byte() {
        for url in [
            "http://Example.org:80/%7Efoo/../bar?b=2&a=1#x",
            "HTTPS://example.org",
            "http://example.org/ä",
        ] {
            assert_eq!(
                resolve(url, Some("http://base.example/")).as_deref(),
                Some(url)
            );
        }
    }

    #[test]
    fn a_relative_url_is_resolved() {
        let base = Some("http://example.org/a/b?c");
        for (url, absolute) in [
            ("d", "http://example.org/a/d"),
            ("/d", "http://example.org/d"),
            ("//cdn.example/d", "http://cdn.example/d"),
            ("?d=1", "http://example.org/a/b?d=1"),
            ("", "http://example.org/a/b?c"),
        ] {
            assert_eq!(resolve(url, base).as_deref(), Some(absolute), "{url}");
        }
    }

    #[test]
    fn nothing_but_http_passes() {
        for url in [
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://example.org/",
            "mailto:a@b",
            "http://",
            "http:///x",
        ] {
            assert_ne!(resolve(url, None).as_deref(), Some(url));
        }
        assert_eq!(
            resolve("javascript:alert(1)", Some("http://example.org/")),
            None
        );
        assert_eq!(resolve("relative", None), None);
    }
}
