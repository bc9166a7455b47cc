//! URLs in truth: where a bus is, and what must not stand in any URL.

use super::naming_rules::is_secret;

/// Where a Redis listens, as a URL of truth says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RedisLocation<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// The database in its path.
    pub(super) database: u16,
}

/// Reads `redis://host[:port][/db]` or `rediss://…`; the error says what is wrong with it, without repeating it.
pub(super) fn redis_location(url: &str) -> Result<RedisLocation<'_>, &'static str> {
    let rest = url
        .strip_prefix("redis://")
        .or_else(|| url.strip_prefix("rediss://"))
        .ok_or("not a Redis URL")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    // Before all else, so that no other message comes to quote it.
    if authority.contains('@') {
        return Err("a user or password in a URL");
    }
    let db = path.strip_prefix('/').unwrap_or(path);
    if !db.bytes().all(|b| b.is_ascii_digit()) || db.len() > 4 {
        return Err("a Redis URL whose path is no database number");
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_host = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
            !host.is_empty() && host.len() <= 253 && host.bytes().all(allowed)
        }
    };
    if !is_host {
        return Err("a Redis URL without a proper host");
    }
    let port = match port {
        None => 6379,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or("a Redis URL whose port is not 1 to 65535")?,
        Some(_) => return Err("a Redis URL whose port is not 1 to 65535"),
    };
    // At most four digits, or none.
    let database = db.parse().unwrap_or(0);
    Ok(RedisLocation {
        host,
        port,
        database,
    })
}

/// What in `text` is a credential inside a URL, if anything: a user or password, or a parameter named like a secret.
pub(super) fn credential_in(text: &str) -> Option<&'static str> {
    text.match_indices("://").find_map(|(i, _)| {
        let rest = &text[i + 3..];
        let rest = &rest[..rest.find(char::is_whitespace).unwrap_or(rest.len())];
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        if authority.contains('@') {
            return Some("a user or password in a URL");
        }
        let (_, query) = rest.split_once(['?', '#'])?;
        query
            .split(['&', ';', '#', '?'])
            .filter_map(|pair| pair.split_once('='))
            .any(|(name, value)| !value.is_empty() && is_secret(name))
            .then_some("a secret among the parameters of a URL")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_url_names_a_host_and_a_port() {
        let place = |host, port| {
            let database = if port == 7 && host == "[::1]" { 12 } else { 0 };
            Ok(RedisLocation {
                host,
                port,
                database,
            })
        };
        for (url, read) in [
            ("redis://system-redis", place("system-redis", 6379)),
            ("redis://127.0.0.1:6390/", place("127.0.0.1", 6390)),
            ("rediss://[::1]:7/12", place("[::1]", 7)),
            ("redis://[::1]", place("[::1]", 6379)),
            ("http://a", Err("not a Redis URL")),
            ("redis://u:p@a", Err("a user or password in a URL")),
            ("redis://", Err("a Redis URL without a proper host")),
            ("redis://a b", Err("a Redis URL without a proper host")),
            (
                "redis://a:0",
                Err("a Redis URL whose port is not 1 to 65535"),
            ),
            (
                "redis://a:70000",
                Err("a Redis URL whose port is not 1 to 65535"),
            ),
            (
                "redis://a:+7",
                Err("a Redis URL whose port is not 1 to 65535"),
            ),
            (
                "redis://a/x",
                Err("a Redis URL whose path is no database number"),
            ),
            (
                "redis://a?p=1",
                Err("a Redis URL whose path is no database number"),
            ),
        ] {
            assert_eq!(redis_location(url), read, "{url}");
        }
    }

    #[test]
    fn a_credential_is_found_wherever_a_url_hides_it() {
        for bad in [
            "https://me:pw@example.org/rss",
            "see redis://x@y",
            "https://example.org/rss?a=1&api_key=abc",
            "https://example.org/#access-token=abc",
        ] {
            assert!(credential_in(bad).is_some(), "{bad}");
        }
        for good in [
            "https://example.org/@someone?tokens=3&key=x",
            "mail me@example.org",
            "https://example.org/?token=",
        ] {
            assert!(credential_in(good).is_none(), "{good}");
        }
    }
}
