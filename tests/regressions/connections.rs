//! How connections are made, greeted and let go.

mod greetings;
mod idle;
mod names;
mod output;
mod stores;
