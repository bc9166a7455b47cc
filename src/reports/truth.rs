//! The truth document as it lies in Redis, and what changed in it of late.
//!
//! Nobody who writes the document says what he changed. So whoever keeps watch (the console does) lays each document that
//! he meets beside the one of before, which is kept for that, and enters the difference in a list.

mod difference;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::masked::{mask_all, masked};
use crate::bus::{BusError, Commands, Script, Scripts};
use crate::text::printable;
use crate::truth::digest;
pub use difference::{Change, Difference, How};

/// List of the newest changes, as JSON; see [`Entry`].
pub const CHANGES: &str = "console:truth:changes";
/// The document that was met last.
const SEEN: &str = "console:truth:seen";
/// Changes that the list keeps.
const CHANGES_MAX: usize = 20;
/// A longer document is neither shown nor compared: whoever keeps it has it in a file.
pub const DOCUMENT_MAX_BYTES: usize = 1 << 20;

/// One change of the document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was met, in seconds since 1970.
    pub ts: i64,
    /// Of the document from then on.
    pub digest: String,
    pub changes: Vec<Change>,
    /// Paths that found no room there.
    pub more: usize,
}

/// The document at one moment.
#[derive(Clone, Debug, Default)]
pub struct Document {
    pub bytes: usize,
    /// Empty where it is too long to be read.
    pub digest: String,
    /// Masked; `None` where it is absent, too long, or no JSON.
    pub document: Option<Json>,
    /// The newest first.
    pub changes: Vec<Entry>,
}

impl Document {
    /// Reads what lies at `key`.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn read(commands: &mut Commands, key: &str) -> Result<Document, BusError> {
        let (bytes, text) = text_at(commands, key)?;
        let mut list = redis::cmd("LRANGE");
        let entries: Vec<String> = commands.query(list.arg(CHANGES).arg(0).arg(CHANGES_MAX - 1))?;
        let read = |text: &String| serde_json::from_str(text).ok();
        let document = text.as_deref().and_then(|text| {
            let mut json = serde_json::from_slice(text).ok()?;
            mask_all(&mut json);
            Some(json)
        });
        Ok(Document {
            bytes,
            digest: text.as_deref().map(digest).unwrap_or_default(),
            document,
            changes: entries.iter().filter_map(read).collect(),
        })
    }

    /// The document as people read it.
    pub fn text(&self) -> Option<String> {
        let document = self.document.as_ref()?;
        Some(printable(&format!("{document:#}")).into_owned())
    }

    /// All of it as JSON.
    pub fn json(&self) -> Json {
        json!({ "digest": self.digest, "bytes": self.bytes, "document": self.document, "changes": self.changes })
    }
}

/// How long the text at `key` is, and the text, where it is not too long.
fn text_at(commands: &mut Commands, key: &str) -> Result<(usize, Option<Vec<u8>>), BusError> {
    let bytes: usize = commands.query(redis::cmd("STRLEN").arg(key))?;
    if bytes == 0 || bytes > DOCUMENT_MAX_BYTES {
        return Ok((bytes, None));
    }
    let mut ask = redis::cmd("GETRANGE");
    // Somebody may write a longer one in between.
    ask.arg(key).arg(0).arg(DOCUMENT_MAX_BYTES);
    let text: Vec<u8> = commands.query(&ask)?;
    Ok((text.len(), Some(text)))
}

/// Enters what changed, unless another has met this document before. KEYS: the document of before, the list. ARGV: the
/// digest of the document of before, the document, the entry (empty where there is none), how many the list keeps.
const NOTE: &str = "\
if redis.sha1hex(redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
if ARGV[3] ~= '' then
  redis.call('LPUSH', KEYS[2], ARGV[3])
  redis.call('LTRIM', KEYS[2], 0, ARGV[4] - 1)
end
return 1";

/// Keeps watch over the document: see [`note`](Keeper::note).
pub struct Keeper {
    script: Script,
    scripts: Scripts,
}

impl Default for Keeper {
    fn default() -> Keeper {
        let script = Script::new(NOTE);
        let scripts = Scripts::new([&script]);
        Keeper { script, scripts }
    }
}

impl Keeper {
    /// Compares what lies at `key` with what was met last, and enters the difference as of `now_ts`. The first document
    /// that is met is no change. However many do this at once, a change is entered once.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn note(
        &mut self,
        commands: &mut Commands,
        key: &str,
        now_ts: i64,
    ) -> Result<(), BusError> {
        let (_, Some(text)) = text_at(commands, key)? else {
            return Ok(());
        };
        let before: Option<Vec<u8>> = commands.query(redis::cmd("GET").arg(SEEN))?;
        let before = before.unwrap_or_default();
        if before == text {
            return Ok(());
        }
        let read = |text: &[u8]| serde_json::from_slice::<Json>(text).ok();
        let entry = match (read(&before), read(&text)) {
            (Some(old), Some(new)) => Difference::between(&old, &new).entry(now_ts, digest(&text)),
            _ => None,
        };
        let mut packet = redis::pipe();
        self.script
            .call(&mut packet, &[SEEN, CHANGES])
            .arg(digest(&before))
            .arg(&text[..])
            .arg(entry.unwrap_or_default())
            .arg(CHANGES_MAX);
        self.scripts.run(commands, &packet)?;
        Ok(())
    }
}

impl Difference {
    /// It as an entry of the list; `None` where only blanks and the order of fields differ.
    fn entry(self, ts: i64, digest: String) -> Option<String> {
        if self.changes.is_empty() {
            return None;
        }
        let mut changes = self.changes;
        for change in &mut changes {
            change.path = masked(&change.path).into_owned();
        }
        let entry = Entry {
            ts,
            digest,
            changes,
            more: self.more,
        };
        // It has string keys and integers only, so it can be written.
        serde_json::to_string(&entry).ok()
    }
}
