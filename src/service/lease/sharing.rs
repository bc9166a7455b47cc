//! What a daemon needs to share its work: what truth says, the thread, and what others say.

use crossbeam_channel::{Sender, bounded};

use super::gate::Gate;
use super::keeper::{Keeper, ShareChange, ShareOrder};
use super::member::Member;
use crate::bus::{Address, Commands, Limits};
use crate::service::{Error, Notice, Service};
use crate::truth::{Mode, Truth};

/// Whether a message on [`crate::contract::mesh::GOSSIP`] says that somebody gave back some work.
pub fn is_release(gossip: &[u8]) -> bool {
    memchr::memmem::find(gossip, br#""type":"released""#).is_some()
}

/// Orders that may wait for the thread that keeps the parts, while it waits for an answer.
const ORDERS_MAX: usize = 64;
/// What that thread is called.
pub const THREAD: &str = "shares";

/// In how many parts truth wants the work of `svc` shared; `None`: its instances do not share it by parts.
pub fn parts_wanted(truth: &Truth, svc: &str) -> Option<u32> {
    let instances = truth.service(svc)?.instances()?;
    match instances.mode {
        Mode::One => Some(1),
        Mode::Shared => Some(instances.parts),
        Mode::Free => None,
    }
}

/// Starts the thread that keeps this instance's parts; results go to the bus at `results`. Each change is told. The parts
/// are given back when the orders are dropped.
///
/// # Errors
/// No thread can be started.
pub fn share<E: From<Notice> + Send + 'static>(
    service: &mut Service<E>,
    parts: u32,
    results: Address,
    tell: impl FnMut(ShareChange) + Send + 'static,
) -> Result<(Gate, Sender<ShareOrder>), Error> {
    let gate = Gate::default();
    let member = Member::new(service.id, &service.inst, &service.host, parts);
    let connection = |address, role: &str| {
        Commands::new(address, format!("{}:{role}", service.id), Limits::default())
    };
    let system = connection(service.buses.system(), THREAD);
    let keeper = Keeper::new(member, system, connection(results, "fence"), gate.clone());
    let (orders, inbox) = bounded(ORDERS_MAX);
    service.threads.spawn(THREAD, move || {
        keeper.run(&inbox, tell);
        Ok(())
    })?;
    Ok((gate, orders))
}
