//! Silences and acknowledgements, as an operator writes them for those who tell people.

use serde::{Deserialize, Serialize};

/// A wish of an operator to hear nothing, or no reminders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Names it for `silence end`.
    pub id: String,
    /// The service, or `*` for all.
    pub svc: String,
    /// An acknowledgement: told, but no reminders until it is up.
    #[serde(default)]
    pub ack: bool,
    /// When it begins, in milliseconds since the epoch.
    pub from_ms: i64,
    /// When it ends, likewise.
    pub until_ms: i64,
    /// Why, in the operator's words.
    #[serde(default)]
    pub why: String,
    /// Who, as `user@host`.
    #[serde(default)]
    pub by: String,
}

impl Silence {
    /// The silence as its JSON text.
    pub fn to_json(&self) -> String {
        super::to_json(self)
    }
}
