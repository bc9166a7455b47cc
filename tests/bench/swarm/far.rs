//! How late is an alert when the bus is far away? 200 services, silent from moments of their own, and a healer behind a way
//! that takes so long.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::Plan;
use super::alerts::Alerts;
use super::lab::{Healer, Server, seed, truth};
use super::lateness::{SERVICES, beat_once};
use super::load::lateness;
use super::report::{Latencies, Report};
use super::wire::{Reply, Wire};

/// Round trips, in milliseconds.
const TRIPS: [u64; 4] = [0, 100, 300, 1000];
/// Most fall silent together, so the server is looked up afresh before they are judged.
const TRIPS_ALLOWED: f64 = 8.0;
const PART: &str = "200 services with timeouts of 3 s, over a far bus";

pub fn run(plan: &Plan, report: &mut Report) {
    for trip in TRIPS {
        let server = Server::start();
        seed(&server, &truth(&[SERVICES]));
        let url = way_to(server.port, Duration::from_millis(trip) / 2);
        let _healer = Healer::start_at(&plan.programs, &server, &url, SERVICES.count);
        let mut wire = server.wire();
        wait_until_it_judges(&mut wire);
        let alerts = Alerts::listen(&server);
        let beats = beat_once(&mut wire, Duration::from_secs(1), 1);
        let deadlines = beats.iter();
        let deadlines = deadlines
            .map(|(svc, beat)| (svc.clone(), beat.heard + SERVICES.timeout()))
            .collect();
        let patience = SERVICES.timeout() + Duration::from_millis(10 * trip + 5000);
        alerts.wait(SERVICES.count, patience);
        let told = alerts.first("heartbeat_miss", server.program.started);
        let (late, untold) = lateness(&deadlines, &told);
        let mut deaths = Latencies::default();
        deaths.push(late);
        let goal = TRIPS_ALLOWED * trip as f64 + 100.0;
        let what = format!("lateness p99 at {trip} ms of round trip");
        report.goal(PART, &what, "ms", goal, deaths.each(0.99));
        let what = format!("not told at {trip} ms of round trip");
        report.goal(PART, &what, "count", 0.0, vec![untold as f64]);
    }
}

/// A start over a far bus asks a dozen questions, one after the other, and learns how far it is.
fn wait_until_it_judges(wire: &mut Wire) {
    let end = Instant::now() + Duration::from_secs(120);
    let judges = |reply| match reply {
        Reply::Text(text) => String::from_utf8_lossy(&text).contains(r#""judged":true"#),
        _ => false,
    };
    while !judges(wire.run(&["HGET", "healer:buses", "system-redis"])) {
        assert!(Instant::now() < end, "the bus is never judged");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The URL of a way to the server on loopback that takes `delay` in each direction; it lives as long as this process.
fn way_to(port: u16, delay: Duration) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let own = listener.local_addr().expect("bound").port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
                return;
            };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            forward(&client, &server, delay);
            forward(&server, &client, delay);
        }
    });
    format!("redis://127.0.0.1:{own}")
}

/// One thread reads, another writes when it is time, so that as much passes as without a delay.
fn forward(from: &TcpStream, to: &TcpStream, delay: Duration) {
    let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else {
        return;
    };
    let (under_way, arriving) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buf = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = from.read(&mut buf) {
            let due = Instant::now() + delay;
            if under_way.send((due, buf[..n].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in arriving {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}
