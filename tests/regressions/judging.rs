//! How silence was judged.

mod far_bus;
mod late_readers;
mod passing_channels;
