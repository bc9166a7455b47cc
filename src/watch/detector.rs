//! The judgement: which services of one bus are alive?
//!
//! A pure state machine. Beats, echoes, the fate of the link and the passing of time go in; what is to be done and told
//! comes out as [`Echo`]es, [`Output`]s and [`Transition`]s. It reads no clock, opens no socket, starts no thread, and so can be played on a virtual
//! clock through every disaster.
//!
//! The way of a beat is [`Detector::find`], [`Detector::heard`] (in `hearing`): find the slot, read the payload, note the
//! time. No timer is touched: the wheel looks at the slot only when the deadline that it knows comes up, and moves it on.
//!
//! The way of a death is [`Detector::tick`], `collect`, a round of three echoes, `condemn`, `tell` (in `judging`).

mod departed;
mod flapping;
mod hearing;
mod instances;
mod judging;
mod notes;
mod output;
mod pending;
mod pulse;
mod roster;
mod round_trip;
mod seeding;
mod several;
mod slot;
mod state;
mod uncertainty;
mod watching;

#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;

pub use output::{
    AlertRef, BusNews, Change, Dropped, Echo, Flapping, Matter, Output, Record, Snapshot, Spec,
    Transition, Watched,
};
pub use pulse::BUS_DOWN_AFTER;
pub use state::{Counts, Detector};
pub use uncertainty::{Uncertainty, Unjudged};
