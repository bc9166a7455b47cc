//! One GET of the vendor's: the key in a header and nowhere else, a call taken just before the first byte, a bounded
//! body, no redirect, no proxy.

mod transport;

use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ureq::Agent;
use ureq::http::HeaderMap;
use ureq::http::header::{AUTHORIZATION, CONTENT_ENCODING, RETRY_AFTER};
use url::Url;

use super::answer::ANSWER_MAX_BYTES;
use super::key;
use super::meter::{Meter, NoCall};
use crate::clock::wall_millis;
use crate::env::{Env, EnvError, Secret};
use crate::net::http;
use crate::net::http::body;
use crate::net::retry_after::retry_after;
use crate::net::ssrf_guard::SsrfGuard;
use crate::net::trust_store::{Protocol, Source, TrustStore};
use transport::MeteredConnector;

/// The CAs that are trusted instead of the public ones, as PEM; `MASSIVE_CA_FILE` names a file.
const CA: &str = "MASSIVE_CA";
/// How long a call may take.
pub const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(5),
    first_byte: Duration::from_secs(10),
    total: Duration::from_secs(30),
};
/// The longest `Retry-After` that is obeyed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// What a wrong answer leaves in memory of its body.
const WRONG_MAX_BYTES: usize = 64 * 1024;

/// How long each part of a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    pub connect: Duration,
    pub first_byte: Duration,
    /// Everything from the name to the last byte. The wait for a call is not in it: there is none.
    pub total: Duration,
}

/// An HTTP client of one thread.
pub struct Client {
    patience: Patience,
    agent: Agent,
    trust: TrustStore,
    meter: Arc<Mutex<Meter>>,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// Decoded. Of an answer that is no success only the beginning.
    pub body: Vec<u8>,
    pub retry_after: Option<Duration>,
    /// The body went on beyond what is read, or broke off.
    pub is_cut: bool,
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No call was made.
    NoCall(NoCall),
    /// Name, connection, TLS, time.
    Unreachable(String),
}

impl Client {
    /// A client that may go to public addresses, and where `guard` allows it.
    pub fn new(guard: SsrfGuard, trust: &TrustStore, meter: Meter, patience: Patience) -> Client {
        let meter = Arc::new(Mutex::new(meter));
        let user_agent = concat!("MarketSwarm/", env!("CARGO_PKG_VERSION"), " (market data)");
        let client = http::Client {
            accept: Some("application/json".to_owned()),
            accept_encoding: Some("gzip".to_owned()),
            total: Some(patience.total),
            step: Some(patience.first_byte),
            connect: Some(patience.connect),
            kept_connections: 1,
            guard: Some(guard),
            ..http::Client::new(user_agent, trust.clone())
        };
        Client {
            patience,
            agent: client.agent_with(|inner| MeteredConnector::new(inner, meter.clone())),
            trust: trust.clone(),
            meter,
        }
    }

    /// What counts its calls.
    pub fn meter(&self) -> &Mutex<Meter> {
        &self.meter
    }

    /// A handle that ends every request under way.
    pub fn agent(&self) -> Agent {
        self.agent.clone()
    }

    /// Asks for `target` (path and query) of `base`.
    ///
    /// # Errors
    /// Nothing came back.
    pub fn get(&self, base: &Url, target: &str, key: Option<&Secret>) -> Result<Reply, Failure> {
        if key.is_some_and(|key| key::is_in_target(target, key)) {
            let why = "the address to be asked holds the key, and nobody is to read it there";
            return Err(Failure::Unreachable(why.to_owned()));
        }
        let origin = base.as_str().trim_end_matches('/');
        let mut request = self.agent.get(format!("{origin}{target}"));
        if let Some(key) = key {
            request = request.header(AUTHORIZATION, format!("Bearer {}", key.expose()));
        }
        let response = request.call().map_err(|error| self.failure(error, base))?;
        let (parts, body) = response.into_parts();
        let is_success = parts.status.is_success();
        let max = if is_success {
            ANSWER_MAX_BYTES
        } else {
            WRONG_MAX_BYTES
        };
        let (mut body, is_cut) = read(body.into_reader(), &parts.headers, max);
        if let Some(key) = key {
            key::scrub_body(&mut body, key);
        }
        Ok(Reply {
            status: parts.status.as_u16(),
            body,
            retry_after: wanted_pause(&parts.headers),
            is_cut,
        })
    }

    fn failure(&self, error: ureq::Error, base: &Url) -> Failure {
        let host = base.host_str().unwrap_or_default();
        let error = match error {
            ureq::Error::Other(other) => match other.downcast::<NoCall>() {
                Ok(none) => return Failure::NoCall(*none),
                Err(other) => ureq::Error::Other(other),
            },
            error => error,
        };
        let why = http::explain(&error, &self.trust, host, self.patience.total);
        Failure::Unreachable(format!("{host}: {why}"))
    }
}

/// Whose word for the vendor is taken over TLS.
///
/// # Errors
/// `MASSIVE_CA` holds no usable certificate.
pub fn trust_store(env: &Env) -> Result<TrustStore, EnvError> {
    TrustStore::read(env, Source::ca(Protocol::Http, CA))
}

/// The body as far as it may go; whether it is not all there is.
fn read(of: impl Read, headers: &HeaderMap, max_bytes: usize) -> (Vec<u8>, bool) {
    let label = headers.get(CONTENT_ENCODING);
    let label = label.and_then(|label| label.to_str().ok());
    let limits = body::Limits {
        max_bytes,
        queue: None,
        br: None,
    };
    match body::read(of, label, limits) {
        Ok(body) => (body.bytes, body.cut.is_some()),
        // Nobody has to be asked.
        Err(body::NoPermit) => (Vec::new(), true),
    }
}

fn wanted_pause(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    let now_ms = i64::try_from(wall_millis()).unwrap_or(i64::MAX);
    retry_after(text, now_ms, RETRY_AFTER_MAX)
}
