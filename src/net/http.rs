//! What every HTTP client here has in common: how its agent is made, where it may connect, and how a body is read.
//!
//! - [`Client`]: time limits, no redirect, no proxy of its own accord, bounded heads; makes the agent.
//! - [`connect`]: names within bounds, addresses judged before they are used, TLS by a trust store.
//! - [`body`] and [`decode`]: a body in memory, bounded and without its codings.

use std::time::Duration;

use ureq::Agent;
use ureq::config::Config;
use ureq::unversioned::transport::{Connector, Transport};

use super::ssrf_guard::SsrfGuard;
use super::trust_store::{TrustStore, tls_error};

pub mod body;
pub mod connect;
pub mod decode;

use crate::text::SafeText;
use connect::{JudgingResolver, NetConnector};

/// The longest head of an answer that is read, where a client says nothing else.
pub const HEAD_MAX_BYTES: usize = 32 * 1024;

/// How long a connection is kept that nobody uses.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// What an HTTP client is made from. Its agent follows no redirect, uses no proxy unless told to, takes every status for an answer
/// and keeps no connection unless told to: what is asked once in minutes would only find it dead.
#[derive(Clone, Debug)]
pub struct Client {
    /// Who we say that we are.
    pub user_agent: String,
    /// `Accept`; `None` leaves it to the agent.
    pub accept: Option<String>,
    /// `Accept-Encoding`: `None` asks for no coding. Whoever sets it reads bodies with [`body::read`].
    pub accept_encoding: Option<String>,
    /// For a request as a whole, from the look-up of the name to the last byte; a request may set its own.
    pub total: Option<Duration>,
    /// For each of: the connection with TLS; sending the request; waiting for the last header of the answer.
    pub step: Option<Duration>,
    /// For the connection with TLS alone, where it is not that of every step.
    pub connect: Option<Duration>,
    /// How many connections are kept for the next request, each for up to a minute.
    pub kept_connections: usize,
    /// The longest head of an answer, in bytes.
    pub head_max_bytes: usize,
    /// Which addresses may be connected to; `None`: all.
    pub guard: Option<SsrfGuard>,
    /// Which servers are believed over TLS.
    pub trust: TrustStore,
    /// Whom to ask for a way to the server; `None`: nobody.
    pub proxy: Option<ureq::Proxy>,
}

impl Client {
    /// One that says `user_agent` and believes whom `trust` believes, without time limits.
    pub fn new(user_agent: impl Into<String>, trust: TrustStore) -> Client {
        Client {
            user_agent: user_agent.into(),
            accept: None,
            accept_encoding: None,
            total: None,
            step: None,
            connect: None,
            kept_connections: 0,
            head_max_bytes: HEAD_MAX_BYTES,
            guard: None,
            trust,
            proxy: None,
        }
    }

    /// The agent.
    pub fn agent(&self) -> Agent {
        self.agent_with(|connector| connector)
    }

    /// The agent, over what `wrap` makes of the connector.
    pub fn agent_with<C: Connector<Out: Transport>>(
        &self,
        wrap: impl FnOnce(NetConnector) -> C,
    ) -> Agent {
        let connector = wrap(NetConnector::new(self.trust.clone()));
        let resolver = JudgingResolver {
            guard: self.guard.clone(),
        };
        Agent::with_parts(self.config(), connector, resolver)
    }

    fn config(&self) -> Config {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(self.proxy.clone())
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(self.kept_connections)
            .max_idle_connections_per_host(self.kept_connections)
            .max_idle_age(KEPT_FOR)
            .max_response_header_size(self.head_max_bytes)
            .input_buffer_size(32 * 1024)
            .output_buffer_size(8 * 1024)
            .user_agent(self.user_agent.as_str())
            .timeout_global(self.total)
            .timeout_connect(self.connect.or(self.step))
            .timeout_send_request(self.step)
            .timeout_recv_response(self.step);
        if let Some(accept) = &self.accept {
            config = config.accept(accept.as_str());
        }
        if let Some(codings) = &self.accept_encoding {
            config = config.accept_encoding(codings.as_str());
        }
        config.build()
    }
}

/// Where a URL leads, for a log or an error: without its credentials, path and query, each of which may be a secret.
pub fn place_of(url: &str) -> String {
    let end_of_host = |rest: &str| rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let shown = match (url.split_once("://"), url.split_once(':')) {
        _ if url.is_empty() => "nowhere".to_owned(),
        (Some((scheme, rest)), _) => {
            let host = rest[..end_of_host(rest)]
                .rsplit('@')
                .next()
                .unwrap_or_default();
            format!("{scheme}://{host}/…")
        }
        (None, Some((scheme, _))) if end_of_host(url) > scheme.len() => format!("{scheme}:…"),
        (None, _) => "a path on the same host".to_owned(),
    };
    SafeText::new(&shown).into()
}

/// The error of TLS in an error of a request.
pub fn tls_trouble(error: &ureq::Error) -> Option<&rustls::Error> {
    match error {
        ureq::Error::Io(error) => tls_error(error),
        ureq::Error::Rustls(error) => Some(error),
        _ => None,
    }
}

/// Why a request to `host` got no answer within `limit`, without its URL, which may be secret.
pub fn explain(error: &ureq::Error, trust: &TrustStore, host: &str, limit: Duration) -> String {
    if let Some(error) = tls_trouble(error) {
        return trust.explain(error, host);
    }
    match error {
        ureq::Error::Timeout(_) => format!("no answer within {}", crate::clock::human(limit)),
        ureq::Error::HostNotFound => "the host name does not resolve".to_owned(),
        ureq::Error::ConnectionFailed => "the connection was refused or cut".to_owned(),
        ureq::Error::Io(e) => format!("the connection broke: {e}"),
        ureq::Error::Tls(e) => format!("TLS: {e}"),
        ureq::Error::ConnectProxyFailed(e) => format!("the proxy leads nowhere: {e}"),
        ureq::Error::Other(e) => match e.downcast_ref::<connect::Forbidden>() {
            Some(forbidden) => format!("not connected to: {forbidden}"),
            None => "the request failed".to_owned(),
        },
        ureq::Error::Protocol(_) => "it does not speak HTTP, or the connection was cut".to_owned(),
        _ => "the request failed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_what_may_be_secret() {
        for (url, shown) in [
            (
                "https://u:p@hooks.example.org:8443/x?token=t#f",
                "https://hooks.example.org:8443/…",
            ),
            ("https://hooks.example.org", "https://hooks.example.org/…"),
            ("http://a?token=@b", "http://a/…"),
            ("file:///etc/passwd", "file:///…"),
            ("http://[::1", "http://[::1/…"),
            ("mailto:secret", "mailto:…"),
            ("/in?next=a:b", "a path on the same host"),
            ("in?token=t", "a path on the same host"),
            ("", "nowhere"),
            ("a\u{1b}[2J://b/", "a\u{fffd}[2J://b/…"),
        ] {
            assert_eq!(place_of(url), shown, "{url}");
        }
    }
}
