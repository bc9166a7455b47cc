//! A steady load: groups of services that beat evenly at their interval, until told to die.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::alerts::PROBE;
use super::lab::{Group, Server};
use super::wire::{Wire, encode};

/// Beats go out in packets this far apart.
const TICK: Duration = Duration::from_millis(1);
/// Between two probes.
const PROBE_EVERY: Duration = Duration::from_millis(5);

/// A thread that beats for all.
pub struct Load {
    pub epoch: Instant,
    groups: Vec<Group>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    stop: AtomicBool,
    /// By group, by number.
    lives: Mutex<Vec<Vec<Life>>>,
}

#[derive(Clone, Copy)]
struct Life {
    /// No beat is sent from then on.
    ends: Option<Instant>,
    /// The last beat, in nanoseconds since the epoch; 0 for none.
    last: u64,
}

impl Load {
    /// Begins to beat for every service of these groups, each at its own moment of the interval.
    pub fn start(server: &Server, groups: &[Group]) -> Load {
        let lives = groups
            .iter()
            .map(|g| {
                vec![
                    Life {
                        ends: None,
                        last: 0
                    };
                    g.count
                ]
            })
            .collect();
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            lives: Mutex::new(lives),
        });
        let epoch = Instant::now();
        let mut wire = server.wire();
        wire.silence();
        let (kept, own) = (Arc::clone(&shared), groups.to_vec());
        let thread = std::thread::spawn(move || beat_on(wire, epoch, &own, &kept));
        Load {
            epoch,
            groups: groups.to_vec(),
            shared,
            thread: Some(thread),
        }
    }

    /// Lets a service of a group die at `at`: its last beat is the last one before.
    pub fn kill(&self, group: usize, number: usize, at: Instant) {
        self.shared.lives.lock().expect("nobody panics with it")[group][number].ends = Some(at);
    }

    /// When the deadlines of the dead of a group are: their last beat and the timeout.
    pub fn deadlines(&self, group: usize) -> HashMap<String, Instant> {
        let lives = self.shared.lives.lock().expect("nobody panics with it");
        let dead = lives[group]
            .iter()
            .enumerate()
            .filter(|(_, life)| life.ends.is_some());
        let group = &self.groups[group];
        dead.map(|(n, life)| {
            (
                group.name(n),
                self.epoch + Duration::from_nanos(life.last) + group.timeout(),
            )
        })
        .collect()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn beat_on(mut wire: Wire, epoch: Instant, groups: &[Group], shared: &Shared) {
    let mut sent = vec![0u64; groups.len()];
    let mut packet = Vec::new();
    let mut probe_at = epoch;
    while !shared.stop.load(Ordering::SeqCst) {
        packet.clear();
        let now = Instant::now();
        let nanos = (now - epoch).as_nanos() as u64;
        let mut lives = shared.lives.lock().expect("nobody panics with it");
        for ((group, lives), sent) in groups.iter().zip(lives.iter_mut()).zip(&mut sent) {
            let step = group.interval_sec / group.count as f64;
            let due = ((now - epoch).as_secs_f64() / step) as u64;
            for beat in *sent..due {
                let number = beat as usize % group.count;
                let life = &mut lives[number];
                if life.ends.is_none_or(|ends| now < ends) {
                    life.last = nanos;
                    push_beat(
                        &mut packet,
                        &group.name(number),
                        beat / group.count as u64 + 1,
                    );
                }
            }
            *sent = due;
        }
        drop(lives);
        if now >= probe_at {
            probe_at = now + PROBE_EVERY;
            let sent = (Instant::now() - epoch).as_nanos().to_string();
            encode(
                &mut packet,
                &[b"PUBLISH", PROBE.as_bytes(), sent.as_bytes()],
            );
        }
        wire.send(&packet);
        std::thread::sleep(TICK.saturating_sub(now.elapsed()));
    }
}

/// Appends the PUBLISH of a beat.
pub fn push_beat(packet: &mut Vec<u8>, svc: &str, i: u64) {
    let channel = format!("{svc}:heartbeat");
    let beat = format!(r#"{{"svc":"{svc}","i":{i},"ts":1762433458}}"#);
    encode(packet, &[b"PUBLISH", channel.as_bytes(), beat.as_bytes()]);
}

/// How late each alert came, in milliseconds, and how many of the deadlines have none.
pub fn lateness(
    deadlines: &HashMap<String, Instant>,
    alerts: &HashMap<String, Instant>,
) -> (Vec<f64>, usize) {
    let mut late = Vec::with_capacity(deadlines.len());
    for (svc, deadline) in deadlines {
        if let Some(at) = alerts.get(svc) {
            let millis = |d: Duration| d.as_secs_f64() * 1e3;
            late.push(match at.checked_duration_since(*deadline) {
                Some(late) => millis(late),
                None => -millis(*deadline - *at),
            });
        }
    }
    let untold = deadlines.len() - late.len();
    (late, untold)
}
