//! A hundred thousand services, and a million: starts, memory, and lateness under a steady load.

use std::time::{Duration, Instant};

use super::Plan;
use super::alerts::Alerts;
use super::lab::{Group, Healer, Server, seed, truth};
use super::load::{Load, lateness};
use super::process::cpu;
use super::report::{Latencies, Report};

const START: &str = "start with 100 000 services";
const HUNDRED: &str = "100 000 services beating every 10 s, 1 000 dying at random moments";
const MILLION: &str = "1 000 000 services beating every 20 s";

const HUNDRED_THOUSAND: Group = Group {
    prefix: "svc",
    count: 100_000,
    interval_sec: 10.0,
    timeout_sec: 15.0,
};
const A_MILLION: Group = Group {
    prefix: "svc",
    count: 1_000_000,
    interval_sec: 20.0,
    timeout_sec: 26.0,
};

/// Deaths of one run.
const DEATHS: usize = 1000;

pub fn start(plan: &Plan, report: &mut Report) {
    let server = Server::start();
    seed(&server, &truth(&[HUNDRED_THOUSAND]));
    let mut starts = Vec::new();
    let mut subscribed = Vec::new();
    for _ in 0..plan.runs() {
        server.forget();
        let healer = Healer::start(&plan.programs, &server, HUNDRED_THOUSAND.count);
        starts.push(healer.start.as_secs_f64());
        subscribed.push(healer.subscribe.as_secs_f64());
    }
    report.goal(START, "exec to all subscribed", "s", 1.5, starts);
    report.tell(
        START,
        "of this after the truth is in force",
        "s",
        subscribed,
    );
}

pub fn hundred_thousand(plan: &Plan, report: &mut Report) {
    let server = Server::start();
    seed(&server, &truth(&[HUNDRED_THOUSAND]));
    let healer = Healer::start(&plan.programs, &server, HUNDRED_THOUSAND.count);
    let waves = Waves::watch(plan, &server, &healer, HUNDRED_THOUSAND);
    report.goal(HUNDRED, "lateness p99", "ms", 2.0, waves.late.each(0.99));
    report.goal(HUNDRED, "lateness max", "ms", 10.0, waves.late.each(1.0));
    report.tell(HUNDRED, "lateness p50", "ms", waves.late.each(0.5));
    waves.tell(HUNDRED, report);
}

pub fn million(plan: &Plan, report: &mut Report) {
    let server = Server::start();
    seed(&server, &truth(&[A_MILLION]));
    let (mut subscribe, mut start, mut peak, mut running) = (vec![], vec![], vec![], vec![]);
    let runs = if plan.quick { 1 } else { plan.runs() };
    for run in 1..=runs {
        server.forget();
        let healer = Healer::start(&plan.programs, &server, A_MILLION.count);
        subscribe.push(healer.subscribe.as_secs_f64());
        start.push(healer.start.as_secs_f64());
        peak.push(healer.program.memory().peak);
        if run < runs || plan.quick {
            running.push(healer.program.memory().rss);
            continue;
        }
        let waves = Waves::watch(plan, &server, &healer, A_MILLION);
        running.push(healer.program.memory().rss);
        report.goal(MILLION, "lateness p99", "ms", 5.0, waves.late.each(0.99));
        report.tell(MILLION, "lateness p50", "ms", waves.late.each(0.5));
        report.tell(MILLION, "lateness max", "ms", waves.late.each(1.0));
        waves.tell(MILLION, report);
    }
    report.goal(
        MILLION,
        "all subscribed after the truth is in force",
        "s",
        5.0,
        subscribe,
    );
    report.tell(MILLION, "exec to all subscribed", "s", start);
    report.goal(MILLION, "memory (RSS) at its peak", "MB", 600.0, peak);
    report.goal(MILLION, "memory (RSS) running", "MB", 250.0, running);
}

/// Deaths under a steady load, wave after wave.
struct Waves {
    late: Latencies,
    /// The same hop without a healer, in milliseconds.
    probes: Latencies,
    /// Shares of a core.
    healer_cpu: Vec<f64>,
    redis_cpu: Vec<f64>,
    wrong: Vec<f64>,
}

impl Waves {
    /// Lets everybody beat once around, then kills [`DEATHS`] services in each wave.
    fn watch(plan: &Plan, server: &Server, healer: &Healer, group: Group) -> Waves {
        let wave_takes = Duration::from_secs(if plan.quick { 4 } else { 8 });
        let alerts = Alerts::listen(server);
        let load = Load::start(server, &[group]);
        let begin = Instant::now() + Duration::from_secs_f64(group.interval_sec + 1.0);
        let mut numbers: Vec<usize> = (0..group.count).collect();
        fastrand::shuffle(&mut numbers);
        let waves: Vec<&[usize]> = numbers.chunks(DEATHS).take(plan.runs()).collect();
        for (n, wave) in waves.iter().enumerate() {
            for number in *wave {
                load.kill(
                    0,
                    *number,
                    begin + wave_takes.mul_f64(n as f64 + fastrand::f64()),
                );
            }
        }
        std::thread::sleep(begin.saturating_duration_since(Instant::now()));
        let (mut healer_cpu, mut redis_cpu, mut probes) =
            (Vec::new(), Vec::new(), Latencies::default());
        for n in 0..waves.len() {
            let from = Instant::now();
            let before = (healer.program.cpu(), cpu(server.program.id()));
            let end = begin + wave_takes * (n as u32 + 1);
            std::thread::sleep(end.saturating_duration_since(Instant::now()));
            let secs = from.elapsed().as_secs_f64();
            healer_cpu.push((healer.program.cpu() - before.0).as_secs_f64() / secs);
            redis_cpu.push((cpu(server.program.id()) - before.1).as_secs_f64() / secs);
            probes.push(alerts.probes(load.epoch, from));
        }
        alerts.wait(
            waves.len() * DEATHS,
            group.timeout() + Duration::from_secs(5),
        );
        let (deadlines, told) = (
            load.deadlines(0),
            alerts.first("heartbeat_miss", load.epoch),
        );
        let mut late = Latencies::default();
        let mut wrong = vec![(alerts.count() - told.len()) as f64];
        for wave in &waves {
            let names = wave.iter().map(|n| group.name(*n));
            let own = names
                .filter_map(|svc| Some((svc.clone(), *deadlines.get(&svc)?)))
                .collect();
            let (millis, untold) = lateness(&own, &told);
            wrong.push((untold + millis.iter().filter(|late| **late < 0.0).count()) as f64);
            late.push(millis);
        }
        wrong.push(
            (told.len()
                - told
                    .keys()
                    .filter(|svc| deadlines.contains_key(*svc))
                    .count()) as f64,
        );
        Waves {
            late,
            probes,
            healer_cpu,
            redis_cpu,
            wrong,
        }
    }

    fn tell(&self, part: &'static str, report: &mut Report) {
        report.tell(
            part,
            "a probe through Redis alone p50",
            "ms",
            self.probes.each(0.5),
        );
        report.tell(
            part,
            "a probe through Redis alone p99",
            "ms",
            self.probes.each(0.99),
        );
        report.tell(
            part,
            "a probe through Redis alone max",
            "ms",
            self.probes.each(1.0),
        );
        report.tell(part, "healer CPU", "cores", self.healer_cpu.clone());
        report.tell(part, "redis-server CPU", "cores", self.redis_cpu.clone());
        report.goal(
            part,
            "alerts missing, early, false or too many",
            "count",
            0.0,
            self.wrong.clone(),
        );
    }
}
