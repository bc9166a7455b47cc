//! Silences and acknowledgements, as an operator writes them for those who tell people.

use serde::{Deserialize, Serialize};

use crate::text::safe_string;

/// A wish of an operator to hear nothing, or no reminders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Names it for `silence end`.
    pub id: String,
    /// The service, or `*` for all.
    #[serde(deserialize_with = "safe_string")]
    pub svc: String,
    /// An acknowledgement: told, but no reminders until it is up.
    #[serde(default)]
    pub ack: bool,
    /// When it begins, in milliseconds since the epoch.
    pub from_ms: i64,
    /// When it ends, likewise.
    pub until_ms: i64,
    /// Why, in the operator's words.
    #[serde(default, deserialize_with = "safe_string")]
    pub why: String,
    /// Who, as `user@host`.
    #[serde(default, deserialize_with = "safe_string")]
    pub by: String,
}

impl Silence {
    /// The silence as its JSON text.
    pub fn to_json(&self) -> String {
        super::to_json(self)
    }
}
