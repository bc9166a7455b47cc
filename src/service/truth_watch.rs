//! The thread that keeps the truth in force up to date.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::{Error, Notice};
use crate::bus::LogOnce;
use crate::contract::TRUTH_LAST_GOOD;
use crate::swarm_state::{Document, TruthSource};
use crate::truth::{Rules, Truth, digest};

/// Asks for a look at the truth, now.
#[derive(Clone)]
pub struct TruthHint(Sender<()>);

impl TruthHint {
    /// A hint is only a hint: one that waits already is as good as two.
    pub fn give(&self) {
        let _ = self.0.try_send(());
    }
}

/// Looks at every hint and every `period`; tells what it finds, each finding once.
pub(super) struct TruthWatch {
    source: TruthSource,
    rules: Rules,
    period: Duration,
    hints: Receiver<()>,
    keeps_last_good: bool,
    /// Of the document last told, good or bad; `None` when it was missing.
    known: Option<String>,
    outage: LogOnce,
}

/// What a look at the document came to.
pub(super) enum Found {
    /// A valid document.
    Good(Arc<Truth>),
    /// One that cannot be used.
    Bad(String),
    /// None.
    Nothing,
}

impl TruthWatch {
    /// Watches `source`, whose document is `known` so far. Dropping every [`TruthHint`] ends the watch.
    pub(super) fn new(
        source: TruthSource,
        rules: Rules,
        period: Duration,
        known: Option<String>,
        keeps_last_good: bool,
    ) -> (TruthWatch, TruthHint) {
        let (send, hints) = bounded(1);
        (
            TruthWatch {
                source,
                rules,
                period,
                hints,
                keeps_last_good,
                known,
                outage: LogOnce::default(),
            },
            TruthHint(send),
        )
    }

    /// Looks until the last hint giver is gone, or `tell` wants no more.
    pub(super) fn run(mut self, tell: impl Fn(Notice) -> bool) -> Result<(), Error> {
        loop {
            match self.hints.recv_timeout(self.period) {
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            }
            match self.look() {
                Ok(None) => drop(self.outage.end()),
                Ok(Some(notice)) => {
                    self.outage.end();
                    if !tell(notice) {
                        return Ok(());
                    }
                }
                Err(error) => {
                    // The beat thread tells of the outage; here it only means that the truth stays as it is.
                    if self.outage.is_news(&error) {
                        log::debug!("the truth cannot be read: {error}");
                    }
                }
            }
        }
    }

    fn look(&mut self) -> Result<Option<Notice>, crate::bus::BusError> {
        if !self.source.was_written()? {
            return Ok(None);
        }
        let (digest, found) = judge(self.source.read()?, self.rules);
        if digest == self.known {
            return Ok(None);
        }
        self.known = digest;
        Ok(Some(match found {
            Found::Good(truth) => {
                if self.keeps_last_good {
                    keep(&mut self.source);
                }
                Notice::Truth(truth)
            }
            Found::Bad(reason) => {
                log::error!(
                    "the new truth is rejected, the last good one stays in force: {reason}"
                );
                Notice::TruthRejected { reason }
            }
            Found::Nothing => {
                log::error!("the truth is gone from Redis, the last good one stays in force");
                Notice::TruthMissing
            }
        }))
    }
}

/// Copies a document that was found good to where a restart falls back to.
pub(super) fn keep(source: &mut TruthSource) {
    if let Err(error) = source.copy_to(TRUTH_LAST_GOOD) {
        log::warn!("this truth was not kept as the last good one: {error}");
    }
}

/// Validates a document. The digest is that of its bytes, so that a bad one too is told but once.
pub(super) fn judge(document: Document, rules: Rules) -> (Option<String>, Found) {
    match document {
        Document::Missing => (None, Found::Nothing),
        Document::TooLong(bytes) => {
            let reason = format!(
                "it has {bytes} bytes, more than {}",
                crate::contract::TRUTH_MAX_BYTES
            );
            (Some(reason.clone()), Found::Bad(reason))
        }
        Document::Text(text) => (Some(digest(&text)), validate(&text, rules)),
    }
}

fn validate(text: &[u8], rules: Rules) -> Found {
    match Truth::parse(text, rules) {
        Ok(truth) => {
            for warning in truth.warnings().list() {
                log::warn!("truth: {warning}");
            }
            Found::Good(Arc::new(truth))
        }
        Err(rejected) => Found::Bad(rejected.to_string()),
    }
}
