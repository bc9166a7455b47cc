//! The history in Redis.
//!
//! What was folded is written by one script together with the place in the log up to which it was: it compares that place,
//! writes, and moves it. So whoever is killed, at whatever instant, has written all of a batch or nothing, and of several
//! that follow the log one writes each batch.

mod coverage;
mod spans;
mod text;

use std::collections::HashMap;
use std::sync::Arc;

use redis::{Cmd, FromRedisValue, Pipeline, Value, cmd};

use super::fold::{Change, Fold};
use super::intervals::Intervals;
use super::open::OpenOutages;
use super::record::Record;
use super::span::Span;
use crate::bus::{BusError, Commands, Script, Scripts};
use crate::contract::{
    HISTORY_CURSOR, HISTORY_HOLES, HISTORY_HOLES_MAX, HISTORY_OPEN, HISTORY_WATCHED,
    history_days_key, history_key,
};
pub use coverage::{covered, unwatched};
use text::{hole_of, watched_of, watched_text};

/// Services whose spans are read in one packet.
const PACKET_MAX: usize = 1000;
/// Where the log begins.
pub const BEGINNING: &str = "0-0";

/// Writes a batch if the log was folded up to where the writer believes.
///
/// KEYS: cursor, open, holes, then the list of each service that has something closed. ARGV: the cursor as the writer
/// knows it, the cursor after the batch, a hole or nothing, how many holes are kept; then four for each change: service,
/// what lasts or nothing, the index of its key or 0, the closed spans, one a line. Answers with the cursor that it found.
const FOLD: &str = r#"
local at = redis.call('GET', KEYS[1]) or ''
if at ~= ARGV[1] then return at end
if ARGV[3] ~= '' then
  redis.call('RPUSH', KEYS[3], ARGV[3])
  redis.call('LTRIM', KEYS[3], -ARGV[4], -1)
end
for i = 5, #ARGV, 4 do
  if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[2], ARGV[i])
  else redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
  local key = KEYS[tonumber(ARGV[i + 2])]
  for span in string.gmatch(ARGV[i + 3], '[^\n]+') do redis.call('RPUSH', key, span) end
end
redis.call('SET', KEYS[1], ARGV[2])
return at
"#;

/// Ends what lasts of a service that truth does not name any more, or whose end was lost, if it still lasts.
///
/// KEYS: open, list. ARGV: service, what lasts as the writer knows it, the spans that it becomes, one a line.
const END: &str = r#"
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
for span in string.gmatch(ARGV[3], '[^\n]+') do redis.call('RPUSH', KEYS[2], span) end
return 1
"#;

/// Adds the oldest spans of a service to its days and lets go of them, if they are still the oldest.
///
/// KEYS: list, days. ARGV: the oldest span, how many go, the oldest day that is kept; then three for each day: day, and
/// seconds down, planned, degraded as `a,b,c`.
const AGE: &str = r#"
if redis.call('LINDEX', KEYS[1], 0) ~= ARGV[1] then return 0 end
redis.call('LTRIM', KEYS[1], ARGV[2], -1)
for i = 4, #ARGV, 2 do
  local sums = {}
  for n in string.gmatch(redis.call('HGET', KEYS[2], ARGV[i]) or '0,0,0', '%d+') do sums[#sums + 1] = tonumber(n) end
  local at = 1
  for n in string.gmatch(ARGV[i + 1], '%d+') do sums[at] = sums[at] + tonumber(n); at = at + 1 end
  redis.call('HSET', KEYS[2], ARGV[i], table.concat(sums, ','))
end
for _, day in ipairs(redis.call('HKEYS', KEYS[2])) do
  if tonumber(day) < tonumber(ARGV[3]) then redis.call('HDEL', KEYS[2], day) end
end
return 1
"#;

/// Sets when a service was named by truth, if that is still as the writer knows it. KEYS: watched. ARGV: service, before,
/// after.
const WATCH: &str = r#"
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"#;

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is in the history.
    Done,
    /// It is in the history, and was before: by an attempt whose answer was lost, or by somebody else.
    Already,
    /// The log was folded up to there by somebody else; all is to be read again.
    Moved(String),
}

/// One connection's hands on the history.
pub struct Store {
    commands: Commands,
    scripts: Scripts,
    fold: Script,
    end: Script,
    age: Script,
    watch: Script,
    spans: Script,
}

/// All of the history, as it was read.
#[derive(Clone, Debug, Default)]
pub struct Everything {
    /// Up to where the log was folded; `None`: nowhere yet.
    pub cursor: Option<String>,
    pub fold: Fold,
    /// Shared with whoever shows them.
    pub records: HashMap<String, Arc<Record>>,
    /// When entries of the log were lost.
    pub holes: Intervals,
    /// Somebody wrote while it was read: it may hold what stands behind its cursor.
    pub is_torn: bool,
}

impl Store {
    /// Works through `commands`.
    pub fn new(commands: Commands) -> Store {
        let (fold, end) = (Script::new(FOLD), Script::new(END));
        let (age, watch) = (Script::new(AGE), Script::new(WATCH));
        let spans = Script::new(spans::SPANS);
        Store {
            scripts: Scripts::new([&fold, &end, &age, &watch, &spans]),
            commands,
            fold,
            end,
            age,
            watch,
            spans,
        }
    }

    /// The connection, for what else belongs to the same work.
    pub fn commands(&mut self) -> &mut Commands {
        &mut self.commands
    }

    /// Reads all of it: of every service that truth ever named.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub fn read(&mut self) -> Result<Everything, BusError> {
        let mut everything = Everything {
            cursor: self.commands.query(cmd("GET").arg(HISTORY_CURSOR))?,
            ..Everything::default()
        };
        let open: HashMap<String, String> =
            self.commands.query(cmd("HGETALL").arg(HISTORY_OPEN))?;
        for (svc, json) in open {
            // What nobody can read lasts no longer.
            if let Ok(open) = serde_json::from_str::<OpenOutages>(&json) {
                everything.record(&svc).open = open.clone();
                everything.fold.open.insert(svc, open);
            }
        }
        let holes: Vec<String> = self.commands.query(&range(HISTORY_HOLES))?;
        everything.holes = holes.iter().filter_map(|text| hole_of(text)).collect();
        everything.fold.lost_until = everything.holes.list().last().map(|(_, to)| *to);
        let watched: HashMap<String, String> =
            self.commands.query(cmd("HGETALL").arg(HISTORY_WATCHED))?;
        for (svc, text) in &watched {
            everything.record(svc).watched = watched_of(text);
        }
        self.read_spans(&mut everything)?;
        let cursor: Option<String> = self.commands.query(cmd("GET").arg(HISTORY_CURSOR))?;
        everything.is_torn = cursor != everything.cursor;
        Ok(everything)
    }

    /// Writes what was folded between `before` and `after`.
    ///
    /// # Errors
    /// When the bus does not answer or refuses it: then nobody knows whether it was written, and it may be offered again.
    pub fn write(
        &mut self,
        before: Option<&str>,
        after: &str,
        hole: Option<(i64, i64)>,
        changes: &[Change],
    ) -> Result<Written, BusError> {
        let lists: Vec<String> = changes
            .iter()
            .map(|change| history_key(&change.svc))
            .collect();
        let mut keys = vec![HISTORY_CURSOR, HISTORY_OPEN, HISTORY_HOLES];
        keys.extend(lists.iter().map(String::as_str));
        let mut packet = Pipeline::new();
        let call = self.fold.call(&mut packet, &keys);
        let before = before.unwrap_or_default();
        call.arg(before).arg(after);
        call.arg(hole.map_or(String::new(), |(from, to)| format!("{from},{to}")));
        call.arg(HISTORY_HOLES_MAX);
        for (at, change) in changes.iter().enumerate() {
            call.arg(&change.svc).arg(open_text(&change.open));
            call.arg(at + 4).arg(lines(&change.closed));
        }
        let found = self.scripts.run(&mut self.commands, &packet)?;
        let found = String::from_redis_value(found).unwrap_or_default();
        Ok(match found {
            found if found == before => Written::Done,
            found if found == after => Written::Already,
            found => Written::Moved(found),
        })
    }

    /// Ends what lasts of a service; false when it is not so any more.
    ///
    /// # Errors
    /// As [`write`](Store::write).
    pub fn end(
        &mut self,
        svc: &str,
        before: &OpenOutages,
        closed: &[Span],
    ) -> Result<bool, BusError> {
        let mut packet = Pipeline::new();
        let call = self
            .end
            .call(&mut packet, &[HISTORY_OPEN, &history_key(svc)]);
        call.arg(svc).arg(open_text(before)).arg(lines(closed));
        Ok(self.scripts.run(&mut self.commands, &packet)? == Value::Int(1))
    }

    /// Adds the oldest `count` spans of a service to its days; false when they are not the oldest any more.
    ///
    /// # Errors
    /// As [`write`](Store::write).
    pub fn age(
        &mut self,
        svc: &str,
        record: &Record,
        count: usize,
        now: i64,
    ) -> Result<bool, BusError> {
        let Some(oldest) = record.spans.first() else {
            return Ok(false);
        };
        let mut packet = Pipeline::new();
        let call = self
            .age
            .call(&mut packet, &[&history_key(svc), &history_days_key(svc)]);
        call.arg(oldest.to_string()).arg(count);
        call.arg((now - super::KEPT_SEC).div_euclid(super::DAY_SEC));
        for (day, [down, planned, degraded]) in record.sums_of_oldest(count, now) {
            call.arg(day).arg(format!("{down},{planned},{degraded}"));
        }
        Ok(self.scripts.run(&mut self.commands, &packet)? == Value::Int(1))
    }

    /// Notes when truth named services: as it was, and as it is. Those that somebody else changed meanwhile are left.
    ///
    /// # Errors
    /// As [`write`](Store::write).
    pub fn watch(&mut self, changes: &[(&str, &Intervals, &Intervals)]) -> Result<(), BusError> {
        for changes in changes.chunks(PACKET_MAX) {
            let mut packet = Pipeline::new();
            for (svc, before, after) in changes {
                let call = self.watch.call(&mut packet, &[HISTORY_WATCHED]);
                call.arg(svc)
                    .arg(watched_text(before))
                    .arg(watched_text(after));
            }
            for answer in self
                .scripts
                .send(&mut self.commands, &packet, changes.len())?
            {
                if let Value::ServerError(e) = answer {
                    let details = e.details().unwrap_or_default();
                    return Err(BusError::from_reply(
                        e.code(),
                        details,
                        self.commands.address(),
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Everything {
    /// The record of a service, begun when there is none.
    pub fn record(&mut self, svc: &str) -> &mut Record {
        let record = self.records.entry(svc.to_owned()).or_default();
        Arc::make_mut(record)
    }

    /// Takes in what an alert changed.
    pub fn apply(&mut self, change: &Change) {
        let record = self.record(&change.svc);
        record.open = change.open.clone();
        record.spans.extend(change.closed.iter().cloned());
    }
}

fn range(key: &str) -> Cmd {
    cmd("LRANGE").arg(key).arg(0).arg(-1).to_owned()
}

fn lines(spans: &[Span]) -> String {
    let lines: Vec<String> = spans.iter().map(Span::to_string).collect();
    lines.join("\n")
}

fn open_text(open: &OpenOutages) -> String {
    match open.is_empty() {
        true => String::new(),
        // Numbers and texts: they can always be written.
        false => serde_json::to_string(open).unwrap_or_default(),
    }
}
