//! Judging silence: what the healer and the sentinel share.
//!
//! The way of a death:
//!
//! 1. [`wheel`]: a deadline comes up.
//! 2. [`detector`]: a beat since then moves it on; else a round of three echoes proves that the bus talks, and it is told.
//! 3. [`voice`]: the transition in the words of the wire: an alert and a snapshot.
//! 4. [`ledger`]: one script on the server makes it a fact, once, whoever writes.
//!
//! Steps 1 to 3 are pure. Around them: [`complaints`] (what is wrong with the settings), [`unheard`] (who beats where nobody
//! listens), [`senders`] (a look at who beats twice).
pub mod complaints;
pub mod detector;
pub mod handover;
pub mod ledger;
pub mod senders;
pub mod unheard;
pub mod voice;
pub mod wheel;
