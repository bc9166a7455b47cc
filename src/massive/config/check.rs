//! The validator of `services.massive`, for everybody who checks a truth before it is in force.

use std::collections::HashSet;

use url::Url;

use super::fields::{ChainText, DeriveText, LimitsText, ScheduleText, VendorText, is_loopback};
use super::{CHAINS_MAX, INDICES_MAX, SYMBOLS_MAX, Source};
use crate::massive::symbol;
use crate::net::ssrf_guard::SsrfGuard;
use crate::truth::{Problem, Problems, Section, Sections};

/// Every section that there is.
const SECTIONS: [&str; 7] = [
    "vendor", "symbols", "indices", "chains", "schedule", "limits", "derive",
];
/// What names of fields say that hold a secret.
const SECRETS: [&str; 3] = ["key", "token", "secret"];

/// Checks the sections.
pub(super) fn check(sections: &Sections<'_>, problems: &mut Problems) {
    for name in SECTIONS {
        if let Some(section) = sections.get(name) {
            refuse_secrets(name, section, problems);
        }
    }
    sections.read_and("schedule", problems, ScheduleText::wrong);
    sections.read_and("derive", problems, DeriveText::wrong);
    let limits = sections
        .read_and("limits", problems, LimitsText::wrong)
        .unwrap_or_default();
    let guard = SsrfGuard::new(&limits.allow_hosts).unwrap_or_else(|what| {
        if let Some(section) = sections.get("limits") {
            problems.push(section.at("allow_hosts").problem(what, ""));
        }
        SsrfGuard::default()
    });
    let vendor = sections.read_and("vendor", problems, |vendor: &VendorText| {
        vendor.wrong(|url| allows(&guard, url))
    });
    let source = vendor.unwrap_or_default().source();
    let mut names = Names::default();
    names.list(
        sections,
        "symbols",
        SYMBOLS_MAX,
        symbol::stock,
        source,
        problems,
    );
    names.list(
        sections,
        "indices",
        INDICES_MAX,
        symbol::index,
        source,
        problems,
    );
    check_chains(sections, source, problems);
}

/// Says what is odd: ages that are shorter than two rounds.
pub(super) fn advise(sections: &Sections<'_>, warnings: &mut Problems) {
    let read = |name| sections.get(name);
    let schedule: Option<ScheduleText> = read("schedule").and_then(|of| of.read().ok());
    let limits: Option<LimitsText> = read("limits").and_then(|of| of.read().ok());
    let (spots_sec, stale_sec) = (
        schedule.unwrap_or_default().spots_sec,
        limits.unwrap_or_default().stale_sec,
    );
    // What is not written has its default; what is written last is what to change.
    let written = read("limits").and_then(|of| of.field("stale_sec"));
    let written = written.or_else(|| read("schedule").and_then(|of| of.field("spots_sec")));
    if stale_sec >= spots_sec.saturating_mul(2) {
        return;
    }
    if let Some(field) = written {
        warnings.push(field.problem(
            format!(
                "prices go stale between two rounds: stale_sec {stale_sec} is below twice spots_sec {spots_sec}"
            ),
            format!("write a stale_sec of at least {}", spots_sec.saturating_mul(2)),
        ));
    }
}

/// Does `limits.allow_hosts` name this host, or the range of its address?
fn allows(guard: &SsrfGuard, url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(0);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let by_range = || {
        let ip = bare.parse();
        ip.is_ok_and(|ip| is_loopback(url) && guard.forbids(ip).is_none())
    };
    guard.allows_name(host, port) || by_range()
}

/// A key in a document that everybody reads is no key any more: its value is not even repeated.
fn refuse_secrets(name: &str, section: &Section<'_>, problems: &mut Problems) {
    let lower = name.to_ascii_lowercase();
    if SECRETS.iter().any(|secret| lower.contains(secret)) {
        problems.push(section.problem(
            "a key, token or secret in truth, which everybody reads",
            "put it into MASSIVE_API_KEY",
        ));
        return;
    }
    for (name, member) in section.members().unwrap_or_default() {
        refuse_secrets(&name, &member, problems);
    }
    for element in section.elements().unwrap_or_default() {
        refuse_secrets("", &element, problems);
    }
}

/// The names that were there already.
#[derive(Default)]
struct Names {
    seen: HashSet<String>,
}

impl Names {
    fn list(
        &mut self,
        sections: &Sections<'_>,
        name: &str,
        max: usize,
        known: fn(&str) -> Result<(), String>,
        source: Source,
        problems: &mut Problems,
    ) {
        let Some(section) = sections.get(name) else {
            return;
        };
        let elements = match section.elements() {
            Ok(elements) => elements,
            Err(problem) => return problems.push(problem),
        };
        if elements.len() > max {
            let what = format!("{} names, of which {max} are the most", elements.len());
            problems.push(section.problem(what, "leave some out"));
        }
        for element in elements.iter().take(max) {
            let text: String = match element.read() {
                Ok(text) => text,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            let fits = known(&text).and_then(|()| of_source(&text, source));
            if let Err(what) = fits {
                problems.push(element.problem(what, ""));
            } else if !self.seen.insert(text.clone()) {
                let what = format!("{text:?} a second time");
                problems.push(element.problem(what, "leave it out"));
            }
        }
    }
}

fn check_chains(sections: &Sections<'_>, source: Source, problems: &mut Problems) {
    let Some(section) = sections.get("chains") else {
        return;
    };
    let elements = match section.elements() {
        Ok(elements) => elements,
        Err(problem) => return problems.push(problem),
    };
    if elements.len() > CHAINS_MAX {
        let what = format!(
            "{} chains, of which {CHAINS_MAX} are the most",
            elements.len()
        );
        problems.push(section.problem(what, "leave some out"));
    }
    let mut keys: HashSet<String> = HashSet::new();
    for element in elements.iter().take(CHAINS_MAX) {
        if let Err(problem) = check_chain(element, source, &mut keys) {
            problems.push(problem);
        }
    }
}

fn check_chain(
    element: &Section<'_>,
    source: Source,
    keys: &mut HashSet<String>,
) -> Result<(), Problem> {
    let chain: ChainText = element.read()?;
    let wrong = |name, what, instead: &str| element.at(name).problem(what, instead);
    chain
        .wrong()
        .map_err(|(name, what, instead)| wrong(name, what, instead))?;
    let name = &chain.underlying;
    of_source(name, source).map_err(|what| wrong("underlying", what, ""))?;
    let in_keys = symbol::in_chain_keys(name).to_owned();
    if !keys.insert(in_keys.clone()) {
        let what = format!("a second chain whose keys say {in_keys:?}");
        return Err(wrong("underlying", what, "leave one of them out"));
    }
    Ok(())
}

/// Names of the demo are the demo's alone, so that nobody takes its numbers for the market's.
fn of_source(name: &str, source: Source) -> Result<(), String> {
    match (source, symbol::is_demo(name)) {
        (Source::Massive, true) => Err(format!(
            "{name:?} is a name of the demo, which the source \"massive\" does not have"
        )),
        (Source::Demo, false) => Err(format!(
            "{name:?} is none of the demo's names: it has \"DEMO1\", \"DEMO2\" and \"I:DEMO\""
        )),
        _ => Ok(()),
    }
}
