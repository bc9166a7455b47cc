//! Is the bus talking? Echoes out, echoes back, and what may be concluded from them.
//!
//! One echo is under way at a time. A silence may be judged only after three in a row came back, each sent after the
//! one before it returned: Redis keeps the order of each client's output, so whatever a socket, the kernel or a
//! stalled process still held was counted before. One would not do: after a stall, Redis may serve our PUBLISH before
//! beats that others wrote earlier.

use std::time::Duration;

use super::output::{BusNews, Echo, Output};
use super::uncertainty::{Uncertainty, Unjudged};
use crate::clock::Mono;

/// An idle bus is asked this often whether it lives. An echo that is still out by then is given up, and the next one
/// goes over a new connection.
pub const ECHO_EVERY: Duration = Duration::from_secs(1);
/// An echo that takes longer casts doubt on everything that was not heard meanwhile.
pub const ECHO_GOOD_WITHIN: Duration = Duration::from_millis(250);
/// Echoes in a row that make a silence count.
const ROUND_ECHOES: u8 = 3;
/// A link that is silent for so long may be half-open: it is made anew.
const RECONNECT_AFTER: Duration = Duration::from_secs(3);
/// With neither an echo nor any frame for so long, the bus is down.
pub const BUS_DOWN_AFTER: Duration = Duration::from_secs(5);
/// When nothing could be judged for so long, the bus is unstable.
pub const UNSTABLE_AFTER: Duration = Duration::from_secs(60);

/// The state of the link and of the echoes on it.
#[derive(Debug)]
pub struct Pulse {
    /// The subscription in use is proven.
    proven: bool,
    /// Something may have been missed, for this reason: nothing is judged until the next good echo.
    doubt: Option<Uncertainty>,
    /// The good echo that ended the last doubt.
    sure_since: Option<Mono>,
    seq: u64,
    in_flight: Option<InFlight>,
    /// The echo that is to be sent.
    outgoing: Option<Echo>,
    last_sent: Mono,
    round: Option<Round>,
    /// The last echo or frame.
    last_sign: Mono,
    reconnect_asked: bool,
    down_since: Option<Mono>,
    /// Until when things could be judged, and the doubts since.
    judged_until: Mono,
    doubts: u32,
    unstable_told: bool,
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    seq: u64,
    sent: Mono,
}

#[derive(Clone, Copy, Debug)]
struct Round {
    began: Mono,
    echoes: u8,
}

/// What a returned echo, or the passing of time, came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to conclude.
    Nothing,
    /// What was due when the round began at this moment, and is still silent, is dead.
    Judge { began: Mono },
    /// A doubt arose: what is under way is void.
    Doubt,
}

impl Pulse {
    /// A bus that was never heard of yet.
    pub fn new(now: Mono) -> Pulse {
        Pulse {
            proven: false,
            doubt: None,
            sure_since: None,
            seq: 0,
            in_flight: None,
            outgoing: None,
            last_sent: Mono(0),
            round: None,
            last_sign: now,
            reconnect_asked: false,
            down_since: None,
            judged_until: now,
            doubts: 0,
            unstable_told: false,
        }
    }

    /// Takes over that the bus was already told to be down.
    pub fn seed_down(&mut self, since: Mono) {
        self.down_since = Some(since);
    }

    /// The echo that is to be sent now, if there is one.
    pub fn take_echo(&mut self) -> Option<Echo> {
        self.outgoing.take()
    }

    /// Whether silences on this bus may be judged at all.
    pub fn can_judge(&self) -> bool {
        self.proven && self.doubt.is_none()
    }

    /// Since when, and why, nothing can be judged; `None` when silences are judged, or will be once one uncertainty that
    /// is over has had its grace.
    pub fn unjudged(&self) -> Option<Unjudged> {
        let why = if !self.proven {
            Uncertainty::NoLink
        } else if let Some(why) = self.doubt {
            why
        } else if self.is_shaky() {
            Uncertainty::AgainAndAgain
        } else {
            return None;
        };
        let since = self.judged_until;
        Some(Unjudged { since, why })
    }

    /// Whether a round may begin: silences may be judged, and no echo is under way.
    pub fn is_free(&self) -> bool {
        self.can_judge() && self.in_flight.is_none()
    }

    /// The moment from which on services owe a beat again, after the last doubt.
    pub fn sure_since(&self) -> Option<Mono> {
        self.sure_since
    }

    /// The subscription is proven. Proven once more, for channels that were added, it stays as it is.
    pub fn proven(&mut self, now: Mono) {
        self.sign(now);
        if !self.proven {
            self.proven = true;
            self.reconnect_asked = false;
            self.send(now, false);
        }
    }

    /// The link is gone; frames may have been lost with it.
    pub fn lost(&mut self) {
        self.in_flight = None;
        self.outgoing = None;
        // Before the first proof nothing was promised to anybody, so there is nothing to doubt.
        if std::mem::take(&mut self.proven) {
            self.begin_doubt(Uncertainty::NoLink);
        }
    }

    /// Something came from the bus.
    pub fn sign(&mut self, now: Mono) {
        self.last_sign = now;
    }

    /// Our own clock jumped: we stood still, and do not know what we missed. Nobody else is to blame.
    pub fn gap(&mut self, now: Mono) {
        self.last_sign = now;
        self.judged_until = now;
        if self.proven {
            self.begin_doubt(Uncertainty::StoodStill);
            if self.in_flight.is_none() {
                self.send(now, false);
            }
        }
    }

    /// Sends the first echo of a round. Only when [`is_free`](Pulse::is_free).
    pub fn begin_round(&mut self, now: Mono) {
        debug_assert!(self.is_free());
        self.round = Some(Round {
            began: now,
            echoes: 1,
        });
        self.send(now, false);
    }

    /// Echo `seq` came back.
    pub fn returned(&mut self, seq: u64, now: Mono, out: &mut Vec<Output>) -> Verdict {
        self.sign(now);
        let Some(echo) = self.in_flight.filter(|e| e.seq == seq && self.proven) else {
            // One that was given up, or from before the link broke: it proves nothing about now.
            return Verdict::Nothing;
        };
        self.in_flight = None;
        let took = now.since(echo.sent);
        if took > ECHO_GOOD_WITHIN {
            self.begin_doubt(Uncertainty::EchoLate { took });
            self.send(now, false);
            return Verdict::Doubt;
        }
        if let Some(since) = self.down_since.take() {
            out.push(Output::Bus(BusNews::Up {
                down: now.since(since),
            }));
            self.judged_until = now;
            self.doubts = 0;
        }
        if self.doubt.take().is_some() {
            self.sure_since = Some(now);
        }
        match &mut self.round {
            None => Verdict::Nothing,
            Some(Round { began, echoes }) if *echoes == ROUND_ECHOES => {
                let began = *began;
                self.round = None;
                Verdict::Judge { began }
            }
            Some(round) => {
                round.echoes += 1;
                self.send(now, false);
                Verdict::Nothing
            }
        }
    }

    /// Time has passed. `grace` is the shortest time that a service on this bus has after a doubt.
    pub fn tick(&mut self, now: Mono, grace: Duration, out: &mut Vec<Output>) -> Verdict {
        let mut verdict = Verdict::Nothing;
        if self.proven {
            // One timer serves both: while an echo is under way nothing is judged, so it is early enough to doubt it
            // when the next one would be due.
            if now >= self.last_sent + ECHO_EVERY {
                let lost = self.in_flight;
                if let Some(echo) = lost {
                    if self.doubt.is_none() {
                        verdict = Verdict::Doubt;
                    }
                    let waited = now.since(echo.sent);
                    self.begin_doubt(Uncertainty::EchoLost { waited });
                }
                self.send(now, lost.is_some());
            }
            if !self.reconnect_asked && now >= self.last_sign + RECONNECT_AFTER {
                self.reconnect_asked = true;
                out.push(Output::Reconnect);
            }
        }
        if self.down_since.is_none() && now >= self.last_sign + BUS_DOWN_AFTER {
            self.down_since = Some(self.last_sign);
            out.push(Output::Bus(BusNews::Down {
                silent: now.since(self.last_sign),
            }));
        }
        self.watch_stability(now, grace, out);
        verdict
    }

    /// The next moment at which [`tick`](Pulse::tick) has something to do.
    pub fn next_wakeup(&self) -> Mono {
        let mut at = Mono(u64::MAX);
        if self.proven {
            at = self.last_sent + ECHO_EVERY;
            if !self.reconnect_asked {
                at = at.min(self.last_sign + RECONNECT_AFTER);
            }
        }
        if self.down_since.is_none() {
            at = at.min(self.last_sign + BUS_DOWN_AFTER);
        }
        at
    }

    fn send(&mut self, now: Mono, fresh: bool) {
        self.seq += 1;
        self.in_flight = Some(InFlight {
            seq: self.seq,
            sent: now,
        });
        self.last_sent = now;
        self.outgoing = Some(Echo {
            seq: self.seq,
            fresh,
        });
    }

    fn begin_doubt(&mut self, why: Uncertainty) {
        self.doubts += u32::from(self.doubt.is_none());
        self.doubt = Some(why);
        self.round = None;
    }

    /// Whether there was more than one doubt since something could be judged, or one that does not end.
    fn is_shaky(&self) -> bool {
        self.doubts > 1 || (self.doubt.is_some() && self.proven)
    }

    /// Where every service has long to answer after one doubt, nothing is judged for long either: twice that is shaky.
    fn watch_stability(&mut self, now: Mono, grace: Duration, out: &mut Vec<Output>) {
        let judged = self.can_judge() && self.sure_since.is_none_or(|sure| now >= sure + grace);
        if judged {
            self.judged_until = now;
            self.doubts = 0;
            self.unstable_told = false;
        } else if !self.unstable_told
            && self.down_since.is_none()
            && self.is_shaky()
            && now >= self.judged_until + UNSTABLE_AFTER.max(grace * 2)
        {
            self.unstable_told = true;
            out.push(Output::Bus(BusNews::Unstable {
                unjudged: now.since(self.judged_until),
            }));
        }
    }
}
