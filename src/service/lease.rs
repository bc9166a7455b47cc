//! How several instances of one service share its work, without a coordinator: each runs the same scripts and comes to the
//! same shares.
//!
//! 1. [`Member`] (pure) decides: when to renew the session, which parts to claim, which to release. [`shares`] says how
//!    many each may hold, and which of them it would rather have.
//! 2. [`Keeper`] is the thread that asks the server, by the scripts in `scripts`.
//! 3. [`Gate`] is what the workers ask before they begin something. It shuts [`GATE`] after *the sending of the last renewal
//!    that was answered*, by the own monotonic clock: a session lasts longer than that on the server, so that nobody else
//!    may have the part before. No bus, no lease: the work rests.
//! 4. Every result is written through the fence of its part ([`crate::bus::lease::Fence::of_part`]): whoever stood still
//!    past its gate is refused where it counts. Work may be done twice, results count once.
//!
//! See Kleppmann, "How to do distributed locking" (2016), for tokens, and Kafka's cooperative rebalancing for shares that
//! are only taken from a member by itself.

mod gate;
mod keeper;
mod member;
mod scripts;
pub mod shares;
mod sharing;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;
mod view;

use std::time::Duration;

pub use gate::{Gate, Permit};
pub use keeper::{Keeper, ShareChange, ShareOrder};
pub use member::Member;
pub use scripts::SessionScripts;
pub use sharing::{THREAD, is_release, parts_wanted, share};
pub use view::{Action, Claimed, Holder, Peer, View};

/// A member renews its session so often.
pub const RENEW: Duration = Duration::from_secs(2);
/// So long after the sending of the last renewal that was answered nothing more begins.
pub const GATE: Duration = Duration::from_secs(9);
/// After a start, a reconnect or a clock that stepped nothing is claimed for so long: twice as long as every live member
/// needs to renew its session.
pub const CALM: Duration = Duration::from_secs(4);
/// The server's clock may run away from ours by so much between two renewals before it counts as a step.
pub const DRIFT: Duration = Duration::from_secs(1);
/// Whoever holds more than its share for so long gives the rest back.
pub const OVER: Duration = Duration::from_secs(3);
