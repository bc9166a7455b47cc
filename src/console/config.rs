//! What truth says to the console: `services.console`.

use std::collections::HashSet;

use serde::Deserialize;

use crate::contract::is_name;
use crate::text::SafeText;
use crate::truth::{Problem, Problems, Section, SectionSchema, Sections, ServiceSchema, Truth};

/// The service's name in truth.
pub const CONSOLE: &str = "console";

/// What there is in `services.console`, and who checks it.
pub const SCHEMA: ServiceSchema = ServiceSchema {
    svc: CONSOLE,
    sections: Some(&[SectionSchema {
        name: "public",
        fields: &["title", "groups"],
    }]),
    validator: Some(check),
    advisor: None,
    key_variable: None,
    is_spared: true,
};

/// Services that are shown to everybody at most.
const LABELS_MAX: usize = 200;
/// Longest title, name of a group, and label, in bytes.
const WORDS_MAX_BYTES: usize = 64;
/// The title of a page that has none of its own.
const TITLE: &str = "Status";

/// What everybody may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public {
    pub title: SafeText,
    pub groups: Vec<Group>,
}

/// Services that are shown together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub name: SafeText,
    /// What a service is called there, and its name in truth.
    pub services: Vec<(SafeText, String)>,
}

#[derive(Deserialize)]
struct GroupText {
    #[serde(default)]
    name: String,
}

impl Public {
    /// What a truth that was checked lets everybody see; `None` when that is nothing.
    pub fn of(truth: &Truth) -> Option<Public> {
        let section = truth.section(CONSOLE, "public")?;
        let title = section.field("title").and_then(|title| title.read().ok());
        let title: String = title.unwrap_or_else(|| TITLE.to_owned());
        let groups = section.field("groups")?.elements().ok()?;
        let mut room = LABELS_MAX;
        let mut public = Public {
            title: words(&title),
            groups: Vec::new(),
        };
        for group in &groups {
            let name: GroupText = group.read().ok()?;
            let services = group.field("services")?.members().ok()?;
            let services: Vec<(SafeText, String)> = services
                .iter()
                .filter_map(|(label, svc)| Some((words(label), svc.read().ok()?)))
                .take(room)
                .collect();
            room -= services.len();
            let name = words(&name.name);
            public.groups.push(Group { name, services });
        }
        Some(public)
    }

    /// All services, with what they are called.
    pub fn services(&self) -> impl Iterator<Item = (&SafeText, &str)> {
        let groups = self.groups.iter().flat_map(|group| &group.services);
        groups.map(|(label, svc)| (label, svc.as_str()))
    }
}

fn words(text: &str) -> SafeText {
    SafeText::cut(text, WORDS_MAX_BYTES)
}

fn check(sections: &Sections<'_>, problems: &mut Problems) {
    let Some(public) = sections.get("public") else {
        return;
    };
    let mut all: Vec<Problem> = Vec::new();
    all.extend(public.field("title").and_then(|title| not_words(&title)));
    let Some(groups) = public.field("groups") else {
        let what = "without groups nothing is shown";
        let instead = r#"write "groups": [{"name": "Shop", "services": {"Web shop": "web"}}]"#;
        return problems.push(public.problem(what, instead));
    };
    let groups = match groups.elements() {
        Ok(groups) => groups,
        Err(problem) => return problems.push(problem),
    };
    let mut labels = HashSet::new();
    for group in &groups {
        all.extend(group.field("name").and_then(|name| not_words(&name)));
        let Some(services) = group.field("services") else {
            let instead = r#"write "services": {"Web shop": "web"}"#;
            all.push(group.problem("without services", instead));
            continue;
        };
        match services.members() {
            Err(problem) => all.push(problem),
            Ok(members) => {
                for (label, svc) in members {
                    all.extend(wrong_label(label, &svc, &mut labels));
                }
            }
        }
    }
    if labels.len() > LABELS_MAX {
        let what = format!("more than {LABELS_MAX} services");
        all.push(public.problem(what, "show those that matter to everybody"));
    }
    all.into_iter().for_each(|problem| problems.push(problem));
}

fn not_words(section: &Section<'_>) -> Option<Problem> {
    match section.read::<String>() {
        Err(problem) => Some(problem),
        Ok(text) if text.is_empty() || text.len() > WORDS_MAX_BYTES => {
            Some(section.problem(format!("not from 1 to {WORDS_MAX_BYTES} bytes"), ""))
        }
        Ok(_) => None,
    }
}

/// A label is a part of an address, and stands for one service.
fn wrong_label(label: String, svc: &Section<'_>, known: &mut HashSet<String>) -> Option<Problem> {
    match svc.read::<String>() {
        Err(problem) => return Some(problem),
        Ok(name) if !is_name(&name) => {
            return Some(svc.problem("no name of a service", "write its name in truth"));
        }
        Ok(_) => {}
    }
    if label.is_empty() || label.len() > WORDS_MAX_BYTES || label.contains(['/', '.', '%']) {
        let instead = format!("write 1 to {WORDS_MAX_BYTES} bytes without / . %");
        return Some(svc.problem("no label", instead));
    }
    (!known.insert(label)).then(|| svc.problem("a service is called so already", ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::{Defaults, Rules};

    const SCHEMAS: &[ServiceSchema] = &[SCHEMA];

    fn read(public: &str) -> Result<Option<Public>, String> {
        let text = format!(r#"{{"services": {{"web": {{}}, "console": {{"public": {public}}}}}}}"#);
        let rules = Rules::strict(Defaults::default(), SCHEMAS);
        match Truth::parse(text.as_bytes(), rules) {
            Ok(truth) => Ok(Public::of(&truth)),
            Err(rejected) => Err(format!("{rejected:?}")),
        }
    }

    #[test]
    fn labels_lead_to_services_and_what_cannot_be_shown_is_refused_with_what_to_write() {
        let public = read(
            r#"{"title": "Shop", "groups": [{"name": "All", "services": {"Web shop": "web"}}]}"#,
        );
        let public = public.expect("valid").expect("something");
        let services: Vec<(&str, &str)> = public
            .services()
            .map(|(label, svc)| (label.as_str(), svc))
            .collect();
        assert_eq!(public.title.as_str(), "Shop");
        assert_eq!(services, [("Web shop", "web")]);
        for wrong in [
            "{}",
            r#"{"groups": {}}"#,
            r#"{"groups": [{"name": "All"}]}"#,
            r#"{"groups": [{"services": {"a/b": "web"}}]}"#,
            r#"{"groups": [{"services": {"a": "w b"}}]}"#,
            r#"{"groups": [{"services": {"a": "web"}}, {"services": {"a": "web"}}]}"#,
            r#"{"title": 3, "groups": []}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
