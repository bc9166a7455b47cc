//! A thread of the model stage: it takes what waits for the model, asks, and writes what came of it.
//!
//! An entry is in hand for as long as it takes: until breaker and budget let its call through, the server has answered,
//! and the store has taken the result. `watch` keeps hold of it meanwhile. Whatever comes of it is written: an answer that
//! passed the checks, or why there is none; the local result stays in force then, and is kept beside a model's.

mod refined;
mod watch;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::Value;

use super::context::{Context, Setup, Trouble};
use super::item::{ITEM_FIELDS, Item};
use super::model::ask::{Asker, Go, Hooks, Subject, Verdict};
use super::model::ledger::Ledger;
use super::queue;
use super::record::{ModelState, Record};
use super::script::{Commit, CommitScripts, Settled};
use crate::bus::script::{self, Scripts};
use crate::bus::stream::{Consumer, Delivery, EntryId, Grave, is_no_group};
use crate::bus::{BusError, Commands, Limits};
use crate::clock::{wall_millis, wall_secs};
use crate::contract::{analysis, feeds};
use crate::service::{BeatHandle, Error, Progress};

pub use watch::{PROGRESS_BUDGET, Shared, Watch};

/// How long one waits for new entries at a time.
const BLOCK: Duration = Duration::from_secs(5);
/// How long one waits that may begin nothing.
const PAUSE: Duration = Duration::from_millis(250);
/// What a call may take besides the server's time.
const CALL_ROOM: Duration = Duration::from_secs(10);
/// From this delivery on nothing is tried any more: twice it ended its worker, or was left by it.
const DELIVERIES_MAX: u64 = 3;

/// One thread of the model stage.
pub struct Refiner {
    context: Arc<Context>,
    shared: Arc<Shared>,
    setup: Arc<Setup>,
    /// `<name>:<thread>`.
    consumer: String,
    bus: Commands,
    stream: Consumer,
    commit: CommitScripts,
    scripts: Scripts,
    ledger: Ledger,
    beat: BeatHandle,
    progress: Progress,
    trouble: Trouble,
    /// Fewer threads are wanted.
    is_let_go: Arc<AtomicBool>,
}

/// One entry, and the item that it is about.
struct Job {
    entry: EntryId,
    uid: String,
    deliveries: u64,
    /// An answer of before does not count.
    anew: bool,
}

/// What is to be done about it.
enum Plan {
    /// Nothing: it is about an analysis that is gone, or has changed its state since.
    Settle,
    /// To be written as it is.
    Write(Box<Record>),
    /// To be asked about.
    Ask(Box<(Record, Item)>),
}

/// What came of planning and asking.
enum Refined {
    /// This is to be written.
    Record(Box<Record>),
    /// The entry is to be taken away.
    Nothing,
    /// Everything is to end.
    Stopped,
}

impl Refiner {
    /// One that has just started. It ends with the context, or when `is_let_go` says so.
    pub fn new(
        context: Arc<Context>,
        shared: Arc<Shared>,
        consumer: &str,
        beat: BeatHandle,
        is_let_go: Arc<AtomicBool>,
    ) -> Refiner {
        let setup = context.setup();
        let commit = CommitScripts::default();
        let bus = |what: &str| format!("{}:{what}", context.name);
        Refiner {
            bus: Commands::new(setup.address.clone(), bus("model"), Limits::default()),
            ledger: Ledger::new(setup.address.clone(), &bus("ledger")),
            stream: stream(&setup, consumer),
            scripts: Scripts::new(commit.all()),
            commit,
            progress: progress(&beat, &setup, consumer),
            beat,
            trouble: Trouble::new(format!("model {consumer}")),
            consumer: consumer.to_owned(),
            is_let_go,
            setup,
            shared,
            context,
        }
    }

    /// Works until it is to end.
    ///
    /// # Errors
    /// None: what fails is tried again.
    pub fn run(mut self) -> Result<(), Error> {
        // Another of this name, who was let go, may still wait for an answer.
        while self.shared.is_held(&self.consumer) && !self.is_over() {
            self.context.wait(PAUSE);
        }
        while !self.is_over() {
            if !self.context.may_ask_model() {
                self.context.wait(PAUSE);
                continue;
            }
            self.follow();
            match self.stream.next(&mut self.bus, BLOCK) {
                Ok(delivered) => {
                    self.trouble.is_over(&self.context);
                    delivered.iter().for_each(|one| self.begin(one));
                }
                Err(error) => self.store_failed(&error),
            }
        }
        self.trouble.is_over(&self.context);
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.context.is_over() || self.is_let_go.load(Ordering::Relaxed)
    }

    /// Takes in a truth that has changed; `true` when it did.
    fn follow(&mut self) -> bool {
        let setup = self.context.setup();
        if Arc::ptr_eq(&setup, &self.setup) {
            return false;
        }
        if setup.address != self.setup.address {
            self.bus.set_address(setup.address.clone());
            self.ledger.set_address(setup.address.clone());
        }
        if setup.config.model.timeout_sec != self.setup.config.model.timeout_sec {
            self.progress = progress(&self.beat, &setup, &self.consumer);
        }
        let idle = |setup: &Setup| setup.config.analysis.claim_idle_sec;
        // There may be an entry in hand, which the stream of before knows.
        if self.stream.in_hand().is_empty()
            && (setup.address != self.setup.address || idle(&setup) != idle(&self.setup))
        {
            self.stream = stream(&setup, &self.consumer);
        }
        self.setup = setup;
        true
    }

    fn store_failed(&mut self, error: &BusError) {
        let pause = self.trouble.with_store(error, &self.context);
        self.context.wait(pause);
    }

    /// Deals with one entry, unless somebody asked for a pause while it was waited for.
    fn begin(&mut self, delivery: &Delivery) {
        if self.is_over() || self.context.may_ask_model() {
            self.work(delivery);
        } else if let Err(error) = self.stream.give_back(&mut self.bus, &[delivery.entry.id]) {
            log::debug!("{}: {error}", self.consumer);
        }
    }

    /// Deals with one entry.
    fn work(&mut self, delivery: &Delivery) {
        let entry = &delivery.entry;
        let uid = entry.text("uid").filter(|uid| !uid.is_empty());
        let Some(uid) = uid else {
            let grave = Grave {
                id: entry.id,
                deliveries: delivery.deliveries,
                reason: "it names no item".to_owned(),
            };
            if let Err(error) = self.stream.give_up(&mut self.bus, &grave) {
                self.stream.settle(&[entry.id]);
                self.store_failed(&error);
            }
            return;
        };
        let job = Job {
            entry: entry.id,
            uid: uid.into_owned(),
            deliveries: delivery.deliveries,
            anew: entry.text("again").is_some_and(|word| word == "1"),
        };
        self.shared.hold(self.stream.group(), job.entry);
        self.deal_with(&job);
        self.shared.let_go(self.stream.group());
    }

    /// Asks, or not, and writes what came of it, for as long as that takes.
    fn deal_with(&mut self, job: &Job) {
        let mut written: Option<Box<Record>> = None;
        loop {
            let done = match &written {
                Some(record) => self.write(job, record),
                None => match self.refine(job) {
                    Ok(Refined::Record(record)) => {
                        written = Some(record);
                        continue;
                    }
                    Ok(Refined::Nothing) => self.settle(job).map(|()| true),
                    Ok(Refined::Stopped) => Ok(false),
                    Err(error) => Err(error),
                },
            };
            match done {
                Ok(true) => {
                    self.trouble.is_over(&self.context);
                    return;
                }
                Ok(false) => {}
                Err(_) if self.is_over() => {}
                Err(error) => self.store_failed(&error),
            }
            if self.is_over() {
                let _ = self.stream.give_back(&mut self.bus, &[job.entry]);
                return;
            }
        }
    }

    /// What is to be written about an entry.
    fn refine(&mut self, job: &Job) -> Result<Refined, BusError> {
        loop {
            self.follow();
            match self.plan(job)? {
                Plan::Settle => return Ok(Refined::Nothing),
                Plan::Write(record) => return Ok(Refined::Record(record)),
                Plan::Ask(both) => {
                    let (record, item) = *both;
                    if let Some(record) = self.ask(job, record, &item)? {
                        return Ok(Refined::Record(Box::new(record)));
                    }
                    if self.is_over() {
                        return Ok(Refined::Stopped);
                    }
                }
            }
        }
    }

    /// What is to be done, as analysis and item are now.
    fn plan(&mut self, job: &Job) -> Result<Plan, BusError> {
        let mut ask = redis::pipe();
        ask.hgetall(analysis::analysis_key(&job.uid));
        let item = feeds::item_key(&job.uid);
        ask.cmd("HMGET").arg(item).arg(&ITEM_FIELDS);
        let progress = self.progress.clone();
        let working = progress.working();
        let read: (HashMap<String, String>, Vec<Option<String>>) = self.bus.pipe(&ask)?;
        drop(working);
        let (hash, item) = read;
        let Some(mut record) = Record::from_hash(hash) else {
            return Ok(Plan::Settle);
        };
        if record.model_state != ModelState::Queued {
            return Ok(Plan::Settle);
        }
        let because = match Item::read(item) {
            _ if job.deliveries >= DELIVERIES_MAX => {
                record.model_state = ModelState::Failed;
                format!("delivered {} times and never done", job.deliveries)
            }
            None => "the item is gone".to_owned(),
            Some(item) if item.text_hash != record.text_hash => "the text has changed".to_owned(),
            Some(_) if self.setup.endpoint.is_none() => "no model is configured".to_owned(),
            Some(item) => match self.too_old(job.entry) {
                Some(because) => because,
                None => return Ok(Plan::Ask(Box::new((record, item)))),
            },
        };
        if record.model_state == ModelState::Queued {
            record.model_state = ModelState::Skipped;
        }
        record.because = because;
        Ok(Plan::Write(Box::new(record)))
    }

    /// Why an entry has waited for too long.
    fn too_old(&self, entry: EntryId) -> Option<String> {
        too_old(entry, self.setup.config.model.max_age_sec)
    }

    /// The analysis with what came of asking. `None`: to be planned anew, because something has changed, or all ends.
    fn ask(&mut self, job: &Job, record: Record, item: &Item) -> Result<Option<Record>, BusError> {
        let setup = Arc::clone(&self.setup);
        let Some(endpoint) = &setup.endpoint else {
            return Ok(None);
        };
        let tickers: Vec<String> = record
            .tickers
            .iter()
            .map(|t| t.symbol.to_string())
            .collect();
        let subject = Subject {
            title: &item.title,
            text: &item.text,
            url: &item.url,
            tickers: &tickers,
            anew: job.anew,
        };
        let progress = self.progress.clone();
        let mut waiting = Waiting {
            context: &self.context,
            setup: &setup,
            is_let_go: &self.is_let_go,
            progress: &progress,
            working: None,
            entry: job.entry,
        };
        let mut asker = Asker {
            endpoint,
            settings: &setup.config.model,
            client: &self.shared.client,
            memory: &self.shared.memory,
            ledger: &mut self.ledger,
        };
        let verdict = asker.ask(&subject, &mut waiting)?;
        let now_ts = wall_secs();
        Ok(match verdict {
            Verdict::Answered { answer, from_cache } => {
                log::debug!("{}: answered (from the cache: {from_cache})", job.uid);
                Some(refined::answered(record, answer, &endpoint.model, now_ts))
            }
            Verdict::Failed(because) => {
                log::debug!("{}: {because}", job.uid);
                Some(refined::without(record, ModelState::Failed, because))
            }
            Verdict::Skipped(because) => {
                Some(refined::without(record, ModelState::Skipped, because))
            }
            Verdict::Stopped => None,
        })
    }

    /// Writes it; whether that is over.
    fn write(&mut self, job: &Job, record: &Record) -> Result<bool, BusError> {
        let mut packet = redis::pipe();
        let commit = Commit {
            group: self.stream.group(),
            entry: job.entry,
            record,
            signature: "",
            anew: false,
            model_anew: false,
            model_queue_max: 0,
        };
        self.commit.commit_model(&mut packet, &commit);
        let progress = self.progress.clone();
        let working = progress.working();
        let answers = self.scripts.send(&mut self.bus, &packet, 1);
        drop(working);
        let answer = answers?.pop().unwrap_or(Value::Nil);
        if let Value::ServerError(error) = &answer {
            let error = script::refusal(error, &self.bus);
            if is_no_group(&error) {
                self.stream.group_is_gone();
            } else if error.is_write_refused() || error.is_passing() || error.is_no_such_command() {
                return Err(error);
            }
            log::warn!("item {} cannot be written: {error}", job.uid);
        } else if Settled::read(&answer).is_none() {
            log::warn!("item {}: the script answered {answer:?}", job.uid);
        }
        self.stream.settle(&[job.entry]);
        Ok(true)
    }

    /// Takes an entry away of which nothing is to be written.
    fn settle(&mut self, job: &Job) -> Result<(), BusError> {
        let mut packet = redis::pipe();
        packet.atomic();
        self.stream
            .group()
            .acknowledge_in(&mut packet, &[job.entry]);
        packet
            .cmd("XDEL")
            .arg(&self.stream.group().key)
            .arg(job.entry.to_string())
            .ignore();
        self.bus.pipe::<()>(&packet)?;
        self.stream.settle(&[job.entry]);
        Ok(())
    }
}

fn stream(setup: &Setup, consumer: &str) -> Consumer {
    queue::member(
        analysis::MODEL_TODO,
        consumer,
        queue::policy(&setup.config.analysis),
    )
}

fn progress(beat: &BeatHandle, setup: &Setup, consumer: &str) -> Progress {
    let budget = setup.config.model.timeout() + CALL_ROOM;
    beat.progress(format!("model {consumer}"), budget)
}

fn too_old(entry: EntryId, max_age_sec: u64) -> Option<String> {
    let waited_sec = wall_millis().saturating_sub(entry.ms) / 1_000;
    (waited_sec > max_age_sec)
        .then(|| format!("it has waited for longer than max_age_sec ({max_age_sec})"))
}

/// What a thread does while it waits for its turn, and while it is asking.
struct Waiting<'a> {
    context: &'a Context,
    setup: &'a Arc<Setup>,
    is_let_go: &'a AtomicBool,
    progress: &'a Progress,
    working: Option<crate::service::Working<'a>>,
    entry: EntryId,
}

impl Waiting<'_> {
    fn is_stopped(&self) -> bool {
        self.context.is_over() || self.is_let_go.load(Ordering::Relaxed)
    }
}

impl Hooks for Waiting<'_> {
    fn wait(&mut self, time: Duration, why: &str) -> Go {
        if !time.is_zero() {
            log::debug!("waits: {why}");
            self.context.wait(time);
        }
        loop {
            if self.is_stopped() || !Arc::ptr_eq(&self.context.setup(), self.setup) {
                return Go::Stop;
            }
            if let Some(because) = too_old(self.entry, self.setup.config.model.max_age_sec) {
                return Go::Skip(because);
            }
            if self.context.may_ask_model() {
                return Go::On;
            }
            // An operator has paused it: the item waits in hand.
            self.context.wait(PAUSE);
        }
    }

    fn calls(&mut self) {
        self.working = Some(self.progress.working());
    }

    fn called(&mut self) -> bool {
        self.working = None;
        !self.is_stopped()
    }
}
