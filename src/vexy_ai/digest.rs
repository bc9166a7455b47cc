//! Sums up what was found: at the moments of truth, and when something weighs enough. From what is stored alone: it asks
//! no model and reads no text.
//!
//! - [`zone`]: time zones without files; [`schedule`]: which digest is due;
//! - [`story`]: counts, balance and the stories that weigh most;
//! - [`message`]: all of it in words, which [`markdown`] makes safe for screens;
//! - [`Narrator`]: reads, and says each once.

pub mod markdown;
pub mod message;
mod narrator;
pub mod schedule;
pub mod story;
pub mod zone;

pub use narrator::Narrator;
