//! What draws to a terminal: the swarm as a user looks at it, for `up` and the commands.
//!
//! - [`frame()`]: the board as lines of text, as wide and high as the screen; pure;
//! - [`Screen`]: lines on a terminal, redrawn in place; [`line()`]: one plain line after the other.
#![warn(missing_docs, clippy::missing_errors_doc)]

mod frame;
mod screen;

pub use frame::{Head, frame};
pub use screen::{Piece, Screen, is_screen, line};
