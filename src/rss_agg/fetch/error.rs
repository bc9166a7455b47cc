//! Why a fetch gave no answer.

use std::fmt;
use std::net::IpAddr;

use ureq::Timeout;
use url::Url;

use crate::net::http::connect::Forbidden;
use crate::net::http::{place_of, tls_trouble};
use crate::net::trust_store::TrustStore;

/// Why a fetch gave no answer. The URLs in it are fit to be shown: without credentials, and where a server named them,
/// without path and query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    BadUrl {
        url: String,
        why: String,
    },
    /// The guard refused to connect.
    Forbidden {
        host: String,
        ip: IpAddr,
        why: &'static str,
    },
    HostNotFound {
        host: String,
    },
    Connect {
        host: String,
        why: String,
    },
    Tls {
        host: String,
        why: String,
    },
    NoAnswer {
        host: String,
        waited_sec: u64,
    },
    /// The budget of the whole poll is used up.
    OutOfTime,
    TooManyRedirects {
        last: String,
    },
    BadRedirect {
        status: u16,
        from: String,
        to: String,
    },
    /// A redirect led to a host that is asked as often as it may be.
    HostBusy {
        host: String,
    },
    /// Another big body was in memory all the time.
    BigBodyBusy,
    /// We are stopping.
    ShutDown,
    /// The server broke the rules of HTTP.
    Protocol {
        host: String,
        why: String,
    },
}

impl FetchError {
    /// The failure is our own doing and says nothing about the feed: it is asked again soon.
    pub fn is_ours(&self) -> bool {
        matches!(
            self,
            FetchError::HostBusy { .. } | FetchError::BigBodyBusy | FetchError::ShutDown
        )
    }

    pub(super) fn from_ureq(error: ureq::Error, url: &Url, trust: &TrustStore) -> FetchError {
        let host = url.host_str().unwrap_or_default().to_owned();
        if let Some(tls) = tls_trouble(&error) {
            let why = trust.explain(tls, &host);
            return FetchError::Tls { host, why };
        }
        let why = error.to_string();
        match error {
            ureq::Error::Other(other) => match other.downcast::<Forbidden>() {
                Ok(forbidden) => FetchError::Forbidden {
                    host: forbidden.host,
                    ip: forbidden.ip,
                    why: forbidden.why,
                },
                Err(_) => FetchError::Protocol { host, why },
            },
            ureq::Error::HostNotFound => FetchError::HostNotFound { host },
            ureq::Error::Timeout(Timeout::Global) => FetchError::OutOfTime,
            ureq::Error::Timeout(_) => FetchError::NoAnswer {
                host,
                waited_sec: super::FIRST_BYTE_BUDGET.as_secs(),
            },
            ureq::Error::Io(error) => FetchError::Connect {
                host,
                why: error.to_string(),
            },
            ureq::Error::Tls(_) => FetchError::Tls { host, why },
            ureq::Error::ConnectionFailed => FetchError::Connect { host, why },
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => FetchError::BadUrl {
                url: place_of(url.as_str()),
                why,
            },
            _ => FetchError::Protocol { host, why },
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchError::BadUrl { url, why } => write!(f, "{url} cannot be fetched: {why}"),
            FetchError::Forbidden { host, ip, why } if *host == ip.to_string() => write!(
                f,
                "{host} is {why}; to fetch from it, add it to services.rss_agg.limits.allow_hosts"
            ),
            FetchError::Forbidden { host, ip, why } => write!(
                f,
                "{host} resolves to {ip}, {why}; to fetch from it, add it to services.rss_agg.limits.allow_hosts"
            ),
            FetchError::HostNotFound { host } => write!(f, "no address for {host}"),
            FetchError::Connect { host, why } => write!(f, "no connection to {host}: {why}"),
            FetchError::Tls { host, why } => write!(f, "no TLS with {host}: {why}"),
            FetchError::NoAnswer { host, waited_sec } => {
                write!(f, "{host} did not answer within {waited_sec} s")
            }
            FetchError::OutOfTime => {
                write!(f, "not done within {} s", super::TOTAL_BUDGET.as_secs())
            }
            FetchError::TooManyRedirects { last } => {
                write!(
                    f,
                    "more than {} redirects, the last to {last}",
                    super::MAX_REDIRECTS
                )
            }
            FetchError::BadRedirect { status, from, to } => {
                write!(
                    f,
                    "{from} answers {status} and redirects to {to}, which is no web address"
                )
            }
            FetchError::HostBusy { host } => {
                write!(
                    f,
                    "redirected to {host}, which is asked as often as it may be"
                )
            }
            FetchError::BigBodyBusy => f.write_str("another big feed was being read all the time"),
            FetchError::ShutDown => f.write_str("the reader is stopping"),
            FetchError::Protocol { host, why } => write!(f, "{host} answers no proper HTTP: {why}"),
        }
    }
}

impl std::error::Error for FetchError {}
