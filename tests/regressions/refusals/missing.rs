//! A right was missing, and nobody was told: of a death, of the right, or that the states on show were of before.

use std::time::Duration;

use super::rights::user;
use crate::at_both;
use crate::regressions::reading::{Status, wait_table};
use crate::support::receiver::Receiver;
use crate::support::watcher::{HEALER, SENTINEL, TIMEOUT, Watcher};
use crate::support::{PATIENCE, until};

at_both! {
    a_channel_without_the_clock_of_redis_tells_all_the_same,
    a_channel_without_the_group_commands_tells_all_the_same,
    a_channel_without_its_memory_tells_all_the_same,
    a_channel_without_its_keys_tells_all_the_same,
    a_channel_without_transactions_tells_all_the_same,
}

/// People hear of a death and a return, once each, whether the right is missing from the start or is taken away; they hear
/// which right it is; and nothing is told again when it is given.
fn tells_all_the_same(who: Watcher, take: &[&str], give: &[&str], remedy: &str) {
    for is_late in [false, true] {
        // Without transactions nobody reads the truth.
        if !is_late && take.contains(&"-@transaction") {
            continue;
        }
        let stage = who.stage();
        let url = user(&stage.redis, if is_late { &[] } else { take });
        let people = Receiver::start();
        let beats = stage.beat(&[who.subject]);
        beats.wait_beat(who.subject);
        let env = [
            ("SYSTEM_REDIS_URL", url.as_str()),
            ("WEBHOOK_URL", &people.url()),
        ];
        let mut daemon = stage.start_with(who.program, &env);
        stage.wait_health(who.subject, "up");
        let set = |rights: &[&str]| {
            let all = [&["ACL", "SETUSER", "watcher"], rights].concat();
            stage.redis.query::<()>(&all);
        };
        if is_late {
            daemon.wait_log("channel webhook", PATIENCE);
            set(take);
        }
        let told = [
            format!("DOWN {}", who.subject),
            format!("UP {}", who.subject),
        ];
        beats.silence(who.subject);
        who.wait_miss(&stage.alerts);
        people.wait_text(&told[0], PATIENCE);
        beats.resume(who.subject);
        who.wait_ok(&stage.alerts);
        people.wait_text(&told[1], PATIENCE);
        people.wait_text(remedy, PATIENCE);
        let said = format!("ERROR {}: CHANNEL webhook cannot keep", who.program);
        assert_eq!(daemon.log_count(&said), 1, "{}", daemon.log());
        set(give);
        // Now it finds all of it in the log, and tells none of it again.
        daemon.wait_log("the bus is back", PATIENCE);
        std::thread::sleep(TIMEOUT);
        for text in &told {
            assert_eq!(
                people.count_text(text),
                1,
                "late: {is_late}\n{}",
                daemon.log()
            );
        }
        assert!(daemon.log().lines().count() < 60, "{}", daemon.log());
        assert!(daemon.is_alive());
    }
}

fn a_channel_without_the_clock_of_redis_tells_all_the_same(who: Watcher) {
    tells_all_the_same(who, &["-time"], &["+time"], "ACL SETUSER watcher +time");
}

fn a_channel_without_the_group_commands_tells_all_the_same(who: Watcher) {
    let take = ["-xreadgroup", "-xgroup"];
    let give = ["+xreadgroup", "+xgroup"];
    tells_all_the_same(who, &take, &give, "ACL SETUSER watcher +x");
}

fn a_channel_without_its_memory_tells_all_the_same(who: Watcher) {
    let take = ["-hset", "-hget", "-hgetall", "-hmget", "-hvals", "-hexists"];
    let give = ["+hset", "+hget", "+hgetall", "+hmget", "+hvals", "+hexists"];
    tells_all_the_same(who, &take, &give, "ACL SETUSER watcher +h");
}

fn a_channel_without_its_keys_tells_all_the_same(who: Watcher) {
    let take = ["resetkeys", "~truth:*", "~healer:*", "~health:*"];
    tells_all_the_same(who, &take, &["~*"], "ACL SETUSER watcher ~notify:*");
}

fn a_channel_without_transactions_tells_all_the_same(who: Watcher) {
    let (take, give) = (["-@transaction"], ["+@transaction"]);
    tells_all_the_same(who, &take, &give, "ACL SETUSER watcher +");
}

/// What is missing for the next death is said when it begins to miss, and no state of before is green.
fn is_said_before_anybody_dies(take: &[&str], remedy: &str) {
    let stage = HEALER.stage();
    let url = user(&stage.redis, &[]);
    let people = Receiver::start();
    let env = [
        ("SYSTEM_REDIS_URL", url.as_str()),
        ("WEBHOOK_URL", &people.url()),
    ];
    let watch = HEALER.at_work_on(stage, &env);
    let stage = &watch.stage;
    wait_table(stage, "all are up", |status| status.code == 0);
    let all = [&["ACL", "SETUSER", "watcher"], take].concat();
    stage.redis.query::<()>(&all);
    let told = stage.alerts.wait("bus_readonly", "system-redis", PATIENCE);
    let reason = told.json["reason"].as_str().unwrap_or_default();
    assert!(reason.contains(remedy), "{reason}");
    people.wait_text(remedy, PATIENCE);
    let said = "writes are refused: ";
    wait_table(stage, "it is said", |status| status.text.contains(said));
    watch.beats.silence("svc-a");
    people.wait_text("DOWN svc-a", PATIENCE);
    // From here on no look may find it green.
    for _ in 0..3 {
        let status = Status::table(stage);
        assert_ne!(status.state("svc-a"), "up", "{}", status.text);
        assert!(status.text.contains(said), "{}", status.text);
    }
    assert_eq!(people.count_text("TAKES WRITES AGAIN"), 0);
    stage
        .redis
        .query::<()>(&["ACL", "SETUSER", "watcher", "+@all", "~*", "&*"]);
    people.wait_text("TAKES WRITES AGAIN", PATIENCE);
    watch.beats.resume("svc-a");
    wait_table(stage, "all are up again", |status| status.code == 0);
    people.wait_text("UP svc-a", PATIENCE);
    assert_eq!(people.count_text("DOWN svc-a"), 1);
}

#[test]
fn that_the_log_cannot_be_appended_to_is_said_before_anybody_dies() {
    is_said_before_anybody_dies(&["-xadd"], "ACL SETUSER watcher +xadd (");
}

#[test]
fn that_snapshots_cannot_be_written_is_said_before_anybody_dies() {
    let keys = ["resetkeys", "~truth:*", "~healer:*", "~notify:*"];
    is_said_before_anybody_dies(&keys, "ACL SETUSER watcher ~health:* (");
}

#[test]
fn that_the_log_is_no_key_of_ours_is_said_before_anybody_dies() {
    let keys = [
        "resetkeys",
        "~truth:*",
        "~healer:lease",
        "~healer:buses",
        "~healer:judged*",
        "~health:*",
        "~notify:*",
    ];
    is_said_before_anybody_dies(&keys, "may not write healer:alerts:log");
}

/// Alerts are written, and cannot be published: that is no end of the trouble.
#[test]
fn that_alerts_cannot_be_published_lasts_until_they_are() {
    let stage = HEALER.stage();
    let channels = [
        "resetchannels",
        "&*:heartbeat",
        "&healer:echo:*",
        "&truth:changed",
    ];
    let url = user(&stage.redis, &channels);
    let people = Receiver::start();
    let env = [
        ("SYSTEM_REDIS_URL", url.as_str()),
        ("WEBHOOK_URL", &people.url()),
    ];
    let watch = HEALER.at_work_on(stage, &env);
    people.wait_text("&healer:*", PATIENCE);
    watch.beats.silence("svc-a");
    people.wait_text("DOWN svc-a", PATIENCE);
    let over = "TAKES WRITES AGAIN";
    let window = Duration::from_secs(8);
    watch
        .alerts()
        .assert_none(window, |alert| alert.svc() == "svc-a");
    assert_eq!(people.count_text(over), 0, "{}", watch.daemon.log());
    let down = Status::table(&watch.stage);
    assert_eq!(down.state("svc-a"), "down", "{}", down.text);
    watch
        .stage
        .redis
        .query::<()>(&["ACL", "SETUSER", "watcher", "&*"]);
    // What could not be published is, once.
    HEALER.wait_miss(watch.alerts());
    people.wait_text(over, PATIENCE);
    assert_eq!(people.count_text("DOWN svc-a"), 1);
    watch.beats.resume("svc-a");
    HEALER.wait_ok(watch.alerts());
}

/// A healer that cannot take the lease listens for others before it speaks; whoever watches it must not miss it meanwhile.
#[test]
fn a_healer_that_starts_without_scripts_is_not_told_dead() {
    let stage = crate::support::Stage::new(&["healer", "svc-a"], 1.0, 3.0);
    let url = user(&stage.redis, &["-@scripting"]);
    let env = [("SYSTEM_REDIS_URL", url.as_str())];
    let _sentinel = stage.start_with("sentinel", &[]);
    let beats = stage.beat(&["svc-a"]);
    let healer = stage.start_with("healer", &env);
    healer.wait_log("this one does", PATIENCE);
    let is_miss = |alert: &crate::support::alerts::Heard| alert.kind() == "healer_miss";
    stage.alerts.assert_none(Duration::from_secs(4), is_miss);
    assert!(stage.alerts.all().iter().all(|alert| !is_miss(alert)));
    beats.silence("svc-a");
    HEALER.wait_miss(&stage.alerts);
    until("the healer is up", PATIENCE, || {
        let status = Status::table(&stage);
        match status.state("healer") == "up" {
            true => Ok(()),
            false => Err(status.text),
        }
    });
}

/// Without echoes nothing can be judged: that is said at once, with the remedy, and no state is green.
fn is_said_when_nothing_can_be_judged(take: &[&str], remedy: &str) {
    let stage = HEALER.stage();
    let url = user(&stage.redis, take);
    let people = Receiver::start();
    let beats = stage.beat(&["svc-a"]);
    let env = [
        ("SYSTEM_REDIS_URL", url.as_str()),
        ("WEBHOOK_URL", &people.url()),
    ];
    let mut healer = stage.start_with("healer", &env);
    let told = people.wait_text("BUS UNSTABLE", PATIENCE);
    assert!(told.text().contains(remedy), "{}", told.text());
    wait_table(&stage, "nobody is green, and why", |status| {
        status.state("svc-a") == "unknown" && status.text.contains(remedy)
    });
    assert_eq!(
        people.count_text("TAKES WRITES AGAIN"),
        0,
        "{}",
        healer.log()
    );
    assert_eq!(people.count_text("BUS UNSTABLE"), 1, "{}", healer.log());
    stage
        .redis
        .query::<()>(&["ACL", "SETUSER", "watcher", "+@all", "&*"]);
    healer.wait_log("it can be judged again", PATIENCE);
    wait_table(&stage, "all is judged again", |status| {
        status.state("svc-a") == "up"
    });
    beats.silence("svc-a");
    people.wait_text("DOWN svc-a", PATIENCE);
    assert!(healer.is_alive());
}

#[test]
fn that_nothing_can_be_published_is_said_and_lasts() {
    is_said_when_nothing_can_be_judged(&["-publish"], "ACL SETUSER watcher +publish");
}

#[test]
fn that_echoes_are_forbidden_is_said_with_the_remedy() {
    let channels = [
        "resetchannels",
        "&*:heartbeat",
        "&healer:alerts",
        "&truth:changed",
    ];
    is_said_when_nothing_can_be_judged(&channels, "&healer:echo:*");
}

#[test]
fn a_sentinel_that_may_not_echo_says_so() {
    let stage = SENTINEL.stage();
    let channels = [
        "resetchannels",
        "&*:heartbeat",
        "&healer:alerts",
        "&truth:changed",
    ];
    let url = user(&stage.redis, &channels);
    let people = Receiver::start();
    let beats = stage.beat(&["healer"]);
    let env = [
        ("SYSTEM_REDIS_URL", url.as_str()),
        ("WEBHOOK_URL", &people.url()),
    ];
    let _sentinel = stage.start_with("sentinel", &env);
    let told = people.wait_text("SENTINEL cannot judge the healer", PATIENCE);
    assert!(
        told.text().contains("ACL SETUSER watcher &sentinel:echo:*"),
        "{}",
        told.text()
    );
    stage
        .redis
        .query::<()>(&["ACL", "SETUSER", "watcher", "&*"]);
    stage.wait_health("healer", "up");
    beats.silence("healer");
    people.wait_text("DOWN healer", PATIENCE);
}

/// Nothing is known of a service whose channel is forbidden; but when it is allowed, nobody needs to restart anything.
#[test]
fn a_channel_that_is_allowed_later_is_heard() {
    let stage = HEALER.stage();
    let channels = ["resetchannels", "&healer:*", "&truth:changed"];
    let url = user(&stage.redis, &channels);
    let beats = stage.beat(&["svc-a"]);
    let _healer = stage.start_with("healer", &[("SYSTEM_REDIS_URL", &url)]);
    wait_table(&stage, "its channel is forbidden", |status| {
        status.text.contains("refuses its channel (ACL)")
    });
    stage
        .redis
        .query::<()>(&["ACL", "SETUSER", "watcher", "&svc-a:heartbeat"]);
    stage.wait_health("svc-a", "up");
    beats.silence("svc-a");
    HEALER.wait_miss(&stage.alerts);
}
