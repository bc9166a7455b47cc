//! The phrases of `rules.txt`, by their first word.

use std::collections::HashMap;

use crate::vexy_ai::local::Event;
use crate::vexy_ai::local::by_hash::{ByHash, Filter};
use crate::vexy_ai::local::text::word_hash;

const RULES: &str = include_str!("rules.txt");
/// Tokens that `*` may stand for, at most.
pub(super) const GAP: usize = 4;

/// Sets that are more than lists of words, and the numbers of what is not a word.
const NUMBER: u32 = 1;
const PERCENT: u32 = 1 << 1;
const MONEY: u32 = 1 << 2;
const SIGNS: [u32; 4] = [0, NUMBER, PERCENT, MONEY];
/// Words that are of those sets.
const PERCENT_WORDS: &str = "percent pct per";
const MONEY_WORDS: &str = "rs usd inr eur gbp cad aud dollars million billion bn crore lakh";
/// Sets at most.
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
    /// One word.
    Word(u16),
    /// Any of some words, by their place in [`Rules::choices`], or any of some sets.
    Choice { from: u32, to: u32, sets: u32 },
    /// Up to [`GAP`] tokens.
    Gap,
}

/// A token as the phrases see it: the number of its word, 0 for one of no phrase, and the sets that it is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) word: u16,
    sets: u32,
}

impl Seen {
    pub(super) const NUMBER: Seen = Seen {
        word: 1,
        sets: NUMBER,
    };
    pub(super) const PERCENT: Seen = Seen {
        word: 2,
        sets: PERCENT,
    };
    pub(super) const MONEY: Seen = Seen {
        word: 3,
        sets: MONEY,
    };
}

/// All phrases.
#[derive(Debug)]
pub(super) struct Rules {
    words: ByHash<Seen>,
    filter: Filter,
    rules: Vec<Rule>,
    elements: Vec<Element>,
    choices: Vec<u16>,
    /// Where the phrases that may begin with a word are in `listed`, by its number.
    lists: Vec<(u32, u32)>,
    listed: Vec<u32>,
}

/// The phrases while they are read.
#[derive(Default)]
struct Reader<'a> {
    words: ByHash<Seen>,
    sets: HashMap<&'a str, u32>,
    rules: Vec<Rule>,
    elements: Vec<Element>,
    choices: Vec<u16>,
}

impl Rules {
    /// The shipped ones. A line that cannot be read is left out; a test finds it.
    pub(super) fn read() -> Rules {
        let mut reader = Reader::default();
        for word in PERCENT_WORDS.split(' ') {
            reader.seen(word).sets |= PERCENT;
        }
        for word in MONEY_WORDS.split(' ') {
            reader.seen(word).sets |= MONEY;
        }
        for line in RULES.lines() {
            let read = reader.line(line);
            debug_assert!(read.is_some(), "neither a set nor a phrase: {line}");
        }
        reader.finish()
    }

    /// What the phrases see of a word.
    pub(super) fn seen(&self, hash: u64) -> Seen {
        if !self.filter.may_have(hash) {
            return Seen::default();
        }
        self.words.get(&hash).copied().unwrap_or_default()
    }

    /// The phrases that may begin with a word of this number.
    pub(super) fn beginning_with(&self, word: u16) -> impl Iterator<Item = &Rule> {
        let (from, to) = self.lists[usize::from(word)];
        let listed = &self.listed[from as usize..to as usize];
        listed.iter().map(|&number| &self.rules[number as usize])
    }

    pub(super) fn elements(&self, rule: &Rule) -> &[Element] {
        &self.elements[rule.first as usize..rule.first as usize + usize::from(rule.count)]
    }

    /// Whether a token is what an element asks for.
    pub(super) fn is(&self, element: &Element, seen: Seen) -> bool {
        is(element, seen, &self.choices)
    }
}

fn is(element: &Element, seen: Seen, choices: &[u16]) -> bool {
    match *element {
        Element::Word(wanted) => seen.word == wanted,
        Element::Choice { from, to, sets } => {
            seen.sets & sets != 0
                || seen.word != 0 && choices[from as usize..to as usize].contains(&seen.word)
        }
        Element::Gap => false,
    }
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a str) -> Option<()> {
        if line.is_empty() || line.starts_with('#') {
            return Some(());
        }
        if let Some((name, words)) = line.split_once(" = ") {
            return self.set(name.strip_prefix('%')?, words);
        }
        let mut parts = line.splitn(3, ' ');
        let (event, weight, pattern) = (parts.next()?, parts.next()?, parts.next()?);
        let event = Event::ALL.iter().position(|e| e.as_str() == event)?;
        let weight: f32 = weight.parse().ok()?;
        let parts: Vec<&str> = pattern.split_whitespace().collect();
        self.phrase(event as u8, weight, &parts)
    }

    fn set(&mut self, name: &'a str, words: &str) -> Option<()> {
        let bit = SIGNS.len() - 1 + self.sets.len();
        let bit = (bit < SETS_MAX).then_some(1 << bit)?;
        for word in words.split_whitespace() {
            match word.strip_prefix('%') {
                Some(other) => {
                    let other = *self.sets.get(other)?;
                    let of_other = self
                        .words
                        .values_mut()
                        .filter(|seen| seen.sets & other != 0);
                    of_other.for_each(|seen| seen.sets |= bit);
                }
                None => self.seen(word).sets |= bit,
            }
        }
        self.sets.insert(name, bit);
        Some(())
    }

    /// Adds a phrase; one with a hyphenated word among its choices is several.
    fn phrase(&mut self, event: u8, weight: f32, parts: &[&str]) -> Option<()> {
        if let Some(at) = parts.iter().position(|p| p.contains('-')) {
            let choices = parts[at].split('|');
            let (split, plain): (Vec<&str>, Vec<&str>) = choices.partition(|w| w.contains('-'));
            for word in split {
                let mut parts = parts.to_vec();
                parts.splice(at..=at, word.split('-'));
                self.phrase(event, weight, &parts)?;
            }
            if plain.is_empty() {
                return Some(());
            }
            let plain = plain.join("|");
            let mut parts = parts.to_vec();
            parts[at] = &plain;
            return self.phrase(event, weight, &parts);
        }
        let first = self.elements.len() as u32;
        for part in parts {
            let element = self.element(part)?;
            self.elements.push(element);
        }
        self.rules.push(Rule {
            event,
            weight,
            first,
            count: parts.len() as u8,
        });
        Some(())
    }

    fn element(&mut self, part: &str) -> Option<Element> {
        if part == "*" {
            return Some(Element::Gap);
        }
        let (mut words, mut sets) = (Vec::new(), 0);
        for choice in part.split('|') {
            match choice {
                "#" => sets |= NUMBER,
                "%" => sets |= PERCENT,
                "$" => sets |= MONEY,
                _ if choice.bytes().all(|b| b.is_ascii_digit()) => sets |= NUMBER,
                _ => match choice.strip_prefix('%') {
                    Some(name) => sets |= *self.sets.get(name)?,
                    None => words.push(self.seen(choice).word),
                },
            }
        }
        if let ([word], 0) = (words.as_slice(), sets) {
            return Some(Element::Word(*word));
        }
        let from = self.choices.len() as u32;
        self.choices.extend_from_slice(&words);
        let to = self.choices.len() as u32;
        Some(Element::Choice { from, to, sets })
    }

    /// What is seen of a word, which gets the next number when it is new.
    fn seen(&mut self, word: &str) -> &mut Seen {
        let number = (SIGNS.len() + self.words.len()) as u16;
        let seen = self.words.entry(word_hash(word)).or_default();
        if seen.word == 0 {
            seen.word = number;
        }
        seen
    }

    fn finish(self) -> Rules {
        let mut all: Vec<Seen> = SIGNS
            .iter()
            .zip(0..)
            .map(|(&sets, word)| Seen { word, sets })
            .collect();
        all.extend(self.words.values());
        all.sort_unstable_by_key(|seen| seen.word);
        let (mut lists, mut listed) = (Vec::with_capacity(all.len()), Vec::new());
        // A word's phrases by the word itself and by its sets; looked for once, here.
        let mut by_word: HashMap<u16, Vec<u32>> = HashMap::new();
        let mut by_set: [Vec<u32>; SETS_MAX] = std::array::from_fn(|_| Vec::new());
        for (rule, number) in self.rules.iter().zip(0..) {
            match self.elements[rule.first as usize] {
                Element::Word(word) => by_word.entry(word).or_default().push(number),
                Element::Choice { from, to, sets } => {
                    for word in &self.choices[from as usize..to as usize] {
                        by_word.entry(*word).or_default().push(number);
                    }
                    let in_set = by_set
                        .iter_mut()
                        .enumerate()
                        .filter(|(bit, _)| sets >> bit & 1 == 1);
                    in_set.for_each(|(_, list)| list.push(number));
                }
                Element::Gap => debug_assert!(false, "a phrase begins with a gap"),
            }
        }
        for seen in &all {
            let from = listed.len();
            listed.extend(by_word.get(&seen.word).into_iter().flatten().copied());
            for (bit, list) in by_set.iter().enumerate() {
                if seen.sets >> bit & 1 == 1 {
                    listed.extend_from_slice(list);
                }
            }
            listed[from..].sort_unstable();
            lists.push((from as u32, listed.len() as u32));
        }
        Rules {
            filter: Filter::new(self.words.keys().copied()),
            words: self.words,
            rules: self.rules,
            elements: self.elements,
            choices: self.choices,
            lists,
            listed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_phrase_or_a_set() {
        let rules = Rules::read();
        let phrases = |l: &&str| !l.is_empty() && !l.starts_with('#') && !l.contains(" = ");
        assert!(rules.rules.len() >= RULES.lines().filter(phrases).count());
        for rule in &rules.rules {
            assert!(rules.elements(rule).first() != Some(&Element::Gap));
            assert!(rules.elements(rule).last() != Some(&Element::Gap));
            let first = &rules.elements(rule)[0];
            let listed = |seen: &&Seen| rules.is(first, **seen);
            assert!(
                rules
                    .words
                    .values()
                    .chain(&[Seen::NUMBER, Seen::MONEY, Seen::PERCENT])
                    .any(|s| listed(&s))
            );
        }
        for set in RULES.lines().filter(|l| l.contains(" = ")) {
            assert!(!set.contains('-'), "a set has no words with hyphens: {set}");
        }
    }

    #[test]
    fn a_word_has_the_phrases_that_begin_with_it() {
        let rules = Rules::read();
        for seen in rules.words.values() {
            let begins = |rule: &&Rule| rules.is(&rules.elements(rule)[0], *seen);
            let all = rules.rules.iter().filter(begins).count();
            assert_eq!(rules.beginning_with(seen.word).count(), all);
        }
    }
}
