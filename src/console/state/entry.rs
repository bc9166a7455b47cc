//! One service, and how it is shown. Pure.

use std::sync::Arc;

use super::known::Known;
use crate::console::view::{Row, Stand};
use crate::contract::Health;
use crate::history::Record;
use crate::swarm_state::{Oversight, State as Judged, Who};
use crate::text::SafeText;

/// One service, as it is known.
pub(super) struct Entry {
    pub(super) svc: Arc<str>,
    pub(super) group: Arc<str>,
    pub(super) bus: Arc<str>,
    pub(super) is_watched: bool,
    pub(super) timeout_sec: f64,
    pub(super) depends: Arc<[Box<str>]>,
    pub(super) known: Option<Known>,
    pub(super) record: Arc<Record>,
    pub(super) row: Option<Arc<Row>>,
}

impl Entry {
    /// The service as it is shown. `marks`: whether it is silenced, and whether its outage is acknowledged.
    pub(super) fn row(
        &self,
        oversight: Option<&Oversight>,
        unseen: Option<&SafeText>,
        (silenced, acked): (bool, bool),
        now_ts: i64,
    ) -> Row {
        let health = self.known.as_ref().map(|known| known.health(&self.svc));
        let health = health.as_ref();
        let who = Who {
            name: &self.svc,
            is_watched: self.is_watched,
            bus: &self.bus,
        };
        let standing = match oversight.filter(|_| unseen.is_none()) {
            Some(oversight) => oversight.standing(who, health),
            None if self.is_watched => Judged::Unknown.into(),
            None => Judged::Off.into(),
        };
        let announced = self
            .known
            .as_ref()
            .is_some_and(|known| known.is_announced(now_ts));
        let is_planned = silenced || announced;
        let stand = match standing.state {
            Judged::Up => Stand::Up,
            Judged::Down if is_planned => Stand::Planned,
            Judged::Down => Stand::Down,
            Judged::Degraded => Stand::Degraded,
            Judged::Unknown => Stand::Unknown,
            Judged::Off => Stand::Off,
        };
        let holds = health.filter(|health| standing.is_as_in(health));
        let last_known = health.filter(|_| stand == Stand::Unknown && !standing_is_own(health));
        Row {
            svc: self.svc.clone(),
            group: self.group.clone(),
            bus: self.bus.clone(),
            stand,
            said: standing
                .said
                .as_deref()
                .filter(|_| stand == Stand::Up)
                .map(Box::from),
            unknown_since: self.known.as_ref().and_then(Known::unknown_since),
            since_ts: holds.map(|health| health.since_ts).filter(|ts| *ts > 0),
            reason: standing
                .reason
                .or_else(|| unseen.cloned().filter(|_| stand == Stand::Unknown)),
            last_known: last_known.and_then(|health| Stand::of(health.status.as_str())),
            last_seen_ts: health.and_then(|health| health.last_seen_ts),
            last_i: None,
            timeout_sec: self.timeout_sec,
            misses: health.map_or(0, |health| health.misses),
            restarts: health.map_or(0, |health| health.restarts),
            depends: Arc::clone(&self.depends),
            silenced,
            acked,
            record: Arc::clone(&self.record),
        }
    }
}

/// Whether the healer itself wrote that it does not know: then nothing else was known last.
fn standing_is_own(health: Option<&Health>) -> bool {
    health.is_some_and(|health| health.status == crate::contract::Status::Unknown)
}
