//! Characters that came out as others.
