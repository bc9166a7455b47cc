//! The lease beside the items, by which one instance polls and the others stand by.

use std::time::Duration;

use crossbeam_channel::{Sender, bounded};

use crate::bus::lease::{Lease, Order, Renewer, Terms};
use crate::bus::{Address, Commands, Limits};
use crate::contract::feeds;
use crate::rss_agg::Event;
use crate::service::{Error, Service};

/// An instance that stands by polls at the latest so long after the other was gone. A renewal that waits for a store
/// that is slow, or a second away, is still in time.
const TERMS: Terms = Terms {
    ttl: Duration::from_secs(10),
    renew: Duration::from_secs(2),
};
/// Orders that may wait for the thread that keeps the lease, while it waits for an answer.
const ORDERS_MAX: usize = 64;

/// What the thread that keeps the lease is called.
pub(super) const LEASE_THREAD: &str = "lease";

/// Starts the thread that keeps the lease in the store at `address`.
pub(super) fn keep_lease(
    address: Address,
    service: &mut Service<Event>,
) -> Result<Sender<Order>, Error> {
    let lease = Lease::with_tokens(feeds::LEASE, &service.inst, TERMS);
    let renewer = Renewer::new(
        lease,
        Commands::new(address, "rss_agg:lease", Limits::default()),
    );
    let (orders, inbox) = bounded(ORDERS_MAX);
    let sender = service.sender.clone();
    service.threads.spawn(LEASE_THREAD, move || {
        renewer.run(&inbox, |change| {
            // A loop that takes no more events is ending.
            let _ = sender.send(Event::Lease(change));
        });
        Ok(())
    })?;
    Ok(orders)
}
