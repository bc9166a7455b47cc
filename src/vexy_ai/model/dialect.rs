//! How a server wants to be asked, and what its answers mean. Pure.
//!
//! Servers that call themselves compatible with OpenAI differ in which fields they take and where they put what they
//! say. A [`Dialect`] is what one of them was found to take; it steps down only when the server itself names what it
//! does not take.

mod attempts;
mod pause;
mod reply;

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Map, Value, json};

use super::prompt::{Messages, schema};

use crate::fail_stop::lock;
pub use attempts::{ATTEMPTS_MAX, Attempts, Next, STEPS_MAX};
pub use pause::{PAUSE_MAX, pause};
pub use reply::{Class, Complaint, Fault, Kind, Usage, read};

/// Fields of a request that nobody sets but us, whatever `extra` says.
pub const RESERVED: [&str; 4] = ["messages", "model", "stream", "tools"];
/// Servers and models whose dialect is remembered; past that all are forgotten, and found out again.
const REMEMBERED_MAX: usize = 16;

/// How the form of the answer is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `response_format` of `json_schema`.
    #[default]
    Schema,
    /// `response_format` of `json_object`.
    Object,
    /// By the prompt alone.
    Text,
}

/// What one model of one server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    pub format: Format,
    /// It wants `max_completion_tokens` for `max_tokens`.
    pub by_completion: bool,
    /// It takes a `temperature`.
    pub has_temperature: bool,
}

impl Default for Dialect {
    fn default() -> Dialect {
        Dialect {
            format: Format::Schema,
            by_completion: false,
            has_temperature: true,
        }
    }
}

/// What is to be asked, in whatever dialect.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub model: &'a str,
    pub messages: &'a Messages,
    pub max_tokens: u32,
    /// Further fields, of the operator's.
    pub extra: &'a Map<String, Value>,
}

impl Dialect {
    /// The body of the request.
    pub fn body(&self, request: &Request<'_>) -> Value {
        let mut body = Map::new();
        body.insert("temperature".to_owned(), json!(0));
        if let Some(format) = self.response_format() {
            body.insert("response_format".to_owned(), format);
        }
        let extra = request.extra.iter();
        let allowed = extra.filter(|(name, _)| !RESERVED.contains(&name.as_str()));
        body.extend(allowed.map(|(name, value)| (name.clone(), value.clone())));
        if !self.has_temperature {
            body.remove("temperature");
        }
        if self.format == Format::Text {
            body.remove("response_format");
        }
        // What the budget was asked for is what may come back, whatever `extra` says.
        body.remove("max_tokens");
        body.remove("max_completion_tokens");
        let name = if self.by_completion {
            "max_completion_tokens"
        } else {
            "max_tokens"
        };
        body.insert(name.to_owned(), json!(request.max_tokens));
        body.insert("model".to_owned(), json!(request.model));
        body.insert("stream".to_owned(), json!(false));
        let Messages { system, user } = request.messages;
        let messages = json!([
            {"role": "system", "content": system},
            {"role": "user", "content": user},
        ]);
        body.insert("messages".to_owned(), messages);
        Value::Object(body)
    }

    fn response_format(&self) -> Option<Value> {
        match self.format {
            Format::Schema => Some(json!({
                "type": "json_schema",
                "json_schema": {"name": "analysis", "strict": true, "schema": schema()},
            })),
            Format::Object => Some(json!({"type": "json_object"})),
            Format::Text => None,
        }
    }

    /// The dialect to try after the server refused a request; `None` when it names nothing that could be left out.
    pub fn after(&self, complaint: &Complaint) -> Option<Dialect> {
        if !self.by_completion && complaint.wants_completion_tokens() {
            return Some(Dialect {
                by_completion: true,
                ..*self
            });
        }
        if self.has_temperature && complaint.names(&["temperature"]) {
            return Some(Dialect {
                has_temperature: false,
                ..*self
            });
        }
        let format = match self.format {
            Format::Schema => Format::Object,
            Format::Object => Format::Text,
            Format::Text => return None,
        };
        let forms = [
            "response_format",
            "response format",
            "json_schema",
            "json schema",
            "json_object",
            "structured output",
            "structured_output",
            "guided_",
            "grammar",
        ];
        complaint
            .names(&forms)
            .then_some(Dialect { format, ..*self })
    }
}

/// The dialects that were found out, for all threads. Forgotten with the process.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<(String, String), Dialect>>);

impl Memory {
    /// How this model of this server was last asked with success.
    pub fn recall(&self, url: &str, model: &str) -> Dialect {
        let known = lock(&self.0);
        let key = (url.to_owned(), model.to_owned());
        known.get(&key).copied().unwrap_or_default()
    }

    /// Remembers it.
    pub fn keep(&self, url: &str, model: &str, dialect: Dialect) {
        let mut known = lock(&self.0);
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert((url.to_owned(), model.to_owned()), dialect);
    }
}

#[cfg(test)]
mod tests;
