//! Cookies for the way from one redirect to the next (RFC 6265). They are forgotten when the feed is there.

use ureq::http::HeaderMap;
use ureq::http::header::SET_COOKIE;
use url::{Host, Url};

use crate::feed::document::date;

/// Cookies of one fetch; what comes beyond is not kept.
const MAX_COOKIES: usize = 50;
/// The longest that is kept, attributes included.
const MAX_COOKIE_BYTES: usize = 4096;
/// The longest line that is sent; what does not fit into it stays here.
const MAX_LINE_BYTES: usize = 8192;

/// The cookies of one fetch.
#[derive(Debug, Default)]
pub(super) struct Jar {
    /// The oldest first.
    cookies: Vec<Cookie>,
}

#[derive(Debug)]
struct Cookie {
    name: String,
    value: String,
    domain: String,
    /// Only for the host that set it.
    host_only: bool,
    path: String,
    secure: bool,
}

impl Jar {
    /// Takes what the answer of `url` sets. `now_ts` judges whether it has run out.
    pub fn note(&mut self, url: &Url, headers: &HeaderMap, now_ts: i64) {
        for line in headers.get_all(SET_COOKIE) {
            let text = line
                .as_bytes()
                .iter()
                .map(|byte| char::from(*byte))
                .collect::<String>();
            if text.len() <= MAX_COOKIE_BYTES
                && let Some((cookie, is_over)) = read(url, &text, now_ts)
            {
                self.put(cookie, is_over);
            }
        }
    }

    /// What `url` is to be told, as Latin-1; `None` when there is nothing.
    pub fn line_for(&self, url: &Url) -> Option<String> {
        let mut meant: Vec<&Cookie> = self
            .cookies
            .iter()
            .filter(|cookie| cookie.is_for(url))
            .collect();
        // The most specific first; the sort keeps the older one before the younger.
        meant.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let mut line = String::new();
        for cookie in meant {
            let pair = format!("{}={}", cookie.name, cookie.value);
            if line.len() + pair.len() + 2 > MAX_LINE_BYTES {
                break;
            }
            if !line.is_empty() {
                line.push_str("; ");
            }
            line.push_str(&pair);
        }
        (!line.is_empty()).then_some(line)
    }

    fn put(&mut self, cookie: Cookie, is_over: bool) {
        let same = |known: &Cookie| {
            (&known.name, &known.domain, &known.path)
                == (&cookie.name, &cookie.domain, &cookie.path)
        };
        let at = self.cookies.iter().position(same);
        match at {
            Some(at) if is_over => drop(self.cookies.remove(at)),
            Some(at) => self.cookies[at] = cookie,
            None if !is_over && self.cookies.len() < MAX_COOKIES => self.cookies.push(cookie),
            None => {}
        }
    }
}

impl Cookie {
    fn is_for(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let is_host = host == self.domain || !self.host_only && is_below(host, &self.domain);
        is_host && path_matches(url.path(), &self.path) && (!self.secure || url.scheme() == "https")
    }
}

/// A cookie that `url` may set, and whether it has run out: then it takes an older one away.
fn read(url: &Url, text: &str, now_ts: i64) -> Option<(Cookie, bool)> {
    let mut parts = text.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || name.chars().chain(value.chars()).any(char::is_control) {
        return None;
    }
    let host = url.host_str()?;
    let mut cookie = Cookie {
        name: name.to_owned(),
        value: value.to_owned(),
        domain: host.to_owned(),
        host_only: true,
        path: folder_of(url.path()).to_owned(),
        secure: false,
    };
    let (mut expires_ts, mut max_age_sec) = (None, None);
    for part in parts {
        let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim();
        match attribute.trim().to_ascii_lowercase().as_str() {
            "expires" => expires_ts = date::parse(value).or(expires_ts),
            "max-age" => max_age_sec = value.parse::<i64>().ok().or(max_age_sec),
            "domain" => {
                let domain = value
                    .strip_prefix('.')
                    .unwrap_or(value)
                    .to_ascii_lowercase();
                cookie.host_only = domain.is_empty()
                    || domain == host && matches!(url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_)));
                cookie.domain = if domain.is_empty() {
                    host.to_owned()
                } else {
                    domain
                };
            }
            "path" => {
                let is_path = value.starts_with('/');
                cookie.path = if is_path {
                    value
                } else {
                    folder_of(url.path())
                }
                .to_owned();
            }
            "secure" => cookie.secure = true,
            _ => {}
        }
    }
    // Another site's cookie, one for all of `com`, or one that says it is secure over a line that is not.
    let is_of_host =
        host == cookie.domain || is_below(host, &cookie.domain) && cookie.domain.contains('.');
    if !is_of_host || cookie.secure && url.scheme() != "https" {
        return None;
    }
    let is_over = match (max_age_sec, expires_ts) {
        (Some(secs), _) => secs <= 0,
        (None, Some(ts)) => ts <= now_ts,
        (None, None) => false,
    };
    Some((cookie, is_over))
}

/// Whether a host's name ends with this domain. Addresses have no domains.
fn is_below(host: &str, domain: &str) -> bool {
    let is_name = host.parse::<std::net::IpAddr>().is_err() && !host.starts_with('[');
    is_name
        && host
            .strip_suffix(domain)
            .is_some_and(|rest| rest.ends_with('.'))
}

fn path_matches(path: &str, of_cookie: &str) -> bool {
    path.strip_prefix(of_cookie)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || of_cookie.ends_with('/'))
}

/// The path of a cookie that names none: all up to the last slash.
fn folder_of(path: &str) -> &str {
    match path.rfind('/') {
        Some(at) if at > 0 => &path[..at],
        _ => "/",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ureq::http::HeaderValue;

    const NOW_TS: i64 = 1_700_000_000;

    /// What `to` is told after `from` set these.
    fn told(from: &str, lines: &[&str], to: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SET_COOKIE, HeaderValue::from_str(line).expect("a value"));
        }
        let mut jar = Jar::default();
        jar.note(&Url::parse(from).expect("a URL"), &headers, NOW_TS);
        jar.line_for(&Url::parse(to).expect("a URL"))
    }

    #[test]
    #[allow(clippy::too_many_lines)] // A table of cases.
    fn a_cookie_goes_to_the_host_that_set_it_and_where_that_one_meant() {
        let from = "https://news.example.org/a/gate";
        for (line, to, sent) in [
            ("k=v; Path=/", "https://news.example.org/feed", true),
            ("k=v; Path=/", "https://news.example.org:8443/feed", true),
            ("k=v; Path=/", "https://example.org/feed", false),
            ("k=v; Path=/", "https://www.news.example.org/feed", false),
            (
                "k=v; Path=/; Domain=example.org",
                "https://www.example.org/feed",
                true,
            ),
            (
                "k=v; Path=/; Domain=.Example.org",
                "https://example.org/feed",
                true,
            ),
            (
                "k=v; Path=/; Domain=example.org",
                "https://notexample.org/feed",
                false,
            ),
            (
                "k=v; Path=/; Domain=other.org",
                "https://other.org/feed",
                false,
            ),
            (
                "k=v; Path=/; Domain=other.org",
                "https://news.example.org/feed",
                false,
            ),
            ("k=v; Path=/; Domain=org", "https://other.org/feed", false),
            (
                "k=v; Path=/; Domain=",
                "https://news.example.org/feed",
                true,
            ),
            ("k=v", "https://news.example.org/a/feed", true),
            ("k=v", "https://news.example.org/b/feed", false),
            ("k=v; Path=/b", "https://news.example.org/b/feed", true),
            ("k=v; Path=/b", "https://news.example.org/b", true),
            ("k=v; Path=/b", "https://news.example.org/bc", false),
            ("k=v; Path=/b/", "https://news.example.org/b/c", true),
            ("k=v; Path=b", "https://news.example.org/a/x", true),
            ("k=v; path=/; secure", "https://news.example.org/feed", true),
            ("k=v; Path=/; Secure", "http://news.example.org/feed", false),
            (
                "k=v; Path=/; HttpOnly; SameSite=Strict; Priority=High",
                "https://news.example.org/",
                true,
            ),
            ("k=v; Path=/; Max-Age=0", "https://news.example.org/", false),
            (
                "k=v; Path=/; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
                "https://news.example.org/",
                true,
            ),
            (
                "k=v; Path=/; Expires=Thu, 01-Jan-1970 00:00:00 GMT",
                "https://news.example.org/",
                false,
            ),
            (
                "k=v; Path=/; Expires=Fri, 01-Jan-99 00:00:00 GMT",
                "https://news.example.org/",
                false,
            ),
            (
                "k=v; Path=/; Expires=Wed, 01 Jan 2070 00:00:00 GMT",
                "https://news.example.org/",
                true,
            ),
            (
                "k=v; Path=/; Expires=soon",
                "https://news.example.org/",
                true,
            ),
            ("=v; Path=/", "https://news.example.org/", false),
            ("no pair", "https://news.example.org/a/", false),
        ] {
            let told = told(from, &[line], to);
            assert_eq!(told.as_deref(), sent.then_some("k=v"), "{line} to {to}");
        }
        assert_eq!(
            told(
                "http://127.0.0.1/",
                &["k=v; Domain=0.0.1"],
                "http://127.0.0.1/"
            ),
            None
        );
        assert_eq!(
            told(
                "http://127.0.0.1/",
                &["k=v; Domain=127.0.0.1"],
                "http://127.0.0.1:81/"
            )
            .as_deref(),
            Some("k=v")
        );
        assert_eq!(
            told("http://a.org/", &["k=v; Secure; Path=/"], "https://a.org/"),
            None
        );
    }

    #[test]
    fn the_last_word_counts_and_the_narrower_path_goes_first() {
        let url = "http://a.org/b/c";
        assert_eq!(
            told(url, &["k=1; Path=/", "l=2; Path=/b", "k=3; Path=/"], url).as_deref(),
            Some("l=2; k=3")
        );
        assert_eq!(
            told(url, &["k=1; Path=/", "k=; Path=/; Max-Age=-1"], url),
            None
        );
        assert_eq!(
            told(url, &["k=a=b; Path=/", "e=; Path=/"], url).as_deref(),
            Some("k=a=b; e=")
        );
    }

    #[test]
    fn there_is_a_limit_to_what_is_kept_and_sent() {
        let long = format!("k={}", "v".repeat(MAX_COOKIE_BYTES));
        assert_eq!(told("http://a.org/", &[&long], "http://a.org/"), None);
        let many: Vec<String> = (0..200)
            .map(|n| format!("k{n}={}", "v".repeat(1_000)))
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let line = told("http://a.org/", &many, "http://a.org/").expect("some");
        assert!(line.len() <= MAX_LINE_BYTES && line.starts_with("k0="));
    }
}
