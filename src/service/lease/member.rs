//! What one member knows and wants. Pure: answers and moments go in, actions come out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::shares::{Load, rank, share};
use super::view::{Action, Claimed, Holder, View};
use super::{CALM, DRIFT, GATE, OVER, RENEW};
use crate::clock::Mono;

/// After a renewal without an answer the next one follows in this time.
const AGAIN: Duration = Duration::from_millis(500);
/// Words of others make it look afresh no more often than this.
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// Whether work that is to end has ended is looked at so often.
const ENDS_EVERY: Duration = Duration::from_millis(100);
/// Parts claimed in one turn, at most.
const CLAIMS_MAX: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Part {
    token: u64,
    /// Nothing of it begins any more; it is released when what is under way has ended.
    is_closing: bool,
}

/// The server's clock against ours at the last answer.
#[derive(Clone, Copy, Debug)]
struct Clocks {
    sent: Mono,
    answered: Mono,
    server_us: u64,
}

/// One instance among those that share the work.
#[derive(Clone, Debug)]
pub struct Member {
    svc: String,
    inst: String,
    host: String,
    /// In how many parts truth wants the work shared.
    wanted: u32,
    held: BTreeMap<u32, Part>,
    view: View,
    /// Nothing begins from then on.
    gate_until: Mono,
    /// When the renewal went out that is not answered yet.
    asked: Option<Mono>,
    clocks: Option<Clocks>,
    /// Nothing is claimed before.
    calm_until: Mono,
    over_since: Option<Mono>,
    /// Parts that others were found to hold since the last view.
    refused: BTreeSet<u32>,
    /// What the next token of a part must be at least.
    floors: BTreeMap<u32, u64>,
    next_renew: Mono,
    looked: Mono,
}

impl Member {
    /// A member of `svc` that holds nothing; the work is to be shared in `parts`.
    pub fn new(svc: &str, inst: &str, host: &str, parts: u32) -> Member {
        Member {
            svc: svc.to_owned(),
            inst: inst.to_owned(),
            host: host.to_owned(),
            wanted: parts.max(1),
            held: BTreeMap::new(),
            view: View::default(),
            gate_until: Mono(0),
            asked: None,
            clocks: None,
            calm_until: Mono(0),
            over_since: None,
            refused: BTreeSet::new(),
            floors: BTreeMap::new(),
            next_renew: Mono(0),
            looked: Mono(0),
        }
    }

    /// Its service.
    pub fn svc(&self) -> &str {
        &self.svc
    }

    /// Its id.
    pub fn inst(&self) -> &str {
        &self.inst
    }

    /// The machine that it runs on.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// In how many parts truth wants the work shared.
    pub fn wanted(&self) -> u32 {
        self.wanted
    }

    /// Truth wants another number of parts: it counts when everybody has released what he holds.
    pub fn want(&mut self, parts: u32) {
        self.wanted = parts.max(1);
        self.next_renew = Mono(0);
    }

    /// The renewal goes out at `now`.
    pub fn asks(&mut self, now: Mono) {
        self.asked = Some(now);
    }

    /// It was answered.
    pub fn answered(&mut self, view: View, now: Mono) {
        let sent = self.asked.take().unwrap_or(now);
        if self.is_unlike(&view, sent, now) {
            self.calm_until = now + CALM;
        }
        self.clocks = Some(Clocks {
            sent,
            answered: now,
            server_us: view.server_us,
        });
        self.gate_until = sent + GATE;
        self.next_renew = sent + RENEW;
        self.looked = now;
        let (inst, holders) = (&self.inst, &view.holders);
        self.held.retain(|part, held| {
            let holder = holders.get(part);
            holder.is_some_and(|h| h.inst == *inst && h.token == held.token)
        });
        self.refused.clear();
        self.view = view;
    }

    /// Whether somebody else may answer than before, or the server's clock stepped, or our session was lost.
    fn is_unlike(&self, view: &View, sent: Mono, now: Mono) -> bool {
        let Some(before) = self.clocks else {
            return true;
        };
        if view.connection != self.view.connection || !view.had_session {
            return true;
        }
        let least = sent.since(before.answered).saturating_sub(DRIFT);
        let most = now.since(before.sent) + DRIFT;
        match view.server_us.checked_sub(before.server_us) {
            None => true,
            Some(us) => !(least..=most).contains(&Duration::from_micros(us)),
        }
    }

    /// There was no answer, or an error: nothing is known of it.
    pub fn unanswered(&mut self, now: Mono) {
        self.asked = None;
        self.next_renew = now + AGAIN;
    }

    /// Somebody released something, or found out something: to look at once.
    pub fn look(&mut self) {
        self.next_renew = self.next_renew.min(self.looked + LOOK_PAUSE);
    }

    /// Results of `part` were refused: a higher token was seen there. What is held under a lower one is claimed anew.
    pub fn fenced(&mut self, part: u32, seen: u64) {
        self.floors.insert(part, seen.saturating_add(1));
        self.look();
    }

    /// What became of a claim.
    pub fn claimed(&mut self, part: u32, what: Claimed) {
        match what {
            Claimed::Ours(token) => {
                let is_closing = false;
                self.held.insert(part, Part { token, is_closing });
                if self.floors.get(&part).is_some_and(|floor| token >= *floor) {
                    self.floors.remove(&part);
                }
                let inst = self.inst.clone();
                self.view.holders.insert(part, Holder { inst, token });
            }
            Claimed::Others => drop(self.refused.insert(part)),
            Claimed::Stale => {
                self.refused.insert(part);
                self.look();
            }
        }
    }

    /// A part was released.
    pub fn released(&mut self, part: u32) {
        self.held.remove(&part);
        self.view.holders.remove(&part);
    }

    /// The parts on which work may begin, with their tokens.
    pub fn open(&self) -> BTreeMap<u32, u64> {
        let open = self.held.iter().filter(|(_, held)| !held.is_closing);
        open.map(|(part, held)| (*part, held.token)).collect()
    }

    /// Everything that it holds, with its tokens.
    pub fn all(&self) -> BTreeMap<u32, u64> {
        self.held
            .iter()
            .map(|(part, held)| (*part, held.token))
            .collect()
    }

    /// It is on another bus from now on, where nothing is known of it.
    pub fn forget(&mut self) {
        self.held.clear();
        self.clocks = None;
        self.view = View::default();
        self.gate_until = Mono(0);
        self.next_renew = Mono(0);
    }

    /// How many parts it holds, those that are being given back among them.
    pub fn holds(&self) -> usize {
        self.held.len()
    }

    /// Until when something may begin.
    pub fn gate_until(&self) -> Mono {
        self.gate_until
    }

    /// Whether somebody wants it to give its work back.
    pub fn is_draining(&self) -> bool {
        self.drains(&self.inst, &self.host)
    }

    fn drains(&self, inst: &str, host: &str) -> bool {
        let drained = &self.view.drained;
        [("svc", &*self.svc), ("inst", inst), ("host", host)]
            .iter()
            .any(|(what, name)| drained.contains(&format!("{what}:{name}")))
    }

    /// How many parts it may hold; 0 while it drains, and while the number of parts changes.
    pub fn share(&self) -> u32 {
        if self.view.parts != self.wanted {
            return 0;
        }
        let mut held: BTreeMap<&str, u32> = BTreeMap::new();
        for holder in self.view.holders.values() {
            *held.entry(&holder.inst).or_default() += 1;
        }
        let members = &self.view.members;
        let at_work = members
            .iter()
            .filter(|peer| !self.drains(&peer.inst, &peer.host));
        let loads: Vec<Load<'_>> = at_work
            .map(|peer| Load {
                inst: &peer.inst,
                held: held.get(&*peer.inst).copied().unwrap_or(0),
            })
            .collect();
        share(self.wanted, &self.inst, &loads)
    }

    /// What is to be asked for at `now`; `is_busy`: whether work of a part is under way in the name of a token.
    pub fn turn(&mut self, now: Mono, is_busy: impl Fn(u32, u64) -> bool) -> Vec<Action> {
        let mut actions = Vec::new();
        if now >= self.next_renew {
            actions.push(Action::Renew);
        }
        // What was read is too old to claim or to release by.
        if now >= self.gate_until {
            return actions;
        }
        let share = self.share() as usize;
        self.close_surplus(share, now);
        for (part, held) in &self.held {
            if held.is_closing && !is_busy(*part, held.token) {
                let (part, token) = (*part, held.token);
                actions.push(Action::Release { part, token });
            }
        }
        self.give_back_unknown(share, &mut actions);
        if now >= self.calm_until {
            self.claim(share, &mut actions);
        }
        actions
    }

    /// Over its share, it lets go of what it would rather not have: at once when it is to have nothing, else when that
    /// lasts.
    fn close_surplus(&mut self, share: usize, now: Mono) {
        let open = self.held.values().filter(|held| !held.is_closing).count();
        if open <= share {
            self.over_since = None;
            return;
        }
        let since = *self.over_since.get_or_insert(now);
        if share > 0 && now.since(since) < OVER {
            return;
        }
        let mut least: Vec<u32> = self.held.keys().copied().collect();
        least.retain(|part| self.held.get(part).is_some_and(|held| !held.is_closing));
        least.sort_unstable_by_key(|part| rank(&self.inst, *part));
        for part in least.into_iter().take(open - share) {
            if let Some(held) = self.held.get_mut(&part) {
                held.is_closing = true;
            }
        }
        self.over_since = None;
    }

    /// What the server says is ours and we know nothing of: a claim whose answer was lost. It is claimed anew where there
    /// is room for it, else given back.
    fn give_back_unknown(&mut self, share: usize, actions: &mut Vec<Action>) {
        let room = share.saturating_sub(self.held.len());
        let ours = self.view.holders.iter();
        let unknown = ours.filter(|(part, h)| h.inst == self.inst && !self.held.contains_key(part));
        let mut unknown: Vec<(u32, u64)> = unknown.map(|(part, h)| (*part, h.token)).collect();
        unknown.sort_by_cached_key(|(part, _)| std::cmp::Reverse(rank(&self.inst, *part)));
        let surplus = unknown.into_iter().skip(room);
        actions.extend(surplus.map(|(part, token)| Action::Release { part, token }));
    }

    /// Under its share, it claims what is free, what it would like most first; and what it holds under too low a token.
    fn claim(&mut self, share: usize, actions: &mut Vec<Action>) {
        let mut claims: Vec<u32> = Vec::new();
        let low = self.floors.iter().filter(|(part, floor)| {
            let held = self.held.get(part);
            held.is_some_and(|held| !held.is_closing && held.token < **floor)
        });
        claims.extend(low.map(|(part, _)| *part));
        let room = share.saturating_sub(self.held.len());
        if room > 0 {
            let live: BTreeSet<&str> = self.view.members.iter().map(|p| &*p.inst).collect();
            let is_free = |part: &u32| {
                let holder = self.view.holders.get(part);
                let is_ours = |h: &Holder| h.inst == self.inst;
                !self.held.contains_key(part)
                    && !self.refused.contains(part)
                    && holder.is_none_or(|h| is_ours(h) || !live.contains(&*h.inst))
            };
            let mut free: Vec<u32> = (0..self.wanted).filter(is_free).collect();
            // What is ours already first.
            free.sort_by_cached_key(|part| {
                let is_others = self
                    .view
                    .holders
                    .get(part)
                    .is_none_or(|h| h.inst != self.inst);
                (is_others, std::cmp::Reverse(rank(&self.inst, *part)))
            });
            claims.extend(free.into_iter().take(room));
        }
        claims.truncate(CLAIMS_MAX);
        actions.extend(claims.into_iter().map(|part| Action::Claim {
            part,
            holder: self.view.holders.get(&part).cloned(),
            floor: self.floors.get(&part).copied().unwrap_or(0),
        }));
    }

    /// When [`turn`](Member::turn) has something to do, as far as that is known.
    pub fn next_wakeup(&self, now: Mono) -> Mono {
        let mut at = self.next_renew;
        if now < self.gate_until {
            if let Some(since) = self.over_since {
                at = at.min(since + OVER);
            }
            if self.held.values().any(|held| held.is_closing) {
                at = at.min(now + ENDS_EVERY);
            }
            if now < self.calm_until && self.share() as usize > self.held.len() {
                at = at.min(self.calm_until);
            }
        }
        at
    }
}
