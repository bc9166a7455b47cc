//! What workers ask before they begin something.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::clock::Mono;
use crate::fail_stop::lock;

/// Which parts may be worked on. Clones are the same gate.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Nothing begins from then on, unless a renewal moves it.
    until: Mono,
    open: BTreeMap<u32, u64>,
    /// Pieces of work under way, by part and token: a part may be lost and held again meanwhile.
    under_way: BTreeMap<(u32, u64), usize>,
}

/// Leave to do one piece of work of a part; dropped at its end.
#[derive(Debug)]
pub struct Permit {
    gate: Gate,
    part: u32,
    token: u64,
}

impl Gate {
    /// Leave to begin something of `part` at `now`, if the part is held and the gate is not shut.
    pub fn enter(&self, part: u32, now: Mono) -> Option<Permit> {
        let mut state = self.state();
        if now >= state.until {
            return None;
        }
        let token = *state.open.get(&part)?;
        *state.under_way.entry((part, token)).or_default() += 1;
        Some(Permit {
            gate: self.clone(),
            part,
            token,
        })
    }

    /// Whether something of `part` may begin at `now`.
    pub fn is_open(&self, part: u32, now: Mono) -> bool {
        let state = self.state();
        now < state.until && state.open.contains_key(&part)
    }

    /// The token of `part`, if it may be worked on at `now`.
    pub fn token(&self, part: u32, now: Mono) -> Option<u64> {
        let state = self.state();
        (now < state.until).then(|| state.open.get(&part).copied())?
    }

    /// Whether work of `part` is under way in the name of `token`.
    pub fn is_busy(&self, part: u32, token: u64) -> bool {
        self.state().under_way.contains_key(&(part, token))
    }

    /// Nothing begins any more until a renewal is answered.
    pub fn shut(&self) {
        self.state().until = Mono(0);
    }

    /// These parts may be worked on, until then.
    pub(super) fn set(&self, until: Mono, open: BTreeMap<u32, u64>) {
        let mut state = self.state();
        (state.until, state.open) = (until, open);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

impl Permit {
    /// The part.
    pub fn part(&self) -> u32 {
        self.part
    }

    /// The token that results of this piece of work carry.
    pub fn token(&self) -> u64 {
        self.token
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        let key = (self.part, self.token);
        if let Some(count) = state.under_way.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                state.under_way.remove(&key);
            }
        }
    }
}
