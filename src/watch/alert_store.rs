//! Where a judgement becomes a fact: alert log, health key, channel, in one step or not at all.
//!
//! A transition goes out by one script on the server. It compares what the health key names as the last alert with
//! what the judgement was based on, and the lease with the speaker; only then it counts, appends, sets and publishes.
//! So a lost reply may be asked for again, and two healers cannot double anything.

mod lease;
mod records;
mod rights;
mod scripts;
mod watched;

use std::time::Duration;

use redis::{Pipeline, Value};

use crate::bus::script::{refusal, text_of};
use crate::bus::{BusError, Commands, Script, Scripts};
use crate::contract::{
    ALERT_COUNT, ALERT_LOG, ALERT_LOG_MAX, Alert, BUS_HEALTH, BUS_HEALTH_TTL, BusHealth,
    HEALER_LEASE, Health, NOTE_IDS, health_key,
};
use crate::swarm_state::snapshots;
use crate::watch::write_queue::{Outcome, Queued};
pub use records::{LastTold, Recorded};
use scripts::Texts;
use watched::{Unwatched, unknown_since};

/// How long a lease lasts when it is not renewed.
pub const LEASE: Duration = Duration::from_secs(5);
/// How often it is renewed.
pub const LEASE_RENEW: Duration = Duration::from_secs(1);
/// Entries in one packet: large enough to keep Redis busy, small enough not to block it for others.
const BATCH: usize = 256;
/// Entries told by one call of the script: together they cost Redis much less than one by one; but while a script runs,
/// it does nothing else. So many take it less than half a millisecond.
const TOLD_AT_ONCE: usize = 64;
/// Health keys dropped by one call.
const DROPPED_AT_ONCE: usize = 16;

/// Ids of notes that are remembered: more than may wait to be offered again.
const NOTE_IDS_MAX: usize = 1024;

/// A transition, ready to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertEntry {
    /// Id of the alert that the health key must still name; empty for none. A key that is missing, or names none,
    /// matches any: the data was lost, and nobody has spoken since.
    pub previous: String,
    /// The alert, with its id.
    pub alert: Alert,
    /// The snapshot after it, without the alert: it is stored with this one.
    pub health: Health,
    /// Whether the alert went out on the channel already, when the log refused it.
    pub published: bool,
    /// Whether people were told past the bus.
    pub told: bool,
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum Told {
    /// It is in the log under this number.
    Done { n: u64 },
    /// It was in the log already: an earlier reply was lost.
    Already,
    /// Another healer holds the lease.
    Fenced,
    /// The health key names another alert: somebody else has spoken about this service.
    Conflict { id: String },
    /// The server takes no writes, or forbids them. Nothing was written.
    Refused(BusError),
}

impl Told {
    /// What it means to the queue that offered it.
    pub fn into_outcome(self) -> Outcome<BusError> {
        match self {
            Told::Done { .. } | Told::Already => Outcome::Written,
            Told::Fenced => Outcome::Fenced,
            Told::Conflict { id } => Outcome::Conflict { id },
            Told::Refused(error) => Outcome::Refused(error),
        }
    }
}

impl Queued for AlertEntry {
    fn service(&self) -> &str {
        &self.health.svc
    }

    fn id(&self) -> &str {
        &self.alert.id
    }

    fn previous(&self) -> &str {
        &self.previous
    }

    fn set_previous(&mut self, id: String) {
        self.previous = id;
    }
}

/// The writer of alerts and health keys.
pub struct AlertStore {
    commands: Commands,
    /// Whose lease it is; empty: speaks without one, as the sentinel does.
    speaker: String,
    /// The lease that lets its alerts pass.
    fence: &'static str,
    channel: String,
    texts: Texts,
    scripts: Scripts,
    unwatched: Unwatched,
}

impl AlertStore {
    /// A alert store that writes through `commands` and publishes on `channel`, in the name of `speaker`.
    pub fn new(
        commands: Commands,
        speaker: impl Into<String>,
        channel: impl Into<String>,
    ) -> AlertStore {
        let texts = Texts::default();
        AlertStore {
            commands,
            speaker: speaker.into(),
            fence: HEALER_LEASE,
            channel: channel.into(),
            scripts: Scripts::new(texts.all()),
            texts,
            unwatched: Unwatched::default(),
        }
    }

    /// The same under another lease than the healer's, which its owner keeps elsewhere.
    pub fn under(self, fence: &'static str) -> AlertStore {
        AlertStore { fence, ..self }
    }

    /// The connection, for what else must go the same way.
    pub fn commands(&mut self) -> &mut Commands {
        &mut self.commands
    }

    /// Tells entries in order; the outcomes stand in the same order, up to the first that is refused at least.
    ///
    /// # Errors
    /// The connection broke: what was written by then is not known, and all of it is to be offered again.
    pub fn tell(&mut self, entries: &[AlertEntry]) -> Result<Vec<Told>, BusError> {
        let mut told = Vec::with_capacity(entries.len());
        for batch in entries.chunks(BATCH) {
            let mut packet = redis::pipe();
            for some in batch.chunks(TOLD_AT_ONCE) {
                let healths: Vec<String> = some.iter().map(|e| health_key(&e.health.svc)).collect();
                let mut keys = vec![ALERT_LOG, ALERT_COUNT];
                keys.extend(healths.iter().map(String::as_str));
                let call = self.call(&mut packet, &self.texts.tell, &keys);
                call.arg(&self.channel).arg(ALERT_LOG_MAX);
                for entry in some {
                    call.arg(&entry.previous)
                        .arg(&entry.alert.id)
                        .arg(entry.alert.to_json())
                        .arg(open_json(&entry.health))
                        .arg(u8::from(entry.published));
                }
            }
            let answers = match self.send(&packet, batch.len().div_ceil(TOLD_AT_ONCE)) {
                Ok(answers) => answers,
                // Refused at the greeting, before the packet went out.
                Err(error) if !error.is_connection_lost() => {
                    told.push(Told::Refused(error));
                    break;
                }
                Err(error) => return Err(error),
            };
            for (answer, some) in answers.into_iter().zip(batch.chunks(TOLD_AT_ONCE)) {
                match answer {
                    Value::Array(each) => {
                        for (entry, answer) in some.iter().zip(&each) {
                            let health = &entry.health;
                            let since = unknown_since(answer);
                            self.unwatched.note(&health.svc, since, health.as_of_ts);
                        }
                        told.extend(each.into_iter().map(|answer| self.outcome(answer)));
                    }
                    // Fenced or refused, all of them: nothing was written.
                    answer => told.extend(some.iter().map(|_| self.outcome(answer.clone()))),
                }
            }
        }
        Ok(told)
    }

    /// Appends and publishes an alert that no health key shows (`bus_*`, `truth_*`), unless that was done before.
    ///
    /// # Errors
    /// As [`tell`](AlertStore::tell).
    pub fn note(&mut self, alert: &Alert, published: bool) -> Result<Told, BusError> {
        let mut packet = redis::pipe();
        let keys = [ALERT_LOG, ALERT_COUNT, NOTE_IDS];
        self.call(&mut packet, &self.texts.note, &keys)
            .arg(&self.channel)
            .arg(ALERT_LOG_MAX)
            .arg(&alert.id)
            .arg(alert.to_json())
            .arg(u8::from(published))
            .arg(NOTE_IDS_MAX);
        let answers = match self.send(&packet, 1) {
            Err(error) if !error.is_connection_lost() => return Ok(Told::Refused(error)),
            answers => answers?,
        };
        Ok(answers
            .into_iter()
            .map(|a| self.outcome(a))
            .next()
            .unwrap_or(Told::Already))
    }

    /// Publishes alerts without writing them: what is left when writes are refused.
    ///
    /// # Errors
    /// The connection broke, or the channel is forbidden.
    pub fn publish(&mut self, alerts: &[Alert]) -> Result<(), BusError> {
        for batch in alerts.chunks(BATCH) {
            let mut packet = redis::pipe();
            for alert in batch {
                packet
                    .cmd("PUBLISH")
                    .arg(&self.channel)
                    .arg(alert.to_json())
                    .ignore();
            }
            self.commands.pipe::<()>(&packet)?;
        }
        Ok(())
    }

    /// Sets snapshots, each keeping the last alert that is stored with it. False when another healer holds the lease.
    ///
    /// # Errors
    /// As [`tell`](AlertStore::tell), and when the server refuses the write.
    pub fn refresh(&mut self, snapshots: &[Health]) -> Result<bool, BusError> {
        let mut ours = true;
        for batch in snapshots.chunks(BATCH) {
            let mut packet = redis::pipe();
            for health in batch {
                let key = health_key(&health.svc);
                self.call(&mut packet, &self.texts.refresh, &[&key])
                    .arg(open_json(health));
            }
            let answers = self.send(&packet, batch.len())?;
            for (health, answer) in batch.iter().zip(&answers) {
                let since = unknown_since(answer);
                self.unwatched.note(&health.svc, since, health.as_of_ts);
            }
            ours &= self.all_ours(answers)?;
        }
        Ok(ours)
    }

    /// The stored snapshots of `services`, in the same order; what cannot be read counts as absent.
    ///
    /// # Errors
    /// The connection broke, or the keys may not be read.
    pub fn health<S: AsRef<str>>(
        &mut self,
        services: &[S],
    ) -> Result<Vec<Option<Health>>, BusError> {
        snapshots(&mut self.commands, services)
    }

    /// Drops the health keys of services that are no longer watched. False when another healer holds the lease.
    ///
    /// # Errors
    /// As [`refresh`](AlertStore::refresh).
    pub fn forget<S: AsRef<str>>(&mut self, services: &[S]) -> Result<bool, BusError> {
        let mut packet = redis::pipe();
        for batch in services.chunks(DROPPED_AT_ONCE) {
            let keys: Vec<String> = batch.iter().map(|svc| health_key(svc.as_ref())).collect();
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            self.call(&mut packet, &self.texts.forget, &keys);
        }
        let answers = self.send(&packet, services.len().div_ceil(DROPPED_AT_ONCE))?;
        self.all_ours(answers)
    }

    /// Sets the records of all buses; whatever stands there of others goes.
    ///
    /// # Errors
    /// As [`tell`](AlertStore::tell).
    pub fn set_buses(&mut self, records: &[BusHealth]) -> Result<Told, BusError> {
        let mut packet = redis::pipe();
        let call = self.call(&mut packet, &self.texts.buses, &[BUS_HEALTH]);
        call.arg(BUS_HEALTH_TTL.as_millis() as u64);
        for record in records {
            call.arg(&record.bus).arg(record.to_json());
        }
        let answer = self.send(&packet, 1)?.into_iter().next();
        Ok(answer.map_or(Told::Already, |answer| self.outcome(answer)))
    }

    /// Drops the records of the buses.
    ///
    /// # Errors
    /// As [`refresh`](AlertStore::refresh).
    pub fn drop_buses(&mut self) -> Result<(), BusError> {
        let mut packet = redis::pipe();
        self.call(&mut packet, &self.texts.forget, &[BUS_HEALTH]);
        self.send(&packet, 1).map(|_| ())
    }

    /// Begins the call of a script in `packet`: what follows are further arguments of it.
    fn call<'p>(
        &self,
        packet: &'p mut Pipeline,
        script: &Script,
        keys: &[&str],
    ) -> &'p mut Pipeline {
        let mut all = vec![self.fence];
        all.extend(keys);
        script.call(packet, &all).arg(&self.speaker)
    }

    /// Sends a packet of `count` calls: being compared first, what ran before answers that it did.
    fn send(&mut self, packet: &Pipeline, count: usize) -> Result<Vec<Value>, BusError> {
        self.scripts.send(&mut self.commands, packet, count)
    }

    /// False when one of them found another healer with the lease.
    fn all_ours(&self, answers: Vec<Value>) -> Result<bool, BusError> {
        let mut ours = true;
        for answer in answers {
            match self.outcome(answer) {
                Told::Fenced => ours = false,
                Told::Refused(error) => return Err(error),
                _ => {}
            }
        }
        Ok(ours)
    }

    fn error(&self, e: &redis::ServerError) -> BusError {
        refusal(e, &self.commands)
    }

    fn outcome(&self, answer: Value) -> Told {
        if let Value::ServerError(e) = &answer {
            return Told::Refused(self.error(e));
        }
        if let Value::Int(n) = answer {
            return Told::Done { n: n.max(0) as u64 };
        }
        match text_of(&answer).as_deref().unwrap_or_default() {
            "fenced" => Told::Fenced,
            said => match (said.strip_prefix("conflict "), said.strip_prefix("was ")) {
                (Some(id), _) => Told::Conflict { id: id.to_owned() },
                (None, Some(was)) => match was.split_once(' ').map(|(_, n)| n.parse()) {
                    Some(Ok(n)) => Told::Done { n },
                    _ => Told::Already,
                },
                (None, None) => Told::Already,
            },
        }
    }
}

/// Says an alert in the log of the process.
pub fn log_alert(alert: &Alert) {
    match alert.kind.ends() {
        Some(_) => log::info!("{}", alert.to_json()),
        None => log::error!("{}", alert.to_json()),
    }
}

/// The JSON of a snapshot that has no alert, up to and including `"alert":`, its last field.
fn open_json(health: &Health) -> String {
    debug_assert!(health.alert.is_none(), "its alert is what the store has");
    let mut json = health.to_json();
    json.truncate(json.len() - "null}".len());
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Status;

    #[test]
    fn a_refresh_ends_where_the_stored_alert_begins() {
        let health = Health {
            svc: "a".into(),
            status: Status::Unknown,
            since_ts: 1,
            last_seen_ts: None,
            as_of_ts: 2,
            last_i: None,
            timeout_sec: 3.0,
            misses: 0,
            restarts: 0,
            bus: None,
            reason: Some("why".into()),
            beat_status: None,
            flapping: Vec::new(),
            alert: None,
        };
        assert!(open_json(&health).ends_with(r#""restarts":0,"reason":"why","alert":"#));
    }
}
