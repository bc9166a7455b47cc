//! The truth that the healer went by until now.

use std::sync::Arc;

use crate::bus::Address;
use crate::truth::Truth;

/// The truth that was followed last, and where its buses were.
pub(super) struct Followed {
    pub(super) truth: Arc<Truth>,
    /// By the numbers of its buses; `None` where the environment spoiled one.
    pub(super) addresses: Vec<Option<Address>>,
}

impl Followed {
    /// Whether it had the service watched, and not at `address`.
    pub(super) fn has_elsewhere(&self, svc: &str, address: &Address) -> bool {
        let service = self.truth.service(svc).filter(|svc| svc.is_watched());
        service.is_some_and(|svc| self.addresses[svc.bus().index()].as_ref() != Some(address))
    }
}
