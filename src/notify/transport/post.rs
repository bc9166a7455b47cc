//! Webhooks.

use std::io::{self, Read};
use std::time::Duration;

use ureq::{Agent, SendBody};

use crate::net::http::{Client, explain};
use crate::net::retry_after::retry_after;
use crate::net::trust_store::TrustStore;
use crate::notify::config::Webhook;
use crate::notify::notification::Ms;
use crate::notify::outbox::OutboxMessage;
use crate::notify::retry::{Answer, RETRY_AFTER_MAX};
use crate::text::cut;

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
    /// Posts to `webhook`.
    pub fn new(webhook: Webhook) -> Post {
        let client = Client {
            proxy: webhook.proxy.clone(),
            ..client(webhook.timeout, &webhook.trust)
        };
        let agent = client.agent();
        Post { webhook, agent }
    }

    /// Posts `message` once.
    pub fn deliver(&self, message: &OutboxMessage, now_ms: Ms) -> Answer {
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
        let mut body = Body(message.body.as_bytes());
        let request = request.header("content-length", message.body.len().to_string());
        match request.send(SendBody::from_reader(&mut body)) {
            Ok(answer) => self.read(answer, now_ms),
            Err(error) => {
                let (trust, limit) = (&self.webhook.trust, self.webhook.timeout);
                let host = self.webhook.url.expose().host().unwrap_or_default();
                let mut reason = explain(&error, trust, host, limit);
                if let Some(proxy) = &self.webhook.proxy {
                    let way = format!(", by the proxy {}:{}", proxy.host(), proxy.port());
                    reason.push_str(&way);
                }
                match body.0.is_empty() && !self.webhook.format.knows_ids() {
                    true => Answer::unsure(&reason),
                    false => Answer::none(&reason),
                }
            }
        }
    }

    fn read(&self, mut answer: ureq::http::Response<ureq::Body>, now_ms: Ms) -> Answer {
        let status = answer.status().as_u16();
        let header = |name| answer.headers().get(name).and_then(|v| v.to_str().ok());
        let after = header("retry-after").and_then(|v| retry_after(v, now_ms, RETRY_AFTER_MAX));
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
            self.without_secrets(cut(text.trim(), QUOTE_MAX_BYTES).to_owned())
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

/// What of a body is not handed over yet.
struct Body<'a>(&'a [u8]);

impl Read for Body<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

/// A client that waits for nothing longer than `timeout` in all.
pub fn client(timeout: Duration, trust: &TrustStore) -> Client {
    Client {
        total: Some(timeout),
        ..Client::new(
            concat!("marketswarm/", env!("CARGO_PKG_VERSION")),
            trust.clone(),
        )
    }
}
