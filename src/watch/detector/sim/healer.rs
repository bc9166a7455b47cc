//! A healer's edges, played: link, echoes, lease, ledger; and the process that crashes and stands still.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::super::{AlertRef, Change, Detector, Output, Record, Spec, Transition, Watched};
use super::redis::{Answer, Client, Command, Deed, Said, Store};
use super::truth::{Watching, channel, inst, name, number_of};
use crate::bus::lease::Standing;
use crate::clock::{Mono, Now};
use crate::watch::write_queue::WriteQueue;

/// Deaths that are told before the first is answered.
const TOLD_AT_ONCE: usize = 2;
/// Of them, so many are offered to the store at once.
const OFFERED_AT_ONCE: usize = 3;
/// When no more may be told, that is looked at again after this.
const ROOM_WAIT: Duration = Duration::from_millis(5);

/// Something that reaches a healer; while it stands still, it waits.
#[derive(Clone, Debug)]
pub enum Input {
    Frame {
        link: u32,
        channel: usize,
        payload: String,
    },
    Echo {
        link: u32,
        seq: u64,
    },
    Proven {
        link: u32,
        channels: Vec<usize>,
    },
    LinkLost {
        link: u32,
    },
    Checked,
    Lease(Standing),
    Answer {
        connection: u32,
        answers: Vec<Answer>,
    },
    /// The loop's timer.
    Wake,
    Truth,
}

#[derive(Debug)]
pub struct Healer {
    pub number: usize,
    pub boot: u32,
    pub alive: bool,
    pub stopped: bool,
    pub inbox: VecDeque<Input>,
    pub detector: Detector,
    /// The link in use; zero while there is none.
    pub link: u32,
    /// Channels subscribed on it.
    pub heard: BTreeSet<usize>,
    /// What goes out over a connection stays in order: the time at which the last of it arrives.
    pub arrivals: BTreeMap<Client, u64>,
    /// What comes back over another connection than the link, likewise.
    pub replied: u64,
    /// It looks fine and brings nothing.
    pub half_open: bool,
    /// Nothing may overtake on the way to the healer: the time of the last delivery.
    pub delivered: u64,
    pub speaking: bool,
    /// The last attempt at the lease is not answered yet.
    asked_lease: bool,
    asked_lease_at: u64,
    /// An attempt was never answered: it may have taken the lease.
    lease_unsure: bool,
    pub connection: u32,
    /// That connection is gone: what was told over it and not answered comes first on the next.
    pub connection_lost: bool,
    /// Decided, and not known to be written.
    queue: WriteQueue<Deed>,
    /// When the oldest of it were offered to the store, while that is not answered.
    offered_at: Option<u64>,
    /// Number of the timer that counts; the others are void.
    pub timer: u64,
}

/// What a healer wants of the world after an input.
#[derive(Debug)]
pub enum Wish {
    Send(Client, Command),
    Reconnect,
    Connect,
}

impl Healer {
    pub fn new(number: usize) -> Healer {
        Healer {
            number,
            boot: 0,
            alive: false,
            stopped: false,
            inbox: VecDeque::new(),
            detector: Detector::new(Mono(0)),
            link: 0,
            heard: BTreeSet::new(),
            arrivals: BTreeMap::new(),
            replied: 0,
            half_open: false,
            delivered: 0,
            speaking: false,
            asked_lease: false,
            asked_lease_at: 0,
            lease_unsure: false,
            connection: 0,
            connection_lost: false,
            queue: WriteQueue::default(),
            offered_at: None,
            timer: 0,
        }
    }

    pub fn inst(&self) -> String {
        inst(self.number, self.boot)
    }

    /// Starts the process.
    pub fn start(&mut self, now: Now, truth: &[Watching]) {
        *self = Healer {
            boot: self.boot + 1,
            alive: true,
            timer: self.timer,
            detector: Detector::new(now.mono),
            ..Healer::new(self.number)
        };
        self.read_truth(now.mono, truth, &mut Vec::new());
    }

    /// Watches whom `truth` names; what is to be subscribed and let go of is added to `wishes`, as for a subscriber.
    fn read_truth(&mut self, now: Mono, truth: &[Watching], wishes: &mut Vec<Wish>) {
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        self.detector.begin_reload(now);
        for (svc, watching) in truth.iter().enumerate().filter(|(_, w)| w.watched) {
            let watched = self.detector.watch(&Spec {
                svc: &name(svc),
                channel: &channel(watching.channel),
                timeout_ms: watching.timeout_ms,
                interval_ms: watching.interval_ms,
            });
            if let Watched::Moved { from } = &watched {
                removed.extend(from.iter().map(|from| number_of(from)));
            }
            if watched != Watched::Already {
                added.push(watching.channel);
            }
        }
        let mut dropped = Vec::new();
        while !self.detector.sweep(3, &mut dropped) {}
        // What was told and not answered is asked for again before a record is forgotten, not after. What is on its way is
        // answered for nothing then.
        let is_dropped = |deed: &Deed| dropped.iter().any(|gone| *gone.svc == *name(deed.svc));
        if self.queue.iter().any(is_dropped) {
            self.offer_again();
            self.queue.retain(|deed| !is_dropped(deed));
        }
        let left = dropped
            .iter()
            .filter_map(|service| service.channel.as_deref());
        removed.extend(left.map(number_of));
        removed.retain(|&old| !self.detector.has_channel(channel(old).as_bytes()));
        if self.link != 0 {
            let link = self.link;
            let command = Command::Subscribe {
                link,
                added,
                removed,
            };
            wishes.push(Wish::Send(self.link_client(), command));
        }
    }

    /// Every channel that is to be subscribed.
    pub fn channels(&self) -> BTreeSet<usize> {
        let mut channels = BTreeSet::new();
        self.detector.channels(0, |channel| {
            channels.insert(number_of(channel));
            true
        });
        channels
    }

    /// Takes one input; what follows from it is added to `wishes`.
    pub fn take(
        &mut self,
        input: Input,
        now: Now,
        store: &Store,
        truth: &[Watching],
        wishes: &mut Vec<Wish>,
    ) {
        match input {
            Input::Frame {
                link,
                channel: from,
                payload,
            } if link == self.link => {
                self.detector.sign(now.mono);
                self.detector
                    .frame(channel(from).as_bytes(), payload.as_bytes(), now);
            }
            Input::Echo { link, seq } if link == self.link => {
                self.detector.sign(now.mono);
                self.detector.echo_returned(seq, now, self.room());
            }
            Input::Proven { link, channels } if link == self.link => {
                for confirmed in channels {
                    self.detector.confirmed(channel(confirmed).as_bytes(), now);
                }
                self.detector.proven(now);
            }
            Input::LinkLost { link } if link == self.link => {
                self.link = 0;
                self.detector.link_lost(now);
                wishes.push(Wish::Connect);
            }
            Input::Checked => self.detector.server_checked(now),
            Input::Lease(lease) => {
                self.asked_lease = false;
                let unsure = std::mem::take(&mut self.lease_unsure);
                match lease {
                    Standing::Others => self.speaking = false,
                    Standing::Kept if self.speaking && !unsure => {}
                    Standing::Kept | Standing::Taken => self.take_over(now, store, truth),
                }
            }
            Input::Answer {
                connection,
                answers,
            } if connection == self.connection => {
                self.answered(answers, now, store);
            }
            Input::Wake => self.detector.tick(now, self.room()),
            Input::Truth => self.read_truth(now.mono, truth, wishes),
            // Of a link or connection that is gone.
            Input::Frame { .. }
            | Input::Echo { .. }
            | Input::Proven { .. }
            | Input::LinkLost { .. }
            | Input::Answer { .. } => {}
        }
        self.act(now, wishes);
    }

    /// How many deaths it may tell: few, so that some have to wait.
    fn room(&self) -> usize {
        TOLD_AT_ONCE.saturating_sub(self.queue.len())
    }

    /// When the loop is to look at the detector again; not at once while deaths wait for room.
    pub fn wakes_at(&self, now: Mono) -> Mono {
        let wake = self.detector.next_wakeup().min(self.detector.promised);
        match self.room() {
            0 => wake.max(now + ROOM_WAIT),
            _ => wake,
        }
    }

    fn act(&mut self, now: Now, wishes: &mut Vec<Wish>) {
        while let Some(echo) = self.detector.take_echo() {
            let command = Command::Echo {
                link: self.link,
                seq: echo.seq,
            };
            wishes.push(Wish::Send(self.echo_client(), command));
        }
        let mut outputs = Vec::new();
        self.detector.take_outputs(&mut outputs);
        for output in outputs {
            match output {
                Output::Reconnect => wishes.push(Wish::Reconnect),
                Output::CheckServer => wishes.push(Wish::Send(self.echo_client(), Command::Check)),
                Output::Bus(_) | Output::Malformed { .. } => {}
            }
        }
        let mut transitions = Vec::new();
        self.detector.take_transitions(&mut transitions);
        if !self.speaking {
            return;
        }
        if !transitions.is_empty() && self.connection_lost {
            self.offer_again();
        }
        for transition in transitions {
            if let Some(deed) = self.deed(&transition) {
                self.queue.push(deed);
            }
        }
        self.offer(now.mono.0, wishes);
    }

    /// Offers the store the oldest of what waits, unless it is yet to answer about some.
    fn offer(&mut self, now: u64, wishes: &mut Vec<Wish>) {
        if self.offered_at.is_none() && !self.queue.is_empty() {
            self.offered_at = Some(now);
            let deeds = self.queue.offer(OFFERED_AT_ONCE).to_vec();
            wishes.push(Wish::Send(self.tell_client(), Command::Tell(deeds)));
        }
    }

    /// Each second: renews the lease, and asks again for what was not answered.
    pub fn renew(&mut self, now: u64, wishes: &mut Vec<Wish>) {
        if self.offered_at.is_some_and(|at| now > at + 2_000_000) {
            self.offer_again();
            self.offer(now, wishes);
        }
        if self.asked_lease && now < self.asked_lease_at + 1_500_000 {
            // The answer is waited for.
            return;
        }
        self.asked_lease_at = now;
        self.lease_unsure |= std::mem::replace(&mut self.asked_lease, true);
        wishes.push(Wish::Send(self.tell_client(), Command::Hold));
    }

    /// What was offered and not answered is to be offered again, over a new connection.
    fn offer_again(&mut self) {
        self.connection += 1;
        self.connection_lost = false;
        self.offered_at = None;
    }

    fn take_over(&mut self, now: Now, store: &Store, truth: &[Watching]) {
        // What was judged so far is in the detector's state, and compared with the store here.
        self.detector.take_transitions(&mut Vec::new());
        if !std::mem::replace(&mut self.speaking, true) {
            self.queue.clear();
            self.offer_again();
        }
        // What is on its way over a far bus was told after the lease was asked for: the store compares it, and its answer
        // says what to take in. A healer tells nothing between the two.
        let told: BTreeSet<usize> = self.queue.iter().map(|deed| deed.svc).collect();
        let watched = (0..truth.len()).filter(|svc| truth[*svc].watched);
        for svc in watched.filter(|svc| !told.contains(svc)) {
            self.seed(svc, now, store);
        }
    }

    fn seed(&mut self, svc: usize, now: Now, store: &Store) {
        let found = store.health.get(&svc);
        let record = Record {
            status: found.map(|deed| deed.status),
            alert_id: found.map(|deed| deed.id.as_str()),
            flapping: found.map_or_else(Vec::new, |deed| deed.flapping.clone()),
            ..Record::default()
        };
        self.detector.seed(&name(svc), &record, now);
    }

    fn answered(&mut self, answers: Vec<Answer>, now: Now, store: &Store) {
        self.offered_at = None;
        let answered = self.queue.answered(answers);
        for deed in answered.conflicting {
            self.seed(deed.svc, now, store);
        }
        if answered.stopped.is_some() {
            self.speaking = false;
            self.queue.clear();
        }
    }

    fn deed(&self, transition: &Transition) -> Option<Deed> {
        let id = |number: u32| format!("{}-{number}", self.inst());
        Some(Deed {
            svc: transition.service.svc.strip_prefix('s')?.parse().ok()?,
            previous: match &transition.previous {
                AlertRef::None => String::new(),
                AlertRef::Own(number) => id(*number),
                AlertRef::Foreign(id) => id.to_string(),
            },
            id: id(transition.alert?),
            said: match transition.change {
                Change::Missed { .. } => Said::Missed,
                Change::Recovered { .. } => Said::Ok,
                Change::Flapping(_) => Said::Flapping,
                Change::Steady(_) => Said::Steady,
                _ => Said::Other,
            },
            status: transition.service.status,
            flapping: transition.service.flapping.clone(),
            judged_at: transition.at.0,
        })
    }

    pub fn echo_client(&self) -> Client {
        Client::Echo {
            healer: self.number,
            boot: self.boot,
        }
    }

    pub fn link_client(&self) -> Client {
        Client::Link {
            healer: self.number,
            boot: self.boot,
            link: self.link,
        }
    }

    pub fn tell_client(&self) -> Client {
        Client::Tell {
            healer: self.number,
            boot: self.boot,
            connection: self.connection,
        }
    }
}
