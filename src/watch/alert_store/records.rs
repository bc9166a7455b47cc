//! Alerts about something else than a service: each goes with a record of its own, compared like a health key.

use redis::Value;
use serde::Deserialize;

use super::{AlertStore, TOLD_AT_ONCE, Told};
use crate::bus::BusError;
use crate::contract::{ALERT_COUNT, ALERT_LOG, ALERT_LOG_MAX, Alert};

/// An alert, and the record that shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Where the record is kept.
    pub key: String,
    /// Id of the alert that the record must still name; empty for none.
    pub previous: String,
    /// The alert, with its id.
    pub alert: Alert,
    /// The record after it: a JSON object without its alert, which is stored behind the other fields.
    pub record: String,
    /// Whether things are bad after it, also while the alert says that they flap.
    pub is_bad: bool,
    /// Whether the alert went out on the channel already.
    pub published: bool,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct LastTold {
    /// Whether things are bad.
    #[serde(default, rename = "bad")]
    pub is_bad: bool,
    /// The last alert.
    pub alert: Alert,
}

impl AlertStore {
    /// Tells them in order; the outcomes stand in the same order, up to the first that is refused at least.
    ///
    /// # Errors
    /// When there is no answer: then nobody knows which of them were told, and they are to be told again.
    pub fn tell_recorded(&mut self, all: &[Recorded]) -> Result<Vec<Told>, BusError> {
        let mut packet = redis::pipe();
        for some in all.chunks(TOLD_AT_ONCE) {
            let mut keys = vec![ALERT_LOG, ALERT_COUNT];
            keys.extend(some.iter().map(|one| one.key.as_str()));
            let call = self.call(&mut packet, &self.texts.tell, &keys);
            call.arg(&self.channel).arg(ALERT_LOG_MAX);
            for one in some {
                let open = one.record.trim_end_matches('}');
                call.arg(&one.previous).arg(&one.alert.id);
                call.arg(one.alert.to_json());
                call.arg(format!("{open},\"bad\":{},\"alert\":", one.is_bad));
                call.arg(u8::from(one.published));
            }
        }
        let answers = self.send(&packet, all.len().div_ceil(TOLD_AT_ONCE))?;
        let mut told = Vec::with_capacity(all.len());
        for (answer, some) in answers.into_iter().zip(all.chunks(TOLD_AT_ONCE)) {
            match answer {
                Value::Array(each) => told.extend(each.into_iter().map(|a| self.outcome(a))),
                answer => told.extend(some.iter().map(|_| self.outcome(answer.clone()))),
            }
        }
        Ok(told)
    }

    /// What was told last of each of these records, in the same order.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn last_told(&mut self, keys: &[String]) -> Result<Vec<Option<LastTold>>, BusError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let texts: Vec<Option<Vec<u8>>> = self.commands.query(redis::cmd("MGET").arg(keys))?;
        let read = |text: Option<Vec<u8>>| serde_json::from_slice(&text?).ok();
        Ok(texts.into_iter().map(read).collect())
    }
}
