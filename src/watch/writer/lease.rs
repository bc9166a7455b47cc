//! Who speaks: by the lease, or without one while nobody can take it.

use std::time::Duration;

use log::Level;

use super::agenda::{Asked, Part, Step, Wanted, Why};
use super::command::{Command, Whose};
use super::succession::Turn;
use super::{Patience, Writer};
use crate::bus::BusError;
use crate::bus::lease::{Answered, Standing};
use crate::watch::alert_store::{LEASE, LEASE_RENEW};

/// From one look at the rights to the next, while none is missing.
const RIGHTS_EVERY: Duration = Duration::from_secs(10);

impl Writer {
    /// Takes or renews the lease; begins or ceases to speak accordingly.
    pub(super) fn hold(&mut self) {
        let now = self.now.mono;
        self.answers = true;
        if self.standing_by && self.patience != Patience::None {
            return self.ask(Asked::Pong, Command::Ping);
        }
        let others_speak =
            |s: &mut Writer| s.succession.is_on() && s.succession.is_others(s.now.mono);
        if !self.is_speaking && others_speak(self) {
            // Nobody can take the lease, and another healer speaks all the same.
            return self.ask(Asked::Holder(Why::Leave), Command::AskHolder);
        }
        let ask = self.lease.ask(now);
        self.ask(Asked::Lease, Command::AskLease(ask));
    }

    /// The bus was away, and the lease with it. Whoever spoke then told people of the outage, and is to tell its end.
    pub(super) fn waited(&mut self, answers: bool) {
        let now = self.now.mono;
        self.answers = answers;
        self.patience = match self.patience {
            _ if !answers => Patience::Away,
            Patience::Away => Patience::Until(now + LEASE + LEASE_RENEW),
            Patience::Until(end) if now < end => Patience::Until(end),
            _ => Patience::None,
        };
    }

    pub(super) fn lease_answered(&mut self, answer: Result<Answered, BusError>) {
        let now = self.now.mono;
        match answer {
            Ok(Answered { answer, refused }) => {
                let standing = self.lease.answered(&answer, now);
                self.held(standing, answer.holder(), refused);
            }
            Err(error) => {
                self.lease.failed(&error, now);
                match error.is_refusal() {
                    true => self.go_without(error),
                    false => self.lease_lost(&error),
                }
            }
        }
    }

    fn held(&mut self, standing: Standing, holder: Option<&str>, refused: Option<BusError>) {
        self.away_since = None;
        self.end_succession();
        self.set_cut_off(None);
        self.next([Step::Lease(refused)]);
        match standing {
            Standing::Kept if self.is_speaking && !self.must_seed => {}
            Standing::Kept | Standing::Taken => self.take_over(),
            Standing::Others => self.give_way(holder),
        }
    }

    /// What was refused in the renewal.
    pub(super) fn end_hold(&mut self, refused: Option<BusError>) {
        match refused {
            Some(error) if self.is_speaking => self.refused(Part::Lease, error),
            _ => self.taken(Part::Lease),
        }
    }

    /// The bus does not answer, or not yet.
    fn lease_lost(&mut self, error: &BusError) {
        if self.away_since.is_none() {
            self.away_since = Some(self.now.mono);
            self.log(
                Level::Warn,
                format!("the lease cannot be asked for: {error}"),
            );
        }
        if error.is_connection_lost() {
            self.patience = Patience::Away;
            self.end_succession();
            self.answers = false;
        }
    }

    /// Another holds the lease.
    fn give_way(&mut self, holder: Option<&str>) {
        if let Some(holder) = holder {
            self.succession.saw_holder(holder);
        }
        if self.is_speaking {
            self.fall_silent();
        }
        self.stand_by("another healer holds the lease: standing by, mute");
    }

    fn stand_by(&mut self, why: &str) {
        if !std::mem::replace(&mut self.standing_by, true) {
            self.log(Level::Info, why);
            self.say(Command::StandBy);
        }
    }

    /// The lease is refused. Whoever held it last goes on speaking.
    fn go_without(&mut self, error: BusError) {
        self.away_since = None;
        if error.is_cut_off() {
            self.set_cut_off(Some(&error));
        }
        self.ask(Asked::Holder(Why::Barred(error)), Command::AskHolder);
    }

    pub(super) fn holder_answered(&mut self, why: Why, holder: Result<Option<String>, BusError>) {
        match (holder, why) {
            (Ok(Some(holder)), why) if holder != self.encoder.inst => {
                if let Why::Leave = why {
                    self.end_succession();
                }
                self.give_way(Some(&holder));
                if let Why::Barred(error) = why {
                    self.say_barred(error);
                }
            }
            (Err(error), _) if error.is_connection_lost() => self.lease_lost(&error),
            (_, why) => self.ask(Asked::Heard(why), Command::Listen),
        }
    }

    /// What the others said of themselves.
    pub(super) fn heard(&mut self, why: Why, heard: Result<Vec<(String, Vec<u8>)>, BusError>) {
        let now = self.now.mono;
        match heard {
            Ok(words) => {
                self.deaf = false;
                self.succession.begin(now);
                for (inst, payload) in &words {
                    self.succession.hear(inst, payload, now);
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.deaf, true) {
                    self.log(
                        Level::Warn,
                        format!("other healers cannot be heard: {error}"),
                    );
                }
                // Who may not listen must not wait for ever to hear somebody.
                match error.is_refusal() {
                    true => self.succession.begin(now),
                    false => self.succession.deafen(),
                }
            }
        }
        match why {
            Why::Leave => self.say(Command::SayWord(self.succession.word(false))),
            Why::Barred(error) => self.speak_without(error),
        }
    }

    fn speak_without(&mut self, error: BusError) {
        self.next([Step::Barred(error)]);
        match self.succession.turn(self.is_speaking, self.now.mono) {
            // A server that was left by others takes no lease either: who does not speak does not begin there.
            Turn::Speak if self.cut_off && !self.is_speaking => {
                self.beat_mute(false);
                self.stand_by("the bus is cut off from its replicas: standing by, mute");
            }
            Turn::Speak if self.is_speaking && (!self.must_seed || self.cut_off) => {}
            Turn::Speak => self.take_over(),
            Turn::StandBy => {
                if self.is_speaking {
                    self.fall_silent();
                }
                self.stand_by(
                    "the lease cannot be taken: standing by, mute, until no other healer was heard for 6 s",
                );
                let waits_alone = self.succession.waits_alone(self.now.mono);
                self.beat_mute(waits_alone && !self.cut_off);
            }
        }
    }

    /// One that is alone and waits is not dead: whoever watches it shall not take it for that.
    fn beat_mute(&mut self, beats: bool) {
        if !self.is_speaking && std::mem::replace(&mut self.beats_mute, beats) != beats {
            self.say(Command::BeatMute(beats));
        }
    }

    /// It is decided who speaks without the lease.
    pub(super) fn end_without(&mut self, error: BusError) {
        let speaking = self.is_speaking;
        self.say(Command::SayWord(self.succession.word(speaking)));
        match speaking {
            true => self.refused(Part::Lease, error),
            false => self.say_barred(error),
        }
    }

    /// What keeps one from the lease that does not speak, in the log, once.
    fn say_barred(&mut self, error: BusError) {
        if self.barred.as_ref() != Some(&error) {
            self.barred = Some(error.clone());
            self.ask(Asked::Explained(Wanted::Barred), Command::Explain(error));
        }
    }

    fn end_succession(&mut self) {
        self.beat_mute(false);
        self.succession.end();
        self.deaf = false;
        self.say(Command::Deafen);
    }

    /// Takes in how the last speaker left things, then speaks.
    ///
    /// Also when we believe to be speaking: while this process stood still, another may have spoken and gone. What is
    /// owed from before is offered all the same; the store compares. Where reading is refused as well, nobody gets any
    /// further by silence: it is read when that is possible again.
    fn take_over(&mut self) {
        if !self.is_speaking {
            self.discard();
        }
        self.must_seed = true;
        let records = self.records(Whose::All, self.settles);
        self.ask(Asked::Seeded, Command::Records(records));
    }

    pub(super) fn seeded(&mut self, done: Result<(), BusError>) {
        match done {
            Ok(()) => {
                self.must_seed = false;
                self.settles = false;
                self.unreadable = false;
            }
            Err(error) => {
                if !std::mem::replace(&mut self.unreadable, true) {
                    self.log(
                        Level::Warn,
                        format!("the last state cannot be read: {error}"),
                    );
                }
                if !error.is_refusal() {
                    return;
                }
            }
        }
        self.next([Step::Begin]);
    }

    pub(super) fn begin_speaking(&mut self) {
        self.unheard.restart();
        self.buses.lost();
        self.standing_by = false;
        self.patience = Patience::None;
        self.barred = None;
        self.beats_mute = false;
        if std::mem::replace(&mut self.is_speaking, true) {
            return;
        }
        self.say(Command::Speak);
        match self.succession.is_on() {
            true => self.log(
                Level::Warn,
                "nobody can take the lease, and no other healer speaks: this one does",
            ),
            false => self.log(Level::Info, "this healer holds the lease and speaks"),
        }
        self.ask(Asked::Rights, Command::CheckRights);
    }

    pub(super) fn rights_checked(&mut self, done: Result<(), BusError>) {
        match done {
            Ok(()) => {
                self.rights_due = self.now.mono + RIGHTS_EVERY;
                self.taken(Part::Rights);
            }
            Err(error) if error.is_refusal() => {
                self.rights_due = self.now.mono;
                self.refused(Part::Rights, error);
            }
            Err(_) => {}
        }
    }

    pub(super) fn fall_silent(&mut self) {
        self.log(Level::Warn, "another healer took the lease: falling silent");
        self.is_speaking = false;
        self.say(Command::FallSilent);
        // The other one judges for itself.
        self.owed.clear();
        self.notes.clear();
        self.spoken.clear();
        self.forget_refusal();
    }

    /// A healer that stands by tells nothing; what it judged is compared with the record when it takes over. Whose records
    /// are to go it keeps: perhaps nobody spoke when truth dropped them, and a record that stays would be believed when
    /// truth names its service again.
    pub(super) fn discard(&mut self) {
        self.say(Command::Discard);
        self.notes.clear();
        self.spoken.clear();
        self.met.clear();
    }

    /// The lease was asked for. From its answer on a second goes by: over a far bus there is time for the rest, too.
    pub(super) fn renewed(&mut self) {
        self.end_refusal();
        self.renew = self.now.mono + LEASE_RENEW;
        self.buses_due = !self.is_alone;
        // What failed before is offered again.
        self.has_more = true;
        self.next([Step::Plan]);
    }
}
