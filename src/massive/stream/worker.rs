//! The thread that works on frames: it reads them, keeps the newest of each symbol, and hands that to the loop every
//! 100 ms, as soon as the loop has taken what was before.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{SendTimeoutError, Sender};

use super::coalesce::{Coalescer, Flush};
use super::queue::{Dropped, Frame, Item, Queue};
use super::target::{Board, Terms};
use crate::clock::Mono;
use crate::massive::config::StreamMode;
use crate::massive::facts::Refusals;
use crate::massive::frames::{self, Cluster};
use crate::massive::{Event, StreamNews};
use crate::service::{Error, Progress};

/// How often the loop gets what came.
pub const FLUSH_EVERY: Duration = Duration::from_millis(100);
/// Decoder that are behind by so much leave a gap; the next one begins when they had caught up.
const LAG_MAX: Duration = Duration::from_secs(5);
const LAG_OVER: Duration = Duration::from_secs(1);
/// How long the loop may have no room before it is looked whether it still wants any.
const ROOM: Duration = Duration::from_millis(50);
/// What is kept of a frame that was not understood.
const FRAME_KEPT_BYTES: usize = 4 * 1024;

/// What the loop gets.
#[derive(Debug)]
pub struct Batch {
    pub flush: Flush,
    pub dropped: Dropped,
    pub frames: u64,
    pub refusals: BTreeMap<Cluster, Refusals>,
    pub not_understood: u64,
    /// The first of those: whose, why, and how it begins. It is not without a key yet.
    pub bad_frame: Option<(Cluster, String, String)>,
    /// Frees the way for the next one when it is dropped.
    _taken: Taken,
}

/// The loop has a batch that it did not work on yet.
#[derive(Debug)]
struct Taken(Arc<AtomicBool>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// The thread.
pub struct Worker {
    pub queue: Arc<Queue>,
    pub terms: Board<Terms>,
    pub sender: Sender<Event>,
    pub progress: Progress,
}

/// What it has in hand.
struct Work {
    coalescer: Coalescer,
    terms: Arc<Terms>,
    dropped: Dropped,
    frames: u64,
    refusals: BTreeMap<Cluster, Refusals>,
    not_understood: u64,
    bad_frame: Option<(Cluster, String, String)>,
    is_lagging: bool,
    is_under_way: Arc<AtomicBool>,
}

impl Worker {
    /// Works until the queue is closed.
    ///
    /// # Errors
    /// None.
    pub fn run(self) -> Result<(), Error> {
        let terms = self.terms.get();
        let mut work = Work {
            coalescer: Coalescer::new(terms.mode.feed()),
            terms,
            dropped: Dropped::default(),
            frames: 0,
            refusals: BTreeMap::new(),
            not_understood: 0,
            bad_frame: None,
            is_lagging: false,
            is_under_way: Arc::default(),
        };
        work.coalescer.set_rules(&work.terms.rules);
        let mut next = Mono::now() + FLUSH_EVERY;
        loop {
            let taken = self.queue.take(next.since(Mono::now()));
            if taken.is_closed {
                return Ok(());
            }
            let progress = self.progress.clone();
            let _working = progress.working();
            self.follow(&mut work);
            if let Some(since) = taken.dropped.since {
                let why = "frames came faster than they were worked on".to_owned();
                self.gap(None, Mono::now().since(since), why);
            }
            work.dropped.add(taken.dropped);
            for item in taken.items {
                match item {
                    Item::Frame(frame) => self.frame(&mut work, &frame),
                    Item::Sources(cluster, sources) => {
                        for (symbol, source) in sources {
                            work.coalescer.set_source(cluster, &symbol, source);
                        }
                    }
                }
                if Mono::now() >= next {
                    next = Mono::now() + FLUSH_EVERY;
                    self.flush(&mut work);
                }
            }
            if Mono::now() >= next {
                next = Mono::now() + FLUSH_EVERY;
                self.flush(&mut work);
            }
        }
    }

    fn follow(&self, work: &mut Work) {
        let terms = self.terms.get();
        if Arc::ptr_eq(&terms, &work.terms) {
            return;
        }
        work.coalescer.set_feed(terms.mode.feed());
        work.coalescer.set_rules(&terms.rules);
        work.terms = terms;
    }

    fn frame(&self, work: &mut Work, frame: &Frame) {
        let lag = Mono::now().since(frame.came);
        if lag > LAG_MAX && !work.is_lagging {
            work.is_lagging = true;
            let why = "what came was worked on too late".to_owned();
            self.gap(Some(frame.cluster), lag, why);
        } else if lag < LAG_OVER {
            work.is_lagging = false;
        }
        if work.terms.mode == StreamMode::Off {
            return;
        }
        work.frames += 1;
        let mut refusals = Refusals::default();
        let coalescer = &mut work.coalescer;
        let now_ms = work.terms.clock.now_ms();
        let read = frames::read(
            &frame.text,
            frame.cluster,
            now_ms,
            &mut refusals,
            &mut |event| coalescer.take(&event),
        );
        if refusals.count() > 0 {
            work.refuse(frame.cluster, &refusals);
        }
        if let Err(why) = read {
            work.not_understood += 1;
            work.bad_frame.get_or_insert_with(|| {
                let begin = crate::text::cut(&frame.text, FRAME_KEPT_BYTES).to_owned();
                (frame.cluster, why.to_string(), begin)
            });
        }
    }

    /// Hands on what came, unless the loop has not taken yet what was before: then it waits, and gets newer.
    fn flush(&self, work: &mut Work) {
        let is_empty = work.coalescer.is_empty()
            && work.dropped == Dropped::default()
            && work.frames == 0
            && work.refusals.is_empty();
        if is_empty || work.is_under_way.swap(true, Ordering::AcqRel) {
            return;
        }
        let batch = Batch {
            flush: work.coalescer.flush(),
            dropped: std::mem::take(&mut work.dropped),
            frames: std::mem::take(&mut work.frames),
            refusals: std::mem::take(&mut work.refusals),
            not_understood: std::mem::take(&mut work.not_understood),
            bad_frame: work.bad_frame.take(),
            _taken: Taken(work.is_under_way.clone()),
        };
        self.send(StreamNews::Batch(batch));
    }

    fn gap(&self, cluster: Option<Cluster>, length: Duration, why: String) {
        let ms = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        self.send(StreamNews::Gap { cluster, ms, why });
    }

    fn send(&self, news: StreamNews) {
        let mut event = Event::Stream(Box::new(news));
        while let Err(SendTimeoutError::Timeout(back)) = self.sender.send_timeout(event, ROOM) {
            if self.queue.is_closed() {
                return;
            }
            event = back;
        }
    }
}

impl Work {
    /// Keeps the refusals of a frame, those of a cluster together.
    fn refuse(&mut self, cluster: Cluster, refusals: &Refusals) {
        let kept = self.refusals.entry(cluster).or_default();
        for refusal in refusals.list() {
            kept.add(&refusal.symbol, refusal.path.clone(), refusal.reason);
        }
    }
}
