//! An ear on a channel: every message with the moment it arrived.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use rustix::io::Errno;
use serde_json::Value;

use super::beater::{Death, Record};
use super::redis_server::connect;
use super::{RedisServer, secs};

/// Listens on `healer:alerts`, or on another channel, through whatever happens to the server.
///
/// Whoever waits for a message takes it. What nobody took is what nobody expected: see
/// [`assert_nothing_else`](Alerts::assert_nothing_else).
pub struct Alerts {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    heard: Mutex<Vec<Entry>>,
    /// Of those whose beats are watched here.
    beats: Mutex<Vec<Record>>,
    news: Condvar,
    stop: AtomicBool,
}

struct Entry {
    alert: Heard,
    taken: bool,
    /// A death that was one, as the beater itself did not get to run, or the end of one.
    aside: bool,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Heard {
    /// When it arrived.
    pub at: Instant,
    /// The same by the wall clock.
    pub time: SystemTime,
    /// Its text, byte for byte.
    pub text: String,
    /// The same, parsed; null when it is not JSON.
    pub json: Value,
}

impl Heard {
    /// `type` of an alert.
    pub fn kind(&self) -> &str {
        self.json["type"].as_str().unwrap_or_default()
    }

    /// `svc` of an alert or a beat.
    pub fn svc(&self) -> &str {
        self.json["svc"].as_str().unwrap_or_default()
    }

    /// Whether it only says that other alerts come again and again, or do so no more.
    pub fn is_about_flapping(&self) -> bool {
        matches!(self.kind(), "flapping" | "steady")
    }

    /// Whether it tells a death for which this beater's own lateness is reason enough.
    fn is_explained_by(&self, beats: &Record) -> bool {
        let number = |field: &str| self.json[field].as_f64();
        let (Some(timeout), Some(late)) = (number("timeout_sec"), number("late_sec")) else {
            return false;
        };
        let death = Death {
            timeout: secs(timeout),
            late_sec: late,
            last_i: self.json["last_i"].as_u64(),
            at: self.time,
        };
        beats.explains(self.svc(), death)
    }

    /// Whether it is an alert of this type about this service.
    pub fn is(&self, kind: &str, svc: &str) -> bool {
        self.kind() == kind && self.svc() == svc
    }
}

impl Alerts {
    /// Listens on `healer:alerts`; subscribed when this returns.
    pub fn on(redis: &RedisServer) -> Alerts {
        Alerts::on_channel(redis, "healer:alerts")
    }

    /// Listens on `channel`; subscribed when this returns.
    pub fn on_channel(redis: &RedisServer, channel: &str) -> Alerts {
        let shared = Arc::new(Shared::default());
        let (port, channel) = (redis.port(), channel.to_owned());
        let password = redis.password().map(str::to_owned);
        let (ready, is_ready) = std::sync::mpsc::channel();
        let inner = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            while !inner.stop.load(Ordering::SeqCst) {
                // An error means that the server is away: knock until it is back.
                let _ = listen(port, password.as_deref(), &channel, &inner, &ready);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        is_ready
            .recv_timeout(Duration::from_secs(20))
            .expect("subscribed");
        Alerts {
            shared,
            thread: Some(thread),
        }
    }

    /// Deaths told of those who beat here are judged by what the beater recorded.
    pub fn judge_by(&self, record: Record) {
        self.shared.beats.lock().unwrap().push(record);
    }

    /// The ids of alerts that a beater's own lateness explains.
    pub fn set_aside(&self) -> Vec<Value> {
        let mut heard = self.shared.heard.lock().unwrap();
        self.shared.sort_out(&mut heard);
        let aside = heard.iter().filter(|e| e.aside);
        aside.map(|e| e.alert.json["id"].clone()).collect()
    }

    /// Waits for the first message that was not taken yet and that `wanted` accepts, and takes it.
    #[track_caller]
    pub fn wait_for(&self, what: &str, within: Duration, wanted: impl Fn(&Heard) -> bool) -> Heard {
        let end = Instant::now() + within;
        let mut heard = self.shared.heard.lock().unwrap();
        loop {
            self.shared.sort_out(&mut heard);
            let open = |e: &Entry| !e.taken && !e.aside && wanted(&e.alert);
            if let Some(entry) = heard.iter_mut().find(|e| open(e)) {
                entry.taken = true;
                return entry.alert.clone();
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let all = list(heard.iter().map(|e| &e.alert));
                drop(heard);
                panic!("{what}: not within {within:?}; heard were:\n{all}");
            }
            heard = self.shared.news.wait_timeout(heard, left).unwrap().0;
        }
    }

    /// Waits for an alert of this type about this service, and takes it.
    #[track_caller]
    pub fn wait(&self, kind: &str, svc: &str, within: Duration) -> Heard {
        self.wait_for(&format!("{kind} about {svc}"), within, |a| a.is(kind, svc))
    }

    /// Everything heard so far, in order, taken or not.
    pub fn all(&self) -> Vec<Heard> {
        let heard = self.shared.heard.lock().unwrap();
        heard.iter().map(|e| e.alert.clone()).collect()
    }

    /// How many alerts of this type about this service were heard so far, taken or not.
    pub fn count(&self, kind: &str, svc: &str) -> usize {
        let mut heard = self.shared.heard.lock().unwrap();
        self.shared.sort_out(&mut heard);
        let counts = |e: &&Entry| !e.aside && e.alert.is(kind, svc);
        heard.iter().filter(counts).count()
    }

    /// Listens for `window` more: nothing that `unwanted` accepts may come, nor have come without being taken.
    #[track_caller]
    pub fn assert_none(&self, window: Duration, unwanted: impl Fn(&Heard) -> bool) {
        let end = Instant::now() + window;
        let mut heard = self.shared.heard.lock().unwrap();
        loop {
            self.shared.sort_out(&mut heard);
            let wrong = list(
                heard
                    .iter()
                    .filter(|e| !e.taken && !e.aside && unwanted(&e.alert))
                    .map(|e| &e.alert),
            );
            if !wrong.is_empty() {
                drop(heard);
                panic!("these must not come:\n{wrong}");
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            heard = self.shared.news.wait_timeout(heard, left).unwrap().0;
        }
    }

    /// Listens for `window` more: whatever nobody waited for must not come, nor have come. A service that a test lets
    /// die twice flaps; that has tests of its own.
    #[track_caller]
    pub fn assert_nothing_else(&self, window: Duration) {
        self.assert_none(window, |a| !a.is_about_flapping());
    }
}

impl Shared {
    /// Sets aside what was told of a service while its beater did not get to run.
    fn sort_out(&self, heard: &mut [Entry]) {
        let beats = self.beats.lock().unwrap();
        // Services whose death was set aside, and that did not come back yet.
        let mut away = BTreeSet::new();
        for entry in heard {
            let (alert, svc) = (&entry.alert, entry.alert.svc().to_owned());
            match alert.kind() {
                "heartbeat_miss" | "healer_miss" if !entry.taken => {
                    entry.aside |= beats.iter().any(|beats| alert.is_explained_by(beats));
                }
                "heartbeat_ok" | "healer_ok" => entry.aside = away.remove(&svc),
                _ => continue,
            }
            if entry.aside && alert.kind().ends_with("_miss") {
                away.insert(svc);
            }
        }
    }
}

impl Drop for Alerts {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn listen(
    port: u16,
    password: Option<&str>,
    channel: &str,
    shared: &Shared,
    ready: &std::sync::mpsc::Sender<()>,
) -> redis::RedisResult<()> {
    let mut connection = connect(port, password)?;
    let mut ear = connection.as_pubsub();
    ear.subscribe(channel)?;
    ear.set_read_timeout(Some(Duration::from_millis(100)))?;
    let _ = ready.send(());
    while !shared.stop.load(Ordering::SeqCst) {
        let message = match ear.get_message() {
            Ok(message) => message,
            Err(e) if e.is_timeout() || is_interruption(&e) => continue,
            Err(e) => return Err(e),
        };
        let (at, time) = (Instant::now(), SystemTime::now());
        let text = String::from_utf8_lossy(message.get_payload_bytes()).into_owned();
        let json = serde_json::from_str(&text).unwrap_or_default();
        let alert = Heard {
            at,
            time,
            text,
            json,
        };
        shared.heard.lock().unwrap().push(Entry {
            alert,
            taken: false,
            aside: false,
        });
        shared.news.notify_all();
    }
    Ok(())
}

/// A process that was stopped and goes on finds its waits interrupted; what came meanwhile is still to be read.
fn is_interruption(error: &redis::RedisError) -> bool {
    error
        .to_string()
        .contains(&std::io::Error::from(Errno::INTR).to_string())
}

fn list<'a>(alerts: impl Iterator<Item = &'a Heard>) -> String {
    alerts.map(|a| format!("  {}\n", a.text)).collect()
}
