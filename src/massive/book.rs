//! What is held of every symbol and chain, and what of it has to be written (pure).
//!
//! The book is the memory of the one writer. What the store has from before is read into it once; from then on the store
//! only follows. [`symbols`] holds prices, [`chains`] option chains, [`minutes`] bars, [`restore`] reads what was
//! written.

pub mod chains;
pub mod minutes;
pub mod restore;
pub mod symbols;

pub use chains::Chains;
pub use minutes::Minutes;
pub use symbols::Symbols;

use super::session::Standing;
use super::session::fresh::Limits;

/// What records are dated and judged by when they are written.
#[derive(Clone, Copy, Debug)]
pub struct View {
    pub standing: Standing,
    /// By the vendor's clock: milliseconds since 1970.
    pub now_ms: i64,
    pub stale_ms: i64,
    /// `massive` or `demo`.
    pub source: &'static str,
    /// How the vendor does for each class.
    pub stocks: Health,
    pub indices: Health,
}

/// How the vendor does for a class of symbols.
#[derive(Clone, Copy, Debug, Default)]
pub struct Health {
    /// The interval in force: milliseconds.
    pub interval_ms: i64,
    /// Why nothing comes for a while now.
    pub fault: Option<&'static str>,
}

impl View {
    /// The limits of ages where so much lies between two rounds.
    pub fn limits(&self, interval_ms: i64) -> Limits {
        Limits {
            stale_ms: self.stale_ms,
            interval_ms,
        }
    }
}
