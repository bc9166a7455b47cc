//! Webhooks.

use std::time::Duration;

use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::DefaultConnector;

use crate::net::http::BoundedResolver;
use crate::notify::config::Webhook;
use crate::notify::outbox::Message;
use crate::notify::retry::{Answer, retry_after};
use crate::notify::telling::Ms;

/// Most of an answer that is read.
const ANSWER_MAX_BYTES: u64 = 64 * 1024;
/// What of it may be quoted.
const QUOTE_MAX_BYTES: usize = 200;

/// Posts messages to one URL.
pub struct Post {
    webhook: Webhook,
    agent: Agent,
}

impl Post {
    pub fn new(webhook: Webhook) -> Result<Post, String> {
        let agent = agent(webhook.timeout, webhook.ca.as_deref())?;
        Ok(Post { webhook, agent })
    }

    /// Posts `message` once.
    pub fn deliver(&self, message: &Message, now_ms: Ms) -> Answer {
        let timestamp = now_ms.div_euclid(1000);
        let mut request = self
            .agent
            .post(self.webhook.url.expose())
            .content_type(&message.content_type)
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", timestamp.to_string());
        for (name, value) in &message.headers {
            request = request.header(name, value);
        }
        if let Some(key) = &self.webhook.key {
            let signature = key.sign(&message.id, timestamp, &message.body);
            request = request.header("webhook-signature", signature);
        }
        match request.send(&message.body) {
            Ok(answer) => self.read(answer, now_ms),
            Err(error) => Answer::none(&in_words(&error, self.webhook.timeout)),
        }
    }

    fn read(&self, mut answer: ureq::http::Response<ureq::Body>, now_ms: Ms) -> Answer {
        let status = answer.status().as_u16();
        let header = |name| answer.headers().get(name).and_then(|v| v.to_str().ok());
        let after = header("retry-after").and_then(|v| retry_after(v, now_ms));
        let location = header("location").map(str::to_owned);
        // What a receiver says after 2xx changes nothing: it is not waited for.
        let body = if (200..300).contains(&status) {
            String::new()
        } else {
            let read = answer
                .body_mut()
                .with_config()
                .limit(ANSWER_MAX_BYTES)
                .lossy_utf8(true);
            let text = read.read_to_string().unwrap_or_default();
            self.without_secrets(crate::contract::cut(text.trim(), QUOTE_MAX_BYTES).into_owned())
        };
        Answer::of_status(status, after, location.as_deref(), &body)
    }

    /// An answer may repeat the path that it was asked for, and that path may be the secret.
    fn without_secrets(&self, text: String) -> String {
        let uri = self.webhook.url.expose();
        let path = uri.path_and_query().map_or("", |p| p.as_str());
        if path.len() > 1 && text.contains(path.trim_end_matches('/')) {
            "(the answer repeats the URL and is not shown)".to_owned()
        } else {
            text
        }
    }
}

/// An HTTP client that follows no redirect and waits for nothing longer than `timeout` in all.
pub fn agent(timeout: Duration, ca: Option<&str>) -> Result<Agent, String> {
    let mut tls = TlsConfig::builder();
    if let Some(pem) = ca {
        let mut certificates: Vec<Certificate<'static>> = Vec::new();
        for item in parse_pem(pem.as_bytes()) {
            if let PemItem::Certificate(c) = item.map_err(|e| format!("bad certificate: {e}"))? {
                certificates.push(c);
            }
        }
        tls = tls.root_certs(RootCerts::new_with_certs(&certificates));
    }
    let config = Agent::config_builder()
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .max_response_header_size(32 * 1024)
        // Messages are minutes apart: a kept connection would only be found dead when it is needed.
        .max_idle_connections(0)
        .proxy(None)
        .user_agent(concat!("marketswarm/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls.build())
        .build();
    let (connector, resolver) = (DefaultConnector::default(), BoundedResolver);
    Ok(Agent::with_parts(config, connector, resolver))
}

/// What went wrong, without the URL.
pub fn in_words(error: &ureq::Error, timeout: Duration) -> String {
    match error {
        ureq::Error::Timeout(_) => format!("no answer within {}", crate::clock::human(timeout)),
        ureq::Error::HostNotFound => "the host name does not resolve".to_owned(),
        ureq::Error::ConnectionFailed => "the connection was refused or cut".to_owned(),
        ureq::Error::Io(e) => format!("the connection broke: {e}"),
        ureq::Error::Tls(e) => format!("TLS: {e}"),
        ureq::Error::Rustls(e) => format!("TLS: {e}"),
        ureq::Error::Protocol(_) => "it does not speak HTTP, or the connection was cut".to_owned(),
        _ => "the request failed".to_owned(),
    }
}
