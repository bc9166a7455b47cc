//! The record in Redis, and the one who may write it: every write is a script that compares the lease first.

mod scripts;

use std::collections::HashSet;
use std::time::Duration;

use redis::Value;

use super::registry::Transition;
use crate::bus::lease::{Held, Lease, Terms, release, take};
use crate::bus::script::{refusal, text_of};
use crate::bus::{BusError, Commands, Scripts};
use crate::clock::Mono;
use crate::contract::mesh::{
    EVENTS, EVENTS_MAX, EventKind, GOSSIP, HEAD, Head, INSTANCES, Instance, LEASE, SERVICES,
};
use scripts::Texts;

/// How long the lease lasts when it is not renewed.
const LASTS: Duration = Duration::from_millis(2000);
/// How often it is renewed.
const RENEW: Duration = Duration::from_millis(500);
/// Transitions in one call of the script: while it runs, Redis does nothing else.
pub const SAY_MAX: usize = 64;
/// Records written in one call, where all are written anew.
const PUT_MAX: usize = 256;
/// So many numbers may another writer have used that one tries to begin an epoch.
const EPOCH_TRIES: usize = 3;

/// What became of what was said.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// One outcome for each transition, up to the first that was refused at least.
    Each(Vec<Outcome>),
    /// Another mesh writes.
    Fenced,
    /// The head is missing, or older than what was written last.
    Lost,
}

/// What became of one transition.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is told, or was before.
    Done,
    /// The record follows another.
    Conflict(Option<Box<Instance>>),
    /// The server takes no writes, or forbids them.
    Refused(BusError),
}

/// The writer.
pub struct Record {
    commands: Commands,
    scripts: Scripts,
    texts: Texts,
    lease: Lease,
    speaker: String,
    /// As it was written last; `None` before it was read.
    head: Option<Head>,
    /// The highest epoch that was ever met.
    last_epoch: u64,
}

impl Record {
    /// The record on the bus that `commands` leads to, written in the name of `speaker`.
    pub fn new(commands: Commands, speaker: &str) -> Record {
        let texts = Texts::default();
        let terms = Terms {
            ttl: LASTS,
            renew: RENEW,
        };
        Record {
            commands,
            scripts: Scripts::new(texts.all()),
            texts,
            lease: Lease::plain(LEASE, speaker, terms),
            speaker: speaker.to_owned(),
            head: None,
            last_epoch: 0,
        }
    }

    /// Goes to another bus.
    pub fn set_address(&mut self, address: crate::bus::Address) {
        self.commands.set_address(address);
        self.lease.ask_now();
    }

    /// To ask for the lease at once.
    pub fn ask_now(&mut self) {
        self.lease.ask_now();
    }

    /// Sets fields of a hash, and takes others out; no more than are watched. False when another mesh writes.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn set(
        &mut self,
        key: &str,
        fields: &[(String, String)],
        gone: &[&String],
    ) -> Result<bool, BusError> {
        let mut packet = redis::pipe();
        let call = self.texts.put.call(&mut packet, &[LEASE, key]);
        call.arg(&self.speaker).arg(fields.len());
        call.arg(fields).arg(gone);
        self.is_ours(&packet)
    }

    /// When the lease is to be asked for next.
    pub fn next_ask(&self) -> Mono {
        self.lease.next_ask()
    }

    /// Whether the lease is held at `now`, as far as we know.
    pub fn is_held(&self, now: Mono) -> bool {
        self.lease.token(now).is_some()
    }

    /// Asks for the lease, or renews it.
    ///
    /// # Errors
    /// When there is no answer, or an error is.
    pub fn hold(&mut self) -> Result<Held, BusError> {
        take(
            &mut self.lease,
            &mut self.commands,
            &mut self.scripts,
            &self.texts.hold,
        )
    }

    /// Gives the lease back.
    pub fn give_back(&mut self) {
        if self.lease.held_until().is_none() || !self.commands.is_connected() {
            return;
        }
        let (lease, commands) = (&mut self.lease, &mut self.commands);
        if let Err(error) = release(lease, commands, &mut self.scripts, &self.texts.release) {
            log::debug!("{LEASE} is not given back: {error}");
        }
    }

    /// The whole record, to be held against what is known. False beside it: there is no head, so that it is to be
    /// written anew.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn read(&mut self) -> Result<(Vec<Instance>, bool), BusError> {
        let fields: Vec<(String, String)> = self.commands.query(redis::cmd("HGETALL").arg(HEAD))?;
        let head = Head::read(&fields);
        self.head = head;
        self.last_epoch = self.last_epoch.max(head.map_or(0, |head| head.epoch));
        let (mut cursor, mut instances, mut names) = (0u64, Vec::new(), HashSet::new());
        loop {
            let mut scan = redis::cmd("HSCAN");
            scan.arg(INSTANCES).arg(cursor).arg("COUNT").arg(1000);
            let (next, pairs): (u64, Vec<(String, String)>) = self.commands.query(&scan)?;
            for (name, text) in pairs {
                // A record that somebody made something else of is written anew when there is something to say.
                if let Ok(instance) = serde_json::from_str::<Instance>(&text)
                    && instance.field() == name
                    && names.insert(name)
                {
                    instances.push(instance);
                }
            }
            cursor = next;
            if cursor == 0 {
                return Ok((instances, head.is_some()));
            }
        }
    }

    /// Tells transitions in their order, at most [`SAY_MAX`], with how their services stand after them; and says that the
    /// record is as of now.
    ///
    /// # Errors
    /// When there is no answer: then nobody knows which of them were told, and they are to be told again.
    pub fn say(
        &mut self,
        transitions: &[Transition],
        counts: &[(String, String)],
        doubting: bool,
    ) -> Result<Said, BusError> {
        let Some(head) = self.head else {
            return Ok(Said::Lost);
        };
        let mut packet = redis::pipe();
        let keys = [LEASE, INSTANCES, SERVICES, HEAD, EVENTS];
        let call = self.texts.say.call(&mut packet, &keys);
        call.arg(&self.speaker).arg(head.epoch).arg(head.seq);
        call.arg(GOSSIP).arg(EVENTS_MAX).arg(u8::from(doubting));
        call.arg(transitions.len());
        for transition in transitions {
            let (op, open) = match (&transition.event.instance, transition.event.kind) {
                (None, _) => ("bus", String::new()),
                (Some(instance), EventKind::Forgotten) => ("del", instance.to_open_json()),
                (Some(instance), _) => ("set", instance.to_open_json()),
            };
            call.arg(&*transition.name).arg(&*transition.previous);
            call.arg(&*transition.id).arg(op);
            call.arg(transition.event.to_open_json()).arg(open);
        }
        for (svc, json) in counts {
            call.arg(svc).arg(json);
        }
        let answer = self.scripts.send(&mut self.commands, &packet, 1)?;
        Ok(match answer.into_iter().next() {
            Some(Value::Array(answers)) => Said::Each(self.outcomes(answers)),
            Some(Value::ServerError(e)) => {
                Said::Each(vec![Outcome::Refused(refusal(&e, &self.commands))])
            }
            Some(answer) if text_of(&answer).as_deref() == Some("lost") => Said::Lost,
            _ => Said::Fenced,
        })
    }

    fn outcomes(&mut self, answers: Vec<Value>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(answers.len());
        for answer in answers {
            outcomes.push(match answer {
                Value::Int(seq) => {
                    if let Some(head) = &mut self.head {
                        head.seq = head.seq.max(u64::try_from(seq).unwrap_or(0));
                    }
                    Outcome::Done
                }
                Value::ServerError(e) => Outcome::Refused(refusal(&e, &self.commands)),
                answer => {
                    let said = text_of(&answer).unwrap_or_default();
                    match said.strip_prefix("conflict ") {
                        Some(stored) => {
                            Outcome::Conflict(serde_json::from_str(stored).ok().map(Box::new))
                        }
                        None => Outcome::Done,
                    }
                }
            });
        }
        outcomes
    }

    /// Writes times anew, of those whose record is as it was. False when another mesh writes.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn refresh(&mut self, instances: &[Instance]) -> Result<bool, BusError> {
        if instances.is_empty() {
            return Ok(true);
        }
        let mut packet = redis::pipe();
        let call = self.texts.refresh.call(&mut packet, &[LEASE, INSTANCES]);
        call.arg(&self.speaker);
        for instance in instances {
            call.arg(instance.field()).arg(&instance.id);
            call.arg(instance.to_open_json());
        }
        let answer = self.scripts.run(&mut self.commands, &packet)?;
        Ok(text_of(&answer).as_deref() != Some("fenced"))
    }

    /// Begins a new epoch with this record. False when another mesh writes.
    ///
    /// # Errors
    /// Those of the bus: then it is not begun, and there is no head until it is.
    pub fn reset(
        &mut self,
        instances: &[Instance],
        counts: &[(String, String)],
        doubting: bool,
    ) -> Result<bool, BusError> {
        self.head = None;
        let keys = [LEASE, INSTANCES, SERVICES, HEAD];
        let mut packet = redis::pipe();
        self.texts.clear.call(&mut packet, &keys).arg(&self.speaker);
        if !self.is_ours(&packet)? {
            return Ok(false);
        }
        let records: Vec<(String, String)> = instances
            .iter()
            .map(|instance| {
                let json = format!("{}1}}", instance.to_open_json());
                (instance.field(), json)
            })
            .collect();
        for (key, fields) in [(INSTANCES, &records[..]), (SERVICES, counts)] {
            for some in fields.chunks(PUT_MAX) {
                if !self.set(key, some, &[])? {
                    return Ok(false);
                }
            }
        }
        self.begin_epoch(doubting)
    }

    fn begin_epoch(&mut self, doubting: bool) -> Result<bool, BusError> {
        for _ in 0..EPOCH_TRIES {
            let mut packet = redis::pipe();
            let keys = [LEASE, HEAD, EVENTS];
            let call = self.texts.begin.call(&mut packet, &keys);
            call.arg(&self.speaker).arg(self.last_epoch + 1);
            call.arg(GOSSIP).arg(EVENTS_MAX).arg(u8::from(doubting));
            let answer = self.scripts.run(&mut self.commands, &packet)?;
            let said = text_of(&answer).unwrap_or_default();
            if said == "fenced" {
                return Ok(false);
            }
            if let Some(epoch) = said.strip_prefix("epoch ").and_then(|e| e.parse().ok()) {
                self.last_epoch = epoch;
                self.head = Some(Head {
                    epoch,
                    seq: 1,
                    ..Head::default()
                });
                return Ok(true);
            }
            // Somebody wrote a later entry meanwhile.
        }
        Err(BusError::Reply {
            address: self.commands.address().to_string(),
            reason: format!("{EVENTS} is written by somebody else; nobody but mesh may"),
        })
    }

    fn is_ours(&mut self, packet: &redis::Pipeline) -> Result<bool, BusError> {
        let answer = self.scripts.run(&mut self.commands, packet)?;
        Ok(text_of(&answer).as_deref() != Some("fenced"))
    }
}
