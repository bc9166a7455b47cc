//! Which measure a word of direction governs: "profit rose", "a fall in costs", "cut jobs", "higher sales".

use super::entry::*;

/// Tokens between a direction and what it governs, at most.
const REACH: usize = 5;

/// Tokens between punctuation and a verb whose subject stands before it, at most.
const ASIDE: usize = 2;

/// What a direction is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Governed {
    /// The measure at this index.
    Measure(usize),
    /// Something that is not known to be a measure.
    Unknown,
    /// Nothing: it is no direction here.
    None,
}

/// The measure that the direction at `at` of a sentence governs. `from` is where its clause begins at the earliest.
pub(super) fn governed(marks: &[Mark], at: usize, from: usize) -> Governed {
    let mark = marks[at];
    if mark.is(PARTICLE) {
        return particle(marks, at, from);
    }
    if mark.is(BEFORE)
        && let Some(found) = phrase_after(marks, at + 1, 3)
    {
        return Governed::Measure(found);
    }
    let noun = at > 0
        && (marks[at - 1].is(DETERMINER | BEFORE | PREPOSITION)
            || mark.is(TAKES) && marks[at - 1].is(NUMBER))
        || at > 0
            && marks[at - 1].entry.degree != 0
            && !marks[at - 1].is(MOVES)
            && after_into(marks, at).is_some();
    if (noun || at == from)
        && let Some(found) = after_into(marks, at)
    {
        return Governed::Measure(found);
    }
    if mark.is(TAKES)
        && let Some(found) = phrase_after(marks, at + 1, REACH)
    {
        return Governed::Measure(found);
    }
    if noun && !mark.is(PREDICATE) {
        return Governed::None;
    }
    if mark.is(MOVES | PREDICATE)
        && let Some(found) = before(marks, at, from)
    {
        return Governed::Measure(found);
    }
    if let Some(found) = after_into(marks, at) {
        return Governed::Measure(found);
    }
    if mark.is(MOVES) && !mark.is(TAKES) && mark.entry.polarity == 0 {
        return Governed::Unknown;
    }
    if mark.is(PREDICATE) && ends(marks, at + 1) {
        return Governed::Unknown;
    }
    Governed::None
}

/// `up` and `down` mean a direction beside a number, a measure or the end of a clause.
fn particle(marks: &[Mark], at: usize, from: usize) -> Governed {
    let next = marks.get(at + 1);
    let told = next.is_none_or(|m| {
        m.is(NUMBER | BREAK | COMPARES | PREPOSITION | UNIT | CLAUSE) || m.entry.degree != 0
    }) || at > from && marks[at - 1].is(MEASURE);
    if !told {
        return Governed::None;
    }
    match before(marks, at, from) {
        Some(found) => Governed::Measure(found),
        None => Governed::Unknown,
    }
}

/// Whether nothing that could be governed begins at `at`.
fn ends(marks: &[Mark], at: usize) -> bool {
    marks
        .get(at)
        .is_none_or(|m| m.is(BREAK | PREPOSITION | CLAUSE | NUMBER | UNIT | TURNS))
}

/// The measure of the noun phrase that begins at `at`: the last of the measures that stand side by side.
fn phrase_after(marks: &[Mark], at: usize, reach: usize) -> Option<usize> {
    let end = marks.len().min(at + reach);
    let mut found = None;
    for (n, mark) in marks.iter().enumerate().take(end).skip(at) {
        if mark.is(MEASURE) {
            found = Some(n);
        } else if found.is_some()
            || mark.is(BREAK | CLAUSE | TURNS)
            || mark.is(PREPOSITION)
            || mark.is(PARTICLE)
        {
            break;
        }
    }
    found
}

/// The measure after `in`, `of` or `for`, where numbers with their units may stand between.
fn after_into(marks: &[Mark], at: usize) -> Option<usize> {
    let mut next = at + 1;
    for _ in 0..2 {
        let end = marks.len().min(next + 4);
        while next < end && marks[next].is(NUMBER | UNIT | PART) {
            next += 1;
        }
        if !marks.get(next).is_some_and(|m| m.is(INTO)) {
            return None;
        }
        if let Some(found) = phrase_after(marks, next + 1, REACH) {
            return Some(found);
        }
        next += 1;
    }
    None
}

/// The measure of the subject before `at`: the head noun governs, which is the first that is in no phrase with a
/// preposition ("profit before taxes"), and of measures side by side the last ("profit margin").
fn before(marks: &[Mark], at: usize, from: usize) -> Option<usize> {
    let clause = marks[from..at]
        .iter()
        .rposition(|m| m.is(CLAUSE | TURNS | CONCEDES | BREAK))
        .map_or(from, |n| from + n + 1);
    head(marks, clause, at).or_else(|| {
        let near = at - clause <= ASIDE;
        near.then(|| head(marks, from, clause)).flatten()
    })
}

fn head(marks: &[Mark], from: usize, to: usize) -> Option<usize> {
    let mut in_phrase = false;
    let mut fallback = None;
    let mut n = from;
    while n < to {
        #[cfg(test)]
        steps::one();
        let mark = &marks[n];
        if mark.is(PREPOSITION) {
            in_phrase = true;
        } else if mark.is(MEASURE) {
            let mut last = n;
            while last + 1 < to && marks[last + 1].is(MEASURE) {
                last += 1;
            }
            if !in_phrase {
                return Some(last);
            }
            fallback.get_or_insert(last);
            n = last;
        } else if mark.is(BREAK | NUMBER) {
            in_phrase = false;
        }
        n += 1;
    }
    fallback
}

/// How often a token was looked at as a part of a subject, for the tests: this is what could be more than linear.
#[cfg(test)]
pub(super) mod steps {
    use std::cell::Cell;

    thread_local!(static STEPS: Cell<usize> = const { Cell::new(0) });

    pub(super) fn one() {
        STEPS.set(STEPS.get() + 1);
    }

    /// The steps since the last time.
    pub(in super::super) fn taken() -> usize {
        STEPS.replace(0)
    }
}
