//! The way of a beat allocates nothing.
//!
//! A test binary of its own: it counts through the global allocator, which is the one thing here that cannot be
//! written without `unsafe`, and which the library forbids itself.
#![allow(clippy::too_many_lines)] // A test is a story or a table of cases.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use marketswarm::clock::{Mono, Now};
use marketswarm::watch::detector::{Detector, Spec};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        unsafe { System.realloc(memory, layout, bytes) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn a_beat_allocates_nothing() {
    let at = |micros: u64| Now {
        mono: Mono(1_000_000 + micros),
        wall_secs: 1_762_433_458,
    };
    let mut detector = Detector::new(at(0).mono);
    let services: Vec<String> = (0..1000).map(|n| format!("svc{n}")).collect();
    let channels: Vec<String> = services
        .iter()
        .map(|svc| format!("{svc}:heartbeat"))
        .collect();
    for (svc, channel) in services.iter().zip(&channels) {
        let spec = Spec {
            svc,
            channel,
            timeout_ms: 30_000,
            interval_ms: 10_000,
        };
        detector.watch(&spec);
        detector.confirmed(channel.as_bytes(), at(0));
    }
    detector.proven(at(0));
    let payloads = |i: u64| -> Vec<String> {
        let beat = |svc: &String| {
            format!(
                r#"{{"svc": "{svc}", "i": {i}, "ts": 1762433458, "inst": "0f3a", "status": "idle"}}"#
            )
        };
        services.iter().map(beat).collect()
    };
    let rounds: Vec<Vec<String>> = (1..=20).map(payloads).collect();
    // The first beats of a service are news; from then on they are routine.
    for (n, (channel, payload)) in channels.iter().zip(&rounds[0]).enumerate() {
        detector.frame(channel.as_bytes(), payload.as_bytes(), at(n as u64));
    }

    let before = ALLOCATIONS.with(Cell::get);
    for (round, payloads) in rounds.iter().enumerate().skip(1) {
        for (channel, payload) in channels.iter().zip(payloads) {
            detector.frame(
                channel.as_bytes(),
                payload.as_bytes(),
                at(round as u64 * 1000),
            );
        }
    }
    let allocated = ALLOCATIONS.with(Cell::get) - before;

    assert_eq!(detector.counts().beats, 20_000);
    assert_eq!(allocated, 0, "by 19 000 beats");
}
