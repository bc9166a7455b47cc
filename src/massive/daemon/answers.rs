//! What came back, from the vendor and from the store.

use super::{Massive, Writer};
use crate::massive::agenda::{Ask, JobId};
use crate::massive::book::chains::Fetched as FetchedChain;
use crate::massive::facts::{Reason, Refusals};
use crate::massive::keep::Kept;
use crate::massive::meter::{NoCall, mono_ms};
use crate::massive::pollers::{Done, Fetched, Job, Taken, Work};
use crate::massive::quarantine::Answer;
use crate::massive::session::Session;
use crate::massive::session::calendar::Calendar;
use crate::massive::store::{Batch, Loaded};
use crate::massive::symbol::class;
use crate::massive::verdict::Next;

impl Massive {
    pub(super) fn fetched(&mut self, fetched: Fetched) {
        let Fetched { job, done, calls } = fetched;
        let mono = mono_ms();
        self.report.count("calls", u64::from(calls));
        let is_ours = job.setup.config.base_url == self.config.base_url
            && job.setup.config.source == self.config.source;
        if is_ours {
            match done {
                Done::Took(taken) => self.took(&job, *taken, mono),
                Done::Chain(chain, refusals) => {
                    self.took_chain(&job, *chain, calls, &refusals, mono)
                }
                Done::Failed { next, why, body } => {
                    self.failed(&job, next, &why, body.as_deref(), mono)
                }
                Done::NoCall(none) => self.no_call(&job, none, mono),
                Done::Stopped => {}
            }
        }
        self.agenda.came_back(job.id, mono);
    }

    fn took(&mut self, job: &Job, taken: Taken, mono: i64) {
        let prices = taken.spots.iter().filter_map(|spot| spot.price.as_ref());
        let dated = prices
            .clone()
            .filter(|price| price.event_ms.is_some())
            .count();
        let seen = (prices.count(), dated);
        self.agenda.key_is_good();
        self.agenda.good(job.id, 1, seen, taken.fetched_ms);
        self.report.count("answers", 1);
        if matches!(job.id, JobId::Rules | JobId::Bars) {
            return self.took_reference(job, taken, mono);
        }
        let is_other_truth = !std::sync::Arc::ptr_eq(&job.setup.config, &self.config);
        let mut batch = Batch::default();
        let target = match &job.work {
            Work::Spots(ask) => ask.target.as_str(),
            Work::Market => crate::massive::answer::ask::MARKET_STATUS,
            _ => crate::massive::answer::ask::MARKET_HOLIDAYS,
        };
        let of = Answer { target, body: None };
        self.quarantine
            .refusals(of, taken.refusals.list(), mono, &mut batch);
        for refusal in taken.refusals.list() {
            let reason = refusal.reason;
            match reason {
                Reason::NotFound | Reason::NotEntitled => {
                    self.symbols.fault(&refusal.symbol, reason);
                    self.agenda.spare(&refusal.symbol, mono);
                }
                Reason::VendorError | Reason::Missing if !refusal.symbol.is_empty() => {
                    self.report.count("missing", 1);
                    self.symbols.fault(&refusal.symbol, reason);
                }
                _ => {}
            }
        }
        let is_empty = taken.spots.is_empty();
        for spot in taken.spots {
            let symbol = spot.symbol.clone();
            if self
                .symbols
                .take(spot, taken.fetched_ms, mono, self.config.jump_pct)
            {
                let reason = Reason::Jump.word();
                self.quarantine
                    .add(of, &symbol, "price", reason, mono, &mut batch);
                log::warn!(
                    "{symbol}: a price jumped by over {} %; it is held until another confirms it",
                    self.config.jump_pct
                );
            }
        }
        if !batch.is_empty() {
            self.waiting.push_back(batch);
        }
        if let Some(market) = taken.market {
            self.market_told(market.session, market.server_ms);
        }
        if job.id == JobId::Calendar {
            self.calendar = Calendar::new(&taken.calendar);
            self.market.set_calendar(self.calendar.clone());
        }
        if let (Work::Spots(ask), false) = (&job.work, is_other_truth) {
            self.round(job.id, ask, is_empty, mono);
        }
    }

    /// What the stream needs: what conditions of trades mean, and minutes that it missed.
    fn took_reference(&mut self, job: &Job, taken: Taken, mono: i64) {
        let Work::Spots(ask) = &job.work else { return };
        let mut batch = Batch::default();
        let of = Answer {
            target: &ask.target,
            body: None,
        };
        self.quarantine
            .refusals(of, taken.refusals.list(), mono, &mut batch);
        if !batch.is_empty() {
            self.waiting.push_back(batch);
        }
        if job.id == JobId::Rules {
            self.streaming.set_rules(&taken.rules);
        }
        let source = self.config.source.word();
        let bars = taken.bars.iter();
        for bar in bars.filter(|bar| self.symbols.holds(&bar.symbol)) {
            self.streaming
                .minutes
                .take(&bar.symbol, bar.start_ms, &bar.day, source);
        }
        self.report
            .count("minutes_refilled", taken.bars.len() as u64);
        if job.id == JobId::Bars {
            // Of a symbol that did not trade there are none.
            ask.symbols
                .iter()
                .for_each(|symbol| self.agenda.refilled(symbol));
        }
    }

    /// What follows for the rest of the round.
    fn round(&mut self, id: JobId, ask: &Ask, is_empty: bool, mono: i64) {
        let now_ms = self.clock.now_ms();
        if is_empty && ask.target.starts_with("/v2/aggs/grouped/") {
            self.agenda.ask_earlier(id, ask, &self.calendar, now_ms);
        }
        let is_open = self.market.at(now_ms).session == Session::Open;
        if self.agenda.round_ended(id, is_open, mono) {
            log::warn!("no price has a time: the next path is asked");
        }
    }

    fn market_told(&mut self, session: Option<Session>, server_ms: Option<i64>) {
        if let Some(server_ms) = server_ms
            && !self.clock.hear(server_ms)
            && self.report.is_news("clock")
        {
            log::warn!("the vendor's clock is over a day from this host's: the host's counts");
        }
        if let Some(session) = session {
            self.market.told(session, self.clock.now_ms());
        }
    }

    fn took_chain(
        &mut self,
        job: &Job,
        chain: FetchedChain,
        calls: u32,
        refusals: &Refusals,
        mono: i64,
    ) {
        let Work::Chain(ask) = &job.work else { return };
        self.agenda.key_is_good();
        self.agenda
            .good(job.id, calls.max(1), (0, 0), chain.fetched_ms);
        self.report.count("answers", u64::from(calls));
        let mut batch = Batch::default();
        let target = ask.target();
        let of = Answer {
            target: &target,
            body: None,
        };
        self.quarantine
            .refusals(of, refusals.list(), mono, &mut batch);
        if !batch.is_empty() {
            self.waiting.push_back(batch);
        }
        let near = chain.near.clone();
        self.streaming.set_near(&ask.spec.underlying, near);
        let view = self.view(self.clock.now_ms(), mono);
        let interval_ms = self
            .agenda
            .interval_of(job.id)
            .unwrap_or(ask.spec.interval_ms);
        let taken = self
            .chains
            .take(&ask.spec.underlying, chain, interval_ms, &view);
        let Some((batch, changes)) = taken else {
            return;
        };
        self.report.count("chains", 1);
        self.report.count("expirations_changed", changes as u64);
        self.waiting.push_back(batch);
    }

    fn failed(&mut self, job: &Job, next: Next, why: &str, body: Option<&str>, mono: i64) {
        let (ask, target) = match &job.work {
            Work::Market => (None, crate::massive::answer::ask::MARKET_STATUS.to_owned()),
            Work::Calendar => (
                None,
                crate::massive::answer::ask::MARKET_HOLIDAYS.to_owned(),
            ),
            Work::Spots(ask) => (Some(ask.clone()), ask.target.clone()),
            Work::Chain(ask) => {
                let fault = match next {
                    Next::NotEntitled(_) => Reason::NotEntitled.word(),
                    Next::NotFound(_) => Reason::NotFound.word(),
                    Next::Off => Reason::BadRequest.word(),
                    Next::KeyRefused(_) => Reason::KeyRefused.word(),
                    _ => "source_failing",
                };
                self.chains.fault(&ask.spec.underlying, Some(fault));
                (None, ask.target())
            }
        };
        self.report.count("failures", 1);
        let place = target.split('?').next().unwrap_or_default();
        if self.report.is_news(&format!("{place} {why}")) {
            log::warn!("{place}: {why}; {}", what_follows(next));
        }
        if matches!(next, Next::BackOff { quarantine: true }) {
            let mut batch = Batch::default();
            let of = Answer {
                target: &target,
                body,
            };
            self.quarantine.add(of, "", "", why, mono, &mut batch);
            self.waiting.push_back(batch);
        }
        if let (Some(ask), Next::NotEntitled(_) | Next::NotFound(_)) = (&ask, next)
            && job.id != JobId::Bars
        {
            let reason = match next {
                Next::NotFound(_) => Reason::NotFound,
                _ => Reason::NotEntitled,
            };
            ask.symbols
                .iter()
                .for_each(|symbol| self.symbols.fault(symbol, reason));
        }
        self.agenda
            .failed(job.id, ask, next, why, fastrand::u64(..), mono);
    }

    fn no_call(&mut self, job: &Job, none: NoCall, mono: i64) {
        if let Work::Spots(ask) = &job.work
            && std::sync::Arc::ptr_eq(&job.setup.config, &self.config)
        {
            self.agenda.put_back(job.id, ask.clone());
        }
        match none {
            NoCall::Budget { wait_ms } => {
                self.no_call_before = mono + wait_ms;
                self.agenda.put_off(job.id, wait_ms, mono);
            }
            // The writer finds out for itself, and says so.
            NoCall::Bus(error) => {
                log::debug!("no call: {error}");
                self.no_call_before = mono + 1_000;
                self.agenda.put_off(job.id, 1_000, mono);
            }
        }
    }

    pub(super) fn kept(&mut self, kept: Kept) {
        match kept {
            Kept::Adopted { loaded, is_anew } => self.adopted(*loaded, is_anew),
            Kept::StandBy => {
                if self.writer != Writer::StandBy {
                    log::info!("another instance writes; this one stands by");
                }
                self.writer = Writer::StandBy;
            }
            Kept::Away(error) => {
                let why = error.to_string();
                let since = match self.writer {
                    Writer::Away(_, since) => since,
                    _ => {
                        log::warn!(
                            "the store cannot be used: {why}; nothing is asked until it can"
                        );
                        mono_ms()
                    }
                };
                self.writer = Writer::Away(why, since);
            }
            Kept::Wrote(repeats) => self.report.count("repeats", repeats),
        }
    }

    fn adopted(&mut self, loaded: Loaded, is_anew: bool) {
        if matches!(self.writer, Writer::Away(..)) {
            log::info!("the store is back");
        }
        self.writer = Writer::Ours;
        self.calls.lock().learn(&loaded.calls_ms, mono_ms());
        let source = self.config.source.word();
        for (symbol, stored) in &loaded.symbols {
            self.symbols.restore(symbol, stored, source);
        }
        for (underlying, stored) in &loaded.chains {
            if is_anew || self.chains.is_new(underlying) {
                self.chains.restore(underlying, stored, source);
            }
        }
        if is_anew {
            self.symbols.touch_all();
            // What was decided on may have been lost on its way.
            self.waiting.clear();
        }
    }

    /// Symbols without a good answer for three rounds, of all that should have one.
    pub(super) fn unanswered(&self, mono: i64) -> (usize, usize) {
        self.symbols.unanswered(self.since_ms, mono, |symbol| {
            let interval_ms = self.agenda.interval_ms(class(symbol));
            (3 * interval_ms.unwrap_or(self.config.spots_ms)).max(60_000)
        })
    }
}

/// What a failure leads to, in words.
fn what_follows(next: Next) -> &'static str {
    match next {
        Next::Take | Next::OnceMore(_) => "it is asked again",
        Next::BackOff { .. } => "it is asked again later, ever more seldom",
        Next::RefuseRedirect => "redirects are not followed; it is asked again later",
        Next::Off => "it is not asked again until truth changes",
        Next::KeyRefused(_) => "nothing is asked before an hour, or a new key",
        Next::RungDown(_) => "the next path is asked",
        Next::NotEntitled(_) => {
            "it is not in the plan; it is asked again in a day, or with a new key"
        }
        Next::NotFound(_) => "the vendor does not know it; it is asked again in a day",
        Next::HalfBatch => "half as many are asked at once",
        Next::Wait(_) => "nobody asks for as long as the vendor wants",
    }
}
