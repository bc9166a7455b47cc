//! The list of channels in truth: each entry judged by itself, so that one that is wrong spoils no other.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use super::entry::{Entry, FIELDS, Kind, RECIPIENTS_MAX};
use crate::contract::{NAME_MAX_BYTES, is_name};
use crate::notify::format::Format;
use crate::truth::{Problem, Section, did_you_mean, is_env_name};

/// Channels that one process tells through.
const CHANNELS_MAX: usize = 16;

/// An element of the list.
pub(super) struct Listed {
    /// Its name, where that can be read and no other has it.
    pub name: Option<String>,
    /// What it says, or all that is wrong with it.
    pub entry: Result<Entry, Vec<Problem>>,
}

/// The elements of `services.healer.notify`; one that only says what is wrong when it is no list or too long.
pub(super) fn listed(section: &Section<'_>) -> Vec<Listed> {
    let wrong = |problem| Listed {
        name: None,
        entry: Err(vec![problem]),
    };
    let mut elements = match section.elements() {
        Ok(elements) => elements,
        Err(problem) => return vec![wrong(problem)],
    };
    let excess = elements.get(CHANNELS_MAX).map(|first| {
        let what = format!("more than {CHANNELS_MAX} channels");
        wrong(first.problem(what, "write fewer"))
    });
    elements.truncate(CHANNELS_MAX);
    let mut names = BTreeSet::new();
    let each = elements.iter().map(|element| one(element, &mut names));
    each.chain(excess).collect()
}

fn one(element: &Section<'_>, names: &mut BTreeSet<String>) -> Listed {
    let name = element.field("name");
    let text = name.as_ref().and_then(|name| name.read::<String>().ok());
    let is_own = text.clone().is_none_or(|text| names.insert(text));
    let mut entry = read(element);
    if let Some(name) = name.filter(|_| !is_own) {
        let taken = name.problem("a name that another channel has", "give each its own");
        let mut wrong = entry.err().unwrap_or_default();
        wrong.push(taken);
        entry = Err(wrong);
    }
    Listed {
        name: text.filter(|text| is_own && is_name(text)),
        entry,
    }
}

fn read(element: &Section<'_>) -> Result<Entry, Vec<Problem>> {
    let members = element.members().map_err(|problem| vec![problem])?;
    let judged = members.iter().map(|(field, value)| judge(field, value));
    let mut wrong: Vec<Problem> = judged.filter_map(Result::err).collect();
    for (field, instead) in [
        ("name", "\"name\": \"ops\", a name of its own"),
        ("kind", "\"kind\": \"webhook\" or \"email\""),
    ] {
        if element.field(field).is_none() {
            let what = format!("a channel without {field:?}");
            wrong.push(element.problem(what, format!("add {instead}")));
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    element.read().map_err(|problem| vec![problem])
}

/// What is wrong with one field of a channel.
fn judge(field: &str, value: &Section<'_>) -> Result<(), Problem> {
    match field {
        "name" => {
            let instead = format!("write 1 to {NAME_MAX_BYTES} of A-Z a-z 0-9 _ . -");
            let name: String = typed(value, &instead)?;
            refuse_unless(is_name(&name), value, "a bad channel name", &instead)
        }
        "kind" => {
            let is_kind = value.read::<Kind>().is_ok();
            let instead = "write \"webhook\" or \"email\"";
            refuse_unless(is_kind, value, "an unknown kind of channel", instead)
        }
        "format" => {
            let instead = format!("write one of {}", Format::NAMES.join(", "));
            let name: Option<String> = typed(value, &instead)?;
            let is_known = name.is_none_or(|name| Format::by_name(&name).is_some());
            refuse_unless(is_known, value, "an unknown format", &instead)
        }
        "timeout_sec" => {
            let instead = "write 0.1 to 120";
            let secs: Option<f64> = typed(value, instead)?;
            let fits = secs.is_none_or(|secs| (0.1..=120.0).contains(&secs));
            refuse_unless(fits, value, "not a time-out that is waited for", instead)
        }
        "to" => {
            let instead =
                format!("write a list of 1 to {RECIPIENTS_MAX} addresses: [\"ops@example.org\"]");
            let all: Option<Vec<String>> = typed(value, &instead)?;
            let count = all.as_ref().map_or(1, Vec::len);
            let fits = (1..=RECIPIENTS_MAX).contains(&count);
            refuse_unless(fits, value, "not a list that can be written to", &instead)?;
            let is_address = |text: &String| text.trim().parse::<lettre::Address>().is_ok();
            let are_addresses = all.iter().flatten().all(is_address);
            refuse_unless(are_addresses, value, "not addresses", &instead)
        }
        field if FIELDS.contains(&field) => {
            let instead = "write the name of a variable, such as \"OPS_URL\"";
            let name: Option<String> = typed(value, instead)?;
            // The text may be the secret itself: it is not repeated.
            let is_name = name.is_none_or(|name| is_env_name(&name));
            let what = "not the name of an environment variable";
            refuse_unless(is_name, value, what, instead)
        }
        field => {
            let instead = match did_you_mean(field, FIELDS) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("a channel has {}", FIELDS.join(", ")),
            };
            Err(value.problem("an unknown field", instead))
        }
    }
}

fn typed<T: DeserializeOwned>(value: &Section<'_>, instead: &str) -> Result<T, Problem> {
    value.read().map_err(|problem| Problem {
        instead: instead.to_owned(),
        ..problem
    })
}

fn refuse_unless(
    is_right: bool,
    value: &Section<'_>,
    what: &str,
    instead: &str,
) -> Result<(), Problem> {
    match is_right {
        true => Ok(()),
        false => Err(value.problem(what, instead)),
    }
}
