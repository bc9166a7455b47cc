//! How connections are made, greeted and let go.

mod stores;
