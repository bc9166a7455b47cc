//! Who polls: one instance at a time, by a lease beside the items. The others stand by, and take over when it is gone.

use std::time::Duration;

use crossbeam_channel::{Sender, bounded};

use super::{Reader, StoreDown};
use crate::bus::lease::{Change, Lease, Order, Renewer, Terms};
use crate::bus::{Address, BusError, Commands, Limits};
use crate::clock::Mono;
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
    service.crew.spawn("lease", move || {
        renewer.run(&inbox, |change| {
            // A loop that takes no more events is ending.
            let _ = sender.send(Event::Lease(change));
        });
        Ok(())
    })?;
    Ok(orders)
}

impl Reader {
    pub(super) fn lease_changed(
        &mut self,
        change: Change,
        service: &mut Service<Event>,
    ) -> Result<(), Error> {
        match change {
            Change::Taken(fence) => {
                log::info!("this instance holds {} and polls", fence.key());
                self.pool.set_fence(&fence);
                self.fence = Some(fence);
                // Another may have polled since these were read.
                self.to_load = self.setup.config.feeds.clone();
                service.beat.set_status(None);
                self.store_is_back(service)
            }
            Change::Others { holder } => {
                let holder = holder.split('#').next().unwrap_or_default();
                match self.fence.take() {
                    Some(_) => log::warn!("instance {holder} took over: this one stands by"),
                    None => log::info!("instance {holder} polls: this one stands by"),
                }
                self.store_down = None;
                service.beat.set_status(Some("standby"));
                Ok(())
            }
            Change::Away(error) => {
                self.fence = None;
                self.lease_away(error, service);
                Ok(())
            }
        }
    }

    /// Nobody knows who may poll, so nobody does.
    fn lease_away(&mut self, error: BusError, service: &Service<Event>) {
        if self.store_down.as_ref().is_some_and(|down| down.is_told) {
            return;
        }
        let reason = format!("the store cannot be used: {error}; polls wait until it can");
        log::warn!("{reason}");
        service.beat.set_degraded(&reason);
        self.store_down = Some(StoreDown {
            why: error,
            since: Mono::now(),
            // Whoever asks for the lease finds out when it is back.
            probe_at: None,
            is_told: true,
        });
    }

    /// A write was fenced: the lease may be lost. What there is to know of that comes as an event.
    pub(super) fn ask_for_lease(&self) {
        // A queue that is full of orders has one of these.
        let _ = self.orders.try_send(Order::Ask);
    }

    /// The store is elsewhere by a new truth.
    pub(super) fn move_lease(&self, address: Address) {
        if self
            .orders
            .try_send(Order::Move(Box::new(address)))
            .is_err()
        {
            log::error!("the lease stays where it is: its thread does not take orders");
        }
    }
}
