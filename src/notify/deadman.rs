//! A sign of life to a watcher elsewhere, so that the death of the whole host is noticed.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::config::Url;
use super::transport::client;
use crate::clock::Mono;
use crate::net::http::{Client, explain};
use crate::net::trust_store::{Protocol, TrustStore};

/// How often it is given while all is well.
const PERIOD: Duration = Duration::from_secs(60);
/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Pings `url` while the last word on `well` is true; ends when nobody can say any more.
pub(super) fn run(
    url: &Url,
    proxy: Option<ureq::Proxy>,
    well: &Receiver<bool>,
) -> Result<(), String> {
    let trust = TrustStore::public(Protocol::Http);
    let client = Client {
        proxy,
        ..client(LIMIT, &trust)
    };
    let agent = client.agent();
    let host = url.expose().host().unwrap_or_default();
    let mut is_well = false;
    let mut due = Mono::now();
    let mut said = String::new();
    loop {
        let wait = if is_well {
            due.since(Mono::now())
        } else {
            PERIOD
        };
        match well.recv_timeout(wait) {
            Ok(now_well) => is_well = now_well,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        if !is_well || Mono::now() < due {
            continue;
        }
        due = Mono::now() + PERIOD;
        let trouble = match agent.get(url.expose()).call() {
            Ok(answer) if answer.status().is_success() => String::new(),
            Ok(answer) => format!("answered {}", answer.status().as_u16()),
            Err(error) => explain(&error, &trust, host, LIMIT),
        };
        if trouble != said {
            match trouble.as_str() {
                "" => log::info!("DEADMAN_URL: {url} takes the sign of life again"),
                _ => log::warn!("DEADMAN_URL: {url}: {trouble}"),
            }
            said = trouble;
        }
    }
}
