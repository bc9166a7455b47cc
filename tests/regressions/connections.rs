//! How connections are made, greeted and let go.
