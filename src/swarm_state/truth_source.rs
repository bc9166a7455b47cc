//! Reads the truth document from Redis, and notices when somebody wrote it.
//!
//! Two things a plain GET could not give: a document of up to 256 MiB is read in slices, so that it is never in memory
//! twice; and whether it was written since is asked of Redis itself, by WATCH, which costs the same for any size.

use crate::bus::{BusError, Commands};
use crate::contract::TRUTH_MAX_BYTES;

/// Bytes of one GETRANGE.
const SLICE: usize = 8 * 1024 * 1024;
/// Reads that a writer may disturb before that is an error.
const ATTEMPTS: usize = 5;

/// One connection that reads and watches one key.
pub struct TruthSource {
    commands: Commands,
    key: String,
    /// The connection that holds the WATCH, by its number; 0 while none does.
    watched_on: u64,
    /// It was written since it was last read in full. Kept until it is read: asking twice must not lose the answer.
    unread: bool,
}

/// What is at the key.
#[derive(Debug, PartialEq, Eq)]
pub enum Document {
    /// The document's bytes.
    Text(Vec<u8>),
    /// Nothing.
    Missing,
    /// More bytes than a document may have.
    TooLong(usize),
}

impl TruthSource {
    /// Reads `key` through `commands`, which must serve nobody else.
    pub fn new(commands: Commands, key: impl Into<String>) -> TruthSource {
        TruthSource {
            commands,
            key: key.into(),
            watched_on: 0,
            unread: true,
        }
    }

    /// Where it reads.
    pub fn place(&self) -> String {
        format!("{} at {}", self.key, self.commands.address())
    }

    /// The connection, for commands that belong to the same moment.
    pub fn commands(&mut self) -> &mut Commands {
        &mut self.commands
    }

    /// Reads the document as it is at one moment, and watches it from that moment on.
    pub fn read(&mut self) -> Result<Document, BusError> {
        for _ in 0..ATTEMPTS {
            self.commands
                .query::<()>(redis::cmd("WATCH").arg(&self.key))?;
            self.watched_on = self.commands.connects();
            let size: usize = self.commands.query(redis::cmd("STRLEN").arg(&self.key))?;
            if size > TRUTH_MAX_BYTES {
                return Ok(Document::TooLong(size));
            }
            let mut text = Vec::with_capacity(size);
            while text.len() < size {
                let end = (text.len() + SLICE).min(size) - 1;
                let slice: Vec<u8> = self.commands.query(
                    redis::cmd("GETRANGE")
                        .arg(&self.key)
                        .arg(text.len())
                        .arg(end),
                )?;
                if slice.is_empty() {
                    break;
                }
                text.extend_from_slice(&slice);
            }
            if !self.was_touched()? && text.len() == size {
                self.unread = false;
                return Ok(if size == 0 {
                    Document::Missing
                } else {
                    Document::Text(text)
                });
            }
        }
        Err(BusError::Reply {
            address: self.commands.address().to_string(),
            reason: format!("{} changes faster than it can be read", self.key),
        })
    }

    /// Copies the document to `key`, unless it was written since it was last read.
    pub fn copy_to(&mut self, key: &str) -> Result<(), BusError> {
        let mut copy = redis::pipe();
        copy.cmd("MULTI").ignore();
        copy.cmd("COPY")
            .arg(&self.key)
            .arg(key)
            .arg("REPLACE")
            .ignore();
        copy.cmd("EXEC");
        copy.cmd("WATCH").arg(&self.key).ignore();
        let copied = self.commands.pipe::<(Option<redis::Value>,)>(&copy);
        // The EXEC has used up what the WATCH knew.
        self.unread |= !matches!(copied, Ok((Some(_),)));
        copied.map(|_| ())
    }

    /// Whether the key was written since it was last read, or the connection that watched it was lost.
    pub fn was_written(&mut self) -> Result<bool, BusError> {
        self.unread |= self.was_touched()?;
        Ok(self.unread)
    }

    /// Whether the key was touched since the last WATCH, which is set anew.
    ///
    /// An EXEC answers nil when a watched key was touched. The WATCH that follows in the same packet leaves no gap:
    /// Redis runs what one packet holds in one go. The transaction is empty because a Redis that is out of memory
    /// takes nothing into one.
    fn was_touched(&mut self) -> Result<bool, BusError> {
        let mut ask = redis::pipe();
        ask.cmd("MULTI")
            .ignore()
            .cmd("EXEC")
            .cmd("WATCH")
            .arg(&self.key)
            .ignore();
        let (untouched,): (Option<Vec<String>>,) = self.commands.pipe(&ask)?;
        let same_connection = self.watched_on == self.commands.connects();
        self.watched_on = self.commands.connects();
        Ok(!same_connection || untouched.is_none())
    }
}
