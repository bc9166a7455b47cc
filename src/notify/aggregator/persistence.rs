//! What an aggregator stores, and how it comes back from it.

use super::*;

impl Aggregator {
    /// The aggregator that stored these records; what it had not told yet, it tells now.
    ///
    /// # Errors
    /// What was stored is not what an aggregator writes.
    pub fn restore(
        rules: Rules,
        now_ms: Ms,
        meta: &str,
        records: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Aggregator, serde_json::Error> {
        let mut aggregator = Aggregator {
            rules,
            meta: serde_json::from_str(meta)?,
            ..Aggregator::default()
        };
        for (name, json) in records {
            let Some(key) = key(&name) else { continue };
            let mut incident: IncidentRecord = serde_json::from_str(&json)?;
            incident.clamp(now_ms);
            aggregator.incidents.insert(key, incident);
        }
        let meta = &mut aggregator.meta;
        // The wall clock may have gone back meanwhile.
        meta.born_ms = meta.born_ms.min(now_ms);
        meta.remind_at_ms = meta.remind_at_ms.map(|at| at.min(now_ms + rules.remind_ms));
        meta.recent_ms.retain(|at| *at <= now_ms);
        aggregator.group_window = GroupWindow::after(meta.recent_ms.iter().copied());
        let keys: Vec<Key> = aggregator.incidents.keys().cloned().collect();
        for key in keys {
            aggregator.look_at(now_ms, key);
        }
        if aggregator.meta.lost > 0 || !aggregator.meta.notes.is_empty() {
            aggregator.group_window.note(now_ms);
        }
        aggregator.changed.clear();
        Ok(aggregator)
    }

    /// The clock stepped by so much: no pause grows or shrinks.
    pub fn shift(&mut self, by: Ms) {
        self.meta.born_ms += by;
        let moments = self.meta.remind_at_ms.iter_mut();
        for at in moments.chain(&mut self.meta.recent_ms) {
            *at += by;
        }
        self.group_window.shift(by);
        for incident in self.incidents.values_mut() {
            incident.shift(by);
        }
        self.wakes = std::mem::take(&mut self.wakes)
            .into_iter()
            .map(|(at, key)| (at + by, key))
            .collect();
        // Silences are dates that people wrote: they stay, and begin or end at other moments of ours.
        self.silence_change_ms = Some(0);
        self.touch_all();
    }

    /// Takes over what another aggregator knows and this one does not: what was told while the bus was away.
    pub fn absorb(&mut self, now_ms: Ms, other: Aggregator) {
        for (key, mut incident) in other.incidents {
            // It is in the other's lists, and in none of these yet.
            (incident.dirty, incident.wake_ms) = (false, None);
            self.incidents.insert(key.clone(), incident);
            self.look_at(now_ms, key);
        }
        self.meta.out_of_band.extend(other.meta.out_of_band);
        let surplus = self.meta.out_of_band.len().saturating_sub(OUT_OF_BAND_MAX);
        self.meta.out_of_band.drain(..surplus);
        for text in other.meta.notes {
            self.note(now_ms, text);
        }
    }

    /// What changed since the last call: to be stored before anything is sent.
    pub fn take_changes(&mut self) -> Changes {
        let mut changes = Changes {
            meta: serde_json::to_string(&self.meta).unwrap_or_default(),
            ..Changes::default()
        };
        for key in self.changed.drain() {
            match self.incidents.get(&key).map(serde_json::to_string) {
                Some(Ok(json)) => changes.put.push((name(&key), json)),
                _ => changes.delete.push(name(&key)),
            }
        }
        changes
    }

    /// Makes the next [`Aggregator::take_changes`] give everything, for a store that lost it.
    pub fn touch_all(&mut self) {
        self.changed.extend(self.incidents.keys().cloned());
    }

    /// Whether something is to be stored.
    pub fn is_changed(&self) -> bool {
        !self.changed.is_empty()
    }
}

/// `heartbeat_miss/rss_agg`: the name under which an incident is stored.
fn name((kind, svc): &Key) -> String {
    format!("{}/{svc}", kind.as_str())
}

/// The incident that is stored under `name`.
fn key(name: &str) -> Option<Key> {
    let (kind, svc) = name.split_once('/')?;
    let kind = serde_json::from_value(kind.into()).ok()?;
    Some((kind, svc.into()))
}
