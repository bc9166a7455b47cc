//! Who is told: an aggregator that follows the alert log on the same virtual clock and dies with the healer that speaks.

use std::collections::BTreeMap;

use super::store::{Deed, Line, Said, Store};
use super::truth::{Watching, name};
use crate::contract::{Alert, AlertKind};
use crate::notify::aggregator::{Aggregator, Rules};
use crate::notify::notification::{Ms, Notification};
use crate::swarm_state::LogEntry;

/// The virtual clock begins here, on a Tuesday at 14:00 UTC.
const START: Ms = 1_794_924_000_000;
/// How long the aggregator goes on after the world has ended: every wait of its own is over then.
const REST: u64 = 24 * 3_600_000_000;

/// The people, and the aggregator that speaks to them.
pub struct People {
    rules: Rules,
    /// Each service depends on the one before it.
    pub chained: bool,
    /// The aggregator, with the healer and the boot that it belongs to.
    live: Option<(usize, u32, Aggregator)>,
    /// Entries of the log that the live one heard.
    heard: usize,
    kept: Kept,
    /// When truth dropped a service.
    dropped: BTreeMap<usize, u64>,
    /// Truth dropped a service, which the live one does not know yet.
    pub truth_is_news: bool,
    /// The live one knows of every service that was dropped before this.
    drops_known: u64,
    /// How often it did so.
    pub drops: usize,
    pub messages: Vec<(Ms, Notification)>,
}

/// What Redis keeps for the aggregator, written in one transaction.
#[derive(Default)]
struct Kept {
    meta: Option<String>,
    records: BTreeMap<String, String>,
    heard: usize,
    at: u64,
}

impl People {
    pub fn new(chained: bool, rate_limit_ms: Ms) -> People {
        People {
            rules: Rules {
                rate_limit_ms,
                ..Rules::default()
            },
            chained,
            live: None,
            heard: 0,
            kept: Kept::default(),
            dropped: BTreeMap::new(),
            truth_is_news: false,
            drops_known: 0,
            drops: 0,
            messages: Vec::new(),
        }
    }

    /// Truth names the service no more.
    pub fn drop_service(&mut self, svc: usize, now: u64) {
        self.dropped.insert(svc, now);
        self.drops += 1;
        self.truth_is_news = true;
    }

    /// Truth names it again; whether the teller never knew that it was dropped.
    pub fn undo_drop(&mut self, svc: usize) -> bool {
        let is_unknown = self
            .dropped
            .get(&svc)
            .is_some_and(|at| *at >= self.drops_known);
        if is_unknown {
            self.dropped.remove(&svc);
            self.drops -= 1;
        }
        is_unknown
    }

    /// Does what is due at `now`; returns when something is due again.
    pub fn step(
        &mut self,
        now: u64,
        speaker: Option<(usize, u32)>,
        store: &Store,
        truth: &[Watching],
    ) -> Option<u64> {
        let now_ms = millis(now);
        self.follow(speaker, now_ms);
        let (_, _, aggregator) = self.live.as_mut()?;
        if std::mem::take(&mut self.truth_is_news) {
            // One that was named again since is watched.
            let since = std::mem::replace(&mut self.drops_known, now + 1);
            let dropped = &self.dropped;
            aggregator.set_world(now_ms, depends_on(self.chained, truth), |svc| {
                let is_news = |(d, at): (&usize, &u64)| *at >= since && name(*d) == svc;
                !dropped.iter().any(is_news)
            });
        }
        for entry in &store.log[self.heard..] {
            self.heard += 1;
            aggregator.hear(now_ms, as_heard(self.heard, entry, truth), true);
            let svc = entry.deed.svc;
            if self
                .dropped
                .get(&svc)
                .is_some_and(|&at| at > entry.written_at)
            {
                aggregator.forget_service(now_ms, &name(svc));
            }
        }
        let mut spoke = false;
        if aggregator.next_wake().is_some_and(|at| at <= now_ms) {
            let id = format!("m{}", self.messages.len() + 1);
            if let Some(notification) = aggregator.compose(now_ms, None, &id) {
                self.messages.push((now_ms, notification));
                spoke = true;
            }
        }
        // As a channel does: what was heard is acknowledged with the message that says it, or when there is none.
        if spoke || !aggregator.has_news() {
            let changes = aggregator.take_changes();
            self.kept.meta = Some(changes.meta);
            self.kept.records.extend(changes.put);
            for gone in changes.delete {
                self.kept.records.remove(&gone);
            }
            self.kept.heard = self.heard;
            self.kept.at = now;
        }
        let wake = aggregator.next_wake()?;
        Some(u64::try_from(wake - START).unwrap_or(0) * 1000).map(|at| at.max(now + 1000))
    }

    /// Lets everything that is still due come.
    pub fn rest(&mut self, mut now: u64, speaker: (usize, u32), store: &Store, truth: &[Watching]) {
        let end = now + REST;
        while let Some(at) = self
            .step(now, Some(speaker), store, truth)
            .filter(|&at| at < end)
        {
            now = at;
        }
    }

    /// The instance that speaks has an aggregator; what another knew and did not write down is gone.
    fn follow(&mut self, speaker: Option<(usize, u32)>, now_ms: Ms) {
        let Some((healer, boot)) = speaker else {
            self.live = None;
            return;
        };
        if matches!(self.live, Some((h, b, _)) if (h, b) == (healer, boot)) {
            return;
        }
        let records = self.kept.records.clone();
        let aggregator = match &self.kept.meta {
            Some(meta) => {
                Aggregator::restore(self.rules, now_ms, meta, records).expect("what it wrote")
            }
            None => Aggregator::new(self.rules, now_ms),
        };
        self.truth_is_news = true;
        self.drops_known = self.kept.at;
        self.heard = self.kept.heard;
        self.live = Some((healer, boot, aggregator));
    }
}

fn depends_on(chained: bool, truth: &[Watching]) -> Vec<(String, Vec<String>)> {
    let chain = (1..truth.len()).filter(|_| chained);
    chain.map(|svc| (name(svc), vec![name(svc - 1)])).collect()
}

fn as_heard(n: usize, entry: &Line, truth: &[Watching]) -> LogEntry {
    let at_ms = millis(entry.written_at);
    LogEntry {
        id: format!("{at_ms}-{n}"),
        n: Some(n as u64),
        at_ms,
        alert: alert(&entry.deed, at_ms, truth),
    }
}

fn alert(deed: &Deed, at_ms: Ms, truth: &[Watching]) -> Alert {
    let kind = match deed.said {
        Said::Missed => AlertKind::HeartbeatMiss,
        Said::Ok => AlertKind::HeartbeatOk,
        Said::Flapping => AlertKind::Flapping,
        Said::Steady => AlertKind::Steady,
        Said::Other => AlertKind::ServiceRestarting,
    };
    let mut alert = Alert::new(kind, name(deed.svc), at_ms / 1000);
    alert.id.clone_from(&deed.id);
    alert.timeout_sec = Some(f64::from(truth[deed.svc].timeout_ms) / 1000.0);
    let flaps = matches!(deed.said, Said::Flapping | Said::Steady);
    alert.of = flaps.then_some(AlertKind::HeartbeatMiss);
    alert
}

fn millis(micros: u64) -> Ms {
    START + (micros / 1000) as Ms
}
