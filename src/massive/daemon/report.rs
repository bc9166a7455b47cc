//! What massive says of itself: in the beat, in `massive:status` and in `massive:totals`.

use std::collections::{BTreeMap, HashMap};

use super::{Massive, Writer};
use crate::bus::AWAY_IS_TOLD_AFTER;
use crate::contract::market::STATUS;
use crate::massive::agenda::JobId;
use crate::massive::book::View;
use crate::massive::config::Source;
use crate::massive::meter::mono_ms;
use crate::massive::record::ObjectWriter;
use crate::massive::session::Session;
use crate::massive::store::Batch;
use crate::service::BeatHandle;
use crate::service::metrics::Metrics;

/// How often the status is written while nothing happens.
const STATUS_EVERY_MS: i64 = 5_000;
/// The same is not logged again for so long.
const NEWS_EVERY_MS: i64 = 60_000;
/// Things that are remembered; past that all are forgotten, and told again.
const NEWS_MAX: usize = 256;

/// What was said, and what is still to be counted.
#[derive(Default)]
pub(super) struct Report {
    /// The word and the reason of the beat.
    said: Option<(Option<&'static str>, String)>,
    counts: BTreeMap<&'static str, u64>,
    written_ms: Option<i64>,
    /// State, session, and whether that is assumed, as they were written last.
    written: Option<(&'static str, Session, bool)>,
    news: HashMap<String, i64>,
    /// The same counts, since the process began.
    metrics: Metrics,
}

impl Report {
    /// One that counts among `metrics` too.
    pub fn new(metrics: Metrics) -> Report {
        Report {
            metrics,
            ..Report::default()
        }
    }

    pub fn count(&mut self, name: &'static str, by: u64) {
        *self.counts.entry(name).or_default() += by;
        self.metrics
            .counter("massive_events_total", &[("what", name)])
            .add(by);
    }

    /// Has this not been said for a minute?
    pub fn is_news(&mut self, what: &str) -> bool {
        let now_ms = mono_ms();
        if self
            .news
            .get(what)
            .is_some_and(|at| now_ms - at < NEWS_EVERY_MS)
        {
            return false;
        }
        if self.news.len() >= NEWS_MAX {
            self.news.clear();
        }
        self.news.insert(what.to_owned(), now_ms);
        true
    }
}

impl Massive {
    /// The word of the beat, and why.
    fn state(&self, mono: i64) -> (Option<&'static str>, String) {
        let degraded = |why: String| (Some("degraded"), why);
        if self.config.is_empty() {
            return (Some("idle"), String::new());
        }
        if let Some(trouble) = &self.key_trouble {
            return degraded(trouble.clone());
        }
        if self.key.is_none() && self.config.source == Source::Massive {
            return (Some("unconfigured"), String::new());
        }
        match &self.writer {
            Writer::StandBy => return (Some("standby"), String::new()),
            Writer::Away(why, since) if mono - since >= AWAY_IS_TOLD_AFTER.as_millis() as i64 => {
                return degraded(format!("the store cannot be used: {why}"));
            }
            Writer::Away(..) | Writer::Idle | Writer::Ours => {}
        }
        if self.agenda.is_key_refused() {
            return degraded(
                "the vendor refuses the key: put a good one into MASSIVE_API_KEY".to_owned(),
            );
        }
        if let Some(why) = self.agenda.vendor_fails(mono) {
            return degraded(format!("the vendor is failing: {why}"));
        }
        if let Some(why) = self.streaming.fault(self.config.stream, mono) {
            return degraded(why);
        }
        let is_open = self.market.at(self.clock.now_ms()).session == Session::Open;
        let (unanswered, all) = self.unanswered(mono);
        if is_open && all > 0 && 2 * unanswered >= all {
            return degraded(format!(
                "{unanswered} of {all} symbols are without a good answer"
            ));
        }
        (None, String::new())
    }

    pub(super) fn say(&mut self, beat: &BeatHandle) {
        let state = self.state(mono_ms());
        if self.report.said.as_ref() == Some(&state) {
            return;
        }
        match state.0 {
            Some("degraded") => {
                log::warn!("degraded: {}", state.1);
                beat.set_degraded(&state.1);
            }
            Some("unconfigured") => {
                log::info!(
                    "there is no key: put one into MASSIVE_API_KEY, or name its file in MASSIVE_API_KEY_FILE"
                );
                beat.set_status(state.0);
            }
            Some("idle") => {
                log::info!(
                    "nothing is configured in services.massive: no symbols, no indices, no chains"
                );
                beat.set_status(state.0);
            }
            word => beat.set_status(word),
        }
        self.report.said = Some(state);
    }

    /// `massive:status` and what is to be counted; `None` when there is nothing new.
    pub(super) fn report_batch(&mut self, view: &View, mono: i64) -> Option<Batch> {
        let last = self.report.written_ms;
        let (word, reason) = self.state(mono);
        let state = word.unwrap_or("ok");
        let standing = (state, view.standing.session, view.standing.assumed);
        if last.is_some_and(|at| mono - at < STATUS_EVERY_MS)
            && self.report.written == Some(standing)
        {
            return None;
        }
        (self.report.written_ms, self.report.written) = (Some(mono), Some(standing));
        let mut batch = Batch::default();
        for (name, by) in std::mem::take(&mut self.report.counts) {
            batch.count(name, by);
        }
        let used = self.calls.lock().used(mono);
        let allowed = self.calls.allowed();
        let demand = self.agenda.too_little();
        let rung = |rung: crate::massive::agenda::Rung| {
            format!(
                "{}{}",
                rung.at,
                if rung.one_by_one { " one by one" } else { "" }
            )
        };
        let fields = [
            ("state", state.to_owned()),
            ("reason", reason),
            ("source", view.source.to_owned()),
            ("session", view.standing.session.word().to_owned()),
            ("assumed", i64::from(view.standing.assumed).to_string()),
            ("next_open_ms", view.standing.next_open_ms.to_string()),
            ("close_ms", view.standing.last.close_ms.to_string()),
            ("calls", used.to_string()),
            ("calls_allowed", allowed.to_string()),
            (
                "demand",
                demand.map_or_else(String::new, |demand| demand.to_string()),
            ),
            ("rung_symbols", rung(self.agenda.rungs.symbols())),
            ("rung_indices", rung(self.agenda.rungs.indices())),
            ("jobs", self.jobs_json()),
            ("stream", self.config.stream.word().to_owned()),
            ("stream_links", self.streaming.links_json(mono)),
            ("missed_minutes", self.agenda.missing().to_string()),
            ("as_of_ms", view.now_ms.to_string()),
        ];
        let words = fields
            .into_iter()
            .flat_map(|(name, text)| [name.to_owned(), text]);
        batch.add(
            ["HSET".to_owned(), STATUS.to_owned()]
                .into_iter()
                .chain(words),
        );
        batch.keep(STATUS);
        Some(batch)
    }

    fn jobs_json(&self) -> String {
        let jobs = self.agenda.states().map(|(id, state)| {
            let mut json = ObjectWriter::with_capacity(128);
            match id {
                JobId::Market => json.text("job", "market"),
                JobId::Calendar => json.text("job", "calendar"),
                JobId::Mixed => json.text("job", "indices and symbols"),
                JobId::Indices => json.text("job", "indices"),
                JobId::Symbols => json.text("job", "symbols"),
                JobId::Chain(nth) => {
                    let chain = self.config.chains.get(nth);
                    let name = chain.map_or("", |chain| chain.underlying.as_str());
                    json.text("job", &format!("chain {name}"));
                }
                JobId::Rules => json.text("job", "trade conditions"),
                JobId::Bars => json.text("job", "missed minutes"),
            }
            json.integer("interval_ms", self.agenda.interval_of(id));
            json.integer("good_ms", state.good_ms);
            json.integer("failures", Some(i64::from(state.failures)));
            if let Some(why) = &state.error {
                json.text("error", why);
            }
            json.json("off", if state.off.is_some() { "true" } else { "false" });
            json.finish()
        });
        format!("[{}]", jobs.collect::<Vec<_>>().join(","))
    }
}
