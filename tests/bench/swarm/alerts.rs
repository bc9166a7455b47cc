//! Hears the alerts, and beside them a probe that goes the same way without a healer.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::lab::Server;
use super::wire::{Reply, Wire};

/// What the load publishes to learn how long Redis and this machine take for one hop.
pub const PROBE: &str = "bench:probe";

/// A subscriber that notes when each alert arrived. Text is looked at only when asked for.
pub struct Alerts {
    heard: Arc<Mutex<Heard>>,
    stream: TcpStream,
    reader: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Heard {
    alerts: Vec<(Instant, Vec<u8>)>,
    probes: Vec<(Instant, Vec<u8>)>,
}

impl Alerts {
    pub fn listen(server: &Server) -> Alerts {
        let mut wire = server.wire();
        for channel in ["healer:alerts", PROBE] {
            wire.run(&["SUBSCRIBE", channel]);
        }
        let stream = wire.stream();
        stream.set_read_timeout(None).expect("a socket");
        let heard = Arc::new(Mutex::new(Heard::default()));
        let kept = Arc::clone(&heard);
        let reader = std::thread::spawn(move || follow(wire, &kept));
        Alerts {
            heard,
            stream,
            reader: Some(reader),
        }
    }

    /// How many alerts came so far.
    pub fn count(&self) -> usize {
        self.heard
            .lock()
            .expect("nobody panics with it")
            .alerts
            .len()
    }

    /// When the first alert of this type about each service came, since `from`.
    pub fn first(&self, kind: &str, from: Instant) -> HashMap<String, Instant> {
        let mut first = HashMap::new();
        for (at, text) in &self.heard.lock().expect("nobody panics with it").alerts {
            if *at < from {
                continue;
            }
            let alert: serde_json::Value = serde_json::from_slice(text).expect("an alert is JSON");
            if alert["type"] == kind {
                first
                    .entry(alert["svc"].as_str().expect("svc").to_owned())
                    .or_insert(*at);
            }
        }
        first
    }

    /// Waits until `count` alerts are there, or `patience` has run out.
    pub fn wait(&self, count: usize, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        while self.count() < count {
            if Instant::now() > end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// How long each probe took since `from`, in milliseconds.
    pub fn probes(&self, epoch: Instant, from: Instant) -> Vec<f64> {
        let heard = self.heard.lock().expect("nobody panics with it");
        let since = heard.probes.iter().filter(|(at, _)| *at >= from);
        since
            .map(|(at, sent)| {
                let sent = std::str::from_utf8(sent).ok().and_then(|t| t.parse().ok());
                let sent = epoch + Duration::from_nanos(sent.expect("the load sends numbers"));
                at.saturating_duration_since(sent).as_secs_f64() * 1e3
            })
            .collect()
    }
}

impl Drop for Alerts {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn follow(mut wire: Wire, kept: &Mutex<Heard>) {
    while let Ok(reply) = wire.try_reply() {
        let at = Instant::now();
        let Reply::List(parts) = reply else { continue };
        let [_, Reply::Text(channel), Reply::Text(text)] = &parts[..] else {
            continue;
        };
        let mut heard = kept.lock().expect("nobody panics with it");
        let list = if channel == PROBE.as_bytes() {
            &mut heard.probes
        } else {
            &mut heard.alerts
        };
        list.push((at, text.clone()));
    }
}
