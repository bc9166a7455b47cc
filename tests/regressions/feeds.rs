//! How feeds were read.

mod characters;
mod dates;
mod http;
mod identity;
mod links;
mod structure;
mod text;
