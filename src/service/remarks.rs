//! What is said once about the settings: what of them cannot be used here, and what is probably not meant.

use std::collections::BTreeSet;

use crate::bus::Buses;
use crate::contract::SYSTEM_BUS;
use crate::truth::{DATABASE_REMEDY, Truth};

/// What was said already.
#[derive(Default)]
pub struct Remarks(BTreeSet<String>);

impl Remarks {
    /// Says what is new about `truth` where `buses` are.
    pub fn say(&mut self, buses: &Buses, truth: &Truth) {
        let spoiled = buses.spoiled();
        let spoiled = spoiled.map(|(bus, error)| {
            format!("{error}: {bus} is left out, the rest of the truth is in force")
        });
        let all: BTreeSet<String> = spoiled
            .chain(databases(buses, truth).into_iter().map(|(_, words)| words))
            .collect();
        for news in all.difference(&self.0) {
            log::warn!("{news}");
        }
        self.0 = all;
    }
}

/// Buses that carry beats and are told apart from others by a database only, each with that in words.
pub fn databases(buses: &Buses, truth: &Truth) -> Vec<(String, String)> {
    let names = buses.names_in(truth);
    let beats = truth
        .services()
        .filter(|svc| svc.has_heartbeat() && svc.is_enabled());
    let mut carry: BTreeSet<&str> = beats.map(|svc| names[svc.bus().index()]).collect();
    carry.insert(SYSTEM_BUS);
    let words = |bus: &str| {
        let database = buses.resolve(bus).ok()?.database();
        let by = buses.variable_of(bus).unwrap_or_else(|| "truth".to_owned());
        let words = format!("{bus} is in database {database} by {by}: {DATABASE_REMEDY}");
        (database != 0).then(|| (bus.to_owned(), words))
    };
    carry.into_iter().filter_map(words).collect()
}
