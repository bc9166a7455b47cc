//! Beginning to speak: what is known here, held against the record.

use super::restarts::Restarts;
use super::{Known, Registry, Works};
use crate::clock::{Mono, Now};
use crate::contract::mesh::{EventKind, Instance, State};

use super::record::Order;

impl Registry {
    /// This mesh does not speak any more: what it did not get said, another may.
    pub fn fall_silent(&mut self) {
        self.speaks = false;
        self.waiting.clear();
        self.stale.clear();
    }

    /// This mesh speaks from now on; `stored` is the record as it stands. What differs is told.
    pub fn take_over(&mut self, stored: Vec<Instance>, now: Now) {
        self.fall_silent();
        self.speaks = true;
        // Those in the record first, so that whoever is in both follows what stands there.
        let mut unread: std::collections::HashSet<Box<str>> = self.known.keys().cloned().collect();
        for record in stored {
            let name = record.field();
            unread.remove(&*name);
            self.compare(&name, Some(&record), now);
        }
        let mut unread: Vec<Box<str>> = unread.into_iter().collect();
        unread.sort_unstable();
        for name in unread {
            self.compare(&name, None, now);
        }
        for bus in self.doubting.clone() {
            self.tell_of_bus(EventKind::Doubt, &bus, now);
        }
    }

    /// The record is lost: all of it is written anew, and what waits is in that.
    pub fn begin_anew(&mut self) {
        self.waiting.clear();
        self.stale.clear();
    }

    /// What is known of one, against the record.
    pub(super) fn compare(&mut self, name: &str, stored: Option<&Instance>, now: Now) {
        let Some(stored) = stored else {
            if let Some(known) = self.known.get_mut(name) {
                known.id = "".into();
                let state = known.state;
                self.tell_from_nothing(name, state, now);
            }
            return;
        };
        if !self.known.contains_key(name) {
            return self.adopt(name, stored, now);
        }
        let Some(known) = self.known.get_mut(name) else {
            return;
        };
        known.id = stored.id.as_str().into();
        if known.card.host.is_empty() {
            self.hosts.take_out(name, known);
            known.card = stored.card.clone();
            self.hosts.enter(name, known);
        }
        if known.state == stored.state {
            known.since_ts = stored.since_ts;
            return;
        }
        let kind = match (stored.state, known.state) {
            (_, State::Failed) => EventKind::Failed,
            (_, State::Left) => EventKind::Left,
            (State::Failed | State::Left, State::Joining) => {
                // It came back with one beat.
                let since_ts = known.since_ts;
                self.correct(name, State::Up, since_ts);
                EventKind::Back
            }
            (State::Failed | State::Left, _) => EventKind::Back,
            // One beat was heard here, many by those who wrote the record: the state there is the better one.
            (_, State::Joining) => return self.correct(name, stored.state, stored.since_ts),
            (_, State::Suspect) => EventKind::Suspect,
            (_, State::Up) => EventKind::Up,
        };
        self.tell(name, kind, now);
    }

    /// It stands so, which is no news.
    fn correct(&mut self, name: &str, state: State, since_ts: i64) {
        let Some(known) = self.known.get_mut(name) else {
            return;
        };
        let was = (known.state, known.works);
        self.hosts.take_out(name, known);
        (known.state, known.since_ts) = (state, since_ts);
        self.hosts.enter(name, known);
        let (svc, is) = (known.svc.clone(), (known.state, known.works));
        self.recount(&svc, was, is);
    }

    /// The record knows nothing of one that is known here.
    fn tell_from_nothing(&mut self, name: &str, state: State, now: Now) {
        match state {
            State::Failed | State::Left => {
                // Nobody heard of it, and it is gone.
                self.forget_quietly(name);
            }
            State::Joining => self.tell(name, EventKind::Joined, now),
            State::Up | State::Suspect => {
                self.tell(name, EventKind::Joined, now);
                let kind = match state {
                    State::Up => EventKind::Up,
                    _ => EventKind::Suspect,
                };
                self.tell(name, kind, now);
            }
        }
    }

    fn forget_quietly(&mut self, name: &str) {
        let speaks = std::mem::replace(&mut self.speaks, false);
        self.forget(name, Now::default());
        self.speaks = speaks;
    }

    /// One that only the record knows: it is waited for, or remembered, as it stands there.
    fn adopt(&mut self, name: &str, stored: &Instance, now: Now) {
        let svc: Box<str> = stored.svc.as_str().into();
        self.known.insert(
            name.into(),
            Known {
                svc: svc.clone(),
                inst: stored.inst.as_str().into(),
                state: stored.state,
                card: stored.card.clone(),
                since_ts: stored.since_ts,
                last_beat_ts: stored.last_beat_ts,
                last_i: stored.last_i,
                // Before all that is heard here.
                first_heard: Mono(0),
                last_heard: Mono(0),
                works: Works::Well,
                restarts: Restarts::default(),
                id: stored.id.as_str().into(),
                waits_at: 0,
            },
        );
        let Some(service) = self.services.get_mut(&svc) else {
            // Truth names its service no more.
            return self.forget(name, now);
        };
        if let Some(known) = self.known.get(name) {
            self.hosts.enter(name, known);
        }
        *service.counts.of(stored.state) += 1;
        if !stored.state.is_live() {
            let ago = u64::try_from(now.wall_secs - stored.since_ts).unwrap_or(0);
            let went = now.mono - std::time::Duration::from_secs(ago);
            self.gone.went(name, went);
        }
        self.orders.push(Order::Expect {
            svc,
            inst: stored.inst.as_str().into(),
            state: stored.state,
        });
    }
}
