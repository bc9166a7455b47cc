//! The phrases of `rules.txt`, by their first word.

use std::collections::HashMap;

use crate::vexy_ai::local::Event;
use crate::vexy_ai::local::by_hash::ByHash;
use crate::vexy_ai::local::text::word_hash;

const RULES: &str = include_str!("rules.txt");
/// Tokens that `*` may stand for, at most.
pub(super) const GAP: usize = 4;

/// Sets that are no lists of words.
pub(super) const NUMBER: u32 = 1;
pub(super) const PERCENT: u32 = 1 << 1;
pub(super) const MONEY: u32 = 1 << 2;
/// Sets of `rules.txt` at most.
const SETS_MAX: usize = 32;

/// One phrase.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// In [`Event::ALL`].
    pub(super) event: u8,
    pub(super) weight: f32,
    first: u32,
    count: u8,
}

/// One part of a phrase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Element {
    /// Any of these sets.
    Sets(u32),
    /// One word.
    Word(u16),
    /// Any of some words, by their place in [`Rules::choices`], or any of the sets.
    Choice { from: u32, to: u32, sets: u32 },
    /// Up to [`GAP`] tokens.
    Gap,
}

/// All phrases.
#[derive(Debug, Default)]
pub(super) struct Rules {
    words: ByHash<(u16, u32)>,
    rules: Vec<Rule>,
    elements: Vec<Element>,
    choices: Vec<u16>,
    /// The phrases that may begin with a word, by its number.
    by_word: Vec<Vec<u32>>,
    /// The phrases that may begin with a word of a set.
    by_set: Vec<Vec<u32>>,
}

impl Rules {
    /// The shipped ones. A line that cannot be read is left out; a test finds it.
    pub(super) fn read() -> Rules {
        let mut rules = Rules::default();
        rules.by_word.push(Vec::new());
        rules.by_set.resize(SETS_MAX, Vec::new());
        let mut sets: HashMap<&str, u32> = HashMap::new();
        for word in ["percent", "pct", "per"] {
            rules.add_to_set(word, PERCENT);
        }
        for word in [
            "rs", "usd", "inr", "eur", "gbp", "cad", "aud", "dollars", "million", "billion", "bn",
            "crore", "lakh",
        ] {
            rules.add_to_set(word, MONEY);
        }
        for line in RULES.lines() {
            if rules.line(line, &mut sets).is_none() {
                debug_assert!(false, "not a rule: {line}");
            }
        }
        rules
    }

    fn line<'a>(&mut self, line: &'a str, sets: &mut HashMap<&'a str, u32>) -> Option<()> {
        if line.is_empty() || line.starts_with('#') {
            return Some(());
        }
        if let Some((name, words)) = line.split_once(" = ") {
            let bit = sets.values().fold(MONEY << 1, |bit, used| {
                bit.max(1 << (32 - used.leading_zeros()))
            });
            sets.insert(name.strip_prefix('%')?, bit);
            for word in words.split_whitespace() {
                match word.strip_prefix('%') {
                    Some(other) => {
                        let other = *sets.get(other)?;
                        let of_other = self
                            .words
                            .values_mut()
                            .filter(|(_, sets)| sets & other != 0);
                        of_other.for_each(|(_, sets)| *sets |= bit);
                    }
                    None => self.add_to_set(word, bit),
                }
            }
            return Some(());
        }
        let mut parts = line.splitn(3, ' ');
        let (event, weight, pattern) = (parts.next()?, parts.next()?, parts.next()?);
        let event = Event::ALL.iter().position(|e| e.as_str() == event)?;
        let weight: f32 = weight.parse().ok()?;
        let parts: Vec<&str> = pattern.split_whitespace().collect();
        self.add(event as u8, weight, &parts, sets)
    }

    /// Adds a phrase; one with a hyphenated word among its choices is several.
    fn add(
        &mut self,
        event: u8,
        weight: f32,
        parts: &[&str],
        sets: &HashMap<&str, u32>,
    ) -> Option<()> {
        if let Some(at) = parts.iter().position(|p| p.contains('-') && p.len() > 1) {
            let (split, plain): (Vec<&str>, Vec<&str>) =
                parts[at].split('|').partition(|w| w.contains('-'));
            for word in split {
                let mut parts = parts.to_vec();
                parts.splice(at..=at, word.split('-'));
                self.add(event, weight, &parts, sets)?;
            }
            if plain.is_empty() {
                return Some(());
            }
            let plain = plain.join("|");
            let mut parts = parts.to_vec();
            parts[at] = &plain;
            return self.add(event, weight, &parts, sets);
        }
        let first = self.elements.len() as u32;
        for part in parts {
            let element = self.element(part, sets)?;
            self.elements.push(element);
        }
        let number = self.rules.len() as u32;
        self.rules.push(Rule {
            event,
            weight,
            first,
            count: parts.len() as u8,
        });
        let (words, sets) = match self.elements[first as usize] {
            Element::Word(word) => (vec![word], 0),
            Element::Sets(sets) => (Vec::new(), sets),
            Element::Choice { from, to, sets } => {
                (self.choices[from as usize..to as usize].to_vec(), sets)
            }
            Element::Gap => return None,
        };
        words
            .iter()
            .for_each(|word| self.by_word[usize::from(*word)].push(number));
        (0..SETS_MAX)
            .filter(|bit| sets >> bit & 1 == 1)
            .for_each(|bit| self.by_set[bit].push(number));
        Some(())
    }

    fn element(&mut self, part: &str, known: &HashMap<&str, u32>) -> Option<Element> {
        if part == "*" {
            return Some(Element::Gap);
        }
        let (mut words, mut sets) = (Vec::new(), 0);
        for choice in part.split('|') {
            sets |= match choice {
                "#" => NUMBER,
                "%" => PERCENT,
                "$" => MONEY,
                _ => match choice.strip_prefix('%') {
                    Some(name) => *known.get(name)?,
                    None if choice.bytes().all(|b| b.is_ascii_digit()) => NUMBER,
                    None => {
                        words.push(self.number(choice));
                        0
                    }
                },
            };
        }
        Some(match (words.as_slice(), sets) {
            ([], sets) => Element::Sets(sets),
            ([word], 0) => Element::Word(*word),
            _ => {
                let from = self.choices.len() as u32;
                self.choices.extend_from_slice(&words);
                Element::Choice {
                    from,
                    to: self.choices.len() as u32,
                    sets,
                }
            }
        })
    }

    /// The number of a word, from 1.
    fn number(&mut self, word: &str) -> u16 {
        let next = self.by_word.len() as u16;
        let (number, _) = self.words.entry(word_hash(word)).or_insert((0, 0));
        if *number == 0 {
            *number = next;
            self.by_word.push(Vec::new());
        }
        *number
    }

    fn add_to_set(&mut self, word: &str, set: u32) {
        self.words.entry(word_hash(word)).or_insert((0, 0)).1 |= set;
    }

    /// The number of a word, 0 for one of no phrase, and the sets that it is in.
    pub(super) fn word(&self, hash: u64) -> (u16, u32) {
        self.words.get(&hash).copied().unwrap_or((0, 0))
    }

    /// The phrases that may begin with a word of this number and these sets.
    pub(super) fn beginning_with(&self, word: u16, sets: u32) -> impl Iterator<Item = &Rule> {
        let by_word = self.by_word[usize::from(word)].iter();
        let of_sets = (0..SETS_MAX).filter(move |bit| sets >> bit & 1 == 1);
        let by_set = of_sets.flat_map(|bit| self.by_set[bit].iter());
        by_word
            .chain(by_set)
            .map(|&number| &self.rules[number as usize])
    }

    pub(super) fn elements(&self, rule: &Rule) -> &[Element] {
        &self.elements[rule.first as usize..rule.first as usize + usize::from(rule.count)]
    }

    /// Whether a token with this number and these sets is what the element asks for.
    pub(super) fn is(&self, element: &Element, word: u16, sets: u32) -> bool {
        match *element {
            Element::Sets(wanted) => sets & wanted != 0,
            Element::Word(wanted) => word == wanted,
            Element::Choice {
                from,
                to,
                sets: wanted,
            } => {
                sets & wanted != 0
                    || word != 0 && self.choices[from as usize..to as usize].contains(&word)
            }
            Element::Gap => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_rule_or_a_set() {
        let rules = Rules::read();
        let lines = RULES
            .lines()
            .filter(|l| !l.is_empty() && !l.starts_with('#') && !l.contains(" = "));
        assert!(rules.rules.len() >= lines.count());
        for rule in &rules.rules {
            assert!(rules.elements(rule).first() != Some(&Element::Gap));
            assert!(rules.elements(rule).last() != Some(&Element::Gap));
        }
        for set in RULES.lines().filter(|l| l.contains(" = ")) {
            assert!(
                !set[1..].contains('-'),
                "a set has no words with hyphens: {set}"
            );
        }
    }
}
