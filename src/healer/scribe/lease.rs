//! Who speaks: by the lease, or without one while nobody can take it.

use std::sync::atomic::Ordering;

use super::Scribe;
use super::others::Turn;
use crate::bus::BusError;
use crate::bus::lease::{Held, Standing};
use crate::clock::Mono;
use crate::healer::desk::{Desk, Part, Patience};
use crate::watch::ledger::{LEASE, LEASE_RENEW};

impl Scribe {
    /// Takes or renews the lease; begins or ceases to speak accordingly. False when the bus does not answer.
    pub(super) fn hold(&mut self, desk: &mut Desk) -> bool {
        if desk.standing_by && desk.patience != Patience::None {
            return self.wait_for_speaker(desk);
        }
        if !self.is_speaking() && self.others.speak(Mono::now()) {
            return self.leave_lease(desk);
        }
        match self.ledger.hold_lease() {
            Ok(held) => self.held(desk, held),
            Err(error) if error.is_refusal() => return self.go_without(desk, error),
            Err(error) => return self.lease_lost(desk, &error),
        }
        true
    }

    fn held(&mut self, desk: &mut Desk, held: Held) {
        desk.away_since = None;
        self.others.end();
        self.set_cut_off(desk, false);
        match held.standing {
            Standing::Kept if self.is_speaking() && !desk.must_seed => {}
            Standing::Kept | Standing::Taken => self.take_over(desk),
            Standing::Others => self.give_way(desk, held.holder.as_deref()),
        }
        match held.refused {
            Some(error) if self.is_speaking() => {
                if let Err(error) = self.refused(desk, Part::Lease, error) {
                    log::debug!("nobody on the channel hears of it: {error}");
                }
            }
            _ => desk.taken(Part::Lease),
        }
    }

    /// The bus does not answer, or not yet.
    fn lease_lost(&mut self, desk: &mut Desk, error: &BusError) -> bool {
        if desk.away_since.is_none() {
            desk.away_since = Some(Mono::now());
            log::warn!("the lease cannot be asked for: {error}");
        }
        if error.is_connection_lost() {
            desk.patience = Patience::Away;
            self.others.end();
            return false;
        }
        true
    }

    /// Another holds the lease.
    fn give_way(&mut self, desk: &mut Desk, holder: Option<&str>) {
        if let Some(holder) = holder {
            self.others.saw_holder(holder);
        }
        if self.is_speaking() {
            self.fall_silent(desk);
        }
        self.stand_by(desk, "another healer holds the lease: standing by, mute");
    }

    fn stand_by(&self, desk: &mut Desk, why: &str) {
        if !std::mem::replace(&mut desk.standing_by, true) {
            log::info!("{why}");
            self.service_manager.ready();
        }
    }

    /// Nobody can take the lease, and another healer speaks all the same.
    fn leave_lease(&mut self, desk: &mut Desk) -> bool {
        let me = self.voice.inst.as_str();
        match self.ledger.lease_holder() {
            Ok(Some(holder)) if holder != me => {
                self.others.end();
                self.give_way(desk, Some(&holder));
            }
            Err(error) if error.is_connection_lost() => return self.lease_lost(desk, &error),
            _ => {
                self.others.listen();
                self.others.say(&mut self.ledger, false);
            }
        }
        true
    }

    /// The lease is refused. Whoever held it last goes on speaking.
    fn go_without(&mut self, desk: &mut Desk, error: BusError) -> bool {
        desk.away_since = None;
        if error.is_cut_off() {
            self.set_cut_off(desk, true);
        }
        match self.ledger.lease_holder() {
            Ok(Some(holder)) if holder != self.voice.inst => {
                self.say_barred(desk, error);
                self.give_way(desk, Some(&holder));
                return true;
            }
            Err(error) if error.is_connection_lost() => return self.lease_lost(desk, &error),
            _ => {}
        }
        self.others.listen();
        match self.others.turn(self.is_speaking()) {
            // A server that was left by others takes no lease either: who does not speak does not begin there.
            Turn::Speak if desk.cut_off && !self.is_speaking() => {
                self.stand_by(
                    desk,
                    "the bus is cut off from its replicas: standing by, mute",
                );
            }
            Turn::Speak if self.is_speaking() && (!desk.must_seed || desk.cut_off) => {}
            Turn::Speak => self.take_over(desk),
            Turn::StandBy => {
                if self.is_speaking() {
                    self.fall_silent(desk);
                }
                self.stand_by(
                    desk,
                    "the lease cannot be taken: standing by, mute, until no other healer was heard for 6 s",
                );
            }
        }
        let speaking = self.is_speaking();
        self.others.say(&mut self.ledger, speaking);
        if !speaking {
            self.say_barred(desk, error);
        } else if let Err(error) = self.refused(desk, Part::Lease, error) {
            log::debug!("nobody on the channel hears of it: {error}");
        }
        true
    }

    /// What keeps one from the lease that does not speak, in the log, once.
    fn say_barred(&mut self, desk: &mut Desk, error: BusError) {
        if desk.barred.as_ref() != Some(&error) {
            desk.barred = Some(error.clone());
            log::error!("the lease cannot be taken: {}", self.ledger.explain(error));
        }
    }

    /// The bus was away, and the lease with it. Whoever spoke then told people of the outage, and is to tell its end.
    fn wait_for_speaker(&mut self, desk: &mut Desk) -> bool {
        let answers = self.ledger.commands().ping().is_ok();
        desk.patience = match desk.patience {
            _ if !answers => Patience::Away,
            Patience::Away => Patience::Until(Mono::now() + LEASE + LEASE_RENEW),
            Patience::Until(end) if Mono::now() < end => Patience::Until(end),
            _ => Patience::None,
        };
        answers
    }

    /// Takes in how the last speaker left things, then speaks.
    ///
    /// Also when we believe to be speaking: while this process stood still, another may have spoken and gone. What is
    /// owed from before is offered all the same; the ledger compares. Where reading is refused as well, nobody gets any
    /// further by silence: it is read when that is possible again.
    fn take_over(&mut self, desk: &mut Desk) {
        if !self.is_speaking() {
            desk.discard();
        }
        desk.must_seed = true;
        match self.seed(desk) {
            Ok(()) => {
                desk.must_seed = false;
                desk.settles = false;
                desk.unreadable = false;
            }
            Err(error) => {
                if !std::mem::replace(&mut desk.unreadable, true) {
                    log::warn!("the last state cannot be read: {error}");
                }
                if !error.is_refusal() {
                    return;
                }
            }
        }
        desk.unheard.restart();
        desk.buses.lost();
        desk.standing_by = false;
        desk.patience = Patience::None;
        desk.barred = None;
        if !self.speaking.swap(true, Ordering::SeqCst) {
            self.beat.unmute();
            self.say_look();
            if self.others.are_heard() {
                log::warn!("nobody can take the lease, and no other healer speaks: this one does");
            } else {
                log::info!("this healer holds the lease and speaks");
            }
            if let Err(error) = self.ledger.check_rights()
                && error.is_refusal()
            {
                let _ = self.refused(desk, Part::Notes, error);
            }
        }
    }

    pub(super) fn fall_silent(&mut self, desk: &mut Desk) {
        log::warn!("another healer took the lease: falling silent");
        self.speaking.store(false, Ordering::SeqCst);
        self.beat.mute();
        self.say_look();
        // The other one judges for itself.
        desk.owed.clear();
        desk.notes.clear();
        desk.forget.clear();
        desk.forget_refusal();
    }
}
