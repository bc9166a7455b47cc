//! Beats for many services that are nothing else, each of which can die and come back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::redis_server::connect;
use super::undisturbed::HoldUps;
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
    /// When it was born.
    added: Instant,
    due: Instant,
    /// When the last beat was sent, or began to be.
    last: Option<Instant>,
    /// When the last one was sent that the server took.
    taken: Option<Instant>,
    silences: Vec<Silence>,
}

/// A time in which nobody can have heard a beat, and a moment more at both ends; by the clock that dates alerts.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    /// Just before the last beat was sent, or when the service was born.
    pub began: SystemTime,
    /// Just after the server had taken the next.
    pub ended: SystemTime,
}

impl Beater {
    /// Beats for `names` on the server every `interval`, starting now.
    pub fn start(redis: &RedisServer, names: &[&str], interval: Duration) -> Beater {
        let shared = Arc::new(Shared {
            services: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let (port, inner) = (redis.port(), Arc::clone(&shared));
        let hold_ups = HoldUps::of_this_test();
        let thread = std::thread::spawn(move || {
            while !inner.stop.load(Ordering::SeqCst) {
                // An error means that the server is away: knock until it is back.
                let _ = beat(port, &inner, &hold_ups);
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
            added: Instant::now(),
            due: Instant::now(),
            last: None,
            taken: None,
            silences: Vec::new(),
        };
        self.services().insert(name.to_owned(), svc);
    }

    /// Beats no more for `name`; gives the moment before which its last beat was not sent, be it still on its way.
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

    /// Beats for `name` on this channel from now on, the next time at once.
    pub fn move_to(&self, name: &str, channel: &str) {
        self.change(name, |svc| svc.channel = channel.to_owned());
    }

    /// Fields to add to the beats of `name` from now on (`json!({"status": "degraded"})`), the next of them at once.
    pub fn say(&self, name: &str, extra: Value) {
        self.change(name, |svc| svc.extra = extra);
    }

    /// Waits until the server has taken a beat of `name` that went out after this call.
    #[track_caller]
    pub fn wait_beat(&self, name: &str) -> Instant {
        let asked = Instant::now();
        until(&format!("a beat of {name}"), PATIENCE, || {
            let taken = self.services().get(name).and_then(|s| s.taken);
            taken
                .filter(|at| *at > asked)
                .ok_or_else(|| "none went out".into())
        })
    }

    /// The times of more than `limit` in which `name` did not beat, for whatever reason.
    pub fn silences(&self, name: &str, limit: Duration) -> Vec<Silence> {
        let services = self.services();
        let all = services[name].silences.iter().copied();
        all.filter(|s| s.ended > s.began + limit).collect()
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

fn beat(port: u16, shared: &Shared, hold_ups: &HoldUps) -> redis::RedisResult<()> {
    let mut connection = connect(port, None)?;
    connection.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut is_new = true;
    // When this thread last had nothing to wait for but its own turn.
    let mut free = Instant::now();
    while !shared.stop.load(Ordering::SeqCst) {
        let now = Instant::now();
        let mut beats = redis::pipe();
        let mut names = Vec::new();
        for (name, svc) in shared.services.lock().unwrap().iter_mut() {
            if svc.is_beating && (svc.due <= now || is_new) {
                beats.cmd("PUBLISH").arg(&svc.channel).arg(text(name, svc));
                svc.last = Some(now);
                names.push(name.clone());
            }
        }
        is_new = false;
        if !names.is_empty() {
            connection.send_packed_command(&beats.get_packed_pipeline())?;
            hold_ups.note(free.elapsed());
            for _ in &names {
                connection.recv_response()?.extract_error()?;
            }
            free = Instant::now();
            let mut services = shared.services.lock().unwrap();
            for name in names {
                let svc = services.get_mut(&name).unwrap();
                svc.i += 1;
                let before = svc.taken.replace(now).unwrap_or(svc.added);
                let ended = SystemTime::now();
                let began = ended - before.elapsed();
                svc.silences.push(Silence { began, ended });
                // Somebody may have asked for a beat at once while this one was on its way.
                if svc.due <= now {
                    svc.due = now + svc.interval;
                }
            }
        }
        std::thread::sleep(Duration::from_millis(5));
        hold_ups.note(free.elapsed());
        free = Instant::now();
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
