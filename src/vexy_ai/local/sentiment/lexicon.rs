//! What is known of each word and of some phrases, looked up for every token of an article in one pass.

use hashbrown::HashMap;

use super::super::lookup::Lookup;
use super::super::text::{Kind, Text, word_hash};
use super::entry::*;
use super::phrases::PHRASES;
use super::words::LISTS;

/// Words of a phrase at most.
const PHRASE_MAX: usize = 8;

#[derive(Debug)]
pub(super) struct Lexicon {
    words: Lookup<Entry>,
    /// From a state and a word to the next state.
    steps: Lookup<Step>,
    any: u64,
    any_number: u64,
    /// The state at the beginning of a sentence.
    beginning: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Step {
    state: u32,
    /// A phrase ends here.
    ends: Option<Entry>,
}

/// Stands for any one word in a phrase.
const ANY: &str = "*";
/// Stands for a number in a phrase.
const ANY_NUMBER: &str = "#";
/// Stands for the beginning of a sentence.
const BEGINNING: &str = "^";

impl Lexicon {
    pub(super) fn new() -> Lexicon {
        let mut starts = Vec::new();
        let mut steps: Vec<(u64, Step)> = Vec::new();
        let mut known = HashMap::new();
        let mut states = 0;
        for list in PHRASES {
            for phrase in list.words.split('|') {
                let mut state = 0;
                let words: Vec<&str> = phrase.split_whitespace().collect();
                for (n, word) in words.iter().enumerate() {
                    if n == usize::from(words[0] == BEGINNING) {
                        starts.push(*word);
                    }
                    let edge = edge(state, word_hash(word));
                    let at = *known.entry(edge).or_insert_with(|| {
                        states += 1;
                        let ends = None;
                        steps.push((
                            edge,
                            Step {
                                state: states,
                                ends,
                            },
                        ));
                        steps.len() - 1
                    });
                    state = steps[at].1.state;
                    if n + 1 == words.len() {
                        steps[at].1.ends = Some(list.entry);
                    }
                }
            }
        }
        let words = LISTS
            .iter()
            .flat_map(|list| list.words.split_whitespace().map(|word| (word, list.entry)));
        let starts = starts.into_iter().map(|word| {
            let entry = Entry {
                class: STARTS,
                ..Entry::default()
            };
            (word, entry)
        });
        let first = edge(0, word_hash(BEGINNING));
        let beginning = steps.iter().find(|(edge, _)| *edge == first);
        Lexicon {
            words: Lookup::new(words.chain(starts), merged),
            any: word_hash(ANY),
            any_number: word_hash(ANY_NUMBER),
            beginning: beginning.map_or(0, |(_, step)| step.state),
            steps: Lookup::of_hashes(steps),
        }
    }

    /// A mark for each token, and how many tokens are words of ours that say something.
    pub(super) fn mark(&self, text: &Text) -> (Vec<Mark>, usize) {
        let tokens = text.tokens();
        let mut marks = Vec::with_capacity(tokens.len());
        let mut ours = 0;
        let mut at = 0;
        while at < tokens.len() {
            let token = &tokens[at];
            let class = match token.kind {
                Kind::Number => NUMBER,
                Kind::Mark if is_quote(text.word(token)) => 0,
                Kind::Mark | Kind::Stop => BREAK,
                _ => 0,
            };
            let mut entry = self.words.get(token.hash).unwrap_or_default();
            entry.class |= class;
            if entry.class & STARTS != 0
                && let Some((phrase, len)) = self.phrase(text, at)
            {
                ours += 1;
                marks.push(Mark {
                    entry: phrase,
                    len: len as u8,
                });
                let part = Entry {
                    class: PART,
                    ..Entry::default()
                };
                marks.resize(
                    marks.len() + len - 1,
                    Mark {
                        entry: part,
                        len: 1,
                    },
                );
                at += len;
                continue;
            }
            // "5 million euros" says nothing of the euro.
            let beside = |m: &Mark| m.is(NUMBER | UNIT);
            if entry.class & UNIT != 0
                && (marks.last().is_some_and(beside)
                    || tokens.get(at + 1).is_some_and(|t| t.kind == Kind::Number))
            {
                entry.class &= !MEASURE;
            }
            ours += usize::from(entry.polarity != 0 || entry.class & (DIRECTION | MEASURE) != 0);
            marks.push(Mark { entry, len: 1 });
            at += 1;
        }
        (marks, ours)
    }

    /// The longest phrase that begins with a token and stays in its sentence.
    fn phrase(&self, text: &Text, first: usize) -> Option<(Entry, usize)> {
        let begins =
            first == 0 || text.tokens()[first - 1].sentence != text.tokens()[first].sentence;
        let at_beginning = begins
            .then(|| self.longest_after(text, first, self.beginning))
            .flatten();
        at_beginning.or_else(|| self.longest_after(text, first, 0))
    }

    fn longest_after(&self, text: &Text, first: usize, mut state: u32) -> Option<(Entry, usize)> {
        let tokens = text.tokens();
        let sentence = tokens[first].sentence;
        let mut found = None;
        for (n, token) in tokens[first..].iter().take(PHRASE_MAX).enumerate() {
            if token.sentence != sentence {
                break;
            }
            let number = token.kind == Kind::Number;
            let mut step = self.steps.get(edge(state, token.hash));
            if step.is_none() && n > 0 {
                step = (number
                    .then(|| self.steps.get(edge(state, self.any_number)))
                    .flatten())
                .or_else(|| self.steps.get(edge(state, self.any)));
            }
            let Some(step) = step else {
                break;
            };
            state = step.state;
            if let Some(entry) = step.ends {
                found = Some((entry, n + 1));
            }
        }
        found
    }
}

/// What stands around words and parts none: also the `'s` that some write apart.
fn is_quote(mark: &str) -> bool {
    mark.starts_with([
        '\'', '"', '`', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}',
    ])
}

fn edge(state: u32, word: u64) -> u64 {
    word.rotate_left(17) ^ u64::from(state).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1
}

/// A word of several lists has the classes of all; its other values are those of the first list that gives one.
fn merged(first: Entry, later: Entry) -> Entry {
    let pick = |a: i16, b: i16| if a == 0 { b } else { a };
    Entry {
        class: first.class | later.class,
        polarity: pick(first.polarity, later.polarity),
        weight: pick(first.weight, later.weight),
        degree: if first.degree == 0 {
            later.degree
        } else {
            first.degree
        },
    }
}
