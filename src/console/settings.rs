//! What the environment says of the console.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use crate::env::{Env, Secret};
use crate::http::Host;
use crate::service::Error;

/// Where it listens, unless `CONSOLE_LISTEN` says otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8480";
/// A shorter token can be guessed.
const TOKEN_MIN: usize = 32;
/// Live clients, unless `CONSOLE_LIVE_MAX` says otherwise.
const LIVE_MAX: f64 = 256.0;
/// Hosts that may be named.
const HOSTS_MAX: usize = 64;

/// How the console is reached, and by whom.
#[derive(Clone, Debug)]
pub struct Settings {
    pub listen: SocketAddr,
    /// Names under which it is reached, besides this machine's own.
    pub hosts: Vec<Host>,
    pub token: Option<Secret>,
    /// The field in which a proxy names the user, and from where it is believed.
    pub proxy: Option<Proxy>,
    /// Reading is open though it is not bound to this machine alone.
    pub open: bool,
    pub live: usize,
}

/// A proxy that says who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// In small letters.
    pub field: String,
    pub from: Vec<IpAddr>,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// When one cannot be used; it names the variable and what to write instead.
    pub fn from_env(env: &Env) -> Result<Settings, Error> {
        let listen = env.text("CONSOLE_LISTEN", DEFAULT_LISTEN)?;
        let address = listen.to_socket_addrs().ok().and_then(|mut all| all.next());
        let listen = address.ok_or_else(|| {
            wrong(
                "CONSOLE_LISTEN",
                &format!("no address and port; write {DEFAULT_LISTEN}, say"),
            )
        })?;
        let token = env.secret("CONSOLE_TOKEN")?;
        if token
            .as_ref()
            .is_some_and(|token| token.expose().len() < TOKEN_MIN)
        {
            let remedy = "openssl rand -hex 32 writes one";
            return Err(wrong(
                "CONSOLE_TOKEN",
                &format!("shorter than {TOKEN_MIN} characters; {remedy}"),
            ));
        }
        if token
            .as_ref()
            .is_some_and(|token| !token.expose().bytes().all(|b| b.is_ascii_graphic()))
        {
            return Err(wrong(
                "CONSOLE_TOKEN",
                "blanks or other than ASCII characters in it; use others",
            ));
        }
        Ok(Settings {
            listen,
            hosts: hosts(env)?,
            token,
            proxy: proxy(env)?,
            open: env.flag("CONSOLE_OPEN", false)?,
            live: env.number("CONSOLE_LIVE_MAX", LIVE_MAX, 1.0, 10_000.0)? as usize,
        })
    }

    /// Whether anybody can be told from anybody else.
    pub fn knows_identities(&self) -> bool {
        self.token.is_some() || self.proxy.is_some()
    }
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

fn hosts(env: &Env) -> Result<Vec<Host>, Error> {
    let text = env.text("CONSOLE_HOSTS", "")?;
    let hosts: Option<Vec<Host>> = list(&text).map(Host::parse).collect();
    hosts
        .filter(|hosts| hosts.len() <= HOSTS_MAX)
        .ok_or_else(|| {
            wrong(
                "CONSOLE_HOSTS",
                "no list of hosts; write status.example.org,10.0.0.7, say",
            )
        })
}

fn proxy(env: &Env) -> Result<Option<Proxy>, Error> {
    let (header, from) = ("CONSOLE_PROXY_USER_HEADER", "CONSOLE_PROXY_FROM");
    let (field, addresses) = (env.text(header, "")?, env.text(from, "")?);
    if field.is_empty() && addresses.is_empty() {
        return Ok(None);
    }
    let field = field.trim().to_ascii_lowercase();
    let is_field = !field.is_empty()
        && field
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
    // What every client sends, or could be mistaken for, names nobody.
    let is_taken = ["host", "cookie", "authorization", "origin"].contains(&field.as_str());
    if !is_field || is_taken {
        return Err(wrong(
            header,
            "no name of a field that a proxy sets; write Remote-User, say",
        ));
    }
    let all: Result<Vec<IpAddr>, _> = list(&addresses).map(str::parse).collect();
    match all {
        Ok(from) if !from.is_empty() => Ok(Some(Proxy { field, from })),
        _ => Err(wrong(
            from,
            "no list of addresses; write that of the proxy: 127.0.0.1, say",
        )),
    }
}

fn wrong(name: &str, what: &str) -> Error {
    Error::Config(format!("{name}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_cannot_be_used_is_named_and_its_value_is_not() {
        let token = "s3cret-0123456789-0123456789-0123456789";
        let good = [
            ("CONSOLE_LISTEN", "[::1]:9"),
            ("CONSOLE_TOKEN", token),
            ("CONSOLE_HOSTS", "status.example.org, 10.0.0.7"),
            ("CONSOLE_PROXY_USER_HEADER", "Remote-User"),
            ("CONSOLE_PROXY_FROM", "10.0.0.1,::1"),
        ];
        let settings = Settings::from_env(&Env::from_pairs(good)).expect("usable");
        assert_eq!((settings.hosts.len(), settings.live), (2, 256));
        assert_eq!(
            settings.proxy.map(|p| p.field).as_deref(),
            Some("remote-user")
        );
        for (name, value) in [
            ("CONSOLE_LISTEN", "s3cret"),
            ("CONSOLE_LISTEN", "127.0.0.1"),
            ("CONSOLE_TOKEN", "s3cret"),
            ("CONSOLE_TOKEN", "s3cret s3cret s3cret s3cret s3cret s3cret"),
            ("CONSOLE_HOSTS", "s3cret/x"),
            ("CONSOLE_LIVE_MAX", "0"),
            ("CONSOLE_OPEN", "s3cret"),
            ("CONSOLE_PROXY_USER_HEADER", "s3cret:x"),
            ("CONSOLE_PROXY_USER_HEADER", "Host"),
            ("CONSOLE_PROXY_FROM", "10.0.0.1"),
        ] {
            let error = Settings::from_env(&Env::from_pairs([(name, value)]));
            let error = error.expect_err(name).to_string();
            assert!(
                error.contains("CONSOLE_") && !error.contains("s3cret"),
                "{error}"
            );
        }
    }
}
