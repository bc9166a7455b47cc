//! Analyses on their way into the store.

use redis::Value;

use super::Worker;
use super::analysis::{Analysed, Outcome};
use crate::bus::script;
use crate::bus::stream::is_no_group;
use crate::vexy_ai::queue::Job;
use crate::vexy_ai::script::{Commit, Settled};

/// What became of one call of a script.
enum Called {
    Settled(Settled),
    /// The store takes no writes for now: the same again, later.
    NotYet,
    /// The group is gone, and with it all that was in hand.
    NoGroup,
    /// This one cannot be written, whenever it is tried.
    Never,
}

impl Worker {
    /// Writes what was found, for as long as it takes; what has to be read again. When everything is to end, each is tried
    /// once, and what could not be written is given back.
    pub(super) fn settle(&mut self, mut owed: Vec<Analysed>) -> Vec<Job> {
        let mut again = Vec::new();
        while !owed.is_empty() {
            let is_last = self.is_over();
            owed = self.settle_once(owed, &mut again);
            if is_last {
                let left: Vec<Job> = owed.into_iter().map(|one| one.job).collect();
                self.give_back(&left);
                break;
            }
        }
        if self.is_over() {
            self.give_back(&again);
            again.clear();
        }
        again
    }

    /// One attempt at all of them; what is still owed.
    fn settle_once(&mut self, owed: Vec<Analysed>, again: &mut Vec<Job>) -> Vec<Analysed> {
        let mut packet = redis::pipe();
        for one in &owed {
            self.call(&mut packet, one);
        }
        let progress = self.progress.clone();
        let working = progress.working();
        let answers = self.scripts.send(&mut self.bus, &packet, owed.len());
        drop(working);
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => {
                // Some of them may be written: those find nothing to do the next time.
                self.store_failed(&error);
                self.renew_in_time();
                return owed;
            }
        };
        let mut left = Vec::new();
        let mut refused = None;
        for (one, answer) in owed.into_iter().zip(answers) {
            let job = one.job.clone();
            match self.called(&answer, &job, &mut refused) {
                Called::Settled(Settled::ReadAgain) => again.push(one.job),
                Called::Settled(_) | Called::NoGroup | Called::Never => {
                    self.forget(job.stream, &[job.entry]);
                }
                Called::NotYet => left.push(one),
            }
        }
        if let Some(error) = refused {
            self.store_failed(&error);
            self.renew_in_time();
        } else {
            self.trouble.is_over(&self.context);
        }
        left
    }

    fn call(&mut self, packet: &mut redis::Pipeline, one: &Analysed) {
        let Analysed { job, result } = one;
        let Some(consumer) = self.streams.get(job.stream) else {
            return;
        };
        let group = consumer.group();
        match result {
            Outcome::Gone => self.commit.gone(packet, group, job.entry, &job.uid),
            Outcome::Found(found) => {
                let commit = Commit {
                    group,
                    entry: job.entry,
                    record: &found.record,
                    signature: &found.signature,
                    anew: job.anew,
                    model_anew: job.model_anew,
                    model_queue_max: self.setup.config.model.queue_max,
                };
                self.commit.commit(packet, &commit);
            }
        }
    }

    fn called(
        &mut self,
        answer: &Value,
        job: &Job,
        refused: &mut Option<crate::bus::BusError>,
    ) -> Called {
        if let Some(settled) = Settled::read(answer) {
            return Called::Settled(settled);
        }
        let Value::ServerError(error) = answer else {
            log::warn!("item {}: the script answered {answer:?}", job.uid);
            return Called::Never;
        };
        let error = script::refusal(error, &self.bus);
        if is_no_group(&error) {
            if let Some(consumer) = self.streams.get(job.stream) {
                consumer.group_is_gone();
            }
            return Called::NoGroup;
        }
        if error.is_write_refused() || error.is_passing() || error.is_no_such_command() {
            *refused = Some(error);
            return Called::NotYet;
        }
        log::warn!("item {} cannot be written: {error}", job.uid);
        Called::Never
    }
}
