//! The model stage: the few items that are worth their price go to a model, and its answer replaces the local result when
//! it passes the checks. A dead, dear or lying model delays and loses nothing, and no result pretends to be a model's.
//!
//! - [`prompt`]: what a model is asked (pure).
//! - [`dialect`]: how servers want to be asked, and what they answer, in all their ways (pure).
//! - [`answer`]: which answers are taken (pure).
//! - [`breaker`]: when nobody is asked for a while (pure).
//! - [`budget`]: what a call may cost (pure).

pub mod answer;
pub mod breaker;
pub mod budget;
pub mod dialect;
pub mod prompt;
