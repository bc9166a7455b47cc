//! What the working services keep in Redis, read for people: by the command line and by the console alike.
//!
//! Each part reads one service's records at one moment, with as few questions as that takes, and says them as JSON. What
//! stands there was written by the services and, through them, by the world: texts are made safe, and URLs are shown
//! without what a query or a user part may hold.
//!
//! - [`feeds`], [`market`], [`analysis`], [`mesh`]: what the feed reader, the market reader, the analyst and the registry
//!   keep;
//! - [`notify`]: the channels that tell people, and what could not be delivered;
//! - [`truth`]: the document, and what changed in it.

pub mod analysis;
pub mod feeds;
pub mod market;
pub mod masked;
pub mod mesh;
pub mod notify;
pub mod truth;

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::text::SafeText;

/// A hash: its fields by their names.
pub type Fields = BTreeMap<String, String>;

/// What a field may hold, in bytes; the rest is not shown.
const FIELD_MAX_BYTES: usize = 64 * 1024;

/// Fields as they stood in Redis, made safe: whoever can write there may have written them.
pub fn safe(fields: Fields) -> Fields {
    let each = fields.into_iter();
    each.map(|(name, text)| (line(&name), line(&text)))
        .collect()
}

/// One line of what somebody else wrote.
pub fn line(text: &str) -> String {
    SafeText::cut(text, FIELD_MAX_BYTES).into()
}

/// JSON that stood in Redis, with its texts made safe; null where it is none.
pub fn json(text: &str) -> Json {
    let mut json: Json = serde_json::from_str(text).unwrap_or_default();
    make_safe(&mut json);
    json
}

fn make_safe(json: &mut Json) {
    match json {
        Json::String(text) => *text = line(text),
        Json::Array(list) => list.iter_mut().for_each(make_safe),
        Json::Object(object) => {
            let members = std::mem::take(object).into_iter();
            *object = members
                .map(|(name, mut value)| {
                    make_safe(&mut value);
                    (line(&name), value)
                })
                .collect();
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// An integer among the fields.
pub fn integer(fields: &Fields, name: &str) -> Option<i64> {
    fields.get(name)?.parse().ok()
}
