//! `--healthcheck`: has the beat thread of this service published within two intervals?
//!
//! A scratch image has no shell and a second process cannot look into the first, so the beat thread leaves a note in
//! `RUN_DIR` (a tmpfs in containers): when, by the one monotonic clock that processes share, and its interval.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use super::{complain, print};
use crate::clock;
use crate::env::{Env, EnvError};

/// Where the note lives unless `RUN_DIR` says otherwise.
const DEFAULT_RUN_DIR: &str = "/run/marketswarm";

/// The note of `id`, or `None` where there is no folder for it.
pub(super) fn file(id: &str, env: &Env) -> Result<Option<PathBuf>, EnvError> {
    let folder = match env.folder("RUN_DIR")? {
        Some(folder) => {
            fs::create_dir_all(&folder).map_err(|e| EnvError {
                name: "RUN_DIR".into(),
                reason: format!("cannot make the folder `{}`: {e}", folder.display()),
            })?;
            folder
        }
        None if Path::new(DEFAULT_RUN_DIR).is_dir() => PathBuf::from(DEFAULT_RUN_DIR),
        None => return Ok(None),
    };
    Ok(Some(folder.join(format!("{id}.beat"))))
}

/// Leaves the note, whole or not at all: the check may look at any moment. A failure is not worth a beat: the check
/// will say that the note is old.
pub(super) fn write(file: &Path, interval: Duration) {
    let Some(now) = clock::boot_secs() else {
        return;
    };
    let draft = file.with_extension("draft");
    let note = format!("{now} {}\n", interval.as_secs_f64());
    if let Err(e) = fs::write(&draft, note).and_then(|()| fs::rename(&draft, file)) {
        log::debug!("cannot write {}: {e}", file.display());
    }
}

/// Reads the note of `id`, says what it finds, and answers 0 for healthy, 1 for not, 2 for a bad environment.
pub(super) fn check(id: &str, env: &Env) -> ExitCode {
    let file = match file(id, env) {
        Ok(Some(file)) => file,
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
    match judge(
        fs::read_to_string(&file).ok().as_deref(),
        clock::boot_secs(),
    ) {
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

fn judge(note: Option<&str>, now: Option<f64>) -> Result<String, String> {
    let note = note.ok_or("no beat yet")?;
    let mut numbers = note
        .split_ascii_whitespace()
        .filter_map(|n| n.parse::<f64>().ok());
    let (Some(at), Some(interval), Some(now)) = (numbers.next(), numbers.next(), now) else {
        return Err("the note of the last beat cannot be read".into());
    };
    let age = now - at;
    let said = format!("last beat {age:.1} s ago, interval {interval} s");
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
        assert!(judge(Some("100.0 10\n"), Some(119.0)).is_ok());
        assert!(judge(Some("100.0 10\n"), Some(122.0)).is_err());
        assert!(
            judge(Some("9000.0 10\n"), Some(122.0)).is_err(),
            "a note from before the last boot"
        );
        assert!(judge(Some("rubbish"), Some(1.0)).is_err());
        assert!(judge(None, Some(1.0)).is_err());
    }
}
