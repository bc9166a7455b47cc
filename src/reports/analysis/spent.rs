//! What the model did cost today, beside what it may, and whether it is asked at all.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::clock::human;
use crate::reports::Fields;
use crate::text::SafeText;
use crate::vexy_ai::config::Model;
use crate::vexy_ai::model::breaker::Breaker;
use crate::vexy_ai::model::budget::{Cost, NANO};
use crate::vexy_ai::model::dialect::Usage;

/// What was spent on one day, what may be, and what keeps anybody from asking.
#[derive(Clone, Debug)]
pub struct Spent {
    /// `2026-01-31`, UTC by the clock of Redis.
    pub day: String,
    fields: Fields,
    model: Model,
    /// The records of the breaker, by URL and key.
    breakers: Vec<Breaker>,
    now_ms: i64,
}

impl Spent {
    /// `fields` is the hash of the day, `breakers` that of the breaker. A record that nobody can read is none.
    pub fn new(day: String, fields: Fields, model: Model, breakers: &Fields, now_ms: u64) -> Spent {
        let read = |text: &String| serde_json::from_str(text).ok();
        Spent {
            day,
            fields,
            model,
            breakers: breakers.values().filter_map(read).collect(),
            now_ms: i64::try_from(now_ms).unwrap_or(i64::MAX),
        }
    }

    fn count(&self, name: &str) -> u64 {
        let text = self.fields.get(name);
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Those lines, each ended.
    pub fn text(&self) -> String {
        let limits = self.model.limits();
        let (calls, tokens, nano) = (
            self.count("calls"),
            self.count("tokens"),
            self.count("nano"),
        );
        let mut out = format!(
            "today ({} UTC) the model was asked: {calls} of {} calls, {tokens} of {} tokens",
            self.day, limits.calls_per_day, limits.tokens_per_day
        );
        match limits.cost_per_day {
            Some(most) => out += &format!(", for {:.4} of {most}", nano as f64 / NANO),
            None if nano > 0 => out += &format!(", for {:.4}", nano as f64 / NANO),
            None => {}
        }
        let cached = self.count("cached");
        if cached > 0 {
            out += &format!("; {cached} answered from the cache");
        }
        out.push('\n');
        if let Some(limit) = self.used_up() {
            out += &format!("{limit} is used up: nothing more is asked before midnight UTC\n");
        }
        for (why, left_ms) in self.closed() {
            let left = human(Duration::from_millis(left_ms));
            out += &format!(
                "the model is not asked for {left}: {}\n",
                SafeText::new(why)
            );
        }
        out
    }

    /// The limit of the day that has no room for one more call.
    fn used_up(&self) -> Option<&'static str> {
        let limits = self.model.limits();
        // No call reserves less than the answer that it allows.
        let Cost { tokens, nano } = self.model.prices().cost(Usage {
            input: 0,
            output: u64::from(self.model.max_output_tokens),
        });
        let most_nano = limits.cost_per_day.map(|most| (most * NANO) as u64);
        if self.count("calls") >= limits.calls_per_day {
            Some("calls_per_day")
        } else if self.count("tokens").saturating_add(tokens) > limits.tokens_per_day {
            Some("tokens_per_day")
        } else if most_nano.is_some_and(|most| self.count("nano").saturating_add(nano) > most) {
            Some("cost_per_day")
        } else {
            None
        }
    }

    /// Why nobody asks, and for how many milliseconds still. Of a key or an address of before nothing is said once its
    /// time is over.
    fn closed(&self) -> impl Iterator<Item = (&str, u64)> {
        let of = |breaker: &'_ Breaker| -> [(bool, i64); 2] {
            [(false, breaker.until_ms), (true, breaker.pause_ms)]
        };
        let now_ms = self.now_ms;
        self.breakers.iter().flat_map(move |breaker| {
            let both = of(breaker).into_iter();
            both.filter_map(move |(is_pause, until_ms)| {
                let left_ms = u64::try_from(until_ms - now_ms).ok().filter(|ms| *ms > 0)?;
                match is_pause {
                    true => Some(("the server asked for a pause", left_ms)),
                    false => (breaker.openings > 0).then_some((&*breaker.why, left_ms)),
                }
            })
        })
    }

    /// The members that it adds to the command's JSON.
    pub fn json(&self) -> BTreeMap<&'static str, Json> {
        let limits = self.model.limits();
        let closed = self.closed();
        let closed = closed.map(|(why, left_ms)| json!({"why": why, "left_ms": left_ms}));
        BTreeMap::from([
            (
                "limits",
                json!({
                    "calls_per_day": limits.calls_per_day,
                    "tokens_per_day": limits.tokens_per_day,
                    "cost_per_day": limits.cost_per_day,
                }),
            ),
            ("used_up", json!(self.used_up())),
            ("not_asked", closed.collect()),
        ])
    }

    /// The hash of the day.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vexy_ai::model::breaker::Outcome;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn spent(pairs: &[(&str, &str)], cost_per_day: Option<f64>, breakers: &Fields) -> Spent {
        let model = json!({"cost_per_day": cost_per_day, "price_in": 1.0, "price_out": 10.0});
        let model = serde_json::from_value(model).expect("settings");
        Spent::new(
            "2026-11-24".into(),
            fields(pairs),
            model,
            breakers,
            NOW_MS as u64,
        )
    }

    #[test]
    fn what_was_spent_stands_beside_what_may_be() {
        let some = [
            ("calls", "12"),
            ("tokens", "3456"),
            ("nano", "1500000"),
            ("cached", "3"),
        ];
        let none = Fields::new();
        assert_eq!(
            spent(&some, Some(0.5), &none).text(),
            "today (2026-11-24 UTC) the model was asked: 12 of 1000 calls, 3456 of 500000 tokens, for 0.0015 of 0.5; \
             3 answered from the cache\n"
        );
        assert!(!spent(&[], None, &none).text().contains("for"));
        for (used, cost_per_day, limit) in [
            ([("calls", "1000")], None, Some("calls_per_day")),
            ([("calls", "999")], None, None),
            ([("tokens", "499301")], None, Some("tokens_per_day")),
            ([("tokens", "499300")], None, None),
            ([("nano", "493000001")], Some(0.5), Some("cost_per_day")),
            ([("nano", "493000000")], Some(0.5), None),
        ] {
            let spent = spent(&used, cost_per_day, &none);
            assert_eq!(spent.used_up(), limit, "{used:?}");
            assert_eq!(spent.json()["used_up"], json!(limit));
            assert_eq!(
                limit.is_some_and(|limit| spent.text().contains(&format!("{limit} is used up"))),
                limit.is_some()
            );
        }
    }

    #[test]
    fn an_open_breaker_says_why_and_for_how_long_and_one_of_before_nothing() {
        let mut open = Breaker::default();
        open.told(Outcome::Refused("401: no such key"), NOW_MS);
        let mut old = Breaker::default();
        old.told(Outcome::Refused("the old key"), NOW_MS - 3_600_000);
        let mut paused = Breaker::default();
        paused.pause(Duration::from_secs(60), NOW_MS);
        let written = |breaker: &Breaker| serde_json::to_string(breaker).expect("JSON");
        let breakers = fields(&[
            ("a", &written(&open)),
            ("b", &written(&old)),
            ("c", &written(&paused)),
            ("d", "no record"),
        ]);
        let spent = spent(&[], None, &breakers);
        let text = spent.text();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "the model is not asked for 15 min: 401: no such key",
                "the model is not asked for 1 min: the server asked for a pause",
            ]
        );
        assert_eq!(spent.json()["not_asked"][0]["left_ms"], 900_000);
    }
}
