//! Judging silence: what the healer and the sentinel share.
//!
//! The pure half decides: [`wheel`] keeps deadlines, [`detector`] judges, `flap` knows what comes and goes. What it
//! decided becomes a fact through the [`ledger`], whose scripts run on the server; [`voice`] finds the words of the wire.
pub mod complaints;
pub mod detector;
pub mod ledger;
pub mod senders;
pub mod unheard;
pub mod voice;
pub mod wheel;
