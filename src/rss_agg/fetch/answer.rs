//! What the headers of an answer say: when to come back, what kind of document it is, and how to ask next time.

use std::time::Duration;

use ureq::http::HeaderMap;
use ureq::http::header::{
    AGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, DATE, ETAG, HeaderName, LAST_MODIFIED,
    RETRY_AFTER,
};

use crate::net::retry_after::{http_date_ms, retry_after};
use crate::rss_agg::schedule::pace::DAY_SEC;

/// The longest that a server may want to be left alone.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(DAY_SEC);

/// The longest validator that is kept and sent back; a longer one is no validator.
const MAX_VALIDATOR_BYTES: usize = 1024;

/// What a server gave to ask with next time, byte for byte, and the URL that gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// The URL that answered: another URL would not know what they mean.
    pub url: String,
    pub etag: Option<Vec<u8>>,
    pub last_modified: Option<Vec<u8>>,
}

impl Validators {
    pub(super) fn from_headers(url: &str, headers: &HeaderMap) -> Validators {
        let bytes = |name: HeaderName| {
            let value = headers.get(name)?.as_bytes();
            (!value.is_empty() && value.len() <= MAX_VALIDATOR_BYTES).then(|| value.to_vec())
        };
        Validators {
            url: url.to_owned(),
            etag: bytes(ETAG),
            last_modified: bytes(LAST_MODIFIED),
        }
    }

    /// Whether there is anything to ask with.
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }
}

/// How long the server wants to be left alone, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerHints {
    pub retry_after_sec: Option<u64>,
    /// `max-age` less `Age`.
    pub max_age_sec: Option<u64>,
}

impl ServerHints {
    /// `now_ts` is only used where the server does not say what it takes for now.
    pub(super) fn from_headers(headers: &HeaderMap, now_ts: i64) -> ServerHints {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let now_ms = text(DATE).and_then(http_date_ms);
        let now_ms = now_ms.unwrap_or_else(|| now_ts.saturating_mul(1000));
        let age: u64 = text(AGE)
            .and_then(|age| age.trim().parse().ok())
            .unwrap_or(0);
        ServerHints {
            retry_after_sec: text(RETRY_AFTER)
                .and_then(|value| retry_after(value, now_ms, RETRY_AFTER_MAX))
                .map(whole_secs),
            max_age_sec: headers
                .get_all(CACHE_CONTROL)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .find_map(max_age)
                .map(|max_age| max_age.saturating_sub(age)),
        }
    }
}

/// The header as text, when it is text.
pub(super) fn content_type(headers: &HeaderMap) -> Option<String> {
    Some(headers.get(CONTENT_TYPE)?.to_str().ok()?.to_owned())
}

/// All codings in the order in which they were applied, also when they come in several headers.
pub(super) fn content_encoding(headers: &HeaderMap) -> Option<String> {
    let labels: Vec<_> = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    (!labels.is_empty()).then(|| labels.join(","))
}

/// Half a second more does no harm.
fn whole_secs(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn max_age(value: &str) -> Option<u64> {
    value.split(',').find_map(|directive| {
        let (name, secs) = directive.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("max-age") {
            return None;
        }
        secs.trim().trim_matches('"').parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ureq::http::HeaderValue;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name.clone(), HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date_by_the_servers_own_clock() {
        let now_ts = 1_000;
        for (pairs, secs) in [
            (vec![(RETRY_AFTER, "120")], Some(120)),
            (vec![(RETRY_AFTER, " 1.5 ")], Some(2)),
            (vec![(RETRY_AFTER, "-3")], None),
            (vec![(RETRY_AFTER, "soon")], None),
            (
                vec![(RETRY_AFTER, "Thu, 01 Jan 1970 01:00:00 GMT")],
                Some(2600),
            ),
            (
                vec![(RETRY_AFTER, "Thu, 01 Jan 1970 00:00:00 GMT")],
                Some(0),
            ),
            (
                vec![
                    (DATE, "Tue, 24 Nov 2026 22:00:00 GMT"),
                    (RETRY_AFTER, "Tue, 24 Nov 2026 22:05:00 GMT"),
                ],
                Some(300),
            ),
            (vec![], None),
        ] {
            let hints = ServerHints::from_headers(&headers(&pairs), now_ts);
            assert_eq!(hints.retry_after_sec, secs, "{pairs:?}");
        }
    }

    #[test]
    fn max_age_counts_less_the_age_it_already_has() {
        for (pairs, secs) in [
            (vec![(CACHE_CONTROL, "public, Max-Age=600")], Some(600)),
            (
                vec![
                    (CACHE_CONTROL, "max-age=\"600\", must-revalidate"),
                    (AGE, "150"),
                ],
                Some(450),
            ),
            (vec![(CACHE_CONTROL, "max-age=60"), (AGE, "100")], Some(0)),
            (
                vec![(CACHE_CONTROL, "no-cache"), (CACHE_CONTROL, "max-age=5")],
                Some(5),
            ),
            (vec![(CACHE_CONTROL, "s-maxage=60, no-store")], None),
        ] {
            let hints = ServerHints::from_headers(&headers(&pairs), 0);
            assert_eq!(hints.max_age_sec, secs, "{pairs:?}");
        }
    }

    #[test]
    fn validators_are_kept_byte_for_byte() {
        let mut map = HeaderMap::new();
        let odd = b"W/\"a\xe9 b--gzip\"";
        map.insert(ETAG, HeaderValue::from_bytes(odd).expect("a header value"));
        map.insert(
            LAST_MODIFIED,
            HeaderValue::from_static("yesterday, I think"),
        );
        let validators = Validators::from_headers("http://a/", &map);
        assert_eq!(validators.etag.as_deref(), Some(&odd[..]));
        assert_eq!(
            validators.last_modified.as_deref(),
            Some(&b"yesterday, I think"[..])
        );
        assert!(!validators.is_empty());
        assert!(Validators::from_headers("http://a/", &HeaderMap::new()).is_empty());
    }
}
