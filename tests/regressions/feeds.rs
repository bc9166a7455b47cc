//! How feeds were read.
