//! What around a word says that it is a company's name, and what says that it is not.

use std::collections::HashSet;

use super::symbols::all_capitals;
use super::table::Entry;
use crate::vexy_ai::local::by_hash::ByHash;
use crate::vexy_ai::local::text::{Kind, Text, Token, word_hash};

/// The score from which on a doubtful name counts, and that of a company far down in the list.
const ENOUGH: i32 = 2;
const ENOUGH_OF_OBSCURE: i32 = 3;

const LEGAL: u32 = 1;
const NOUN: u32 = 1 << 1;
const VERB: u32 = 1 << 2;
const BASE: u32 = 1 << 3;
const ROLE: u32 = 1 << 4;
const BUSINESS: u32 = 1 << 5;
const RATING: u32 = 1 << 6;
const SAYS: u32 = 1 << 7;
const PLACE: u32 = 1 << 8;
const SMALL: u32 = 1 << 9;
const FORENAME: u32 = 1 << 10;
const OF: u32 = 1 << 11;
const RATES: u32 = 1 << 12;
const STARTER: u32 = 1 << 13;
const MACRO: u32 = 1 << 14;

const WORDS: &str = include_str!("evidence.txt");
/// The kinds of words in it.
const KINDS: [(&str, u32); 15] = [
    ("legal", LEGAL),
    ("noun", NOUN),
    ("verb", VERB),
    ("base", BASE),
    ("role", ROLE),
    ("business", BUSINESS),
    ("rating", RATING),
    ("says", SAYS),
    ("place", PLACE),
    ("small", SMALL),
    ("forename", FORENAME),
    ("of", OF),
    ("rates", RATES),
    ("starter", STARTER),
    ("macro", MACRO),
];

/// Lists of words by their hash.
#[derive(Debug)]
pub(super) struct Words {
    flags: ByHash<u32>,
    /// Pairs of words that follow one another, of which one would be a name otherwise.
    not_so: HashSet<(u64, u64)>,
    not_so_after: HashSet<(u64, u64)>,
}

impl Words {
    pub(super) fn new() -> Words {
        let mut words = Words {
            flags: ByHash::default(),
            not_so: HashSet::new(),
            not_so_after: HashSet::new(),
        };
        for line in WORDS.lines().filter(|line| !line.starts_with('#')) {
            if let Some((kind, list)) = line.split_once(" = ") {
                let known = KINDS.iter().find(|(name, _)| *name == kind);
                debug_assert!(known.is_some(), "no kind of words: {line}");
                for word in list.split_whitespace() {
                    *words.flags.entry(word_hash(word)).or_insert(0) |=
                        known.map_or(0, |(_, flag)| *flag);
                }
            } else if let Some((before, rest)) = line.split_once('[')
                && let Some((name, after)) = rest.split_once(']')
            {
                let pair = |word| (word_hash(name), word_hash(word));
                words.not_so.extend(before.split_whitespace().map(pair));
                words
                    .not_so_after
                    .extend(after.split_whitespace().map(pair));
            }
        }
        words
    }

    fn of(&self, token: Option<&Token>) -> u32 {
        token
            .and_then(|t| self.flags.get(&t.hash))
            .copied()
            .unwrap_or(0)
    }

    pub(super) fn is_small(&self, hash: u64) -> bool {
        self.flags
            .get(&hash)
            .is_some_and(|flags| flags & SMALL != 0)
    }
}

/// How a sentence is written, and what it is about.
pub(super) struct Context {
    first: usize,
    last: usize,
    /// Capitals say nothing: all letters are.
    pub(super) no_capitals: bool,
    /// Nearly every word begins with a capital.
    title_case: bool,
    business: bool,
    rating: bool,
    /// It speaks of an economy or a market.
    economy: bool,
}

impl Context {
    /// Of the sentence whose tokens are `first` to before `last`.
    pub(super) fn of(text: &Text, first: usize, last: usize, words: &Words) -> Context {
        let (mut long, mut capital, mut flags) = (0_u32, 0_u32, 0);
        for (at, token) in text.tokens()[first..last].iter().enumerate() {
            if token.kind == Kind::Word {
                flags |= words.of(Some(token));
                if at > 0 && token.end - token.start >= 4 {
                    long += 1;
                    capital += u32::from(token.capital());
                }
            }
        }
        Context {
            first,
            last,
            no_capitals: all_capitals(text, text.tokens()[first].sentence),
            title_case: long > 2 && capital * 10 >= long * 7,
            business: flags & BUSINESS != 0,
            rating: flags & RATING != 0,
            economy: flags & MACRO != 0,
        }
    }

    fn token<'a>(&self, text: &'a Text, at: usize, step: isize) -> Option<&'a Token> {
        let at = at.checked_add_signed(step)?;
        (at >= self.first && at < self.last).then(|| &text.tokens()[at])
    }

    /// Whether a capital letter at `at` tells more than that a sentence or a title begins.
    fn telling_capital(&self, text: &Text, at: usize) -> bool {
        let opens = |t: &Token| matches!(text.word(t), ":" | "\"" | "'" | "“" | "‘" | "-" | "|");
        !self.title_case
            && !self.no_capitals
            && at > self.first
            && !self.token(text, at, -1).is_some_and(opens)
    }

    /// The words around name something else.
    pub(super) fn is_elsewhere(&self, text: &Text, at: usize, end: usize, words: &Words) -> bool {
        let (before, after) = (self.token(text, at, -1), self.token(text, end - 1, 1));
        let name = text.tokens()[at].hash;
        let single = end == at + 1;
        if let Some(after) = after
            && (after.capital()
                && words.of(Some(after)) & PLACE != 0
                && !text.tokens()[end - 1].possessive()
                || single && words.not_so_after.contains(&(name, after.hash)))
        {
            return true;
        }
        if single && before.is_some_and(|before| words.not_so.contains(&(name, before.hash))) {
            return true;
        }
        // `$3M` and `4 Block` are amounts.
        text.tokens()[at].kind == Kind::Number && before.is_some_and(|t| t.kind == Kind::Sign)
    }

    /// A forename or a title stands before: it is somebody's name.
    pub(super) fn follows_a_name(&self, text: &Text, at: usize) -> bool {
        let telling = self.telling_capital(text, at) && at > self.first + 1;
        telling
            && self
                .token(text, at, -1)
                .is_some_and(|t| t.kind == Kind::Word && t.capital() && !t.possessive())
    }

    /// The company speaks as an analyst or is quoted.
    pub(super) fn speaks(&self, text: &Text, at: usize, end: usize, words: &Words) -> bool {
        let possessive = text.tokens()[end - 1].possessive();
        let after = self.token(text, end - 1, 1);
        let flags = words.of(after);
        let then = self.token(text, end - 1, 2);
        // "says it will", "said its profit": of itself.
        let itself = [then, self.token(text, end - 1, 3)]
            .into_iter()
            .flatten()
            .any(|t| {
                matches!(
                    text.lower(t),
                    "it" | "its" | "profit" | "earnings" | "quarterly" | "q1" | "q2" | "q3" | "q4"
                )
            });
        let before = self.token(text, at, -1);
        let from = before.is_some_and(|t| {
            matches!(
                text.lower(t),
                "at" | "by"
                    | "from"
                    | "-"
                    | ":"
                    | ","
                    | "--"
                    | "–"
                    | "—"
                    | "|"
                    | "("
                    | "via"
                    | "per"
                    | "as"
            )
        });
        let ends =
            after.is_none_or(|t| matches!(t.kind, Kind::Stop | Kind::Link) || text.lower(t) == ")");
        if flags & SAYS != 0 && !itself && !possessive {
            return true;
        }
        if self.rating
            && (flags & RATES != 0 && !itself
                || from
                || possessive && words.of(then) & (RATES | SAYS) != 0)
        {
            return true;
        }
        if before.is_some_and(|t| matches!(text.lower(t), "says" | "said")) && ends {
            return true;
        }
        if self.economy && flags & RATES != 0 && !itself {
            return true;
        }
        // "...: JPMorgan" and "JPMorgan: ..." at the ends of a headline.
        let quoted = ends && from && at > self.first + 2;
        quoted
            || possessive
                && after.is_some_and(|t| t.capital())
                && then.is_some_and(|t| t.capital() || words.of(Some(t)) & SAYS != 0)
                && !self.title_case
    }
}

/// Whether a score is enough for a name to count.
pub(super) fn is_enough(score: i32, entry: &Entry) -> bool {
    score
        >= if entry.obscure {
            ENOUGH_OF_OBSCURE
        } else {
            ENOUGH
        }
}

/// How much around a doubtful name says that it is one.
pub(super) fn score(
    text: &Text,
    entry: &Entry,
    at: usize,
    end: usize,
    context: &Context,
    words: &Words,
) -> i32 {
    let before = context.token(text, at, -1);
    let after = context.token(text, end - 1, 1);
    let then = context.token(text, end - 1, 2);
    let flags = words.of(after);
    let possessive = text.tokens()[end - 1].possessive();
    let mut score = 0;
    if flags & LEGAL != 0 && after.is_some_and(Token::capital) {
        score += 3;
    }
    if flags & NOUN != 0 || possessive && words.of(then) & NOUN != 0 {
        score += 2;
    }
    if !possessive && flags & VERB != 0 {
        score += 2;
    }
    if after.is_some_and(|t| matches!(text.lower(t), "to" | "will")) && words.of(then) & BASE != 0 {
        score += 3;
    }
    if words.of(before) & ROLE != 0
        || words.of(before) & OF != 0
            && words.of(context.token(text, at, -2)) & (NOUN | ROLE | VERB) != 0
    {
        score += 2;
    }
    if context.telling_capital(text, at) {
        score += 1;
        let name_before = before.is_some_and(|t| {
            t.kind == Kind::Word && t.capital() && words.of(Some(t)) & (ROLE | SMALL | STARTER) == 0
        });
        let name_after = after
            .is_some_and(|t| t.kind == Kind::Word && t.capital() && flags & (LEGAL | NOUN) == 0)
            && !possessive;
        if name_before && !before.is_some_and(Token::possessive) {
            score -= 3;
        }
        if name_after {
            score -= 2;
        }
    } else if context.title_case {
        // In a title that has capitals everywhere a neighbour says nothing, and the name begins it more often than not.
        score += i32::from(at == context.first);
    } else if at == context.first {
        score += i32::from(entry.large);
    }
    if words.of(before) & FORENAME != 0 {
        score -= 3;
    }
    score += i32::from(entry.large) + i32::from(context.business);
    score
}
