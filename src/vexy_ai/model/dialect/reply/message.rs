//! What the model wrote, wherever the server put it.

use serde_json::Value;

use super::error::of_value;
use super::{Fault, Kind};
use crate::vexy_ai::model::answer::is_object;

const THOUGHT_BEGIN: &str = "<think>";
const THOUGHT_END: &str = "</think>";

/// The text of the first choice.
pub(super) fn content(choices: &Value) -> Result<String, Fault> {
    let Some(choice) = choices.get(0).filter(|choice| choice.is_object()) else {
        return Err(Fault::new(Kind::NoChoices, ""));
    };
    let error = choice.get("error").filter(|error| !error.is_null());
    if let Some(error) = error {
        return Err(of_value(error, Kind::ChoiceError));
    }
    let message = choice.get("message").unwrap_or(&Value::Null);
    let refusal = message.get("refusal").and_then(Value::as_str);
    let refusal = refusal.filter(|words| !words.trim().is_empty());
    let finish = choice.get("finish_reason").and_then(Value::as_str);
    match finish.unwrap_or_default() {
        "content_filter" => return Err(Fault::new(Kind::ContentFilter, "")),
        "error" => return Err(Fault::new(Kind::ChoiceError, "")),
        _ if refusal.is_some() => {
            return Err(Fault::new(Kind::Refusal, refusal.unwrap_or_default()));
        }
        "length" | "max_tokens" | "MAX_TOKENS" => return Err(Fault::new(Kind::Length, "")),
        _ => {}
    }
    let (text, refusal) = match message.get("content") {
        Some(Value::String(text)) => (text.clone(), None),
        Some(Value::Array(parts)) => parts_of(parts),
        _ => (String::new(), None),
    };
    if let Some(refusal) = refusal {
        return Err(Fault::new(Kind::Refusal, &refusal));
    }
    let text = without_thought(&text);
    if !text.is_empty() {
        return Ok(text.to_owned());
    }
    // Where a server takes all of the answer for thought, the object stands there, alone.
    let thoughts = ["reasoning_content", "reasoning"]
        .iter()
        .filter_map(|name| message.get(*name)?.as_str());
    let mut objects = thoughts.filter(|thought| is_object(thought));
    match objects.next() {
        Some(object) => Ok(object.trim().to_owned()),
        None => Err(Fault::new(Kind::Blank, "")),
    }
}

/// The texts of a list of parts, and what a part refuses.
fn parts_of(parts: &[Value]) -> (String, Option<String>) {
    let mut text = String::new();
    for part in parts {
        if let Some(refusal) = part.get("refusal").and_then(Value::as_str) {
            return (text, Some(refusal.to_owned()));
        }
        let plain = part.as_str();
        let inner = part.get("text").and_then(Value::as_str);
        text.push_str(plain.or(inner).unwrap_or_default());
    }
    (text, None)
}

/// What follows the thought. Templates may have written its begin themselves, and a thought without an end is all there
/// is.
fn without_thought(text: &str) -> &str {
    let text = match text.rfind(THOUGHT_END) {
        Some(end) => &text[end + THOUGHT_END.len()..],
        None if text.trim_start().starts_with(THOUGHT_BEGIN) => "",
        None => text,
    };
    text.trim()
}
