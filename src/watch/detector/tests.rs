//! The promises of the judgement, one by one, on a virtual clock.

mod bus;
mod flapping;
mod lab;
mod properties;
mod services;
mod several;
mod subscriptions;
mod table;
