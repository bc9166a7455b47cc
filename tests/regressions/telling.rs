//! How people were told.

mod alertmanager;
mod on_the_way;
mod unanswered;
