//! How people were told.

mod alertmanager;
