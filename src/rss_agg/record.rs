//! What is remembered of a feed between two polls, and how a poll changes it. Pure.
//!
//! It lives in Redis, in the hash `rss_agg:status`: beside the items that its validators vouch for, so that a store
//! that lost the one has lost the other too.

use serde::{Deserialize, Serialize};
use url::Url;

use super::config::FeedSpec;
use super::fetch::Answer;
use super::fetch::answer::Validators;
use super::schedule::pace::{self, DAY_SEC, Hints, Pace, Wait};
use crate::contract::TEXT_MAX_BYTES;
use crate::feed::item;
use crate::net::backoff::spread;
use crate::text::SafeText;

/// A permanent redirect is believed when it held this many polls in a row.
const MOVE_HOLDS: u32 = 2;
/// After this long the body is asked for without conditions, whatever the server thinks of our validators.
const FULL_EVERY_SEC: i64 = 7 * DAY_SEC as i64;
/// No stored time to poll is later than this: what is later comes from a clock that was wrong.
const FARTHEST_SEC: i64 = 8 * DAY_SEC as i64;
/// Repairs that are listed by name.
const REPAIRS_MAX: usize = 16;

/// How a feed does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Not polled yet.
    #[default]
    New,
    Ok,
    Failing,
    /// The server said 410: it is not polled until truth gives another URL or somebody asks.
    Gone,
}

/// The record of one feed. Times are seconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// The URL in truth that this record is about.
    pub url: String,
    pub health: Health,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<SafeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_fetch_ts: Option<i64>,
    /// The last fetch that brought the feed, or word that it is unchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_ok_ts: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_new_ts: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<SafeText>,
    /// Failures in a row.
    pub failures: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_poll_ts: Option<i64>,
    /// What decided the next poll, in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub next_poll_why: String,
    /// Average seconds between new items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_gap_sec: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validators: Option<StoredValidators>,
    /// Where it has moved to, as believed; truth still names the old place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// Where it says it has moved to, and how many polls in a row it said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moving: Option<(String, u32)>,
    /// The feeds that the web page names which stands at the URL instead of a feed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternates: Vec<String>,
    /// What had to be repaired in the last document, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<SafeText>,
    /// Items in the last document.
    pub listed: usize,
    /// Items queued, changed and dropped by filters since the record began.
    pub queued: u64,
    pub updated: u64,
    pub dropped: u64,
    /// The pace and the publisher's wishes that `next_poll_ts` came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pace: Option<Pace>,
    pub hints: Hints,
}

/// What the next request may be made conditional with. Written only after every item of that body was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredValidators {
    /// The URL that gave them.
    pub url: String,
    /// The bytes as characters U+0000 to U+00FF: JSON holds no bytes, and no byte may change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// Of the body that was read completely.
    pub body_hash: String,
    /// When that was.
    pub full_ts: i64,
}

/// What a document brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    pub title: Option<SafeText>,
    pub format: String,
    pub hints: item::Hints,
    pub listed: usize,
    pub queued: usize,
    pub updated: usize,
    pub dropped: usize,
    pub repairs: Vec<SafeText>,
    /// Set when the body was read to its end, whole: what to ask with next time.
    pub validators: Option<StoredValidators>,
    /// The body broke off: what it brought is kept, but the server did not do well.
    pub broken: Option<String>,
}

impl Record {
    /// A new record, or the old one when truth still means the same URL by the feed.
    pub fn about(self, spec: &FeedSpec) -> Record {
        if self.url == spec.url.as_str() {
            return self;
        }
        Record {
            url: spec.url.to_string(),
            // Another URL of the same feed: what it brought so far still counts, where it stood does not.
            last_new_ts: self.last_new_ts,
            average_gap_sec: self.average_gap_sec,
            queued: self.queued,
            updated: self.updated,
            dropped: self.dropped,
            ..Record::default()
        }
    }

    /// Where the next poll starts.
    pub fn start_url(&self, spec: &FeedSpec) -> Url {
        self.moved_to
            .as_deref()
            .and_then(|to| Url::parse(to).ok())
            .unwrap_or_else(|| spec.url.clone())
    }

    /// What the next request may be made conditional with.
    pub fn conditions(&self, now_ts: i64) -> Option<Validators> {
        let stored = self.validators.as_ref()?;
        let fresh = (0..FULL_EVERY_SEC).contains(&(now_ts - stored.full_ts));
        let validators = Validators {
            url: stored.url.clone(),
            etag: stored.etag.as_deref().and_then(bytes_of),
            last_modified: stored.last_modified.as_deref().and_then(bytes_of),
        };
        (fresh && !validators.is_empty()).then_some(validators)
    }

    /// When the feed is due by this record; `None` when it is not to be polled at all. A record made under another
    /// pace counts by the new one, from the last fetch.
    pub fn due_ts(&self, spec: &FeedSpec, now_ts: i64) -> Option<i64> {
        if self.url != spec.url.as_str() {
            return Some(now_ts);
        }
        if self.health == Health::Gone {
            return None;
        }
        let (Some(next), Some(last)) = (self.next_poll_ts, self.last_fetch_ts) else {
            return Some(now_ts);
        };
        if last > now_ts {
            // The wall clock went back since: a plan by it might keep the feed waiting for hours.
            return Some(now_ts);
        }
        let due = if self.failures == 0 && self.pace != Some(spec.pace) {
            last.saturating_add_unsigned(pace::after_answer(spec.pace, &self.hints, last).secs)
        } else {
            next
        };
        Some(due.min(now_ts + FARTHEST_SEC))
    }

    /// A document was read.
    pub fn note_reading(&mut self, answer: &Answer, reading: Reading, now_ts: i64) {
        self.note_arrival(answer, now_ts);
        self.title = reading.title.or(self.title.take());
        self.format = Some(reading.format);
        self.listed = reading.listed;
        self.repairs = reading.repairs;
        self.repairs.truncate(REPAIRS_MAX);
        self.updated += reading.updated as u64;
        self.dropped += reading.dropped as u64;
        let wishes = &reading.hints;
        self.hints.ttl_sec = wishes.ttl_sec;
        self.hints.sy_sec = wishes.sy_sec;
        self.hints.skip_hours = bits(&wishes.skip_hours, 24);
        self.hints.skip_days = bits(&wishes.skip_days, 7) as u8;
        if reading.queued > 0 {
            if let Some(last) = self.last_new_ts {
                let gap = (now_ts - last).max(0) as f64 / reading.queued as f64;
                let old = self.average_gap_sec.unwrap_or(gap);
                self.average_gap_sec = Some((old * 0.7 + gap * 0.3).round());
            }
            self.last_new_ts = Some(now_ts);
            self.queued += reading.queued as u64;
        }
        match reading.broken {
            Some(why) => self.note_error(why),
            None => self.note_success(answer, now_ts),
        }
        if let Some(validators) = reading.validators {
            self.validators = Some(validators);
        }
    }

    /// The server said that nothing changed, or sent the same body again.
    pub fn note_unchanged(&mut self, answer: &Answer, now_ts: i64) {
        self.note_arrival(answer, now_ts);
        self.note_success(answer, now_ts);
        // A 304 says how to ask for the same body from now on (RFC 9111, 4.3.4).
        let stored = self
            .validators
            .as_mut()
            .filter(|stored| stored.url == answer.validators.url);
        if let Some(stored) = stored {
            let new = StoredValidators::new(&answer.validators, String::new(), now_ts);
            stored.etag = new.etag.or(stored.etag.take());
            stored.last_modified = new.last_modified.or(stored.last_modified.take());
        }
    }

    /// An answer that brought no feed.
    pub fn note_refusal(&mut self, answer: &Answer, why: String, now_ts: i64) {
        self.note_arrival(answer, now_ts);
        self.note_error(why);
        if self.moved_to.take().is_some() {
            // The place that it moved to is no good: ask at the old one, and believe it only if it says so again.
            self.moving = None;
        } else if answer.status == 410 {
            self.health = Health::Gone;
        }
    }

    /// No answer at all.
    pub fn note_failure(&mut self, why: String, now_ts: i64) {
        self.last_fetch_ts = Some(now_ts);
        self.http_status = None;
        self.hints.retry_after_sec = None;
        self.note_error(why);
        if self.failures > 1 && self.moved_to.take().is_some() {
            self.moving = None;
        }
    }

    /// Decides when the next poll is, and writes it down. `None` when there is none. `stretch`: this feed started
    /// together with many others, and waits up to twice as long this once, so that they come apart.
    pub fn plan_next(&mut self, spec: &FeedSpec, now_ts: i64, stretch: bool) -> Option<Wait> {
        self.pace = Some(spec.pace);
        if self.health == Health::Gone {
            self.next_poll_ts = None;
            self.next_poll_why = "the server said 410: gone for good".into();
            return None;
        }
        let seed = pace::key_of(&spec.id);
        let mut wait = if self.failures > 0 {
            pace::after_failure(spec.pace, self.failures, self.hints.retry_after_sec, seed)
        } else {
            pace::after_answer(spec.pace, &self.hints, now_ts)
        };
        self.next_poll_why = wait.why.to_string();
        if stretch && self.failures == 0 {
            wait.secs += spread(seed, wait.secs);
            self.next_poll_why += ", stretched once to spread the feeds";
        }
        self.next_poll_ts = Some(now_ts.saturating_add_unsigned(wait.secs));
        Some(wait)
    }

    fn note_arrival(&mut self, answer: &Answer, now_ts: i64) {
        self.last_fetch_ts = Some(now_ts);
        self.http_status = Some(answer.status);
        self.hints.max_age_sec = answer.hints.max_age_sec;
        self.hints.retry_after_sec = answer.hints.retry_after_sec;
    }

    fn note_success(&mut self, answer: &Answer, now_ts: i64) {
        self.health = Health::Ok;
        self.error = None;
        self.failures = 0;
        self.last_ok_ts = Some(now_ts);
        let Some(to) = answer.moved_to().map(Url::as_str) else {
            self.moving = None;
            return;
        };
        let held = match &self.moving {
            Some((before, times)) if before == to => times + 1,
            _ => 1,
        };
        if held >= MOVE_HOLDS {
            self.moved_to = Some(to.to_owned());
            self.moving = None;
        } else {
            self.moving = Some((to.to_owned(), held));
        }
    }

    fn note_error(&mut self, why: String) {
        self.health = Health::Failing;
        self.error = Some(SafeText::cut(&why, TEXT_MAX_BYTES));
        self.failures = self.failures.saturating_add(1);
    }
}

impl StoredValidators {
    /// What an answer gave, with the hash of its body.
    pub fn new(validators: &Validators, body_hash: String, now_ts: i64) -> StoredValidators {
        let text = |bytes: &Vec<u8>| bytes.iter().map(|&byte| char::from(byte)).collect();
        StoredValidators {
            url: validators.url.clone(),
            etag: validators.etag.as_ref().map(text),
            last_modified: validators.last_modified.as_ref().map(text),
            body_hash,
            full_ts: now_ts,
        }
    }
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}

fn bits(numbers: &[u8], below: u8) -> u32 {
    numbers
        .iter()
        .filter(|&&n| n < below)
        .fold(0, |set, n| set | 1 << n)
}

#[cfg(test)]
mod tests;
