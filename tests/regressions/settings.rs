//! How truth and environment were taken.

mod channels;
mod one_reload;
