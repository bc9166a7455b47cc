//! Why silences on a bus cannot be judged, in plain words.

use std::fmt;
use std::time::Duration;

use crate::clock::{Mono, human};

/// Nothing on the bus can be judged, and will not be until this is over.
///
/// One uncertainty that is over does not count, though services still have their grace: somebody who hears that a bus
/// was lost for a second and is back need not doubt what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unjudged {
    /// The last moment at which silences could be judged.
    pub since: Mono,
    /// Why.
    pub why: Uncertainty,
}

/// What keeps silences from being judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum Uncertainty {
    /// The server is a master that takes no writes for want of its replicas: others may have left it.
    CutOff,
    /// There is no subscription that is proven.
    NoLink,
    /// The process itself stood still, and does not know what it missed.
    StoodStill,
    /// An echo came back, but later than this link's echoes do.
    EchoLate { took: Duration },
    /// An echo did not come back at all for so long.
    EchoLost { waited: Duration },
    /// Each single trouble was over soon, and the next one came before anybody's grace was.
    AgainAndAgain,
}

impl fmt::Display for Uncertainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Uncertainty::CutOff => {
                f.write_str("the server is cut off from its replicas and takes no writes")
            }
            Uncertainty::NoLink => f.write_str("no link"),
            Uncertainty::StoodStill => f.write_str("the watcher itself stood still"),
            Uncertainty::EchoLate { took } => {
                write!(f, "the link is in doubt: an echo took {}", human(took))
            }
            Uncertainty::EchoLost { waited } => write!(
                f,
                "the link is in doubt: an echo did not come back for {}",
                human(waited)
            ),
            Uncertainty::AgainAndAgain => f.write_str("the link breaks again and again"),
        }
    }
}
