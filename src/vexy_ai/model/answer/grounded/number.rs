//! The numbers of a text, in figures or in words, with what they are multiplied by.

use std::collections::HashSet;

/// A number and the word of scale after it.
struct Number<'a> {
    written: &'a str,
    value: f64,
    /// 1 where there is none.
    scale: f64,
}

/// Numbers in words; `one` is left out, which is mostly no number.
const WORDS: [(&str, f64); 28] = [
    ("two", 2.0),
    ("three", 3.0),
    ("four", 4.0),
    ("five", 5.0),
    ("six", 6.0),
    ("seven", 7.0),
    ("eight", 8.0),
    ("nine", 9.0),
    ("ten", 10.0),
    ("eleven", 11.0),
    ("twelve", 12.0),
    ("thirteen", 13.0),
    ("fourteen", 14.0),
    ("fifteen", 15.0),
    ("sixteen", 16.0),
    ("seventeen", 17.0),
    ("eighteen", 18.0),
    ("nineteen", 19.0),
    ("twenty", 20.0),
    ("thirty", 30.0),
    ("forty", 40.0),
    ("fifty", 50.0),
    ("sixty", 60.0),
    ("seventy", 70.0),
    ("eighty", 80.0),
    ("ninety", 90.0),
    ("hundred", 100.0),
    ("dozen", 12.0),
];
/// Of a text alone: what an answer may write in figures instead.
const ORDINALS: [(&str, f64); 10] = [
    ("first", 1.0),
    ("second", 2.0),
    ("third", 3.0),
    ("fourth", 4.0),
    ("fifth", 5.0),
    ("sixth", 6.0),
    ("seventh", 7.0),
    ("eighth", 8.0),
    ("ninth", 9.0),
    ("tenth", 10.0),
];
const SCALES: [(&str, f64); 17] = [
    ("thousand", 1e3),
    ("thousands", 1e3),
    ("k", 1e3),
    ("million", 1e6),
    ("millions", 1e6),
    ("mln", 1e6),
    ("mn", 1e6),
    ("m", 1e6),
    ("billion", 1e9),
    ("billions", 1e9),
    ("bln", 1e9),
    ("bn", 1e9),
    ("b", 1e9),
    ("trillion", 1e12),
    ("trillions", 1e12),
    ("trn", 1e12),
    ("tn", 1e12),
];

/// What a text has.
pub(super) struct Numbers {
    /// Values without and with their scale.
    values: HashSet<u64>,
    /// Those that no scale follows.
    bare: HashSet<u64>,
    /// Scales that occur in words, after a number or not.
    scales: HashSet<u64>,
    /// Scales of tables: "in millions".
    tabled: HashSet<u64>,
    /// Digits that are none of ASCII's.
    foreign: HashSet<char>,
}

impl Numbers {
    pub fn of(text: &str) -> Numbers {
        let lower = text.to_lowercase();
        let mut numbers = Numbers {
            values: HashSet::new(),
            bare: HashSet::new(),
            scales: HashSet::new(),
            tabled: HashSet::new(),
            foreign: lower.chars().filter(is_foreign).collect(),
        };
        for number in all(&lower) {
            numbers.values.insert(key(number.value));
            numbers.values.insert(key(number.value * number.scale));
            if number.scale == 1.0 {
                numbers.bare.insert(key(number.value));
            }
        }
        let mut before = "";
        for word in words(&lower) {
            if let Some(value) = value_in(&ORDINALS, word) {
                numbers.values.insert(key(value));
            }
            if let Some(scale) = value_in(&SCALES, word).filter(|_| word.len() > 1) {
                numbers.scales.insert(key(scale));
                if before == "in" {
                    numbers.tabled.insert(key(scale));
                }
            }
            before = word;
        }
        numbers
    }

    /// The first number of `text` that is not here.
    pub fn unknown_in(&self, text: &str) -> Option<String> {
        let lower = text.to_lowercase();
        if let Some(digit) = lower
            .chars()
            .filter(is_foreign)
            .find(|c| !self.foreign.contains(c))
        {
            return Some(digit.to_string());
        }
        let number = all(&lower).into_iter().find(|number| !self.has(number));
        if let Some(number) = number {
            return Some(number.written.to_owned());
        }
        // A scale without a number in figures: "millions of", "a billion".
        let scale = words(&lower).find(|word| {
            let scale = value_in(&SCALES, word).filter(|_| word.len() > 1);
            scale.is_some_and(|scale| !self.has_scale(scale))
        });
        scale.map(str::to_owned)
    }

    fn has(&self, number: &Number<'_>) -> bool {
        if self.values.contains(&key(number.value * number.scale)) {
            return true;
        }
        // A table says "in millions" once for all of its numbers.
        self.bare.contains(&key(number.value)) && self.tabled.contains(&key(number.scale))
    }

    /// Does the text count in this scale, in words or in figures?
    fn has_scale(&self, scale: f64) -> bool {
        self.scales.contains(&key(scale))
            || self
                .values
                .iter()
                .any(|bits| f64::from_bits(*bits) >= scale)
    }
}

/// Equal for values that are equal but for rounding.
fn key(value: f64) -> u64 {
    format!("{value:.9e}")
        .parse::<f64>()
        .unwrap_or(value)
        .to_bits()
}

/// A digit of another script, a fraction, a raised figure.
fn is_foreign(c: &char) -> bool {
    !c.is_ascii() && c.is_numeric()
}

fn words(lower: &str) -> impl Iterator<Item = &str> {
    lower
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
}

fn value_in(table: &[(&str, f64)], word: &str) -> Option<f64> {
    table
        .iter()
        .find(|(known, _)| *known == word)
        .map(|(_, value)| *value)
}

/// The numbers in `lower`, in order.
fn all(lower: &str) -> Vec<Number<'_>> {
    let mut found = Vec::new();
    let mut rest = lower;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit() || c.is_alphabetic()) {
        let here = &rest[start..];
        let is_digit = here.starts_with(|c: char| c.is_ascii_digit());
        let end = if is_digit {
            end_of_figures(here)
        } else {
            here.find(|c: char| !c.is_alphabetic())
                .unwrap_or(here.len())
        };
        let (written, after) = here.split_at(end);
        let value = if is_digit {
            value_of(written)
        } else {
            value_in(&WORDS, written)
        };
        if let Some(value) = value {
            let scale = scale_after(after);
            found.push(Number {
                written,
                value,
                scale,
            });
        }
        rest = after;
    }
    found
}

/// Digits, with single points and commas between them.
fn end_of_figures(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut end = 1;
    while digit(end) || (matches!(bytes.get(end), Some(b'.' | b',')) && digit(end + 1)) {
        end += 1;
    }
    end
}

/// `1,234.5` and `8.40`. Where a comma can only be a decimal one (`8,4`) it is.
fn value_of(figures: &str) -> Option<f64> {
    let last_comma = figures.rfind(',');
    let is_decimal_comma = last_comma.is_some_and(|at| {
        !figures.contains('.') && figures.matches(',').count() == 1 && figures.len() - at - 1 != 3
    });
    let plain = if is_decimal_comma {
        figures.replace(',', ".")
    } else if figures.matches('.').count() > 1 {
        figures.replace(['.', ','], "")
    } else {
        figures.replace(',', "")
    };
    plain.parse().ok()
}

/// The scale of the word that follows a number: attached, after a blank or a hyphen.
fn scale_after(text: &str) -> f64 {
    let attached = text.starts_with(|c: char| c.is_alphabetic());
    let text = text.trim_start_matches([' ', '-', '\u{a0}']);
    let word = text
        .find(|c: char| !c.is_alphabetic())
        .map_or(text, |end| &text[..end]);
    match value_in(&SCALES, word) {
        // "5 m" may be metres; "5m" of money is meant as a million, and harmless where it is not.
        Some(scale) if attached || word.len() > 1 => scale,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_known_however_it_is_written() {
        let text = Numbers::of(
            "Sales rose 12.50% to $1,234 million, or EUR 8,4 bn, in the third quarter; five plants, 7bn shares. \
             Net profit (in thousands) 430. Since 2019 it paid 1.5 million.",
        );
        for known in [
            "up 12.5 percent",
            "1234 million",
            "1,234",
            "1.234 billion",
            "8.4bn",
            "8.4 billion",
            "Q3",
            "5 plants",
            "five plants",
            "7 billion",
            "430 thousand",
            "430",
            "in 2019",
            "1.5m",
            "no number",
            "1,500,000",
            "millions",
        ] {
            assert_eq!(text.unknown_in(known), None, "{known}");
        }
        for (unknown, number) in [
            ("up 13 percent", "13"),
            ("1.5 billion", "1.5"),
            ("12.5 billion", "12.5"),
            ("six plants", "six"),
            ("5 trillion", "5"),
            ("trillions", "trillions"),
            ("ninety percent", "ninety"),
            ("٣ plants", "٣"),
            ("½", "½"),
            ("2020", "2020"),
        ] {
            assert_eq!(
                text.unknown_in(unknown).as_deref(),
                Some(number),
                "{unknown}"
            );
        }
    }
}
