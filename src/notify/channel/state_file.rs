//! What was told while the bus was away, kept in `STATE_DIR`, so that a restart meanwhile does not tell it twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::write_behind::WriteBehindQueue;
use crate::notify::outbox::{Outbox, OutboxMessage};

/// One file of a channel; without `STATE_DIR` it keeps nothing.
pub(super) struct StateFile {
    path: Option<PathBuf>,
    written: bool,
    /// The revision of what was written.
    revision: u64,
}

/// The content of the file.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Remembered {
    /// What the aggregator remembers beside its incidents, as JSON.
    pub meta: String,
    /// Its incidents by name, as JSON.
    pub records: BTreeMap<String, String>,
    /// Messages that are not delivered yet.
    pub outbox: Vec<OutboxMessage>,
}

impl StateFile {
    /// The file of the channel with this consumer group.
    pub fn new(folder: Option<PathBuf>, group: &str) -> StateFile {
        let name = format!("notify-{}.json", group.replace(':', "-"));
        let path = folder.map(|f| f.join(name));
        let written = path.as_ref().is_some_and(|p| p.exists());
        StateFile {
            path,
            written,
            revision: 0,
        }
    }

    /// What an earlier instance left.
    pub fn read(&self) -> Option<Remembered> {
        let path = self.path.as_ref()?;
        let text = fs::read_to_string(path).ok()?;
        match serde_json::from_str(&text) {
            Ok(remembered) => Some(remembered),
            Err(e) => {
                log::warn!("{} cannot be read and is passed over: {e}", path.display());
                None
            }
        }
    }

    /// Keeps what the bus does not have, when that has changed.
    pub fn keep(&mut self, owed: &WriteBehindQueue, outbox: &Outbox) {
        let Some(path) = &self.path else { return };
        if self.revision == owed.revision() {
            return;
        }
        self.revision = owed.revision();
        let (meta, records) = owed.records();
        let remembered = Remembered {
            meta: meta.to_owned(),
            records: records.map(|(n, j)| (n.clone(), j.clone())).collect(),
            outbox: outbox
                .messages()
                .filter(|m| owed.is_unstored(&m.id))
                .cloned()
                .collect(),
        };
        let json = serde_json::to_string(&remembered).unwrap_or_default();
        let draft = path.with_extension("tmp");
        match fs::write(&draft, json).and_then(|()| fs::rename(&draft, path)) {
            Ok(()) => self.written = true,
            Err(e) => log::warn!("{} cannot be written: {e}", path.display()),
        }
    }

    /// The bus has everything again.
    pub fn forget(&mut self) {
        if std::mem::take(&mut self.written)
            && let Some(path) = &self.path
            && let Err(e) = fs::remove_file(path)
        {
            log::warn!("{} cannot be removed: {e}", path.display());
        }
    }
}
