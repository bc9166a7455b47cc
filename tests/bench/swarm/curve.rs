//! How it grows: the same measures at 10², 10³, 10⁴, 10⁵ and 10⁶ services.

use std::time::{Duration, Instant};

use super::Plan;
use super::alerts::Alerts;
use super::flood::{Flood, Poured};
use super::lab::{Group, Healer, Server, seed, truth};
use super::load::{Load, lateness};
use super::report::{Latencies, Report, median};

const PART: &str = "how it grows";
/// Those who die under the flood's successor, a steady load of the whole crowd.
const MORTALS: Group = Group {
    prefix: "mortal",
    count: 250,
    interval_sec: 0.5,
    timeout_sec: 1.0,
};

pub fn run(plan: &Plan, report: &mut Report) {
    let sizes: &[usize] = if plan.quick {
        &[100, 100_000]
    } else {
        &[100, 1000, 10_000, 100_000, 1_000_000]
    };
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for &count in sizes {
        // Ten thousand beats a second, whatever the size.
        let crowd = Group {
            prefix: "svc",
            count,
            interval_sec: (count as f64 / 1e4).max(0.1),
            timeout_sec: 600.0,
        };
        let point = measure(plan, crowd);
        let name = |what: &str| format!("{what} at {count:>7}");
        report.tell(PART, &name("memory (RSS)"), "MB", vec![point.memory]);
        report.tell(
            PART,
            &name("truth in force to all subscribed"),
            "s",
            vec![point.subscribe],
        );
        report.tell(
            PART,
            &name("healer CPU per beat, flood"),
            "µs",
            point.healer.clone(),
        );
        report.tell(
            PART,
            &name("redis-server CPU per beat, flood"),
            "µs",
            point.redis,
        );
        report.tell(PART, &name("lateness p50"), "ms", point.late.each(0.5));
        report.tell(PART, &name("lateness p99"), "ms", point.late.each(0.99));
        if first.is_empty() {
            first = point.healer.clone();
        }
        last = point.healer;
    }
    let growth = last.iter().map(|cost| cost / median(&first)).collect();
    report.goal(
        PART,
        "healer CPU per beat, largest ÷ smallest",
        "ratio",
        2.0,
        growth,
    );
}

struct Point {
    memory: f64,
    subscribe: f64,
    /// CPU seconds per million beats: microseconds per beat.
    healer: Vec<f64>,
    redis: Vec<f64>,
    late: Latencies,
}

fn measure(plan: &Plan, crowd: Group) -> Point {
    let server = Server::start();
    seed(&server, &truth(&[crowd, MORTALS]));
    let healer = Healer::start(&plan.programs, &server, crowd.count + MORTALS.count);
    let mut flood = Flood::new(&server, &healer, crowd);
    // Everybody is heard once before anything is measured: a first beat costs more.
    flood.pour(crowd.count.max(20_000));
    let beats = if plan.quick { 200_000 } else { 1_000_000 };
    let poured: Vec<Poured> = (0..5).map(|_| flood.pour(beats)).collect();

    let alerts = Alerts::listen(&server);
    let load = Load::start(&server, &[crowd, MORTALS]);
    let begin = Instant::now() + Duration::from_secs(2);
    let each = MORTALS.count / plan.runs();
    for number in 0..each * plan.runs() {
        let run = (number / each) as f64;
        load.kill(
            1,
            number,
            begin + Duration::from_secs(1).mul_f64(run + fastrand::f64()),
        );
    }
    std::thread::sleep(begin + Duration::from_secs(plan.runs() as u64 + 2) - Instant::now());
    let (deadlines, told) = (load.deadlines(1), alerts.first("heartbeat_miss", begin));
    let mut late = Latencies::default();
    for run in 0..plan.runs() {
        let names = (run * each..(run + 1) * each).map(|n| MORTALS.name(n));
        let own = names
            .filter_map(|svc| Some((svc.clone(), *deadlines.get(&svc)?)))
            .collect();
        late.push(lateness(&own, &told).0);
    }
    Point {
        memory: healer.program.memory().rss,
        subscribe: healer.subscribe.as_secs_f64(),
        healer: poured.iter().map(|p| p.healer).collect(),
        redis: poured.iter().map(|p| p.redis).collect(),
        late,
    }
}
