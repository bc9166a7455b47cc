//! What broke once, each test named by it. A file for each part of the swarm.

mod channels;
mod connections;
mod feeds;
mod judging;
mod operating;
mod outside;
mod reading;
mod refusals;
mod settings;
mod telling;
