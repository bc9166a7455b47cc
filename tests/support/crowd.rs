//! Many instances of one service that beat on its channel, each of which can die, stop and come back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use redis::{Connection, RedisResult};

use super::redis_server::connect;

/// Between two attempts to reach the server.
const KNOCK_EVERY: Duration = Duration::from_millis(100);

/// A thread that beats for all of them, through whatever happens to the server.
pub struct Crowd {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    svc: String,
    interval: Duration,
    members: Mutex<BTreeMap<String, Member>>,
    status: Mutex<Option<String>>,
    stop: AtomicBool,
}

struct Member {
    i: u64,
    due: Instant,
    is_beating: bool,
    /// A last beat is owed that says so.
    is_leaving: bool,
}

impl Crowd {
    /// Nobody yet, beating as `svc` every `interval` through the server on `port`.
    pub fn of(svc: &str, port: u16, interval: Duration) -> Crowd {
        let shared = Arc::new(Shared {
            svc: svc.to_owned(),
            interval,
            members: Mutex::default(),
            status: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let inner = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            while !inner.stop.load(Ordering::SeqCst) {
                let _ = beat(port, &inner);
                std::thread::sleep(KNOCK_EVERY);
            }
        });
        Crowd {
            shared,
            thread: Some(thread),
        }
    }

    /// It beats, from now on and at once.
    pub fn join(&self, inst: &str) {
        let mut members = self.members();
        let member = members.entry(inst.to_owned()).or_insert(Member {
            i: 0,
            due: Instant::now(),
            is_beating: true,
            is_leaving: false,
        });
        (member.is_beating, member.due) = (true, Instant::now());
    }

    /// It is silent from now on.
    pub fn die(&self, inst: &str) {
        if let Some(member) = self.members().get_mut(inst) {
            member.is_beating = false;
        }
    }

    /// It says goodbye, and is silent from then on.
    pub fn leave(&self, inst: &str) {
        if let Some(member) = self.members().get_mut(inst) {
            (member.is_leaving, member.due) = (true, Instant::now());
        }
    }

    /// The beats of all say this from now on.
    pub fn say(&self, status: &str) {
        *self.shared.status.lock().unwrap() = Some(status.to_owned());
    }

    /// Who beats.
    pub fn living(&self) -> Vec<String> {
        let members = self.members();
        let living = members
            .iter()
            .filter(|(_, m)| m.is_beating && !m.is_leaving);
        living.map(|(inst, _)| inst.clone()).collect()
    }

    fn members(&self) -> MutexGuard<'_, BTreeMap<String, Member>> {
        self.shared.members.lock().unwrap()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Beats until the connection breaks. As a good sender does, everybody beats as soon as there is one.
fn beat(port: u16, shared: &Shared) -> RedisResult<()> {
    let mut connection = connect(port, None)?;
    connection.set_read_timeout(Some(Duration::from_secs(2)))?;
    let channel = format!("{}:heartbeat", shared.svc);
    let mut is_new = true;
    while !shared.stop.load(Ordering::SeqCst) {
        let mut beats = Vec::new();
        let now = Instant::now();
        for (inst, member) in shared.members.lock().unwrap().iter_mut() {
            if member.is_beating && (is_new || member.due <= now) {
                beats.push((inst.clone(), member.i + 1, member.is_leaving));
            }
        }
        is_new = false;
        if !beats.is_empty() {
            send(&mut connection, shared, &channel, &beats)?;
            let mut members = shared.members.lock().unwrap();
            for (inst, i, was_leaving) in beats {
                let Some(member) = members.get_mut(&inst) else {
                    continue;
                };
                (member.i, member.due) = (i, now + shared.interval);
                if was_leaving {
                    (member.is_beating, member.is_leaving) = (false, false);
                }
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn send(
    connection: &mut Connection,
    shared: &Shared,
    channel: &str,
    beats: &[(String, u64, bool)],
) -> RedisResult<()> {
    let mut packet = redis::pipe();
    for (inst, i, is_leaving) in beats {
        let said = shared.status.lock().unwrap().clone();
        let said = if *is_leaving {
            Some("stopping".to_owned())
        } else {
            said
        };
        let status = said.map_or_else(String::new, |said| format!(r#","status":"{said}""#));
        let svc = &shared.svc;
        let beat = format!(r#"{{"svc":"{svc}","i":{i},"ts":1,"inst":"{inst}"{status}}}"#);
        packet.cmd("PUBLISH").arg(channel).arg(beat).ignore();
    }
    packet.query(connection)
}
