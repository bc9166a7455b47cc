//! Who asks, and what they may do. Pure.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use super::settings::Settings;
use crate::clock::Mono;
use crate::http::{Host, Request};
use crate::text::SafeText;

/// The cookie of a login.
pub const COOKIE: &str = "console";
/// A login lasts so long, in seconds.
pub const LOGIN_SEC: i64 = 12 * 3600;
/// Wrong tokens of one address within [`WRONG_WITHIN`]; then nobody is heard from there until it is over.
const WRONG_MAX: usize = 5;
const WRONG_WITHIN: Duration = Duration::from_secs(60);
/// Wrong tokens that are remembered, of all addresses together; the oldest go.
const WRONG_KEPT_MAX: usize = 256 * WRONG_MAX;
/// Longest name of a user.
const USER_MAX_BYTES: usize = 64;
/// Fields that tell of a proxy in front.
const FORWARDED: [&str; 6] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "via",
];

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Somebody known by this name.
    Known(SafeText),
    /// Somebody at this machine, of whom nothing else is known: may read.
    Local,
}

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nobody knows who asks.
    NoIdentity,
    /// It was sent by another site's page, or may have been.
    Origin,
    /// The body is none that a page of another site could not send.
    MediaType,
    /// Too many wrong tokens.
    TooMany,
    /// It is meant for another host.
    Misdirected,
}

impl Denied {
    /// The status that says so.
    pub fn status(self) -> u16 {
        match self {
            Denied::NoIdentity => 401,
            Denied::Origin => 403,
            Denied::MediaType => 415,
            Denied::TooMany => 429,
            Denied::Misdirected => 421,
        }
    }

    /// What to do about it.
    pub fn words(self) -> &'static str {
        match self {
            Denied::NoIdentity => "log in, or send the token: Authorization: Bearer …",
            Denied::Origin => "only a page of this console, or a client with a token, may do that",
            Denied::MediaType => "the body has to be application/json",
            Denied::TooMany => "too many wrong tokens; wait a minute",
            Denied::Misdirected => "this host is not known here; name it in CONSOLE_HOSTS",
        }
    }
}

/// The door.
#[derive(Debug)]
pub struct Access {
    settings: Settings,
    key: Option<hmac::Key>,
    /// Of the token: compared in constant time, whatever its length.
    token: Option<hmac::Tag>,
    /// When wrong tokens came and from where, the latest last.
    wrong: VecDeque<(Mono, IpAddr)>,
}

impl Access {
    /// By these settings.
    pub fn new(settings: Settings) -> Access {
        let token = settings
            .token
            .as_ref()
            .map(|token| token.expose().as_bytes());
        Access {
            key: token.map(|token| hmac::Key::new(hmac::HMAC_SHA256, token)),
            token: token.map(|token| hmac::sign(&comparing(), token)),
            wrong: VecDeque::new(),
            settings,
        }
    }

    /// Whether there is a token to log in with.
    pub fn has_login(&self) -> bool {
        self.key.is_some()
    }

    /// Refuses what is meant for another host, so that no page of another site can ask by a name of its own that leads
    /// here (DNS rebinding).
    ///
    /// # Errors
    /// When it is.
    pub fn host(&self, request: &Request) -> Result<(), Denied> {
        let host = request.field("host").and_then(Host::parse);
        let bound = self.settings.listen.ip();
        let is_ours = |host: &Host| {
            host.is_loopback()
                || self.settings.hosts.contains(host)
                || (!bound.is_unspecified() && *host == Host::Ip(bound))
        };
        host.filter(is_ours).map(drop).ok_or(Denied::Misdirected)
    }

    /// Who asks, if that may read.
    ///
    /// # Errors
    /// When nobody knows, or when too many wrong tokens came.
    pub fn reader(
        &mut self,
        request: &Request,
        peer: SocketAddr,
        now: Mono,
        now_ts: i64,
    ) -> Result<Who, Denied> {
        if let Some(user) = self.identity(request, peer, now, now_ts)? {
            return Ok(Who::Known(user));
        }
        let is_local = self.settings.open || self.settings.listen.ip().is_loopback();
        let host = request.field("host").and_then(Host::parse);
        let names_this = host.is_some_and(|host| host.is_loopback());
        let is_forwarded = FORWARDED.iter().any(|field| request.has(field));
        match !self.settings.knows_identities() && is_local && names_this && !is_forwarded {
            true => Ok(Who::Local),
            false => Err(Denied::NoIdentity),
        }
    }

    /// Who asks for something to be done, if that may.
    ///
    /// # Errors
    /// When nobody knows who, when it may come from another site's page, or when it is no JSON.
    pub fn actor(
        &mut self,
        request: &Request,
        peer: SocketAddr,
        now: Mono,
        now_ts: i64,
    ) -> Result<SafeText, Denied> {
        let user = self
            .identity(request, peer, now, now_ts)?
            .ok_or(Denied::NoIdentity)?;
        same_origin(request)?;
        let media = request.field("content-type").unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        match media.eq_ignore_ascii_case("application/json") {
            true => Ok(user),
            false => Err(Denied::MediaType),
        }
    }

    fn identity(
        &mut self,
        request: &Request,
        peer: SocketAddr,
        now: Mono,
        now_ts: i64,
    ) -> Result<Option<SafeText>, Denied> {
        if let Some(bearer) = bearer(request) {
            return match self.is_token(bearer, peer.ip(), now)? {
                true => Ok(Some("token".into())),
                false => Err(Denied::NoIdentity),
            };
        }
        let cookie = request.cookie(COOKIE);
        if cookie.is_some_and(|cookie| self.is_login(cookie, now_ts)) {
            return Ok(Some("token".into()));
        }
        Ok(self.named_by_proxy(request, peer.ip()))
    }

    fn named_by_proxy(&self, request: &Request, peer: IpAddr) -> Option<SafeText> {
        let proxy = self.settings.proxy.as_ref()?;
        let peer = peer.to_canonical();
        proxy
            .from
            .iter()
            .any(|from| from.to_canonical() == peer)
            .then_some(())?;
        let user = SafeText::cut(request.field(&proxy.field)?, USER_MAX_BYTES);
        (!user.is_empty()).then_some(user)
    }

    /// Whether `given`, which came from `peer`, is the token. Wrong ones are counted by address, so that nobody can keep
    /// others out.
    ///
    /// # Errors
    /// When too many wrong ones came from there.
    pub fn is_token(&mut self, given: &str, peer: IpAddr, now: Mono) -> Result<bool, Denied> {
        while (self.wrong.front()).is_some_and(|(at, _)| now.since(*at) >= WRONG_WITHIN) {
            self.wrong.pop_front();
        }
        let from = one_user(peer);
        if self.wrong.iter().filter(|(_, who)| *who == from).count() >= WRONG_MAX {
            return Err(Denied::TooMany);
        }
        let token = self.token.as_ref();
        let is_right = token.is_some_and(|token| {
            hmac::verify(&comparing(), given.as_bytes(), token.as_ref()).is_ok()
        });
        if !is_right {
            if self.wrong.len() == WRONG_KEPT_MAX {
                self.wrong.pop_front();
            }
            self.wrong.push_back((now, from));
        }
        Ok(is_right)
    }

    /// The value of the cookie of somebody who logs in now: until when it lasts, and proof that this was said here.
    /// `None` without a token. It survives a restart, and ends with another token.
    pub fn login(&self, now_ts: i64) -> Option<String> {
        let until = (now_ts + LOGIN_SEC).to_string();
        let tag = hmac::sign(self.key.as_ref()?, signed(&until).as_bytes());
        Some(format!("{until}.{}", URL_SAFE_NO_PAD.encode(tag)))
    }

    fn is_login(&self, cookie: &str, now_ts: i64) -> bool {
        let Some((key, (until, tag))) = self.key.as_ref().zip(cookie.split_once('.')) else {
            return false;
        };
        let Ok(tag) = URL_SAFE_NO_PAD.decode(tag) else {
            return false;
        };
        let lasts = until
            .parse::<i64>()
            .is_ok_and(|until| now_ts < until && until <= now_ts + LOGIN_SEC);
        lasts && hmac::verify(key, signed(until).as_bytes(), &tag).is_ok()
    }
}

/// Addresses that one user has as many of as he likes are one: those of a network of IPv6 (RFC 6177).
fn one_user(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(ip) => {
            let network = u128::from(ip) & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        ip => ip,
    }
}

/// The key under which tokens are compared: their tags are of one length, and compared in constant time.
fn comparing() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, b"console token")
}

/// What is signed, so that nothing else that the token may ever sign can be taken for a login.
fn signed(until: &str) -> String {
    format!("console login until {until}")
}

fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.field("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Refuses what a page of another site may have sent (<https://www.w3.org/TR/fetch-metadata/>). Where neither field is
/// there, only a bearer shows that no page sent it.
///
/// # Errors
/// When it may.
pub fn same_origin(request: &Request) -> Result<(), Denied> {
    let is_same = match (request.field("sec-fetch-site"), request.field("origin")) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some() && host == request.field("host")
        }
        (None, None) => {
            let is_absent = !request.has("sec-fetch-site") && !request.has("origin");
            is_absent && bearer(request).is_some()
        }
    };
    is_same.then_some(()).ok_or(Denied::Origin)
}

#[cfg(test)]
mod tests;
