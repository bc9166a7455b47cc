//! Judging silence: what the healer and the sentinel share.
//!
//! The way of a death:
//!
//! 1. [`wheel`]: a deadline comes up.
//! 2. [`detector`]: a beat since then moves it on; else a round of three echoes proves that the bus talks, and it is told.
//! 3. [`handover`]: it is laid down for the thread that writes.
//! 4. [`alert_encoder`]: the transition in the words of the wire: an alert and a snapshot.
//! 5. [`writer`]: whether this instance speaks, and what it has the store told next. [`write_queue`]: what waits, and what
//!    the store's answers make of it.
//! 6. [`alert_store`]: one script on the server makes it a fact, once, whoever writes.
//!
//! Steps 1, 2, 4 and 5 are pure. Around them: [`record`] (what the store says, taken in), [`complaints`] (what is wrong with the settings), [`unheard`] (who beats where nobody
//! listens), [`senders`] (a look at who beats twice).
#![warn(missing_docs, clippy::missing_errors_doc)]

pub mod alert_encoder;
pub mod alert_store;
pub mod complaints;
pub mod detector;
pub mod handover;
pub mod record;
pub mod senders;
pub mod unheard;
pub mod wheel;
pub mod write_queue;
pub mod writer;
