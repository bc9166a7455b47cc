//! The daemon: one loop that decides, threads that ask, and one that writes.
//!
//! The loop never waits for the vendor or for the store. What is known lies in its books; what has to be asked says the
//! agenda; every answer comes back as an [`Event`].

mod answers;
pub mod clock;
mod reload;
mod report;
mod sharing;
mod streaming;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use super::agenda::{Agenda, JobId};
use super::book::{Chains, Health, Symbols, View};
use super::config::{Config, SERVICE, Source};
use super::keep::{self, Keeper, ORDERS_MAX, Order};
use super::meter::{SharedLog, mono_ms};
use super::pollers::{ChainAsk, Job, Pool, Setup, Work};
use super::quarantine::Quarantine;
use super::session::calendar::{Calendar, date_of};
use super::session::{MarketClock, Session};
use super::store::{Batch, Store};
use super::symbol::Class;
use super::{Event, key, plan, vendor};
use crate::bus::Address;
use crate::clock::Mono;
use crate::contract::market::POLL;
use crate::contract::mesh::GOSSIP;
use crate::env::Secret;
use crate::net::trust_store::TrustStore;
use crate::service::lease::ShareOrder;
use crate::service::{Error, Notice, Profile, Service};
use clock::VendorClock;
use report::Report;
use streaming::Streaming;

/// What massive wants of the service room.
pub const PROFILE: Profile = Profile {
    channels: &[POLL, GOSSIP],
    ..Profile::new(
        SERVICE,
        "asks the vendor for prices, index values and option chains, and keeps them on the market bus",
    )
};

/// How often ages are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the key is read again: its file may have changed.
const KEY_EVERY: Duration = Duration::from_secs(5);

/// How the store stands, as the loop knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Writer {
    /// Nobody asked for it yet.
    Idle,
    Ours,
    StandBy,
    /// Why, and since when (milliseconds on the clock of this machine).
    Away(String, i64),
}

struct Massive {
    config: Arc<Config>,
    /// Where the store is, and where calls are counted.
    bus: Address,
    key: Option<Secret>,
    /// Why there is none, or why it is not sent.
    key_trouble: Option<String>,
    next_key: Mono,
    calls: SharedLog,
    agenda: Agenda,
    market: MarketClock,
    calendar: Calendar,
    clock: VendorClock,
    session: Option<Session>,
    symbols: Symbols,
    chains: Chains,
    quarantine: Quarantine,
    writer: Writer,
    /// Symbols were held, so what leaves truth has to be taken away.
    has_held: bool,
    orders: Sender<Order>,
    /// To the thread that keeps the part, where instances share the work.
    share_orders: Option<Sender<ShareOrder>>,
    /// Batches that wait for the writer.
    waiting: VecDeque<Batch>,
    pool: Option<Pool>,
    trust: TrustStore,
    /// Calls that the plan does not allow yet are not tried before this.
    no_call_before: i64,
    /// When asking began.
    since_ms: i64,
    report: Report,
    next_look: Mono,
    streaming: Streaming,
}

/// Runs until it is told to stop.
///
/// # Errors
/// A thread ended, or a truth that passed validation cannot be read.
pub fn run(mut service: Service<Event>) -> Result<(), Error> {
    let config = reload::read_config(&service)?;
    log::info!("beating; {}", config.extent());
    let bus = service.buses.market()?;
    let (orders, inbox) = bounded(ORDERS_MAX);
    let shared = sharing::begin(&mut service, &bus)?;
    let share_orders = shared.as_ref().map(|shared| shared.orders.clone());
    let keeper = Keeper {
        store: Store::new(bus.clone(), "massive:keep", &service.inst, shared),
        orders: inbox,
        sender: service.sender.clone(),
        progress: service.beat.progress("keep", keep::PROGRESS_BUDGET),
        wanted: None,
        state: keep::State::Unknown,
        next: Mono::now(),
    };
    service.threads.spawn("keep", move || keeper.run())?;
    let mut massive = Massive {
        config: Arc::new(config),
        bus,
        key: None,
        key_trouble: None,
        next_key: Mono::now(),
        calls: SharedLog::default(),
        agenda: Agenda::default(),
        market: MarketClock::default(),
        calendar: Calendar::default(),
        clock: VendorClock::default(),
        session: None,
        symbols: Symbols::default(),
        chains: Chains::default(),
        quarantine: Quarantine::default(),
        writer: Writer::Idle,
        has_held: false,
        orders,
        share_orders,
        waiting: VecDeque::new(),
        pool: None,
        trust: vendor::trust_store(&service.env)?,
        no_call_before: 0,
        since_ms: mono_ms(),
        report: Report::new(service.beat.metrics().clone()),
        next_look: Mono::now(),
        streaming: Streaming::default(),
    };
    massive.read_key(&service);
    massive.hold(&mut service)?;
    let done = massive.serve(&mut service);
    if let Some(pool) = massive.pool.take() {
        pool.shut_down();
    }
    massive.streaming.shut_down();
    done
}

impl Massive {
    fn serve(&mut self, service: &mut Service<Event>) -> Result<(), Error> {
        loop {
            let deadline = self.look(service)?;
            let event = match deadline {
                Some(at) => service.events.recv_deadline(at.instant()),
                None => service
                    .events
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
            };
            match event {
                Ok(Event::Notice(Notice::Stop)) | Err(RecvTimeoutError::Disconnected) => {
                    return Ok(());
                }
                Ok(Event::Notice(notice)) => self.heed(notice, service)?,
                Ok(Event::Fetched(fetched)) => self.fetched(*fetched),
                Ok(Event::Kept(kept)) => self.kept(kept),
                Ok(Event::Stream(news)) => self.stream_news(*news),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Is there something to ask, and may it be asked?
    fn is_active(&self) -> bool {
        let has_key = self.key.is_some() || self.config.source == Source::Demo;
        !self.config.is_empty() && has_key && self.key_trouble.is_none()
    }

    /// Does everything whose time has come; when to look again.
    fn look(&mut self, service: &mut Service<Event>) -> Result<Option<Mono>, Error> {
        let now = Mono::now();
        if now >= self.next_key && self.config.source == Source::Massive && !self.config.is_empty()
        {
            self.next_key = now + KEY_EVERY;
            if self.read_key(service) {
                self.hold(service)?;
            }
        }
        self.stream_on(service)?;
        let mut wait = None;
        if self.writer == Writer::Ours && self.is_active() {
            wait = Some(self.hand_out());
        }
        if self.writer == Writer::Ours {
            self.write();
        }
        self.say(&service.beat);
        if self.config.is_empty() && !self.has_held {
            return Ok(None);
        }
        if now >= self.next_look {
            self.next_look = now + LOOK_EVERY;
        }
        let wait = wait.map(|ms| now + Duration::from_millis(ms.unsigned_abs().max(1)));
        Ok(wait.into_iter().chain([self.next_look]).min())
    }

    /// Gives out what is due; in how many milliseconds to look again.
    fn hand_out(&mut self) -> i64 {
        let (mono, now_ms) = (mono_ms(), self.clock.now_ms());
        let standing = self.market.at(now_ms);
        let is_closed = standing.session == Session::Closed;
        let market_ms = self.market.ask_again_ms(now_ms);
        if let Some(demand) = self.agenda.replan(&self.config, is_closed, market_ms, mono) {
            log::warn!("{demand}: every interval is stretched");
        }
        self.calls.allow(self.agenda.allowed(&self.config, mono));
        loop {
            if self.no_call_before > mono {
                return self.no_call_before - mono;
            }
            if let Err(wait_ms) = self.calls.lock().peek(self.calls.allowed(), mono) {
                return wait_ms;
            }
            let id = match self.agenda.due(mono) {
                Ok(id) => id,
                Err(wait_ms) => return wait_ms,
            };
            let Some(work) = self.work(id, now_ms, mono) else {
                continue;
            };
            let job = Job {
                id,
                work,
                setup: Arc::new(Setup {
                    config: self.config.clone(),
                    key: self.key.clone(),
                    clock: self.clock,
                    bus: self.bus.clone(),
                }),
            };
            let Some(pool) = &self.pool else {
                return 1_000;
            };
            if let Err(job) = pool.give(job) {
                // All are at work: the next answer brings us back here.
                if let Work::Spots(ask) = job.work {
                    self.agenda.put_back(id, ask);
                }
                return 1_000;
            }
            self.agenda.went_out(id, mono);
        }
    }

    /// What a job asks now; `None` when it is nothing.
    fn work(&mut self, id: JobId, now_ms: i64, mono: i64) -> Option<Work> {
        match id {
            JobId::Market => Some(Work::Market),
            JobId::Calendar => Some(Work::Calendar),
            JobId::Chain(nth) => self.chain(id, nth, now_ms, mono),
            id => {
                let ask = self.agenda.ask(id, &self.config, &self.calendar, now_ms);
                if ask.is_none() {
                    let interval_ms = self.agenda.interval_of(id).unwrap_or(60_000);
                    self.agenda.put_off(id, interval_ms, mono);
                }
                ask.map(Work::Spots)
            }
        }
    }

    /// A chain starts with a fresh price of its underlying, and where its pages come in within their time.
    fn chain(&mut self, id: JobId, nth: usize, now_ms: i64, mono: i64) -> Option<Work> {
        let spec = self.config.chains.get(nth)?.clone();
        let view = self.view(now_ms, mono);
        let spot = self.symbols.fresh_price(&spec.underlying, &view);
        let pages = self.agenda.calls_of(id);
        let span_ms = self.config.chain_span_ms;
        let free = self
            .calls
            .lock()
            .free_within(self.calls.allowed(), mono, span_ms);
        match plan::start_chain(spot, spec.strikes_pct, pages, free) {
            Ok(strikes) => {
                let underlying = &spec.underlying;
                let before = self.chains.prints(underlying);
                let from = date_of(now_ms);
                Some(Work::Chain(ChainAsk {
                    spec,
                    from,
                    spot,
                    strikes,
                    before,
                }))
            }
            Err(why) => {
                self.chains.fault(&spec.underlying, Some(why.word()));
                // A price may come at any moment.
                self.agenda.put_off(id, 1_000, mono);
                None
            }
        }
    }

    fn view(&self, now_ms: i64, mono: i64) -> View {
        let health = |class| Health {
            interval_ms: self
                .agenda
                .interval_ms(class)
                .unwrap_or(self.config.spots_ms),
            fault: self.agenda.fault(class, mono),
        };
        View {
            standing: self.market.at(now_ms),
            now_ms,
            stale_ms: self.config.stale_ms,
            source: self.config.source.word(),
            stocks: health(Class::Stock),
            indices: health(Class::Index),
        }
    }

    /// Hands what has to be written to the writer, as much as he takes.
    fn write(&mut self) {
        let (mono, now_ms) = (mono_ms(), self.clock.now_ms());
        let view = self.view(now_ms, mono);
        if self.session != Some(view.standing.session) {
            // Every record says how the market stands, and until when it is fresh hangs on it.
            self.session = Some(view.standing.session);
            self.symbols.touch_all();
        }
        self.waiting.extend(self.chains.write(&view));
        if let Some(batch) = self.report_batch(&view, mono) {
            self.waiting.push_back(batch);
        }
        loop {
            if self.orders.is_full() {
                return;
            }
            let next = self.waiting.pop_front();
            let next = next.or_else(|| self.symbols.write(&view, self.config.tick_entries));
            let next = next.or_else(|| self.streaming.write(&view));
            let Some(batch) = next else { return };
            // There is room, and nobody else gives orders.
            let _ = self.orders.try_send(Order::Write(batch));
        }
    }

    fn heed(&mut self, notice: Notice, service: &mut Service<Event>) -> Result<(), Error> {
        match notice {
            Notice::Truth(truth) => {
                service.adopt(truth);
                match reload::read_config(service) {
                    Ok(config) => self.reload(config, service)?,
                    Err(error) => log::error!("the new truth is not used: {error}"),
                }
            }
            Notice::Message { channel, payload } if channel == GOSSIP => {
                sharing::heard(self.share_orders.as_ref(), &payload);
            }
            Notice::Message { channel, .. } if channel == POLL => {
                log::info!("a round now, because somebody asked for it");
                self.agenda.poll(mono_ms());
            }
            Notice::ThreadEnded { name, error } => {
                let why = error.unwrap_or_else(|| "without a reason".into());
                return Err(Error::Other(format!("thread {name} ended: {why}")));
            }
            Notice::Message { .. } | Notice::Stop => {}
            Notice::TruthRejected { .. } | Notice::TruthMissing => {}
        }
        Ok(())
    }

    /// Reads the key afresh; whether anything about it changed.
    fn read_key(&mut self, service: &Service<Event>) -> bool {
        let is_other = self.read_key_itself(service);
        self.judge_stream_place(service);
        is_other
    }

    fn read_key_itself(&mut self, service: &Service<Event>) -> bool {
        if self.config.source == Source::Demo {
            // A demo is never told a key.
            let had = self.key.take().is_some() || self.key_trouble.take().is_some();
            return had;
        }
        let (key, trouble) = match key::read(&service.env) {
            Err(error) => (None, Some(error.to_string())),
            Ok(None) => (None, None),
            Ok(key) => match key::may_go_to(&self.config.base_url, &service.env) {
                Ok(()) => (key, None),
                Err(why) => (None, Some(why)),
            },
        };
        if (&key, &trouble) == (&self.key, &self.key_trouble) {
            return false;
        }
        if key.is_some() && key != self.key {
            self.agenda.new_key();
        }
        if let Some(trouble) = trouble
            .as_ref()
            .filter(|why| Some(*why) != self.key_trouble.as_ref())
        {
            log::error!("{trouble}");
        }
        (self.key, self.key_trouble) = (key, trouble);
        true
    }
}
