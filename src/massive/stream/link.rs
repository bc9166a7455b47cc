//! One connection to a cluster (pure): what happened and the time go in, what to do comes out.
//!
//! Times are milliseconds of the clock that never steps.

#[cfg(test)]
mod tests;

use super::params::{Params, Source};
use crate::massive::frames::Cluster;
use crate::net::backoff::{Backoff, Jitter};

/// How long `connected` is waited for before the key goes out without it.
const GREETING_MS: i64 = 3_000;
/// How long the vendor may take to judge a key.
const AUTH_MS: i64 = 10_000;
/// How often a ping goes out, and how long nothing at all may come.
const PING_MS: i64 = 20_000;
pub const SILENCE_MS: i64 = 45_000;
/// How long the vendor's word "too many connections" is obeyed.
const TOO_MANY_MS: i64 = 60_000;
/// How long a refused key is not tried again.
const KEY_AGAIN_MS: i64 = 3_600_000;
/// What a connection must last for the next failure to count as the first.
const LASTED_MS: i64 = 10_000;
/// How long a connection may be away before that is a fault, and prices are asked for again.
pub const DOWN_MS: i64 = 30_000;
/// Between attempts, for ever.
const BACK_OFF: Backoff = Backoff::new(
    std::time::Duration::from_millis(500),
    std::time::Duration::from_secs(30),
    Jitter::UpperHalf,
);
/// A server closes so whoever breaks its rules: one connection too many, say.
const POLICY: u16 = 1008;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// Time went on.
    Tick,
    /// The connection stands, and speaks WebSocket.
    Opened,
    /// Anything came.
    Heard,
    /// The vendor says something of the connection.
    Status { status: &'a str, message: &'a str },
    /// There is no connection, or none any more.
    Lost { code: Option<u16>, why: &'a str },
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Connect,
    /// Send the key.
    Authenticate,
    Send(String),
    Ping,
    /// Give the connection up.
    Close,
    /// This is where symbols' prices come by from now on.
    Prices(Vec<(String, Source)>),
    /// Nothing came between two moments: how long ago the last of it did.
    Gap {
        ms: i64,
        why: String,
    },
}

/// How a connection stands, for whoever shows or judges it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub cluster: Cluster,
    pub word: Word,
    /// Why it is not up.
    pub why: String,
    /// Since when it is not; `None` while it is.
    pub down_since: Option<i64>,
    /// Symbols that are wanted, and those of which the price comes.
    pub symbols: usize,
    pub priced: usize,
    /// Parameters that are confirmed, and refused.
    pub confirmed: usize,
    pub refused: usize,
}

/// How it stands in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Off,
    Waiting,
    Connecting,
    Up,
    KeyRefused,
}

impl Word {
    /// As it is shown.
    pub fn text(self) -> &'static str {
        match self {
            Word::Off => "off",
            Word::Waiting => "waiting",
            Word::Connecting => "connecting",
            Word::Up => "up",
            Word::KeyRefused => "key refused",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody wants it.
    Off,
    /// Until then.
    Waiting(i64),
    Connecting,
    /// The vendor greets until then.
    Greeting(i64),
    /// The vendor judges the key until then.
    Judging(i64),
    Up,
}

/// The connection.
#[derive(Clone, Debug)]
pub struct Link {
    cluster: Cluster,
    state: State,
    params: Params,
    failures: u32,
    /// When anything came last, when data did, and when the last ping went out.
    heard_ms: i64,
    data_ms: Option<i64>,
    pinged_ms: i64,
    up_ms: i64,
    why: String,
    down_since: Option<i64>,
    is_key_refused: bool,
}

impl Link {
    /// One that nobody wants yet.
    pub fn new(cluster: Cluster) -> Link {
        Link {
            cluster,
            state: State::Off,
            params: Params::new(cluster),
            failures: 0,
            heard_ms: 0,
            data_ms: None,
            pinged_ms: 0,
            up_ms: 0,
            why: String::new(),
            down_since: None,
            is_key_refused: false,
        }
    }

    /// Wants these symbols; without any there is no connection. What it has to do for that comes with the next tick.
    pub fn want(&mut self, symbols: &[String]) {
        self.params.want(symbols);
    }

    /// Another key, or another address: whatever was refused is tried again, from the beginning.
    pub fn renew(&mut self) -> Vec<Action> {
        let was = std::mem::replace(&mut self.state, State::Off);
        (self.failures, self.is_key_refused) = (0, false);
        match was {
            State::Off | State::Waiting(_) => Vec::new(),
            _ => vec![Action::Close],
        }
    }

    /// Takes what happened. `seed` is for the jitter of waits.
    pub fn step(&mut self, input: Input<'_>, now_ms: i64, seed: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        match input {
            Input::Tick => self.tick(now_ms, seed, &mut actions),
            Input::Opened if self.state == State::Connecting => {
                self.state = State::Greeting(now_ms + GREETING_MS);
                (self.heard_ms, self.pinged_ms) = (now_ms, now_ms);
            }
            Input::Heard => {
                self.heard_ms = now_ms;
                if self.state == State::Up {
                    self.data_ms = Some(now_ms);
                }
                // This happens some ten thousand times a second, and changes nothing else.
                return actions;
            }
            Input::Status { status, message } => {
                self.heard_ms = now_ms;
                self.status(status, message, now_ms, seed, &mut actions);
            }
            Input::Lost { code, why } => match code {
                Some(POLICY) => self.wait(TOO_MANY_MS, why, now_ms),
                _ => self.fail(why, now_ms, seed),
            },
            Input::Opened => {}
        }
        if self.state == State::Up {
            let messages = self.params.ask(now_ms);
            actions.extend(messages.into_iter().map(Action::Send));
        }
        let changes = self.params.take_changes();
        if !changes.is_empty() {
            actions.push(Action::Prices(changes));
        }
        actions
    }

    fn tick(&mut self, now_ms: i64, seed: u64, actions: &mut Vec<Action>) {
        let is_wanted = self.params.covered().0 > 0;
        match self.state {
            State::Off if is_wanted => self.connect(now_ms, actions),
            State::Off => self.down_since = None,
            _ if !is_wanted => {
                self.state = State::Off;
                self.down_since = None;
                actions.push(Action::Close);
            }
            State::Waiting(until) if now_ms >= until => self.connect(now_ms, actions),
            State::Waiting(_) | State::Connecting => {}
            _ if now_ms - self.heard_ms >= SILENCE_MS => {
                self.give_up("nothing came for 45 s", now_ms, seed, actions);
            }
            State::Greeting(until) if now_ms >= until => self.authenticate(now_ms, actions),
            State::Judging(until) if now_ms >= until => {
                self.give_up("the key was not judged within 10 s", now_ms, seed, actions);
            }
            State::Up => {
                self.params.judge(now_ms);
                self.ping(now_ms, actions);
            }
            State::Greeting(_) | State::Judging(_) => self.ping(now_ms, actions),
        }
    }

    fn ping(&mut self, now_ms: i64, actions: &mut Vec<Action>) {
        if now_ms - self.pinged_ms >= PING_MS {
            self.pinged_ms = now_ms;
            actions.push(Action::Ping);
        }
    }

    fn connect(&mut self, now_ms: i64, actions: &mut Vec<Action>) {
        self.state = State::Connecting;
        self.is_key_refused = false;
        self.down_since.get_or_insert(now_ms);
        actions.push(Action::Connect);
    }

    fn authenticate(&mut self, now_ms: i64, actions: &mut Vec<Action>) {
        self.state = State::Judging(now_ms + AUTH_MS);
        actions.push(Action::Authenticate);
    }

    fn status(
        &mut self,
        status: &str,
        message: &str,
        now_ms: i64,
        seed: u64,
        actions: &mut Vec<Action>,
    ) {
        match (status, self.state) {
            ("connected", State::Greeting(_)) => self.authenticate(now_ms, actions),
            ("auth_success", State::Judging(_)) => self.up(now_ms, actions),
            ("auth_failed", State::Greeting(_) | State::Judging(_) | State::Up) => {
                self.wait(KEY_AGAIN_MS, "the vendor refuses the key", now_ms);
                self.is_key_refused = true;
                actions.push(Action::Close);
            }
            ("auth_timeout", State::Greeting(_) | State::Judging(_)) => {
                self.give_up("the vendor had no key in time", now_ms, seed, actions);
            }
            ("max_connections", State::Greeting(_) | State::Judging(_) | State::Up) => {
                self.wait(TOO_MANY_MS, "the plan allows no further connection", now_ms);
                actions.push(Action::Close);
            }
            ("success", State::Up) => {
                if let Some(names) = message.strip_prefix("subscribed to:") {
                    self.params.confirm(names);
                }
            }
            _ => {}
        }
    }

    fn up(&mut self, now_ms: i64, actions: &mut Vec<Action>) {
        self.state = State::Up;
        self.up_ms = now_ms;
        let why = std::mem::take(&mut self.why);
        self.down_since = None;
        // Of what was before the first connection nobody ever heard anything.
        if let Some(data_ms) = self.data_ms.replace(now_ms) {
            actions.push(Action::Gap {
                ms: now_ms - data_ms,
                why,
            });
        }
        self.params.begin(now_ms);
    }

    fn give_up(&mut self, why: &str, now_ms: i64, seed: u64, actions: &mut Vec<Action>) {
        self.fail(why, now_ms, seed);
        actions.push(Action::Close);
    }

    fn fail(&mut self, why: &str, now_ms: i64, seed: u64) {
        // What was closed on purpose is lost, too, and that changes nothing.
        if matches!(self.state, State::Off | State::Waiting(_)) {
            return;
        }
        if self.state == State::Up && now_ms - self.up_ms >= LASTED_MS {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        let pause = BACK_OFF.pause(self.failures, seed);
        self.wait(
            i64::try_from(pause.as_millis()).unwrap_or(i64::MAX),
            why,
            now_ms,
        );
    }

    fn wait(&mut self, ms: i64, why: &str, now_ms: i64) {
        if matches!(self.state, State::Off | State::Waiting(_)) {
            return;
        }
        self.state = State::Waiting(now_ms.saturating_add(ms));
        self.why = why.to_owned();
        self.down_since.get_or_insert(now_ms);
    }

    /// When a tick is due at the latest.
    pub fn next_ms(&self) -> i64 {
        let spoken = (self.heard_ms + SILENCE_MS).min(self.pinged_ms + PING_MS);
        match self.state {
            State::Off | State::Connecting => i64::MAX,
            State::Waiting(until) => until,
            State::Greeting(until) | State::Judging(until) => until.min(spoken),
            State::Up => spoken.min(self.params.next_ms()),
        }
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        let (symbols, priced) = self.params.covered();
        let (confirmed, refused) = self.params.counts();
        let word = match self.state {
            State::Off => Word::Off,
            State::Waiting(_) if self.is_key_refused => Word::KeyRefused,
            State::Waiting(_) => Word::Waiting,
            State::Up => Word::Up,
            _ => Word::Connecting,
        };
        let is_up = word == Word::Up;
        Standing {
            cluster: self.cluster,
            word,
            why: self.why.clone(),
            down_since: self.down_since,
            symbols,
            priced: if is_up { priced } else { 0 },
            confirmed: if is_up { confirmed } else { 0 },
            refused: if is_up { refused } else { 0 },
        }
    }
}
