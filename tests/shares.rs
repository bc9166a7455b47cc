//! Instances that share work by parts, without any mesh: no part rests for long while somebody lives, results of a part
//! come under tokens that only grow, and shares are even.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fastrand::Rng;
use redis::streams::StreamReadReply;

use crate::support::daemon::example;
use crate::support::{Daemon, FakeClock, PATIENCE, Proxy, RedisServer, repetitions, until};

const PARTS: u32 = 64;
/// What a machine that is busy with other tests may take longer.
const SLACK: Duration = Duration::from_secs(10);

/// A worker, behind a proxy of its own.
struct Worker {
    daemon: Daemon,
    proxy: Proxy,
}

/// Workers that come and go.
struct Crew {
    program: PathBuf,
    workers: Vec<Worker>,
    started: usize,
}

impl Crew {
    fn new() -> Crew {
        Crew {
            program: example("shares_worker"),
            workers: Vec::new(),
            started: 0,
        }
    }

    fn start(&mut self, redis: &RedisServer) {
        let proxy = Proxy::to(redis.port());
        let mut command = Command::new(&self.program);
        command.env_clear().stdin(Stdio::null());
        command.env("SYSTEM_REDIS_URL", proxy.url());
        command.env("PARTS", PARTS.to_string());
        command.env("INST", format!("w{}", self.started));
        self.started += 1;
        let daemon = Daemon::spawn("shares_worker", command);
        self.workers.push(Worker { daemon, proxy });
    }
}

/// Reads every result that was accepted, as it comes.
struct Checker {
    seen: Arc<Seen>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    stop: AtomicBool,
    parts: Mutex<BTreeMap<u32, (u64, Instant)>>,
    /// The longest that a part rested, while that was no longer than allowed at the time.
    worst: Mutex<Duration>,
    wrong: Mutex<Vec<String>>,
}

impl Checker {
    fn start(redis: &RedisServer) -> Checker {
        let seen = Arc::new(Seen::default());
        let (inner, mut connection) = (Arc::clone(&seen), redis.connection());
        let thread = std::thread::spawn(move || {
            let mut last = "0".to_owned();
            while !inner.stop.load(Ordering::SeqCst) {
                let mut ask = redis::cmd("XREAD");
                ask.arg("COUNT").arg(1000).arg("BLOCK").arg(100);
                ask.arg("STREAMS").arg("results").arg(&last);
                let read: Option<StreamReadReply> = ask.query(&mut connection).expect("it answers");
                let entries = read.into_iter().flat_map(|read| read.keys);
                for entry in entries.flat_map(|key| key.ids) {
                    inner.take(&entry);
                    last = entry.id;
                }
            }
        });
        Checker {
            seen,
            thread: Some(thread),
        }
    }

    /// The longest that a part has not been worked on, of those that were and of all when `PARTS` were.
    fn idle(&self) -> Option<Duration> {
        let parts = self.seen.parts.lock().unwrap();
        let all = parts.len() == PARTS as usize;
        all.then(|| {
            parts
                .values()
                .map(|(_, at)| at.elapsed())
                .max()
                .unwrap_or_default()
        })
    }

    fn wait_worked(&self, what: &str, within: Duration) {
        until(what, within, || match self.idle() {
            Some(idle) if idle < Duration::from_secs(2) => Ok(()),
            other => Err(format!("a part rests for {other:?}")),
        });
    }

    /// Lets `span` pass, in which no part may rest for longer than `limit`.
    fn watch(&self, what: &str, span: Duration, limit: Duration) {
        let began = Instant::now();
        while began.elapsed() < span {
            let idle = self.idle().expect("all were worked on before");
            let mut worst = self.seen.worst.lock().unwrap();
            *worst = (*worst).max(idle);
            drop(worst);
            assert!(idle <= limit + SLACK, "{what}: a part rests for {idle:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Seen {
    fn take(&self, entry: &redis::streams::StreamId) {
        let part: u32 = entry.get("part").expect("a part");
        let token: u64 = entry.get("token").expect("a token");
        let mut parts = self.parts.lock().unwrap();
        let before = parts.insert(part, (token, Instant::now()));
        if let Some((last, _)) = before
            && token < last
        {
            let wrong = format!("{part}: {token} was accepted after {last}");
            self.wrong.lock().unwrap().push(wrong);
        }
    }
}

impl Drop for Checker {
    fn drop(&mut self) {
        self.seen.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// How many parts each instance holds.
fn held(redis: &RedisServer) -> BTreeMap<String, usize> {
    let fields: BTreeMap<String, String> = redis.query(&["HGETALL", "mesh:parts:work"]);
    let mut held = BTreeMap::new();
    for (field, holder) in fields {
        if field != "parts" {
            let (inst, _) = holder.rsplit_once('|').expect("a token");
            *held.entry(inst.to_owned()).or_default() += 1;
        }
    }
    held
}

#[track_caller]
fn wait_even(redis: &RedisServer, workers: usize) {
    until("the shares are even", 2 * PATIENCE, || {
        let held = held(redis);
        let (least, most) = (held.values().min(), held.values().max());
        let is_even = most
            .zip(least)
            .is_some_and(|(most, least)| most - least <= 1);
        let is_all = held.values().sum::<usize>() == PARTS as usize && held.len() == workers;
        if is_even && is_all {
            Ok(())
        } else {
            Err(format!("{held:?}"))
        }
    });
}

#[test]
fn whatever_happens_to_four_workers_each_part_is_worked_on_again_and_tokens_only_grow() {
    let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed} replays the order of this run");
    let mut rng = Rng::with_seed(seed);
    let clock = FakeClock::here();
    let redis = clock
        .as_ref()
        .map_or_else(RedisServer::start, FakeClock::redis);
    let mut crew = Crew::new();
    (0..4).for_each(|_| crew.start(&redis));
    let checker = Checker::start(&redis);
    checker.wait_worked("all parts are worked on", 2 * PATIENCE);
    wait_even(&redis, 4);

    // Four in a usual run: one of each kind. 200 in a full one.
    let rounds = if repetitions(1) > 1 { 200 } else { 4 };
    let kinds = if clock.is_some() { 4 } else { 3 };
    let mut order: Vec<u8> = (0..rounds).map(|n| (n % kinds) as u8).collect();
    rng.shuffle(&mut order);
    let (usual, stepped) = (Duration::from_secs(13), Duration::from_secs(17));
    let mut ahead = 0;
    for kind in order {
        let nth = rng.usize(..crew.workers.len());
        std::thread::sleep(Duration::from_millis(rng.u64(..2000)));
        match kind {
            0 => {
                crew.workers.remove(nth).daemon.kill();
                checker.watch("a kill", usual, usual);
                crew.start(&redis);
            }
            1 => {
                crew.workers[nth].daemon.pause();
                checker.watch("a stop", Duration::from_secs(15), usual);
                crew.workers[nth].daemon.resume();
            }
            2 => {
                crew.workers[nth].proxy.go_silent();
                checker.watch("a partition", Duration::from_secs(14), usual);
                crew.workers[nth].proxy.heal();
            }
            _ => {
                ahead = if ahead == 0 && rng.bool() {
                    3600
                } else if ahead == 0 {
                    -3600
                } else {
                    0
                };
                let clock = clock.as_ref().expect("a clock");
                clock.set(ahead);
                checker.watch("a step of the clock", Duration::from_secs(10), stepped);
            }
        }
        checker.wait_worked("all parts are worked on again", 2 * PATIENCE);
    }
    wait_even(&redis, 4);
    let wrong = checker.seen.wrong.lock().unwrap().clone();
    assert!(wrong.is_empty(), "{wrong:?}");
    println!(
        "{rounds} rounds; a part rested for {:?} at most",
        checker.seen.worst.lock().unwrap()
    );
}

#[test]
fn who_stops_cleanly_leaves_its_parts_free_at_once() {
    let redis = RedisServer::start();
    let mut crew = Crew::new();
    (0..2).for_each(|_| crew.start(&redis));
    wait_even(&redis, 2);
    crew.workers[0].daemon.stop();
    // Its session is ended, not left to run out.
    let members: Vec<String> = redis.query(&["SMEMBERS", "mesh:members:work"]);
    assert_eq!(members, ["w1"]);
    assert_eq!(held(&redis).get("w0"), None);
    wait_even(&redis, 1);
}

#[test]
fn a_counter_that_was_set_back_is_overtaken_by_the_fence() {
    let redis = RedisServer::start();
    let mut crew = Crew::new();
    // A write from a future in which the server's clock was ahead.
    let far: u64 = 9_000_000_000_000_000;
    redis.query::<()>(&["SET", "fence:work:5", &far.to_string()]);
    crew.start(&redis);
    crew.workers[0].daemon.wait_log("fenced 5", PATIENCE);
    until("part 5 is worked on above the fence", PATIENCE, || {
        let fence: u64 = redis.query(&["GET", "fence:work:5"]);
        let holder: String = redis.query(&["HGET", "mesh:parts:work", "5"]);
        if fence > far && holder.ends_with(&format!("|{fence}")) {
            Ok(())
        } else {
            Err(format!("{fence}, held by {holder}"))
        }
    });
}
