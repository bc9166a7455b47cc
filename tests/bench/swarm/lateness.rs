//! How late is an alert? 200 services with timeouts of 3 s, each silent from a moment of its own; then they come back.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Plan;
use super::alerts::Alerts;
use super::lab::{Group, Healer, Server, seed, truth};
use super::load::{lateness, push_beat};
use super::report::{Latencies, Report};
use super::wire::Wire;

const PART: &str = "200 services with timeouts of 3 s";
pub const SERVICES: Group = Group {
    prefix: "svc",
    count: 200,
    interval_sec: 1.0,
    timeout_sec: 3.0,
};

pub fn few(plan: &Plan, report: &mut Report) {
    let (mut deaths, mut returns) = (Latencies::default(), Latencies::default());
    let mut wrong = Vec::new();
    let server = Server::start();
    seed(&server, &truth(&[SERVICES]));
    for _ in 0..plan.runs() {
        server.forget();
        let _healer = Healer::start(&plan.programs, &server, SERVICES.count);
        let alerts = Alerts::listen(&server);
        let mut wire = server.wire();

        let beats = beat_once(&mut wire, Duration::from_secs(1), 1);
        let deadlines = |of: fn(&Beat) -> Instant| -> HashMap<_, _> {
            let all = beats.iter();
            all.map(|(svc, beat)| (svc.clone(), of(beat) + SERVICES.timeout()))
                .collect()
        };
        alerts.wait(SERVICES.count, SERVICES.timeout() + Duration::from_secs(5));
        let told = alerts.first("heartbeat_miss", server.program.started);
        let (late, untold) = lateness(&deadlines(|beat| beat.heard), &told);
        let (least, _) = lateness(&deadlines(|beat| beat.sent), &told);
        let early = least.iter().filter(|late| **late < 0.0).count();
        deaths.push(late);

        let beats = beat_once(&mut wire, Duration::ZERO, 2);
        let back = beats.into_iter().map(|(svc, beat)| (svc, beat.sent));
        let back = back.collect();
        alerts.wait(2 * SERVICES.count, Duration::from_secs(5));
        let (late, unreturned) =
            lateness(&back, &alerts.first("heartbeat_ok", server.program.started));
        returns.push(late);
        wrong.push((untold + early + unreturned + alerts.count() - 2 * SERVICES.count) as f64);
    }
    report.goal(PART, "lateness p50", "ms", 0.5, deaths.each(0.5));
    report.goal(PART, "lateness p99", "ms", 2.0, deaths.each(0.99));
    report.goal(PART, "lateness max", "ms", 10.0, deaths.each(1.0));
    report.goal(PART, "recovery told p50", "ms", 0.5, returns.each(0.5));
    report.goal(PART, "recovery told p99", "ms", 2.0, returns.each(0.99));
    report.goal(
        PART,
        "alerts missing, early or too many",
        "count",
        0.0,
        wrong,
    );
}

/// When a beat went out, and when Redis had handed it on.
pub struct Beat {
    pub sent: Instant,
    pub heard: Instant,
}

/// Beats once for every service, at random moments within `spread`.
pub fn beat_once(wire: &mut Wire, spread: Duration, i: u64) -> HashMap<String, Beat> {
    let begin = Instant::now();
    let mut order: Vec<(Duration, String)> = SERVICES
        .names()
        .into_iter()
        .map(|svc| (spread.mul_f64(fastrand::f64()), svc))
        .collect();
    order.sort();
    let mut beats = HashMap::new();
    for (after, svc) in order {
        std::thread::sleep((begin + after).saturating_duration_since(Instant::now()));
        let mut packet = Vec::new();
        push_beat(&mut packet, &svc, i);
        let sent = Instant::now();
        wire.send(&packet);
        wire.reply();
        let heard = Instant::now();
        beats.insert(svc, Beat { sent, heard });
    }
    beats
}
