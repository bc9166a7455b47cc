//! One expiration, written for good: once stored it never changes, and whoever holds its key reads the same for as
//! long as it is there.

use compact_str::CompactString;
use jiff::civil::Date;
use ring::digest::{Context, SHA256};

use super::contract::{Contract, ContractType};
use crate::clock::rfc3339_millis;
use crate::massive::derive::{self, Summary};
use crate::massive::number;
use crate::massive::record::ObjectWriter;

/// Bytes of a digest that are kept.
const DIGEST_BYTES: usize = 16;

/// The terms under which a chain was fetched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fetch<'f> {
    /// Without `I:`.
    pub underlying: &'f str,
    /// The price of the underlying when the chain was asked for.
    pub spot: Option<f64>,
    /// How far strikes lie from spot at most, in percent.
    pub strikes_pct: f64,
    /// One for all expirations of a fetch.
    pub fetch_id: &'f str,
    /// Milliseconds since 1970.
    pub fetched_ms: i64,
    /// `massive` or `demo`.
    pub source: &'f str,
}

/// An expiration as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    pub expiration: Date,
    /// The value of `massive:chain:snapshot:<U>:<exp>:<ms>`.
    pub json: String,
    /// Of the contracts alone: the same while none of them changed.
    pub digest: String,
    pub summary: Summary,
}

/// Writes an expiration.
pub fn snapshot(fetch: Fetch, expiration: Date, contracts: &[Contract]) -> Snapshot {
    let summary = derive::summary(contracts, fetch.spot);
    let digest = digest(contracts);
    let range_points = fetch
        .spot
        .map(|spot| derive::range_points(spot, fetch.strikes_pct));
    let times = || contracts.iter().filter_map(|contract| contract.updated_ms);
    let mut json = ObjectWriter::with_capacity(list_bytes(contracts) + 512);
    json.text("ts", &rfc3339_millis(fetch.fetched_ms.unsigned_abs()));
    json.text("underlying", fetch.underlying);
    json.text("expiration", &expiration.to_string());
    json.json("atm", summary.atm.as_ref().map_or("null", |atm| atm.text()));
    json.json("range_points", &or_null(range_points));
    json.json("spot", &or_null(fetch.spot));
    json.text("fetch_id", fetch.fetch_id);
    json.integer("oldest_ms", times().min());
    json.integer("newest_ms", times().max());
    json.text("digest", &digest);
    json.text("source", fetch.source);
    json.pieces("contracts", |take| list(contracts, true, take));
    Snapshot {
        expiration,
        json: json.finish(),
        digest,
        summary,
    }
}

/// Contracts as one JSON list, with what the model says of each or without it: `take` gets it piece by piece.
fn list(contracts: &[Contract], with_models: bool, take: &mut dyn FnMut(&str)) {
    take("[");
    for (nth, contract) in contracts.iter().enumerate() {
        if nth > 0 {
            take(",");
        }
        match &contract.model {
            Some(model) if with_models => {
                take(contract.json.strip_suffix('}').unwrap_or(&contract.json));
                take(",\"model\":");
                take(model);
                take("}");
            }
            _ => take(&contract.json),
        }
    }
    take("]");
}

/// How long that list is at most.
fn list_bytes(contracts: &[Contract]) -> usize {
    let bytes = contracts.iter().map(|contract| {
        let model = contract.model.as_ref().map_or(0, |model| model.len() + 10);
        contract.json.len() + 1 + model
    });
    bytes.sum::<usize>() + 2
}

fn or_null(value: Option<f64>) -> CompactString {
    value.map_or_else(|| "null".into(), number::computed)
}

/// Of the contracts without what the model says, which hangs on the time: they are the same though it moved.
fn digest(contracts: &[Contract]) -> String {
    let mut context = Context::new(&SHA256);
    list(contracts, false, &mut |piece| {
        context.update(piece.as_bytes())
    });
    let digest = context.finish();
    digest.as_ref()[..DIGEST_BYTES]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The value of `massive:gex:model:<sym>:calls` or `:puts`, from all expirations of a chain.
pub fn gamma_exposure<'c>(
    fetch: Fetch,
    side: ContractType,
    expirations: impl Iterator<Item = (Date, &'c [Contract])>,
) -> String {
    let mut all = ObjectWriter::with_capacity(4_096);
    for (expiration, contracts) in expirations {
        let mut strikes = ObjectWriter::with_capacity(1_024);
        for (strike, exposure) in derive::gamma_exposure(contracts, side) {
            strikes.json(strike.text(), &number::computed(exposure));
        }
        all.json(&expiration.to_string(), &strikes.finish());
    }
    let mut json = ObjectWriter::with_capacity(4_096);
    json.text("ts", &rfc3339_millis(fetch.fetched_ms.unsigned_abs()));
    json.text("symbol", fetch.underlying);
    json.json("expirations", &all.finish());
    json.text("source", fetch.source);
    json.finish()
}
