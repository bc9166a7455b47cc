//! A turn: what is due, one question after the other, each answer leading to what follows from it.

use super::Writer;
use super::agenda::{Asked, Step};
use super::command::{Command, Reply};
use crate::watch::alert_store::LEASE_RENEW;

impl Writer {
    /// A turn begins, unless one is under way.
    pub(super) fn turn(&mut self, is_news: bool) {
        if self.asked.is_some() || !self.has_watches {
            return;
        }
        debug_assert!(self.agenda.is_empty(), "a turn ends with its last answer");
        self.has_more |= std::mem::take(&mut self.has_news);
        let now = self.now.mono;
        // What was just judged goes first: over a far bus, the lease takes its time.
        let may_wait =
            is_news && self.answers && self.is_speaking && now < self.renew + LEASE_RENEW;
        if now >= self.renew && !may_wait {
            self.say_unlogged();
            self.agenda.extend([Step::Hold, Step::Renewed]);
        }
        self.agenda.push_back(Step::Speak);
    }

    /// Goes through the agenda, up to the next question.
    pub(super) fn go(&mut self) {
        while self.asked.is_none()
            && let Some(step) = self.agenda.pop_front()
        {
            if step.can_wait() && !(self.is_speaking && self.answers) {
                // So it is since the turn began.
                continue;
            }
            match self.breaks_in(&step) {
                Some(first) => {
                    self.next([step]);
                    self.next(first);
                }
                None => self.begin(step),
            }
        }
    }

    /// What does not wait for `step`: over a far bus, each question takes its time.
    fn breaks_in(&mut self, step: &Step) -> Option<[Step; 2]> {
        let is_lease_due = !self.is_alone && self.now.mono >= self.renew + LEASE_RENEW;
        if step.can_wait() && is_lease_due {
            return Some([Step::Hold, Step::Renewed]);
        }
        if step.is_of_upkeep() && !self.cut_off && std::mem::take(&mut self.has_news) {
            return Some([Step::Collect, Step::Owed]);
        }
        None
    }

    fn begin(&mut self, step: Step) {
        match step {
            Step::Hold if self.is_alone => self.join(),
            Step::Hold => self.hold(),
            Step::Renewed => self.renewed(),
            Step::Plan => self.ask(Asked::Census, Command::Census),
            Step::Lease(refused) => self.end_hold(refused),
            Step::Barred(error) => self.end_without(error),
            Step::Begin => self.begin_speaking(),
            Step::Speak => self.speak(),
            Step::Meet => self.meet(),
            Step::Notes => self.write_notes(),
            Step::Settle => self.settle(),
            Step::Collect => self.collect(),
            Step::Owed => self.pay(),
            Step::Paid(stop) => self.paid(stop),
            Step::Forget => self.forget(),
            Step::Unheard => self.write_unheard(),
            Step::Upkeep => self.upkeep(),
            Step::Buses => self.look_at_buses(),
            Step::Rights => self.ask(Asked::Rights, Command::CheckRights),
            Step::Republish => self.republish(),
            Step::Judged(at) => self.note_judged(at),
            Step::Refresh => self.look_for_snapshots(),
            Step::Refused(part, error) => self.refused(part, error),
            Step::SayRefused(error) => self.say_refused(error),
            Step::PublishNotes => self.publish_notes(),
            Step::PublishOwed => self.publish_owed(),
            Step::ShowOwed => self.show_owed(),
            Step::PublishCutOff => self.publish_cut_off(),
        }
    }

    pub(super) fn answered(&mut self, reply: Reply) {
        let Some(asked) = self.asked.take() else {
            debug_assert!(false, "nothing was asked: {reply:?}");
            return;
        };
        match (asked, reply) {
            (Asked::Pong, Reply::Pong(answers)) => self.waited(answers),
            (Asked::Lease, Reply::Lease(answer)) => self.lease_answered(answer),
            (Asked::Holder(why), Reply::Holder(holder)) => self.holder_answered(why, holder),
            (Asked::Heard(why), Reply::Heard(heard)) => self.heard(why, heard),
            (Asked::Seeded, Reply::Records(done)) => self.seeded(done),
            (Asked::Met(met), Reply::Records(done)) => self.have_met(met, &done),
            (Asked::Settled, Reply::Records(done)) => self.settled(&done),
            (Asked::Collected { past }, Reply::Collected { entries, silent }) => {
                self.collected(past, entries, silent);
            }
            (Asked::Told, Reply::Told(told)) => self.told(told),
            (Asked::Noted, Reply::Noted(told)) => self.noted(told),
            (Asked::NotesPublished(ids), Reply::Published(done)) => {
                self.notes_published(&ids, &done);
            }
            (Asked::OwedPublished, Reply::Published(done)) => self.owed_published(&done),
            (Asked::Republished, Reply::Published(done)) => self.republished(&done),
            (Asked::Shown, Reply::Refreshed(done)) => self.shown(done),
            (Asked::Refreshed, Reply::Refreshed(done)) => self.refreshed(done),
            (Asked::Forgotten(names), Reply::Forgotten(done)) => self.forgotten(names, done),
            (Asked::Found(due), Reply::Found(found)) => self.unheard_found(due, found),
            (Asked::UnheardWritten(end), Reply::Refreshed(done)) => self.unheard_written(end, done),
            (Asked::Census, Reply::Census(census)) => self.plan(census),
            (
                Asked::Snapshots,
                Reply::Snapshots {
                    snapshots,
                    left,
                    turns,
                },
            ) => self.snapshots_found(snapshots, left, turns),
            (Asked::Buses, Reply::Buses { found, slots }) => self.buses_found(found, slots),
            (Asked::BusesSet(at), Reply::BusesSet(told)) => self.buses_set(at, told),
            (Asked::Judged, Reply::Judged(told)) => self.judged(&told),
            (Asked::CutOffPublished, Reply::Published(_)) => {}
            (Asked::Joined, Reply::Noted(told)) => self.joined(told),
            (Asked::Rejoined, Reply::Records(done)) => self.rejoined(done),
            (Asked::Rights, Reply::Rights(done)) => self.rights_checked(done),
            (Asked::Explained(why), Reply::Explained(error)) => self.explained(why, &error),
            (asked, reply) => debug_assert!(false, "{asked:?} is not answered by {reply:?}"),
        }
    }
}
