//! SIGTERM ends a service within two seconds, whatever it is waiting for.

use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};

use crate::at_both;
use crate::support::feed_server;
use crate::support::newsroom::Newsroom;
use crate::support::receiver::{Receiver, Reply};
use crate::support::truth::add_service;
use crate::support::watcher::Watcher;
use crate::support::{Alerts, Daemon, PATIENCE, Proxy, RedisServer, Stage, secs};

/// What the promise is.
const STOP_WITHIN: Duration = Duration::from_secs(2);

#[track_caller]
fn stop_in_time(daemon: &mut Daemon) {
    let begin = Instant::now();
    daemon.terminate();
    let code = daemon.wait_exit(PATIENCE);
    assert_eq!(code, 0);
    assert!(
        begin.elapsed() < STOP_WITHIN,
        "stopping took {:?}",
        begin.elapsed()
    );
}

#[test]
fn a_clean_stop_is_announced_by_a_last_beat() {
    let stage = Stage::new(&["massive"], 0.2, 1.0);
    let beats = Alerts::on_channel(&stage.redis, "massive:heartbeat");
    let mut service = stage.start("massive");
    beats.wait_for("beat 2", PATIENCE, |b| b.json["i"] == 2);

    stop_in_time(&mut service);

    let last = beats.wait_for("the last beat", PATIENCE, |b| {
        b.json["status"] == "stopping"
    });
    let numbers: Vec<u64> = beats
        .all()
        .iter()
        .map(|b| b.json["i"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert_eq!(last.json["i"].as_u64(), numbers.last().copied());
    let contract = format!(r#"{{"svc":"massive","i":{},"ts":"#, numbers.len());
    assert!(last.text.starts_with(&contract), "{}", last.text);
}

#[test]
fn a_service_whose_parent_blocks_signals_stops_all_the_same() {
    let stage = Stage::new(&["massive"], 0.2, 1.0);
    let beats = Alerts::on_channel(&stage.redis, "massive:heartbeat");
    let blocked: SigSet = [Signal::SIGTERM, Signal::SIGINT].into_iter().collect();
    let before = blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK).unwrap();
    let mut service = stage.start("massive");
    before.thread_set_mask().unwrap();
    beats.wait_for("beat 2", PATIENCE, |b| b.json["i"] == 2);
    stop_in_time(&mut service);
}

#[test]
fn a_killed_service_says_nothing() {
    let stage = Stage::new(&["massive"], 0.2, 1.0);
    let beats = Alerts::on_channel(&stage.redis, "massive:heartbeat");
    let mut service = stage.start("massive");
    beats.wait_for("beat 2", PATIENCE, |b| b.json["i"] == 2);
    service.kill();
    beats.assert_none(secs(0.5), |b| b.json["status"] == "stopping");
}

#[test]
fn a_service_that_waits_for_the_truth_stops() {
    let redis = RedisServer::start();
    let url = redis.url();
    let mut service = Daemon::start("massive", &[("SYSTEM_REDIS_URL", &url)]);
    service.wait_log("there is no truth", PATIENCE);
    stop_in_time(&mut service);
}

#[test]
fn a_service_that_waits_for_the_bus_stops() {
    let nobody = RedisServer::prepare(&[]);
    let url = nobody.url();
    let mut service = Daemon::start("massive", &[("SYSTEM_REDIS_URL", &url)]);
    service.wait_log("cannot be reached", PATIENCE);
    stop_in_time(&mut service);
}

#[test]
fn a_service_whose_bus_never_answers_stops() {
    let redis = RedisServer::start();
    let link = Proxy::to(redis.port());
    link.go_silent();
    let url = link.url();
    let mut service = Daemon::start("massive", &[("SYSTEM_REDIS_URL", &url)]);
    service.wait_log("did not answer in time", PATIENCE);
    stop_in_time(&mut service);
}

#[test]
fn a_service_whose_bus_stands_still_stops() {
    let stage = Stage::new(&["massive"], 0.2, 1.0);
    let beats = Alerts::on_channel(&stage.redis, "massive:heartbeat");
    let mut service = stage.start("massive");
    beats.wait_for("beat 2", PATIENCE, |b| b.json["i"] == 2);
    stage.redis.pause();
    service.wait_log("no beat can be sent", PATIENCE);
    stop_in_time(&mut service);
    stage.redis.resume();
}

#[test]
fn a_service_whose_bus_is_gone_stops() {
    let mut stage = Stage::new(&["massive"], 0.2, 1.0);
    let mut service = stage.start("massive");
    service.wait_log("beating", PATIENCE);
    stage.redis.kill();
    service.wait_log("no beat can be sent", PATIENCE);
    stop_in_time(&mut service);
}

#[test]
fn no_service_stops_for_want_of_a_bus() {
    let mut stage = Stage::new(&["massive"], 0.2, 1.0);
    let beats = Alerts::on_channel(&stage.redis, "massive:heartbeat");
    let mut service = stage.start_with("massive", &[("TRUTH_WAIT_SEC", "1")]);
    beats.wait_for("beat 2", PATIENCE, |b| b.json["i"] == 2);
    stage.redis.kill();
    service.wait_log("no beat can be sent", PATIENCE);
    std::thread::sleep(secs(2.0));
    assert!(service.is_alive());
    stage.redis.start_again_empty();
    let last = beats.all().len();
    beats.wait_for("a beat without any truth on the bus", PATIENCE, |b| {
        b.json["i"].as_u64() > Some(last as u64)
    });
}

at_both! {
    a_watcher_stops_in_time_whatever_its_bus_does,
    a_watcher_waits_for_its_bus_for_ever_and_stops_in_time_all_the_same,
}

fn a_watcher_stops_in_time_whatever_its_bus_does(who: Watcher) {
    let mut watch = who.at_work();
    stop_in_time(&mut watch.daemon);

    let mut watch = who.at_work();
    watch.stage.redis.pause();
    std::thread::sleep(secs(2.5));
    stop_in_time(&mut watch.daemon);
    watch.stage.redis.resume();

    let mut watch = who.at_work();
    watch.stage.redis.kill();
    watch.daemon.wait_log("cannot be reached", PATIENCE);
    stop_in_time(&mut watch.daemon);
}

fn a_watcher_waits_for_its_bus_for_ever_and_stops_in_time_all_the_same(who: Watcher) {
    let nobody = RedisServer::prepare(&[]);
    let url = nobody.url();
    let env = [("SYSTEM_REDIS_URL", url.as_str()), ("TRUTH_WAIT_SEC", "0")];
    let mut daemon = Daemon::start(who.program, &env);
    daemon.wait_log("for ever", PATIENCE);
    stop_in_time(&mut daemon);
}

#[test]
fn every_daemon_stops_in_time_while_its_buses_stand_still() {
    let mut room = Newsroom::open();
    let body = "<rss><channel><title>t</title></channel></rss>";
    room.server.always("/feed", feed_server::Reply::ok(body));
    room.feed("f", "/feed");
    for name in ["massive", "mesh", "vexy_ai", "sentinel"] {
        add_service(&mut room.truth, name, 0.25, 1.0);
    }
    // A receiver that takes its time, so that a message is on its way at the moment of the stop.
    let receiver = Receiver::that(|_, _| {
        std::thread::sleep(secs(4.0));
        Reply::ok()
    });
    let (redis, hook) = (room.redis.url(), receiver.url());
    let env = [
        ("SYSTEM_REDIS_URL", redis.as_str()),
        ("MARKET_REDIS_URL", redis.as_str()),
        ("WEBHOOK_URL", hook.as_str()),
        ("SMTP_HOST", "127.0.0.1"),
        ("SMTP_PORT", "9"),
        ("SMTP_FROM", "a@example.org"),
        ("SMTP_TO", "b@example.org"),
        ("REMIND_SEC", "1"),
    ];
    room.seed();
    let names = [
        "rss_agg", "massive", "mesh", "vexy_ai", "healer", "sentinel",
    ];
    // Frozen for longer or shorter: other waits are under way each time.
    for frozen in [Some(0.05), Some(0.7), Some(1.6), Some(3.0), None] {
        // The last healer could not give it back.
        room.redis.query::<()>(&["DEL", "healer:lease"]);
        let mut daemons: Vec<Daemon> = names.iter().map(|name| Daemon::start(name, &env)).collect();
        for name in ["rss_agg", "massive", "healer", "sentinel"] {
            room.redis.wait_subscribed(&format!("{name}:heartbeat"), 1);
        }
        daemons[4].wait_log("this healer holds the lease and speaks", PATIENCE);
        daemons[4].wait_log("channel webhook", PATIENCE);
        room.redis.pause();
        match frozen {
            Some(for_secs) => std::thread::sleep(secs(for_secs)),
            None => drop(receiver.wait_text("BUS DOWN", PATIENCE)),
        }
        let begin = Instant::now();
        daemons.iter().for_each(Daemon::terminate);
        for (daemon, name) in daemons.iter_mut().zip(names) {
            assert_eq!(daemon.wait_exit(PATIENCE), 0, "{name}");
            let took = begin.elapsed();
            eprintln!("{name} after {frozen:?}: {took:?}");
            assert!(took < STOP_WITHIN, "{name} took {took:?}");
        }
        room.redis.resume();
    }
}
