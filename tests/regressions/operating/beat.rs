//! `beat NAME -- CMD` gave its program other signals than a shell would, and another exit code.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::RedisServer;
use crate::support::daemon::program;

/// The signals that a program ignores that a shell starts by `line`.
fn ignored_by(line: &str, redis: &RedisServer) -> u64 {
    let out = Command::new("sh")
        .args(["-c", line])
        .env("BEAT", program("marketswarm"))
        .env("SYSTEM_REDIS_URL", redis.url())
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let mask = text.trim().strip_prefix("SigIgn:").map(str::trim);
    let mask = mask.and_then(|mask| u64::from_str_radix(mask, 16).ok());
    mask.unwrap_or_else(|| panic!("{text:?}"))
}

#[test]
fn a_signal_that_is_ignored_under_nohup_or_in_the_background_stays_ignored() {
    let redis = RedisServer::start();
    let own = "grep SigIgn /proc/self/status";
    let under_beat = format!("exec \"$BEAT\" beat job -- {own}");
    let trap = "trap '' HUP INT QUIT;";
    let (hup, int, quit) = (1, 1 << 1, 1 << 2);
    let all = hup | int | quit;
    let trapped = ignored_by(&format!("{trap} {under_beat}"), &redis);
    assert_eq!(trapped & all, all);
    // Without a trap as it is without beat: who runs these tests may ignore some.
    let plain = ignored_by(own, &redis) & all;
    assert_eq!(ignored_by(&under_beat, &redis) & all, plain);
}

#[test]
fn what_is_no_program_is_126() {
    let redis = RedisServer::start();
    let file = tempfile::NamedTempFile::new().unwrap();
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(file.path(), mode).unwrap();
    let status = Command::new(program("marketswarm"))
        .args(["beat", "job", "--"])
        .arg(file.path())
        .env("SYSTEM_REDIS_URL", redis.url())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(126));
}
