//! Whose turn it is: one instance polls everything by a lease beside the items, or several share the feeds by parts.

use std::collections::BTreeMap;
use std::time::Duration;

use crossbeam_channel::Sender;

use super::own_lease::{LEASE_THREAD, keep_lease};
use crate::bus::Address;
use crate::bus::lease::{Fence, Order};
use crate::clock::Mono;
use crate::contract::lease::part_of;
use crate::rss_agg::Event;
use crate::rss_agg::config::SERVICE;
use crate::service::lease::{Gate, Permit, ShareOrder, THREAD, parts_wanted, share};
use crate::service::{Error, Service};

/// The part with which goes what is done for all feeds: sweeping, forgetting.
const CHORES: u32 = 0;
/// A gate that shut is looked at so often; the thread that renews may be about to open it.
const SHUT_PAUSE: Duration = Duration::from_secs(1);

/// Who polls.
pub(super) enum Turns {
    /// One instance, which holds the lease; the fence lets its writes pass.
    Alone {
        fence: Option<Fence>,
        orders: Sender<Order>,
    },
    Shared(Shared),
}

/// The parts of this instance.
pub(super) struct Shared {
    gate: Gate,
    parts: u32,
    /// What was told last, with the tokens. The gate may have shut since.
    open: BTreeMap<u32, u64>,
    orders: Sender<ShareOrder>,
}

/// Leave for one job.
pub(super) struct Leave {
    pub fence: Fence,
    /// Its part is not given back before this is dropped.
    pub permit: Option<Permit>,
}

impl Turns {
    /// Starts the thread that keeps the lease in the store at `store`, or the parts on the system bus.
    pub fn start(store: Address, service: &mut Service<Event>) -> Result<Turns, Error> {
        let Some(parts) = parts_wanted(&service.truth, SERVICE) else {
            let orders = keep_lease(store, service)?;
            return Ok(Turns::Alone {
                fence: None,
                orders,
            });
        };
        let sender = service.sender.clone();
        let (gate, orders) = share(service, parts, store, move |change| {
            // A loop that takes no more events is ending.
            let _ = sender.send(Event::Shares(change));
        })?;
        Ok(Turns::Shared(Shared {
            gate,
            parts,
            open: BTreeMap::new(),
            orders,
        }))
    }

    /// The name of the thread.
    pub fn thread(&self) -> &'static str {
        match self {
            Turns::Alone { .. } => LEASE_THREAD,
            Turns::Shared(_) => THREAD,
        }
    }

    /// Whether it is this instance's turn to poll `feed`, as far as was told.
    pub fn has(&self, feed: &str) -> bool {
        match self {
            Turns::Alone { fence, .. } => fence.is_some(),
            Turns::Shared(shared) => shared.open.contains_key(&part_of(feed, shared.parts)),
        }
    }

    /// Whether anything may begin now.
    pub fn may_work(&self, now: Mono) -> bool {
        match self {
            Turns::Alone { fence, .. } => fence.is_some(),
            Turns::Shared(shared) => shared
                .open
                .keys()
                .any(|part| shared.gate.is_open(*part, now)),
        }
    }

    /// When to look again, where work is held and may not begin.
    pub fn look_again(&self, now: Mono) -> Option<Mono> {
        match self {
            Turns::Alone { .. } => None,
            Turns::Shared(shared) => (!shared.open.is_empty()).then(|| now + SHUT_PAUSE),
        }
    }

    /// Leave to poll `feed`.
    pub fn enter(&self, feed: &str, now: Mono) -> Option<Leave> {
        match self {
            Turns::Alone { .. } => self.enter_part(CHORES, now),
            Turns::Shared(shared) => self.enter_part(part_of(feed, shared.parts), now),
        }
    }

    /// Leave to do what is done for all feeds.
    pub fn enter_chores(&self, now: Mono) -> Option<Leave> {
        self.enter_part(CHORES, now)
    }

    /// Leave to look at the store, whatever is held.
    pub fn enter_any(&self, now: Mono) -> Option<Leave> {
        let part = match self {
            Turns::Alone { .. } => CHORES,
            Turns::Shared(shared) => *shared.open.keys().next()?,
        };
        self.enter_part(part, now)
    }

    /// Whether what is done for all feeds is this instance's, as far as was told.
    pub fn has_chores(&self) -> bool {
        match self {
            Turns::Alone { fence, .. } => fence.is_some(),
            Turns::Shared(shared) => shared.open.contains_key(&CHORES),
        }
    }

    fn enter_part(&self, part: u32, now: Mono) -> Option<Leave> {
        match self {
            Turns::Alone { fence, .. } => Some(Leave {
                fence: fence.clone()?,
                permit: None,
            }),
            Turns::Shared(shared) => {
                shared.open.get(&part)?;
                let permit = shared.gate.enter(part, now)?;
                Some(Leave {
                    fence: Fence::of_part(SERVICE, part, permit.token()),
                    permit: Some(permit),
                })
            }
        }
    }

    /// A write for `feed` was fenced, or one for all feeds: what is held may be lost. What there is to know of that comes
    /// as an event.
    pub fn was_fenced(&self, feed: Option<&str>) {
        // A queue that is full of orders has one of these.
        match self {
            Turns::Alone { orders, .. } => drop(orders.try_send(Order::Ask)),
            Turns::Shared(shared) => {
                let part = feed.map_or(CHORES, |feed| part_of(feed, shared.parts));
                drop(shared.orders.try_send(ShareOrder::Fenced(part)));
            }
        }
    }

    /// Somebody gave something back.
    pub fn look(&self) {
        if let Turns::Shared(shared) = self {
            drop(shared.orders.try_send(ShareOrder::Look));
        }
    }

    /// The buses, or the number of parts, are others by a new truth. False when the thread takes no orders.
    pub fn follow(&mut self, store: Address, service: &Service<Event>) -> bool {
        match self {
            Turns::Alone { orders, .. } => orders.try_send(Order::Move(Box::new(store))).is_ok(),
            Turns::Shared(shared) => {
                let system = Box::new(service.buses.system());
                let results = Box::new(store);
                let moves = ShareOrder::Move { system, results };
                let mut is_told = shared.orders.try_send(moves).is_ok();
                if let Some(parts) = parts_wanted(&service.truth, SERVICE)
                    && parts != shared.parts
                {
                    is_told &= shared.orders.try_send(ShareOrder::Want(parts)).is_ok();
                    // Of the old parts nothing begins any more: they are other feeds.
                    shared.parts = parts;
                    shared.open.clear();
                }
                is_told
            }
        }
    }

    /// These parts are held from now on.
    pub fn set_open(&mut self, open: BTreeMap<u32, u64>) {
        if let Turns::Shared(shared) = self {
            shared.open = open;
        }
    }

    /// The token of the part of `feed`, if it is held.
    pub fn token_of(&self, feed: &str) -> Option<u64> {
        match self {
            Turns::Alone { .. } => None,
            Turns::Shared(shared) => shared.open.get(&part_of(feed, shared.parts)).copied(),
        }
    }
}
