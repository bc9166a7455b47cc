//! What the swarm costs while nothing happens: CPU, wake-ups, memory, sizes, and how soon a service beats.

use std::process::Command;
use std::time::{Duration, Instant};

use super::Plan;
use super::lab::{Server, seed};
use super::process::Program;
use super::report::Report;

const IDLE: &str = "4 services beating every 10 s";
const SIZES: &str = "stripped programs";
const FIRST: &str = "process start to first beat";

const SERVICES: [&str; 4] = ["rss_agg", "massive", "mesh", "vexy_ai"];
const DAEMONS: [&str; 7] = [
    "healer", "sentinel", "rss_agg", "massive", "mesh", "vexy_ai", "console",
];

/// The greatest CPU (percent of a core) and memory (MiB) of a daemon at rest.
fn goals_of(name: &str) -> (f64, f64) {
    match name {
        "console" => (0.1, 4.0),
        _ => (0.05, 3.0),
    }
}

/// The truth of a swarm of four services with nothing else to do.
const TRUTH: &str = r#"{"version":"1.0","services":{
  "rss_agg":{"heartbeat":{"interval_sec":10},"feeds":[]},
  "massive":{"heartbeat":{"interval_sec":10}},
  "mesh":{"heartbeat":{"interval_sec":10}},
  "vexy_ai":{"heartbeat":{"interval_sec":10}},
  "healer":{"heartbeat":{"interval_sec":10},"threshold":{"heartbeat_cadence":30}},
  "sentinel":{"heartbeat":{"interval_sec":10}},
  "console":{"heartbeat":{"interval_sec":10}}}}"#;

pub fn run(plan: &Plan, report: &mut Report) {
    let server = Server::start();
    seed(&server, TRUTH.as_bytes());
    first_beat(plan, report, &server);
    idle(plan, report, &server);
    sizes(plan, report);
}

fn daemon(plan: &Plan, server: &Server, name: &str) -> Program {
    let url = server.url();
    let env = [
        ("SYSTEM_REDIS_URL", url.as_str()),
        ("MARKET_REDIS_URL", &url),
        ("CONSOLE_LISTEN", "127.0.0.1:0"),
    ];
    Program::start(&mut Command::new(plan.shipped().join(name)), &env)
}

fn first_beat(plan: &Plan, report: &mut Report, server: &Server) {
    for name in SERVICES {
        let mut millis = Vec::new();
        for _ in 0..plan.runs().max(5) {
            let mut wire = server.wire();
            wire.run(&["SUBSCRIBE", &format!("{name}:heartbeat")]);
            let program = daemon(plan, server, name);
            wire.reply();
            millis.push(program.started.elapsed().as_secs_f64() * 1e3);
        }
        report.goal(FIRST, name, "ms", 50.0, millis);
    }
}

fn idle(plan: &Plan, report: &mut Report, server: &Server) {
    let mut daemons: Vec<Program> = DAEMONS
        .iter()
        .map(|name| daemon(plan, server, name))
        .collect();
    // Past the first beats, and past whatever a start leaves to do.
    std::thread::sleep(Duration::from_secs(if plan.quick { 4 } else { 12 }));
    daemons.iter_mut().for_each(Program::must_live);
    let window = Duration::from_secs(if plan.quick { 4 } else { 10 });
    let mut cpu = vec![Vec::new(); DAEMONS.len()];
    let mut wakeups = vec![Vec::new(); DAEMONS.len()];
    for _ in 0..plan.runs() {
        let from = Instant::now();
        let before: Vec<_> = daemons.iter().map(|d| (d.cpu(), d.wakeups())).collect();
        std::thread::sleep(window);
        let secs = from.elapsed().as_secs_f64();
        for (n, daemon) in daemons.iter().enumerate() {
            cpu[n].push((daemon.cpu() - before[n].0).as_secs_f64() / secs * 100.0);
            wakeups[n].push(daemon.wakeups().saturating_sub(before[n].1) as f64 / secs);
        }
    }
    for (n, name) in DAEMONS.iter().enumerate() {
        let mebibytes = |mb: f64| mb * 1e6 / f64::from(1 << 20);
        let memory = daemons[n].memory();
        let (cpu_goal, memory_goal) = goals_of(name);
        report.goal(
            IDLE,
            &format!("{name}: idle CPU"),
            "% of a core",
            cpu_goal,
            cpu[n].clone(),
        );
        report.tell(
            IDLE,
            &format!("{name}: wake-ups"),
            "per second",
            wakeups[n].clone(),
        );
        report.goal(
            IDLE,
            &format!("{name}: memory (RSS)"),
            "MiB",
            memory_goal,
            vec![mebibytes(memory.rss)],
        );
        report.goal(
            IDLE,
            &format!("{name}: memory (PSS)"),
            "MiB",
            memory_goal,
            vec![mebibytes(memory.pss)],
        );
    }
}

fn sizes(plan: &Plan, report: &mut Report) {
    let limits = [
        ("bootstrap", 2.5),
        ("mesh", 2.5),
        ("console", 3.0),
        ("healer", 4.5),
        ("sentinel", 4.5),
    ];
    for (name, limit) in limits {
        report.goal(SIZES, name, "MB", limit, vec![size(plan, name)]);
    }
    for name in ["rss_agg", "massive", "vexy_ai", "marketswarm"] {
        report.tell(SIZES, name, "MB", vec![size(plan, name)]);
    }
}

fn size(plan: &Plan, name: &str) -> f64 {
    let file = plan.shipped().join(name);
    let size = std::fs::metadata(&file)
        .unwrap_or_else(|e| panic!("{}: {e}", file.display()))
        .len();
    size as f64 / 1e6
}
