//! One GET, as polite as it is careful.
//!
//! Redirects are followed by hand, because each hop is judged anew: its address, its host's rate, what it may be told.
//! One budget covers everything from the first name lookup to the last byte.

pub mod answer;
mod cookies;
mod error;
mod head;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ureq::Agent;
use ureq::http::header::{COOKIE, IF_MODIFIED_SINCE, IF_NONE_MATCH, LOCATION};
use ureq::http::{HeaderValue, Response};
use url::Url;

use answer::{ServerHints, Validators};
use cookies::Jar;
use head::HeadCleaner;

pub use error::FetchError;

use crate::clock::{self, Mono};
use crate::env::{Env, EnvError};
use crate::net::http::body::{self, Body, Limits, NoPermit, Queue};
use crate::net::http::{Client, decode, place_of};
use crate::net::permits::{HostPermit, Semaphore};
use crate::net::ssrf_guard::SsrfGuard;
use crate::net::trust_store::{Protocol, Source, TrustStore};

/// For everything that one poll fetches, redirects included.
pub const TOTAL_BUDGET: Duration = Duration::from_secs(20);
/// From the request to the last header of its answer; the same again for the connection before it.
const FIRST_BYTE_BUDGET: Duration = Duration::from_secs(10);
/// What a body may hold after decompression.
pub const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
/// A body beyond this many bytes waits until no other such body is in memory.
pub const BIG_BODY_BYTES: usize = 1024 * 1024;
const MAX_REDIRECTS: usize = 10;
const ACCEPT: &str = "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml, \
                      application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, text/html;q=0.5, */*;q=0.1";

/// Fetches feeds. Cheap to share between threads.
#[derive(Clone, Debug)]
pub struct Fetcher {
    agent: Agent,
    trust: TrustStore,
    big_bodies: Semaphore,
    closed: Arc<AtomicBool>,
}

/// What to ask for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub url: &'a Url,
    /// Sent to the origin of `home` only, on whichever hop that is.
    pub headers: &'a [(String, String)],
    /// The feed's URL in truth.
    pub home: &'a Url,
    /// Sent only to the URL that gave them.
    pub validators: Option<&'a Validators>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The URL that answered.
    pub url: Url,
    /// The redirects on the way there.
    pub hops: Vec<Hop>,
    pub content_type: Option<String>,
    pub validators: Validators,
    pub hints: ServerHints,
    /// Of a 2xx answer.
    pub body: Option<Body>,
}

/// One redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    pub status: u16,
    pub to: Url,
}

impl Answer {
    /// Where the feed says it has moved to for good: the end of the 301s and 308s that the way began with.
    pub fn moved_to(&self) -> Option<&Url> {
        self.hops
            .iter()
            .take_while(|hop| matches!(hop.status, 301 | 308))
            .last()
            .map(|hop| &hop.to)
    }
}

impl Fetcher {
    /// A fetcher that tells servers the truth about itself. `contact` is a URL or an e-mail address from truth.
    pub fn new(
        guard: SsrfGuard,
        contact: Option<&str>,
        big_bodies: Semaphore,
        trust: &TrustStore,
    ) -> Fetcher {
        let client = Client {
            accept: Some(ACCEPT.to_owned()),
            accept_encoding: Some("gzip, deflate, br".to_owned()),
            step: Some(FIRST_BYTE_BUDGET),
            guard: Some(guard),
            ..Client::new(user_agent(contact), trust.clone())
        };
        Fetcher {
            agent: client.agent_with(HeadCleaner),
            trust: trust.clone(),
            big_bodies,
            closed: Arc::default(),
        }
    }

    /// Ends every request under way at once, and refuses new ones.
    pub fn shut_down(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.agent.clone().shutdown();
    }

    /// Whether it was shut down.
    pub fn is_shut_down(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// One poll's GET: follows redirects, and reads the body of a 2xx answer.
    pub fn get(
        &self,
        ask: Ask<'_>,
        permit: &mut HostPermit,
        until: Mono,
    ) -> Result<Answer, FetchError> {
        let answer = self.follow(ask, permit, until);
        // What a shutdown cut off says nothing about the feed.
        if self.is_shut_down() {
            return Err(FetchError::ShutDown);
        }
        answer
    }

    fn follow(
        &self,
        ask: Ask<'_>,
        permit: &mut HostPermit,
        until: Mono,
    ) -> Result<Answer, FetchError> {
        let mut url = ask.url.clone();
        let mut hops = Vec::new();
        let mut jar = Jar::default();
        loop {
            let response = self.request(&url, ask, &jar, until)?;
            let status = response.status().as_u16();
            if let Some(target) = redirect_target(&url, &response)? {
                jar.note(&url, response.headers(), clock::wall_secs());
                if hops.len() == MAX_REDIRECTS {
                    return Err(FetchError::TooManyRedirects {
                        last: place_of(target.as_str()),
                    });
                }
                drop(response);
                if !permit.move_to(&host_of(&target), until) {
                    return Err(FetchError::HostBusy {
                        host: host_of(&target),
                    });
                }
                hops.push(Hop {
                    status,
                    to: target.clone(),
                });
                url = target;
                continue;
            }
            return self.answer(url, hops, response, until);
        }
    }

    fn request(
        &self,
        url: &Url,
        ask: Ask<'_>,
        jar: &Jar,
        until: Mono,
    ) -> Result<Response<ureq::Body>, FetchError> {
        let mut target = url.clone();
        target.set_fragment(None);
        let mut request = self.agent.get(target.as_str());
        let mut cookies = jar.line_for(url);
        if url.origin() == ask.home.origin() {
            for (name, value) in ask.headers {
                // There is one line of cookies, and it says what truth wants said, too.
                let ours = cookies.take_if(|_| name.eq_ignore_ascii_case(COOKIE.as_str()));
                request = match ours {
                    Some(ours) => request.header(name, format!("{value}; {ours}")),
                    None => request.header(name, value),
                };
            }
        }
        let latin1: Option<Vec<u8>> =
            cookies.and_then(|line| line.chars().map(|c| u8::try_from(c).ok()).collect());
        if let Some(line) = latin1.and_then(|line| HeaderValue::from_bytes(&line).ok()) {
            request = request.header(COOKIE, line);
        }
        if let Some(validators) = ask.validators.filter(|v| v.url == url.as_str()) {
            let pairs = [
                (IF_NONE_MATCH, &validators.etag),
                (IF_MODIFIED_SINCE, &validators.last_modified),
            ];
            for (name, value) in pairs {
                if let Some(value) = value
                    .as_deref()
                    .and_then(|v| HeaderValue::from_bytes(v).ok())
                {
                    request = request.header(name, value);
                }
            }
        }
        let left = until.since(Mono::now());
        if left.is_zero() {
            return Err(FetchError::OutOfTime);
        }
        request
            .config()
            .timeout_global(Some(left))
            .build()
            .call()
            .map_err(|error| FetchError::from_ureq(error, url, &self.trust))
    }

    fn answer(
        &self,
        url: Url,
        hops: Vec<Hop>,
        response: Response<ureq::Body>,
        until: Mono,
    ) -> Result<Answer, FetchError> {
        let (parts, body) = response.into_parts();
        let body = if parts.status.is_success() {
            let label = answer::content_encoding(&parts.headers);
            let limits = Limits {
                max_bytes: MAX_BODY_BYTES,
                queue: Some(Queue {
                    from_bytes: BIG_BODY_BYTES,
                    permits: &self.big_bodies,
                    until,
                }),
                br: Some(decode::brotli),
            };
            let read = body::read(body.into_reader(), label.as_deref(), limits);
            Some(read.map_err(|NoPermit| FetchError::BigBodyBusy)?)
        } else {
            None
        };
        Ok(Answer {
            status: parts.status.as_u16(),
            content_type: answer::content_type(&parts.headers),
            validators: Validators::from_headers(url.as_str(), &parts.headers),
            hints: ServerHints::from_headers(&parts.headers, clock::wall_secs()),
            url,
            hops,
            body,
        })
    }
}

/// Which publishers are believed over TLS: by the public CAs, or those of `FEEDS_CA` where it is set.
///
/// # Errors
/// When the variable cannot be used.
pub fn trust_store(env: &Env) -> Result<TrustStore, EnvError> {
    TrustStore::read(env, Source::ca(Protocol::Http, "FEEDS_CA"))
}

/// Lets one big body into memory at a time.
pub fn big_bodies() -> Semaphore {
    Semaphore::new(1)
}

/// A URL as a feed may have it: http or https, with a host, without credentials.
pub fn feed_url(text: &str) -> Result<Url, FetchError> {
    let bad = |why: &str| FetchError::BadUrl {
        url: without_userinfo(text),
        why: why.to_owned(),
    };
    let url = Url::parse(text.trim()).map_err(|e| bad(&e.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("only http and https are fetched"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad(
            "it holds credentials; put them into the environment and name them in headers_env",
        ));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(bad("it has no host"));
    }
    Ok(url)
}

/// `name:port`: what limits are counted for.
pub fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    format!("{host}:{}", url.port_or_known_default().unwrap_or(0))
}

fn redirect_target<B>(from: &Url, response: &Response<B>) -> Result<Option<Url>, FetchError> {
    let status = response.status().as_u16();
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let bad = |location: &[u8]| FetchError::BadRedirect {
        status,
        from: place_of(from.as_str()),
        to: place_of(&String::from_utf8_lossy(location)),
    };
    let location = response
        .headers()
        .get(LOCATION)
        .map(|value| value.as_bytes());
    let location = location.ok_or_else(|| bad(b""))?;
    let text = std::str::from_utf8(location).map_err(|_| bad(location))?;
    let mut target = from.join(text).map_err(|_| bad(location))?;
    if !matches!(target.scheme(), "http" | "https") || target.host_str().is_none() {
        return Err(bad(location));
    }
    // Credentials that a redirect brings along are not ours to send.
    let _ = target.set_username("");
    let _ = target.set_password(None);
    Ok(Some(target))
}

fn without_userinfo(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            match rest[..end].rfind('@') {
                Some(at) => format!("{scheme}://***{}", &rest[at..]),
                None => url.to_owned(),
            }
        }
        None => url.to_owned(),
    }
}

fn user_agent(contact: Option<&str>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    // A header value is one line of visible ASCII; truth's validation says so, and this keeps it so.
    let contact: String = contact
        .unwrap_or("no contact configured")
        .chars()
        .filter(|c| (' '..='~').contains(c) && !"()".contains(*c))
        .collect();
    format!("MarketSwarm/{version} (feed reader; {contact})")
}

#[cfg(test)]
mod tests;
