//! The six daemons together, as they run: each death is told, by whoever is there to tell it, and nothing else is.

use serde_json::json;

use crate::support::{Alerts, Daemon, PATIENCE, Stage, secs};

const WORKERS: [&str; 4] = ["rss_agg", "massive", "mesh", "vexy_ai"];

struct Swarm {
    // Fields are dropped in this order: processes before the server.
    workers: Vec<Daemon>,
    healer: Daemon,
    sentinel: Daemon,
    stage: Stage,
}

impl Swarm {
    fn start() -> Swarm {
        let names = ["rss_agg", "massive", "mesh", "vexy_ai", "sentinel"];
        // Time enough for daemons on a busy machine.
        let mut stage = Stage::new(&names, 0.3, 4.0);
        stage.truth["services"]["rss_agg"]["feeds"] = json!([]);
        stage.reseed();
        let market = stage.redis.url();
        let env = [("MARKET_REDIS_URL", market.as_str())];
        let hears = |name: &str| Alerts::on_channel(&stage.redis, &format!("{name}:heartbeat"));
        let beats = names.map(hears);
        let starts = |name: &&str| stage.start_with(name, &env);
        let workers = WORKERS.iter().map(starts).collect();
        let sentinel = stage.start("sentinel");
        // How long they take to start is not the healer's business.
        for ear in beats {
            ear.wait_for("a first beat", PATIENCE, |_| true);
        }
        let swarm = Swarm {
            workers,
            healer: stage.start("healer"),
            sentinel,
            stage,
        };
        for name in names.into_iter().chain(["healer"]) {
            swarm.stage.wait_health(name, "up");
        }
        swarm
    }

    #[track_caller]
    fn expect(&self, kind: &str, svc: &str) -> serde_json::Value {
        self.stage.alerts.wait(kind, svc, PATIENCE).json
    }
}

#[test]
fn each_daemon_that_crashes_hangs_or_stops_is_told_and_so_is_its_return() {
    let mut swarm = Swarm::start();
    let market = swarm.stage.redis.url();
    let env = [("MARKET_REDIS_URL", market.as_str())];
    for (n, name) in WORKERS.iter().enumerate() {
        match n % 3 {
            0 => swarm.workers[n].kill(),
            1 => swarm.workers[n].pause(),
            _ => swarm.workers[n].stop(),
        }
        let miss = swarm.expect("heartbeat_miss", name);
        assert_eq!(miss.get("planned").is_some(), n % 3 == 2, "{miss}");
        match n % 3 {
            1 => swarm.workers[n].resume(),
            _ => swarm.workers[n] = swarm.stage.start_with(name, &env),
        }
        swarm.expect("heartbeat_ok", name);
    }
    swarm.stage.alerts.assert_nothing_else(secs(1.0));
}

#[test]
fn the_watchers_watch_each_other() {
    let mut swarm = Swarm::start();
    swarm.healer.kill();
    swarm.expect("healer_miss", "healer");
    swarm.healer = swarm.stage.start("healer");
    swarm.expect("healer_ok", "healer");

    swarm.sentinel.kill();
    swarm.expect("heartbeat_miss", "sentinel");
    swarm.sentinel = swarm.stage.start("sentinel");
    swarm.expect("heartbeat_ok", "sentinel");

    swarm.healer.pause();
    swarm.expect("healer_miss", "healer");
    swarm.healer.resume();
    swarm.expect("healer_ok", "healer");
    swarm.stage.alerts.assert_nothing_else(secs(5.0));
}

#[test]
fn a_swarm_whose_bus_is_killed_paused_and_emptied_tells_of_no_death() {
    let mut swarm = Swarm::start();
    swarm.stage.redis.kill();
    std::thread::sleep(secs(2.0));
    swarm.stage.redis.start_again();
    std::thread::sleep(secs(2.0));
    swarm.stage.redis.pause();
    std::thread::sleep(secs(4.5));
    swarm.stage.redis.resume();
    std::thread::sleep(secs(2.0));
    swarm.stage.redis.start_again_empty();
    swarm.stage.wait_logged("truth_missing");
    for name in WORKERS.iter().chain(&["healer", "sentinel"]) {
        swarm.stage.wait_health(name, "up");
    }
    swarm.stage.alerts.assert_none(secs(9.0), |a| {
        !a.kind().starts_with("bus_") && a.kind() != "truth_missing"
    });
    swarm.workers[1].kill();
    swarm.expect("heartbeat_miss", "massive");
}

#[test]
fn a_whole_swarm_stops_within_seconds_and_cleanly() {
    let mut swarm = Swarm::start();
    let mut all: Vec<&mut Daemon> = swarm.workers.iter_mut().collect();
    all.extend([&mut swarm.healer, &mut swarm.sentinel]);
    for daemon in &all {
        daemon.terminate();
    }
    // The two seconds of each have a test of their own.
    for daemon in all {
        assert_eq!(daemon.wait_exit(secs(8.0)), 0);
    }
}
