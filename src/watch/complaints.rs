//! What is wrong with the settings, told once by whoever is to tell it.
//!
//! Trouble mostly begins when nobody may speak yet: at the start, or while another healer holds the lease.

use std::collections::BTreeMap;

use crate::bus::BusError;
use crate::clock::Mono;
use crate::contract::AlertKind;
use crate::text::cut;

/// Longest reason, in bytes: a document may have a hundred things wrong with it.
const REASON_MAX_BYTES: usize = 1000;

/// What a complaint is about. Of each there is one at a time, the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matter {
    /// The document in Redis, which is not the one in force.
    Document,
    /// Buses that the environment takes away.
    Buses,
    /// Channels of `notify` that are no channels.
    Channels,
}

/// One complaint, in the words of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Of which kind the alert is.
    pub kind: AlertKind,
    /// What is wrong, in words; none for an end.
    pub reason: Option<String>,
    /// When it began.
    pub since: Mono,
}

/// All complaints that hold, and which of them were told.
#[derive(Default)]
pub struct Complaints(BTreeMap<Matter, (Complaint, bool)>);

impl Complaints {
    /// From now on this holds about `matter`. The same complaint again is none.
    pub fn raise(&mut self, matter: Matter, kind: AlertKind, reason: Option<String>, since: Mono) {
        let is_same =
            |(known, _): &(Complaint, bool)| (known.kind, &known.reason) == (kind, &reason);
        if !self.0.get(&matter).is_some_and(is_same) {
            let complaint = Complaint {
                kind,
                reason,
                since,
            };
            self.0.insert(matter, (complaint, false));
        }
    }

    /// Nothing is wrong with `matter` any more; should it be again, that is told again.
    pub fn settle(&mut self, matter: Matter) {
        self.0.remove(&matter);
    }

    /// Those that were not told yet and that `is_due` lets through; from now on they count as told.
    pub fn take(&mut self, is_due: impl Fn(Matter, &Complaint) -> bool) -> Vec<Complaint> {
        let untold = self.0.iter_mut().filter(|(_, (_, told))| !told);
        let due = untold.filter(|(matter, (complaint, _))| is_due(**matter, complaint));
        due.map(|(_, (complaint, told))| {
            *told = true;
            complaint.clone()
        })
        .collect()
    }
}

/// Why a document is not in force, for the wire.
pub fn rejected(reason: &str) -> String {
    let cut = cut(reason, REASON_MAX_BYTES);
    format!("{cut}; the last good one stays in force")
}

/// Why a truth is in force without some of its channels.
pub fn misshapen(wrong: &str) -> String {
    let wrong = cut(wrong, REASON_MAX_BYTES);
    format!("{wrong}; the other channels and the rest of the truth are in force")
}

/// Why a truth is in force without some of its buses, and what that means for those buses; `None` when it is in force
/// as a whole.
pub fn in_part<'b>(
    spoiled: impl Iterator<Item = (&'b str, &'b BusError)>,
    means: impl FnOnce(&str) -> String,
) -> Option<String> {
    let (buses, errors): (Vec<&str>, Vec<String>) =
        spoiled.map(|(bus, error)| (bus, error.to_string())).unzip();
    if buses.is_empty() {
        return None;
    }
    let errors = errors.join("; ");
    let means = means(cut(&buses.join(", "), REASON_MAX_BYTES));
    Some(format!(
        "{}; {means}; the rest of the truth is in force",
        cut(&errors, REASON_MAX_BYTES)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use AlertKind::{TruthMissing, TruthRejected};

    fn taken(complaints: &mut Complaints) -> Vec<String> {
        let taken = complaints.take(|_, _| true);
        taken.into_iter().filter_map(|c| c.reason).collect()
    }

    #[test]
    fn a_complaint_is_told_once_until_it_changes_or_comes_back() {
        let mut all = Complaints::default();
        let now = Mono(0);
        let say = |all: &mut Complaints, reason: &str| {
            all.raise(Matter::Buses, TruthRejected, Some(reason.into()), now);
        };
        say(&mut all, "API_URL");
        assert!(all.take(|_, _| false).is_empty(), "nobody speaks yet");
        say(&mut all, "API_URL");
        assert_eq!(taken(&mut all), ["API_URL"]);
        say(&mut all, "API_URL");
        assert!(taken(&mut all).is_empty());
        say(&mut all, "LAB_URL");
        all.raise(Matter::Document, TruthMissing, None, now);
        assert_eq!(all.take(|_, _| true).len(), 2);
        all.settle(Matter::Buses);
        say(&mut all, "LAB_URL");
        assert_eq!(taken(&mut all), ["LAB_URL"]);
    }
}
