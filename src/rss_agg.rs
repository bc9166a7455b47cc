//! The feed reader: it polls every feed in truth and hands each new item to the workers exactly once.
//!
//! The way of a body through the pure half (no I/O, no time of its own):
//!
//! 1. [`document`]: bytes → text → [`document::Parsed`]. Every repair is named. Fields stay raw and borrowed.
//! 2. [`identity`]: uid, normalised link and text hash of each entry.
//! 3. [`seen`]: seen marks + identities → new, updated, known.
//! 4. [`filter`]: what nobody wants to see is dropped before it costs anything.
//! 5. [`finish`]: only what is new or changed becomes an [`item::Item`]: [`sanitise`]d, plain text, absolute URLs.
//!
//! [`check`] reports on all of it for one document; [`opml`] turns lists of feeds into truth and back.
//!
//! When a body is asked for is decided by [`schedule`], which is as pure. The edges around it:
//!
//! - [`fetch`]: one GET, judged on every hop, bounded in time and bytes.
//! - [`store`]: what is kept in Redis, written so that a kill at any moment loses and repeats nothing.
//! - [`poll`]: one poll, from the [`record`] of the last one to the next.
//! - [`daemon`]: the loop and its pollers; [`config`]: what truth tells them.
pub mod check;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod document;
pub mod fetch;
pub mod filter;
pub mod finish;
pub mod identity;
mod intake;
pub mod item;
pub mod opml;
pub mod poll;
mod pollers;
pub mod record;
pub mod sanitise;
pub mod schedule;
pub mod seen;
pub mod store;
