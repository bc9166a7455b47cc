//! What was refused, kept for whoever wants to know why: the same once in ten minutes (pure).

use std::collections::HashMap;

use super::facts::{Reason, Refusal};
use super::store::Batch;
use crate::contract::market::{QUARANTINE, QUARANTINE_BYTES, QUARANTINE_MAX};
use crate::text::cut;

/// How long the same is not told again.
const AGAIN_MS: i64 = 600_000;
/// Things that are remembered; past that all are forgotten, and told again.
const REMEMBERED_MAX: usize = 4_096;
/// Entries of one answer.
const ENTRIES_MAX: usize = 50;

/// Knows what was told.
#[derive(Clone, Debug, Default)]
pub struct Quarantine {
    told: HashMap<(String, String, String), i64>,
}

/// An answer that something of was refused.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Path and query of the request.
    pub target: &'a str,
    /// Its bytes where it was not understood, without any key.
    pub body: Option<&'a str>,
}

impl Quarantine {
    /// Writes down the refused values of an answer. What is missing, or not in the plan, was not refused by us.
    pub fn refusals(&mut self, of: Answer<'_>, list: &[Refusal], mono_ms: i64, batch: &mut Batch) {
        let refused = list.iter().filter(|refusal| is_refused(refusal.reason));
        batch.count("refused", refused.clone().count() as u64);
        for refusal in refused.take(ENTRIES_MAX) {
            let reason = refusal.reason.word();
            self.add(of, &refusal.symbol, &refusal.path, reason, mono_ms, batch);
        }
    }

    /// Writes down one thing.
    pub fn add(
        &mut self,
        of: Answer<'_>,
        symbol: &str,
        path: &str,
        reason: &str,
        mono_ms: i64,
        batch: &mut Batch,
    ) {
        let request = of.target.split('?').next().unwrap_or_default();
        // The place in a list differs from answer to answer.
        let place: String = path.chars().filter(|c| !c.is_ascii_digit()).collect();
        let what = (
            symbol.to_owned(),
            format!("{request} {place}"),
            reason.to_owned(),
        );
        let last = self.told.get(&what);
        if last.is_some_and(|last| mono_ms - last < AGAIN_MS) {
            return;
        }
        if self.told.len() >= REMEMBERED_MAX {
            self.told.clear();
        }
        self.told.insert(what, mono_ms);
        let mut fields = vec![
            ("symbol", symbol.to_owned()),
            ("request", cut(of.target, QUARANTINE_BYTES / 4).to_owned()),
            ("path", path.to_owned()),
            ("reason", cut(reason, QUARANTINE_BYTES / 4).to_owned()),
        ];
        if let Some(body) = of.body {
            fields.push(("body", cut(body, QUARANTINE_BYTES / 2).to_owned()));
        }
        batch.stream(QUARANTINE, QUARANTINE_MAX, "*", fields);
        batch.count("quarantined", 1);
    }
}

fn is_refused(reason: Reason) -> bool {
    !matches!(
        reason,
        Reason::Missing
            | Reason::NotFound
            | Reason::NotEntitled
            | Reason::NoPrice
            | Reason::VendorError
            | Reason::KeyRefused
            | Reason::TooManyCalls
            | Reason::BadRequest
            | Reason::More
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_told_once_in_ten_minutes() {
        let of = Answer {
            target: "/v3/snapshot?limit=250",
            body: None,
        };
        let refusal = |path: &str, reason| Refusal {
            symbol: "SPY".to_owned(),
            path: path.to_owned(),
            reason,
        };
        let mut quarantine = Quarantine::default();
        let mut told = |list: &[Refusal], mono_ms| {
            let mut batch = Batch::default();
            quarantine.refusals(of, list, mono_ms, &mut batch);
            batch.words().iter().filter(|word| *word == "XADD").count()
        };
        let bad = refusal("results[3].value", Reason::WrongType);
        assert_eq!(told(std::slice::from_ref(&bad), 0), 1);
        assert_eq!(
            told(&[refusal("results[7].value", Reason::WrongType)], 599_999),
            0
        );
        assert_eq!(
            told(&[refusal("results[7].value", Reason::Negative)], 599_999),
            1
        );
        assert_eq!(told(&[bad], 600_000), 1);
        assert_eq!(told(&[refusal("results", Reason::Missing)], 0), 0);
    }
}
