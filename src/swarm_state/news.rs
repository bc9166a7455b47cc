//! What happened, in a line for people.

use crate::text::SafeText;

/// Said while that is so.
pub const NOBODY_IS_TOLD: &str = "nobody will be told: no channel is configured";

/// How a line is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Dim,
    Good,
    Odd,
    Bad,
    Head,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    pub wall_secs: i64,
    pub tone: Tone,
    pub text: SafeText,
}

impl News {
    pub fn new(wall_secs: i64, tone: Tone, text: impl Into<SafeText>) -> News {
        News {
            wall_secs,
            tone,
            text: text.into(),
        }
    }
}
