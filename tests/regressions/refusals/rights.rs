//! Rights that are missing: what goes by another way goes that way; what does not is said with the remedy.

use crate::at_both;
use crate::support::receiver::Receiver;
use crate::support::watcher::{SENTINEL, TIMEOUT, Watch, Watcher};
use crate::support::{PATIENCE, RedisServer, Stage};

at_both! {
    without_script_load_scripts_go_along_with_their_calls,
    without_the_eval_command_all_goes_on,
    without_the_evalsha_command_all_goes_on,
    who_loses_the_right_to_run_scripts_tells_all_the_same,
    who_starts_without_the_right_to_run_scripts_tells_all_the_same,
    who_may_not_write_the_log_tells_all_the_same,
    without_both_commands_all_is_told_all_the_same,
}

/// The URL of a user of its own with these rights, beside all others.
pub(super) fn user(redis: &RedisServer, rights: &[&str]) -> String {
    let usual = [
        "ACL", "SETUSER", "watcher", "on", ">s3cret", "~*", "&*", "+@all",
    ];
    redis.query::<()>(&[&usual, rights].concat());
    format!("redis://watcher:s3cret@127.0.0.1:{}", redis.port())
}

fn at_work_as(who: Watcher, rights: &[&str]) -> Watch {
    let stage = who.stage();
    let url = user(&stage.redis, rights);
    who.at_work_on(stage, &[("SYSTEM_REDIS_URL", &url)])
}

fn without_script_load_scripts_go_along_with_their_calls(who: Watcher) {
    at_work_as(who, &["-script"]).assert_still_judges();
    let watch = at_work_as(who, &["-script|load", "-evalsha"]);
    watch.assert_still_judges();
    assert_eq!(watch.alerts().count("bus_readonly", "system-redis"), 0);
}

fn renamed(who: Watcher, commands: &[&str]) -> Stage {
    let args: Vec<&str> = commands
        .iter()
        .flat_map(|c| ["--rename-command", c, ""])
        .collect();
    who.stage_on(RedisServer::start_with(&args))
}

fn without_the_eval_command_all_goes_on(who: Watcher) {
    who.at_work_on(renamed(who, &["EVAL"]), &[])
        .assert_still_judges();
}

fn without_the_evalsha_command_all_goes_on(who: Watcher) {
    who.at_work_on(renamed(who, &["EVALSHA"]), &[])
        .assert_still_judges();
}

/// A death and a return are heard on the channel and by people, once each; nobody exits.
fn told_all_the_same(who: Watcher, stage: &Stage, url: &str, spoil: impl FnOnce(&Stage)) -> String {
    let people = Receiver::start();
    let beats = stage.beat(&[who.subject]);
    beats.wait_beat(who.subject);
    let env = [("SYSTEM_REDIS_URL", url), ("WEBHOOK_URL", &people.url())];
    let mut daemon = stage.start_with(who.program, &env);
    stage
        .redis
        .wait_subscribed(&format!("{}:heartbeat", who.subject), 1);
    spoil(stage);
    let mut reason = String::new();
    if who.program == "healer" {
        let told = stage.alerts.wait("bus_readonly", "system-redis", PATIENCE);
        reason = told.json["reason"].as_str().unwrap().to_owned();
        people.wait_text("BUS REFUSES WRITES", PATIENCE);
    }
    beats.silence(who.subject);
    who.wait_miss(&stage.alerts);
    people.wait_text(&format!("DOWN {}", who.subject), PATIENCE);
    stage.alerts.assert_nothing_else(TIMEOUT);
    beats.resume(who.subject);
    who.wait_ok(&stage.alerts);
    people.wait_text(&format!("UP {}", who.subject), PATIENCE);
    stage.alerts.assert_nothing_else(TIMEOUT);
    assert!(daemon.is_alive());
    daemon.wait_log("writes are refused", PATIENCE);
    assert_eq!(
        daemon.log_count("writes are refused"),
        1,
        "{}",
        daemon.log()
    );
    if who.program == "healer" {
        reason
    } else {
        daemon.wait_log("writes are refused", PATIENCE)
    }
}

fn who_loses_the_right_to_run_scripts_tells_all_the_same(who: Watcher) {
    let stage = who.stage();
    let url = user(&stage.redis, &[]);
    let reason = told_all_the_same(who, &stage, &url, |stage| {
        stage.wait_health(who.subject, "up");
        stage
            .redis
            .query::<()>(&["ACL", "SETUSER", "watcher", "-@scripting"]);
    });
    assert!(
        reason.contains("user watcher may not run EVALSHA or EVAL"),
        "{reason}"
    );
    assert!(
        reason.contains("ACL SETUSER watcher +evalsha +eval +script|load"),
        "{reason}"
    );
}

fn who_starts_without_the_right_to_run_scripts_tells_all_the_same(who: Watcher) {
    let stage = who.stage();
    let url = user(&stage.redis, &["-@scripting"]);
    let reason = told_all_the_same(who, &stage, &url, |_| {});
    assert!(
        reason.contains("ACL SETUSER watcher +evalsha +eval"),
        "{reason}"
    );
}

fn who_may_not_write_the_log_tells_all_the_same(who: Watcher) {
    let stage = who.stage();
    let keys = [
        "resetkeys",
        "~truth:*",
        "~healer:lease",
        "~health:*",
        "~healer:alerts:n",
    ];
    let url = user(&stage.redis, &keys);
    let reason = told_all_the_same(who, &stage, &url, |_| {});
    assert!(
        reason.contains("may not write healer:alerts:log, healer:alerts:ids"),
        "{reason}"
    );
    assert!(
        reason.contains("ACL SETUSER watcher ~healer:* ~health:*"),
        "{reason}"
    );
}

fn without_both_commands_all_is_told_all_the_same(who: Watcher) {
    let stage = renamed(who, &["EVAL", "EVALSHA"]);
    let url = stage.redis.url();
    let reason = told_all_the_same(who, &stage, &url, |_| {});
    assert!(reason.contains("rename-command"), "{reason}");
}

#[test]
fn a_sentinel_that_may_write_again_writes_what_it_told() {
    let watch = at_work_as(SENTINEL, &[]);
    watch
        .stage
        .redis
        .query::<()>(&["ACL", "SETUSER", "watcher", "-@scripting"]);
    watch.beats.silence("healer");
    let miss = SENTINEL.wait_miss(watch.alerts());
    watch
        .stage
        .redis
        .query::<()>(&["ACL", "SETUSER", "watcher", "+@scripting"]);
    watch.daemon.wait_log("Redis takes writes again", PATIENCE);
    let down = watch.stage.wait_health("healer", "down");
    assert_eq!(down["alert"]["id"], miss.json["id"]);
    watch.beats.resume("healer");
    SENTINEL.wait_ok(watch.alerts());
    watch.alerts().assert_nothing_else(TIMEOUT);
}
