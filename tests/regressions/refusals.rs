//! What happened when a bus refused to write.

mod once;
