//! `--healthcheck`: has the beat thread of this service published within two intervals? `--healthcheck=live`: has it
//! turned within two, and is no worker stuck, whatever the bus does?
//!
//! A scratch image has no shell and a second process cannot look into the first, so the beat thread leaves notes in
//! `RUN_DIR` (a tmpfs in containers): when, by the one monotonic clock that processes share, and its interval.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use super::{Error, complain, print};
use crate::clock;
use crate::env::{Env, EnvError};

/// Where the note lives unless `RUN_DIR` says otherwise.
const DEFAULT_RUN_DIR: &str = "/run/marketswarm";

/// A turn of the beat thread takes no longer, whatever the bus does: connecting, an answer and a pause.
const TURN: Duration = Duration::from_secs(10);

/// What is asked of a running daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Does it beat? Not while its bus is away.
    Beats,
    /// Is it alive? For whoever would restart it: a bus that is away is no reason.
    Live,
}

impl Check {
    /// Reads what stands behind `--healthcheck=`.
    pub(super) fn read(value: Option<&str>) -> Result<Check, Error> {
        match value {
            None => Ok(Check::Beats),
            Some("live") => Ok(Check::Live),
            Some(other) => Err(Error::Config(format!(
                "there is no --healthcheck={other}; write --healthcheck or --healthcheck=live"
            ))),
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Check::Beats => "beat",
            Check::Live => "live",
        }
    }
}

/// The notes of one daemon.
#[derive(Clone, Debug)]
pub struct Notes {
    /// Without its extension.
    file: PathBuf,
}

impl Notes {
    /// Where the notes of `id` lie; `None` where there is no folder for them.
    ///
    /// # Errors
    /// `RUN_DIR` names a folder that cannot be made.
    pub(super) fn of(id: &str, env: &Env) -> Result<Option<Notes>, EnvError> {
        Ok(folder(env)?.map(|folder| Notes {
            file: folder.join(id),
        }))
    }

    /// A beat went out, and the next does so `interval` later.
    pub(super) fn beat(&self, interval: Duration) {
        self.write(Check::Beats, interval);
    }

    /// The beat thread (before it is there, whoever waits for the truth) turned, and no worker is stuck.
    pub(super) fn turned(&self, interval: Duration) {
        self.write(Check::Live, interval.max(TURN));
    }

    fn note(&self, check: Check) -> PathBuf {
        // An id may hold dots: what stands behind the last is no extension.
        let mut name = self.file.clone().into_os_string();
        name.push(".");
        name.push(check.extension());
        name.into()
    }

    /// Leaves the note, whole or not at all: the check may look at any moment. A failure is not worth a beat: the
    /// check will say that the note is old.
    fn write(&self, check: Check, interval: Duration) {
        let Some(now) = clock::boot_secs() else {
            return;
        };
        let file = self.note(check);
        let mut draft = file.clone().into_os_string();
        draft.push(".draft");
        let note = format!("{now} {}\n", interval.as_secs_f64());
        if let Err(e) = fs::write(&draft, note).and_then(|()| fs::rename(&draft, &file)) {
            log::debug!("cannot write {}: {e}", file.display());
        }
    }
}

fn folder(env: &Env) -> Result<Option<PathBuf>, EnvError> {
    match env.folder("RUN_DIR")? {
        Some(folder) => {
            fs::create_dir_all(&folder).map_err(|e| EnvError {
                name: "RUN_DIR".into(),
                reason: format!("cannot make the folder `{}`: {e}", folder.display()),
            })?;
            Ok(Some(folder))
        }
        None if Path::new(DEFAULT_RUN_DIR).is_dir() => Ok(Some(PathBuf::from(DEFAULT_RUN_DIR))),
        None => Ok(None),
    }
}

/// Reads the note of `id`, says what it finds, and answers 0 for healthy, 1 for not, 2 for a bad environment.
pub(super) fn check(id: &str, env: &Env, check: Check) -> ExitCode {
    let file = match Notes::of(id, env) {
        Ok(Some(notes)) => notes.note(check),
        Ok(None) => {
            complain(&format!(
                "{id}: nothing to look at: {DEFAULT_RUN_DIR} does not exist and RUN_DIR names no folder\n"
            ));
            return ExitCode::from(1);
        }
        Err(e) => {
            complain(&format!("{id}: {e}\n"));
            return ExitCode::from(2);
        }
    };
    let note = fs::read_to_string(&file).ok();
    match judge(check, note.as_deref(), clock::boot_secs()) {
        Ok(said) => {
            // The exit code is the answer.
            let _ = print(&format!("{id}: {said}\n"));
            ExitCode::SUCCESS
        }
        Err(said) => {
            complain(&format!("{id}: {said} ({})\n", file.display()));
            ExitCode::from(1)
        }
    }
}

fn judge(check: Check, note: Option<&str>, now: Option<f64>) -> Result<String, String> {
    let what = match check {
        Check::Beats => "beat",
        Check::Live => "sign of life",
    };
    let note = note.ok_or_else(|| format!("no {what} yet"))?;
    let mut numbers = note
        .split_ascii_whitespace()
        .filter_map(|n| n.parse::<f64>().ok());
    let (Some(at), Some(interval), Some(now)) = (numbers.next(), numbers.next(), now) else {
        return Err(format!("the note of the last {what} cannot be read"));
    };
    let age = now - at;
    let said = format!("last {what} {age:.1} s ago, interval {interval} s");
    // A second of grace: the note itself is written after the beat.
    if age >= -1.0 && age <= 2.0 * interval + 1.0 {
        Ok(said)
    } else {
        Err(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn healthy_means_a_beat_within_two_intervals() {
        let judge = |note, now| super::judge(Check::Beats, note, now);
        assert!(judge(Some("100.0 10\n"), Some(119.0)).is_ok());
        assert!(judge(Some("100.0 10\n"), Some(122.0)).is_err());
        assert!(
            judge(Some("9000.0 10\n"), Some(122.0)).is_err(),
            "a note from before the last boot"
        );
        assert!(judge(Some("rubbish"), Some(1.0)).is_err());
        assert_eq!(judge(None, Some(1.0)), Err("no beat yet".into()));
        let live = super::judge(Check::Live, None, Some(1.0));
        assert_eq!(live, Err("no sign of life yet".into()));
    }
}
