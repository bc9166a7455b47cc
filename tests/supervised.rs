//! What systemd hears, and what `--healthcheck` answers.

use std::time::{Duration, Instant};

use crate::support::redis_server::free_port;
use crate::support::truth::{seed, truth_of};
use crate::support::{Daemon, NotifySocket, PATIENCE, RedisServer, Stage, until};

/// The watchdog of a second is fed twice as often. A busy machine is late now and then; whoever feeds it every two
/// seconds is late each time.
#[track_caller]
fn assert_fed(manager: &NotifySocket) {
    const PETS: u32 = 8;
    let begin = Instant::now();
    for _ in 0..PETS {
        manager.wait_for("WATCHDOG=1", PATIENCE);
    }
    let took = begin.elapsed();
    let limit = Duration::from_secs(PETS.into()) + Duration::from_secs(4);
    assert!(took < limit, "{PETS} in {took:?}");
}

#[test]
fn readiness_follows_the_first_beat_and_waiting_for_a_bus_asks_for_patience() {
    let mut redis = RedisServer::prepare(&[]);
    let manager = NotifySocket::new();
    let url = redis.url();
    let mut service = Daemon::start(
        "massive",
        &[
            ("SYSTEM_REDIS_URL", url.as_str()),
            ("NOTIFY_SOCKET", manager.path()),
            ("WATCHDOG_USEC", "1000000"),
        ],
    );
    for _ in 0..3 {
        let said = manager.next(PATIENCE).expect("a sign while it waits");
        assert!(!said.contains("READY=1"), "{said}");
        assert!(said.contains("EXTEND_TIMEOUT_USEC=30000000"), "{said}");
        assert!(said.contains("WATCHDOG=1"), "{said}");
    }

    redis.start_again();
    seed(&redis, &truth_of(&["massive"], 60.0, 180.0));

    manager.wait_for("READY=1", PATIENCE);
    let stats: String = redis.query(&["INFO", "commandstats"]);
    let publishes = stats.lines().find(|l| l.starts_with("cmdstat_publish:"));
    // One was the announcement of the truth.
    let count = publishes.and_then(|l| l.split(['=', ',']).nth(1)?.parse::<u32>().ok());
    assert!(
        count >= Some(2),
        "READY before the first beat: {publishes:?}"
    );

    // Between two beats, a minute apart, the watchdog is fed.
    assert_fed(&manager);

    service.terminate();
    manager.wait_for("STOPPING=1", PATIENCE);
    assert_eq!(service.wait_exit(PATIENCE), 0);
}

#[test]
fn the_watchdog_is_fed_through_an_outage_of_the_bus() {
    let mut stage = Stage::new(&["massive"], 0.2, 1.0);
    let manager = NotifySocket::new();
    let service = stage.start_with(
        "massive",
        &[
            ("NOTIFY_SOCKET", manager.path()),
            ("WATCHDOG_USEC", "1000000"),
        ],
    );
    manager.wait_for("READY=1", PATIENCE);
    stage.redis.kill();
    service.wait_log("no beat can be sent", PATIENCE);
    // Retries are at most 2 s apart; between them the watchdog has a period of half a second.
    assert_fed(&manager);
}

#[test]
fn healthy_means_that_the_beat_thread_has_published_within_two_intervals() {
    let mut stage = Stage::new(&["massive"], 0.5, 2.0);
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().to_str().unwrap().to_owned();
    let env = [("RUN_DIR", run_dir.as_str())];
    let check = || Daemon::run("massive", &["--healthcheck"], &env, PATIENCE);
    let live = || Daemon::run("massive", &["--healthcheck=live"], &env, PATIENCE);
    let wait_for = |code: i32| {
        until("the health check", PATIENCE, || match check() {
            (found, _) if found == code => Ok(()),
            (found, said) => Err(format!("{found}: {said}")),
        })
    };
    let (code, said) = Daemon::run("massive", &["--healthcheck=alive"], &env, PATIENCE);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("--healthcheck=live"), "{said}");

    let (code, said) = check();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("no beat yet"), "{said}");

    let service = stage.start_with("massive", &env);
    wait_for(0);

    service.pause();
    wait_for(1);
    service.resume();
    wait_for(0);

    stage.redis.kill();
    wait_for(1);
    let (code, said) = live();
    assert_eq!(
        code, 0,
        "a bus that is away is no reason to start it again: {said}"
    );
    stage.redis.start_again();
    wait_for(0);
}

#[test]
fn one_that_stands_still_is_not_live_and_one_that_waits_for_its_bus_is() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().to_str().unwrap().to_owned();
    let nowhere = format!("redis://127.0.0.1:{}", free_port());
    let env = [
        ("RUN_DIR", run_dir.as_str()),
        ("SYSTEM_REDIS_URL", &nowhere),
    ];
    let live = || Daemon::run("healer", &["--healthcheck=live"], &env, PATIENCE);
    let wait_for = |code: i32, within| {
        until("the check", within, || match live() {
            (found, _) if found == code => Ok(()),
            (found, said) => Err(format!("{found}: {said}")),
        })
    };
    let (code, said) = live();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("no sign of life yet"), "{said}");
    let healer = Daemon::start("healer", &env);
    wait_for(0, PATIENCE);
    healer.pause();
    wait_for(1, 3 * PATIENCE);
    healer.resume();
    wait_for(0, PATIENCE);
}

#[test]
fn a_healer_that_stands_by_is_ready_and_healthy() {
    let stage = Stage::new(&["svc-a"], 0.5, 60.0);
    let speaks = stage.start("healer");
    speaks.wait_log("holds the lease and speaks", PATIENCE);
    let manager = NotifySocket::new();
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().to_str().unwrap().to_owned();
    let env = [
        ("NOTIFY_SOCKET", manager.path()),
        ("WATCHDOG_USEC", "1000000"),
        ("RUN_DIR", &run_dir),
    ];
    let stands_by = stage.start_with("healer", &env);
    stands_by.wait_log("standing by", PATIENCE);
    manager.wait_for("READY=1", PATIENCE);
    assert_fed(&manager);
    until("the health check", PATIENCE, || {
        match Daemon::run("healer", &["--healthcheck"], &env, PATIENCE) {
            (0, _) => Ok(()),
            (code, said) => Err(format!("{code}: {said}")),
        }
    });
}
