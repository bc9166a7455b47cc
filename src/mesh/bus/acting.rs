//! What a bus asks of its thread: echoes go out, news go to the registry, the server is looked up afresh.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Hearer;
use crate::bus::{Limits, Link};
use crate::clock::{self, Mono, Now};
use crate::watch::detector::{BusNews, Echo, Output};

/// That there is no room is said at most so often.
const FULL_EVERY: Duration = Duration::from_secs(60);

impl Hearer {
    /// Does what the detector asks for, and hands on what happened.
    pub(super) fn act(&mut self) {
        loop {
            while let Some(echo) = self.handler.hearing.detector().take_echo() {
                self.echo(echo);
            }
            let now = Now::read();
            let doubt_began = self.handler.hearing.judge(now);
            self.hand_on(doubt_began, now);
            if self.handler.hearing.take_look() {
                self.check_server();
            }
            let mut outputs = Vec::new();
            self.handler.hearing.detector().take_outputs(&mut outputs);
            if outputs.is_empty() {
                return;
            }
            for output in outputs {
                self.act_on(output);
            }
        }
    }

    fn hand_on(&mut self, doubt_began: bool, now: Now) {
        self.handler.hearing.take_news(&mut self.news);
        let is_doubting = self.handler.hearing.is_doubting();
        let settled = std::mem::replace(&mut self.was_doubting, is_doubting) && !is_doubting;
        if self.news.is_empty() && !doubt_began && !settled {
            return;
        }
        let began = Mono::now();
        let mut registry = self.shared.registry();
        for news in self.news.drain(..) {
            registry.hear(news);
        }
        if doubt_began {
            log::warn!(
                "{}: so many instances fell silent together that it may be the bus: they are waited for once more",
                self.bus
            );
            registry.doubt(&self.bus, now);
        }
        if settled {
            registry.settle(&self.bus);
        }
        drop(registry);
        self.shared.nudge();
        self.handler.hearing.detector().was_busy(began, Now::read());
    }

    fn act_on(&mut self, output: Output) {
        match output {
            Output::Reconnect => {
                log::warn!(
                    "{}: nothing was heard for seconds: making a new connection",
                    self.bus
                );
                self.drop_link();
                self.next_attempt = Mono::now();
            }
            Output::CheckServer => self.check_server(),
            Output::Bus(news) => say_bus(&self.bus, news),
            Output::Malformed { .. } => {}
        }
    }

    /// One write into a socket; only a connection that must be made is waited for.
    fn echo(&mut self, Echo { seq, fresh }: Echo) {
        if fresh {
            self.publisher.disconnect();
        }
        let word = seq.to_string();
        if self.publisher.publish(&word) {
            return;
        }
        let began = Mono::now();
        let made = self.publisher.connect(&Limits::default());
        let detector = self.handler.hearing.detector();
        detector.was_busy(began, Now::read());
        match made {
            Ok(_) if detector.echo_goes(seq, Now::read()) => {
                self.publisher.publish(&word);
            }
            Ok(_) => {}
            Err(error) => log::debug!("{}: no echo: {error}", self.bus),
        }
    }

    /// An echo proves only the server that it went through: is that still the one that the name stands for?
    fn check_server(&mut self) {
        let known = self.link.as_ref().map(Link::identity).unwrap_or_default();
        let began = Mono::now();
        let met = self.publisher.look(&Limits::default());
        let now = Now::read();
        self.handler.hearing.detector().was_busy(began, now);
        match met {
            Ok(server) if known.is_other(&server) => {
                self.has_moved.store(true, Ordering::SeqCst);
            }
            Ok(_) => {
                self.handler.hearing.detector().server_checked(now);
                self.handler.hearing.looked(now.mono);
            }
            Err(error) => {
                log::warn!("{}: {error}", self.bus);
                self.drop_link();
                self.next_attempt = now.mono;
            }
        }
    }

    pub(super) fn say_full(&mut self, now: Mono) {
        let refused = self.handler.hearing.take_refused();
        let is_due = self.said_full.is_none_or(|at| now.since(at) >= FULL_EVERY);
        if refused > 0 && is_due {
            self.said_full = Some(now);
            log::warn!(
                "{}: there are as many instances as are kept: beats of others are left out",
                self.bus
            );
        }
    }
}

fn say_bus(bus: &str, news: BusNews) {
    match news {
        BusNews::Down { silent } => log::error!(
            "{bus} is silent for {}: nobody is judged there until it talks again",
            clock::human(silent)
        ),
        BusNews::Up { down } => log::info!("{bus} talks again, after {}", clock::human(down)),
        BusNews::Unstable { unjudged, why } => log::error!(
            "{bus}: nothing could be judged for {}: {why}",
            clock::human(unjudged)
        ),
    }
}
