//! The feed reader: it polls every feed in truth and hands each new item to the workers exactly once.
//!
//! What a body means is decided in [`crate::feed`], and when it is asked for in [`schedule`]; both are pure. The edges
//! around them:
//!
//! - [`fetch`]: one GET, judged on every hop, bounded in time and bytes.
//! - [`store`]: what is kept in Redis, written so that a kill at any moment loses and repeats nothing.
//! - [`poll`]: one poll, from the [`record`] of the last one to the next.
//! - [`daemon`]: the loop and its pollers, which answer it by an [`Event`]; [`config`]: what truth tells them.
pub mod config;
mod context;
pub mod daemon;
pub mod fetch;
mod ingest;
mod numbers;
pub mod poll;
mod pollers;
pub mod record;
pub mod schedule;
pub mod store;

use crate::bus::BusError;
use crate::bus::lease::Change;
use crate::service::Notice;
use crate::service::lease::ShareChange;

use self::poll::Report;
use self::pollers::Due;
use self::store::Swept;

/// Everything that the loop is told.
pub enum Event {
    Notice(Notice),
    Polled {
        feed: String,
        report: Report,
    },
    /// When feeds are due by the store.
    Loaded(Result<Vec<Due>, BusError>),
    Swept(Result<Swept, BusError>),
    Probed(Result<(), BusError>),
    Forgot(Result<(), BusError>),
    /// Who polls has changed.
    Lease(Change),
    /// Likewise, where several share the feeds.
    Shares(ShareChange),
}

impl From<Notice> for Event {
    fn from(notice: Notice) -> Event {
        Event::Notice(notice)
    }
}
