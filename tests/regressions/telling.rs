//! How people were told.

mod alertmanager;
mod unanswered;
