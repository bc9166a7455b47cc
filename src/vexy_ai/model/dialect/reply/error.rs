//! Errors, as servers write them: `{"error": {"message", "type", "param", "code"}}`, `{"error": "…"}`, `{"detail": …}`,
//! `{"message": …}`, or a plain text.

use serde_json::Value;

use super::{Fault, Kind, WORDS_MAX_BYTES};

/// What of an error's words is looked at.
const LOOKED_AT_MAX: usize = 4_096;

/// What a refused request is refused for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaint {
    /// The field that the server names.
    param: String,
    code: String,
    /// All of its words, in lower case.
    words: String,
}

impl Complaint {
    /// Does it name one of these, as the field or in its words?
    pub fn names(&self, names: &[&str]) -> bool {
        let mut names = names.iter();
        names.any(|name| self.param.starts_with(name) || self.words.contains(name))
    }

    /// Does it want another name for the limit of the answer? One that is only too high names it as well.
    pub fn wants_completion_tokens(&self) -> bool {
        let unsupported =
            self.code == "unsupported_parameter" || self.words.contains("unsupported parameter");
        self.words.contains("max_completion_tokens") || (unsupported && self.param == "max_tokens")
    }
}

/// An error as it was written.
#[derive(Default)]
struct Said {
    param: String,
    code: String,
    kind: String,
    /// Where the code is a number: a status.
    status: Option<u16>,
    words: String,
    /// A filter says what it found.
    is_flagged: bool,
}

/// The fault of a status that is no success.
pub(super) fn of_status(status: u16, body: &[u8]) -> Fault {
    let body = &body[..body.len().min(64 * 1024)];
    let said = match serde_json::from_slice::<Value>(body) {
        Ok(value) => said_in(&value),
        Err(_) => Said {
            words: lossy(&body[..body.len().min(LOOKED_AT_MAX)]),
            ..Said::default()
        },
    };
    fault(status, said)
}

/// The fault of an error in an answer of status 200; `otherwise` when it has no code that says more.
pub(super) fn of_value(error: &Value, otherwise: Kind) -> Fault {
    let said = said_in(error);
    match said.status {
        Some(status @ 400..=599) => fault(status, said),
        _ if said.code == "insufficient_quota" || said.kind == "insufficient_quota" => {
            fault(429, said)
        }
        _ => Fault::new(otherwise, &said.words),
    }
}

fn fault(status: u16, said: Said) -> Fault {
    let lower = said.words.to_lowercase();
    let is =
        |words: &[&str]| words.contains(&said.code.as_str()) || words.contains(&said.kind.as_str());
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let kind = if is(&[
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
    ]) {
        Kind::QuotaSpent
    } else if is(&["model_not_found", "model_not_exist", "invalid_model"])
        || (matches!(status, 400 | 422) && is_unknown_model(&lower))
    {
        Kind::UnknownModel
    } else {
        match status {
            // A moderation in front of the model: the item's fault, not the key's.
            403 if said.is_flagged => Kind::ContentFilter,
            401..=403 => Kind::KeyRefused(status),
            404 => Kind::UnknownModel,
            413 => Kind::TooLong,
            408 | 409 | 425 | 429 | 500..=599 => Kind::Busy(status),
            400 | 422
                if is(&[
                    "content_filter",
                    "content_policy_violation",
                    "ResponsibleAIPolicyViolation",
                ]) =>
            {
                Kind::ContentFilter
            }
            400 | 422
                if is(&["context_length_exceeded", "exceed_context_size_error"])
                    || has(&[
                        "context length",
                        "context size",
                        "context window",
                        "maximum context",
                    ]) =>
            {
                Kind::TooLong
            }
            400 | 422 => Kind::BadRequest(
                status,
                Complaint {
                    param: said.param.to_lowercase(),
                    code: said.code.to_lowercase(),
                    words: lower,
                },
            ),
            _ => Kind::Status(status),
        }
    };
    Fault::new(kind, &said.words)
}

/// `model "x" not found`, `x is not a valid model ID`, `Invalid model name passed in model=x`.
fn is_unknown_model(lower: &str) -> bool {
    lower.contains("model")
        && [
            "not a valid model",
            "invalid model name",
            "unknown model",
            "model does not exist",
            "model not exist",
            "try pulling it first",
        ]
        .iter()
        .any(|words| lower.contains(words))
}

fn said_in(value: &Value) -> Said {
    let mut said = Said::default();
    let error = match value.get("error") {
        Some(error) if !error.is_null() => error,
        _ => value,
    };
    if let Some(text) = error.as_str() {
        said.words = cut(text);
        return said;
    }
    let text = |name: &str| match error.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    said.param = text("param");
    said.code = text("code");
    said.kind = text("type");
    // Only one error has several: the inner code of Azure's filter.
    if let Some(inner) = error.pointer("/innererror/code").and_then(Value::as_str) {
        said.kind = inner.to_owned();
    }
    said.status = said.code.parse().ok();
    let metadata = error.get("metadata");
    let has = |name: &str| metadata.is_some_and(|metadata| metadata.get(name).is_some());
    said.is_flagged = has("reasons") || has("flagged_input");
    let mut words: Vec<String> = Vec::new();
    for part in [
        error.get("message"),
        error.get("detail"),
        value.get("detail"),
    ]
    .into_iter()
    .flatten()
    {
        collect(part, &mut words, 0);
    }
    if let Some(raw) = metadata.and_then(|m| m.get("raw")).and_then(Value::as_str) {
        words.push(raw.to_owned());
    }
    words.dedup();
    said.words = cut(&words.join("; "));
    said
}

/// Texts of a message or of a list of details; where a detail names its place (`loc`), that as well. What was sent, which
/// some servers repeat as `input`, is left out: it may say anything.
fn collect(part: &Value, words: &mut Vec<String>, depth: usize) {
    match part {
        Value::String(text) => words.push(text.clone()),
        Value::Array(list) if depth < 4 => {
            for inner in list.iter().take(16) {
                collect(inner, words, depth + 1);
            }
        }
        Value::Object(map) if depth < 4 => {
            for name in ["loc", "msg", "message", "detail"] {
                if let Some(inner) = map.get(name) {
                    collect(inner, words, depth + 1);
                }
            }
        }
        _ => {}
    }
}

fn cut(text: &str) -> String {
    crate::text::cut(text, LOOKED_AT_MAX.max(WORDS_MAX_BYTES)).to_owned()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
