//! Filters: which items a feed's reader never wants to see.
//!
//! Each rule looks at one field with a regular expression that takes linear time, whatever it and the text are. The
//! rules of a feed are asked in order, and the first that matches decides. Where a feed has `keep` rules, what none
//! of its rules matches is dropped; else it is kept.

use std::borrow::Cow;
use std::fmt;

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::feed::document::plain::Tags;
use crate::feed::document::{Entry, Person, Text};
use crate::feed::identity::title_text;

/// Most rules in truth.
pub const RULES_MAX: usize = 1_000;
/// Longest expression, in bytes.
pub const MATCH_MAX_BYTES: usize = 1_000;
/// A field is looked at up to here.
const TEXT_MAX_BYTES: usize = 64 * 1024;
/// Most memory that one compiled expression may take.
const COMPILED_MAX_BYTES: usize = 256 * 1024;

/// One rule, as truth has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The feed it is for; all feeds when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed: Option<String>,
    pub field: Field,
    /// A regular expression, in any letter case.
    #[serde(rename = "match")]
    pub pattern: String,
    pub action: Action,
}

/// The field that a rule looks at, as plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    Title,
    Summary,
    Content,
    Author,
    Category,
    Url,
    /// Title, summary, content, author and categories.
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Drop,
    Keep,
}

/// A rule that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRule {
    /// Which one, from 0.
    pub at: usize,
    pub reason: String,
}

impl fmt::Display for BadRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "filters[{}]: {}", self.at, self.reason)
    }
}

/// Compiled rules.
#[derive(Clone, Debug, Default)]
pub struct Filters(Vec<(Rule, Regex)>);

impl Filters {
    /// Compiles the rules; all that are bad are told at once.
    pub fn compile(rules: &[Rule]) -> Result<Filters, Vec<BadRule>> {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for (at, rule) in rules.iter().enumerate() {
            match compile(&rule.pattern) {
                _ if at >= RULES_MAX => {
                    bad.push(BadRule {
                        at,
                        reason: format!("more than {RULES_MAX} rules"),
                    });
                    break;
                }
                Ok(regex) => good.push((rule.clone(), regex)),
                Err(reason) => bad.push(BadRule { at, reason }),
            }
        }
        if bad.is_empty() {
            Ok(Filters(good))
        } else {
            Err(bad)
        }
    }

    /// Is this entry of this feed to be dropped?
    pub fn drops(&self, feed: &str, entry: &Entry) -> bool {
        let mut keeps = false;
        for (rule, regex) in self
            .0
            .iter()
            .filter(|(rule, _)| rule.feed.as_deref().is_none_or(|of| of == feed))
        {
            if rule.field.matches(entry, regex) {
                return rule.action == Action::Drop;
            }
            keeps |= rule.action == Action::Keep;
        }
        keeps
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.is_empty() || pattern.len() > MATCH_MAX_BYTES {
        return Err(format!("match must have 1 to {MATCH_MAX_BYTES} bytes"));
    }
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(COMPILED_MAX_BYTES)
        .build()
        .map_err(|error| format!("match is no regular expression: {error}"))
}

impl Field {
    fn matches(self, entry: &Entry, regex: &Regex) -> bool {
        let text = |text: &Option<Text>| {
            text.as_ref()
                .is_some_and(|text| regex.is_match(&plain(text)))
        };
        match self {
            Field::Title => title_text(entry).is_some_and(|title| regex.is_match(&title)),
            Field::Summary => text(&entry.summary.value),
            Field::Content => text(&entry.content.value),
            Field::Author => match &entry.author.value {
                Some(Person::Text(text)) => regex.is_match(text),
                Some(Person::Parts { name, email }) => [name, email]
                    .into_iter()
                    .flatten()
                    .any(|part| regex.is_match(part)),
                None => false,
            },
            Field::Category => entry
                .categories
                .iter()
                .any(|category| regex.is_match(category)),
            Field::Url => entry
                .link
                .value
                .as_deref()
                .is_some_and(|link| regex.is_match(link)),
            Field::Any => [
                Field::Title,
                Field::Summary,
                Field::Content,
                Field::Author,
                Field::Category,
            ]
            .iter()
            .any(|field| field.matches(entry, regex)),
        }
    }
}

fn plain(text: &Text) -> String {
    let mut end = text.raw.len().min(TEXT_MAX_BYTES);
    while !text.raw.is_char_boundary(end) {
        end -= 1;
    }
    let head = Text {
        raw: Cow::Borrowed(&text.raw[..end]),
        is_html: text.is_html,
        ..Text::default()
    };
    let mut plain = String::new();
    head.to_plain(Tags::All, &mut plain);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(title: &'static str, category: &'static str) -> Entry<'static> {
        let mut entry = Entry {
            categories: vec![Cow::Borrowed(category)],
            ..Entry::default()
        };
        entry
            .title
            .offer(0, Some(Text::plain(Cow::Borrowed(title))));
        entry
    }

    fn rule(feed: Option<&str>, field: Field, pattern: &str, action: Action) -> Rule {
        Rule {
            feed: feed.map(str::to_string),
            field,
            pattern: pattern.to_string(),
            action,
        }
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let filters = Filters::compile(&[
            rule(None, Field::Category, "^markets$", Action::Keep),
            rule(None, Field::Title, r"\bsponsored\b", Action::Drop),
            rule(Some("blog"), Field::Any, "markets", Action::Keep),
        ])
        .expect("good rules");
        assert!(!filters.drops("blog", &entry("Sponsored: rates", "Markets")));
        assert!(filters.drops("blog", &entry("SPONSORED: rates", "ads")));
        assert!(!filters.drops("blog", &entry("The markets today", "")));
        // Not one of the rules matches, and there are `keep` rules.
        assert!(filters.drops("blog", &entry("Weather", "")));
    }

    #[test]
    fn without_keep_rules_what_nothing_matches_is_kept() {
        let rules = [rule(Some("a"), Field::Title, "x", Action::Drop)];
        let filters = Filters::compile(&rules).expect("good rules");
        assert!(filters.drops("a", &entry("x", "")));
        assert!(!filters.drops("b", &entry("x", "")));
        assert!(!filters.drops("a", &entry("y", "")));
    }

    #[test]
    fn every_bad_rule_is_told_with_its_place() {
        let rules =
            ["ok", "(", "", "(a{1000}){1000}"].map(|p| rule(None, Field::Any, p, Action::Drop));
        let bad = Filters::compile(&rules).expect_err("bad rules");
        assert_eq!(bad.iter().map(|b| b.at).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(
            bad[0]
                .to_string()
                .starts_with("filters[1]: match is no regular expression")
        );
    }

    #[test]
    fn a_hostile_expression_takes_linear_time() {
        let filters = Filters::compile(&[rule(None, Field::Any, "(a*)*b", Action::Drop)])
            .expect("a good rule");
        let mut long = entry("t", "");
        long.content
            .offer(0, Some(Text::plain(Cow::Owned("a".repeat(1_000_000)))));
        let started = std::time::Instant::now();
        assert!(!filters.drops("f", &long));
        assert!(started.elapsed().as_secs() < 5);
    }
}
