//! What does a beat cost? As many as Redis can deliver, and the CPU time of the healer beside that of redis-server.

use std::time::{Duration, Instant};

use super::Plan;
use super::lab::{Group, Healer, Server, holds_output, seed, subscriptions, truth};
use super::load::push_beat;
use super::process::cpu;
use super::report::Report;
use super::wire::Wire;

const PART: &str = "flood of 200 channels";
const SERVICES: Group = Group {
    prefix: "svc",
    count: 200,
    interval_sec: 10.0,
    timeout_sec: 60.0,
};
/// Beats in one packet.
const PACKET: usize = 2000;

pub fn run(plan: &Plan, report: &mut Report) {
    let server = Server::start();
    seed(&server, &truth(&[SERVICES]));
    let healer = Healer::start(&plan.programs, &server, SERVICES.count);
    let mut flood = Flood::new(&server, &healer, SERVICES);
    flood.pour(50_000);
    let beats = if plan.quick { 500_000 } else { 2_000_000 };
    let poured: Vec<Poured> = (0..5).map(|_| flood.pour(beats)).collect();
    let each = |f: fn(&Poured) -> f64| poured.iter().map(f).collect::<Vec<f64>>();
    report.goal(
        PART,
        "healer CPU ÷ redis-server CPU",
        "ratio",
        1.0,
        each(|p| p.healer / p.redis),
    );
    report.tell(
        PART,
        "healer CPU per million beats",
        "s",
        each(|p| p.healer),
    );
    report.tell(
        PART,
        "redis-server CPU per million beats",
        "s",
        each(|p| p.redis),
    );
    report.tell(
        PART,
        "beats per second",
        "thousand",
        each(|p| p.per_sec / 1e3),
    );
    report.goal(
        PART,
        "beats not delivered, links lost",
        "count",
        0.0,
        each(|p| p.lost),
    );
}

/// Sends beats as fast as redis-server takes them.
pub struct Flood<'a> {
    wire: Wire,
    server: &'a Server,
    healer: &'a Healer,
    /// Ready packets that between them name every service.
    packets: Vec<Vec<u8>>,
    link: (i64, usize),
}

/// What a flood cost.
pub struct Poured {
    /// CPU seconds per million beats.
    pub healer: f64,
    pub redis: f64,
    pub per_sec: f64,
    /// Beats that reached nobody, and links that broke.
    pub lost: f64,
}

impl<'a> Flood<'a> {
    /// Over a group of services; their order is mixed, as no cache could like it.
    pub fn new(server: &'a Server, healer: &'a Healer, group: Group) -> Flood<'a> {
        let mut numbers: Vec<usize> = (0..group.count.max(PACKET))
            .map(|n| n % group.count)
            .collect();
        fastrand::shuffle(&mut numbers);
        let packets = numbers.chunks_exact(PACKET).map(|numbers| {
            let mut packet = Vec::new();
            numbers
                .iter()
                .for_each(|n| push_beat(&mut packet, &group.name(*n), 1));
            packet
        });
        let packets = packets.collect();
        let mut wire = server.wire();
        let link = subscriptions(&mut wire).expect("the healer listens");
        Flood {
            wire,
            server,
            healer,
            packets,
            link,
        }
    }

    /// Sends about `beats`, and waits until the healer has read them all.
    pub fn pour(&mut self, beats: usize) -> Poured {
        let before = (self.healer.program.cpu(), cpu(self.server.program.id()));
        let began = Instant::now();
        let packets = beats.div_ceil(PACKET);
        let mut unheard = 0;
        // Two packets under way, so that redis-server is never idle.
        for n in 0..packets {
            self.wire.send(&self.packets[n % self.packets.len()]);
            if n > 0 {
                unheard += self.wire.publish_replies(PACKET);
            }
        }
        unheard += self.wire.publish_replies(PACKET);
        let sent = (packets * PACKET) as f64;
        let per_sec = sent / began.elapsed().as_secs_f64();
        self.drain();
        let after = (self.healer.program.cpu(), cpu(self.server.program.id()));
        let broken = subscriptions(&mut self.wire) != Some(self.link);
        let per_million = |d: Duration| d.as_secs_f64() / sent * 1e6;
        Poured {
            healer: per_million(after.0 - before.0),
            redis: per_million(after.1 - before.1),
            per_sec,
            lost: unheard as f64 + f64::from(broken),
        }
    }

    /// Waits until Redis holds nothing for the healer and the healer does nothing.
    fn drain(&mut self) {
        loop {
            let before = self.healer.program.cpu();
            std::thread::sleep(Duration::from_millis(100));
            let busy = self.healer.program.cpu() - before > Duration::from_millis(5);
            if !busy && !holds_output(&mut self.wire) {
                return;
            }
        }
    }
}
