//! How truth and environment were taken.
