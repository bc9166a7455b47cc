//! What is wrong with this shell and this machine: variables, and room on the disk.

use std::path::Path;

use super::{Finding, Report};
use crate::env::Env;
use crate::notify::config::of_environment;
use crate::swarm_state::locator::data_folder;
use crate::truth::Defaults;

/// Room on a disk, in bytes, below which the next writes may fail, and below which that is near.
const NO_ROOM: u64 = 16 * 1024 * 1024;
const LITTLE_ROOM: u64 = 256 * 1024 * 1024;
/// The folders that the daemons write to, by their variables.
const FOLDERS: [&str; 2] = ["STATE_DIR", "RUN_DIR"];

/// Looks at the environment and at the folders that it names.
pub(super) fn examine(env: &Env, report: &mut Report) {
    report.checked("the environment of this shell");
    let mend = "write it as README's table of variables says, or unset it";
    let mut wrong = |what: String| report.add(Finding::wrong("environment", what, mend));
    if let Err(error) = env.must_be_text(|_| false) {
        wrong(error.to_string());
    }
    if let Err(error) = Defaults::from_env(env) {
        wrong(error.to_string());
    }
    if let Err(error) = of_environment(env) {
        wrong(error.to_string());
    }
    let mut folders = Vec::new();
    for variable in FOLDERS {
        match env.folder(variable) {
            Ok(folder) => folders.extend(folder.map(|folder| (variable, folder))),
            Err(error) => wrong(error.to_string()),
        }
    }
    match data_folder(env) {
        Ok(data) => folders.extend(data.is_dir().then_some(("MARKETSWARM_DATA", data))),
        Err(error) => wrong(error.to_string()),
    }
    if !folders.is_empty() {
        report.checked("the disk");
    }
    for (variable, folder) in folders {
        report.add_all(room(variable, &folder));
    }
}

/// What is to be said of the room in `folder`, which `variable` names.
fn room(variable: &str, folder: &Path) -> Option<Finding> {
    let about = format!("{variable} ({})", folder.display());
    match free_bytes(folder) {
        Err(error) => {
            let what = format!("cannot be looked at: {error}");
            Some(Finding::wrong(
                about,
                what,
                "make the folder, or name another",
            ))
        }
        Ok(free) if free < LITTLE_ROOM => {
            let what = format!("{} MiB are free on its disk", free / 1024 / 1024);
            let remedy = "make room: what cannot be written is lost at the next restart";
            let grade = if free < NO_ROOM {
                Finding::wrong
            } else {
                Finding::risk
            };
            Some(grade(about, what, remedy.to_owned()))
        }
        Ok(_) => None,
    }
}

/// Bytes that a user who is not root may still write there.
fn free_bytes(folder: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
