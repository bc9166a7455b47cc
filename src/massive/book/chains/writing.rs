//! How one expiration of a chain is written, pointed to and announced.

use super::{Expiration, Fetched, REPLACED_MS, Written};
use crate::clock::rfc3339_millis;
use crate::contract::market::{self, CHAIN_FEED, CHAIN_FEED_MAX, chain_key, latest_key};
use crate::massive::chain::snapshot::Snapshot;
use crate::massive::number;
use crate::massive::record::ObjectWriter;
use crate::massive::store::Batch;

/// A chain being written.
pub(super) struct Writing<'w> {
    /// What its new keys end with.
    pub key_ms: i64,
    /// Without `I:`.
    pub name: &'w str,
    pub source: &'w str,
    pub fresh_ms: i64,
    pub spot_before: Option<f64>,
    pub batch: &'w mut Batch,
}

impl Writing<'_> {
    /// Writes one expiration, unless it is the same as before; how it stands now, and whether it is another.
    pub fn expiration(
        &mut self,
        date: &str,
        expiration: &Expiration,
        fetched: &Fetched,
        before: Option<&Written>,
    ) -> (Written, bool) {
        let snapshot = &expiration.snapshot;
        let summary = summary_json(snapshot);
        let same = before.filter(|before| before.digest == snapshot.digest);
        let pointer = match same {
            Some(same) => same.pointer.clone(),
            None => {
                let pointer = chain_key(self.name, date, self.key_ms);
                let json = snapshot.json.clone();
                let keep_ms = market::KEEP_MS.to_string();
                // Immutable: what is there under this key is not written over.
                let words = ["SET", &pointer, &json, "NX", "PX", &keep_ms];
                self.batch.add(words);
                if let Some(before) = before.filter(|before| before.pointer != pointer) {
                    self.batch.expire(&before.pointer, REPLACED_MS);
                }
                self.announce(date, expiration, fetched);
                pointer
            }
        };
        self.batch.keep(&pointer);
        self.batch
            .fresh(&latest_key(self.name, date), pointer.clone(), self.fresh_ms);
        let written = Written {
            pointer,
            digest: snapshot.digest.clone(),
            summary,
        };
        (written, same.is_none())
    }

    /// An entry of `sse:chain-feed`.
    fn announce(&mut self, date: &str, expiration: &Expiration, fetched: &Fetched) {
        let mut json = ObjectWriter::with_capacity(expiration.changed.0.len() + 256);
        json.text("symbol", self.name);
        json.text("expiration", date);
        json.text("ts", &rfc3339_millis(fetched.fetched_ms.unsigned_abs()));
        if let Some(spot) = fetched.spot {
            json.json("spot", &number::computed(spot));
        }
        json.integer("count", i64::try_from(expiration.contracts).ok());
        json.json("contracts", &expiration.changed.0);
        json.json(
            "truncated",
            if expiration.changed.1 {
                "false"
            } else {
                "true"
            },
        );
        json.text("source", self.source);
        let mut delta = ObjectWriter::with_capacity(64);
        let moved = self
            .spot_before
            .zip(fetched.spot)
            .filter(|(before, _)| *before != 0.0);
        if let Some((before, now)) = moved {
            let pct = (now / before - 1.0) * 100.0;
            delta.json("px_move_pct", &number::computed(pct));
        }
        delta.text("source", self.source);
        let fields = vec![("json", json.finish()), ("delta", delta.finish())];
        self.batch.stream(CHAIN_FEED, CHAIN_FEED_MAX, "*", fields);
    }
}

/// What is derived of an expiration, where anything is.
fn summary_json(snapshot: &Snapshot) -> Option<String> {
    let of = &snapshot.summary;
    let mut json = ObjectWriter::with_capacity(128);
    json.decimal("atm", of.atm.as_ref());
    for (name, value) in [
        ("straddle", of.straddle),
        ("iv_atm", of.iv_atm),
        ("pc_volume", of.pc_volume),
        ("pc_oi", of.pc_oi),
    ] {
        if let Some(value) = value {
            json.json(name, &number::computed(value));
        }
    }
    Some(json.finish()).filter(|json| json.len() > 2)
}
