//! Beats for many services that are nothing else, each of which can die and come back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::redis_server::connect;
use super::{PATIENCE, RedisServer, until};

/// Longest pause after a failure, as for every sender of ours.
const KNOCK_EVERY: Duration = Duration::from_millis(100);

/// A thread that beats for services on `<svc>:heartbeat` through whatever happens to the server.
///
/// As a good sender does, it beats for everybody as soon as it has a connection again.
pub struct Beater {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    services: Mutex<BTreeMap<String, Svc>>,
    stop: AtomicBool,
}

struct Svc {
    channel: String,
    interval: Duration,
    is_beating: bool,
    i: u64,
    inst: Option<String>,
    extra: Value,
    due: Instant,
    last: Option<Instant>,
}

impl Beater {
    /// Beats for `names` on the server every `interval`, starting now.
    pub fn start(redis: &RedisServer, names: &[&str], interval: Duration) -> Beater {
        let shared = Arc::new(Shared {
            services: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let (port, inner) = (redis.port(), Arc::clone(&shared));
        let thread = std::thread::spawn(move || {
            while !inner.stop.load(Ordering::SeqCst) {
                // An error means that the server is away: knock until it is back.
                let _ = beat(port, &inner);
                std::thread::sleep(KNOCK_EVERY);
            }
        });
        let beater = Beater {
            shared,
            thread: Some(thread),
        };
        for name in names {
            beater.add(name, interval);
        }
        beater
    }

    /// Beats for one more service.
    pub fn add(&self, name: &str, interval: Duration) {
        let svc = Svc {
            channel: format!("{name}:heartbeat"),
            interval,
            is_beating: true,
            i: 0,
            inst: Some(format!("{:08x}", fastrand::u32(..))),
            extra: json!({}),
            due: Instant::now(),
            last: None,
        };
        self.services().insert(name.to_owned(), svc);
    }

    /// Beats no more for `name`; gives the moment of its last beat.
    pub fn silence(&self, name: &str) -> Instant {
        let mut services = self.services();
        let svc = services.get_mut(name).expect("a known service");
        svc.is_beating = false;
        svc.last.unwrap_or(svc.due)
    }

    /// Beats again for `name`, going on with its count, at once.
    pub fn resume(&self, name: &str) {
        self.change(name, |_| {});
    }

    /// Beats again for `name` as a new process would: count from 1, new instance, at once.
    pub fn restart(&self, name: &str) {
        self.change(name, |svc| {
            svc.i = 0;
            svc.inst = Some(format!("{:08x}", fastrand::u32(..)));
        });
    }

    /// Fields to add to the beats of `name` from now on (`json!({"status": "degraded"})`), the next of them at once.
    pub fn say(&self, name: &str, extra: Value) {
        self.change(name, |svc| svc.extra = extra);
    }

    /// Waits until a beat of `name` has gone out after this call.
    #[track_caller]
    pub fn wait_beat(&self, name: &str) -> Instant {
        let asked = Instant::now();
        until(&format!("a beat of {name}"), PATIENCE, || {
            let last = self.services().get(name).and_then(|s| s.last);
            last.filter(|at| *at > asked)
                .ok_or_else(|| "none went out".into())
        })
    }

    fn change(&self, name: &str, with: impl FnOnce(&mut Svc)) {
        let mut services = self.services();
        let svc = services.get_mut(name).expect("a known service");
        with(svc);
        svc.is_beating = true;
        svc.due = Instant::now();
    }

    fn services(&self) -> MutexGuard<'_, BTreeMap<String, Svc>> {
        self.shared.services.lock().unwrap()
    }
}

impl Drop for Beater {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn beat(port: u16, shared: &Shared) -> redis::RedisResult<()> {
    let mut connection = connect(port, None)?;
    connection.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut is_new = true;
    while !shared.stop.load(Ordering::SeqCst) {
        let now = Instant::now();
        let mut beats = redis::pipe();
        let mut names = Vec::new();
        for (name, svc) in shared.services.lock().unwrap().iter() {
            if svc.is_beating && (svc.due <= now || is_new) {
                beats.cmd("PUBLISH").arg(&svc.channel).arg(text(name, svc));
                names.push(name.clone());
            }
        }
        is_new = false;
        if !names.is_empty() {
            beats.query::<redis::Value>(&mut connection)?;
            let mut services = shared.services.lock().unwrap();
            for name in names {
                let svc = services.get_mut(&name).unwrap();
                svc.i += 1;
                svc.last = Some(now);
                // Somebody may have asked for a beat at once while this one was on its way.
                if svc.due <= now {
                    svc.due = now + svc.interval;
                }
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn text(name: &str, svc: &Svc) -> String {
    let ts = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let mut beat = json!({"svc": name, "i": svc.i + 1, "ts": ts});
    if let Some(inst) = &svc.inst {
        beat["inst"] = json!(inst);
    }
    for (field, value) in svc.extra.as_object().unwrap() {
        beat[field] = value.clone();
    }
    beat.to_string()
}
