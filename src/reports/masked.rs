//! URLs as they may be shown: what stands behind a `?`, and before an `@` of a host, may be a key. Pure.

use std::borrow::Cow;

use serde_json::Value as Json;

/// What stands in place of what is not shown.
const MASK: &str = "…";
const SCHEME_END: &str = "://";

/// `text`, in which no URL shows a query, a fragment or a user part. A URL ends at a blank, a quote or an angle bracket.
pub fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains(SCHEME_END) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(SCHEME_END) {
        let (before, from_host) = rest.split_at(at + SCHEME_END.len());
        out.push_str(before);
        let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`');
        let end = from_host.find(is_end).unwrap_or(from_host.len());
        push_masked(&mut out, &from_host[..end]);
        rest = &from_host[end..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// A URL without its scheme.
fn push_masked(out: &mut String, url: &str) {
    let authority_end = url.find(['/', '?', '#']).unwrap_or(url.len());
    let (authority, path) = url.split_at(authority_end);
    match authority.rsplit_once('@') {
        Some((_, host)) => {
            out.push_str(MASK);
            out.push('@');
            out.push_str(host);
        }
        None => out.push_str(authority),
    }
    match path.find(['?', '#']) {
        Some(at) => {
            out.push_str(&path[..=at]);
            out.push_str(MASK);
        }
        None => out.push_str(path),
    }
}

/// Masks every string of a document, names of fields too.
pub fn mask_all(json: &mut Json) {
    match json {
        Json::String(text) => {
            if let Cow::Owned(masked) = masked(text) {
                *text = masked;
            }
        }
        Json::Array(list) => list.iter_mut().for_each(mask_all),
        Json::Object(fields) => {
            fields.values_mut().for_each(mask_all);
            if fields.keys().any(|name| name.contains(SCHEME_END)) {
                let all = std::mem::take(fields).into_iter();
                *fields = all.map(|(n, v)| (masked(&n).into_owned(), v)).collect();
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_url_shows_neither_query_nor_user_wherever_it_stands() {
        for (text, shown) in [
            ("no address at all?", "no address at all?"),
            ("https://a.example/rss", "https://a.example/rss"),
            (
                "https://a.example/rss?key=s3cret",
                "https://a.example/rss?…",
            ),
            ("https://a.example/rss#s3cret", "https://a.example/rss#…"),
            ("https://a.example?key=s3cret", "https://a.example?…"),
            ("https://me:s3cret@a.example/x", "https://…@a.example/x"),
            (
                "moved to 'https://a/?k=s3cret' and http://b/?q=s3cret, twice",
                "moved to 'https://a/?…' and http://b/?… twice",
            ),
            ("https://a/?to=https://b/?k=s3cret", "https://a/?…"),
            ("://", "://"),
        ] {
            assert_eq!(masked(text), shown);
        }
    }

    #[test]
    fn no_string_of_a_document_keeps_a_query() {
        let mut document = json!({
            "a": ["https://x/?k=s3cret", 1, null],
            "https://y/?k=s3cret": {"b": "https://z/?k=s3cret"},
        });
        mask_all(&mut document);
        assert!(!document.to_string().contains("s3cret"), "{document}");
        assert_eq!(document["https://y/?…"]["b"], "https://z/?…");
    }
}
