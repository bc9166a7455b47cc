//! What reaches a channel other than by the log.

use std::sync::Arc;

use crate::bus::Address;
use crate::contract::Alert;
use crate::truth::Truth;

/// Things that may wait for one channel; what comes beyond is left out, and said to be.
///
/// While the bus takes no writes, every death comes this way, and a channel may be in the middle of a send: there is
/// room for more services than can be owed an alert then. The limit is kept where the inbox is filled, so that no room
/// for so much is taken beforehand.
pub const INBOX_MAX: usize = 100_000;

/// What reaches a channel other than by the log.
pub enum Inbox {
    /// To be told although the bus cannot carry it.
    Alert(Box<Alert>),
    /// About another channel.
    Note(String),
    /// A new truth, and where the system bus is by it.
    Truth(Arc<Truth>, Box<Address>),
}
