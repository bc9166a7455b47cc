//! The writer: what is decided becomes known, once and in order, whatever the store does. Pure.
//!
//! It is told what happens ([`Input`]) and when, and says what is to be done ([`Command`]). Whoever has the connection
//! carries that out, one thing after the other, and hands the [`Reply`] back at once. A turn goes like this:
//!
//! 1. Each second the lease is asked for: who holds it speaks, and begins by reading how things stand (`lease`).
//! 2. What was decided is collected, offered, and offered again until the store has it (`speaking`).
//! 3. What the store refuses is published and told to people, and stays owed (`refusals`).
//! 4. Then readers get what they need: fresh snapshots, and how the buses are (`upkeep`).
//!
//! A question has one reply, and no other is asked before. So that neither the lease nor a stop waits for everything that
//! is owed, a turn writes a piece of it only; [`Writer::wake`] says when the next is due.

mod agenda;
mod alone;
pub mod bus_states;
pub mod command;
mod lease;
pub mod rate_limiter;
mod refusals;
mod speaking;
pub mod succession;
#[cfg(test)]
mod tests;
mod turn;

mod upkeep;

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use agenda::{Asked, Part, Step};
use bus_states::BusStates;
use command::{Command, Meeting, Reply};
use log::Level;
use rate_limiter::{Refresh, Turns};
use refusals::{Note, Refusal};
use succession::Succession;

use super::alert_encoder::AlertEncoder;
use super::alert_store::{AlertEntry, LEASE, LEASE_RENEW};
use super::unheard::Unheard;
use super::write_queue::WriteQueue;
use crate::bus::BusError;
use crate::bus::lease::{Lease, Terms};
use crate::clock::{Mono, Now};
use crate::contract::{Alert, AlertKind, HEALER_LEASE, Health};

/// Entries offered to the store at once.
pub const PACE: usize = 1000;
/// Services whose records are to go, at most; beyond, the records of the oldest stay.
const FORGET_MAX: usize = 1_000_000;
/// Alerts about no service that may wait for the bus; beyond, the oldest goes.
const NOTES_MAX: usize = 256;
/// Alerts logged in one second; the rest are counted.
const LOG_PER_SEC: u32 = 50;

/// Until it is known who is watched, there is nothing to be done.
const FAR: Duration = Duration::from_secs(3600);

/// What happens.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum Input {
    /// Time passes.
    Tick,
    /// Something was decided.
    News,
    /// The buses that are watched; whether one of them is new.
    Watched { is_new: bool },
    /// Services that are watched anew: what the store knows of them is to be taken in.
    Met(Meeting),
    /// An alert about no service.
    Note(Box<Alert>),
    /// Services that truth names no more.
    Forget(Vec<Box<str>>),
    /// Services on buses that are not heard; those of before are heard again, or gone.
    Unheard(Unheard),
    /// The answer to what was asked last.
    Reply(Box<Reply>),
}

/// How one that stands by takes a bus that was away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Patience {
    /// The bus was there all the time.
    #[default]
    None,
    /// The bus is away.
    Away,
    /// It is back; the lease is left alone until then.
    Until(Mono),
}

/// What is known of the store, and what is owed to it.
///
/// Invariants: `asked` is what was asked and not answered; while it is, nothing else is asked. What is owed is owed in the
/// order in which it was decided. Only who speaks asks for a fenced write: it holds the lease, or nobody can take it.
pub struct Writer {
    encoder: AlertEncoder,
    /// The moment of the present step.
    now: Now,
    out: Vec<Command>,
    agenda: VecDeque<Step>,
    asked: Option<Asked>,

    /// It needs no lease: whoever else speaks of the same is told apart by the ids that the store compares.
    is_alone: bool,
    /// What people were told when nothing could be judged: once the store takes it, all is judged again.
    joins: Option<Box<Alert>>,
    lease: Lease,
    /// The other healers, while nobody can take the lease.
    succession: Succession,
    /// They cannot be listened to, and that was said.
    deaf: bool,
    is_speaking: bool,
    standing_by: bool,
    /// After an outage, whoever spoke before it comes back first: until then one that stands by does not take over.
    patience: Patience,
    /// When the lease is asked for next.
    renew: Mono,
    /// Whether the store answered when the lease was last asked for.
    answers: bool,
    /// Since when the lease could not be asked for; that was said.
    away_since: Option<Mono>,
    /// What keeps this healer from the lease, as it was said.
    barred: Option<BusError>,
    /// The store could not be read, and that was said.
    unreadable: bool,
    /// How the services stand must be read from the store before it can be relied on.
    must_seed: bool,
    /// And it counts whatever its age: what was judged here since was taken back.
    settles: bool,
    /// Whom to ask the store about is known.
    has_watches: bool,

    owed: WriteQueue<AlertEntry>,
    notes: VecDeque<Note>,
    forget: Vec<Box<str>>,
    /// Services whose records are to be taken in.
    met: Vec<Meeting>,
    /// Services that nobody can judge.
    unheard: Unheard,
    /// Services that somebody else has spoken about, with their bus: the store's word is to be taken in.
    spoken: Vec<(Option<String>, String)>,
    /// More may be owed than was offered.
    has_more: bool,
    /// So it may since the turn began.
    has_news: bool,

    /// Writes are refused, and that was told.
    refusal: Option<Refusal>,
    /// What was refused when it was last tried, and since when nothing is.
    parts: HashSet<Part>,
    /// Written, and not published; the snapshots of what is not written.
    unpublished: VecDeque<Alert>,
    unshown: Vec<Health>,
    taken_since: Option<Mono>,
    /// Since when the server says that it does not do things yet.
    passing_since: Option<Mono>,
    /// The bus is a master that its replicas have left: nothing is said of services until it takes a write.
    cut_off: bool,

    refresh: Refresh,
    turns: Turns,
    /// Servers of the store met so far.
    servers: u64,
    buses: BusStates,
    /// Readers are told of the buses once a second.
    buses_due: bool,
    /// When their records are dropped again, while writes are refused.
    hide_due: Mono,
    /// A right for them is missing, and that was said.
    buses_denied: bool,
    /// When the rights are looked at next.
    rights_due: Mono,
    /// When what could not be published is published next.
    republish_due: Mono,
    /// Waiting for its turn to speak, it beats.
    beats_mute: bool,

    logged: u32,
    unlogged: u32,
}

impl Writer {
    /// The writer of a healer, at `now`: it stands by.
    pub fn new(encoder: AlertEncoder, now: Now) -> Writer {
        let terms = Terms {
            ttl: LEASE,
            renew: LEASE_RENEW,
        };
        Writer {
            lease: Lease::plain(HEALER_LEASE, &encoder.inst, terms),
            succession: Succession::new(&encoder.inst),
            encoder,
            now,
            out: Vec::new(),
            agenda: VecDeque::new(),
            asked: None,
            is_alone: false,
            joins: None,
            deaf: false,
            is_speaking: false,
            standing_by: false,
            patience: Patience::None,
            renew: now.mono,
            answers: true,
            away_since: None,
            barred: None,
            unreadable: false,
            must_seed: false,
            settles: false,
            has_watches: false,
            owed: WriteQueue::default(),
            notes: VecDeque::new(),
            forget: Vec::new(),
            met: Vec::new(),
            unheard: Unheard::default(),
            spoken: Vec::new(),
            has_more: true,
            has_news: false,
            refusal: None,
            parts: HashSet::new(),
            unpublished: VecDeque::new(),
            unshown: Vec::new(),
            taken_since: None,
            passing_since: None,
            cut_off: false,
            refresh: Refresh::default(),
            turns: Turns::default(),
            servers: 0,
            buses: BusStates::default(),
            buses_due: true,
            hide_due: now.mono,
            buses_denied: false,
            rights_due: now.mono,
            republish_due: now.mono,
            beats_mute: false,
            logged: 0,
            unlogged: 0,
        }
    }

    /// Takes in what happens at `now`; what is to be done, in order.
    pub fn step(&mut self, input: Input, now: Now) -> Vec<Command> {
        self.now = now;
        match input {
            Input::Tick => self.turn(false),
            Input::News => {
                self.has_news = true;
                self.turn(true);
            }
            Input::Reply(reply) => self.answered(*reply),
            other => {
                self.take(other);
                self.has_news = true;
            }
        }
        self.go();
        let out = std::mem::take(&mut self.out);
        debug_assert!(
            out.iter().rev().skip(1).all(|c| !c.is_question()),
            "a question is the last of what is to be done"
        );
        out
    }

    /// When it is to be told that time passed, if nothing else happens; in the past: at once.
    pub fn wake(&self) -> Mono {
        if !self.has_watches {
            return self.now.mono + FAR;
        }
        let idle_work = self.buses_due || (self.refresh.is_due() && self.may_refresh());
        let is_due = self.has_more || self.has_news;
        match is_due || (idle_work && self.is_speaking && self.answers) {
            true => Mono(0),
            false => self.renew,
        }
    }

    /// Whether this healer speaks.
    pub fn is_speaking(&self) -> bool {
        self.is_speaking
    }

    /// What is decided and not known to be written, oldest first.
    pub fn owed(&mut self, count: usize) -> &[AlertEntry] {
        self.owed.offer(count)
    }

    /// How many those are.
    pub fn owed_count(&self) -> usize {
        self.owed.len()
    }

    /// The lease, to be given back at the end.
    pub fn into_lease(self) -> Lease {
        self.lease
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Watched { is_new } => {
                self.has_watches = true;
                self.must_seed |= is_new;
                if is_new && !self.is_speaking {
                    // Whom truth names on a bus that is heard anew is not met one by one, and may be among these.
                    self.forget.clear();
                }
                self.out.push(Command::CutOff(self.cut_off));
            }
            Input::Met(meeting) => {
                // Whoever is back before it was forgotten keeps its record.
                let asked = match &mut self.asked {
                    Some(Asked::Forgotten(names)) => Some(names),
                    _ => None,
                };
                if asked.is_some() || !self.forget.is_empty() {
                    let back = meeting.names.iter().map(AsRef::as_ref);
                    let back: HashSet<&str> = back.collect();
                    for forget in asked.into_iter().chain([&mut self.forget]) {
                        forget.retain(|gone| !back.contains(&**gone));
                    }
                }
                self.met.push(meeting);
            }
            Input::Note(alert) => {
                if self.notes.len() == NOTES_MAX {
                    self.notes.pop_front();
                }
                self.notes.push_back(Note::new(*alert));
            }
            Input::Forget(names) => {
                self.forget.extend(names);
                let too_many = self.forget.len().saturating_sub(FORGET_MAX);
                self.forget.drain(..too_many);
            }
            Input::Unheard(unheard) => self.unheard = unheard,
            Input::Tick | Input::News | Input::Reply(_) => {}
        }
    }

    /// Asks; the answer is taken for one to this.
    fn ask(&mut self, asked: Asked, question: Command) {
        debug_assert!(self.asked.is_none() && question.is_question());
        debug_assert!(self.is_speaking || !question.is_fenced(), "{question:?}");
        self.asked = Some(asked);
        self.out.push(question);
    }

    fn say(&mut self, command: Command) {
        debug_assert!(!command.is_question());
        self.out.push(command);
    }

    /// These come next, in this order.
    fn next(&mut self, steps: impl IntoIterator<Item = Step, IntoIter: DoubleEndedIterator>) {
        for step in steps.into_iter().rev() {
            self.agenda.push_front(step);
        }
    }

    fn log(&mut self, level: Level, text: impl Into<String>) {
        self.say(Command::Log(level, text.into()));
    }

    fn log_alert(&mut self, alert: &Alert) {
        if self.logged == LOG_PER_SEC {
            self.unlogged += 1;
            return;
        }
        self.logged += 1;
        self.say(Command::LogAlert(Box::new(alert.clone())));
    }

    fn say_unlogged(&mut self) {
        self.logged = 0;
        let more = std::mem::take(&mut self.unlogged);
        if more > 0 {
            self.log(Level::Error, format!("{more} more alerts went out"));
        }
    }

    fn alert(&self, kind: AlertKind, subject: &str, number: &str) -> Alert {
        self.encoder
            .alert(kind, subject, self.now.wall_secs, number)
    }
}
