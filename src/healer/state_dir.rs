//! What was told while no bus could note it, kept in a folder over restarts, so that it is not told twice.

use std::path::PathBuf;

use crate::service::Error;
use crate::truth::Truth;

/// The file for what truth says of the channels.
const CHANNELS: &str = "healer-channels.json";

/// One small file for each bus that is told to be down, and one for what truth says of the channels. Without
/// `STATE_DIR` nothing is kept.
#[derive(Default)]
pub struct StateDir {
    folder: Option<PathBuf>,
}

impl StateDir {
    /// The state directory in `folder`, which is made when it is not there.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(folder: Option<PathBuf>) -> Result<StateDir, Error> {
        if let Some(folder) = &folder {
            std::fs::create_dir_all(folder).map_err(|e| {
                Error::Config(format!("STATE_DIR: cannot make {}: {e}", folder.display()))
            })?;
        }
        Ok(StateDir { folder })
    }

    /// Whether `bus` was told to be down, and not up since.
    pub fn knows_down(&self, bus: &str) -> bool {
        self.file(bus).is_some_and(|file| file.exists())
    }

    /// Keeps that `bus` was told to be down.
    pub fn down(&self, bus: &str) {
        if let Some(file) = self.file(bus)
            && let Err(e) = std::fs::write(&file, crate::clock::rfc3339(crate::clock::wall_secs()))
        {
            log::warn!(
                "cannot write {}: {e}; after a restart the outage may be told again",
                file.display()
            );
        }
    }

    /// Forgets it.
    pub fn up(&self, bus: &str) {
        if let Some(file) = self.file(bus) {
            // One that is not there is as good as removed.
            let _ = std::fs::remove_file(file);
        }
    }

    /// Keeps what `truth` says of the channels, for a start without a bus. No secret is in it: truth holds none.
    pub fn keep_channels(&self, truth: &Truth) {
        let Some(file) = self.folder.as_ref().map(|f| f.join(CHANNELS)) else {
            return;
        };
        let notify = truth.section("healer", "notify");
        let document = notify.map(|section| {
            format!(
                r#"{{"services":{{"healer":{{"notify":{}}}}}}}"#,
                section.json()
            )
        });
        if document == self.channels() {
            return;
        }
        let draft = file.with_extension("tmp");
        let done = match document {
            Some(document) => {
                std::fs::write(&draft, document).and_then(|()| std::fs::rename(&draft, &file))
            }
            None => std::fs::remove_file(&file),
        };
        if let Err(e) = done {
            log::warn!("cannot keep the channels in {}: {e}", file.display());
        }
    }

    /// A truth with nothing in it but the channels that were kept; `None` when truth named none.
    pub fn channels(&self) -> Option<String> {
        let file = self.folder.as_ref()?.join(CHANNELS);
        std::fs::read_to_string(file).ok()
    }

    fn file(&self, bus: &str) -> Option<PathBuf> {
        // A bus that only a URL names is called host:port, or [host]:port. No two names become one.
        let name: String = bus
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || "-_.:[]".contains(c) {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        self.folder
            .as_ref()
            .map(|folder| folder.join(format!("healer-{name}.down")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::{Defaults, Rules, ServiceSchema};

    /// Past the validator, as a document may come.
    const OPEN: &[ServiceSchema] = &[ServiceSchema::open("healer")];

    #[test]
    fn the_channels_of_the_last_truth_are_known_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let state_dir = StateDir::new(Some(folder.path().into())).expect("made");
        let truth = |text: &str| {
            let rules = Rules::strict(Defaults::default(), OPEN);
            Truth::parse(text.as_bytes(), rules).expect("a truth")
        };
        let with = r#"{"services":{"a":{"heartbeat":{}},"healer":{"notify":[{"name":"x"}]}}}"#;
        state_dir.keep_channels(&truth(with));
        let kept = state_dir.channels().expect("kept");
        assert_eq!(kept, r#"{"services":{"healer":{"notify":[{"name":"x"}]}}}"#);
        assert!(truth(&kept).section("healer", "notify").is_some());
        state_dir.keep_channels(&truth(r#"{"services":{"a":{"heartbeat":{}}}}"#));
        assert_eq!(state_dir.channels(), None);
    }

    #[test]
    fn an_outage_that_was_told_is_known_after_a_restart_until_it_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        let state_dir = || StateDir::new(Some(folder.path().join("state"))).expect("made");
        state_dir().down("127.0.0.1:7000");
        assert!(
            state_dir().knows_down("127.0.0.1:7000") && !state_dir().knows_down("system-redis")
        );
        state_dir().up("127.0.0.1:7000");
        assert!(!state_dir().knows_down("127.0.0.1:7000"));
    }
}
