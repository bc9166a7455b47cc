//! One POST to a server of models: the key in a header and nowhere else, a bounded body, no redirect, no proxy, nothing
//! streamed.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::HeaderMap;
use ureq::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};

use super::dialect::{Fault, Kind, Usage, pause, read};
use super::endpoint::Endpoint;
use crate::clock::wall_millis;
use crate::env::{Env, EnvError};
use crate::net::http;
use crate::net::http::body::{self, Cut};
use crate::net::ssrf_guard::SsrfGuard;
use crate::net::trust_store::{Protocol, Source, TrustStore};

/// The CAs that are trusted instead of the public ones, as PEM; `VEXY_LLM_CA_FILE` names a file.
const CA: &str = "VEXY_LLM_CA";
const CONNECT_BUDGET: Duration = Duration::from_secs(10);
/// What comes beyond is not read.
pub const BODY_MAX_BYTES: usize = 256 * 1024;

/// An HTTP client, for any number of threads.
#[derive(Debug)]
pub struct Client {
    /// To public and private addresses.
    open: Agent,
    /// To private addresses alone, for a key in clear.
    private: Agent,
    trust: TrustStore,
}

/// What came of a call.
#[derive(Debug)]
pub struct Answered {
    /// What the model wrote, or what is wrong.
    pub content: Result<String, Fault>,
    /// What it cost, where the server says so.
    pub usage: Option<Usage>,
    /// For how long the server wants to be left alone.
    pub pause: Option<Duration>,
}

impl Client {
    /// A client that believes whom `trust` believes.
    pub fn new(trust: &TrustStore) -> Client {
        let user_agent = concat!("MarketSwarm/", env!("CARGO_PKG_VERSION"), " (analyst)");
        let agent = |guard: SsrfGuard| {
            let client = http::Client {
                accept: Some("application/json".to_owned()),
                connect: Some(CONNECT_BUDGET),
                guard: Some(guard),
                ..http::Client::new(user_agent, trust.clone())
            };
            client.agent()
        };
        Client {
            open: agent(SsrfGuard::public_and_private()),
            private: agent(SsrfGuard::private()),
            trust: trust.clone(),
        }
    }

    /// Ends every call under way; none is made any more.
    pub fn stop(&self) {
        self.open.clone().shutdown();
        self.private.clone().shutdown();
    }

    /// Makes one call, of at most `timeout` from the name to the last byte.
    pub fn post(&self, endpoint: &Endpoint, request: &Value, timeout: Duration) -> Answered {
        let agent = match endpoint.is_key_in_clear() {
            true => &self.private,
            false => &self.open,
        };
        let call = agent.post(endpoint.url.as_str());
        let mut call = call.header(CONTENT_TYPE, "application/json");
        if let Some(key) = &endpoint.key {
            call = call.header(AUTHORIZATION, format!("Bearer {}", key.expose()));
        }
        let call = call.config().timeout_global(Some(timeout)).build();
        let response = match call.send(request.to_string().as_bytes()) {
            Ok(response) => response,
            Err(error) => return Answered::fault(self.unreached(&error, endpoint, timeout)),
        };
        let (parts, body) = response.into_parts();
        let status = parts.status.as_u16();
        let limits = body::Limits {
            max_bytes: BODY_MAX_BYTES,
            queue: None,
            br: None,
        };
        let label = header(&parts.headers, CONTENT_ENCODING.as_str());
        // Nobody has to be asked for a permit.
        let body = match body::read(body.into_reader(), label, limits) {
            Ok(body) => body,
            Err(body::NoPermit) => return Answered::fault(Fault::new(Kind::TooBig, "")),
        };
        let text = endpoint.scrubbed(body.bytes);
        let (content, usage) = match body.cut {
            Some(Cut::Broken(how)) => (Err(Fault::new(Kind::Cut, &how)), None),
            Some(Cut::TooBig { .. }) if parts.status.is_success() => {
                (Err(Fault::new(Kind::TooBig, "")), None)
            }
            _ => read(status, &text),
        };
        let now_ms = i64::try_from(wall_millis()).unwrap_or(i64::MAX);
        let is_busy = matches!(&content, Err(fault) if matches!(fault.kind, Kind::Busy(_)));
        // Many servers tell with each answer when their limits come free; only who is refused has to wait for it.
        let pause = is_busy.then(|| pause(|name| header(&parts.headers, name), now_ms));
        Answered {
            content,
            usage,
            pause: pause.flatten(),
        }
    }

    fn unreached(&self, error: &ureq::Error, endpoint: &Endpoint, timeout: Duration) -> Fault {
        let kind = match error {
            ureq::Error::Timeout(_) => Kind::Late,
            ureq::Error::Io(_) | ureq::Error::Protocol(_) if http::tls_trouble(error).is_none() => {
                Kind::Cut
            }
            _ => Kind::Unreachable,
        };
        let host = endpoint.host();
        let why = http::explain(error, &self.trust, host, timeout);
        Fault::new(kind, &format!("{host}: {why}"))
    }
}

impl Answered {
    fn fault(fault: Fault) -> Answered {
        Answered {
            content: Err(fault),
            usage: None,
            pause: None,
        }
    }
}

/// Whose word for the server is taken over TLS.
///
/// # Errors
/// `VEXY_LLM_CA` holds no usable certificate.
pub fn trust_store(env: &Env) -> Result<TrustStore, EnvError> {
    TrustStore::read(env, Source::ca(Protocol::Http, CA))
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
