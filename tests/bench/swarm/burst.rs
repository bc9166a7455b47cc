//! A hundred thousand services die in one instant. When is everything told and written, and does anybody else wait?

use std::time::{Duration, Instant};

use marketswarm::contract::ALERT_COUNT;

use super::Plan;
use super::alerts::Alerts;
use super::lab::{Group, Healer, Server, seed, truth};
use super::load::{Load, lateness, push_beat};
use super::process::cpu;
use super::report::{Latencies, Report};
use super::wire::{Reply, Wire, encode};

const PART: &str = "100 000 services die in one instant";
const CROWD: Group = Group {
    prefix: "svc",
    count: 100_000,
    interval_sec: 1.0,
    timeout_sec: 4.0,
};
/// Those who die meanwhile, each at a moment of its own.
const MORTALS: Group = Group {
    prefix: "mortal",
    count: 300,
    interval_sec: 0.2,
    timeout_sec: 1.0,
};

pub fn run(plan: &Plan, report: &mut Report) {
    let (mut told_in, mut others, mut growth, mut wrong) =
        (vec![], Latencies::default(), vec![], vec![]);
    let (mut healer_cpu, mut redis_cpu) = (vec![], vec![]);
    let server = Server::start();
    seed(&server, &truth(&[CROWD, MORTALS]));
    for _ in 0..if plan.quick { 1 } else { plan.runs() } {
        server.forget();
        let healer = Healer::start(&plan.programs, &server, CROWD.count + MORTALS.count);
        let alerts = Alerts::listen(&server);
        let load = Load::start(&server, &[MORTALS]);
        let mut wire = server.wire();
        beat_all(&mut wire);
        let deadline = Instant::now() + CROWD.timeout();
        for number in 0..MORTALS.count {
            // Their own deadlines come up from a little before until three seconds after.
            let after = CROWD.timeout() - MORTALS.timeout()
                + Duration::from_secs(3).mul_f64(fastrand::f64());
            load.kill(0, number, deadline - CROWD.timeout() + after);
        }
        std::thread::sleep((deadline - Duration::from_millis(500)) - Instant::now());
        let before = healer.program.memory().rss;
        healer.program.forget_peak();
        let used = (healer.program.cpu(), cpu(server.program.id()));

        let crowd = |alert: &(String, Instant)| alert.0.starts_with(CROWD.prefix);
        alerts.wait(CROWD.count + MORTALS.count, Duration::from_secs(30));
        let told = alerts.first("heartbeat_miss", load.epoch);
        let of_crowd: Vec<Instant> = told
            .clone()
            .into_iter()
            .filter(crowd)
            .map(|(_, at)| at)
            .collect();
        let last = of_crowd.iter().max().copied().unwrap_or(deadline);
        told_in.push(last.saturating_duration_since(deadline).as_secs_f64());
        healer_cpu.push((healer.program.cpu() - used.0).as_secs_f64());
        redis_cpu.push((cpu(server.program.id()) - used.1).as_secs_f64());
        growth.push(healer.program.memory().peak / before);

        let (late, untold) = lateness(&load.deadlines(0), &told);
        others.push(late);
        let unwritten = CROWD.count - keys_that_say_down(&mut wire);
        let in_log = wire.run(&["GET", ALERT_COUNT]);
        let unlogged = match in_log {
            Reply::Text(n) => String::from_utf8_lossy(&n)
                .parse::<usize>()
                .unwrap_or(0)
                .abs_diff(told.len()),
            _ => told.len(),
        };
        wrong.push((CROWD.count - of_crowd.len() + untold + unwritten + unlogged) as f64);
    }
    report.goal(
        PART,
        "all alerts, log entries and health keys out",
        "s",
        3.0,
        told_in,
    );
    report.goal(PART, "memory at its peak ÷ before", "ratio", 2.0, growth);
    report.goal(
        PART,
        "lateness of others max",
        "ms",
        1000.0,
        others.each(1.0),
    );
    report.tell(PART, "lateness of others p50", "ms", others.each(0.5));
    report.tell(PART, "healer CPU", "s", healer_cpu);
    let each = |seconds: &f64| seconds * 1e6 / (CROWD.count + MORTALS.count) as f64;
    let of_each = redis_cpu.iter().map(each).collect();
    report.goal(PART, "redis-server CPU for each death", "µs", 7.5, of_each);
    report.tell(PART, "redis-server CPU", "s", redis_cpu);
    report.goal(
        PART,
        "alerts, log entries or health keys missing",
        "count",
        0.0,
        wrong,
    );
}

/// One beat of each, as fast as Redis takes them.
fn beat_all(wire: &mut Wire) {
    for names in CROWD.names().chunks(2000) {
        let mut packet = Vec::new();
        names.iter().for_each(|svc| push_beat(&mut packet, svc, 1));
        wire.send(&packet);
        wire.publish_replies(names.len());
    }
}

fn keys_that_say_down(wire: &mut Wire) -> usize {
    let mut down = 0;
    for names in CROWD.names().chunks(1000) {
        let keys: Vec<String> = names.iter().map(|svc| format!("health:{svc}")).collect();
        let words =
            std::iter::once(b"MGET".as_slice()).chain(keys.iter().map(|key| key.as_bytes()));
        let mut packet = Vec::new();
        encode(&mut packet, &words.collect::<Vec<_>>());
        wire.send(&packet);
        let Reply::List(found) = wire.reply() else {
            continue;
        };
        let says_down = |reply: &&Reply| {
            matches!(reply, Reply::Text(_)) && reply.text().contains(r#""status":"down""#)
        };
        down += found.iter().filter(says_down).count();
    }
    down
}
