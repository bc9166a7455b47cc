//! A writer that needs no lease, as the sentinel's: it always speaks, and says less of the store.

use log::Level;

use super::agenda::{Asked, Step};
use super::command::{Command, Whose};
use super::{Input, Writer};
use crate::bus::BusError;
use crate::clock::Now;
use crate::contract::{AlertKind, SYSTEM_BUS};
use crate::watch::alert_encoder::AlertEncoder;
use crate::watch::alert_store::Told;

impl Writer {
    /// The writer of a sentinel, at `now`: it speaks.
    pub fn alone(encoder: AlertEncoder, now: Now) -> Writer {
        let mut writer = Writer {
            is_alone: true,
            is_speaking: true,
            buses_due: false,
            ..Writer::new(encoder, now)
        };
        writer.take(Input::Watched { is_new: false });
        writer.out.clear();
        writer
    }

    /// People hear, once, that nothing is judged on a master that its replicas have left: the healer may have left it with
    /// them.
    pub(super) fn say_cut_off(&mut self, reason: &BusError) {
        let number = format!("cut-off-{}", self.now.mono.0);
        let mut alert = self.alert(AlertKind::BusUnstable, SYSTEM_BUS, &number);
        alert.bus = Some(SYSTEM_BUS.to_owned());
        alert.reason = Some(format!("the healer cannot be judged: {reason}").into());
        self.log_alert(&alert);
        self.say(Command::TellPeople(Box::new(alert.clone())));
        self.joins = Some(Box::new(alert));
        self.next([Step::PublishCutOff]);
    }

    pub(super) fn publish_cut_off(&mut self) {
        if let Some(alert) = self.joins.clone() {
            self.ask(Asked::CutOffPublished, Command::Publish(vec![*alert]));
        }
    }

    /// Offers what was told of the cut-off bus to the log. Once that takes it, services are judged again, by the record.
    pub(super) fn join(&mut self) {
        if let Some(alert) = self.joins.clone() {
            let published = true;
            self.ask(Asked::Joined, Command::Note { alert, published });
        }
    }

    pub(super) fn joined(&mut self, told: Result<Told, BusError>) {
        if let Ok(Told::Refused(error)) | Err(error) = told {
            self.log(Level::Debug, format!("not yet: {error}"));
            // Another refusal than that is none of a server that everybody has left.
            if error.is_cut_off() || !error.is_refusal() {
                return;
            }
        }
        let records = self.records(Whose::All, true);
        self.ask(Asked::Rejoined, Command::Records(records));
    }

    pub(super) fn rejoined(&mut self, done: Result<(), BusError>) {
        match done {
            Ok(()) => {
                self.joins = None;
                self.must_seed = false;
                self.settles = false;
                self.refresh.rewrite = true;
                self.set_cut_off(None);
            }
            Err(error) => self.log(Level::Warn, error.to_string()),
        }
    }

    /// The store did not answer a write. Without a lease that is asked for each second, this is how it is found out.
    pub(super) fn unanswered(&mut self) {
        if !self.is_alone {
            return;
        }
        self.away_since.get_or_insert(self.now.mono);
        if self.is_unanswered_for_long() {
            self.tell_owed();
            self.tell_notes();
        }
    }

    /// It answered one.
    pub(super) fn has_answered(&mut self) {
        if self.is_alone {
            self.away_since = None;
        }
    }
}
