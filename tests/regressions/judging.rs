//! How silence was judged.

mod far_bus;
mod late_readers;
mod named_anew;
mod passing_channels;
