//! Feeds, understood: from the bytes of a body to the items that are new. Pure: no I/O, no time of its own.
//!
//! The way of a body:
//!
//! 1. [`document`]: bytes → text → [`document::Parsed`]. Every repair is named. Fields stay raw and borrowed.
//! 2. [`identity`]: uid, normalised link and text hash of each entry.
//! 3. [`seen`]: seen marks + identities → new, updated, known.
//! 4. [`filter`]: what nobody wants to see is dropped before it costs anything.
//! 5. [`normalise`]: only what is new or changed becomes an [`item::Item`]: [`sanitise`]d, plain text, absolute URLs.
//!
//! [`check`] reports on all of it for one document; [`opml`] turns lists of feeds into truth and back.
pub mod check;
pub mod document;
pub mod filter;
pub mod identity;
pub mod item;
pub mod normalise;
pub mod opml;
pub mod sanitise;
pub mod seen;
