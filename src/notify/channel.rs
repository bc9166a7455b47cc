//! One way to people: a thread with its own connection, its own place in the log and its own memory.
//!
//! The loop reads the log, lets the [`Aggregator`] decide, stores what is to be sent together with the acknowledgement of
//! what it says, and only then sends it. A channel that hangs, fails or lies delays no other.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError};
use jiff::tz::TimeZone;

use super::aggregator::{Aggregator, Rules};
use super::config::{self, Target, Url};
use super::format::Format;
use super::inbox::Inbox;
use super::link::{link, only_service};
use super::message::write;
use super::notification::Ms;
use super::outbox::{Delivery, ENTRIES_MAX, Outbox, OutboxMessage, Settled};
use super::relay::Relay;
use super::retry::Answer;
use super::store::Store;
use super::transport::Transport;
use super::{Role, rendering};
use crate::bus::{Address, Backoff, LogOnce};
use crate::clock;
use crate::service::metrics::Metrics;
use crate::truth::Truth;

mod asks;
mod deafness;
mod numbers;
mod outcome;
mod peers;
mod refiring;
mod state_file;
mod steady_clock;
mod store_link;
mod write_behind;

use deafness::Deafness;
use numbers::Numbers;
pub use peers::Peers;
use refiring::Refiring;
use steady_clock::SteadyClock;
use write_behind::WriteBehindQueue;

/// The longest wait for new entries before everything else is looked at again.
const READ_MAX: Duration = Duration::from_millis(250);
/// While messages wait for a dead receiver, what was heard meanwhile is stored this often.
const ABSORB_MS: Ms = 500;
/// A message that could not be stored for this long is sent without: the bus is gone, and people must know.
const UNSTORED_MS: Ms = 1_000;
/// Steps of a send that may each take the time-out: connect, greet, encrypt, log in, hand over.
const SEND_STEPS: Ms = 6;

/// What a channel is made from.
pub struct Setup {
    /// In whose name it tells.
    pub role: Role,
    /// What truth or the environment says of it.
    pub channel: config::Channel,
    /// How it groups, repeats and reminds.
    pub rules: Rules,
    /// Where people reach the console.
    pub console: Option<Url>,
    /// `None` while it is not known: then nothing is said about services but what the log says.
    pub truth: Option<Arc<Truth>>,
    /// Where the alert log and its own memory are.
    pub bus: Address,
    /// The instance that tells.
    pub inst: String,
    /// The machine it runs on.
    pub host: String,
    /// Where it counts.
    pub metrics: Metrics,
    /// Hands it what it cannot read.
    pub relay: Relay,
    /// Its own inbox, for that.
    pub to_itself: Sender<Inbox>,
    /// Where is kept what the bus cannot note.
    pub state_dir: Option<PathBuf>,
    /// What the loop has for it.
    pub inbox: Receiver<Inbox>,
    /// Disconnected when the notifier stops; a word on it when truth names the channel no more.
    pub stop: Receiver<()>,
    /// The inboxes of the other channels.
    pub peers: Peers,
}

/// Where the connection stands.
enum StoreLink {
    /// No connection; the next attempt is due then.
    Away { next_try_ms: Ms },
    /// Another instance tells for this channel.
    Standby { next_look_ms: Ms },
    /// This instance reads the log.
    Held,
}

/// A channel at work.
pub struct Channel {
    role: Role,
    name: String,
    target: Target,
    rules: Rules,
    console: Option<Url>,
    truth: Option<Arc<Truth>>,
    zone: TimeZone,
    clock: SteadyClock,
    inbox: Receiver<Inbox>,
    stop: Receiver<()>,
    /// Truth names it no more.
    let_go: bool,
    peers: Peers,
    store: Store,
    transport: Transport,
    state_file: state_file::StateFile,
    aggregator: Aggregator,
    outbox: Outbox,
    numbers: Numbers,
    refiring: Refiring,
    owed: WriteBehindQueue,
    /// Entries heard since the last commit.
    unacknowledged: Vec<String>,
    link: StoreLink,
    backoff: Backoff,
    /// Whether alerts are handed to it that it cannot read.
    deafness: Deafness,
    /// Since when the bus cannot be read.
    away_since_ms: Option<Ms>,
    /// Writes are refused: tried again then.
    write_due_ms: Option<Ms>,
    write_backoff: Backoff,
    /// Whether what Redis held was taken over once.
    loaded: bool,
    next_hold_ms: Ms,
    next_silence_ms: Ms,
    next_absorb_ms: Ms,
    next_ask_ms: Ms,
    /// The receiver could not be reached since then, and can now.
    digest_since_ms: Option<Ms>,
    /// The other channels were told that this one fails.
    noted: bool,
    /// What the receiver last said no with, so that it is logged once.
    said: String,
    /// The trouble with the bus, likewise.
    outage: LogOnce,
}

impl Channel {
    /// One that has not connected yet.
    pub fn new(setup: Setup) -> Result<Channel, String> {
        let transport = Transport::new(&setup.channel, &setup.host)?;
        let clock = SteadyClock::new();
        let now_ms = clock.now_ms();
        let name = setup.channel.name;
        let numbers = Numbers::new(&setup.metrics, &name);
        let store = Store::new(setup.bus, setup.role.as_str(), &name, &setup.inst);
        let state_file = state_file::StateFile::new(setup.state_dir, store.group());
        let mut channel = Channel {
            role: setup.role,
            target: setup.channel.target,
            rules: setup.rules,
            console: setup.console,
            truth: setup.truth,
            zone: TimeZone::system(),
            clock,
            inbox: setup.inbox,
            stop: setup.stop,
            let_go: false,
            peers: setup.peers,
            transport,
            state_file,
            numbers,
            aggregator: Aggregator::new(setup.rules, now_ms),
            outbox: Outbox::default(),
            refiring: Refiring::new(now_ms),
            owed: WriteBehindQueue::default(),
            unacknowledged: Vec::new(),
            link: StoreLink::Away { next_try_ms: 0 },
            backoff: Backoff::bus(),
            deafness: Deafness::new(setup.relay, setup.to_itself),
            away_since_ms: None,
            write_due_ms: None,
            write_backoff: Backoff::bus(),
            loaded: false,
            next_hold_ms: 0,
            next_silence_ms: 0,
            next_absorb_ms: 0,
            next_ask_ms: 0,
            digest_since_ms: None,
            noted: false,
            said: String::new(),
            outage: LogOnce::default(),
            name,
            store,
        };
        channel.remember(now_ms);
        channel.adopt_truth(now_ms);
        Ok(channel)
    }

    /// Works until the notifier stops.
    pub fn run(mut self) {
        loop {
            self.follow_clock();
            if !self.empty_inbox() {
                self.flush();
                if self.let_go {
                    self.say_let_go();
                }
                return self.release();
            }
            self.follow_bus();
            self.compose();
            self.flush();
            self.deliver();
            self.heed_asks();
            self.refire();
            self.note_long_failure();
            if !matches!(self.link, StoreLink::Held) || self.is_full() {
                self.wait_inbox();
            }
        }
    }

    /// Takes everything that waits; false when the notifier stops.
    fn empty_inbox(&mut self) -> bool {
        while let Ok(item) = self.inbox.try_recv() {
            self.take(item);
        }
        let stop = self.stop.try_recv();
        self.let_go |= stop.is_ok();
        !self.let_go && stop != Err(TryRecvError::Disconnected)
    }

    /// Without a bus, the inbox is what there is to wait for.
    fn wait_inbox(&mut self) {
        let wait = millis(self.next_event_ms() - self.clock.now_ms());
        crossbeam_channel::select! {
            recv(self.inbox) -> item => if let Ok(item) = item { self.take(item) },
            recv(self.stop) -> word => self.let_go |= word.is_ok(),
            default(wait) => {}
        }
    }

    fn take(&mut self, item: Inbox) {
        let now_ms = self.clock.now_ms();
        match item {
            Inbox::Alert(alert) => self.aggregator.hear_out_of_band(now_ms, *alert),
            Inbox::Note(text) => self.aggregator.note(now_ms, text),
            Inbox::Truth(truth, address) => {
                self.truth = Some(truth);
                self.store.set_address(*address);
                self.adopt_truth(now_ms);
            }
        }
    }

    fn adopt_truth(&mut self, now_ms: Ms) {
        let Some(truth) = self.truth.clone().filter(|_| self.role == Role::Healer) else {
            return;
        };
        let depends_on = truth.services().filter_map(|service| {
            let on: Vec<String> = service.depends_on().map(str::to_owned).collect();
            (!on.is_empty()).then(|| (service.name().to_owned(), on))
        });
        let watched = |svc: &str| truth.service(svc).is_some_and(|s| s.is_watched());
        self.aggregator.set_world(now_ms, depends_on, watched);
    }

    fn is_watched(&self, svc: &str) -> bool {
        let Some(truth) = &self.truth else {
            return true;
        };
        truth.service(svc).is_some_and(|s| s.is_watched())
    }

    /// When something is due, at the latest in a second.
    fn next_event_ms(&self) -> Ms {
        let now_ms = self.clock.now_ms();
        let link = match self.link {
            StoreLink::Away { next_try_ms } => Some(next_try_ms),
            StoreLink::Standby { next_look_ms } => Some(next_look_ms),
            StoreLink::Held => None,
        };
        let news = self
            .aggregator
            .next_wake()
            .filter(|_| !self.outbox.is_held());
        let send = self
            .outbox
            .next_due_ms()
            .filter(|_| self.may_deliver(now_ms));
        let all = [link, news, send, Some(now_ms + 1_000)];
        all.into_iter().flatten().min().unwrap_or(now_ms)
    }

    /// Lets the aggregator speak when the last message was taken, and owes the store what changed.
    fn compose(&mut self) {
        let now_ms = self.clock.now_ms();
        let held = self.outbox.is_held();
        let mut spoke = false;
        if !held && self.aggregator.next_wake().is_some_and(|at| at <= now_ms) {
            let id = format!("msg_{:032x}", fastrand::u128(..));
            let digest = self.digest_since_ms.take();
            if let Some(mut notification) = self.aggregator.compose(now_ms, digest, &id) {
                let service = only_service(&notification).zip(self.truth.as_ref());
                let service = service.and_then(|(svc, truth)| truth.service(svc));
                notification.runbook = service.and_then(|s| s.runbook()).map(str::to_owned);
                notification.link = self.console.as_ref().map(|url| link(url, &notification));
                log::info!("channel {}: {}", self.name, rendering::title(&notification));
                let mut message = write(&self.target, &notification, id.clone(), &self.zone);
                let entries = self.unacknowledged.iter().take(ENTRIES_MAX);
                message.entries = entries.cloned().collect();
                message.more_entries = self.unacknowledged.len().saturating_sub(ENTRIES_MAX);
                let dead = self.outbox.push(message, now_ms);
                self.owed.dead(dead);
                self.owed.put(&id);
                spoke = true;
            } else {
                self.digest_since_ms = digest;
            }
        }
        let due = spoke || !self.aggregator.has_news() || now_ms >= self.next_absorb_ms;
        if due && (self.aggregator.is_changed() || !self.unacknowledged.is_empty()) {
            self.next_absorb_ms = now_ms + if held { ABSORB_MS } else { 10 * ABSORB_MS };
            let changes = self.aggregator.take_changes();
            self.owed.changes(changes, &mut self.unacknowledged);
        }
    }

    /// Whether messages may go out: those that are stored, or all when nothing can be stored.
    fn may_deliver(&self, now_ms: Ms) -> bool {
        self.owed
            .unstored_since_ms()
            .is_none_or(|since| now_ms - since >= UNSTORED_MS)
    }

    /// Makes one attempt at the delivery that is due.
    fn deliver(&mut self) {
        let now_ms = self.clock.now_ms();
        if !self.may_deliver(now_ms) {
            return;
        }
        let Some((message, delivery)) = self.outbox.due(now_ms) else {
            return;
        };
        let (message, delivery) = (message.clone(), delivery.clone());
        self.hold_while_sending();
        let answer = self.transport.deliver(&message, &delivery, now_ms);
        let now_ms = self.clock.now_ms();
        let settled = self.outbox.settle(
            &message.id,
            &delivery.to,
            &answer,
            now_ms,
            fastrand::u64(..),
        );
        match self.outbox.get(&message.id) {
            Some(_) => self.owed.put(&message.id),
            None => self.owed.delete(&message.id),
        }
        match &settled {
            Some(Settled::Done { .. }) => self.numbers.sent.add(1),
            Some(_) => self.numbers.failed.add(1),
            None => {}
        }
        match settled {
            Some(Settled::Done { unreachable_since }) => self.delivered(now_ms, unreachable_since),
            Some(Settled::Later { at_ms }) => self.failed(&answer, &delivery, now_ms, at_ms),
            Some(Settled::Probably) => self.probably_taken(&message.title, &delivery),
            Some(Settled::Dead(letter)) => {
                let to = recipient(&letter.to);
                log::error!(
                    "channel {}: message {}{to} is given up and kept in healer:dead:{}: {}",
                    self.name,
                    letter.message.id,
                    self.name,
                    letter.reason
                );
                self.note_failure(&format!("{to}: {}", letter.reason));
                self.owed.dead(vec![*letter]);
            }
            None => {}
        }
        self.flush();
    }

    /// Posts what fires again, where the receiver would forget it. Nothing of it is kept: the next minute brings it anew.
    fn refire(&mut self) {
        let forgets =
            matches!(&self.target, Target::Webhook(w) if w.format == Format::Alertmanager);
        let now_ms = self.clock.now_ms();
        // What waits to be sent says more, and says it first.
        let is_busy = self.outbox.next_due_ms().is_some();
        if !forgets
            || is_busy
            || !matches!(self.link, StoreLink::Held)
            || !self.refiring.is_due(now_ms)
        {
            return;
        }
        let Some(post) = self.refiring.post(now_ms, self.aggregator.firing()) else {
            return;
        };
        let message = OutboxMessage {
            id: format!("msg_{:032x}", fastrand::u128(..)),
            made_ms: now_ms,
            body: post.body.clone(),
            content_type: "application/json".to_owned(),
            ..OutboxMessage::default()
        };
        self.hold_while_sending();
        let answer = self
            .transport
            .deliver(&message, &Delivery::default(), now_ms);
        let taken = matches!(answer, Answer::Done(_));
        if !taken {
            log::debug!("channel {}: {}", self.name, answer.reason());
        }
        self.refiring.posted(post, self.clock.now_ms(), taken);
    }

    fn say_let_go(&self) {
        let messages = self.outbox.messages().count();
        let untold = self.unacknowledged.len();
        if messages + untold == 0 {
            log::info!("channel {}: truth names it no more", self.name);
            return;
        }
        log::warn!(
            "channel {}: truth names it no more; {messages} messages on their way and {untold} alerts that wait stay in \
             Redis, and go out when truth names it again",
            self.name
        );
    }
}

impl Target {
    /// The longest that one attempt takes, more or less.
    fn longest_send_ms(&self) -> Ms {
        match self {
            Target::Webhook(webhook) => webhook.timeout.as_millis() as Ms,
            Target::Email(email) => SEND_STEPS * email.timeout.as_millis() as Ms,
        }
    }
}

fn millis(ms: Ms) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

fn recipient(to: &str) -> String {
    if to.is_empty() {
        String::new()
    } else {
        format!(" to {to}")
    }
}
