//! The spans of all services, read at a start: there may be a million.

use std::collections::HashMap;

use redis::{FromRedisValue, Pipeline, Value};

use super::text::days_of;
use super::{Everything, Store, range};
use crate::bus::BusError;
use crate::contract::{history_days_key, history_key};
use crate::history::Span;

/// Services whose spans one call of the script reads: it keeps the server from others for half a millisecond.
const READ_AT_ONCE: usize = 100;
/// Calls in one packet.
const CALLS_MAX: usize = 20;

/// Reads the spans and the days of services, each as one text: a million short answers take several times as long to read.
/// What somebody made something else of counts as nothing. KEYS: list and hash of each.
pub(super) const SPANS: &str = r#"
local read = {}
for i = 1, #KEYS, 2 do
  local spans, days = redis.pcall('LRANGE', KEYS[i], 0, -1), redis.pcall('HGETALL', KEYS[i + 1])
  read[i] = spans.err and '' or table.concat(spans, '\n')
  read[i + 1] = days.err and '' or table.concat(days, '\n')
end
return read
"#;

impl Store {
    /// Reads the spans and days of all services that are known.
    pub(super) fn read_spans(&mut self, everything: &mut Everything) -> Result<(), BusError> {
        let names: Vec<String> = everything.records.keys().cloned().collect();
        for names in names.chunks(READ_AT_ONCE * CALLS_MAX) {
            match self.read_by_script(names, everything) {
                Err(error) if error.is_connection_lost() => return Err(error),
                Ok(true) => {}
                // Whoever may run no scripts reads all the same; and then says that he cannot write.
                Ok(false) | Err(_) => self.read_one_by_one(names, everything)?,
            }
        }
        Ok(())
    }

    /// False when the server refused a call.
    fn read_by_script(
        &mut self,
        names: &[String],
        everything: &mut Everything,
    ) -> Result<bool, BusError> {
        let mut packet = Pipeline::new();
        let keys: Vec<[String; 2]> = names
            .iter()
            .map(|svc| [history_key(svc), history_days_key(svc)])
            .collect();
        for keys in keys.chunks(READ_AT_ONCE) {
            let keys: Vec<&str> = keys.iter().flatten().map(String::as_str).collect();
            self.spans.call(&mut packet, &keys);
        }
        let count = names.len().div_ceil(READ_AT_ONCE);
        let answers = self.scripts.send(&mut self.commands, &packet, count)?;
        for (answer, names) in answers.into_iter().zip(names.chunks(READ_AT_ONCE)) {
            let Value::Array(texts) = answer else {
                return Ok(false);
            };
            for (svc, pair) in names.iter().zip(texts.chunks(2)) {
                let [Value::BulkString(spans), Value::BulkString(days)] = pair else {
                    return Ok(false);
                };
                let record = everything.record(svc);
                let spans = std::str::from_utf8(spans).unwrap_or_default().split('\n');
                record.spans = spans.filter_map(|text| text.parse::<Span>().ok()).collect();
                record.spans.shrink_to_fit();
                let days = std::str::from_utf8(days).unwrap_or_default();
                let mut fields = days.split('\n').map(str::to_owned);
                let pairs = std::iter::from_fn(|| Some((fields.next()?, fields.next()?)));
                record.days = days_of(pairs.collect());
            }
        }
        Ok(true)
    }

    fn read_one_by_one(
        &mut self,
        names: &[String],
        everything: &mut Everything,
    ) -> Result<(), BusError> {
        let mut packet = redis::pipe();
        for svc in names {
            packet.add_command(range(&history_key(svc)));
            packet.cmd("HGETALL").arg(history_days_key(svc));
        }
        let answers = self.commands.answers(&packet, 2 * names.len())?;
        for (svc, pair) in names.iter().zip(answers.chunks(2)) {
            let [spans, days] = pair else { continue };
            let record = everything.record(svc);
            let texts = Vec::<String>::from_redis_value(spans.clone()).unwrap_or_default();
            record.spans = texts.iter().filter_map(|text| text.parse().ok()).collect();
            record.spans.shrink_to_fit();
            let days = HashMap::<String, String>::from_redis_value(days.clone());
            record.days = days_of(days.unwrap_or_default());
        }
        Ok(())
    }
}
