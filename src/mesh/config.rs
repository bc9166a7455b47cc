//! What truth says to mesh: `services.mesh`.

use std::time::Duration;

use serde::Deserialize;

use super::work::{STREAMS_MAX, Watched};
use crate::contract::is_name;
use crate::truth::{
    Problem, Problems, Section, SectionSchema, Sections, ServiceSchema, Truth, range,
};

/// The service's name in truth.
pub const SERVICE: &str = "mesh";

/// What there is in `services.mesh`, and who checks it.
pub const SCHEMA: ServiceSchema = ServiceSchema {
    svc: SERVICE,
    sections: Some(&[
        SectionSchema {
            name: "watch_streams",
            fields: &["bus", "key", "group", "service", "stall_sec"],
        },
        SectionSchema {
            name: "registry",
            fields: &["forget_after_sec"],
        },
    ]),
    validator: Some(check),
    advisor: None,
    key_variable: None,
    is_spared: false,
};

/// Longest key or group of a watched stream, in bytes.
const KEY_MAX_BYTES: usize = 512;
/// From a second to 32 days.
const SPAN_SEC: (f64, f64) = (1.0, 32.0 * 86_400.0);

#[derive(Deserialize)]
struct StreamText {
    bus: String,
    key: String,
    group: String,
    service: String,
    #[serde(default = "stall_sec")]
    stall_sec: f64,
}

#[derive(Deserialize)]
struct RegistryText {
    #[serde(default = "forget_after_sec")]
    forget_after_sec: f64,
}

impl Default for RegistryText {
    fn default() -> RegistryText {
        RegistryText {
            forget_after_sec: forget_after_sec(),
        }
    }
}

fn stall_sec() -> f64 {
    300.0
}

fn forget_after_sec() -> f64 {
    86_400.0
}

/// The streams that are watched, and how long who is gone is remembered.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub watched: Vec<Watched>,
    pub forget_after: Duration,
}

impl Config {
    /// What a truth that was checked says; what cannot be read all the same has its default.
    pub fn of(truth: &Truth) -> Config {
        let streams = truth.section(SERVICE, "watch_streams");
        let elements = streams.and_then(|list| list.elements().ok());
        let read = |element: &Section<'_>| element.read::<StreamText>().ok();
        let watched = elements.unwrap_or_default();
        let watched = watched.iter().filter_map(read).take(STREAMS_MAX);
        let registry: Option<RegistryText> =
            truth.read_section(SERVICE, "registry").unwrap_or_default();
        let forget_after_sec = registry.unwrap_or_default().forget_after_sec;
        Config {
            watched: watched.map(StreamText::watched).collect(),
            forget_after: Duration::from_secs_f64(forget_after_sec),
        }
    }
}

impl StreamText {
    fn watched(self) -> Watched {
        Watched {
            bus: self.bus,
            key: self.key,
            group: self.group,
            service: self.service,
            stall: Duration::from_secs_f64(self.stall_sec),
        }
    }

    fn wrong(&self, section: &Section<'_>) -> Option<Problem> {
        for (field, name) in [("bus", &self.bus), ("service", &self.service)] {
            if !is_name(name) {
                let at = section.at(field);
                return Some(at.problem("no name", "write 1 to 64 of A-Z a-z 0-9 _ . -"));
            }
        }
        for (field, text) in [("key", &self.key), ("group", &self.group)] {
            if text.is_empty() || text.len() > KEY_MAX_BYTES {
                let what = format!("not from 1 to {KEY_MAX_BYTES} bytes");
                return Some(section.at(field).problem(what, ""));
            }
        }
        let wrong = range("stall_sec", &self.stall_sec, SPAN_SEC).err()?;
        Some(section.wrong(wrong))
    }
}

fn check(sections: &Sections<'_>, problems: &mut Problems) {
    sections.read_and("registry", problems, |registry: &RegistryText| {
        range("forget_after_sec", &registry.forget_after_sec, SPAN_SEC)
    });
    let Some(list) = sections.get("watch_streams") else {
        return;
    };
    let elements = match list.elements() {
        Ok(elements) => elements,
        Err(problem) => return problems.push(problem),
    };
    if elements.len() > STREAMS_MAX {
        let what = format!("more than {STREAMS_MAX} streams");
        problems.push(list.problem(what, "watch those whose standing still matters"));
    }
    let mut seen = std::collections::HashSet::new();
    for element in &elements {
        // serde would take the values of a list for those of the fields.
        match element.members().and_then(|_| element.read::<StreamText>()) {
            Err(problem) => problems.push(problem),
            Ok(stream) => {
                if let Some(problem) = stream.wrong(element) {
                    problems.push(problem);
                }
                if !seen.insert((stream.bus, stream.key, stream.group)) {
                    problems.push(element.problem("this group is watched already", ""));
                }
            }
        }
    }
}
