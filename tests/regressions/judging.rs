//! How silence was judged.

mod passing_channels;
