//! How silence was judged.

mod far_bus;
mod passing_channels;
