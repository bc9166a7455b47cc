//! The analyst: every item is analysed once, at once and by rules whose reasons are shown.
//!
//! What an article means is decided in [`local`], which is pure, as is the form in which that is kept ([`record`]). The
//! edges around them:
//!
//! - [`queue`]: the streams with the work, shared by all analysts; [`item`]: what they are about.
//! - [`worker`]: a thread that takes entries, analyses their items and settles them by one [`script`] each.
//! - [`refine`]: a thread that asks a [`model`] about what matters most, and settles what comes of it.
//! - [`follow`]: a thread that learns from the log what was analysed before and elsewhere.
//! - [`upkeep`]: a thread that looks after the store, and after what an operator asks for ([`control`]).
//! - [`market`]: the prices that stand beside an analysis; [`digest`]: what is said of many of them, by the thread of
//!   [`narration`]; [`tail`]: each of them in a line, for who looks on.
//! - [`daemon`]: the loop; [`config`]: what truth tells it; [`context`]: what its threads share; [`report`]: its beat.

pub mod config;
pub mod context;
pub mod control;
pub mod daemon;
pub mod digest;
pub mod follow;
pub mod item;
pub mod local;
pub mod market;
pub mod model;
pub mod narration;
pub mod queue;
pub mod record;
pub mod refine;
pub mod report;
pub mod script;
pub mod tail;
pub mod upkeep;
pub mod worker;

use std::process::ExitCode;

use crate::env::Env;
use crate::service::{self, Error, Notice, Profile, complain};
use crate::truth::ServiceSchema;
use local::Article;
use upkeep::Sight;

/// Everything that the loop is told.
pub enum Event {
    /// What every daemon is told.
    Notice(Notice),
    /// Something keeps a thread from its work; `None`: no more.
    Trouble { who: String, why: Option<String> },
    /// How the work stands.
    Sight(Sight),
    /// An operator has asked for something else.
    Control,
}

impl From<Notice> for Event {
    fn from(notice: Notice) -> Event {
        Event::Notice(notice)
    }
}

/// Runs the service; a truth is judged by `schemas`.
pub fn run(schemas: &'static [ServiceSchema]) -> ExitCode {
    run_before_each(schemas, |_| {})
}

/// As [`run`]; `before` sees each article before it is analysed. For programs that try out what becomes of an article
/// that ends the process.
pub fn run_before_each(schemas: &'static [ServiceSchema], before: fn(&Article<'_>)) -> ExitCode {
    let name = match config::name(&Env::of_process()) {
        Ok(name) => name,
        Err(error) => {
            let error = Error::from(error);
            complain(&format!("{}: {error}\n", config::SERVICE));
            return error.exit_code();
        }
    };
    // Once in the life of the process, for as long as that is.
    let name: &'static str = Box::leak(name.into_boxed_str());
    let profile = Profile::new(name, "analyses each item that the feed reader queues");
    service::run(&profile, schemas, move |service| {
        daemon::run(service, before)
    })
}
