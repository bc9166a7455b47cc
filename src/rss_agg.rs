//! The feed reader: it polls every feed in truth and hands each new item to the workers exactly once.
//!
//! What a body means is decided in [`crate::feed`], and when it is asked for in [`schedule`]; both are pure. The edges
//! around them:
//!
//! - [`fetch`]: one GET, judged on every hop, bounded in time and bytes.
//! - [`store`]: what is kept in Redis, written so that a kill at any moment loses and repeats nothing.
//! - [`poll`]: one poll, from the [`record`] of the last one to the next.
//! - [`daemon`]: the loop and its pollers; [`config`]: what truth tells them.
pub mod config;
pub mod daemon;
pub mod demo;
pub mod fetch;
mod intake;
pub mod poll;
mod pollers;
pub mod record;
pub mod schedule;
pub mod store;
