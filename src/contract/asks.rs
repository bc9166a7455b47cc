//! What is asked of whoever holds a channel, by those who do not know its secrets.

use serde::{Deserialize, Serialize};

/// Asks that a channel keeps waiting; older ones are let go.
pub const ASKS_MAX: usize = 16;
/// How long an ask waits, and its answer stands, in seconds.
pub const ASK_SEC: u64 = 60;

/// `notify:<group>:asks`: list of [`Ask`]s as JSON, the oldest first.
pub fn asks_key(group: &str) -> String {
    format!("notify:{group}:asks")
}

/// `notify:<group>:ask:<id>`: the answer, as JSON; empty until there is one.
pub fn ask_key(group: &str, id: &str) -> String {
    format!("notify:{group}:ask:{id}")
}

/// One ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Chosen by whoever asks: asked again under the same it is the same ask.
    pub id: String,
    pub what: Wanted,
    /// Who asks.
    pub by: String,
}

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// A marked test message.
    Test,
    /// What was given up, once more.
    Resend,
}

impl Wanted {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Wanted::Test => "test",
            Wanted::Resend => "resend",
        }
    }
}
