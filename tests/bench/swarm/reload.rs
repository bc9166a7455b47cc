//! One service is added to a hundred thousand by a new truth. How soon is it watched, and does anybody else wait for it?

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Plan;
use super::alerts::Alerts;
use super::lab::{Group, Healer, Server, seed, truth};
use super::load::{Load, lateness};
use super::report::{Latencies, Report};

const PART: &str = "one service added to 100 000 by a new truth";
const CROWD: Group = Group {
    prefix: "svc",
    count: 100_000,
    interval_sec: 10.0,
    timeout_sec: 60.0,
};
/// Those who die around the reload, each at a moment of its own.
const MORTALS: Group = Group {
    prefix: "mortal",
    count: 500,
    interval_sec: 0.5,
    timeout_sec: 1.0,
};
/// The deadlines of a run's mortals are spread over this time, from a little before the new truth on.
const AROUND: Duration = Duration::from_millis(1500);

pub fn run(plan: &Plan, report: &mut Report) {
    let server = Server::start();
    let added = |count| Group {
        prefix: "new",
        count,
        interval_sec: 10.0,
        timeout_sec: 60.0,
    };
    seed(&server, &truth(&[CROWD, MORTALS, added(0)]));
    let _healer = Healer::start(&plan.programs, &server, CROWD.count + MORTALS.count);
    let alerts = Alerts::listen(&server);
    let load = Load::start(&server, &[CROWD, MORTALS]);
    std::thread::sleep(Duration::from_secs(2));

    let (mut watched, mut late, mut probes) =
        (Vec::new(), Latencies::default(), Latencies::default());
    let mut wire = server.wire();
    let each = MORTALS.count / plan.runs();
    for run in 0..plan.runs() {
        let document = truth(&[CROWD, MORTALS, added(run + 1)]);
        let newcomer = format!("new{run}:heartbeat");
        let from = Instant::now();
        for number in run * each..(run + 1) * each {
            load.kill(1, number, from + AROUND.mul_f64(fastrand::f64()));
        }
        std::thread::sleep(MORTALS.timeout());
        seed(&server, &document);
        let announced = Instant::now();
        wire.run(&["PUBLISH", "truth:changed", "bench"]);
        while subscribers(&mut wire, &newcomer) == 0 {
            assert!(
                announced.elapsed() < Duration::from_secs(30),
                "{newcomer} is never watched"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        watched.push(announced.elapsed().as_secs_f64());
        std::thread::sleep(
            (from + AROUND + MORTALS.timeout() + Duration::from_millis(500)) - Instant::now(),
        );
        probes.push(alerts.probes(load.epoch, announced - Duration::from_millis(300)));
    }
    let (deadlines, told) = (
        load.deadlines(1),
        alerts.first("heartbeat_miss", load.epoch),
    );
    let mut untold_all = Vec::new();
    for run in 0..plan.runs() {
        let names = (run * each..(run + 1) * each).map(|n| MORTALS.name(n));
        let own: HashMap<_, _> = names
            .filter_map(|svc| Some((svc.clone(), *deadlines.get(&svc)?)))
            .collect();
        let (millis, untold) = lateness(&own, &told);
        late.push(millis);
        untold_all.push(untold as f64);
    }
    report.goal(PART, "watched after truth:changed", "s", 0.5, watched);
    report.goal(PART, "lateness of others max", "ms", 20.0, late.each(1.0));
    report.tell(PART, "lateness of others p99", "ms", late.each(0.99));
    report.tell(
        PART,
        "a probe through Redis alone max",
        "ms",
        probes.each(1.0),
    );
    report.goal(PART, "alerts missing", "count", 0.0, untold_all);
}

fn subscribers(wire: &mut super::wire::Wire, channel: &str) -> i64 {
    match wire.run(&["PUBSUB", "NUMSUB", channel]) {
        super::wire::Reply::List(pair) => pair[1].int(),
        other => panic!("{other:?}"),
    }
}
