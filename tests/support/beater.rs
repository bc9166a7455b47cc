//! Beats for many services that are nothing else, each of which can die and come back.
//!
//! A beater that does not get to run for longer than a timeout is silent for whoever watches it, and a death that is then
//! told is true. So it records of every gap between two beats how much of it was its own lateness, apart from the
//! time that it waited for the server or the link, which excuses nobody: see [`Record::explains`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::setpriority_process;
use serde_json::{Value, json};

use super::redis_server::connect;
use super::{PATIENCE, RedisServer, until};

/// Longest pause after a failure, as for every sender of ours.
const KNOCK_EVERY: Duration = Duration::from_millis(100);
/// A death that is told while the beater is late may reach the test so much later.
const DELIVERY: Duration = Duration::from_secs(5);
/// `late_sec` of an alert is rounded, and the watcher heard the last beat after it was sent.
const ROUNDING_SEC: f64 = 0.2;
/// The nice value of a thread that beats.
const FIRST: i32 = -15;

/// A thread that beats for services on `<svc>:heartbeat` through whatever happens to the server.
///
/// As a good sender does, it beats for everybody as soon as it has a connection again.
pub struct Beater {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    record: Record,
    stop: AtomicBool,
}

/// When the beats of one beater went out.
#[derive(Clone, Default)]
pub struct Record(Arc<Mutex<Services>>);

#[derive(Default)]
struct Services {
    by_name: BTreeMap<String, Svc>,
    /// How long the beater has waited for the server and the link, all in all.
    waited: Duration,
    /// Since when it waits for them.
    waits_since: Option<Instant>,
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
    /// What the beater had waited for the server by then.
    waited: Duration,
    /// A test wanted it to be silent since then.
    is_meant: bool,
    silences: Vec<Silence>,
}

/// A time in which nobody can have heard a beat, and a moment more at both ends; by the clock that dates alerts.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    /// Just before the last beat was sent, or when the service was born.
    pub began: SystemTime,
    /// Just after the server had taken the next.
    pub ended: SystemTime,
    /// How much of it the beater itself was late. None of it where a test wanted the silence.
    own: Duration,
    /// `i` of the last beat before it; 0 where there was none.
    after_i: u64,
}

/// A death that was told, as its alert has it.
#[derive(Clone, Copy, Debug)]
pub struct Death {
    pub timeout: Duration,
    pub late_sec: f64,
    /// `i` of the last beat that was heard; `None` where the alert does not name it.
    pub last_i: Option<u64>,
    /// When the alert arrived.
    pub at: SystemTime,
}

impl Record {
    /// Whether a beater that did not get to run for the timeout of `svc` explains its death, and that alone.
    pub fn explains(&self, svc: &str, death: Death) -> bool {
        let services = self.0.lock().unwrap();
        let Some(svc) = services.by_name.get(svc) else {
            return false;
        };
        let now = svc.gap(services.waited_by(Instant::now()));
        svc.silences.iter().chain([&now]).any(|gap| {
            let length = gap.ended.duration_since(gap.began).unwrap_or_default();
            gap.own >= death.timeout
                && death.last_i.is_none_or(|i| i == gap.after_i)
                && death.at >= gap.began + death.timeout
                && death.at <= gap.ended + DELIVERY
                && death.late_sec <= length.as_secs_f64() + ROUNDING_SEC
        })
    }
}

impl Services {
    fn waited_by(&self, now: Instant) -> Duration {
        let waiting = self.waits_since.map(|since| now.duration_since(since));
        self.waited + waiting.unwrap_or_default()
    }

    fn begin_to_wait(&mut self) {
        self.waits_since.get_or_insert_with(Instant::now);
    }

    fn end_to_wait(&mut self) {
        self.waited = self.waited_by(Instant::now());
        self.waits_since = None;
    }
}

impl Svc {
    /// From the last beat that the server took until now, when the beater has waited for it for so long all in all.
    fn gap(&self, waited: Duration) -> Silence {
        let length = self.taken.unwrap_or(self.added).elapsed();
        let ended = SystemTime::now();
        let own = length.saturating_sub(waited - self.waited);
        Silence {
            began: ended - length,
            ended,
            own: if self.is_meant { Duration::ZERO } else { own },
            after_i: self.i,
        }
    }
}

impl Beater {
    /// Beats for `names` on the server every `interval`, starting now.
    pub fn start(redis: &RedisServer, names: &[&str], interval: Duration) -> Beater {
        let shared = Arc::new(Shared {
            record: Record::default(),
            stop: AtomicBool::new(false),
        });
        let (port, inner) = (redis.port(), Arc::clone(&shared));
        let thread = std::thread::spawn(move || {
            // The machine is busy with other tests; where that is allowed, beats go first.
            let _ = setpriority_process(None, FIRST);
            while !inner.stop.load(Ordering::SeqCst) {
                // Until a server answers, it is the server that is waited for.
                inner.record.0.lock().unwrap().begin_to_wait();
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
            added: Instant::now(),
            due: Instant::now(),
            last: None,
            taken: None,
            waited: Duration::ZERO,
            is_meant: false,
            silences: Vec::new(),
        };
        let mut services = self.services();
        let waited = services.waited_by(Instant::now());
        let svc = Svc { waited, ..svc };
        services.by_name.insert(name.to_owned(), svc);
    }

    /// Beats no more for `name`; gives the moment before which its last beat was not sent, be it still on its way.
    pub fn silence(&self, name: &str) -> Instant {
        let mut services = self.services();
        let svc = services.by_name.get_mut(name).expect("a known service");
        svc.is_beating = false;
        svc.is_meant = true;
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
            let taken = self.services().by_name.get(name).and_then(|s| s.taken);
            taken
                .filter(|at| *at > asked)
                .ok_or_else(|| "none went out".into())
        })
    }

    /// The times of more than `limit` in which `name` did not beat, for whatever reason.
    pub fn silences(&self, name: &str, limit: Duration) -> Vec<Silence> {
        let services = self.services();
        let all = services.by_name[name].silences.iter().copied();
        all.filter(|s| s.ended > s.began + limit).collect()
    }

    fn change(&self, name: &str, with: impl FnOnce(&mut Svc)) {
        let mut services = self.services();
        let svc = services.by_name.get_mut(name).expect("a known service");
        with(svc);
        svc.is_beating = true;
        svc.due = Instant::now();
    }

    /// Keeps the beater from its work for so long, as a machine does that is busy elsewhere.
    pub fn hold_up(&self, time: Duration) {
        let _services = self.services();
        std::thread::sleep(time);
    }

    /// What this beater records of its beats.
    pub fn record(&self) -> Record {
        self.shared.record.clone()
    }

    fn services(&self) -> MutexGuard<'_, Services> {
        self.shared.record.0.lock().unwrap()
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
    let services = || shared.record.0.lock().unwrap();
    services().end_to_wait();
    while !shared.stop.load(Ordering::SeqCst) {
        let now = Instant::now();
        let mut beats = redis::pipe();
        let mut names = Vec::new();
        for (name, svc) in services().by_name.iter_mut() {
            if svc.is_beating && (svc.due <= now || is_new) {
                beats.cmd("PUBLISH").arg(&svc.channel).arg(text(name, svc));
                svc.last = Some(now);
                names.push(name.clone());
            }
        }
        is_new = false;
        if !names.is_empty() {
            let waited_before = {
                let mut services = services();
                services.begin_to_wait();
                services.waited
            };
            connection.send_packed_command(&beats.get_packed_pipeline())?;
            for _ in &names {
                connection.recv_response()?.extract_error()?;
            }
            let mut services = services();
            services.end_to_wait();
            let waited = services.waited;
            for name in names {
                let svc = services.by_name.get_mut(&name).unwrap();
                let gap = svc.gap(waited);
                svc.silences.push(gap);
                svc.i += 1;
                (svc.taken, svc.waited) = (Some(now), waited_before);
                // Somebody may have silenced it again while this one was on its way.
                svc.is_meant = !svc.is_beating;
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
