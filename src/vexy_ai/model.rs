//! The model stage: the few items that are worth their price go to a model, and its answer replaces the local result when
//! it passes the checks. A dead, dear or lying model delays and loses nothing, and no result pretends to be a model's.
//!
//! - [`prompt`]: what a model is asked (pure).
//! - [`dialect`]: how servers want to be asked, and what they answer, in all their ways (pure).
//! - [`answer`]: which answers are taken (pure).
//! - [`breaker`]: when nobody is asked for a while (pure).
//! - [`budget`]: what a call may cost (pure).
//! - [`endpoint`]: which model is asked where, and whether the key may go there (pure).
//! - [`client`]: makes a call.
//! - [`ledger`]: what all machines know together, in Redis.
//! - [`ask`]: one item's way through all of it.

pub mod answer;
pub mod ask;
pub mod breaker;
pub mod budget;
pub mod client;
pub mod dialect;
pub mod endpoint;
pub mod ledger;
pub mod prompt;
