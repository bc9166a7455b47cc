//! Dates that were read wrong, or not at all.
