//! What is missing when Redis forbids something, and how to allow it.

use redis::{Value, cmd};

use super::AlertStore;
use crate::bus::{BusError, Rights};
use crate::contract::{ALERT_COUNT, ALERT_LOG, HEALER_LEASE, NOTE_IDS};

/// The snapshot that stands for all of them.
const HEALTH: &str = "health:healer";
/// What is written and published.
const RIGHTS: Rights<'static> = Rights {
    keys: &[
        (HEALER_LEASE, "~healer:*"),
        (ALERT_LOG, "~healer:*"),
        (ALERT_COUNT, "~healer:*"),
        (NOTE_IDS, "~healer:*"),
        (HEALTH, "~health:*"),
    ],
    channels: ("&healer:*", "publish its alerts"),
};

impl AlertStore {
    /// Whether this user may run the scripts, on every key that is written, and all that they call. Changes nothing.
    ///
    /// # Errors
    /// What the server refuses; [`explain`](AlertStore::explain) says how to allow it.
    pub fn check_rights(&mut self) -> Result<(), BusError> {
        let forbidden = self.probe()?;
        match forbidden.is_empty() {
            true => Ok(()),
            false => Err(BusError::Denied {
                address: self.commands.address().to_string(),
                reason: format!(
                    "the user executing the script can't run this command: {}",
                    forbidden.join(", ")
                ),
            }),
        }
    }

    /// The commands that the scripts must call, and may not.
    ///
    /// # Errors
    /// What keeps a script from being run at all.
    fn probe(&mut self) -> Result<Vec<String>, BusError> {
        let keys = [ALERT_LOG, ALERT_COUNT, NOTE_IDS, HEALTH];
        let mut packet = redis::pipe();
        self.call(&mut packet, &self.texts.probe, &keys)
            .arg(&self.channel);
        match self.send(&packet, 1)?.into_iter().next() {
            Some(Value::ServerError(e)) => Err(self.error(&e)),
            Some(answer) => Ok(redis::from_redis_value(answer).unwrap_or_default()),
            None => Ok(Vec::new()),
        }
    }

    /// The same error, saying which right of which user is missing and how to give it, where that is what it is about.
    pub fn explain(&mut self, error: BusError) -> BusError {
        match &error {
            error if Rights::is_about(error) => {}
            BusError::Reply { address, reason } if reason.contains("unknown command") => {
                return BusError::Reply {
                    address: address.clone(),
                    reason: format!(
                        "{reason}. Nothing can be written without EVALSHA or EVAL: take `rename-command` for them out of \
                         redis.conf"
                    ),
                };
            }
            BusError::Reply { address, reason } if reason.starts_with("WRONGTYPE") => {
                return BusError::Reply {
                    address: address.clone(),
                    reason: format!("{reason}; {}", self.spoilt_keys()),
                };
            }
            _ => return error,
        }
        let forbidden = self.probe().unwrap_or_default();
        RIGHTS.explain(&mut self.commands, error, |_| forbidden)
    }

    /// Which of the keys that are written somebody made something else of.
    fn spoilt_keys(&mut self) -> String {
        let kinds = [
            (HEALER_LEASE, "string"),
            (ALERT_LOG, "stream"),
            (ALERT_COUNT, "string"),
        ];
        let mut spoilt = Vec::new();
        for (key, kind) in kinds {
            let found = self.commands.query::<String>(cmd("TYPE").arg(key));
            if let Ok(found) = found
                && found != kind
                && found != "none"
            {
                spoilt.push(format!(
                    "{key} is a {found} and should be a {kind}: DEL {key}"
                ));
            }
        }
        spoilt.join("; ")
    }
}
