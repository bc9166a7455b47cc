//! The thread that keeps the session and the parts of one member.

use std::collections::BTreeMap;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::gate::Gate;
use super::member::Member;
use super::scripts::SessionScripts;
use super::view::Action;
use crate::bus::{Address, BusError, Commands};
use crate::clock::Mono;
use crate::contract::lease::fence_key;

/// At a stop, work that is under way is waited for so long before its parts are given back all the same.
const FINISH: Duration = Duration::from_millis(800);
/// At a stop, the server is waited for so long.
const LEAVE_WITHIN: Duration = Duration::from_millis(300);
/// Whether the last work has ended is looked at so often.
const LOOK: Duration = Duration::from_millis(10);

/// How the member stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum ShareChange {
    /// Work may begin on these parts, under these tokens.
    Works(BTreeMap<u32, u64>),
    /// It holds nothing: others work.
    StandsBy,
    /// Somebody wants it to give its work back; it has begun to, or has done it.
    Drains { is_done: bool },
    /// Nothing is known of the parts, so nothing may begin.
    Away(BusError),
}

/// What a keeper can be told.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum ShareOrder {
    /// Something was released, or may have been lost: to look at once.
    Look,
    /// Truth wants the work shared in so many parts.
    Want(u32),
    /// Results of this part were refused.
    Fenced(u32),
    /// The bus with the sessions, and the one that takes the results, are elsewhere from now on.
    Move {
        system: Box<Address>,
        results: Box<Address>,
    },
}

/// The body of that thread.
pub struct Keeper {
    member: Member,
    terms: SessionScripts,
    /// The bus that takes the results: what was seen there is asked of it.
    results: Commands,
    gate: Gate,
    told: Option<ShareChange>,
}

impl Keeper {
    /// Keeps the parts of `member` on the bus that `system` leads to, and opens `gate` for them.
    pub fn new(member: Member, system: Commands, results: Commands, gate: Gate) -> Keeper {
        Keeper {
            member,
            terms: SessionScripts::new(system),
            results,
            gate,
            told: None,
        }
    }

    /// Renews, claims and releases until `orders` is disconnected; then waits a moment for what is under way and leaves.
    /// Each change is told. The gate is what workers go by: it shuts whether or not that was told.
    pub fn run(mut self, orders: &Receiver<ShareOrder>, mut tell: impl FnMut(ShareChange)) {
        loop {
            let failed = self.turn().err();
            self.show(failed, &mut tell);
            let now = Mono::now();
            let wake = self.member.next_wakeup(now).min(self.shuts_at(now));
            match orders.recv_deadline(wake.instant()) {
                Ok(order) => self.heed(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.leave();
    }

    /// The shutting of the gate is a change, which nobody else finds out.
    fn shuts_at(&self, now: Mono) -> Mono {
        match self.member.gate_until() {
            until if until > now => until,
            _ => now + super::RENEW,
        }
    }

    fn turn(&mut self) -> Result<(), BusError> {
        // One answer leads to the next question: what was claimed, and what others were found to hold.
        loop {
            let gate = self.gate.clone();
            let actions = self
                .member
                .turn(Mono::now(), |part, token| gate.is_busy(part, token));
            // What is being given back must be shut before it is given back.
            self.set_gate();
            if actions.first() == Some(&Action::Renew) {
                self.terms.renew(&mut self.member)?;
                self.set_gate();
                continue;
            }
            if actions.is_empty() {
                return Ok(());
            }
            // A part may have been entered between the look and the shutting of the gate.
            let ended = |action: &Action| match action {
                Action::Release { part, token } => !self.gate.is_busy(*part, *token),
                _ => true,
            };
            let actions: Vec<Action> = actions.into_iter().filter(ended).collect();
            if actions.is_empty() {
                return Ok(());
            }
            if let Err(error) = self.terms.ask(&mut self.member, &actions) {
                self.member.look();
                return Err(error);
            }
            self.set_gate();
        }
    }

    fn set_gate(&self) {
        self.gate.set(self.member.gate_until(), self.member.open());
    }

    fn show(&mut self, failed: Option<BusError>, tell: &mut impl FnMut(ShareChange)) {
        let now = Mono::now();
        let is_shut = now >= self.member.gate_until();
        let open = self.member.open();
        let change = match failed {
            Some(error) if is_shut => ShareChange::Away(error),
            _ if is_shut => return,
            _ if self.member.is_draining() => ShareChange::Drains {
                is_done: self.member.holds() == 0,
            },
            _ if open.is_empty() => ShareChange::StandsBy,
            _ => ShareChange::Works(open),
        };
        let is_same = match (&self.told, &change) {
            // Of errors in a row only the first is news.
            (Some(ShareChange::Away(_)), ShareChange::Away(_)) => true,
            (told, change) => told.as_ref() == Some(change),
        };
        if !is_same {
            self.told = Some(change.clone());
            tell(change);
        }
    }

    fn heed(&mut self, order: ShareOrder) {
        match order {
            ShareOrder::Look => self.member.look(),
            ShareOrder::Want(parts) if parts != self.member.wanted() => self.member.want(parts),
            ShareOrder::Want(_) => {}
            ShareOrder::Fenced(part) => {
                let key = fence_key(self.member.svc(), part);
                match self
                    .results
                    .query::<Option<u64>>(redis::cmd("GET").arg(&key))
                {
                    Ok(Some(seen)) => self.member.fenced(part, seen),
                    Ok(None) => self.member.look(),
                    Err(error) => log::debug!("{key} is not read: {error}"),
                }
            }
            ShareOrder::Move { system, results } => {
                self.results.set_address(*results);
                if *system != *self.terms.commands().address() {
                    self.leave();
                    self.terms.commands().set_address(*system);
                    self.member.forget();
                    self.set_gate();
                }
            }
        }
    }

    fn leave(&mut self) {
        self.gate.shut();
        let (began, open) = (Mono::now(), self.member.all());
        let is_busy = || {
            open.iter()
                .any(|(part, token)| self.gate.is_busy(*part, *token))
        };
        while is_busy() && Mono::now().since(began) < FINISH {
            std::thread::sleep(LOOK);
        }
        if !self.terms.commands().is_connected() {
            return;
        }
        if let Err(error) = self.terms.leave(&self.member, LEAVE_WITHIN) {
            log::debug!("the session is not ended: {error}");
        }
    }
}
