//! Where truth says how instances share the work: one of them holds it, as one part, in place of the lease of the store.

use crossbeam_channel::Sender;

use crate::bus::Address;
use crate::massive::Event;
use crate::massive::config::SERVICE;
use crate::massive::store::Shared;
use crate::service::lease::{ShareOrder, is_release, parts_wanted, share};
use crate::service::{Error, Service};

/// Keeps the part, which another instance takes over when this one is gone; `None` where truth says nothing of instances.
/// What there is to be told of it the writer finds out.
pub(super) fn begin(service: &mut Service<Event>, bus: &Address) -> Result<Option<Shared>, Error> {
    if parts_wanted(&service.truth, SERVICE).is_none() {
        return Ok(None);
    }
    let (gate, orders) = share(service, 1, bus.clone(), |change| {
        log::debug!("of the work this instance has: {change:?}");
    })?;
    Ok(Some(Shared {
        gate,
        orders,
        token: None,
    }))
}

/// A new truth: the buses may be elsewhere.
pub(super) fn follow(orders: Option<&Sender<ShareOrder>>, bus: &Address, service: &Service<Event>) {
    if parts_wanted(&service.truth, SERVICE).is_some() != orders.is_some() {
        log::warn!(
            "truth says otherwise now how instances share the work: that counts from the next start on"
        );
    }
    let Some(orders) = orders else { return };
    let moves = ShareOrder::Move {
        system: Box::new(service.buses.system()),
        results: Box::new(bus.clone()),
    };
    if orders.try_send(moves).is_err() {
        log::error!("the part stays where it is: its thread does not take orders");
    }
}

/// What mesh and others say on the system bus: when somebody gave something back, it is looked at once.
pub(super) fn heard(orders: Option<&Sender<ShareOrder>>, gossip: &[u8]) {
    if let Some(orders) = orders.filter(|_| is_release(gossip)) {
        // A queue that is full of orders has one of these.
        let _ = orders.try_send(ShareOrder::Look);
    }
}
