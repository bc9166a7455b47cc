//! The swarm as a user looks at it: what `up` and `watch` share.
//!
//! - `board`, `row`: what is known of each service, and the news, as a pure core;
//! - `eyes`: the threads that listen to the buses and look at health;
//! - `screen`: the board as lines of text; `term`: lines on a terminal; `words`: alerts as sentences.

mod board;
mod eyes;
mod row;
mod screen;
mod term;
mod words;

pub(super) use board::{Board, Look, Moment, News, Seen, Tells, Tone};
pub(super) use eyes::{Event, Eyes};
pub(super) use row::Row;
pub(super) use screen::{Head, frame};
pub(super) use term::{Screen, is_screen, line};
pub(super) use words::sentence;
