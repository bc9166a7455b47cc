//! Minutes that have to be written: `market:bars:<sym>`.
//!
//! The store holds them; here is only what is not there yet. A minute that comes again takes the place of the one before.

use std::collections::BTreeMap;

use crate::contract::market::{BARS_MAX, bars_key};
use crate::massive::facts::Day;
use crate::massive::record::ObjectWriter;
use crate::massive::store::Batch;

/// Minutes whose writes go out together.
const BATCH_MINUTES: usize = 500;

/// What is to be written: by symbol, by where each begins.
#[derive(Clone, Debug, Default)]
pub struct Minutes {
    waiting: BTreeMap<String, BTreeMap<i64, String>>,
}

impl Minutes {
    /// Takes a minute. Of a symbol no more wait than are kept: the oldest go.
    pub fn take(&mut self, symbol: &str, start_ms: i64, day: &Day, source: &str) {
        let waiting = match self.waiting.get_mut(symbol) {
            Some(waiting) => waiting,
            None => self.waiting.entry(symbol.to_owned()).or_default(),
        };
        waiting.insert(start_ms, json(start_ms, day, source));
        if waiting.len() > BARS_MAX {
            waiting.pop_first();
        }
    }

    /// Holds minutes of these symbols only.
    pub fn keep(&mut self, is_wanted: impl Fn(&str) -> bool) {
        self.waiting.retain(|symbol, _| is_wanted(symbol));
    }

    /// What has to be written now, a part of it at a time; `None` when nothing has.
    pub fn write(&mut self) -> Option<Batch> {
        let mut batch = Batch::default();
        let mut room = BATCH_MINUTES;
        while room > 0
            && let Some((symbol, minutes)) = self.waiting.pop_first()
        {
            let key = bars_key(&symbol);
            let mut rest = BTreeMap::new();
            for (start_ms, json) in minutes {
                if room == 0 {
                    rest.insert(start_ms, json);
                    continue;
                }
                room -= 1;
                let at = start_ms.to_string();
                batch.add(["ZREMRANGEBYSCORE", &key, &at, &at]);
                batch.add(["ZADD", &key, &at, &json]);
            }
            let oldest = format!("-{}", BARS_MAX + 1);
            batch.add(["ZREMRANGEBYRANK", &key, "0", &oldest]);
            batch.keep(&key);
            if !rest.is_empty() {
                self.waiting.insert(symbol, rest);
            }
        }
        (!batch.is_empty()).then_some(batch)
    }
}

fn json(start_ms: i64, day: &Day, source: &str) -> String {
    let mut json = ObjectWriter::with_capacity(128);
    json.integer("start_ms", Some(start_ms));
    json.decimal("open", day.open.as_ref());
    json.decimal("high", day.high.as_ref());
    json.decimal("low", day.low.as_ref());
    json.decimal("close", day.close.as_ref());
    json.decimal("volume", day.volume.as_ref());
    json.text("source", source);
    json.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::massive::number::Decimal;

    fn day(close: &'static str) -> Day<'static> {
        Day {
            close: Decimal::read(close),
            ..Day::default()
        }
    }

    #[test]
    fn a_minute_takes_the_place_of_the_one_before() {
        let mut minutes = Minutes::default();
        minutes.take("SPY", 60_000, &day("1.50"), "massive");
        minutes.take("SPY", 60_000, &day("1.60"), "massive");
        let batch = minutes.write().expect("a batch");
        assert_eq!(
            batch.words().join(" "),
            "4 ZREMRANGEBYSCORE market:bars:SPY 60000 60000 \
             4 ZADD market:bars:SPY 60000 {\"start_ms\":60000,\"close\":1.60,\"source\":\"massive\"} \
             4 ZREMRANGEBYRANK market:bars:SPY 0 -1001 3 PEXPIRE market:bars:SPY 604800000"
        );
        assert_eq!(minutes.write(), None);
    }

    #[test]
    fn many_go_out_in_parts_and_no_more_wait_than_are_kept() {
        let mut minutes = Minutes::default();
        for nth in 0..3_000 {
            minutes.take("SPY", nth * 60_000, &day("1"), "massive");
        }
        minutes.take("QQQ", 0, &day("1"), "massive");
        minutes.keep(|symbol| symbol == "SPY");
        let mut written = Vec::new();
        while let Some(batch) = minutes.write() {
            let words = batch.words();
            written.push(words.iter().filter(|word| *word == "ZADD").count());
        }
        assert_eq!(written, [500, 500]);
    }
}
