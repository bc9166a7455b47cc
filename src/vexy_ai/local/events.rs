//! What an article is about: phrases, each with a weight, some of them vetoes.
//!
//! The title counts most, the first sentence half, the next ones a quarter, all of the text `TEXT_MAX` at most. In a sentence an event has the weight of its strongest
//! phrase and a third of the next two. The event with the greatest sum is the article's; of equal ones the first in
//! [`Event::ALL`]. A price that moves is the event only when nothing else is named.

mod rules;

use super::text::{Kind, Text, Token};
use super::{Event, Reason};
use rules::{Element, Rules, Seen};

/// The sum from which on an event is named.
const ENOUGH: f64 = 1.2;
/// From this sum on another event than a moving price is what the article is about.
const NAMED: f64 = 1.9;
/// What all sentences after the first add to an event at most: a long text is not to outweigh its title.
const TEXT_MAX: f64 = 2.0;
/// Sentences that are read.
const SENTENCES_MAX: usize = 8;
/// Phrases of a sentence that count for one event, and what each counts.
const COUNTS: [f64; 3] = [1.0, 0.35, 0.35];
const CLASSES: usize = Event::ALL.len();
/// Reasons that most articles have at most, and tokens that most sentences have: there is room for them from the start.
const REASONS_USUAL: usize = 24;
const TOKENS_USUAL: usize = 64;

/// Knows all phrases; made once.
#[derive(Debug)]
pub struct Events {
    rules: Rules,
}

/// A phrase that occurs, by the places of its first and last word in the sentence.
#[derive(Clone, Copy, Default)]
struct Phrase {
    weight: f64,
    first: u32,
    last: u32,
}

/// What is counted for one event.
#[derive(Clone, Copy, Default)]
struct Count {
    sum: f64,
    /// What of it is not of the title.
    of_text: f64,
}

impl Default for Events {
    fn default() -> Events {
        Events::new()
    }
}

impl Events {
    /// Reads the phrases.
    pub fn new() -> Events {
        Events {
            rules: Rules::read(),
        }
    }

    /// The events of an article, the best first, and why. There is always one: `other` where no phrase occurs.
    pub fn find(&self, text: &Text) -> (Vec<Event>, Vec<Reason>) {
        let mut counts = [Count::default(); CLASSES];
        let mut reasons: Vec<(usize, Reason)> = Vec::with_capacity(REASONS_USUAL);
        let mut seen = Vec::with_capacity(TOKENS_USUAL);
        let sentences = text.sentences().iter().filter(|s| !s.repeated);
        for (number, sentence) in sentences.take(SENTENCES_MAX).enumerate() {
            let factor = [1.0, 0.5, 0.25][number.min(2)];
            let tokens = text.tokens_of(sentence);
            self.see(text, tokens, &mut seen);
            let mut best = [[Phrase::default(); COUNTS.len()]; CLASSES];
            let mut vetoes = [0.0; CLASSES];
            self.match_all(&seen, &mut best, &mut vetoes);
            for class in 0..CLASSES {
                let mut room = 0.0;
                for (phrase, count) in best[class].iter().zip(COUNTS) {
                    room += phrase.weight * count;
                }
                if room <= 0.0 {
                    continue;
                }
                // A veto takes away what it is worth, never more than there is.
                let mut left = (room + vetoes[class]).max(0.0);
                for (phrase, count) in best[class].iter().zip(COUNTS) {
                    let whole = (phrase.weight * count).min(left);
                    left -= whole;
                    let counted = &mut counts[class];
                    let weight = match number {
                        0 => whole,
                        _ => (whole * factor).min(TEXT_MAX - counted.of_text),
                    };
                    if weight <= 0.0 {
                        break;
                    }
                    counted.sum += weight;
                    counted.of_text += if number > 0 { weight } else { 0.0 };
                    let words = text.words(
                        &tokens[phrase.first as usize],
                        &tokens[phrase.last as usize],
                    );
                    let reason = Reason {
                        part: "event",
                        rule: Event::ALL[class].as_str(),
                        words: words.into(),
                        weight,
                        place: text.place(tokens[phrase.first as usize].sentence),
                    };
                    reasons.push((class, reason));
                }
            }
        }
        ranked(counts, reasons)
    }

    /// What the phrases see of a sentence.
    fn see(&self, text: &Text, tokens: &[Token], seen: &mut Vec<Seen>) {
        seen.clear();
        seen.extend(tokens.iter().map(|token| match token.kind {
            Kind::Word | Kind::Dotted => self.rules.seen(token.hash),
            Kind::Number => Seen::NUMBER,
            Kind::Sign => match text.word(token) {
                "%" => Seen::PERCENT,
                "$" | "€" | "£" | "¥" | "₹" => Seen::MONEY,
                _ => Seen::default(),
            },
            _ => Seen::default(),
        }));
    }

    fn match_all(
        &self,
        seen: &[Seen],
        best: &mut [[Phrase; COUNTS.len()]; CLASSES],
        vetoes: &mut [f64; CLASSES],
    ) {
        for (at, token) in seen.iter().enumerate() {
            if token.word == 0 {
                continue;
            }
            for rule in self.rules.beginning_with(token.word) {
                let Some(last) = self.end_of(self.rules.elements(rule), seen, at) else {
                    continue;
                };
                let class = usize::from(rule.event);
                let phrase = Phrase {
                    weight: f64::from(rule.weight),
                    first: at as u32,
                    last: last as u32,
                };
                if rule.weight < 0.0 {
                    vetoes[class] = phrase.weight.min(vetoes[class]);
                } else {
                    keep_best(&mut best[class], phrase);
                }
            }
        }
    }

    /// The last token of a phrase whose first word stands at `at`.
    fn end_of(&self, elements: &[Element], seen: &[Seen], at: usize) -> Option<usize> {
        let mut last = at;
        let mut gap = 0;
        for element in &elements[1..] {
            if matches!(element, Element::Gap) {
                gap = rules::GAP;
                continue;
            }
            let from = last + 1;
            let to = (from + gap + 1).min(seen.len());
            let found = (from..to).find(|&next| self.rules.is(element, seen[next]))?;
            last = found;
            gap = 0;
        }
        Some(last)
    }
}

/// Keeps the heaviest phrases. Two of the same words count once.
fn keep_best(best: &mut [Phrase; COUNTS.len()], phrase: Phrase) {
    let mut phrase = phrase;
    for kept in best.iter_mut() {
        let same = kept.weight > 0.0 && kept.first <= phrase.last && phrase.first <= kept.last;
        if same {
            if phrase.weight > kept.weight {
                *kept = phrase;
            }
            break;
        }
        if phrase.weight > kept.weight {
            std::mem::swap(kept, &mut phrase);
        }
    }
    best.sort_by(|a, b| b.weight.total_cmp(&a.weight));
}

/// The events that are named, the best first, and their reasons.
fn ranked(
    mut counts: [Count; CLASSES],
    reasons: Vec<(usize, Reason)>,
) -> (Vec<Event>, Vec<Reason>) {
    let market = Event::ALL.iter().position(|e| *e == Event::MarketMove);
    let other_named = counts
        .iter()
        .enumerate()
        .any(|(class, count)| Some(class) != market && count.sum >= NAMED);
    let mut order: Vec<usize> = (0..CLASSES)
        .filter(|&class| counts[class].sum >= ENOUGH)
        .collect();
    if let Some(market) = market.filter(|_| other_named) {
        counts[market].sum = counts[market].sum.min(ENOUGH / 2.0);
    }
    // Stable: of equal sums the one of higher precedence stays in front.
    order.sort_by(|&a, &b| counts[b].sum.total_cmp(&counts[a].sum));
    if order.is_empty() {
        return (vec![Event::Other], Vec::new());
    }
    let why = reasons
        .into_iter()
        .filter(|(class, _)| order.contains(class))
        .map(|(_, reason)| reason);
    (
        order.iter().map(|&class| Event::ALL[class]).collect(),
        why.collect(),
    )
}

#[cfg(test)]
mod tests;
