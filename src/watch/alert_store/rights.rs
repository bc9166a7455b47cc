//! What is missing when Redis forbids something, and how to allow it.

use redis::{Value, cmd};

use super::AlertStore;
use crate::bus::BusError;
use crate::contract::{ALERT_COUNT, ALERT_LOG, HEALER_LEASE, NOTE_IDS, health_key};

/// What the scripts do.
const IN_SCRIPTS: &str = "+get +mget +set +mset +del +unlink +pexpire +pttl +incr +incrby +decr +decrby +xadd +xdel +zadd +zscore +zremrangebyrank +publish";

impl AlertStore {
    /// Whether this user may run scripts on every key that is written. Changes nothing.
    ///
    /// # Errors
    /// What the server refuses; [`explain`](AlertStore::explain) says how to allow it.
    pub fn check_rights(&mut self) -> Result<(), BusError> {
        let example = health_key("healer");
        let keys = [ALERT_LOG, ALERT_COUNT, NOTE_IDS, &example];
        let mut packet = redis::pipe();
        self.call(&mut packet, &self.texts.touch, &keys);
        match self.send(&packet, 1)?.first() {
            Some(Value::ServerError(e)) => Err(self.error(e)),
            _ => Ok(()),
        }
    }

    /// The same error, saying which right of which user is missing and how to give it, where that is what it is about.
    pub fn explain(&mut self, error: BusError) -> BusError {
        let in_script = "The user executing the script can't";
        match &error {
            BusError::Denied { reason, .. } => self.missing(reason.clone()),
            BusError::Reply { reason, .. } if reason.contains(in_script) => {
                self.missing(reason.clone())
            }
            BusError::Reply { address, reason } if reason.contains("unknown command") => {
                BusError::Reply {
                    address: address.clone(),
                    reason: format!(
                        "{reason}. Nothing can be written without EVALSHA or EVAL: take `rename-command` for them out of \
                         redis.conf"
                    ),
                }
            }
            BusError::Reply { address, reason } if reason.starts_with("WRONGTYPE") => {
                BusError::Reply {
                    address: address.clone(),
                    reason: format!("{reason}; {}", self.spoilt_keys()),
                }
            }
            _ => error,
        }
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

    fn missing(&mut self, reason: String) -> BusError {
        let user = self.user();
        let lower = reason.to_ascii_lowercase();
        let (what, rule) = if lower.contains("key") {
            let keys = self.forbidden_keys();
            let patterns: Vec<&str> = match keys.iter().all(|key| key.starts_with("health:")) {
                true if !keys.is_empty() => vec!["~health:*"],
                _ => vec!["~healer:*", "~health:*"],
            };
            let keys = if keys.is_empty() {
                "one of its keys".to_owned()
            } else {
                keys.join(", ")
            };
            (format!("write {keys}"), patterns.join(" "))
        } else if lower.contains("channel") {
            ("publish its alerts".to_owned(), "&healer:*".to_owned())
        } else if lower.contains("the user executing the script") {
            (
                "run a command that its scripts use".to_owned(),
                IN_SCRIPTS.to_owned(),
            )
        } else {
            match lower.split('\'').nth(1) {
                Some("eval" | "evalsha" | "script|load") => (
                    "run EVALSHA or EVAL".to_owned(),
                    "+evalsha +eval +script|load".to_owned(),
                ),
                Some(command) => (
                    format!("run {}", command.to_uppercase()),
                    format!("+{command}"),
                ),
                None => ("do that".to_owned(), "+@all".to_owned()),
            }
        };
        BusError::Denied {
            address: self.commands.address().to_string(),
            reason: format!(
                "user {user} may not {what}; allow it with: ACL SETUSER {user} {rule} (Redis says: {reason})"
            ),
        }
    }

    /// Who we are to Redis.
    fn user(&mut self) -> String {
        let asked = self.commands.query::<String>(cmd("ACL").arg("WHOAMI"));
        asked.unwrap_or_else(|_| {
            let user = self.commands.address().user();
            user.unwrap_or("default").to_owned()
        })
    }

    /// Which of the keys that are written may not be touched: Redis looks at that before it runs a script.
    fn forbidden_keys(&mut self) -> Vec<String> {
        let health = health_key("healer");
        let keys = [HEALER_LEASE, ALERT_LOG, ALERT_COUNT, NOTE_IDS, &health];
        let mut forbidden = Vec::new();
        for key in keys {
            let mut touch = cmd("EVAL");
            touch.arg("return 1").arg(1).arg(key);
            if let Err(BusError::Denied { .. }) = self.commands.query::<i64>(&touch) {
                forbidden.push(if key == health {
                    "health:*".to_owned()
                } else {
                    key.to_owned()
                });
            }
        }
        forbidden
    }
}
