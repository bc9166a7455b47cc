//! Where a bus is.

use std::fmt;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use super::{BusError, ConnectionRegistry};
use crate::net::trust_store::{Protocol, TrustStore};

/// What to do about a secret that a URL cannot hold as it is.
const PERCENT: &str = "user or password hold a character that means something in a URL; write it percent-encoded: \
                       # as %23, / as %2F, ? as %3F, @ as %40, % as %25";

/// A parsed `redis://` or `rediss://` URL.
///
/// `Display` and `Debug` print it without user, password and database: safe for every log and error.
/// Two addresses are equal when they reach the same server: host, port and TLS agree.
#[derive(Clone)]
pub struct Address {
    info: ConnectionInfo,
    host: String,
    port: u16,
    tls: bool,
    context: ConnectionContext,
}

/// What an address is reached with: what all connections of a process have in common.
#[derive(Clone)]
pub struct ConnectionContext {
    /// Which servers a `rediss://` bus may be.
    pub trust: TrustStore,
    /// Where its connections are known.
    pub connections: ConnectionRegistry,
}

impl Default for ConnectionContext {
    /// The public CAs, and connections that nobody else knows.
    fn default() -> ConnectionContext {
        ConnectionContext {
            trust: TrustStore::public(Protocol::Redis),
            connections: ConnectionRegistry::default(),
        }
    }
}

impl Address {
    /// Parses `url`; `origin` says in errors where it came from (`SYSTEM_REDIS_URL`, `buses.market-redis.url`).
    ///
    /// # Errors
    /// [`BusError::BadUrl`], which names `origin` and says what to write instead; never the URL, which may hold a password.
    pub fn parse(url: &str, origin: &str) -> Result<Address, BusError> {
        let bad = |reason: String| BusError::BadUrl {
            origin: origin.to_owned(),
            reason,
        };
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| bad("it has no scheme; write redis://HOST:PORT".into()))?;
        if !matches!(scheme, "redis" | "rediss") {
            return Err(bad(format!(
                "scheme `{}` is not redis or rediss; write redis://HOST:PORT",
                crate::text::cut(scheme, 16)
            )));
        }
        if rest.is_empty() {
            return Err(bad("it names no host; write redis://HOST:PORT".into()));
        }
        // Where the URL's standard ends the host, whatever stands before an `@` further on was meant as a secret.
        if let Some(end) = rest.find(['/', '?', '#'])
            && rest[end..].contains('@')
        {
            return Err(bad(PERCENT.into()));
        }
        if rest.contains('#') {
            let reason = "it ends in a `#…`; certificates are always checked: write redis://HOST:PORT or rediss://HOST:PORT";
            return Err(bad(reason.into()));
        }
        // TLS is our own; to the Redis crate it is an address like any other.
        let info = format!("redis://{rest}")
            .into_connection_info()
            .map_err(|_| match rest.rsplit_once('@') {
                Some((login, _)) if login.contains(['%', '@', '[', ']', '\\']) => {
                    bad(PERCENT.into())
                }
                _ => bad("it is not a URL; write redis://HOST:PORT".into()),
            })?;
        let (host, port) = match info.addr() {
            ConnectionAddr::Tcp(host, port) => (host.clone(), *port),
            _ => return Err(bad("only TCP is spoken; write redis://HOST:PORT".into())),
        };
        Ok(Address {
            info,
            host,
            port,
            tls: scheme == "rediss",
            context: ConnectionContext::default(),
        })
    }

    /// Host name or IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the link is encrypted (`rediss://`).
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// The database that a log-in selects.
    pub fn database(&self) -> i64 {
        self.info.redis_settings().db()
    }

    /// The same address, reached in `context`.
    pub fn by(mut self, context: &ConnectionContext) -> Address {
        self.context = context.clone();
        self
    }

    pub(super) fn context(&self) -> &ConnectionContext {
        &self.context
    }

    /// What the log-in needs; holds secrets.
    /// Who we are to it, if that is said.
    pub fn user(&self) -> Option<&str> {
        self.info().redis_settings().username()
    }

    pub(super) fn info(&self) -> &ConnectionInfo {
        &self.info
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Address) -> bool {
        (&self.host, self.port, self.tls) == (&other.host, other.port, other.tls)
    }
}

impl Eq for Address {}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "rediss" } else { "redis" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_a_url_cannot_hold_is_to_be_percent_encoded() {
        for secret in ["hunter#2", "hunter/2", "hunter?2", "/", "a@b#c", "%ff"] {
            let url = format!("redis://:{secret}@h:6379");
            let error = Address::parse(&url, "MY_URL").expect_err(&url).to_string();
            assert!(
                error.starts_with("MY_URL: ") && error.contains("%23"),
                "{error}"
            );
            assert!(!error.contains("hunter"), "{error}");
        }
        for (secret, meant) in [
            ("a@b", "a@b"),
            ("50%25", "50%"),
            ("%23%2F%3F%40", "#/?@"),
            ("a:b", "a:b"),
        ] {
            let url = format!("redis://bob:{secret}@h:6379/2");
            let address = Address::parse(&url, "MY_URL").expect(&url);
            assert_eq!((address.host(), address.port()), ("h", 6379));
            let settings = address.info().redis_settings();
            assert_eq!(settings.password(), Some(meant));
            assert_eq!(settings.username(), Some("bob"));
        }
    }

    #[test]
    fn an_address_never_prints_its_secrets() {
        let a = Address::parse("rediss://bob:hunter2@example.net:7000/3", "TEST").expect("valid");
        assert_eq!(
            format!("{a} {a:?}"),
            "rediss://example.net:7000 rediss://example.net:7000"
        );
        let error = Address::parse("http://bob:hunter2@x", "MY_URL")
            .expect_err("not redis")
            .to_string();
        assert!(
            error.contains("MY_URL") && !error.contains("hunter2"),
            "{error}"
        );
    }

    #[test]
    fn a_bad_url_says_what_to_write() {
        for url in [
            "",
            "127.0.0.1:6379",
            "redis://",
            "unix:///x",
            "redis://h:99999",
            "rediss://h/#insecure",
        ] {
            let error = Address::parse(url, "REDIS_URL").expect_err(url).to_string();
            assert!(
                error.contains("REDIS_URL") && error.contains("redis://HOST:PORT"),
                "{url}: {error}"
            );
        }
    }
}
