//! How truth and environment were taken.

mod channels;
mod databases;
mod names;
mod one_reload;
