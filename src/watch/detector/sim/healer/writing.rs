//! The thread of the writer, played: it carries out commands, one after the other.

use std::collections::VecDeque;

use super::super::redis::Command as Sent;
use super::super::store::{Answer, Question};
use super::{Healer, Wish};
use crate::clock::Now;
use crate::contract::Health;
use crate::watch::alert_store::Told;
use crate::watch::record::{due_snapshots, take_in};
use crate::watch::writer::Input;
use crate::watch::writer::command::{Census, Command, Reply, Whose};

/// A question that has no answer after so long gets none.
const ANSWERED_WITHIN: u64 = 2_000_000;
/// Turns in one moment: what they ask for without a way to the store ends by itself.
const TURNS: usize = 100;

/// A question that is not answered yet.
pub(super) struct Asked {
    number: u64,
    /// When it went out.
    at: u64,
    /// What the writer hears if it never is.
    unanswered: Reply,
}

impl Healer {
    /// Whether it speaks.
    pub fn speaks(&self) -> bool {
        self.writer.is_speaking()
    }

    /// When the writer is to be looked at.
    pub fn wants_to_write_at(&self) -> u64 {
        match &self.asked {
            Some(asked) => asked.at + ANSWERED_WITHIN,
            None => self.writer.wake().0,
        }
    }

    /// The writer's turn; `is_news`: something was decided.
    pub(super) fn write(&mut self, now: Now, is_news: bool, wishes: &mut Vec<Wish>) {
        let is_lost = std::mem::take(&mut self.connection_lost);
        if let Some(Asked { number, at, .. }) = self.asked
            && (is_lost || now.mono.0 >= at + ANSWERED_WITHIN)
        {
            self.answered(number, None, now, wishes);
        }
        if is_news {
            self.tell_writer(Input::News, now, wishes);
        }
        for _ in 0..TURNS {
            if self.asked.is_some() || self.writer.wake() > now.mono {
                return;
            }
            self.tell_writer(Input::Tick, now, wishes);
        }
        panic!("the writer has something to do for ever");
    }

    /// The answer came, or there is none.
    pub(super) fn answered(
        &mut self,
        question: u64,
        answer: Option<Box<Answer>>,
        now: Now,
        wishes: &mut Vec<Wish>,
    ) {
        let is_asked = |asked: &mut Asked| asked.number == question;
        let Some(asked) = self.asked.take_if(is_asked) else {
            return;
        };
        let reply = match answer.map(|answer| *answer) {
            Some(Answer::Reply(reply)) => reply,
            Some(Answer::Records(records, found)) => {
                let found = found.iter();
                let found: Vec<_> = found
                    .map(|(svc, health)| (&**svc, health.as_ref()))
                    .collect();
                let (detector, decided) = (&mut self.detector, &mut self.decided);
                take_in(detector, decided, &found, &records, false, now);
                Reply::Records(Ok(()))
            }
            None => {
                self.connection += 1;
                asked.unanswered
            }
        };
        self.tell_writer(Input::Reply(Box::new(reply)), now, wishes);
    }

    pub(super) fn tell_writer(&mut self, input: Input, now: Now, wishes: &mut Vec<Wish>) {
        let mut commands = VecDeque::from(self.writer.step(input, now));
        while let Some(command) = commands.pop_front() {
            if let Some(reply) = self.carry_out(command, now, wishes) {
                commands.extend(self.writer.step(Input::Reply(Box::new(reply)), now));
            }
        }
    }

    /// Does it; the answer, where it does not take a way to the store.
    fn carry_out(&mut self, command: Command, now: Now, wishes: &mut Vec<Wish>) -> Option<Reply> {
        let question = match command {
            Command::Collect => return Some(self.collect()),
            Command::Census => {
                return Some(Reply::Census(Census {
                    slots: self.detector.slots(),
                    unwritten: self.detector.unwritten_count() as u32,
                    servers: self.servers.into(),
                }));
            }
            Command::Snapshots(slice) => {
                return Some(due_snapshots(&mut self.detector, &self.encoder, slice, now));
            }
            Command::Buses => {
                return Some(Reply::Buses {
                    found: Vec::new(),
                    slots: self.detector.slots(),
                });
            }
            Command::SetBuses(_) => return Some(Reply::BusesSet(Ok(Told::Done { n: 1 }))),
            Command::SetJudged { .. } => return Some(Reply::Judged(Ok(Told::Done { n: 1 }))),
            Command::CheckRights => return Some(Reply::Rights(Ok(()))),
            Command::Explain(error) => return Some(Reply::Explained(error)),
            Command::Listen => return Some(Reply::Heard(Ok(std::mem::take(&mut self.words)))),
            Command::Ping => Question::Ping,
            Command::AskLease(_) => Question::Lease,
            Command::AskHolder => Question::Holder,
            Command::Records(records) => {
                let names = match &records.whose {
                    Whose::All => self.detector.names(0, u32::MAX).0,
                    Whose::Met(met) => met.iter().flat_map(|m| m.names.clone()).collect(),
                    Whose::Spoken(spoken) => {
                        spoken.iter().map(|(_, svc)| svc.as_str().into()).collect()
                    }
                };
                Question::Records(records, names)
            }
            Command::Tell { count } => {
                let owed = self.writer.owed(count).iter().cloned();
                let each = owed.map(|entry| {
                    let judged_at = self.judged[&entry.alert.id];
                    (entry, judged_at)
                });
                Question::Tell(each.collect())
            }
            Command::Note { alert, .. } => Question::Note(alert),
            Command::Publish(_) => Question::Publish,
            Command::Refresh(snapshots) => Question::Refresh(snapshots),
            Command::Forget(names) => Question::Forget(names),
            Command::Read(names) => Question::Read(names),
            other => {
                self.obey(other, now, wishes);
                return None;
            }
        };
        self.questions += 1;
        self.asked = Some(Asked {
            number: self.questions,
            at: now.mono.0,
            unanswered: question.unanswered(),
        });
        let ask = Sent::Ask(self.questions, Box::new(question));
        wishes.push(Wish::Send(self.tell_client(), ask));
        None
    }

    fn obey(&mut self, command: Command, now: Now, wishes: &mut Vec<Wish>) {
        match command {
            Command::Discard => {
                self.detector.take_transitions(&mut Vec::new());
                self.decided.clear();
            }
            Command::CutOff(is_cut_off) => self.detector.set_cut_off(is_cut_off, now),
            Command::SayWord(word) => wishes.push(Wish::NotificationKind(word)),
            _ => {}
        }
    }

    /// Hands over what was decided; whether that is anything.
    pub(super) fn lay_down(&mut self) -> bool {
        let mut decided = Vec::new();
        self.detector.take_transitions(&mut decided);
        let is_news = !decided.is_empty();
        self.decided.extend(decided);
        is_news
    }

    fn collect(&mut self) -> Reply {
        self.lay_down();
        let mut entries = Vec::new();
        let mut silent: Vec<Health> = Vec::new();
        for transition in std::mem::take(&mut self.decided) {
            match self.encoder.entry(&transition) {
                Some(entry) => {
                    self.judged.insert(entry.alert.id.clone(), transition.at.0);
                    entries.push(entry);
                }
                None => {
                    let at = Now {
                        mono: transition.at,
                        wall_secs: transition.ts,
                    };
                    silent.push(self.encoder.health(&transition.service, at));
                }
            }
        }
        Reply::Collected { entries, silent }
    }
}
