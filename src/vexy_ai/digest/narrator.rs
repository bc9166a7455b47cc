//! Says digests: reads what is stored, and has a script say each once, whoever of several machines comes first.

use std::collections::HashSet;

use redis::Value;

use super::message::{self, Message};
use super::schedule::{Due, Schedule};
use super::story::{Analysed, FIELDS, sum_up};
use crate::bus::stream::{self, EntryId, READ_MAX};
use crate::bus::{BusError, Commands, Script, Scripts};
use crate::contract::analysis::{
    DONE, LOG, PLAYBYPLAY, analysis_key, latest_key, messages_key, said_key,
};
use crate::vexy_ai::config::Digest;
use crate::vexy_ai::market::{self, Quote};

/// Analyses that one digest reads, the newest first.
const ITEMS_MAX: usize = 5_000;
/// Questions in one pipeline.
const AT_ONCE: usize = 500;
/// Messages of one day that are kept.
const MESSAGES_MAX: u64 = 500;
/// How long it is remembered that something was said, and how long a day's messages are kept.
const DAY_SEC: u64 = 25 * 3_600;
/// How long the latest of a kind is kept.
const LATEST_SEC: u64 = 24 * 3_600;
/// What was published longer ago is no event: it was analysed late, or once more.
const EVENT_AGE_SEC: i64 = 3_600;
/// An item that was published so long before a digest's span is none of its news, whenever it was analysed.
const NEWS_AGE_SEC: i64 = 24 * 3_600;
/// Says a message, unless its mark is there: then 0. The mark is the first write, so that a full Redis refuses the whole.
/// An empty message sets the mark alone.
///
/// KEYS: mark, latest, list. ARGV: message, channel, seconds of the mark and the list, of the latest, messages of the list.
const SAY: &str = r#"
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[3]) then return 0 end
if ARGV[1] == '' then return 1 end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[4])
redis.call('RPUSH', KEYS[3], ARGV[1])
redis.call('LTRIM', KEYS[3], -tonumber(ARGV[5]), -1)
redis.call('EXPIRE', KEYS[3], ARGV[3])
redis.call('PUBLISH', ARGV[2], ARGV[1])
return 1
"#;

/// Says digests and events, as truth wants them.
pub struct Narrator {
    digest: Digest,
    /// `None`: nobody knows the zone.
    schedule: Option<Schedule>,
    say: Script,
    scripts: Scripts,
    /// The last epoch that is dealt with: day and name.
    done: Option<(String, String)>,
    /// How far the log is read.
    log: Option<EntryId>,
}

impl Narrator {
    /// One that has said nothing yet.
    pub fn new(digest: &Digest) -> Narrator {
        let say = Script::new(SAY);
        Narrator {
            digest: digest.clone(),
            schedule: Schedule::new(digest),
            scripts: Scripts::new([&say]),
            say,
            done: None,
            log: None,
        }
    }

    /// Takes up what a new truth says.
    pub fn configure(&mut self, digest: &Digest) {
        if *digest != self.digest {
            self.schedule = Schedule::new(digest);
            self.digest = digest.clone();
        }
    }

    /// Why nothing is said though truth wants it.
    pub fn fault(&self) -> Option<String> {
        let is_wrong = self.schedule.is_none() && !self.digest.is_off();
        is_wrong.then(|| {
            format!(
                "digest.tz {:?} is no time zone that is known: nothing is summed up",
                self.digest.tz
            )
        })
    }

    /// Says what is due: how many messages were said here.
    ///
    /// # Errors
    /// Those of the bus: what was not said is said by the next call, if it is still due.
    pub fn work(&mut self, store: &mut Commands, now_ts: i64) -> Result<usize, BusError> {
        let Some(schedule) = self.schedule.clone().filter(|_| !self.digest.is_off()) else {
            return Ok(0);
        };
        let mut said = 0;
        if let Some(due) = schedule.due(now_ts) {
            let done = (due.day.clone(), due.name.clone());
            if self.done.as_ref() != Some(&done) {
                said += usize::from(self.epoch(store, &due, now_ts)?);
                self.done = Some(done);
            }
        }
        if let Some(least) = self.digest.events_from {
            said += self.events(store, &schedule, least, now_ts)?;
        }
        Ok(said)
    }

    fn epoch(&mut self, store: &mut Commands, due: &Due, now_ts: i64) -> Result<bool, BusError> {
        let mark = format!("epoch:{}", due.name);
        let is_said: bool = store.query(redis::cmd("EXISTS").arg(said_key(&due.day, &mark)))?;
        if is_said {
            return Ok(false);
        }
        let mut items = analysed(store, due.from_ts, due.at_ts)?;
        items.retain(|item| {
            item.published_ts == 0 || item.published_ts >= due.from_ts - NEWS_AGE_SEC
        });
        let told = told(store, due)?;
        let summary = sum_up(&items, &told, self.digest.top, self.digest.min_salience);
        let quotes = quotes(store, &summary.tickers(), now_ts)?;
        match message::epoch(due, &summary, &quotes, now_ts) {
            Some(message) => self.say(store, &message),
            None => {
                // Nothing was new at that moment, and what comes later is the next one's.
                let none = Message {
                    kind: message::Kind::Epoch,
                    mark,
                    day: due.day.clone(),
                    json: String::new(),
                };
                self.say(store, &none).map(|_| false)
            }
        }
    }

    fn events(
        &mut self,
        store: &mut Commands,
        schedule: &Schedule,
        least: u8,
        now_ts: i64,
    ) -> Result<usize, BusError> {
        let Some(last) = self.log else {
            let newest = stream::newest(store, LOG, 1)?;
            self.log = Some(newest.first().map_or(EntryId::ZERO, |entry| entry.id));
            return Ok(0);
        };
        let mut said = 0;
        let entries = stream::after(store, LOG, last, READ_MAX, None)?;
        for entry in entries {
            let salience = entry
                .text("salience")
                .and_then(|text| text.parse::<u8>().ok());
            if let (Some(uid), true) = (entry.text("uid"), salience >= Some(least))
                && let Some(item) = one(store, &uid)?
                && item.salience >= least
                && now_ts - item.published_ts <= EVENT_AGE_SEC
            {
                let tickers: Vec<&str> = item.tickers.iter().map(String::as_str).collect();
                let quotes = quotes(store, &tickers, now_ts)?;
                let message = message::event(&schedule.day(now_ts), &item, &quotes, now_ts);
                said += usize::from(self.say(store, &message)?);
            }
            self.log = Some(entry.id);
        }
        Ok(said)
    }

    /// Whether it was said here and now.
    fn say(&mut self, store: &mut Commands, message: &Message) -> Result<bool, BusError> {
        let keys = [
            said_key(&message.day, &message.mark),
            latest_key(message.kind.as_str()),
            messages_key(&message.day),
        ];
        let mut packet = redis::pipe();
        let call = self
            .say
            .call(&mut packet, &keys.each_ref().map(String::as_str));
        call.arg(&message.json).arg(PLAYBYPLAY);
        call.arg(DAY_SEC).arg(LATEST_SEC).arg(MESSAGES_MAX);
        let said = self.scripts.run(store, &packet)?;
        Ok(said == Value::Int(1))
    }
}

/// What was analysed after one moment and up to another.
fn analysed(store: &mut Commands, from_ts: i64, to_ts: i64) -> Result<Vec<Analysed>, BusError> {
    let mut ask = redis::cmd("ZREVRANGEBYSCORE");
    ask.arg(DONE).arg(to_ts).arg(format!("({from_ts}"));
    ask.arg("LIMIT").arg(0).arg(ITEMS_MAX);
    let uids: Vec<String> = store.query(&ask)?;
    let mut items = Vec::with_capacity(uids.len());
    for uids in uids.chunks(AT_ONCE) {
        let mut ask = redis::pipe();
        for uid in uids {
            ask.cmd("HMGET").arg(analysis_key(uid)).arg(&FIELDS);
        }
        let found: Vec<[Option<String>; 8]> = store.pipe(&ask)?;
        let read = |(uid, values): (&String, _)| Analysed::read(uid, values);
        items.extend(uids.iter().zip(found).filter_map(read));
    }
    Ok(items)
}

fn one(store: &mut Commands, uid: &str) -> Result<Option<Analysed>, BusError> {
    let mut ask = redis::cmd("HMGET");
    let values = store.query(ask.arg(analysis_key(uid)).arg(&FIELDS))?;
    Ok(Analysed::read(uid, values))
}

/// The stories that digests of this day and of the one of the span's beginning have named.
fn told(store: &mut Commands, due: &Due) -> Result<HashSet<String>, BusError> {
    let date: Option<jiff::civil::Date> = due.day.parse().ok();
    let yesterday = date
        .and_then(|date| date.yesterday().ok())
        .map(|date| date.to_string());
    let mut told = HashSet::new();
    for day in [Some(&due.day), yesterday.as_ref()].into_iter().flatten() {
        let ask = redis::cmd("LRANGE")
            .arg(messages_key(day))
            .arg(0)
            .arg(-1)
            .to_owned();
        for text in store.query::<Vec<String>>(&ask)? {
            let message: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            let top = message["meta"]["top"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            told.extend(top.iter().filter_map(|uid| uid.as_str().map(str::to_owned)));
        }
    }
    Ok(told)
}

fn quotes(store: &mut Commands, tickers: &[&str], now_ts: i64) -> Result<Vec<Quote>, BusError> {
    if tickers.is_empty() {
        return Ok(Vec::new());
    }
    let mut ask = redis::pipe();
    market::ask(&mut ask, tickers);
    let answers = store.answers(&ask, tickers.len())?;
    Ok(market::read(tickers, &answers, now_ts * 1_000))
}
