//! What happened when a bus refused to write.

mod begins;
mod cluster;
mod cut_off;
mod missing;
mod once;
mod rights;
mod together;
mod two;
