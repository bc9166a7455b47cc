//! What an article says is good or bad: rules over words of direction, measures and polar words, each hit with its
//! weight.
//!
//! A word of direction counts by the polarity of the measure that it governs: profit that rises is good, a loss that
//! rises is bad (Malo, Sinha, Takala, Korhonen, Wallenius, "Good debt or bad debt", 2014). Negation turns and dampens,
//! words of degree add or take, as in VADER (Hutto & Gilbert 2014); the lists are our own.

mod entry;
mod govern;
mod lexicon;
mod numbers;
mod phrases;
mod words;

use entry::*;
use govern::Governed;
use lexicon::Lexicon;

use super::text::{Text, Token};
use super::{Label, Reason};

/// What a hit in the title counts for.
const TITLE: f64 = 2.0;
/// How much less each later sentence counts.
const LATER: f64 = 0.2;
/// The score at which a sum `s` is: `s / sqrt(s² + ALPHA)` (VADER's).
const ALPHA: f64 = 15.0;
/// From where on a score has a label.
const LABELLED: f64 = 0.1;
/// Negation turns a weight, and takes some of it.
const NEGATION: f64 = -0.74;
const NEGATION_REACH: usize = 3;
/// What a word of degree counts for at a distance of one, two and three words.
const DISTANCES: [f64; 3] = [1.0, 0.95, 0.9];
/// A direction of something that is not known.
const UNKNOWN: f64 = 0.6;
/// The same in a text, without a percentage: "the tower rises over the harbour".
const UNKNOWN_UNTOLD: f64 = 0.3;
/// What stands after `despite`, and as a cause after `due to`.
const OF_CONCEDED: f64 = 0.3;
/// What stands before `but`, and after it.
const BEFORE_BUT: f64 = 0.6;
const AFTER_BUT: f64 = 1.2;
/// What stands in a question.
const ASKED: f64 = 0.3;
/// What stands in a sentence of something that hardly moved.
const DAMPED: f64 = 0.3;
/// Tokens before a direction in which what it governs is looked for, at most.
const CLAUSE_MAX: usize = 40;
/// Hits of an article at most; later ones are not counted.
const HITS_MAX: usize = 200;

/// What reads the sentiment of articles.
#[derive(Debug)]
pub struct Sentiments {
    lexicon: Lexicon,
}

/// What is known of each token of one article.
#[derive(Debug)]
pub struct Marked {
    marks: Vec<Mark>,
    /// Words of our lists that say something.
    pub ours: usize,
}

/// One hit of a rule.
#[derive(Clone, Copy, Debug)]
struct Hit {
    rule: &'static str,
    weight: f64,
    /// The tokens, as indices in the sentence.
    first: usize,
    last: usize,
    /// Where negation and degree are looked for.
    at: usize,
}

impl Sentiments {
    /// Made once.
    pub fn new() -> Sentiments {
        Sentiments {
            lexicon: Lexicon::new(),
        }
    }

    /// Looks every token up.
    pub fn mark(&self, text: &Text) -> Marked {
        let (marks, ours) = self.lexicon.mark(text);
        Marked { marks, ours }
    }

    /// The score of an article, -1 to 1, and its label; the reasons are added to `why`, and their weights add up to the
    /// sum of which the score is made.
    pub fn of(&self, text: &Text, mut marked: Marked, why: &mut Vec<Reason>) -> (f64, Label) {
        let mut sum = 0.0;
        let mut counted = 0;
        let mut hits = Vec::new();
        let mut number = 0;
        for sentence in text.sentences() {
            let place = if sentence.in_title {
                TITLE
            } else {
                number += 1;
                1.0 / (1.0 + LATER * f64::from(number - 1))
            };
            if sentence.repeated {
                continue;
            }
            let tokens = text.tokens_of(sentence);
            let range = sentence.first as usize..sentence.last as usize;
            read(text, tokens, &mut marked.marks[range], &mut hits);
            hits.sort_by_key(|h| h.first);
            for hit in hits.drain(..) {
                if counted == HITS_MAX || hit.weight == 0.0 {
                    continue;
                }
                counted += 1;
                sum += hit.weight * place;
                why.push(reason(text, tokens, &hit, place));
            }
        }
        let score = bounded(sum);
        (score, label(score))
    }
}

impl Default for Sentiments {
    fn default() -> Sentiments {
        Sentiments::new()
    }
}

/// The score that a sum of weights makes.
pub fn bounded(sum: f64) -> f64 {
    sum / (sum * sum + ALPHA).sqrt()
}

/// What a score is called.
pub fn label(score: f64) -> Label {
    if score >= LABELLED {
        Label::Positive
    } else if score <= -LABELLED {
        Label::Negative
    } else {
        Label::Neutral
    }
}

fn reason(text: &Text, tokens: &[Token], hit: &Hit, place: f64) -> Reason {
    let first = &tokens[hit.first];
    Reason {
        part: "sentiment",
        rule: hit.rule,
        words: text.words(first, &tokens[hit.last]).into(),
        weight: hit.weight * place,
        place: text.place(first.sentence),
    }
}

/// All hits of one sentence.
fn read(text: &Text, tokens: &[Token], marks: &mut [Mark], hits: &mut Vec<Hit>) {
    let says = |m: &Mark| m.entry.polarity != 0 || m.is(DIRECTION | COMPARES);
    if !marks.iter().any(says) && marks.iter().filter(|m| m.is(NUMBER)).count() < 2 {
        return;
    }
    concede(marks);
    swings(marks, hits);
    let in_title = tokens
        .first()
        .is_some_and(|t| text.sentences()[usize::from(t.sentence)].in_title);
    directions(marks, in_title, hits);
    comparisons(text, tokens, marks, hits);
    polar(marks, hits);
    let turn = marks.iter().position(|m| m.is(TURNS));
    let damped = marks.iter().any(|m| m.is(DAMPS));
    let asked = tokens
        .last()
        .is_some_and(|t| text.lower(t).starts_with('?'));
    for hit in hits.iter_mut() {
        hit.weight *= turned(marks, hit) * degree(marks, hit) * clause(marks, hit, turn);
        if damped {
            hit.weight *= DAMPED;
        }
        if asked {
            hit.weight *= ASKED;
        }
    }
}

fn swings(marks: &mut [Mark], hits: &mut Vec<Hit>) {
    if let Some(found) = numbers::swings(marks) {
        marks[found.measure].entry.class |= USED;
        marks[found.last].entry.class |= USED;
        hits.push(Hit {
            rule: "swing",
            weight: found.better * 1.5,
            first: found.measure,
            last: found.last,
            at: found.measure,
        });
    }
}

fn directions(marks: &mut [Mark], in_title: bool, hits: &mut Vec<Hit>) {
    let mut from = 0;
    let mut before: Option<f64> = None;
    for at in 0..marks.len() {
        let mark = marks[at];
        if !mark.is(DIRECTION) || mark.is(USED) {
            continue;
        }
        let sign = if mark.is(UP) { 1.0 } else { -1.0 };
        let attributive = mark.is(BEFORE) && marks.get(at + 1).is_some_and(|m| m.is(MEASURE));
        let clause = from.max(at.saturating_sub(CLAUSE_MAX));
        let (rule, weight, measure) = match govern::governed(marks, at, clause) {
            Governed::None => continue,
            Governed::Measure(measure) if marks[measure].is(USED) => {
                marks[at].entry.class |= USED;
                continue;
            }
            // "would strengthen the offering of its holdings": the word itself tells more.
            Governed::Measure(measure)
                if measure < at && marks[measure].is(FLAT) && mark.entry.polarity != 0 =>
            {
                continue;
            }
            Governed::Measure(measure) => {
                let entry = marks[measure].entry;
                let polarity = match () {
                    () if entry.class & FLAT != 0 => 0.0,
                    () if entry.class & BAD != 0 => -1.0,
                    () => 1.0,
                };
                let weight = polarity * f64::from(entry.weight) / 100.0;
                before = Some(polarity);
                ("direction", sign * weight, measure)
            }
            // "up from 8.7": of what was told of before.
            Governed::Unknown if mark.is(PARTICLE) && before.is_some() => {
                ("direction", sign * before.unwrap_or(0.0) * 0.5, at)
            }
            Governed::Unknown => {
                let near = marks.len().min(at + 5);
                let told = in_title || marks[at..near].iter().any(|m| m.is(PERCENT));
                let weight = if told { UNKNOWN } else { UNKNOWN_UNTOLD };
                ("direction-alone", sign * weight, at)
            }
        };
        marks[at].entry.class |= USED;
        marks[measure].entry.class |= USED;
        if !attributive {
            from = at + 1;
        }
        hits.push(Hit {
            rule,
            weight,
            first: at.min(measure),
            last: at.max(measure),
            at,
        });
    }
}

fn comparisons(text: &Text, tokens: &[Token], marks: &mut [Mark], hits: &mut Vec<Hit>) {
    if !marks.iter().any(|m| m.is(NUMBER)) {
        return;
    }
    for found in numbers::compared(text, tokens, marks) {
        let weight = f64::from(marks[found.measure].entry.weight) / 100.0;
        marks[found.measure].entry.class |= USED;
        hits.push(Hit {
            rule: "compared",
            weight: found.better * weight,
            first: found.measure,
            last: found.last,
            at: found.measure,
        });
    }
}

fn polar(marks: &[Mark], hits: &mut Vec<Hit>) {
    for (at, mark) in marks.iter().enumerate() {
        if mark.entry.polarity == 0 || mark.is(USED) {
            continue;
        }
        hits.push(Hit {
            rule: if mark.len > 1 { "phrase" } else { "word" },
            weight: f64::from(mark.entry.polarity) / 100.0,
            first: at,
            last: at + usize::from(mark.len) - 1,
            at,
        });
    }
}

/// What negation before a hit makes of it.
fn turned(marks: &[Mark], hit: &Hit) -> f64 {
    let from = hit.at.saturating_sub(NEGATION_REACH);
    for mark in marks[from..hit.at].iter().rev() {
        if mark.is(BREAK) {
            break;
        }
        if mark.is(NEGATES) {
            return NEGATION;
        }
    }
    1.0
}

/// What words of degree beside a hit make of it.
fn degree(marks: &[Mark], hit: &Hit) -> f64 {
    let mut factor = 1.0;
    let before = marks[..hit.at].iter().rev().take(3);
    for (mark, distance) in before.zip(DISTANCES) {
        if mark.is(BREAK) {
            break;
        }
        factor += f64::from(mark.entry.degree) / 100.0 * distance;
    }
    if let Some(mark) = marks.get(hit.at + 1) {
        factor += f64::from(mark.entry.degree) / 100.0;
    }
    factor
}

/// Marks what stands after `despite`, up to the next punctuation.
fn concede(marks: &mut [Mark]) {
    let mut conceded = false;
    for mark in marks {
        conceded = !mark.is(BREAK) && (conceded || mark.is(CONCEDES));
        if conceded {
            mark.entry.class |= CONCEDED;
        }
    }
}

/// What `despite` and `but` make of a hit; `turn` is where the `but` stands.
fn clause(marks: &[Mark], hit: &Hit, turn: Option<usize>) -> f64 {
    let conceded = if marks[hit.first].is(CONCEDED) {
        OF_CONCEDED
    } else {
        1.0
    };
    conceded
        * match turn {
            Some(turn) if hit.first < turn => BEFORE_BUT,
            Some(_) => AFTER_BUT,
            None => 1.0,
        }
}

#[cfg(test)]
mod tests;
