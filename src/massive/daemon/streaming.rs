//! The stream, as the loop sees it: which connections there are to be, what they bring, and what is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Massive, Writer};
use crate::contract::market::{GAPS, GAPS_MAX, snapshot_key};
use crate::massive::agenda::Streamed;
use crate::massive::book::{Minutes, Symbols, View};
use crate::massive::config::{Config, StreamMode};
use crate::massive::daemon::clock::VendorClock;
use crate::massive::facts::{Reason, Refusal, TradeRule};
use crate::massive::frames::Cluster;
use crate::massive::key;
use crate::massive::meter::mono_ms;
use crate::massive::quarantine::Answer;
use crate::massive::record::ObjectWriter;
use crate::massive::session::fresh::DELAY_MS;
use crate::massive::store::Batch;
use crate::massive::stream::coalesce::Rules;
use crate::massive::stream::link::{DOWN_MS, Standing, Word};
use crate::massive::stream::queue::Queue;
use crate::massive::stream::reader::Reader;
use crate::massive::stream::target::{Board, Target, Terms};
use crate::massive::stream::worker::{self, Worker};
use crate::massive::symbol::{Class, class};
use crate::massive::{Event, StreamNews};
use crate::service::{Error, Service};

/// Contracts that are listened to: the vendor sends quotes of no more over one connection.
pub const CONTRACTS_MAX: usize = 1_000;
/// The longest that a thread of it may show no progress.
const PROGRESS_BUDGET: std::time::Duration = std::time::Duration::from_secs(45);
/// How long the store may be away: then another instance may hold it.
const AWAY_MS: i64 = 10_000;
/// How often it is looked whether the threads are to do something else.
const POINT_EVERY_MS: i64 = 200;
const MINUTE_MS: i64 = 60_000;
/// How long after its end a minute may still come.
const MINUTE_LATE_MS: i64 = 5_000;

/// What the loop holds of the stream.
#[derive(Default)]
pub(super) struct Streaming {
    running: Option<Running>,
    links: BTreeMap<Cluster, Standing>,
    /// Clusters whose prices all come by the stream, as it was told last while they were up.
    covered: BTreeSet<Cluster>,
    /// What conditions mean; `None` while nobody knows.
    rules: Option<Arc<Rules>>,
    /// Why the key does not go there.
    trouble: Option<String>,
    /// Contracts by the underlying of their chain, with how far from the money each is.
    near: BTreeMap<String, Vec<(f64, String)>>,
    contracts: Symbols,
    /// The store is ours, and so are the plan's connections.
    is_ours: bool,
    /// When it is looked again whether the threads are to do something else.
    next_point: i64,
    pub minutes: Minutes,
}

/// Its threads.
struct Running {
    queue: Arc<Queue>,
    targets: Vec<(Cluster, Board<Target>)>,
    terms: Board<Terms>,
}

impl Streaming {
    /// Ends the thread that works on frames; those that read end with the service.
    pub fn shut_down(&mut self) {
        if let Some(running) = self.running.take() {
            running.queue.close();
        }
    }

    /// Another source: nothing of the one before counts.
    pub fn clear(&mut self) {
        self.near.clear();
        self.covered.clear();
        self.contracts.clear();
        self.minutes = Minutes::default();
    }

    /// Takes the contracts of a chain, the nearest to the money first.
    pub fn set_near(&mut self, underlying: &str, near: Vec<(f64, String)>) {
        self.near.insert(underlying.to_owned(), near);
    }

    /// What conditions of trades mean from now on.
    pub fn set_rules(&mut self, list: &[TradeRule]) {
        self.rules = Some(Arc::new(Rules::new(list)));
    }

    fn symbols_of(&self, cluster: Cluster, config: &Config) -> Vec<String> {
        match cluster {
            Cluster::Stocks => config.symbols.clone(),
            Cluster::Indices => config.indices.clone(),
            Cluster::Options => {
                let chains = config.chains.iter();
                let near = chains.filter_map(|chain| self.near.get(&chain.underlying));
                let mut all: Vec<&(f64, String)> = near.flatten().collect();
                all.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
                let all = all.into_iter().take(CONTRACTS_MAX);
                all.map(|(_, ticker)| ticker.clone()).collect()
            }
        }
    }

    /// Does every price of a cluster come by the stream? While a connection is away for a moment, what was so before.
    fn covers(&mut self, cluster: Cluster, mono: i64) -> bool {
        let knows = cluster != Cluster::Stocks || self.rules.is_some();
        let is_covered = match self.links.get(&cluster) {
            Some(link) if link.word == Word::Up => {
                link.symbols > 0 && link.priced == link.symbols && knows
            }
            Some(link) if link.down_since.is_some_and(|since| mono - since < DOWN_MS) => {
                self.covered.contains(&cluster)
            }
            _ => false,
        };
        if is_covered {
            self.covered.insert(cluster);
        } else {
            self.covered.remove(&cluster);
        }
        is_covered
    }

    /// Which connection is down for so long that it is a fault, and why.
    pub fn fault(&self, mode: StreamMode, mono: i64) -> Option<String> {
        if mode == StreamMode::Off {
            return None;
        }
        if let Some(trouble) = &self.trouble {
            return Some(trouble.clone());
        }
        let mut asked = self.links.values().filter(|link| link.symbols > 0);
        if let Some(refused) = asked.find(|link| link.word == Word::KeyRefused) {
            let name = refused.cluster.word();
            return Some(format!(
                "the vendor refuses the key for the stream of {name}: prices are asked for meanwhile"
            ));
        }
        let down = self.links.values().find(|link| {
            link.symbols > 0 && link.down_since.is_some_and(|since| mono - since >= DOWN_MS)
        })?;
        let why = if down.why.is_empty() {
            "no connection yet"
        } else {
            &down.why
        };
        Some(format!(
            "the stream of {} is down: {why}",
            down.cluster.word()
        ))
    }

    /// How its connections stand, as one JSON list.
    pub fn links_json(&self, mono: i64) -> String {
        let links = self.links.values().filter(|link| link.symbols > 0);
        let links = links.map(|link| {
            let count = |n: usize| i64::try_from(n).ok();
            let mut json = ObjectWriter::with_capacity(160);
            json.text("cluster", link.cluster.word());
            json.text("state", link.word.text());
            if !link.why.is_empty() {
                json.text("why", &link.why);
            }
            json.integer("down_ms", link.down_since.map(|since| mono - since));
            json.integer("symbols", count(link.symbols));
            json.integer("priced", count(link.priced));
            json.integer("confirmed", count(link.confirmed));
            json.integer("refused", count(link.refused));
            json.finish()
        });
        format!("[{}]", links.collect::<Vec<_>>().join(","))
    }

    /// What has to be written of contracts and minutes.
    pub fn write(&mut self, view: &View) -> Option<Batch> {
        self.minutes
            .write()
            .or_else(|| self.contracts.write(view, 0))
    }
}

impl Massive {
    /// Starts the threads where there is a stream for the first time, and tells them what is wanted by now.
    pub(super) fn stream_on(&mut self, service: &mut Service<Event>) -> Result<(), Error> {
        let mono = mono_ms();
        let is_ours = match &self.writer {
            Writer::Ours => true,
            // A new truth, or a store that is away for a moment, costs no connection.
            Writer::Idle => self.streaming.is_ours,
            Writer::Away(_, since) => self.streaming.is_ours && mono - since < AWAY_MS,
            Writer::StandBy => false,
        };
        self.streaming.is_ours = is_ours;
        let is_wanted = self.config.stream != StreamMode::Off
            && self.is_active()
            && is_ours
            && !self.agenda.is_key_refused()
            && self.streaming.trouble.is_none();
        if self.streaming.running.is_none() {
            if !is_wanted {
                return Ok(());
            }
            self.streaming.running = Some(self.start(service)?);
        }
        if mono >= self.streaming.next_point {
            self.streaming.next_point = mono + POINT_EVERY_MS;
            self.point(is_wanted);
        }
        let mut covers = |cluster| is_wanted && self.streaming.covers(cluster, mono);
        let streamed = Streamed {
            has_trades: is_wanted && !self.config.symbols.is_empty(),
            stocks: covers(Cluster::Stocks),
            indices: covers(Cluster::Indices),
        };
        self.agenda.set_streamed(streamed);
        Ok(())
    }

    /// Puts up what the threads are to do, where that is other than before.
    fn point(&mut self, is_wanted: bool) {
        let Some(running) = &self.streaming.running else {
            return;
        };
        let mut contracts = None;
        for (cluster, board) in &running.targets {
            let symbols = match is_wanted {
                true => self.streaming.symbols_of(*cluster, &self.config),
                false => Vec::new(),
            };
            let target = Target {
                url: self.config.stream_url.clone(),
                allow_hosts: self.config.allowed_hosts(),
                key: self.key.clone(),
                symbols: Arc::new(symbols),
            };
            if *board.get() != target {
                if *cluster == Cluster::Options && is_wanted {
                    contracts = Some(target.symbols.clone());
                }
                board.put(target);
            }
        }
        let terms = Terms {
            mode: self.config.stream,
            clock: self.clock,
            rules: self.streaming.rules.clone().unwrap_or_default(),
        };
        let told = running.terms.get();
        // Rules that nobody knows are made anew each time.
        let is_same_rules = match &self.streaming.rules {
            Some(rules) => Arc::ptr_eq(&told.rules, rules),
            None => true,
        };
        if (told.mode, told.clock) != (terms.mode, terms.clock) || !is_same_rules {
            running.terms.put(terms);
        }
        if let Some(contracts) = contracts {
            let gone = self.streaming.contracts.set(contracts.iter());
            let mut batch = Batch::default();
            for ticker in gone {
                batch.add(["DEL".to_owned(), snapshot_key(&ticker)]);
            }
            if !batch.is_empty() {
                self.waiting.push_back(batch);
            }
        }
    }

    fn start(&self, service: &mut Service<Event>) -> Result<Running, Error> {
        let queue = Arc::new(Queue::default());
        let terms = Board::new(Terms {
            mode: self.config.stream,
            clock: VendorClock::default(),
            rules: Arc::default(),
        });
        let worker = Worker {
            queue: queue.clone(),
            terms: terms.clone(),
            sender: service.sender.clone(),
            progress: service.beat.progress("stream-work", PROGRESS_BUDGET),
        };
        service.threads.spawn("stream-work", move || worker.run())?;
        let mut targets = Vec::new();
        for cluster in Cluster::ALL {
            let target = Board::new(Target {
                url: self.config.stream_url.clone(),
                allow_hosts: Vec::new(),
                key: None,
                symbols: Arc::default(),
            });
            let name = format!("stream-{}", cluster.word());
            let reader = Reader {
                cluster,
                target: target.clone(),
                queue: queue.clone(),
                sender: service.sender.clone(),
                progress: service.beat.progress(name.clone(), PROGRESS_BUDGET),
                connections: service.buses.connections().clone(),
                trust: self.trust.clone(),
            };
            service.threads.spawn(&name, move || reader.run())?;
            targets.push((cluster, target));
        }
        Ok(Running {
            queue,
            targets,
            terms,
        })
    }

    /// May the key go where the stream is?
    pub(super) fn judge_stream_place(&mut self, service: &Service<Event>) {
        let is_on = self.config.stream != StreamMode::Off && self.key.is_some();
        let judged = is_on.then(|| key::may_go_to(&self.config.stream_url, &service.env));
        let trouble = judged.and_then(Result::err);
        if let Some(trouble) = &trouble
            && Some(trouble) != self.streaming.trouble.as_ref()
        {
            log::error!("{trouble}");
        }
        self.streaming.trouble = trouble;
    }

    pub(super) fn stream_news(&mut self, news: StreamNews) {
        match news {
            StreamNews::Batch(batch) => self.streamed(batch),
            StreamNews::Standing(standing) => self.link_stands(standing),
            StreamNews::Gap { cluster, ms, why } => self.gap(cluster, ms, &why),
        }
    }

    fn link_stands(&mut self, standing: Standing) {
        let name = standing.cluster.word();
        let before = self.streaming.links.get(&standing.cluster);
        let was = before.map(|link| link.word);
        match standing.word {
            Word::Up if was != Some(Word::Up) => {
                log::info!("the stream of {name} is there");
            }
            // A plan may have answers and no stream: what answers say of the key decides about them.
            Word::KeyRefused if was != Some(Word::KeyRefused) => {
                log::warn!(
                    "the stream of {name}: {}; answers are asked for",
                    standing.why
                );
            }
            Word::Waiting
                if was != Some(Word::Waiting)
                    && self.report.is_news(&format!("{name} {}", standing.why)) =>
            {
                log::warn!("the stream of {name}: {}; it is tried again", standing.why);
            }
            _ => {}
        }
        self.streaming.links.insert(standing.cluster, standing);
    }

    fn streamed(&mut self, batch: worker::Batch) {
        let (now_ms, mono) = (self.clock.now_ms(), mono_ms());
        let source = self.config.source.word();
        self.count(&batch);
        let mut refused = Batch::default();
        for (cluster, refusals) in &batch.refusals {
            let target = format!("/{}", cluster.word());
            let of = Answer {
                target: &target,
                body: None,
            };
            // A symbol may be anything that the vendor writes there.
            let safe = refusals.list().iter().map(|refusal| Refusal {
                symbol: key::scrubbed(&refusal.symbol, self.key.as_ref()),
                ..refusal.clone()
            });
            let safe: Vec<Refusal> = safe.collect();
            self.quarantine.refusals(of, &safe, mono, &mut refused);
        }
        if let Some((cluster, why, begin)) = &batch.bad_frame {
            let (target, body) = (
                format!("/{}", cluster.word()),
                key::scrubbed(begin, self.key.as_ref()),
            );
            let of = Answer {
                target: &target,
                body: Some(&body),
            };
            self.quarantine.add(of, "", "", why, mono, &mut refused);
        }
        for spot in batch.flush.spots {
            let symbol = spot.symbol.clone();
            // A contract of a cent may well cost two.
            let (book, jump_pct) = match class(&symbol) {
                Class::Option => (&mut self.streaming.contracts, 0.0),
                _ => (&mut self.symbols, self.config.jump_pct),
            };
            if book.take_streamed(spot, (now_ms, mono), jump_pct) {
                let target = match class(&symbol) {
                    Class::Index => "/indices",
                    _ => "/stocks",
                };
                let of = Answer { target, body: None };
                let reason = Reason::Jump.word();
                self.quarantine
                    .add(of, &symbol, "price", reason, mono, &mut refused);
            }
        }
        for (symbol, band) in batch.flush.bands {
            self.symbols.take_band(&symbol, band);
        }
        let minutes = batch.flush.minutes.into_iter();
        for (symbol, minutes) in minutes.filter(|(symbol, _)| self.symbols.holds(symbol)) {
            for (start_ms, day) in minutes {
                self.streaming.minutes.take(&symbol, start_ms, &day, source);
            }
        }
        if !refused.is_empty() {
            self.waiting.push_back(refused);
        }
    }

    fn count(&mut self, batch: &worker::Batch) {
        let counts = batch.flush.counts;
        for (name, by) in [
            ("stream_frames", batch.frames),
            ("stream_bad_frames", batch.not_understood),
            ("stream_dropped_quotes", batch.dropped.quotes),
            ("stream_dropped_frames", batch.dropped.others),
            ("stream_events", counts.events),
            ("stream_not_asked", counts.not_asked),
            ("stream_coalesced", counts.coalesced),
            ("stream_late", counts.late),
            ("stream_ineligible", counts.ineligible),
            ("stream_steps_back", counts.steps_back),
            ("stream_doubles", counts.doubles),
        ] {
            if by > 0 {
                self.report.count(name, by);
            }
        }
    }

    /// Something is missing: how things stand is asked for first, then the minutes that were not told.
    fn gap(&mut self, cluster: Option<Cluster>, ms: i64, why: &str) {
        let mono = mono_ms();
        let to_ms = self.clock.now_ms();
        let from_ms = to_ms - ms;
        self.agenda.poll_prices(mono);
        // What a delayed stream would have told in that time is as much older.
        let behind_ms = match self.config.stream {
            StreamMode::Delayed => DELAY_MS,
            _ => 0,
        };
        let minute = |ms: i64| ms.div_euclid(MINUTE_MS) * MINUTE_MS;
        let (first, end) = (
            minute(from_ms - behind_ms - MINUTE_LATE_MS),
            minute(to_ms - behind_ms),
        );
        let mut symbols = 0;
        if end > first {
            let clusters = [Cluster::Stocks, Cluster::Indices].into_iter();
            for cluster in clusters.filter(|known| cluster.is_none_or(|cluster| cluster == *known))
            {
                for symbol in self.streaming.symbols_of(cluster, &self.config) {
                    self.agenda.missed(&symbol, first, end - 1);
                    symbols += 1;
                }
            }
        }
        self.report.count("gaps", 1);
        let name = cluster.map_or("all", Cluster::word);
        log::warn!("the stream of {name} has a gap of {ms} ms: {why}");
        let fields = vec![
            ("cluster", name.to_owned()),
            ("from_ms", from_ms.to_string()),
            ("to_ms", to_ms.to_string()),
            ("reason", why.to_owned()),
            ("minutes", symbols.to_string()),
            ("source", self.config.source.word().to_owned()),
        ];
        let mut batch = Batch::default();
        batch.stream(GAPS, GAPS_MAX, "*", fields);
        self.waiting.push_back(batch);
    }
}
