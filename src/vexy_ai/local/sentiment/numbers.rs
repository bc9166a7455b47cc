//! Two numbers of one unit compared ("8.4 compared with 9.1"), and swings between profit and loss.

use super::super::text::{Text, Token};
use super::entry::*;

/// Tokens between two numbers that are compared, at most.
const REACH: usize = 9;
/// Tokens between a comparison and the other result of a swing, at most.
const SWING_REACH: usize = 6;

/// An amount with its unit.
#[derive(Clone, Copy)]
struct Amount {
    value: f64,
    percent: bool,
    /// The currency beside it; 0 for none.
    currency: u8,
    /// The tokens that it takes.
    first: usize,
    last: usize,
}

/// What was found: from which measure to which token, and whether it is better (1) or worse (-1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Compared {
    pub(super) measure: usize,
    pub(super) last: usize,
    pub(super) better: f64,
}

/// The swings of a sentence: "a loss of 4 mn compared with a profit of 2 mn".
pub(super) fn swings(marks: &[Mark]) -> Option<Compared> {
    let at = marks.iter().position(|m| m.is(COMPARES))?;
    let result = |m: &Mark| m.is(PROFITS | LOSES) && !m.is(USED);
    let first = marks[..at].iter().rposition(result)?;
    let end = marks.len().min(at + 1 + SWING_REACH);
    let other = at + 1 + marks[at + 1..end].iter().position(result)?;
    let (now, then) = (marks[first].is(PROFITS), marks[other].is(PROFITS));
    (now != then).then_some(Compared {
        measure: first,
        last: other,
        better: if now { 1.0 } else { -1.0 },
    })
}

/// Two amounts of a sentence that are compared, with the measure before them, which no direction has governed.
pub(super) fn compared(text: &Text, tokens: &[Token], marks: &[Mark]) -> Vec<Compared> {
    let mut found = Vec::new();
    let mut before: Option<Amount> = None;
    let mut at = 0;
    while at < tokens.len() {
        let Some(amount) = amount(text, tokens, marks, at) else {
            at += 1;
            continue;
        };
        at = amount.last + 1;
        if let Some(first) = before
            && first.percent == amount.percent
            && (first.currency == 0 || amount.currency == 0 || first.currency == amount.currency)
            && let Some(sign) = sign(text, tokens, marks, first, amount)
            && let Some(measure) = measure(marks, first.first)
        {
            found.push(Compared {
                measure,
                last: amount.last,
                better: sign * if marks[measure].is(BAD) { -1.0 } else { 1.0 },
            });
            before = None;
            continue;
        }
        before = Some(amount);
    }
    found
}

/// The number at `at` with what belongs to it.
fn amount(text: &Text, tokens: &[Token], marks: &[Mark], at: usize) -> Option<Amount> {
    let mut value = text.number(&tokens[at])?;
    let mut percent = false;
    let mut last = at;
    let mut money = at
        .checked_sub(1)
        .map_or(0, |n| currency(text.lower(&tokens[n])));
    for (n, token) in tokens.iter().enumerate().skip(at + 1).take(3) {
        if !marks[n].is(UNIT) {
            break;
        }
        match text.lower(token) {
            "%" | "pct" | "percent" | "pc" | "per" => percent = true,
            "k" | "thousand" => value *= 1e3,
            "lakh" | "lakhs" => value *= 1e5,
            "m" | "mn" | "million" | "millions" | "mln" => value *= 1e6,
            "crore" | "crores" | "cr" => value *= 1e7,
            "bn" | "b" | "billion" | "bln" => value *= 1e9,
            "tn" | "trillion" => value *= 1e12,
            _ => {}
        }
        if money == 0 {
            money = currency(text.lower(token));
        }
        last = n;
    }
    Some(Amount {
        value,
        percent,
        currency: money,
        first: at,
        last,
    })
}

/// A number for each currency; 0 for what is none.
fn currency(word: &str) -> u8 {
    match word {
        "eur" | "euro" | "euros" | "€" => 1,
        "usd" | "$" | "dollar" | "dollars" => 2,
        "gbp" | "£" | "pound" | "pounds" => 3,
        "rs" | "inr" | "₹" | "rupees" => 4,
        "sek" => 5,
        "nok" => 6,
        "dkk" => 7,
        "chf" => 8,
        "jpy" | "yen" | "¥" => 9,
        _ => 0,
    }
}

/// Whether the second amount is what the first was before: 1 where it grew, -1 where it shrank; `None` where they are
/// not compared.
fn sign(
    text: &Text,
    tokens: &[Token],
    marks: &[Mark],
    first: Amount,
    second: Amount,
) -> Option<f64> {
    let between = first.last + 1..second.first;
    if between.len() > REACH || first.value == second.value {
        return None;
    }
    let grew = if first.value > second.value {
        1.0
    } else {
        -1.0
    };
    if marks[between.clone()].iter().any(|m| m.is(COMPARES)) {
        return Some(grew);
    }
    let opens = tokens
        .get(first.last + 1)
        .is_some_and(|t| text.lower(t) == "(");
    if opens && between.len() <= 3 {
        return Some(grew);
    }
    // "from 8.7 to 13.1"
    let from = tokens[..first.first]
        .iter()
        .rev()
        .take(3)
        .any(|t| text.lower(t) == "from");
    let to = tokens[between].iter().any(|t| text.lower(t) == "to");
    (from && to).then_some(-grew)
}

/// The measure before `at` that no direction has governed, the nearest.
fn measure(marks: &[Mark], at: usize) -> Option<usize> {
    let mut seen = 0;
    for n in (0..at).rev() {
        if marks[n].is(MEASURE) {
            return marks[n]
                .is(GOOD | BAD)
                .then_some(n)
                .filter(|&n| !marks[n].is(USED));
        }
        seen += 1;
        if seen > 2 * REACH {
            break;
        }
    }
    None
}
