//! `up` showed the states of before while Redis took no writes.

use std::fs;

use serde_json::Value;

use crate::support::redis_server::{command, connect};
use crate::support::truth::truth_of;
use crate::support::{Daemon, PATIENCE};

#[test]
fn up_says_that_writes_are_refused_and_that_they_pass_again() {
    let folder = tempfile::tempdir().unwrap();
    let (truth, data) = (folder.path().join("truth.json"), folder.path().join("data"));
    fs::write(&truth, truth_of(&["mesh"], 1.0, 3.0).to_string()).unwrap();
    let (truth, data_name) = (truth.display().to_string(), data.display().to_string());
    let args = [
        "up",
        "--plain",
        "--truth",
        &truth,
        "--data",
        &data_name,
        "--system-port",
        "0",
        "--market-port",
        "0",
        "--only",
        "mesh,healer",
    ];
    let path = std::env::var("PATH").unwrap();
    let mut up = Daemon::start_with("marketswarm", &args, &[("PATH", &path)]);
    up.wait_log("the healer judges", PATIENCE);
    let note: Value = serde_json::from_slice(&fs::read(data.join("run/up.json")).unwrap()).unwrap();
    let mut bus = connect(note["system_port"].as_u64().unwrap() as u16, None).unwrap();
    let mut limit = |bytes: &str| {
        let words = ["CONFIG", "SET", "maxmemory", bytes];
        command(&words).query::<()>(&mut bus).unwrap();
    };
    limit("1");
    up.wait_log("writes are refused: ", PATIENCE);
    limit("0");
    up.wait_log("Redis takes writes again", PATIENCE);
    assert_eq!(up.log_count("silent"), 0, "{}", up.log());
    up.stop();
}
