//! The state of the judgement of one bus, and what comes in from its edge.

use std::collections::HashMap;
use std::time::Duration;

use super::cold_fields::ColdFields;
use super::link_prober::{LinkProber, ProbeOutcome};
use super::output::{AlertRef, Change, Echo, Matter, Output, Snapshot, Transition};
use super::pending::{Evaluation, Subscriptions};
use super::service_table::ServiceTable;
use super::slot::{Flags, State};
use super::uncertainty::Unjudged;
use crate::clock::{Mono, Now};
use crate::contract::Status;
use crate::flap::FlapDetector;
use crate::text::SafeText;
use crate::watch::wheel::Wheel;

/// What may flap: a service, in one of two respects.
pub(super) type Flappable = (u32, Matter);

/// A loop that wakes so much later than it meant to has stood still.
const CLOCK_GAP: Duration = Duration::from_secs(1);
/// To connect, log in and ask takes so many round trips of a loop that waits for them itself.
const ASKING_TRIPS: u32 = 6;

/// A wait that is shorter hides nothing from anybody.
const BUSY_FROM: Duration = Duration::from_millis(50);

/// All watched services of one bus.
#[derive(Debug)]
pub struct Detector {
    pub(super) table: ServiceTable,
    pub(super) wheel: Wheel,
    pub(super) prober: LinkProber,
    pub(super) cold_fields: HashMap<u32, ColdFields>,
    /// What services say that they are, other than plainly up. Invariant: of those with [`Flags::WORDED`], and of no
    /// others.
    pub(super) words: HashMap<u32, Box<str>>,
    pub(super) flaps: FlapDetector<Flappable>,
    pub(super) evaluation: Evaluation,
    pub(super) subscriptions: Subscriptions,
    /// The last beat of any service.
    pub(super) last_beat: Mono,
    /// Number of the last alert.
    pub(super) alerts: u32,
    pub(super) counts: Counts,
    pub(super) out: Vec<Output>,
    pub(super) transitions: Vec<Transition>,
    /// When the loop meant to wake.
    pub(super) promised: Mono,
}

/// What was heard since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Beats of the services that are watched.
    pub beats: u64,
    /// Payloads that were no beat of the channel's service.
    pub malformed: u64,
    /// Messages on channels that belong to no service.
    pub unroutable: u64,
    /// Uncertainties that arose.
    pub doubts: u64,
}

impl Detector {
    /// A detector for a bus that was not heard of yet.
    pub fn new(now: Mono) -> Detector {
        Detector {
            table: ServiceTable::default(),
            wheel: Wheel::default(),
            prober: LinkProber::new(now),
            cold_fields: HashMap::new(),
            words: HashMap::new(),
            flaps: FlapDetector::default(),
            evaluation: Evaluation::default(),
            subscriptions: Subscriptions::default(),
            last_beat: Mono(0),
            alerts: 0,
            counts: Counts::default(),
            out: Vec::new(),
            transitions: Vec::new(),
            promised: Mono(u64::MAX),
        }
    }

    /// Number of services.
    pub fn services(&self) -> usize {
        self.table.len()
    }

    /// Places in the table of services, vacant ones too: what [`Detector::refresh`] looks at in one turn.
    pub fn slots(&self) -> u32 {
        self.table.slots()
    }

    /// What was heard so far.
    pub fn counts(&self) -> Counts {
        Counts {
            doubts: self.prober.doubts_so_far(),
            ..self.counts
        }
    }

    /// The slowest that an echo was lately, while silences can be judged by them.
    pub fn slowest_echo(&self) -> Option<Duration> {
        self.prober.can_judge().then(|| self.prober.slowest())
    }

    /// Whether nothing on this bus can be judged at `now`: since when, and why. `None` when silences are judged as usual.
    /// One trouble with the link that is over is none, though everybody still has time to be heard.
    pub fn unjudged(&self, now: Mono) -> Option<Unjudged> {
        let unjudged = self.prober.unjudged();
        unjudged.filter(|unjudged| unjudged.since < now)
    }

    /// An echo that is to be sent now, if there is one more.
    pub fn take_echo(&mut self) -> Option<Echo> {
        self.prober.take_echo()
    }

    /// Echo `seq` cannot be sent before a connection is made: until [`echo_goes`](Detector::echo_goes), its time does not
    /// run.
    pub fn echo_waits(&mut self, seq: u64) {
        self.prober.echo_waits(seq);
    }

    /// Echo `seq` goes out only now; whether it is still wanted.
    pub fn echo_goes(&mut self, seq: u64, now: Now) -> bool {
        self.prober.echo_goes(seq, now.mono)
    }

    /// Whether the loop shall look at this detector at once.
    pub fn wants_attention(&self) -> bool {
        self.prober.has_echo()
            || !self.out.is_empty()
            || !self.transitions.is_empty()
            || self.next_wakeup() < self.promised
    }

    /// Moves what is to be done and told about the bus to the end of `into`.
    pub fn take_outputs(&mut self, into: &mut Vec<Output>) {
        into.append(&mut self.out);
    }

    /// Whether there is something to be told about services.
    pub fn has_transitions(&self) -> bool {
        !self.transitions.is_empty()
    }

    /// Moves what is to be told about services to the end of `into`, in the order in which it was decided. For whoever
    /// owns the detector, with each call that changes it: see [`Handover`](crate::watch::handover::Handover).
    pub fn take_transitions(&mut self, into: &mut Vec<Transition>) {
        into.append(&mut self.transitions);
    }

    /// Something came over the link: the bus talks, even if no echo came back yet.
    pub fn activity(&mut self, now: Mono) {
        self.prober.activity(now);
    }

    /// The link broke. Nothing is judged until it is proven again.
    pub fn link_lost(&mut self, now: Now) {
        self.prober.lost();
        self.unconfirm();
        self.abort(now.mono);
    }

    /// Whether the server takes no writes for want of its replicas. Then they, and everybody else, may be elsewhere:
    /// nothing is judged here until it takes one.
    pub fn set_cut_off(&mut self, is_cut_off: bool, now: Now) {
        if self.prober.set_cut_off(is_cut_off) == ProbeOutcome::Uncertain {
            self.abort(now.mono);
        }
    }

    /// The subscription is proven: from here on, what was confirmed owes its beats.
    pub fn proven(&mut self, now: Now) {
        self.arm_confirmed(now);
        self.prober.proven(now.mono);
    }

    /// Echo `seq` came back through the link. `room`: as for [`tick`](Detector::tick).
    pub fn echo_returned(&mut self, seq: u64, now: Now, room: usize) {
        match self.prober.returned(seq, now.mono, &mut self.out) {
            ProbeOutcome::Nothing => {}
            ProbeOutcome::Judge { began } => self.condemn_round(began),
            ProbeOutcome::Uncertain => self.abort(now.mono),
        }
        self.tell(now, room);
        self.advance(now);
    }

    /// Time has passed: call it when [`next_wakeup`](Detector::next_wakeup) says so, or earlier.
    ///
    /// The writer has `room` for so many transitions. Deaths that do not fit stay inside: the newest round is told first,
    /// and a late beat still takes back what is not told.
    pub fn tick(&mut self, now: Now, room: usize) {
        if now.mono > self.promised + CLOCK_GAP {
            self.prober.gap(now.mono);
            self.abort(now.mono);
        }
        self.tell(now, room);
        // Before the idle echo, which would only be in the way of the round.
        self.advance(now);
        let grace = self.subscriptions.shortest_grace();
        if self.prober.tick(now.mono, grace, &mut self.out) == ProbeOutcome::Uncertain {
            self.abort(now.mono);
        }
        self.tell_steady(now);
        self.promised = self.next_wakeup().max(now.mono);
        self.assert_invariants();
    }

    /// The loop waited for a bus itself, from `began` until now, and read nothing meanwhile. As long as that took no
    /// longer than asking takes on this link, it did not stand still.
    pub fn was_busy(&mut self, began: Mono, now: Now) {
        let busy = now.mono.since(began);
        let usual = self.prober.slowest() * ASKING_TRIPS + CLOCK_GAP;
        if busy >= BUSY_FROM && busy <= usual {
            self.prober.not_seen();
            self.promised = self.promised.max(now.mono);
        }
    }

    /// Whether an echo is under way, or is to be sent: how long it takes is measured.
    pub fn awaits_echo(&self) -> bool {
        !self.prober.is_quiet()
    }

    /// When [`tick`](Detector::tick) has something to do; that may be at once.
    pub fn next_wakeup(&self) -> Mono {
        if self.evaluation.has_undelivered() {
            return Mono(0);
        }
        let next = self.wheel.next_deadline();
        let evaluation = self.evaluation.wakeup(next, self.prober.free_at());
        let others = [evaluation, self.next_steady()];
        let prober = self.prober.next_wakeup();
        others.into_iter().flatten().fold(prober, Mono::min)
    }

    /// The bus was told to be down before the restart of this process: it is not told again.
    pub fn restore_bus_down(&mut self, since: Mono) {
        self.prober.restore_down(since);
    }

    /// The service at `index` as it stands.
    pub(super) fn snapshot(&self, index: u32) -> Snapshot {
        let slot = self.table.slot(index);
        // Of which of them that would be, nobody knows.
        let several = slot.flags.has(Flags::SEVERAL);
        Snapshot {
            svc: self.table.name(index).into(),
            status: self.status(index),
            since_ts: i64::from(slot.since_ts),
            heard_at: slot.flags.has(Flags::HEARD).then_some(slot.heard_at),
            last_i: (slot.last_i > 0 && !several).then_some(slot.last_i),
            timeout: Duration::from_millis(slot.timeout_ms.into()),
            misses: slot.misses,
            restarts: if several { 0 } else { slot.restarts },
            refused: slot.flags.has(Flags::REFUSED),
            reason: self.reason(index),
            word: self.word(index),
            flapping: self.flapping(index),
        }
    }

    pub(super) fn reason(&self, index: u32) -> Option<SafeText> {
        let degraded = self.table.slot(index).flags.has(Flags::DEGRADED);
        let fields = self.cold_fields.get(&index).filter(|_| degraded)?;
        fields.reason.clone()
    }

    /// What it said last that it is, while that counts.
    fn word(&self, index: u32) -> Option<Box<str>> {
        let is_up = self.status(index) == Status::Up;
        self.words.get(&index).filter(|_| is_up).cloned()
    }

    pub(super) fn status(&self, index: u32) -> Status {
        let slot = self.table.slot(index);
        match slot.state {
            State::Down => Status::Down,
            _ if slot.flags.has(Flags::REFUSED) => Status::Unknown,
            State::Up if slot.flags.has(Flags::DEGRADED) => Status::Degraded,
            State::Up => Status::Up,
            State::Vacant | State::Unproven | State::Waiting => Status::Unknown,
        }
    }

    /// Tells a change of a service; with an alert, unless only its health key shows it.
    pub(super) fn emit(&mut self, index: u32, change: Change, now: Now) {
        let is_alert = !matches!(change, Change::Unwatched | Change::Watched);
        let (previous, alert) = if is_alert {
            self.alerts += 1;
            (self.follow(index, self.alerts), Some(self.alerts))
        } else {
            (AlertRef::None, None)
        };
        // Before the swing is noted: what the store has of this change says nothing of what is told after it.
        let service = self.snapshot(index);
        let because = self.swing(index, &change, now);
        self.transitions.push(Transition {
            change,
            service,
            at: now.mono,
            ts: now.wall_secs,
            previous,
            alert,
        });
        if let Some(because) = because {
            self.emit(index, because, now);
        }
    }

    /// Makes `alert` the last one of a service; returns the one before.
    pub(super) fn follow(&mut self, index: u32, alert: u32) -> AlertRef {
        let slot = self.table.slot_mut(index);
        let before = std::mem::replace(&mut slot.alert, alert);
        if slot.flags.take(Flags::FOREIGN) {
            let fields = self.cold_fields.get_mut(&index);
            let id = fields.and_then(|fields| fields.foreign_alert.take());
            return id.map_or(AlertRef::None, AlertRef::Foreign);
        }
        match before {
            0 => AlertRef::None,
            number => AlertRef::Own(number),
        }
    }

    pub(super) fn cold_fields(&mut self, index: u32) -> &mut ColdFields {
        self.cold_fields.entry(index).or_default()
    }
}
