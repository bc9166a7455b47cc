//! What the threads of an analyst share.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crossbeam_channel::Sender;

use super::Event;
use super::config::Config;
use super::control::Control;
use super::local::near::Index;
use super::local::{Analyser, Article};
use super::model::endpoint::Endpoint;
use crate::bus::{AWAY_IS_TOLD_AFTER, Address, Backoff, BusError, ConnectionRegistry};
use crate::clock::Mono;
use crate::fail_stop::lock;

/// What truth says, and where the store is.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    pub config: Config,
    pub address: Address,
    /// The model that is asked; `None`: none is configured.
    pub endpoint: Option<Endpoint>,
}

/// What the threads share. A lock is held for a step in memory, never over a wait.
pub struct Context {
    /// What the analyst is called.
    pub name: String,
    pub analyser: Analyser,
    /// Sees each article before it is analysed: nothing, but in tests of what an article can do.
    pub before: fn(&Article<'_>),
    connections: ConnectionRegistry,
    sender: Sender<Event>,
    state: Mutex<State>,
    index: Mutex<Index>,
}

struct State {
    setup: Arc<Setup>,
    control: Control,
    /// What was analysed before is known, so that it is told what is like it.
    is_ready: bool,
    is_ended: bool,
}

impl Context {
    /// The context of the analyst `name`.
    pub fn new(
        name: &str,
        setup: Setup,
        analyser: Analyser,
        before: fn(&Article<'_>),
        connections: ConnectionRegistry,
        sender: Sender<Event>,
    ) -> Context {
        Context {
            name: name.to_owned(),
            analyser,
            before,
            connections,
            sender,
            state: Mutex::new(State {
                setup: Arc::new(setup),
                control: Control::default(),
                is_ready: false,
                is_ended: false,
            }),
            index: Mutex::default(),
        }
    }

    /// What is in force.
    pub fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.state().setup)
    }

    /// Puts something else in force.
    pub fn adopt(&self, setup: Setup) {
        self.state().setup = Arc::new(setup);
    }

    /// What an operator has asked for; whether that is news.
    pub fn control(&self, control: Control) -> bool {
        let mut state = self.state();
        let is_news = state.control != control;
        state.control = control;
        is_news
    }

    /// The word that the beat says, while an operator keeps the analyst from its work.
    pub fn word(&self) -> Option<&'static str> {
        self.state().control.word(&self.name)
    }

    /// May something new be begun?
    pub fn may_begin(&self) -> bool {
        let state = self.state();
        state.is_ready && state.control.allows(&self.name)
    }

    /// May a model be asked?
    pub fn may_ask_model(&self) -> bool {
        let state = self.state();
        state.is_ready && state.control.allows_model(&self.name)
    }

    /// What was analysed before is known.
    pub fn is_ready(&self) {
        self.state().is_ready = true;
    }

    /// The articles of the last day.
    pub fn index(&self) -> MutexGuard<'_, Index> {
        lock(&self.index)
    }

    /// Is everything to end?
    pub fn is_over(&self) -> bool {
        self.connections.is_ending() || self.state().is_ended
    }

    /// Everything is to end, though nobody told the process to stop.
    pub fn end(&self) {
        self.state().is_ended = true;
        self.connections.end();
    }

    /// Waits, or less when everything is to end.
    pub fn wait(&self, pause: Duration) {
        self.connections.wait(pause);
    }

    /// Tells the loop.
    pub fn tell(&self, event: Event) {
        // A loop that has ended wants to know nothing.
        let _ = self.sender.send(event);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// What keeps one thread from its work, said when it lasts.
pub struct Trouble {
    /// Whose it is.
    who: String,
    failures: u32,
    /// When the first of these failures was.
    since: Mono,
    is_told: bool,
    backoff: Backoff,
}

impl Trouble {
    /// No trouble yet.
    pub fn new(who: impl Into<String>) -> Trouble {
        Trouble {
            who: who.into(),
            failures: 0,
            since: Mono::now(),
            is_told: false,
            backoff: Backoff::bus(),
        }
    }

    /// The store failed; how long to wait. Nobody hears of it while it may be no more than a dead connection, or a server
    /// that starts again.
    pub fn with_store(&mut self, error: &BusError, context: &Context) -> Duration {
        if self.failures == 0 {
            self.since = Mono::now();
        }
        self.failures += 1;
        log::debug!("{}: {error}", self.who);
        let lasts = Mono::now() >= self.since + AWAY_IS_TOLD_AFTER;
        if lasts && !context.is_over() && !std::mem::replace(&mut self.is_told, true) {
            let why = format!("the store cannot be used: {error}");
            let (who, why) = (self.who.clone(), Some(why));
            context.tell(Event::Trouble { who, why });
        }
        match self.failures {
            1 => Duration::ZERO,
            _ => self.backoff.next_pause(),
        }
    }

    /// There is none any more.
    pub fn is_over(&mut self, context: &Context) {
        self.failures = 0;
        self.backoff.reset();
        if std::mem::replace(&mut self.is_told, false) {
            let (who, why) = (self.who.clone(), None);
            context.tell(Event::Trouble { who, why });
        }
    }
}
