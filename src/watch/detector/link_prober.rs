//! Is the bus talking? Echoes out, echoes back, and what may be concluded from them.
//!
//! A silence may be judged only after a *round*: three echoes came back, each sent after the one before it returned, the
//! first after the deadline. Redis keeps the order of each client's output, so whatever a socket, the kernel or a
//! stalled process still held was counted before. One would not do: after a stall, Redis may serve our PUBLISH before
//! beats that others wrote earlier.
//!
//! Rounds overlap, up to [`ROUNDS_MAX`]: over a far bus, who dies during another's round does not wait for its end. They
//! begin apart from one another, so that many deaths in a row do not use all of them up at once.

use std::collections::VecDeque;
use std::time::Duration;

use super::output::{BusNews, Echo, Output};
use super::round_trip::{CHANGE_MAX, RoundTrip};
use super::uncertainty::{Uncertainty, Unjudged};
use crate::clock::Mono;

/// An idle bus is asked this often whether it lives.
pub const ECHO_EVERY: Duration = Duration::from_secs(1);
/// An echo that takes so much longer than any on this link did is given up: the next goes over a new connection.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(1);
/// Echoes in a row that make a silence count.
const ROUND_ECHOES: u8 = 3;
/// Rounds under way at once. As each takes three round trips, the next may begin after three eighths of one.
const ROUNDS_MAX: u32 = 8;
/// After a stall, senders have so many round trips to connect, log in and beat: each takes as long as our echoes do.
const RETURN_TRIPS: u32 = 4;
/// A link that is silent for so long, and two round trips, may be half-open: it is made anew.
const RECONNECT_AFTER: Duration = Duration::from_secs(3);
/// With neither an echo nor any frame for so long, the bus is down.
pub const BUS_DOWN_AFTER: Duration = Duration::from_secs(5);
/// When nothing could be judged for so long, the bus is unstable.
pub const UNSTABLE_AFTER: Duration = Duration::from_secs(60);

/// The state of the link and of the echoes on it.
#[derive(Debug)]
pub struct LinkProber {
    /// The subscription in use is proven.
    proven: bool,
    /// What its echoes have been since.
    round_trip: RoundTrip,
    /// Something may have been missed, for this reason: nothing is judged until the next good echo.
    uncertainty: Option<Uncertainty>,
    /// The server takes no writes for want of its replicas: no echo can tell whether others have left it.
    cut_off: bool,
    /// From when on services owe a beat again after the last doubt, but for their own grace.
    sure_from: Option<Mono>,
    /// When the last round began.
    round_began: Option<Mono>,
    seq: u64,
    /// Echoes under way, in the order in which they were sent.
    flights: VecDeque<Flight>,
    /// Echoes that are to be sent.
    outgoing: VecDeque<Echo>,
    last_sent: Mono,
    /// The last echo or frame.
    last_activity: Mono,
    reconnect_asked: bool,
    down_since: Option<Mono>,
    /// Until when things could be judged, and the doubts since.
    judged_until: Mono,
    uncertainties: u32,
    doubts_so_far: u64,
    unstable_told: bool,
}

/// An echo under way.
#[derive(Clone, Copy, Debug)]
struct Flight {
    seq: u64,
    wanted: Mono,
    /// When it went out: later, when a connection had to be made for it.
    sent: Mono,
    /// The connection is still being made.
    waits: bool,
    /// We did not look for a while meanwhile: how long it takes says nothing.
    unseen: bool,
    /// The round that it belongs to.
    round: Option<Round>,
}

#[derive(Clone, Copy, Debug)]
struct Round {
    began: Mono,
    /// Which of its echoes this is.
    nth: u8,
}

/// What a returned echo, or the passing of time, came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum ProbeOutcome {
    /// Nothing to conclude.
    Nothing,
    /// What was due when the round began at this moment, and is still silent, is dead.
    Judge { began: Mono },
    /// A doubt arose: what is under way is void.
    Uncertain,
}

impl LinkProber {
    /// A bus that was never heard of yet.
    pub fn new(now: Mono) -> LinkProber {
        LinkProber {
            proven: false,
            round_trip: RoundTrip::default(),
            uncertainty: None,
            cut_off: false,
            sure_from: None,
            round_began: None,
            seq: 0,
            flights: VecDeque::new(),
            outgoing: VecDeque::new(),
            last_sent: Mono(0),
            last_activity: now,
            reconnect_asked: false,
            down_since: None,
            judged_until: now,
            uncertainties: 0,
            doubts_so_far: 0,
            unstable_told: false,
        }
    }

    /// Takes over that the bus was already told to be down.
    pub fn restore_down(&mut self, since: Mono) {
        self.down_since = Some(since);
    }

    /// An echo that is to be sent now, if there is one more.
    pub fn take_echo(&mut self) -> Option<Echo> {
        self.outgoing.pop_front()
    }

    /// Whether no echo is under way or to be sent.
    pub fn is_quiet(&self) -> bool {
        self.flights.is_empty() && self.outgoing.is_empty()
    }

    /// Whether an echo is to be sent now.
    pub fn has_echo(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Whether silences on this bus may be judged at all.
    pub fn can_judge(&self) -> bool {
        self.proven && self.uncertainty.is_none() && self.round_trip.is_known()
    }

    /// How many doubts arose so far.
    pub fn doubts_so_far(&self) -> u64 {
        self.doubts_so_far
    }

    /// The slowest that an echo of this link was lately.
    pub fn slowest(&self) -> Duration {
        self.round_trip.slowest()
    }

    /// Since when, and why, nothing can be judged; `None` when silences are judged, or will be once one uncertainty that
    /// is over has had its grace.
    pub fn unjudged(&self) -> Option<Unjudged> {
        let why = match self.uncertainty {
            _ if !self.proven => Uncertainty::NoLink,
            _ if self.cut_off => Uncertainty::CutOff,
            Some(why) => why,
            None if self.is_shaky() => Uncertainty::AgainAndAgain,
            None if !self.round_trip.is_known() => Uncertainty::NoLink,
            None => return None,
        };
        let since = self.judged_until;
        Some(Unjudged { since, why })
    }

    /// When the next round may begin; `None` while that depends on echoes that are to come.
    pub fn free_at(&self) -> Option<Mono> {
        let rounds = self.flights.iter().filter(|flight| flight.round.is_some());
        if !self.can_judge() || rounds.count() >= ROUNDS_MAX as usize {
            return None;
        }
        let apart = self.slowest() * u32::from(ROUND_ECHOES) / ROUNDS_MAX;
        Some(self.round_began.map_or(Mono(0), |began| began + apart))
    }

    /// Whether a round may begin.
    pub fn is_free(&self, now: Mono) -> bool {
        self.free_at().is_some_and(|at| now >= at)
    }

    /// The moment from which on services have their grace to beat again, after the last doubt.
    pub fn sure_from(&self) -> Option<Mono> {
        self.sure_from
    }

    /// The subscription is proven. Proven once more, for channels that were added, it stays as it is.
    pub fn proven(&mut self, now: Mono) {
        self.activity(now);
        if !self.proven {
            self.proven = true;
            self.reconnect_asked = false;
            self.round_trip = RoundTrip::default();
            self.send(now, false, None);
        }
    }

    /// The link is gone; frames may have been lost with it.
    pub fn lost(&mut self) {
        self.flights.clear();
        self.outgoing.clear();
        // Before the first proof nothing was promised to anybody, so there is nothing to doubt.
        if std::mem::take(&mut self.proven) {
            self.begin_uncertainty(Uncertainty::NoLink);
        }
    }

    /// Something came from the bus.
    pub fn activity(&mut self, now: Mono) {
        self.last_activity = now;
    }

    /// Our own clock jumped: we stood still, and do not know what we missed. Nobody else is to blame.
    pub fn gap(&mut self, now: Mono) {
        self.last_activity = now;
        self.judged_until = now;
        self.not_seen();
        if self.proven {
            self.begin_uncertainty(Uncertainty::StoodStill);
            if self.flights.is_empty() {
                self.send(now, false, None);
            }
        }
    }

    /// Nobody read the link for a while: how long the echoes under way take says nothing about it.
    pub fn not_seen(&mut self) {
        self.flights
            .iter_mut()
            .for_each(|flight| flight.unseen = true);
    }

    /// Echo `seq` cannot be sent before a connection is made.
    pub fn echo_waits(&mut self, seq: u64) {
        let mut flights = self.flights.iter_mut();
        if let Some(echo) = flights.find(|echo| echo.seq == seq) {
            echo.waits = true;
        }
    }

    /// Echo `seq` is sent only now, if it is still wanted.
    pub fn echo_goes(&mut self, seq: u64, now: Mono) -> bool {
        let mut flights = self.flights.iter_mut();
        let echo = flights.find(|echo| echo.seq == seq);
        echo.is_some_and(|echo| {
            (echo.waits, echo.unseen, echo.sent) = (false, false, now);
            true
        })
    }

    /// Whether the server is cut off from its replicas. A doubt begins with it, and lasts as long.
    pub fn set_cut_off(&mut self, is_cut_off: bool) -> ProbeOutcome {
        if !std::mem::replace(&mut self.cut_off, is_cut_off) && is_cut_off {
            self.begin_uncertainty(Uncertainty::CutOff);
            return ProbeOutcome::Uncertain;
        }
        ProbeOutcome::Nothing
    }

    /// Sends the first echo of a round. Only when [`is_free`](LinkProber::is_free).
    pub fn begin_round(&mut self, now: Mono) {
        debug_assert!(self.is_free(now));
        self.round_began = Some(now);
        self.send(now, false, Some(Round { began: now, nth: 1 }));
    }

    /// Echo `seq` came back.
    pub fn returned(&mut self, seq: u64, now: Mono, out: &mut Vec<Output>) -> ProbeOutcome {
        self.activity(now);
        let known = self.flights.iter().position(|flight| flight.seq == seq);
        let Some(echo) = known
            .and_then(|at| self.flights.remove(at))
            .filter(|_| self.proven)
        else {
            // One that was given up, or from before the link broke: it proves nothing about now.
            return ProbeOutcome::Nothing;
        };
        if echo.unseen {
            let is_needed = echo.round.is_some() || !self.can_judge();
            if is_needed {
                self.send(now, false, echo.round);
            }
            return ProbeOutcome::Nothing;
        }
        let connecting = echo.sent.since(echo.wanted);
        let may_connect = self.slowest() * RETURN_TRIPS + CHANGE_MAX;
        let (took, fits) = if connecting > may_connect {
            (now.since(echo.wanted), false)
        } else {
            let took = now.since(echo.sent);
            (took, self.round_trip.returned(took))
        };
        if !fits {
            self.begin_uncertainty(Uncertainty::EchoLate { took });
            self.probe(now);
            return ProbeOutcome::Uncertain;
        }
        if !self.round_trip.is_known() {
            self.probe(now);
            return ProbeOutcome::Nothing;
        }
        self.end_doubt(now, out);
        match echo.round {
            None => ProbeOutcome::Nothing,
            Some(Round { began, nth }) if nth == ROUND_ECHOES => ProbeOutcome::Judge { began },
            Some(Round { began, nth }) => {
                let nth = nth + 1;
                self.send(now, false, Some(Round { began, nth }));
                ProbeOutcome::Nothing
            }
        }
    }

    /// Time has passed. `grace` is the shortest time that a service on this bus has after a doubt.
    pub fn tick(&mut self, now: Mono, grace: Duration, out: &mut Vec<Output>) -> ProbeOutcome {
        let mut verdict = ProbeOutcome::Nothing;
        if self.proven {
            if self.flights.is_empty() && now >= self.last_sent + ECHO_EVERY {
                self.send(now, false, None);
            }
            if let Some(oldest) = self.flights.front()
                && now >= self.given_up_at(oldest)
            {
                let waited = now.since(oldest.wanted);
                if self.uncertainty.is_none() {
                    verdict = ProbeOutcome::Uncertain;
                }
                self.begin_uncertainty(Uncertainty::EchoLost { waited });
                self.round_trip.lost();
                self.flights.clear();
                self.outgoing.clear();
                self.send(now, true, None);
            }
            if !self.reconnect_asked && now >= self.reconnect_at() {
                self.reconnect_asked = true;
                out.push(Output::Reconnect);
            }
        }
        if self.down_since.is_none() && now >= self.last_activity + BUS_DOWN_AFTER {
            self.down_since = Some(self.last_activity);
            out.push(Output::Bus(BusNews::Down {
                silent: now.since(self.last_activity),
            }));
        }
        self.watch_stability(now, grace, out);
        verdict
    }

    /// The next moment at which [`tick`](LinkProber::tick) has something to do.
    pub fn next_wakeup(&self) -> Mono {
        let mut at = Mono(u64::MAX);
        if self.proven {
            at = match self.flights.front() {
                Some(oldest) => self.given_up_at(oldest),
                None => self.last_sent + ECHO_EVERY,
            };
            if !self.reconnect_asked {
                at = at.min(self.reconnect_at());
            }
        }
        if self.down_since.is_none() {
            at = at.min(self.last_activity + BUS_DOWN_AFTER);
        }
        at
    }

    /// Until when an echo may be under way.
    fn given_up_at(&self, echo: &Flight) -> Mono {
        let patience = self.slowest() + GIVEN_UP_AFTER;
        if echo.waits {
            echo.wanted + patience + self.slowest() * RETURN_TRIPS
        } else {
            echo.sent + patience
        }
    }

    fn reconnect_at(&self) -> Mono {
        let known = self.round_trip.is_known();
        let two_trips = if known {
            self.slowest() * 2
        } else {
            Duration::ZERO
        };
        self.last_activity + RECONNECT_AFTER + two_trips
    }

    /// Asks again at once, unless the answer to another echo is on its way.
    fn probe(&mut self, now: Mono) {
        if self.flights.is_empty() {
            self.send(now, false, None);
        }
    }

    fn send(&mut self, now: Mono, fresh: bool, round: Option<Round>) {
        self.seq += 1;
        self.flights.push_back(Flight {
            seq: self.seq,
            wanted: now,
            sent: now,
            waits: false,
            unseen: false,
            round,
        });
        self.last_sent = now;
        self.outgoing.push_back(Echo {
            seq: self.seq,
            fresh,
        });
    }

    fn begin_uncertainty(&mut self, why: Uncertainty) {
        self.uncertainties += u32::from(self.uncertainty.is_none());
        self.doubts_so_far += u64::from(self.uncertainty.is_none());
        self.uncertainty = Some(why);
        self.flights
            .iter_mut()
            .for_each(|flight| flight.round = None);
    }

    /// A good echo came back.
    fn end_doubt(&mut self, now: Mono, out: &mut Vec<Output>) {
        if let Some(since) = self.down_since.take() {
            out.push(Output::Bus(BusNews::Up {
                down: now.since(since),
            }));
            self.judged_until = now;
            self.uncertainties = 0;
        }
        if !self.cut_off && self.uncertainty.take().is_some() {
            self.sure_from = Some(now + self.slowest() * RETURN_TRIPS);
        }
    }

    /// Whether there was more than one doubt since something could be judged, or one that does not end.
    fn is_shaky(&self) -> bool {
        self.uncertainties > 1 || (self.uncertainty.is_some() && self.proven)
    }

    /// Where every service has long to answer after one doubt, nothing is judged for long either: twice that is shaky.
    fn watch_stability(&mut self, now: Mono, grace: Duration, out: &mut Vec<Output>) {
        let judged = self.can_judge() && self.sure_from.is_none_or(|sure| now >= sure + grace);
        if judged {
            self.judged_until = now;
            self.uncertainties = 0;
            self.unstable_told = false;
        } else if !self.unstable_told
            && self.down_since.is_none()
            && self.is_shaky()
            && now >= self.judged_until + UNSTABLE_AFTER.max(grace * 2)
        {
            self.unstable_told = true;
            let why = self
                .unjudged()
                .map_or(Uncertainty::AgainAndAgain, |u| u.why);
            out.push(Output::Bus(BusNews::Unstable {
                unjudged: now.since(self.judged_until),
                why,
            }));
        }
    }
}
