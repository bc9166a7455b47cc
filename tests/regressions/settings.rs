//! How truth and environment were taken.

mod one_reload;
