//! A thread that analyses: it takes entries from the queue, reads their items, and writes what it finds.
//!
//! A batch costs three questions to the store, whatever its size: the entries, their items (and the prices beside them),
//! the scripts that settle them. What is analysed and cannot be written is kept, and written when the store takes it.

mod analysis;
mod settling;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::Value;

use super::context::{Context, Setup, Trouble};
use super::item::{ITEM_FIELDS, Item};
use super::queue::{self, Job};
use super::script::CommitScripts;
use crate::bus::script::{self, Scripts};
use crate::bus::stream::{Delivery, Several};
use crate::bus::{BusError, Commands, Limits};
use crate::clock::Mono;
use crate::contract::feeds;
use crate::service::{Error, Progress};

/// How long a worker waits for new entries at a time.
const BLOCK: Duration = Duration::from_secs(5);
/// How long one waits that may begin nothing.
const PAUSE: Duration = Duration::from_millis(250);
/// What the question for one item takes in bytes.
const HMGET_BYTES: usize = 160;
/// A step on this machine takes no longer.
pub const PROGRESS_BUDGET: Duration = Duration::from_secs(5);
/// How often an item is read that is another each time, before its entry is left to a later delivery.
const ROUNDS_MAX: usize = 5;

/// One thread that analyses.
pub struct Worker {
    context: Arc<Context>,
    setup: Arc<Setup>,
    /// `<name>:<thread>`.
    consumer: String,
    bus: Commands,
    streams: Several,
    commit: CommitScripts,
    scripts: Scripts,
    progress: Progress,
    trouble: Trouble,
    /// Fewer threads are wanted.
    is_let_go: Arc<AtomicBool>,
    /// When the entries in hand were last said to be worked on.
    renewed: Mono,
}

impl Worker {
    /// A worker that has just started. It ends with the context, or when `is_let_go` says so.
    pub fn new(
        context: Arc<Context>,
        consumer: &str,
        progress: Progress,
        is_let_go: Arc<AtomicBool>,
    ) -> Worker {
        let setup = context.setup();
        let commit = CommitScripts::default();
        Worker {
            consumer: consumer.to_owned(),
            bus: Commands::new(
                setup.address.clone(),
                format!("{}:work", context.name),
                Limits::default(),
            ),
            streams: queue::consumers(&setup.config.analysis, consumer),
            scripts: Scripts::new(commit.all()),
            commit,
            progress,
            trouble: Trouble::new(consumer),
            is_let_go,
            renewed: Mono::now(),
            setup,
            context,
        }
    }

    /// Works until it is to end.
    ///
    /// # Errors
    /// None: what fails is tried again.
    pub fn run(mut self) -> Result<(), Error> {
        while !self.is_over() {
            if !self.context.may_begin() {
                self.context.wait(PAUSE);
                continue;
            }
            self.follow();
            match self.streams.next(&mut self.bus, BLOCK) {
                Ok(delivered) => {
                    self.trouble.is_over(&self.context);
                    self.begin(delivered);
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

    /// Takes in a truth that has changed. There is nothing in hand.
    fn follow(&mut self) {
        let setup = self.context.setup();
        if self.reads_otherwise(&setup) {
            self.bus.set_address(setup.address.clone());
            self.streams = queue::consumers(&setup.config.analysis, &self.consumer);
        }
        self.setup = setup;
    }

    /// Whether by this truth entries are taken from elsewhere, or in another way.
    fn reads_otherwise(&self, setup: &Setup) -> bool {
        let (new, old) = (&setup.config.analysis, &self.setup.config.analysis);
        queue::policy(new) != queue::policy(old)
            || new.batch != old.batch
            || new.max_deliveries != old.max_deliveries
            || setup.address != self.setup.address
    }

    /// Deals with what was delivered, by the truth that is in force now: it may have been waited for.
    fn begin(&mut self, delivered: Vec<(usize, Delivery)>) {
        let setup = self.context.setup();
        if !self.reads_otherwise(&setup) {
            self.setup = setup;
        }
        if self.is_over() || self.context.may_begin() {
            self.work(delivered);
        } else {
            // Somebody asked for a pause meanwhile.
            let jobs = self.jobs(&delivered);
            self.give_back(&jobs);
        }
    }

    fn store_failed(&mut self, error: &BusError) {
        let pause = self.trouble.with_store(error, &self.context);
        self.context.wait(pause);
    }

    /// Deals with entries until none of them is in hand any more.
    fn work(&mut self, delivered: Vec<(usize, Delivery)>) {
        self.renewed = Mono::now();
        let mut jobs = self.jobs(&delivered);
        drop(delivered);
        for _ in 0..ROUNDS_MAX {
            if jobs.is_empty() {
                return;
            }
            jobs = self.round(jobs);
        }
        // These are written all the time. They are not lost: somebody takes them later.
        self.leave(&jobs);
    }

    /// What there is to do. Entries that name no item go to the dead letters at once.
    fn jobs(&mut self, delivered: &[(usize, Delivery)]) -> Vec<Job> {
        let mut jobs = Vec::with_capacity(delivered.len());
        for (stream, delivery) in delivered {
            match queue::job(*stream, delivery) {
                Ok(job) => jobs.push(job),
                Err(grave) => {
                    let consumer = self.streams.get(*stream);
                    let buried = consumer.map(|one| one.give_up(&mut self.bus, &grave));
                    if let Some(Err(error)) = buried {
                        // It stays under our name, and is looked at again.
                        self.forget(*stream, &[delivery.entry.id]);
                        self.store_failed(&error);
                    }
                }
            }
        }
        jobs
    }

    /// Reads, analyses and writes once; what has to be read again.
    fn round(&mut self, jobs: Vec<Job>) -> Vec<Job> {
        let Some(read) = self.read(jobs) else {
            return Vec::new();
        };
        let analysed = self.analyse(read);
        self.settle(analysed)
    }

    /// The items of these jobs as they are now. `None` when this is to end first; then everything is given back.
    fn read(&mut self, jobs: Vec<Job>) -> Option<Vec<(Job, Option<Item>)>> {
        let mut ask = redis::pipe();
        for job in &jobs {
            let mut hmget = redis::Cmd::with_capacity(2 + ITEM_FIELDS.len(), HMGET_BYTES);
            hmget.arg("HMGET").arg(feeds::item_key(&job.uid));
            ask.add_command(hmget.arg(&ITEM_FIELDS).take());
        }
        let answers = loop {
            let progress = self.progress.clone();
            let working = progress.working();
            let answers = self.bus.answers(&ask, jobs.len());
            drop(working);
            match answers {
                Ok(answers) => break answers,
                Err(_) if self.is_over() => {
                    self.give_back(&jobs);
                    return None;
                }
                Err(error) => self.store_failed(&error),
            }
        };
        let mut read = Vec::with_capacity(jobs.len());
        for (job, answer) in jobs.into_iter().zip(answers) {
            match answer {
                Value::Array(values) => {
                    let item = Item::read(values.into_iter().map(text).collect());
                    read.push((job, item));
                }
                Value::ServerError(error) => {
                    let error = script::refusal(&error, &self.bus);
                    log::warn!("item {} cannot be read: {error}", job.uid);
                    self.leave(&[job]);
                }
                _ => self.leave(&[job]),
            }
        }
        Some(read)
    }

    /// Says of everything in hand that it is being worked on, when it is time for that.
    fn renew_in_time(&mut self) {
        let every = self.setup.config.analysis.claim_idle() / 3;
        if Mono::now().since(self.renewed) < every {
            return;
        }
        self.renewed = Mono::now();
        for consumer in self.streams.iter_mut() {
            if let Err(error) = consumer.renew(&mut self.bus) {
                log::debug!("{}: {error}", self.consumer);
            }
        }
    }

    /// Others may take these at once.
    fn give_back(&mut self, jobs: &[Job]) {
        for stream in 0..queue::STREAMS.len() {
            let ours = jobs.iter().filter(|job| job.stream == stream);
            let ids: Vec<_> = ours.map(|job| job.entry).collect();
            if let Some(consumer) = self.streams.get(stream)
                && !ids.is_empty()
                && let Err(error) = consumer.give_back(&mut self.bus, &ids)
            {
                log::debug!("{}: {error}", self.consumer);
            }
        }
    }

    /// These stay pending, as if they had ended their worker: they are delivered once more when they have been left for
    /// long enough, and not for ever.
    fn leave(&mut self, jobs: &[Job]) {
        for job in jobs {
            self.forget(job.stream, &[job.entry]);
        }
    }

    fn forget(&mut self, stream: usize, ids: &[crate::bus::stream::EntryId]) {
        if let Some(consumer) = self.streams.get(stream) {
            consumer.settle(ids);
        }
    }
}

/// A value of a hash, as text; bytes that are none are replaced.
fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(
            String::from_utf8(bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        ),
        Value::SimpleString(text) => Some(text),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    }
}
