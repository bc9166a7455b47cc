//! A step of the wall clock, under daemons and bus at once: no verdict comes of it, none is late, and what is dated
//! follows the clock.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Value;

use crate::support::fake_clock::real_secs;
use crate::support::notifier::wait_silences_read;
use crate::support::receiver::Receiver;
use crate::support::{Alerts, Daemon, FakeClock, PATIENCE, Stage, secs, until};

const HOUR: i64 = 3600;
const INTERVAL_SEC: f64 = 0.3;
/// Time enough for daemons on a busy machine.
const TIMEOUT_SEC: f64 = 2.5;
/// After this a false death of the step would have been told: its doubt is over, and another timeout.
const WINDOW_SEC: f64 = 6.5;
/// What a death may be told late on a machine that is busy with other tests, where an echo may cast a doubt of its own:
/// far below any step.
const LATE_SEC: f64 = 20.0;

/// Services, watchers and bus that believe one clock.
struct Swarm {
    // Fields are dropped in this order: processes before the server.
    daemons: BTreeMap<&'static str, Daemon>,
    beats: Vec<(&'static str, Alerts)>,
    stage: Stage,
    clock: FakeClock,
    env: Vec<(String, String)>,
    ahead: i64,
}

impl Swarm {
    /// `None` where there is no such clock.
    fn start(settings: &[(&str, &str)]) -> Option<Swarm> {
        let clock = FakeClock::here()?;
        let names = ["mesh", "massive", "vexy_ai", "sentinel", "healer"];
        let stage = Stage::on(clock.redis(), &names, INTERVAL_SEC, TIMEOUT_SEC);
        let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        let mut env = clock.env();
        env.extend(settings.iter().map(own));
        let listen = |name| {
            let channel = format!("{name}:heartbeat");
            (name, Alerts::on_channel(&stage.redis, &channel))
        };
        let mut swarm = Swarm {
            daemons: BTreeMap::new(),
            beats: names.map(listen).into(),
            stage,
            clock,
            env,
            ahead: 0,
        };
        let others = &names[..4];
        others.iter().for_each(|name| swarm.start_one(name));
        // How long they take to start is not the healer's business.
        for (name, ear) in &swarm.beats[..others.len()] {
            ear.wait_for(&format!("a first beat of {name}"), PATIENCE, |_| true);
        }
        swarm.start_one("healer");
        for name in names {
            swarm.stage.wait_health(name, "up");
        }
        Some(swarm)
    }

    fn start_one(&mut self, name: &'static str) {
        let daemon = self.stage.start_with(name, &pairs(&self.env));
        self.daemons.insert(name, daemon);
    }

    fn daemon(&mut self, name: &str) -> &mut Daemon {
        self.daemons.get_mut(name).unwrap()
    }

    /// Steps the clock to `ahead` seconds before the machine's.
    fn step(&mut self, ahead: i64) {
        self.ahead = ahead;
        self.clock.set(ahead);
    }

    /// What the clock shows.
    fn now(&self) -> i64 {
        real_secs() + self.ahead
    }

    /// Waits until every process has dated something by the new clock. Without this, a clock that nobody looks at would
    /// prove nothing.
    fn wait_seen(&self) {
        for (name, beats) in &self.beats {
            beats.wait_for(
                &format!("a beat of {name} by the new clock"),
                PATIENCE,
                |beat| self.is_now(&beat.json["ts"]),
            );
        }
        let (bus_secs, _): (i64, i64) = self.stage.redis.query(&["TIME"]);
        assert!(self.is_now(&bus_secs.into()), "the bus shows {bus_secs}");
    }

    /// Whether a date is of the last seconds, by the clock of the swarm.
    fn is_now(&self, ts: &Value) -> bool {
        ts.as_i64().is_some_and(|ts| (ts - self.now()).abs() < 60)
    }

    fn command(&self, args: &[&str]) -> (i32, String) {
        let (url, mut env) = (self.stage.redis.url(), self.clock.env());
        env.push(("SYSTEM_REDIS_URL".into(), url));
        Daemon::run("marketswarm", args, &pairs(&env), PATIENCE)
    }

    /// Waits for a miss that is neither early nor late.
    #[track_caller]
    fn expect_miss(&self, kind: &str, svc: &str, died: Instant) {
        let miss = self.stage.alerts.wait(kind, svc, PATIENCE);
        let after = miss.at.duration_since(died).as_secs_f64();
        assert!(
            after < TIMEOUT_SEC + LATE_SEC,
            "told {after} s after the death: {}",
            miss.text
        );
        let late = miss.json["late_sec"].as_f64().unwrap();
        assert!(
            (TIMEOUT_SEC..TIMEOUT_SEC + LATE_SEC).contains(&late) && self.is_now(&miss.json["ts"]),
            "by a clock that shows {}: {}",
            self.now(),
            miss.text
        );
    }
}

fn pairs(env: &[(String, String)]) -> Vec<(&str, &str)> {
    env.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect()
}

#[test]
fn a_step_of_the_wall_clock_is_no_death_and_hides_none() {
    let Some(mut swarm) = Swarm::start(&[]) else {
        return;
    };
    for (step, then) in [
        (5 * HOUR, 9 * HOUR),
        (-7 * HOUR, -8 * HOUR),
        (0, 400 * 24 * HOUR),
    ] {
        swarm.step(step);
        swarm.wait_seen();
        swarm.stage.alerts.assert_nothing_else(secs(WINDOW_SEC));

        // Once more, while somebody is silent.
        swarm.daemon("mesh").kill();
        let died = Instant::now();
        swarm.step(then);
        swarm.expect_miss("heartbeat_miss", "mesh", died);
        let health = swarm.stage.wait_health("mesh", "down");
        for date in ["as_of_ts", "since_ts", "last_seen_ts"] {
            assert!(swarm.is_now(&health[date]), "{date} of {health}");
        }
        let (code, table) = swarm.command(&["status"]);
        let line = table.lines().find(|l| l.starts_with("mesh")).unwrap();
        let age = line.split_once("no beat for ").map(|(_, age)| age);
        assert!(
            code == 1 && age.is_some_and(|age| age.ends_with(" s") && age.len() <= 4),
            "{table}"
        );
        swarm.start_one("mesh");
        swarm.stage.alerts.wait("heartbeat_ok", "mesh", PATIENCE);
        let (code, table) = swarm.command(&["status"]);
        assert_eq!(code, 0, "{table}");

        swarm.daemon("healer").kill();
        let died = Instant::now();
        swarm.step(step);
        swarm.expect_miss("healer_miss", "healer", died);
        swarm.start_one("healer");
        swarm.stage.alerts.wait("healer_ok", "healer", PATIENCE);
        swarm.stage.wait_health("mesh", "up");
    }
    swarm.stage.alerts.assert_nothing_else(secs(WINDOW_SEC));
    swarm.daemons.values_mut().for_each(Daemon::stop);
}

#[test]
fn a_step_of_the_wall_clock_keeps_nobody_from_being_told_and_silences_hold() {
    let receiver = Receiver::start();
    let url = receiver.url();
    let Some(mut swarm) = Swarm::start(&[("WEBHOOK_URL", &url), ("RATE_LIMIT_SEC", "0")]) else {
        return;
    };
    let mut told = 0;
    // Gives what follows these words on the first line.
    let mut wait_next = |begin: &str| {
        let rest = until(begin, PATIENCE, || match receiver.messages().get(told) {
            Some(next) => match next.text().lines().next().unwrap().strip_prefix(begin) {
                Some(rest) => Ok(rest.to_owned()),
                None => Err(next.text()),
            },
            None => Err(format!("{told} messages came")),
        });
        told += 1;
        assert_eq!(receiver.messages().len(), told);
        rest
    };
    // No step is in a silence that is told: `7.5 s (limit …`.
    let assert_late = |silence: String| {
        let late = silence.split_once(" s").and_then(|(n, _)| n.parse().ok());
        assert!(
            late.is_some_and(|n: f64| (TIMEOUT_SEC..60.0).contains(&n)),
            "{silence}"
        );
    };
    // Nobody dies twice in a short while: who flaps is told in other words.
    for (step, dies, is_silenced) in [
        (-7 * HOUR, "mesh", "massive"),
        (5 * HOUR, "vexy_ai", "mesh"),
    ] {
        swarm.step(step);
        swarm.wait_seen();
        swarm.daemon(dies).kill();
        assert_late(wait_next(&format!("DOWN {dies}: no beat for ")));
        swarm.start_one(dies);
        wait_next(&format!("UP {dies} after"));

        let (code, said) = swarm.command(&["silence", is_silenced, "2h", "--why", "clocks"]);
        assert_eq!(code, 0, "{said}");
        // By the healer's channel and by the sentinel's.
        wait_silences_read(&swarm.stage.redis, 6);
        swarm.daemon(is_silenced).kill();
        swarm.stage.wait_health(is_silenced, "down");
        std::thread::sleep(secs(3.0));
        let before = receiver.messages().len();
        let (code, said) = swarm.command(&["silence", "end", is_silenced]);
        assert_eq!(code, 0, "{said}");
        wait_next(&format!("DOWN {is_silenced}: no beat for "));
        let after = receiver.messages().len();
        assert!(after > before, "told in spite of a silence");
        swarm.start_one(is_silenced);
        wait_next(&format!("UP {is_silenced} after"));
    }
    // A channel that was first set up by a clock that ran ahead takes nothing of today for history.
    swarm.step(-7 * HOUR);
    swarm.wait_seen();
    swarm.daemon("healer").kill();
    assert_late(wait_next("DOWN healer: no beat for "));
    swarm.start_one("healer");
    wait_next("UP healer after");
    swarm.stage.wait_health("massive", "up");
    swarm.daemon("massive").kill();
    assert_late(wait_next("DOWN massive: no beat for "));
}

#[test]
fn a_step_back_keeps_no_healer_waiting_for_the_lease_of_a_dead_one() {
    let Some(mut swarm) = Swarm::start(&[]) else {
        return;
    };
    // The lease would now last for hours, and who holds it renews it no more.
    swarm.daemon("healer").pause();
    swarm.step(-7 * HOUR);
    until("a lease for hours", PATIENCE, || {
        match swarm.stage.redis.query::<i64>(&["PTTL", "healer:lease"]) {
            left if left > 6 * HOUR * 1000 => Ok(()),
            left => Err(format!("{left} ms are left")),
        }
    });
    swarm.daemon("healer").kill();
    swarm.start_one("healer");
    swarm.daemon("mesh").kill();
    swarm.stage.alerts.wait("heartbeat_miss", "mesh", PATIENCE);
}
