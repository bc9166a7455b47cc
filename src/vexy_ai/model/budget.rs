//! What a call may cost, and what is left. Pure; who counts is [`ledger`](super::ledger).
//!
//! Before a call the most that it may cost is reserved, for all machines in one place; what the server says that it did
//! cost settles it. Where the server says nothing, the reserved stays spent.

use super::dialect::Usage;
use super::prompt::Messages;

/// Tokens that a chat's frame costs besides its words.
const FRAME_TOKENS: u64 = 24;
/// Parts of a unit of money that are counted in whole numbers.
pub const NANO: f64 = 1e9;

/// What may be spent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    pub calls_per_min: u64,
    pub tokens_per_min: u64,
    pub calls_per_day: u64,
    pub tokens_per_day: u64,
    /// In the currency of the prices; `None`: not limited.
    pub cost_per_day: Option<f64>,
}

/// Prices of a million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prices {
    pub input: f64,
    pub output: f64,
}

/// What a call may cost at most, or did cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    pub tokens: u64,
    /// In billionths of the prices' currency.
    pub nano: u64,
}

impl Prices {
    /// What so many tokens cost, rounded up.
    pub fn cost(&self, usage: Usage) -> Cost {
        let price = |tokens: u64, per_million: f64| tokens as f64 * per_million * (NANO / 1e6);
        let nano = price(usage.input, self.input) + price(usage.output, self.output);
        Cost {
            tokens: usage.input.saturating_add(usage.output),
            nano: nano.ceil().max(0.0) as u64,
        }
    }

    /// The most that a call with these messages and so long an answer costs.
    pub fn most(&self, messages: &Messages, max_tokens: u32) -> Cost {
        self.cost(Usage {
            input: FRAME_TOKENS + tokens(&messages.system) + tokens(&messages.user),
            output: u64::from(max_tokens),
        })
    }
}

/// Tokens of a text, rather too many than too few: one for three letters of a word, and one for each digit, sign and byte
/// of other scripts. Tokenizers of models make about one of four letters of English.
pub fn tokens(text: &str) -> u64 {
    let (mut tokens, mut letters) = (0u64, 0u64);
    for c in text.chars() {
        if c.is_ascii_alphabetic() {
            letters += 1;
            continue;
        }
        tokens += letters.div_ceil(3);
        letters = 0;
        if !c.is_ascii_whitespace() {
            tokens += c.len_utf8() as u64;
        }
    }
    tokens + letters.div_ceil(3)
}

/// What is spent on one day, as it is counted in Redis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spent {
    /// `2026-01-31`, UTC by the clock of Redis.
    pub day: String,
    pub calls: u64,
    /// Reserved and not settled, or what the server said.
    pub tokens: u64,
    /// In billionths of the prices' currency.
    pub nano: u64,
    /// Calls whose cost the server told.
    pub settled: u64,
    /// Items that were answered from the cache.
    pub cached: u64,
}

impl Spent {
    /// Money, in the currency of the prices.
    pub fn cost(&self) -> f64 {
        self.nano as f64 / NANO
    }
}

/// Why a call is not made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Short {
    CallsPerMin,
    TokensPerMin,
    CallsPerDay,
    TokensPerDay,
    CostPerDay,
}

impl Short {
    /// The limit as truth names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Short::CallsPerMin => "calls_per_min",
            Short::TokensPerMin => "tokens_per_min",
            Short::CallsPerDay => "calls_per_day",
            Short::TokensPerDay => "tokens_per_day",
            Short::CostPerDay => "cost_per_day",
        }
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<Short> {
        let all = [
            Short::CallsPerMin,
            Short::TokensPerMin,
            Short::CallsPerDay,
            Short::TokensPerDay,
            Short::CostPerDay,
        ];
        all.into_iter().find(|short| short.as_str() == name)
    }
}

impl Limits {
    /// The limit that a call of this cost can never keep, however long it waits.
    pub fn never(&self, cost: Cost) -> Option<Short> {
        let over = |nano: u64| {
            self.cost_per_day
                .is_some_and(|most| nano as f64 > most * NANO)
        };
        if self.calls_per_min == 0 {
            Some(Short::CallsPerMin)
        } else if self.calls_per_day == 0 {
            Some(Short::CallsPerDay)
        } else if cost.tokens > self.tokens_per_min {
            Some(Short::TokensPerMin)
        } else if cost.tokens > self.tokens_per_day {
            Some(Short::TokensPerDay)
        } else {
            over(cost.nano).then_some(Short::CostPerDay)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_of_a_million_tokens() {
        let prices = Prices {
            input: 0.15,
            output: 0.6,
        };
        let cost = prices.cost(Usage {
            input: 1_000_000,
            output: 500_000,
        });
        assert_eq!(
            cost,
            Cost {
                tokens: 1_500_000,
                nano: 450_000_000
            }
        );
        assert_eq!(
            prices
                .cost(Usage {
                    input: 1,
                    output: 0
                })
                .nano,
            150
        );
        assert_eq!(
            Prices::default().cost(Usage {
                input: 9,
                output: 9
            }),
            Cost {
                tokens: 18,
                nano: 0
            }
        );
    }

    #[test]
    fn a_text_is_counted_by_letters_digits_and_bytes() {
        for (text, counted) in [
            ("", 0),
            ("a", 1),
            ("rose", 2),
            ("The profit rose.", 6),
            ("$1.42", 5),
            ("\u{4e1c}\u{4eac}", 6),
            ("BRK.B", 3),
        ] {
            assert_eq!(tokens(text), counted, "{text}");
        }
        let english =
            "Acme raised its dividend after profit climbed for the third quarter in a row. "
                .repeat(10);
        let bytes = english.len() as u64;
        assert!((bytes / 4..bytes / 2).contains(&tokens(&english)));
    }

    #[test]
    fn a_call_that_never_fits_is_known_before_it_waits() {
        let limits = Limits {
            calls_per_min: 20,
            tokens_per_min: 1_000,
            calls_per_day: 100,
            tokens_per_day: 5_000,
            cost_per_day: Some(0.5),
        };
        let cost = |tokens, nano| Cost { tokens, nano };
        assert_eq!(limits.never(cost(1_000, 500_000_000)), None);
        assert_eq!(limits.never(cost(1_001, 0)), Some(Short::TokensPerMin));
        assert_eq!(limits.never(cost(1, 500_000_001)), Some(Short::CostPerDay));
        let wide = Limits {
            tokens_per_min: 100_000,
            cost_per_day: None,
            ..limits
        };
        assert_eq!(wide.never(cost(5_001, u64::MAX)), Some(Short::TokensPerDay));
        assert_eq!(Short::named("tokens_per_day"), Some(Short::TokensPerDay));
    }
}
