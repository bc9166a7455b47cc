//! What `marketswarm up` cannot work with is said before anything starts.

use std::fs;

use crate::support::truth::truth_of;
use crate::support::{Daemon, PATIENCE};

#[test]
fn what_is_missing_or_wrong_is_said_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.json");
    fs::write(
        &bad,
        r#"{"services":{"mesh":{"heartbeat":{"interval_sec":0}}}}"#,
    )
    .unwrap();
    let bad = bad.display().to_string();
    let empty = folder.path().display().to_string();
    let good = folder.path().join("good.json");
    fs::write(&good, truth_of(&["mesh", "healer"], 1.0, 3.0).to_string()).unwrap();
    let good = good.display().to_string();
    let path = std::env::var("PATH").unwrap();
    for (args, path, said) in [
        (vec!["--truth", &bad], path.as_str(), "interval_sec"),
        (
            vec!["--truth", "/nowhere.json"],
            &path,
            "name the truth document with --truth",
        ),
        (
            vec!["--truth", &good, "--only", "mash"],
            &path,
            "there is no service `mash`",
        ),
        (
            vec!["--truth", &good, "--bin-dir", &empty],
            &path,
            "--bin-dir",
        ),
        (
            vec!["--truth", &good],
            "/nowhere",
            "apt-get install redis-server",
        ),
        (vec!["--frobnicate"], &path, "see marketswarm up --help"),
        (vec!["--only", ","], &path, "--only names no service"),
        (
            vec!["--market-port", "6380x"],
            &path,
            "--market-port 6380x: no port; write a number",
        ),
        (
            vec!["--system-port", "7001", "--market-port", "7001"],
            &path,
            "two redis-servers need two ports",
        ),
    ] {
        let mut all = vec!["up"];
        all.extend(args);
        let (code, log) = Daemon::run("marketswarm", &all, &[("PATH", path)], PATIENCE);
        assert_eq!(code, 2, "{log}");
        assert!(log.contains(said), "{log}");
    }
}
