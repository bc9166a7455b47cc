//! The console under those who ask too much of it, and what it asks of others.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;

use crate::support::console::stage;
use crate::support::{PATIENCE, secs, until};

#[test]
fn slow_readers_and_writers_are_in_nobodys_way() {
    let (stage, _healer, beater, console) = stage();
    let mut slow = Vec::new();
    for at in 0..1500 {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", console.port)) else {
            break;
        };
        let part = if at % 2 == 0 {
            "GET /he"
        } else {
            "GET /status.txt HTTP/1.1\r\nHost: localhost\r\n\r\n"
        };
        let _ = stream.write_all(part.as_bytes());
        slow.push(stream);
    }
    assert_eq!(console.get_openly("/healthz").status, 200);
    beater.silence("db");
    stage.alerts.wait("heartbeat_miss", "db", PATIENCE);
    console.wait_state("db", "down");
    let mut one = slow.pop().unwrap();
    one.set_read_timeout(Some(PATIENCE)).unwrap();
    let _ = one.read(&mut [0; 64]);
}

#[test]
fn beats_are_heard_while_somebody_looks_and_of_nobody_else() {
    let (stage, _healer, _beater, console) = stage();
    let heard_by = |channel: &str| -> i64 {
        let answer: (String, i64) = stage.redis.query(&["PUBSUB", "NUMSUB", channel]);
        answer.1
    };
    let before = heard_by("api:heartbeat");
    let look = || console.get("/api/v1/services/db/beats").json();
    let beats = until("beats", PATIENCE, || {
        let beats = look();
        match beats["beats"].as_array().map(Vec::len) {
            Some(3..) => Ok(beats),
            _ => Err(beats.to_string()),
        }
    });
    assert_eq!(
        (&beats["heard"], &beats["timeout_sec"]),
        (&json!(true), &json!(1.0))
    );
    let numbers: Vec<u64> = beats["beats"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|beat| beat["i"].as_u64())
        .collect();
    assert!(numbers.is_sorted() && numbers.len() > 2, "{beats}");
    assert_eq!(heard_by("api:heartbeat"), before, "nobody looks at it");
    // A second page is heard over the connection of the first.
    until("beats of another", PATIENCE, || {
        let beats = console.get("/api/v1/services/api/beats").json();
        match beats["beats"].as_array().map(Vec::len) {
            Some(1..) => Ok(()),
            _ => Err(beats.to_string()),
        }
    });
    for path in [
        "/api/v1/services/nobody/beats",
        "/api/v1/services/db/x/beats",
    ] {
        assert_eq!(console.get(path).status, 404, "{path}");
    }
    // Nobody looks any more: a minute later nobody hears.
    let alone = before;
    until("it is let go", secs(120.0), || {
        match heard_by("db:heartbeat") {
            count if count == alone => Ok(()),
            count => Err(count.to_string()),
        }
    });
    until("beats again", PATIENCE, || {
        let beats = look();
        match beats["beats"].as_array().map(Vec::len) {
            Some(1..) => Ok(()),
            _ => Err(beats.to_string()),
        }
    });
}

#[test]
fn without_room_for_more_files_it_serves_on_and_does_not_spin() {
    let (_stage, _healer, _beater, console) = stage();
    let pid = i32::try_from(console.daemon.id())
        .ok()
        .and_then(Pid::from_raw);
    let folder = format!("/proc/{}", console.daemon.id());
    let files = std::fs::read_dir(format!("{folder}/fd")).unwrap().count() as u64;
    let limit = Rlimit {
        current: Some(files + 2),
        maximum: Some(files + 2),
    };
    prlimit(pid, Resource::Nofile, limit).unwrap();
    let mut held = Vec::new();
    for _ in 0..60 {
        let mut stream = TcpStream::connect(("127.0.0.1", console.port)).unwrap();
        let _ = stream.write_all(b"GET /he");
        held.push(stream);
    }
    let cpu_ticks = || -> u64 {
        let stat = std::fs::read_to_string(format!("{folder}/stat")).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let field = |at: usize| {
            fields
                .split_whitespace()
                .nth(at)
                .unwrap()
                .parse::<u64>()
                .unwrap()
        };
        field(11) + field(12)
    };
    // A share of a time: what is measured is that time.
    let (before, began) = (cpu_ticks(), Instant::now());
    std::thread::sleep(Duration::from_secs(3));
    let busy = (cpu_ticks() - before) as f64 / 100.0;
    let passed = began.elapsed().as_secs_f64();
    assert!(busy < passed / 2.0, "{busy} s of {passed} s");
    until("it answers", PATIENCE, || {
        match console.try_send("GET /healthz HTTP/1.1\nHost: localhost", "") {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}
