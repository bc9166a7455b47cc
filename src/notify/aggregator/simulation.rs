//! Random lives of a swarm, played on a virtual clock, and what must hold in all of them.
//!
//! `TELLER_SEED=7 cargo test --lib aggregator::simulation` replays one seed.

use std::collections::HashMap;

use proptest::prelude::*;

use super::tests::Play;
use super::*;

const SERVICES: [&str; 5] = ["db", "api", "web", "feed", "mail"];

#[derive(Clone, Copy, Debug)]
enum Op {
    /// The service dies, or returns: whichever is not so.
    Turn(usize),
    /// The same alert kind again without the other between.
    Repeat(usize),
    Degraded(usize),
    Rejected,
    Silence(usize, Ms),
    /// The channel cannot be reached for so long.
    DeadChannel(Ms),
    Restart,
}

/// What people believe, from the messages alone.
#[derive(Default)]
pub(crate) struct People {
    pub down: HashMap<String, bool>,
    pub carried: Vec<String>,
    pub omitted: usize,
}

impl People {
    pub fn read(&mut self, notification: &Notification) -> Result<(), String> {
        for (say, kind, line) in notification.lines() {
            let of_beats = kind == AlertKind::HeartbeatMiss;
            let topic = format!("{}/{}", kind.as_str(), line.svc);
            let believed = self.down.get(&topic).copied().unwrap_or(false);
            match say {
                NotificationKind::End if !believed => {
                    return Err(format!("an end without a beginning: {line:?}"));
                }
                NotificationKind::End | NotificationKind::Gone => self.down.insert(topic, false),
                NotificationKind::Past if believed => {
                    return Err(format!("past, but told to be down: {line:?}"));
                }
                NotificationKind::Remind if !believed => {
                    return Err(format!("reminded of the untold: {line:?}"));
                }
                _ => self.down.insert(topic, line.bad),
            };
            for name in line.because.names.iter().filter(|_| of_beats) {
                self.down.insert(format!("heartbeat_miss/{name}"), true);
            }
        }
        self.carried
            .extend(notification.alerts.iter().map(|a| a.id.clone()));
        self.omitted += notification.omitted;
        Ok(())
    }
}

/// Plays `ops` and checks the promises.
#[allow(clippy::too_many_lines)] // A life from its beginning to its end.
fn live(ops: &[(Ms, Op)], deps: &[(&str, &[&str])]) -> Result<(), String> {
    let rules = Rules {
        remind_ms: 1_800_000,
        ..Rules::default()
    };
    let mut play = Play::with_deps(rules, deps);
    let mut down = [false; SERVICES.len()];
    let mut degraded = [false; SERVICES.len()];
    let mut silences: Vec<Silence> = Vec::new();
    let log = |play: &mut Play, kind, i: usize| {
        let mut alert = play.alert(kind, SERVICES[i]);
        alert.timeout_sec = Some(10.0);
        play.hear(alert);
    };
    let turn = |down: bool| {
        if down {
            AlertKind::HeartbeatMiss
        } else {
            AlertKind::HeartbeatOk
        }
    };
    for &(ms, op) in ops {
        play.pass(ms);
        match op {
            Op::Turn(i) => {
                down[i] = !down[i];
                log(&mut play, turn(down[i]), i);
            }
            Op::Repeat(i) => log(&mut play, turn(down[i]), i),
            Op::Degraded(i) => {
                degraded[i] = !degraded[i];
                let kind = if degraded[i] {
                    AlertKind::ServiceDegraded
                } else {
                    AlertKind::ServiceRestored
                };
                log(&mut play, kind, i);
            }
            Op::Rejected => log(&mut play, AlertKind::TruthRejected, 0),
            Op::Silence(i, ms) => {
                let svc = SERVICES.get(i).copied().unwrap_or("*").to_owned();
                let (from_ms, until_ms) = (play.now, play.now + ms);
                let (id, why, by) = Default::default();
                silences.push(Silence {
                    id,
                    svc,
                    ack: false,
                    from_ms,
                    until_ms,
                    why,
                    by,
                });
                silences.retain(|h| h.until_ms > play.now);
                play.silence(silences.clone());
            }
            Op::DeadChannel(ms) => {
                let since = play.now;
                play.now += ms;
                play.compose(Some(since));
            }
            Op::Restart => play.restart(),
        }
    }
    play.pass(24 * 3_600_000);
    let mut people = People::default();
    for (_, notification) in &play.told {
        people.read(notification)?;
    }
    for (topic, truth) in [("heartbeat_miss", down), ("service_degraded", degraded)] {
        for (i, svc) in SERVICES.iter().enumerate() {
            let told = people
                .down
                .get(&format!("{topic}/{svc}"))
                .copied()
                .unwrap_or(false);
            if told != truth[i] {
                return Err(format!(
                    "{topic}/{svc}: people believe {told}, the truth is {}",
                    truth[i]
                ));
            }
        }
    }
    for id in &people.carried {
        if !play.logged.contains(id) {
            return Err(format!("told, but not in the log: {id}"));
        }
    }
    let mut once = people.carried.clone();
    once.sort();
    once.dedup();
    if once.len() != people.carried.len() {
        return Err("an alert was carried twice".into());
    }
    check_pace(&play, ops)
}

/// No flood, and the first word in time.
fn check_pace(play: &Play, ops: &[(Ms, Op)]) -> Result<(), String> {
    let times: Vec<Ms> = play.told.iter().map(|(at, _)| *at).collect();
    for (i, at) in times.iter().enumerate() {
        let burst = times[i..].iter().take_while(|&&t| t < at + 10_000).count();
        // A dead channel that returns speaks at once, beside the window's four.
        let returns = ops
            .iter()
            .filter(|(_, op)| matches!(op, Op::DeadChannel(_)))
            .count();
        if burst > 4 + returns {
            return Err(format!("{burst} messages in ten seconds"));
        }
    }
    Ok(())
}

fn op() -> impl Strategy<Value = Op> {
    let service = 0..SERVICES.len();
    prop_oneof![
        8 => service.clone().prop_map(Op::Turn),
        1 => service.clone().prop_map(Op::Repeat),
        1 => service.clone().prop_map(Op::Degraded),
        1 => Just(Op::Rejected),
        1 => (0..SERVICES.len() + 1, 1_000i64..600_000).prop_map(|(i, ms)| Op::Silence(i, ms)),
        1 => (1_000i64..3_600_000).prop_map(Op::DeadChannel),
        1 => Just(Op::Restart),
    ]
}

fn pause() -> impl Strategy<Value = Ms> {
    prop_oneof![Just(0), 0i64..1_000, 0i64..30_000, 0i64..600_000]
}

const DEPS: &[(&str, &[&str])] = &[("api", &["db"]), ("web", &["api", "feed"])];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_last_message_about_a_service_states_its_true_state(
        ops in prop::collection::vec((pause(), op()), 0..40),
        with_deps in any::<bool>(),
    ) {
        let deps = if with_deps { DEPS } else { &[] };
        prop_assert_eq!(live(&ops, deps), Ok(()));
    }
}

#[test]
fn long_lives_keep_the_promises() {
    let seeds = match std::env::var("TELLER_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
    {
        Some(seed) => seed..seed + 1,
        None => 0..300u64,
    };
    for seed in seeds {
        let mut rng = fastrand::Rng::with_seed(seed);
        let pace = [500, 5_000, 60_000][rng.usize(..3)];
        let ops: Vec<(Ms, Op)> = (0..400)
            .map(|_| {
                let i = rng.usize(..SERVICES.len());
                let op = match rng.u32(..40) {
                    0 => Op::Repeat(i),
                    1 => Op::Degraded(i),
                    2 => Op::Rejected,
                    3 => Op::Silence(rng.usize(..=SERVICES.len()), rng.i64(1_000..900_000)),
                    4 => Op::DeadChannel(rng.i64(1_000..3_600_000)),
                    5 | 6 => Op::Restart,
                    _ => Op::Turn(i),
                };
                (rng.i64(0..pace), op)
            })
            .collect();
        let deps = if rng.bool() { DEPS } else { &[] };
        assert_eq!(live(&ops, deps), Ok(()), "TELLER_SEED={seed}");
    }
}

#[test]
fn without_silences_every_alert_is_carried_or_counted() {
    for seed in 0..100u64 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut play = Play::new(Rules::default());
        let mut down = [false; SERVICES.len()];
        for _ in 0..200 {
            play.pass(rng.i64(0..20_000));
            let i = rng.usize(..SERVICES.len());
            down[i] = !down[i];
            if down[i] {
                play.miss(SERVICES[i])
            } else {
                play.ok(SERVICES[i])
            }
            if rng.u32(..20) == 0 {
                play.restart();
            }
        }
        play.pass(3_600_000);
        let told: usize = play
            .told
            .iter()
            .map(|(_, t)| t.alerts.len() + t.omitted)
            .sum();
        assert_eq!(told, play.logged.len(), "seed {seed}");
    }
}
