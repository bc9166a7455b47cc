//! `up` was led elsewhere by a variable of the shell, and did not say why a service died.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::support::daemon::program;
use crate::support::truth::truth_of;
use crate::support::{Daemon, PATIENCE};

/// Starts `up` with these programs for `mesh` alone.
fn up(folder: &std::path::Path, more: &[&str], env: &[(&str, &str)]) -> Daemon {
    let truth = folder.join("truth.json");
    fs::write(&truth, truth_of(&["mesh"], 1.0, 3.0).to_string()).unwrap();
    let (truth, data) = (
        truth.display().to_string(),
        folder.join("data").display().to_string(),
    );
    let mut args = vec!["up", "--plain", "--truth", &truth, "--data", &data];
    args.extend(["--system-port", "0", "--market-port", "0", "--only", "mesh"]);
    args.extend(more);
    let path = std::env::var("PATH").unwrap();
    let env = [&[("PATH", path.as_str())], env].concat();
    Daemon::start_with("marketswarm", &args, &env)
}

#[test]
fn a_service_that_dies_says_its_last_words_fit_for_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(program("bootstrap"), bin.join("bootstrap")).unwrap();
    let mesh = bin.join("mesh");
    fs::write(
        &mesh,
        "#!/bin/sh\nprintf 'begun\\nno disk \\033[2Jleft\\n' >&2\nexit 7\n",
    )
    .unwrap();
    fs::set_permissions(&mesh, fs::Permissions::from_mode(0o755)).unwrap();
    let bin = bin.display().to_string();
    let mut up = up(folder.path(), &["--bin-dir", &bin], &[]);
    up.wait_log(
        "mesh ended: exit code 7 (no disk \u{fffd}[2Jleft); ",
        PATIENCE,
    );
    up.stop();
}

#[test]
fn a_file_that_names_another_bus_leads_no_service_there() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, "redis://127.0.0.1:1\n").unwrap();
    let elsewhere = elsewhere.display().to_string();
    let mut up = up(folder.path(), &[], &[("TRUTH_REDIS_URL_FILE", &elsewhere)]);
    up.wait_log("mesh: first beat heard", PATIENCE);
    up.stop();
}
