//! The pure cores alone, so often, for counting their instructions: `cores beat|insert|expire TIMES`.
//!
//! `scripts/instructions.sh` runs it under callgrind with two numbers of times and takes the difference, so that what
//! is prepared does not count.
#![allow(clippy::too_many_lines)] // A test is a story or a table of cases.

use std::process::ExitCode;

use marketswarm::bus::{Decoder, Frame, RUN_MAX};
use marketswarm::clock::{Mono, Now};
use marketswarm::contract::BEAT_MAX_BYTES;
use marketswarm::watch::detector::{Detector, Spec};
use marketswarm::watch::wheel::Wheel;

const SERVICES: usize = 1000;
const NOW: Now = Now {
    mono: Mono(1_000_000),
    wall_secs: 1_762_433_458,
};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let times = args.get(1).and_then(|t| t.parse().ok());
    match (args.first().map(String::as_str), times) {
        (Some("beat"), Some(times)) => beat(times),
        (Some("insert"), Some(times)) => insert(times),
        (Some("expire"), Some(times)) => expire(times),
        _ => {
            eprintln!("usage: cores beat|insert|expire TIMES");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// From the bytes of the subscriber's socket to the slot of the service.
fn beat(times: usize) {
    let mut detector = Detector::new(NOW.mono);
    let mut stream = Vec::new();
    for svc in (0..SERVICES).map(|n| format!("svc{n}")) {
        let channel = format!("{svc}:heartbeat");
        detector.watch(&Spec {
            svc: &svc,
            channel: &channel,
            timeout_ms: 30_000,
            interval_ms: 10_000,
        });
        detector.confirmed(channel.as_bytes(), NOW);
        let beat = format!(r#"{{"svc":"{svc}","i":1,"ts":1762433458,"inst":"5b0c7cd5f3b2a1c4"}}"#);
        let (c, b) = (channel.len(), beat.len());
        stream.extend(
            format!("*3\r\n$7\r\nmessage\r\n${c}\r\n{channel}\r\n${b}\r\n{beat}\r\n").into_bytes(),
        );
    }
    detector.proven(NOW);
    let mut frames = Decoder::new(BEAT_MAX_BYTES);
    let mut run = Vec::with_capacity(RUN_MAX);
    let mut heard = 0;
    while heard < times {
        let mut source = stream.as_slice();
        while !source.is_empty() {
            frames
                .fill(&mut source)
                .expect("a slice is always readable");
            // As the subscriber does: in runs, whose services are looked up together.
            loop {
                while run.len() < RUN_MAX
                    && let Ok(Some(frame)) = frames.next()
                {
                    if let Frame::Message { channel, payload } = frame {
                        run.push((channel, payload));
                    }
                }
                if run.is_empty() {
                    break;
                }
                let services = detector.find(run.iter().map(|(channel, _)| frames.get(*channel)));
                heard += run.len();
                for ((_, payload), service) in run.drain(..).zip(services) {
                    let service = service.expect("watched");
                    detector.heard(service, frames.get(payload), NOW);
                }
            }
        }
    }
    assert_eq!(detector.counts().beats, heard as u64);
}

/// A deadline of each key in turn, moved at random within five minutes.
fn insert(times: usize) {
    let mut wheel = Wheel::with_capacity(SERVICES);
    let mut random = 1u64;
    for n in 0..times {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        wheel.insert(
            (n % SERVICES) as u32,
            Mono(NOW.mono.0 + (random >> 33) % 300_000_000),
        );
    }
}

/// Keys that come due every now and then and are put in again, thirty seconds later.
fn expire(times: usize) {
    let mut wheel = Wheel::with_capacity(SERVICES);
    for key in 0..SERVICES {
        wheel.insert(key as u32, Mono(NOW.mono.0 + key as u64 * 30_000));
    }
    let mut due = Vec::new();
    let mut expired = 0;
    while expired < times {
        let Some(now) = wheel.next_deadline() else {
            break;
        };
        wheel.expire(now, 64, &mut due);
        expired += due.len();
        due.drain(..)
            .for_each(|key| wheel.insert(key, Mono(now.0 + 30_000_000)));
    }
}
