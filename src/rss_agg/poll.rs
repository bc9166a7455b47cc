//! One poll of one feed, from the record in the store to the record in the store.

use std::time::Duration;

use ring::digest::{SHA256, digest};
use url::Url;

use super::config::FeedSpec;
use super::context::PollContext;
use super::fetch::{Answer, Ask, FetchError, TOTAL_BUDGET, host_of};
use super::ingest::{Ingest, Interrupted};
use super::record::{Reading, Record, StoredValidators};
use super::schedule::pace::DAY_SEC;
use crate::bus::BusError;
use crate::clock::{self, Mono};
use crate::env::Env;
use crate::feed::document::{Context, Document, Refused};
use crate::net::http::body::{Body, Cut};
use crate::net::permits::HostPermit;
use crate::text::SafeText;

/// The longest that a poll may go without a sign of progress: the whole fetch, or one document's parse.
pub const PROGRESS_BUDGET: Duration = Duration::from_secs(45);
/// When a poll that our own limits kept from its answer is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// How a poll may start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Somebody asked for it now, whatever the schedule says.
    pub forced: bool,
    /// See [`Record::plan_next`].
    pub stretch: bool,
}

/// What came of a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, well or not: the next one after this long, or none.
    Next(Option<Duration>),
    /// Not done. The store could not be used.
    StoreFailed(BusError),
}

/// A poll's report to the loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub outcome: Outcome,
    /// It kept its poller waiting.
    pub slow: bool,
}

/// Polls a feed.
pub fn poll(
    context: &PollContext<'_>,
    spec: &FeedSpec,
    manner: Manner,
    permit: HostPermit,
) -> Report {
    let start = Mono::now();
    context.numbers.polls.add(1);
    let outcome = try_poll(context, spec, manner, permit).unwrap_or_else(Outcome::StoreFailed);
    Report {
        outcome,
        slow: Mono::now().since(start) >= TOTAL_BUDGET / 2,
    }
}

fn try_poll(
    context: &PollContext<'_>,
    spec: &FeedSpec,
    manner: Manner,
    mut permit: HostPermit,
) -> Result<Outcome, BusError> {
    // Read each time: validators are as good as the store that holds them beside the items.
    let stored = context.store.with_retry(|store| store.record(&spec.id))?;
    let mut record = stored.unwrap_or_default().about(spec);
    let now_ts = clock::wall_secs();
    if !manner.forced {
        match record.due_ts(spec, now_ts) {
            None => return Ok(Outcome::Next(None)),
            Some(due_ts) if due_ts > now_ts + 1 => {
                return Ok(Outcome::Next(Some(Duration::from_secs(
                    due_ts.abs_diff(now_ts),
                ))));
            }
            Some(_) => {}
        }
    }
    let mut visit = Visit {
        context,
        spec,
        record: &mut record,
        until: Mono::now() + TOTAL_BUDGET,
    };
    match visit.run(&mut permit) {
        Ok(()) => {}
        Err(Stopped::Store(error)) => return Err(error),
        Err(Stopped::Ours(error)) => {
            log::info!(
                "feed {}: {error}; trying again in {}",
                spec.id,
                clock::human(AGAIN)
            );
            return Ok(Outcome::Next(Some(AGAIN)));
        }
    }
    drop(permit);
    let wait = record.plan_next(spec, clock::wall_secs(), manner.stretch);
    context
        .store
        .with_retry(|store| store.put_record(&spec.id, &record))?;
    Ok(Outcome::Next(
        wait.map(|wait| Duration::from_secs(wait.secs)),
    ))
}

/// Why a visit came to nothing that a record could note.
enum Stopped {
    Store(BusError),
    Ours(FetchError),
}

impl From<BusError> for Stopped {
    fn from(error: BusError) -> Stopped {
        Stopped::Store(error)
    }
}

/// One visit to a publisher.
struct Visit<'a> {
    context: &'a PollContext<'a>,
    spec: &'a FeedSpec,
    record: &'a mut Record,
    until: Mono,
}

impl Visit<'_> {
    fn run(&mut self, permit: &mut HostPermit) -> Result<(), Stopped> {
        let start = self.record.start_url(self.spec);
        if host_of(&start) != self.spec.host() {
            // It has moved: the place that counts is at the host that is asked.
            self.move_to(permit, &start)?;
        }
        let Some(answer) = self.fetch(&start, permit)? else {
            return Ok(());
        };
        let Some(page) = self.take(answer, true)? else {
            return Ok(());
        };
        // A web page that names its feed: followed once, within the same budget.
        self.move_to(permit, &page.feed)?;
        if let Some(mut answer) = self.fetch(&page.feed, permit)? {
            // Where the page's feed redirects to is no move of the page.
            answer.hops.clear();
            self.take(answer, false)?;
        }
        Ok(())
    }

    fn move_to(&self, permit: &mut HostPermit, url: &Url) -> Result<(), Stopped> {
        let host = host_of(url);
        if permit.move_to(&host, self.until) {
            Ok(())
        } else {
            Err(Stopped::Ours(FetchError::HostBusy { host }))
        }
    }

    /// The answer, or `None` when the record notes why there is none.
    fn fetch(&mut self, url: &Url, permit: &mut HostPermit) -> Result<Option<Answer>, Stopped> {
        let headers = match headers(self.spec, self.context.env) {
            Ok(headers) => headers,
            Err(why) => {
                self.fail(why);
                return Ok(None);
            }
        };
        let conditions = self.record.conditions(clock::wall_secs());
        let ask = Ask {
            url,
            headers: &headers,
            home: &self.spec.url,
            validators: conditions.as_ref(),
        };
        let answer = self.context.fetcher.get(ask, permit, self.until);
        self.context.working.tick();
        if let Ok(answer) = &answer {
            self.heed_host(answer, permit);
        }
        match answer {
            Ok(answer) if answer.status == 304 && conditions.is_none() => {
                let why = "304 Not Modified, though nothing was asked conditionally".to_owned();
                self.refuse(&answer, why);
                Ok(None)
            }
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.is_ours() => Err(Stopped::Ours(error)),
            Err(error) => {
                self.fail(error.to_string());
                Ok(None)
            }
        }
    }

    /// A 429 with Retry-After speaks for the server: no other feed of this host asks before, either. One without it may
    /// be about this feed alone, and whoever waits for less than was asked for only makes others wait longer. A
    /// restart forgets it; the feed itself remembers.
    fn heed_host(&self, answer: &Answer, permit: &HostPermit) {
        let wait_sec = answer
            .hints
            .retry_after_sec
            .filter(|_| answer.status == 429);
        if let Some(secs) = wait_sec.map(|secs| secs.min(DAY_SEC)) {
            let wait = Duration::from_secs(secs);
            permit.hold_host(Mono::now() + wait);
            let host = host_of(&answer.url);
            log::info!(
                "{host} wants to be left alone: its feeds wait for {}",
                clock::human(wait)
            );
        }
    }

    fn say_news(&self, reading: &Reading) {
        let (queued, updated) = (reading.queued, reading.updated);
        if queued + updated > 0 {
            let (id, listed) = (&self.spec.id, reading.listed);
            log::info!("feed {id}: {queued} new, {updated} changed, {listed} listed");
        }
    }

    /// Deals with an answer. A web page that names a feed is given back when `follow`.
    fn take(&mut self, mut answer: Answer, follow: bool) -> Result<Option<Page>, Stopped> {
        let now_ts = clock::wall_secs();
        if answer.status == 304 {
            self.record.note_unchanged(&answer, now_ts);
            return Ok(None);
        }
        let Some(body) = answer.body.take() else {
            self.refuse(&answer, format!("HTTP {}", status_line(answer.status)));
            return Ok(None);
        };
        self.context.numbers.bytes.add(body.bytes.len() as u64);
        let body_hash = hash(&body.bytes);
        if self.is_same_body(&answer, &body, &body_hash) {
            self.record.validators =
                Some(StoredValidators::new(&answer.validators, body_hash, now_ts));
            self.record.note_unchanged(&answer, now_ts);
            return Ok(None);
        }
        let document = Document::decode(&body.bytes, answer.content_type.as_deref());
        let context = Context {
            url: answer.url.as_str(),
            max_items: self.context.config.limits.max_items,
        };
        let parsed = match document.parse(context) {
            Ok(parsed) => parsed,
            Err(refused) => return self.not_a_feed(&answer, &body, refused, follow),
        };
        self.context.working.tick();
        let complete = answer.status == 200 && body.cut.is_none();
        let ingest = Ingest {
            context: self.context,
            spec: self.spec,
            parsed: &parsed,
            complete,
            now_ts,
        };
        let taken = ingest.run().map_err(|Interrupted(error)| error)?;
        self.context.numbers.items.add(taken.queued as u64);
        let found = parsed.repairs.iter().map(ToString::to_string);
        let repairs = body.repairs.iter().cloned().chain(found);
        let whole = parsed.whole && complete;
        let reading = Reading {
            title: taken.title.map(SafeText::from),
            format: parsed.channel.format.to_string(),
            hints: parsed.hints.clone(),
            listed: parsed.entries.len(),
            queued: taken.queued,
            updated: taken.updated,
            dropped: taken.dropped,
            repairs: repairs.map(SafeText::from).collect(),
            validators: whole.then(|| StoredValidators::new(&answer.validators, body_hash, now_ts)),
            broken: match &body.cut {
                Some(Cut::Broken(_)) => body.cut.as_ref().map(Cut::to_string),
                Some(Cut::TooBig { .. }) | None => None,
            },
        };
        self.say_news(&reading);
        if follow {
            self.record.alternates.clear();
        }
        self.record.note_reading(&answer, reading, now_ts);
        if let Some(cut @ Cut::TooBig { .. }) = &body.cut {
            self.record.repairs.insert(0, cut.to_string().into());
        }
        Ok(None)
    }

    fn is_same_body(&self, answer: &Answer, body: &Body, body_hash: &str) -> bool {
        self.record.validators.as_ref().is_some_and(|stored| {
            body.cut.is_none() && stored.url == answer.url.as_str() && stored.body_hash == body_hash
        })
    }

    fn not_a_feed(
        &mut self,
        answer: &Answer,
        body: &Body,
        refused: Refused,
        follow: bool,
    ) -> Result<Option<Page>, Stopped> {
        if let Refused::Html { feeds, .. } = &refused
            && follow
        {
            self.record.alternates = feeds.clone();
            let feed = feeds.iter().find_map(|feed| Url::parse(feed).ok());
            if let Some(feed) = feed.filter(|feed| *feed != answer.url) {
                return Ok(Some(Page { feed }));
            }
        }
        let why = refused.to_string();
        self.context.store.with(|store| {
            store.quarantine(&self.spec.id, answer.url.as_str(), &why, &body.bytes)
        })?;
        let why = match &body.cut {
            Some(cut) => format!("{why} ({cut})"),
            None => why,
        };
        self.refuse(answer, why);
        Ok(None)
    }

    fn refuse(&mut self, answer: &Answer, why: String) {
        self.warn(&why);
        self.record.note_refusal(answer, why, clock::wall_secs());
    }

    fn fail(&mut self, why: String) {
        self.warn(&why);
        self.record.note_failure(why, clock::wall_secs());
    }

    /// Said when it begins, and then each time the row of failures has doubled.
    fn warn(&self, why: &str) {
        let failures = self.record.failures + 1;
        if failures.is_power_of_two() {
            log::warn!("feed {}: {why} (failure {failures} in a row)", self.spec.id);
        }
    }
}

/// A web page and the feed that it names.
struct Page {
    feed: Url,
}

/// The headers of `headers_env` with their values; the error names the variable, never a value.
pub fn headers(spec: &FeedSpec, env: &Env) -> Result<Vec<(String, String)>, String> {
    spec.headers_env
        .iter()
        .map(|(name, variable)| match env.get(variable) {
            Ok(Some(value)) if value.chars().all(|c| !c.is_control()) => Ok((name.clone(), value)),
            Ok(Some(_)) => Err(format!("headers_env: {variable} holds control characters")),
            Ok(None) => Err(format!("headers_env: {variable} is not set")),
            Err(error) => Err(format!("headers_env: {error}")),
        })
        .collect()
}

/// A body's hash, to recognise the same body. It is stored, so it is one whose result is fixed for ever: half a SHA-256.
fn hash(bytes: &[u8]) -> String {
    let digest = digest(&SHA256, bytes);
    let half = digest.as_ref().iter().take(16);
    let hex: String = half.map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}-{:x}", bytes.len())
}

fn status_line(status: u16) -> String {
    let reason = ureq::http::StatusCode::from_u16(status).ok();
    match reason.and_then(|status| status.canonical_reason()) {
        Some(reason) => format!("{status} {reason}"),
        None => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_body_is_the_same_for_ever() {
        // The known SHA-256 of these bytes.
        assert_eq!(hash(b"abc"), "ba7816bf8f01cfea414140de5dae2223-3");
        assert_eq!(hash(b""), "e3b0c44298fc1c149afbf4c8996fb924-0");
    }
}
