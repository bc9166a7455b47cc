//! What the elements mean: RSS 0.90-2.0, RSS 1.0/RDF, Atom 0.3 and 1.0, and the modules that feeds mix in.
//!
//! One vocabulary for all formats, because real feeds mix them: Atom in RSS, Dublin Core anywhere. Where several
//! elements can fill a field, the rank says which wins.

mod channel;
mod item;
mod links;
mod parts;

pub use channel::channel_field;
