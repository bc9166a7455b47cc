//! Very many channels at once.

use std::time::{Duration, Instant};

use marketswarm::bus::{
    Address, Batch, BusError, Channels, Event, Limits, Link, Polled, ServerIdentity, Sink,
};
use marketswarm::clock::Mono;

use crate::support::{PATIENCE, RedisServer};

const CHANNELS: usize = 200_000;

/// Wants all channels, and counts what it hears.
#[derive(Default)]
struct All {
    heard: usize,
}

fn name(n: usize) -> String {
    format!("service-{n}:heartbeat")
}

impl Sink for All {
    fn wanted(&mut self, from: usize, into: &mut Channels) -> Option<usize> {
        let mut next = from;
        while next < CHANNELS && !into.is_full() {
            into.push(name(next).as_bytes());
            next += 1;
        }
        (next < CHANNELS).then_some(next)
    }

    fn batch(&mut self, batch: &mut Batch<'_>, _: Mono) {
        while let Some(event) = batch.next() {
            if let Event::Messages(run) = event {
                self.heard += run.messages().count();
            }
        }
    }

    fn proven(&mut self, _: &ServerIdentity, _: Mono) {}

    fn lost(&mut self, error: &BusError, _: Mono) {
        panic!("{error}");
    }
}

#[track_caller]
fn settle(link: &mut Link, sink: &mut All) {
    let end = Instant::now() + PATIENCE;
    while link.poll(sink).expect("the link holds") != Polled::Settled {
        assert!(Instant::now() < end, "it never settles");
    }
}

#[test]
fn very_many_channels_are_let_go_of_in_pieces_that_redis_puts_up_with() {
    let redis = RedisServer::start();
    // Whoever does not read its answers is dropped.
    redis.config_set("client-output-buffer-limit", "pubsub 1mb 1mb 1");
    let address = Address::parse(&redis.url(), "TEST").unwrap();
    let mut link = Link::open(&address, "test:crowd", &Limits::default(), 1024).unwrap();
    link.set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut sink = All::default();
    settle(&mut link, &mut sink);
    assert_eq!(link.identity().count, CHANNELS as u64);

    let mut gone = Channels::default();
    (1..CHANNELS).for_each(|n| gone.push(name(n).as_bytes()));
    link.unsubscribe(&gone);
    // What is taken back in the same breath stays.
    let back = [name(7), name(8)];
    link.subscribe(back.iter().map(String::as_str).collect());
    settle(&mut link, &mut sink);
    assert_eq!(link.identity().count, 3);
    for n in [0, 7, 8, 9] {
        redis.query::<u64>(&["PUBLISH", &name(n), "1"]);
    }
    while sink.heard < 3 {
        link.poll(&mut sink).expect("the link holds");
    }
}
