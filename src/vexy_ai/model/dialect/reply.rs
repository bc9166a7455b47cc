//! What an answer of a server means. Pure.
//!
//! The forms are those of OpenAI, Azure, vLLM, llama.cpp, Ollama, LM Studio, LiteLLM, OpenRouter and DeepSeek. Whatever
//! is none of them has a name as well, and is no result.

mod error;
mod message;

use std::fmt;

use serde_json::Value;

use crate::text::SafeText;

pub use error::Complaint;
use error::{of_status, of_value};
use message::content;

/// Bytes of a server's words that are kept.
pub(super) const WORDS_MAX_BYTES: usize = 300;
/// More tokens than any answer has: who reports more reports nothing.
const TOKENS_MAX: u64 = 100_000_000;

/// What a call cost, as the server counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the request.
    pub input: u64,
    /// Tokens of the answer.
    pub output: u64,
}

/// Why a call brought no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: Kind,
    /// What the server says, if anything.
    pub words: SafeText,
}

/// The names of all that can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No connection, by name, network or TLS.
    Unreachable,
    /// No answer in time.
    Late,
    /// The answer broke off.
    Cut,
    /// 408, 409, 425, 429 or 5xx.
    Busy(u16),
    /// 401, 402 or 403.
    KeyRefused(u16),
    /// What was paid for is used up.
    QuotaSpent,
    /// There is no such model, or no such path.
    UnknownModel,
    /// 400 or 422, and what it names.
    BadRequest(u16, Complaint),
    /// The request is longer than the model's context.
    TooLong,
    /// Another status: a redirect, which is not followed, or something stranger.
    Status(u16),
    /// 200, and the body is longer than is read.
    TooBig,
    /// 200, and the body is no JSON of an answer.
    NotJson,
    /// 200, and the body is an error.
    ErrorInside,
    /// 200, and there is no choice.
    NoChoices,
    /// 200, and the choice is an error.
    ChoiceError,
    /// 200, and there is nothing in it.
    Blank,
    /// The model will not.
    Refusal,
    /// A filter of the server's took the text or the answer away.
    ContentFilter,
    /// The answer was cut at its limit.
    Length,
}

/// What follows from a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The same may go well a little later.
    Again,
    /// Asking otherwise may go well.
    Step,
    /// Once more, in case it was chance.
    Blank,
    /// Once more with room for a longer answer.
    Length,
    /// Nothing will go well until somebody changes something.
    Shut,
    /// This item has no result.
    Final,
}

impl Fault {
    /// A fault with what was said.
    pub fn new(kind: Kind, words: &str) -> Fault {
        Fault {
            kind,
            words: SafeText::cut(words, WORDS_MAX_BYTES),
        }
    }

    /// What follows.
    pub fn class(&self) -> Class {
        match &self.kind {
            Kind::Unreachable | Kind::Late | Kind::Cut | Kind::Busy(_) => Class::Again,
            Kind::KeyRefused(_) | Kind::QuotaSpent | Kind::UnknownModel => Class::Shut,
            Kind::BadRequest(..) => Class::Step,
            Kind::Blank => Class::Blank,
            Kind::Length => Class::Length,
            Kind::TooLong
            | Kind::Status(_)
            | Kind::TooBig
            | Kind::NotJson
            | Kind::ErrorInside
            | Kind::NoChoices
            | Kind::ChoiceError
            | Kind::Refusal
            | Kind::ContentFilter => Class::Final,
        }
    }

    /// Did the server do its work, so that the fault lies with this item or the way of asking?
    pub fn is_of_the_item(&self) -> bool {
        matches!(
            self.kind,
            Kind::TooLong | Kind::Blank | Kind::Refusal | Kind::ContentFilter | Kind::Length
        )
    }

    /// What a 400 or 422 names.
    pub fn complaint(&self) -> Option<&Complaint> {
        match &self.kind {
            Kind::BadRequest(_, complaint) => Some(complaint),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Unreachable => "the server is not reached",
            Kind::Late => "no answer in time",
            Kind::Cut => "the answer broke off",
            Kind::Busy(429) => "429: too many calls",
            Kind::Busy(status) => return write!(f, "{status}: the server has trouble"),
            Kind::KeyRefused(402) => "402: payment is due",
            Kind::KeyRefused(status) => return write!(f, "{status}: the key is refused"),
            Kind::QuotaSpent => "the quota is spent",
            Kind::UnknownModel => "there is no such model or path",
            Kind::BadRequest(status, _) => return write!(f, "{status}: the request is refused"),
            Kind::TooLong => "the text is too long for the model",
            Kind::Status(status @ 300..=399) => {
                return write!(f, "{status}: a redirect, which is not followed");
            }
            Kind::Status(status) => return write!(f, "status {status}"),
            Kind::TooBig => "the answer is longer than is read",
            Kind::NotJson => "the answer is not the JSON of one",
            Kind::ErrorInside => "200 with an error",
            Kind::NoChoices => "200 without a choice",
            Kind::ChoiceError => "the choice is an error",
            Kind::Blank => "the answer is blank",
            Kind::Refusal => "the model refused",
            Kind::ContentFilter => "a content filter took it away",
            Kind::Length => "the answer was cut at its limit",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.words.is_empty() {
            true => write!(f, "{}", self.kind),
            false => write!(f, "{} ({})", self.kind, self.words),
        }
    }
}

/// Reads an answer that came whole: what the model wrote, or what is wrong; and what it cost, where the server says so.
pub fn read(status: u16, body: &[u8]) -> (Result<String, Fault>, Option<Usage>) {
    if !(200..300).contains(&status) {
        return (Err(of_status(status, body)), None);
    }
    let reply = serde_json::from_slice::<Value>(body);
    let Some(reply) = reply.ok().filter(Value::is_object) else {
        let words = String::from_utf8_lossy(&body[..body.len().min(WORDS_MAX_BYTES)]);
        return (Err(Fault::new(Kind::NotJson, &words)), None);
    };
    let usage = usage(&reply["usage"]);
    let read = if !reply["error"].is_null() {
        Err(of_value(&reply["error"], Kind::ErrorInside))
    } else {
        content(&reply["choices"])
    };
    (read, usage)
}

fn usage(usage: &Value) -> Option<Usage> {
    let tokens = |name: &str| usage.get(name)?.as_u64().filter(|n| *n <= TOKENS_MAX);
    let input = tokens("prompt_tokens")?;
    // An answer of a server that counts only what it read has cost what it may.
    let output = tokens("completion_tokens")?;
    Some(Usage { input, output })
}
