//! Where the next page is.
//!
//! Of a `next_url` only path and query count, and they are sent to where the first page came from: a foreign host or
//! another path would carry the key elsewhere, and a page that was seen already would go round for ever.

use std::collections::HashSet;
use std::fmt;

use url::{Url, form_urlencoded};

use crate::massive::answer::request::decoded;

/// Hosts that are one and the same vendor.
const VENDOR_HOSTS: [&str; 2] = ["api.massive.com", "api.polygon.io"];

/// Why a page cannot be followed. Each fails the whole chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadCursor {
    NotAUrl,
    ForeignHost,
    OtherPath,
    SeenBefore,
}

impl fmt::Display for BadCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadCursor::NotAUrl => "the vendor's next page is no URL",
            BadCursor::ForeignHost => "the vendor's next page is on a foreign host",
            BadCursor::OtherPath => "the vendor's next page is on another path",
            BadCursor::SeenBefore => "the vendor's next page was there before",
        })
    }
}

/// Follows the pages of one answer.
#[derive(Clone, Debug)]
pub struct Cursors {
    host: String,
    path: String,
    seen: HashSet<String>,
}

impl Cursors {
    /// `host` is whom the pages are asked of, `path` where the first one is (decoded, without a query).
    pub fn new(host: &str, path: &str) -> Cursors {
        Cursors {
            host: host.to_ascii_lowercase(),
            path: path.to_owned(),
            seen: HashSet::new(),
        }
    }

    /// Path and query of the next page, without any key in it.
    ///
    /// # Errors
    /// It cannot be followed.
    pub fn follow(&mut self, next_url: &str) -> Result<String, BadCursor> {
        let url = Url::parse(next_url).map_err(|_| BadCursor::NotAUrl)?;
        if !self.is_same_vendor(url.host_str().unwrap_or_default()) {
            return Err(BadCursor::ForeignHost);
        }
        let path: Vec<String> = url.path().split('/').map(decoded).collect();
        if path.join("/") != self.path {
            return Err(BadCursor::OtherPath);
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in url.query_pairs() {
            if !name.eq_ignore_ascii_case("apiKey") {
                query.append_pair(&name, &value);
            }
        }
        let next = format!("{}?{}", url.path(), query.finish());
        match self.seen.insert(next.clone()) {
            true => Ok(next),
            false => Err(BadCursor::SeenBefore),
        }
    }

    fn is_same_vendor(&self, host: &str) -> bool {
        let is_vendor = |host: &str| VENDOR_HOSTS.contains(&host);
        host == self.host || (is_vendor(host) && is_vendor(&self.host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/v3/snapshot/options/I:SPX";

    fn cursors() -> Cursors {
        Cursors::new("api.massive.com", PATH)
    }

    #[test]
    fn path_and_query_are_followed_without_the_key() {
        let mut cursors = cursors();
        for (next_url, followed) in [
            (
                "https://api.massive.com/v3/snapshot/options/I:SPX?cursor=abc",
                "/v3/snapshot/options/I:SPX?cursor=abc",
            ),
            (
                "https://api.polygon.io/v3/snapshot/options/I%3ASPX?cursor=d%2Be&apiKey=k&apikey=k",
                "/v3/snapshot/options/I%3ASPX?cursor=d%2Be",
            ),
        ] {
            assert_eq!(cursors.follow(next_url).as_deref(), Ok(followed));
        }
    }

    #[test]
    fn what_leads_elsewhere_or_round_is_refused() {
        let mut cursors = cursors();
        for (next_url, bad) in [
            ("/v3/snapshot/options/I:SPX?cursor=a", BadCursor::NotAUrl),
            (
                "https://evil.example/v3/snapshot/options/I:SPX?cursor=a",
                BadCursor::ForeignHost,
            ),
            (
                "https://api.massive.com.evil.example/v3/snapshot/options/I:SPX?c=a",
                BadCursor::ForeignHost,
            ),
            (
                "https://api.massive.com@evil.example/v3/snapshot/options/I:SPX?c=a",
                BadCursor::ForeignHost,
            ),
            (
                "https://api.massive.com/v3/snapshot/options/SPY?cursor=a",
                BadCursor::OtherPath,
            ),
            (
                "https://api.massive.com/v3/snapshot/options/I:SPX/../../x?c=a",
                BadCursor::OtherPath,
            ),
        ] {
            assert_eq!(cursors.follow(next_url), Err(bad), "{next_url}");
        }
        let next = "https://api.massive.com/v3/snapshot/options/I:SPX?cursor=a";
        assert!(cursors.follow(next).is_ok());
        assert_eq!(cursors.follow(next), Err(BadCursor::SeenBefore));
        let other_name = next.replace("massive.com", "polygon.io");
        assert_eq!(cursors.follow(&other_name), Err(BadCursor::SeenBefore));
    }

    #[test]
    fn a_vendor_elsewhere_is_only_itself() {
        let mut cursors = Cursors::new("127.0.0.1", PATH);
        let next = "http://127.0.0.1:8080/v3/snapshot/options/I:SPX?cursor=a";
        assert!(cursors.follow(next).is_ok());
        let real = "https://api.massive.com/v3/snapshot/options/I:SPX?cursor=b";
        assert_eq!(cursors.follow(real), Err(BadCursor::ForeignHost));
    }
}
