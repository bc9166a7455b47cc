//! How silence was judged.
