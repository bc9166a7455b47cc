//! What each service keeps in truth for itself, and who looks at it: the owners hand their schemas in here, truth itself
//! knows none of them. Whoever judges a document takes the whole table, and so all judge alike.
#![warn(missing_docs, clippy::missing_errors_doc)]

use crate::console;
use crate::massive;
use crate::mesh;
use crate::notify;
use crate::rss_agg::config;
use crate::truth::ServiceSchema;
use crate::vexy_ai;

/// The sections of every service.
pub const SCHEMAS: &[ServiceSchema] = &[
    config::SCHEMA,
    notify::config::SCHEMA,
    massive::config::SCHEMA,
    mesh::config::SCHEMA,
    console::SCHEMA,
    vexy_ai::config::SCHEMA,
];
