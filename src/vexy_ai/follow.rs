//! A thread that follows the log: what was analysed before this start, and what others analyse.

use std::sync::Arc;
use std::time::Duration;

use super::context::{Context, Setup, Trouble};
use super::local::near::{self, LIFE_SEC};
use crate::bus::stream::{self, Entry, EntryId, READ_MAX};
use crate::bus::{BusError, Commands, Limits};
use crate::clock::wall_secs;
use crate::contract::analysis;
use crate::service::Error;

/// How long it waits for what is new at a time.
const BLOCK: Duration = Duration::from_secs(5);
/// What comes meanwhile is read together.
const PAUSE: Duration = Duration::from_millis(100);

/// The thread.
pub struct Follower {
    context: Arc<Context>,
    setup: Arc<Setup>,
    bus: Commands,
    trouble: Trouble,
    /// Everything up to here is known.
    last: EntryId,
}

impl Follower {
    /// One that knows nothing yet.
    pub fn new(context: Arc<Context>) -> Follower {
        let setup = context.setup();
        Follower {
            bus: Commands::new(
                setup.address.clone(),
                format!("{}:follow", context.name),
                Limits::default(),
            ),
            trouble: Trouble::new("follow"),
            last: a_day_ago(),
            setup,
            context,
        }
    }

    /// Reads what there is, says that work may begin, and follows.
    ///
    /// # Errors
    /// None: what fails is tried again.
    pub fn run(mut self) -> Result<(), Error> {
        let mut is_ready = false;
        while !self.context.is_over() {
            self.follow_setup();
            let block = is_ready.then_some(BLOCK);
            match self.read(block) {
                Ok(count) => {
                    self.trouble.is_over(&self.context);
                    if !is_ready && count < READ_MAX {
                        is_ready = true;
                        self.context.is_ready();
                    }
                    if is_ready && count > 0 {
                        self.context.wait(PAUSE);
                    }
                }
                Err(error) => {
                    let pause = self.trouble.with_store(&error, &self.context);
                    self.context.wait(pause);
                }
            }
        }
        Ok(())
    }

    fn follow_setup(&mut self) {
        let setup = self.context.setup();
        if setup.address != self.setup.address {
            self.bus.set_address(setup.address.clone());
            self.last = a_day_ago();
        }
        self.setup = setup;
    }

    fn read(&mut self, block: Option<Duration>) -> Result<usize, BusError> {
        let read = stream::after(&mut self.bus, analysis::LOG, self.last, READ_MAX, block)?;
        for entries in read.chunks(64) {
            let mut index = self.context.index();
            for entry in entries {
                learn(entry, &mut index);
            }
        }
        if let Some(newest) = read.last() {
            self.last = newest.id;
        }
        Ok(read.len())
    }
}

fn learn(entry: &Entry, index: &mut near::Index) {
    let (Some(uid), Some(cluster)) = (entry.text("uid"), entry.text("cluster")) else {
        return;
    };
    // Our own are known already.
    if uid.is_empty() || cluster.is_empty() || index.has(&uid, &cluster) {
        return;
    }
    let signature = entry.text("sig").and_then(|text| near::read(&text));
    let came_ts = i64::try_from(entry.id.ms / 1_000).unwrap_or(0);
    index.learn(&uid, signature.as_ref(), &cluster, came_ts);
}

/// What came earlier is like nothing any more.
fn a_day_ago() -> EntryId {
    let ms = wall_secs().saturating_sub(LIFE_SEC).max(0).unsigned_abs() * 1_000;
    EntryId { ms, seq: 0 }
}
