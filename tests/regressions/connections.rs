//! How connections are made, greeted and let go.

mod crowds;
mod greetings;
mod idle;
mod names;
mod output;
mod stores;
