//! What the registry of instances costs, and how soon it knows.

use std::collections::HashMap;
use std::process::Command;
use std::time::{Duration, Instant};

use marketswarm::bus::{Address, Commands, Limits};
use marketswarm::service::lease::{Member, SessionScripts};

use super::Plan;
use super::lab::{Server, holds_output, seed};
use super::process::{Program, cpu};
use super::report::Report;
use super::wire::{Reply, Wire, encode};

const FLOOD: &str = "flood of 1 000 instances";
const REST: &str = "1 000 instances that beat every 10 s";
const READ: &str = "reading 1 000 instances";
const FAIL: &str = "1 000 of 2 100 instances die at once";
const HUNDRED: &str = "100 000 instances";
const RENEW: &str = "renewing a session, 256 parts, 50 members";
const MANY: usize = 1000;
/// Beats in one packet.
const PACKET: usize = 2000;

pub fn run(plan: &Plan, report: &mut Report) {
    flood(plan, report);
    rest(plan, report);
    fail(plan, report);
    many(plan, report);
    renew(plan, report);
}

/// A server and a mesh that keeps the instances of `pool`.
fn start(plan: &Plan, interval_sec: f64, timeout_sec: f64) -> (Server, Program) {
    let server = Server::start();
    let truth = format!(
        r#"{{"version":"1.0","services":{{
          "pool":{{"heartbeat":{{"interval_sec":{interval_sec},"timeout_sec":{timeout_sec}}},"instances":{{"mode":"free"}}}},
          "mesh":{{"heartbeat":{{"interval_sec":10}}}}}}}}"#
    );
    seed(&server, truth.as_bytes());
    let url = server.url();
    let env = [
        ("SYSTEM_REDIS_URL", url.as_str()),
        ("MARKET_REDIS_URL", &url),
    ];
    let mesh = Program::start(&mut Command::new(plan.shipped().join("mesh")), &env);
    let mut wire = server.wire();
    let end = Instant::now() + Duration::from_secs(60);
    while wire.run(&["EXISTS", "mesh:head"]).int() == 0
        || wire.run(&["PUBLISH", "pool:heartbeat", "{}"]).int() == 0
    {
        assert!(Instant::now() < end, "it never writes:\n{}", mesh.log());
        std::thread::sleep(Duration::from_millis(5));
    }
    (server, mesh)
}

fn push(packet: &mut Vec<u8>, nth: usize, i: u64) {
    let beat = format!(r#"{{"svc":"pool","i":{i},"ts":1762433458,"inst":"01234567890{nth:05x}"}}"#);
    encode(packet, &[b"PUBLISH", b"pool:heartbeat", beat.as_bytes()]);
}

fn wait_up(server: &Server, wanted: usize) {
    let mut wire = server.wire();
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let counts = match wire.run(&["HGET", "mesh:services", "pool"]) {
            Reply::Text(text) => serde_json::from_slice(&text).unwrap_or_default(),
            _ => serde_json::Value::Null,
        };
        if counts["up"] == wanted {
            return;
        }
        assert!(Instant::now() < end, "{counts}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn flood(plan: &Plan, report: &mut Report) {
    let (server, mesh) = start(plan, 10.0, 60.0);
    let mut wire = server.wire();
    let mut packets: Vec<Vec<u8>> = Vec::new();
    for _ in 0..20 {
        let mut numbers: Vec<usize> = (0..PACKET).map(|n| n % MANY).collect();
        fastrand::shuffle(&mut numbers);
        let mut packet = Vec::new();
        // Always the same number: one that falls back would be a restart.
        numbers.iter().for_each(|nth| push(&mut packet, *nth, 1));
        packets.push(packet);
    }
    let mut pour = |beats: usize| {
        let before = (mesh.cpu(), cpu(server.program.id()));
        for n in 0..beats / PACKET {
            wire.send(&packets[n % packets.len()]);
            if n > 0 {
                wire.publish_replies(PACKET);
            }
        }
        wire.publish_replies(PACKET);
        drain(&mut wire, &mesh);
        let after = (mesh.cpu(), cpu(server.program.id()));
        (after.0 - before.0).as_secs_f64() / (after.1 - before.1).as_secs_f64()
    };
    pour(50_000);
    wait_up(&server, MANY);
    let beats = if plan.quick { 500_000 } else { 2_000_000 };
    let ratios = (0..5).map(|_| pour(beats)).collect();
    report.goal(FLOOD, "mesh CPU ÷ redis-server CPU", "ratio", 0.5, ratios);
}

/// Waits until Redis holds nothing for mesh and mesh does nothing.
fn drain(wire: &mut Wire, mesh: &Program) {
    loop {
        let before = mesh.cpu();
        std::thread::sleep(Duration::from_millis(100));
        if mesh.cpu() - before < Duration::from_millis(5) && !holds_output(wire) {
            return;
        }
    }
}

fn rest(plan: &Plan, report: &mut Report) {
    let (server, mesh) = start(plan, 10.0, 30.0);
    let mut wire = server.wire();
    // Each at its own moment, as senders that started by themselves do.
    let mut beat = |from: usize, span: Duration| {
        let began = Instant::now();
        let mut sent = from;
        while began.elapsed() < span {
            let due = from + (began.elapsed().as_secs_f64() * MANY as f64 / 10.0) as usize;
            let mut packet = Vec::new();
            let count = due - sent;
            for nth in sent..due {
                push(&mut packet, nth % MANY, (nth / MANY + 1) as u64);
            }
            wire.send(&packet);
            wire.publish_replies(count);
            sent = due;
            std::thread::sleep(Duration::from_millis(10));
        }
        sent
    };
    let mut sent = beat(0, Duration::from_secs(21));
    let window = Duration::from_secs(if plan.quick { 5 } else { 20 });
    let mut shares = Vec::new();
    for _ in 0..plan.runs() {
        let (before, began) = (mesh.cpu(), Instant::now());
        sent = beat(sent, window);
        shares.push((mesh.cpu() - before).as_secs_f64() / began.elapsed().as_secs_f64() * 100.0);
    }
    let mebibytes = mesh.memory().rss * 1e6 / f64::from(1 << 20);
    report.goal(REST, "CPU", "% of a core", 0.2, shares);
    report.goal(REST, "memory (RSS)", "MiB", 8.0, vec![mebibytes]);
    read(report, &server);
}

/// How long readers take: of the registry, and of a key for each instance, which must be found first.
fn read(report: &mut Report, server: &Server) {
    let mut wire = server.wire();
    let Reply::List(fields) = wire.run(&["HGETALL", "mesh:instances"]) else {
        panic!("a hash was expected");
    };
    for pair in fields.chunks(2) {
        let (name, record) = (pair[0].text(), pair[1].text());
        wire.run(&["SET", &format!("inst:{name}"), &record]);
    }
    let timed = |work: &mut dyn FnMut()| {
        let began = Instant::now();
        (0..20).for_each(|_| work());
        began.elapsed().as_secs_f64()
    };
    let mut ratios = Vec::new();
    for _ in 0..5 {
        let whole = timed(&mut || {
            wire.run(&["MULTI"]);
            wire.run(&["HGETALL", "mesh:head"]);
            wire.run(&["HGETALL", "mesh:instances"]);
            wire.run(&["EXEC"]);
        });
        let each = timed(&mut || scan_and_get(&mut wire));
        ratios.push(whole / each);
    }
    report.goal(READ, "÷ SCAN and GET of as many keys", "ratio", 0.1, ratios);
}

fn scan_and_get(wire: &mut Wire) {
    let mut cursor = "0".to_owned();
    loop {
        let Reply::List(parts) = wire.run(&["SCAN", &cursor, "MATCH", "inst:*"]) else {
            panic!("a cursor was expected");
        };
        if let Reply::List(keys) = &parts[1] {
            for key in keys {
                wire.run(&["GET", &key.text()]);
            }
        }
        cursor = parts[0].text();
        if cursor == "0" {
            return;
        }
    }
}

fn fail(plan: &Plan, report: &mut Report) {
    const ALL: usize = 2100;
    const TIMEOUT: Duration = Duration::from_secs(4);
    let mut lates = Vec::new();
    for _ in 0..plan.runs().min(3) {
        let (server, _mesh) = start(plan, 1.0, TIMEOUT.as_secs_f64());
        let mut wire = server.wire();
        let mut beat = |who: std::ops::Range<usize>, i: u64| {
            let mut packet = Vec::new();
            let count = who.len();
            who.for_each(|nth| push(&mut packet, nth, i));
            let sent = Instant::now();
            wire.send(&packet);
            wire.publish_replies(count);
            sent
        };
        beat(0..ALL, 1);
        std::thread::sleep(Duration::from_millis(500));
        let last = beat(0..ALL, 2);
        wait_up(&server, ALL);
        let mut ear = server.wire();
        ear.run(&["SUBSCRIBE", "mesh:gossip"]);
        let listener = std::thread::spawn(move || {
            let mut failed: HashMap<String, Instant> = HashMap::new();
            while failed.len() < MANY {
                let Reply::List(parts) = ear.reply() else {
                    continue;
                };
                let event: serde_json::Value =
                    serde_json::from_str(&parts[2].text()).expect("an event");
                if event["type"] == "failed" {
                    let inst = event["instance"]["inst"].as_str().unwrap_or_default();
                    failed.insert(inst.to_owned(), Instant::now());
                }
            }
            failed.into_values().max().expect("a thousand")
        });
        let mut i = 3;
        while !listener.is_finished() {
            beat(MANY..ALL, i);
            i += 1;
            std::thread::sleep(Duration::from_millis(300));
        }
        let told = listener.join().expect("it listens");
        lates.push((told - last).saturating_sub(TIMEOUT).as_secs_f64() * 1e3);
    }
    report.goal(FAIL, "last event after its deadline", "ms", 100.0, lates);
}

/// Memory for each instance, when there are about as many as may be.
fn many(plan: &Plan, report: &mut Report) {
    // mesh itself is one more.
    const ALL: usize = 99_000;
    let (server, mesh) = start(plan, 60.0, 600.0);
    let before = mesh.memory().rss;
    let mut wire = server.wire();
    for i in 1..=2 {
        for from in (0..ALL).step_by(PACKET) {
            let mut packet = Vec::new();
            let numbers = from..(from + PACKET).min(ALL);
            let count = numbers.len();
            numbers.for_each(|nth| push(&mut packet, nth, i));
            wire.send(&packet);
            wire.publish_replies(count);
        }
    }
    wait_up(&server, ALL);
    let bytes = (mesh.memory().rss - before) * 1e6 / ALL as f64;
    report.goal(HUNDRED, "memory (RSS) of each", "B", 1024.0, vec![bytes]);
}

/// What a renewal costs the server.
fn renew(plan: &Plan, report: &mut Report) {
    const MEMBERS: usize = 50;
    const PARTS: u32 = 256;
    let server = Server::start();
    let address = Address::parse(&server.url(), "BENCH").expect("an address");
    let commands = Commands::new(address, "bench", Limits::default());
    let mut scripts = SessionScripts::new(commands);
    let mut wire = server.wire();
    wire.run(&["HSET", "mesh:parts:work", "parts", &PARTS.to_string()]);
    for part in 0..PARTS {
        let holder = format!(
            "0123456789abcde{:02}|1762433458123",
            part as usize % MEMBERS
        );
        wire.run(&["HSET", "mesh:parts:work", &part.to_string(), &holder]);
    }
    let members = (0..MEMBERS).map(|n| format!("0123456789abcde{n:02}"));
    let mut members: Vec<Member> = members
        .map(|inst| Member::new("work", &inst, "node-7", PARTS))
        .collect();
    let times = if plan.quick { 20 } else { 60 };
    let mut costs = Vec::new();
    for _ in 0..plan.runs() {
        let before = cpu(server.program.id());
        for _ in 0..times {
            for member in &mut members {
                scripts.renew(member).expect("it answers");
            }
        }
        let spent = cpu(server.program.id()) - before;
        costs.push(spent.as_secs_f64() * 1e6 / (times * MEMBERS) as f64);
    }
    report.goal(RENEW, "redis-server CPU", "µs", 150.0, costs);
}
