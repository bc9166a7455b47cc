//! What readers need: fresh snapshots, which buses are judged, and that writes are refused.

use log::Level;

use super::Writer;
use super::agenda::{Asked, Part, Step};
use super::bus_states::Found;
use super::command::{Census, Command};
use super::rate_limiter::{Refresh, Slice, Turns};
use crate::bus::BusError;
use crate::clock::Now;
use crate::contract::{
    BUS_HEALTH, BUS_HEALTH_EVERY, Health, REFUSED_EVERY, SYSTEM_BUS, TEXT_MAX_BYTES, WritesRefused,
};
use crate::text::SafeText;
use crate::watch::alert_store::{LEASE_RENEW, Told};

const _: () = assert!(
    LEASE_RENEW.as_millis() == REFUSED_EVERY.as_millis(),
    "what is said of refused writes goes out with each look at the lease"
);

impl Writer {
    /// Once a second: how many snapshots are to be refreshed in this one.
    pub(super) fn plan(&mut self, census: Census) {
        if std::mem::replace(&mut self.servers, census.servers) != census.servers {
            // What the server has may be lost or old.
            self.refresh.rewrite = true;
            self.buses.lost();
        }
        self.refresh.plan(census.slots, census.unwritten);
    }

    /// Behind the alerts, since no death waits for it; but in the same turn: where the lease takes a second to renew, no
    /// turn would have nothing else to do.
    pub(super) fn upkeep(&mut self) {
        if self.has_more || !self.is_speaking {
            return;
        }
        if self.may_refresh() {
            self.next([Step::Refresh]);
        }
        if std::mem::take(&mut self.buses_due) {
            self.next([Step::Buses]);
        }
        if !self.is_alone && self.now.mono >= self.rights_due {
            // Not before the next renewal, whatever comes of it.
            self.rights_due = self.now.mono + LEASE_RENEW;
            self.next([Step::Rights]);
        }
        if self.parts.contains(&Part::Publish) && self.now.mono >= self.republish_due {
            self.republish_due = self.now.mono + LEASE_RENEW;
            self.next([Step::Republish]);
        }
    }

    /// Whether snapshots may be written: of one whom nobody hears, the detector knows nothing.
    pub(super) fn may_refresh(&self) -> bool {
        let is_unheard = self.is_alone && !self.unheard.is_empty();
        !self.cut_off && !is_unheard
    }

    /// Once a second, by the one that speaks.
    pub(super) fn look_at_buses(&mut self) {
        if let Some(refusal) = &self.refusal {
            let said = WritesRefused {
                writes_refused: SafeText::cut(&refusal.reason, TEXT_MAX_BYTES),
                since_ts: refusal.since_ts,
                as_of_ts: self.now.wall_secs,
            };
            self.say(Command::SayOnBus(said.to_json()));
        }
        self.ask(Asked::Buses, Command::Buses);
    }

    /// So that readers ask further at once. Out of memory allows that; elsewhere the records run out by themselves.
    fn hide_buses(&mut self) {
        self.buses.lost();
        if self.now.mono >= self.hide_due {
            self.hide_due = self.now.mono + BUS_HEALTH_EVERY;
            self.say(Command::DropBuses);
        }
    }

    pub(super) fn buses_found(&mut self, found: Vec<Found>, slots: u32) {
        let now = self.now;
        // One whom nobody hears on the bus of the store must write it.
        let is_mute = |bus: &Found| bus.bus == SYSTEM_BUS && bus.barred.is_some();
        let is_mute = found.iter().any(is_mute);
        let may_be_wrong = self.refusal.is_some() && self.parts.iter().any(|p| p.is_read());
        if may_be_wrong && !is_mute {
            return self.hide_buses();
        }
        let turn = self.turns.lasts(now.mono).max(Refresh::turn(slots));
        if let Some(records) = self.buses.look(found, turn, now) {
            self.ask(Asked::BusesSet(now), Command::SetBuses(records));
        }
    }

    pub(super) fn buses_set(&mut self, at: Now, told: Result<Told, BusError>) {
        match told {
            Ok(Told::Refused(error)) => self.buses_refused(error),
            Ok(Told::Fenced) => self.fall_silent(),
            Ok(_) => {
                if self.buses.written(at) {
                    self.refresh.rewrite = true;
                    self.turns = Turns::default();
                    // At once: by the new clock, the snapshots of before may look old.
                    self.next([Step::Plan]);
                }
                self.taken(Part::Buses);
                self.next([Step::Judged(at)]);
            }
            Err(error) => {
                self.buses.lost();
                self.log(
                    Level::Debug,
                    format!("the records of the buses are not written: {error}"),
                );
            }
        }
    }

    /// So that whoever adds up how long a service was up knows when somebody would have noticed.
    pub(super) fn note_judged(&mut self, at: Now) {
        let sure = self.buses.sure();
        let sure = sure.map(|(bus, since)| (bus.to_owned(), since)).collect();
        let now_ts = at.wall_secs;
        self.ask(Asked::Judged, Command::SetJudged { sure, now_ts });
    }

    pub(super) fn judged(&mut self, told: &Result<Told, BusError>) {
        if let Err(error) = told {
            self.log(
                Level::Debug,
                format!("what is judged is not noted: {error}"),
            );
        }
    }

    fn buses_refused(&mut self, error: BusError) {
        if !error.is_write_refused() {
            self.taken(Part::Buses);
            // Others of our writes may pass: who reads listens to the echoes instead.
            if !std::mem::replace(&mut self.buses_denied, true) {
                self.log(
                    Level::Warn,
                    format!("{BUS_HEALTH} cannot be written: {error}"),
                );
            }
            return;
        }
        self.hide_buses();
        // Said once, by whatever write finds it out first.
        self.refused(Part::Buses, error);
    }

    /// Writes a few of the snapshots that are due: no transition waits longer for them than these few take.
    pub(super) fn look_for_snapshots(&mut self) {
        if self.refresh.is_due() {
            self.ask(Asked::Snapshots, Command::Snapshots(self.refresh.slice()));
        }
    }

    pub(super) fn snapshots_found(&mut self, snapshots: Vec<Health>, left: Slice, turns: u32) {
        self.refresh.spent(left);
        for _ in 0..turns {
            self.turns.next(self.now.mono);
        }
        match snapshots.is_empty() {
            // Whoever is due was not judged yet.
            true => self.refresh.give_up(),
            false => self.ask(Asked::Refreshed, Command::Refresh(snapshots)),
        }
    }

    pub(super) fn refreshed(&mut self, done: Result<bool, BusError>) {
        match done {
            Ok(true) => {
                self.has_answered();
                self.taken(Part::Refresh);
            }
            Ok(false) => self.fall_silent(),
            Err(error) => {
                self.log(
                    Level::Debug,
                    format!("health keys are not refreshed: {error}"),
                );
                self.refresh.fail();
                if error.is_connection_lost() {
                    self.unanswered();
                }
                if !error.is_connection_lost() {
                    // Tried again each second: that it is over shall not be noticed a minute later.
                    self.refresh.rewrite = true;
                    self.refused(Part::Refresh, error);
                }
            }
        }
    }
}
