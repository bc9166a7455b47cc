//! How truth and environment were taken.

mod channels;
mod databases;
mod one_reload;
