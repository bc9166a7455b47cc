//! What the loop of a run waits for.

use crate::swarm_state::Seen;

/// What happens to a run.
pub(super) enum Event {
    Signal(i32),
    Seen(Seen),
    /// This bus lost its truth; and the document that was in force, if one was seen.
    LostTruth(&'static str, Option<Vec<u8>>),
    /// An item of the demo was analysed: what there is to say of it.
    Analysed(String),
}

impl From<Seen> for Event {
    fn from(seen: Seen) -> Event {
        Event::Seen(seen)
    }
}
