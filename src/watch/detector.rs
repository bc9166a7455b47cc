//! The judgement: which services of one bus are alive?
//!
//! A pure state machine. Beats, echoes, the fate of the link and the passing of time go in; what is to be done and told
//! comes out as [`Echo`]es, [`Output`]s and [`Transition`]s. It reads no clock, opens no socket, starts no thread, and so can be played on a virtual
//! clock through every disaster.
//!
//! The way of a beat is [`Detector::find`], [`Detector::heard`] (in `ingest`): find the slot, read the payload, note the
//! time. No timer is touched: the wheel looks at the slot only when the deadline that it knows comes up, and moves it on.
//!
//! The way of a death is [`Detector::tick`], `collect`, a round of three echoes, `expire`, `tell` (in `evaluate`).

mod cold_fields;
mod departed;
mod evaluate;
mod flapping;
mod ingest;
mod instances;
mod invariants;
mod link_prober;
mod output;
mod pending;
mod restore;
mod round_trip;
mod service_table;
mod several;
mod slot;
mod state;
mod subscriptions;
mod uncertainty;

#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;

pub use link_prober::BUS_DOWN_AFTER;
pub use output::{
    AlertRef, BusNews, Change, Dropped, Echo, Flapping, HealthRecord, Matter, Output, Snapshot,
    Spec, Transition, Watched,
};
pub use state::{Counts, Detector};
pub use uncertainty::{Uncertainty, Unjudged};
