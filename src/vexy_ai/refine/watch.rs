//! What the threads of the model stage share, and the one that keeps hold of their entries while they wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::bus::stream::{EntryId, Group, Holder};
use crate::bus::{BusError, Commands, Limits};
use crate::clock::Mono;
use crate::fail_stop::lock;
use crate::net::trust_store::TrustStore;
use crate::service::{Error, Progress};
use crate::vexy_ai::Event;
use crate::vexy_ai::context::{Context, Trouble};
use crate::vexy_ai::model::client::Client;
use crate::vexy_ai::model::dialect::Memory;
use crate::vexy_ai::model::ledger::Ledger;

/// How often it looks whether everything is to end.
const TICK: Duration = Duration::from_millis(500);
/// How often it looks how the breaker stands.
const BREAKER_EVERY: Duration = Duration::from_secs(5);
/// A breaker that is open for so long is said.
const OPEN_LONG: Duration = Duration::from_secs(600);
/// Who has the trouble that it tells.
const WHO: &str = "model";
/// A round takes no longer.
pub const PROGRESS_BUDGET: Duration = Duration::from_secs(10);

/// What the threads of the model stage share.
pub struct Shared {
    pub client: Client,
    pub memory: Memory,
    /// Which entry each consumer has in hand.
    held: Mutex<BTreeMap<String, (Group, EntryId)>>,
}

impl Shared {
    /// Nothing is in hand.
    pub fn new(trust: &TrustStore) -> Shared {
        Shared {
            client: Client::new(trust),
            memory: Memory::default(),
            held: Mutex::default(),
        }
    }

    /// Has this consumer an entry in hand?
    pub(super) fn is_held(&self, consumer: &str) -> bool {
        self.held().contains_key(consumer)
    }

    /// This entry is in hand.
    pub(super) fn hold(&self, group: &Group, entry: EntryId) {
        let held = (group.clone(), entry);
        self.held().insert(group.consumer.clone(), held);
    }

    /// None is.
    pub(super) fn let_go(&self, group: &Group) {
        self.held().remove(&group.consumer);
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, (Group, EntryId)>> {
        lock(&self.held)
    }
}

/// The thread that keeps hold: a call may take ten minutes, and a wait for the budget a day.
pub struct Watch {
    context: Arc<Context>,
    shared: Arc<Shared>,
    bus: Commands,
    holder: Holder,
    ledger: Ledger,
    progress: Progress,
    trouble: Trouble,
    next_renewal: Mono,
    next_look: Mono,
    /// What was told of the breaker.
    told: Option<String>,
}

impl Watch {
    /// One that has just started.
    pub fn new(context: Arc<Context>, shared: Arc<Shared>, progress: Progress) -> Watch {
        let address = context.setup().address.clone();
        let name = format!("{}:hold", context.name);
        Watch {
            bus: Commands::new(address.clone(), name.clone(), Limits::default()),
            ledger: Ledger::new(address, &name),
            holder: Holder::default(),
            trouble: Trouble::new("model watch"),
            next_renewal: Mono::now(),
            next_look: Mono::now(),
            told: None,
            progress,
            shared,
            context,
        }
    }

    /// Works until everything is to end; then it ends the calls under way.
    ///
    /// # Errors
    /// None: what fails is tried again.
    pub fn run(mut self) -> Result<(), Error> {
        while !self.context.is_over() {
            let pause = match self.round() {
                Ok(()) => {
                    self.trouble.is_over(&self.context);
                    TICK
                }
                Err(error) => self.trouble.with_store(&error, &self.context).max(TICK),
            };
            self.context.wait(pause);
        }
        self.shared.client.stop();
        Ok(())
    }

    fn round(&mut self) -> Result<(), BusError> {
        let setup = self.context.setup();
        self.bus.set_address(setup.address.clone());
        self.ledger.set_address(setup.address.clone());
        let now = Mono::now();
        let progress = self.progress.clone();
        let _working = progress.working();
        if now >= self.next_renewal {
            let held: Vec<(Group, EntryId)> = self.shared.held().values().cloned().collect();
            for (group, entry) in held {
                self.holder.renew(&mut self.bus, &group, &[entry])?;
            }
            self.next_renewal = now + setup.config.analysis.claim_idle() / 3;
        }
        if now >= self.next_look {
            let why = match &setup.endpoint {
                Some(endpoint) => {
                    let (breaker, now_ms) = self.ledger.breaker(&endpoint.fingerprint)?;
                    breaker.trouble(now_ms, OPEN_LONG)
                }
                None => None,
            };
            if why != self.told {
                let who = WHO.to_owned();
                self.told.clone_from(&why);
                self.context.tell(Event::Trouble { who, why });
            }
            self.next_look = now + BREAKER_EVERY;
        }
        Ok(())
    }
}
