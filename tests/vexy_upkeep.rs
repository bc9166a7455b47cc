//! What an analyst says of its work, and what it clears away: delays, dead letters, consumers that are gone.

use serde_json::json;

use crate::support::analysts::{Analysts, text, title, uid};
use crate::support::daemon::example;
use crate::support::{Alerts, FakeClock, PATIENCE, until};

const HOUR: i64 = 3600;

/// Waits for a beat that says this from now on, or for one that says nothing of it.
#[track_caller]
fn wait_beat(room: &Analysts, words: &str, is_said: bool) {
    let ear = Alerts::on_channel(&room.redis, "vexy_ai:heartbeat");
    let what = match is_said {
        true => format!("a beat with {words:?}"),
        false => format!("a beat without {words:?}"),
    };
    ear.wait_for(&what, PATIENCE, |beat| beat.text.contains(words) == is_said);
}

#[test]
fn work_that_waits_for_longer_than_behind_warn_sec_is_said_until_it_is_done() {
    let mut room = Analysts::open();
    // Nobody takes the entry over before the test has seen what is said of it.
    room.analysis()["claim_idle_sec"] = json!(3600);
    room.analysis()["behind_warn_sec"] = json!(5);
    let two_minutes_ago = format!("{}-0", marketswarm::clock::wall_millis() - 120_000);
    room.redis
        .query::<()>(&["XADD", "rss:queue", &two_minutes_ago, "uid", "slow"]);
    room.redis
        .query::<()>(&["XGROUP", "CREATE", "rss:queue", "vexy", "0"]);
    room.redis.query::<redis::Value>(&[
        "XREADGROUP",
        "GROUP",
        "vexy",
        "elsewhere:1",
        "STREAMS",
        "rss:queue",
        ">",
    ]);
    let daemon = room.start("vexy_ai");
    wait_beat(&room, "behind: the oldest entry has waited for 2 min", true);
    // Others are analysed all the same.
    room.give(1..=3);
    room.wait_done(3);
    room.redis
        .query::<()>(&["XACK", "rss:queue", "vexy", &two_minutes_ago]);
    daemon.wait_log("the work goes on", PATIENCE);
    wait_beat(&room, "behind", false);
}

#[test]
fn ten_dead_letters_in_an_hour_are_said_until_they_are_dealt_with() {
    let room = Analysts::open();
    let daemon = room.start("vexy_ai");
    let bury = |n: usize| {
        for _ in 0..n {
            room.redis
                .query::<()>(&["XADD", "rss:queue", "*", "title", "of nothing"]);
        }
    };
    // Two hours old: of no concern any more.
    let old = format!("{}-0", marketswarm::clock::wall_millis() - 7_200_000);
    room.redis
        .query::<()>(&["XADD", "vexy:dead", &old, "reason", "test"]);
    bury(9);
    let dead = |n: usize| {
        until("letters", PATIENCE, || match room.dead().len() {
            there if there == n => Ok(()),
            there => Err(format!("{there}")),
        });
    };
    dead(10);
    bury(1);
    dead(11);
    wait_beat(
        &room,
        "10 entries or more were given up within an hour: see marketswarm vexy dead",
        true,
    );
    room.redis.query::<()>(&["DEL", "vexy:dead"]);
    daemon.wait_log("the work goes on", PATIENCE);
    wait_beat(&room, "given up", false);
}

#[test]
fn consumers_that_were_idle_for_a_day_go_and_those_that_owe_something_stay() {
    let Some(clock) = FakeClock::here() else {
        return;
    };
    let room = Analysts::on(clock.redis());
    room.give(1..=2);
    room.redis
        .query::<()>(&["XGROUP", "CREATE", "rss:queue", "vexy", "0"]);
    let read = |consumer: &str| {
        room.redis.query::<redis::Value>(&[
            "XREADGROUP",
            "GROUP",
            "vexy",
            consumer,
            "COUNT",
            "1",
            "STREAMS",
            "rss:queue",
            ">",
        ])
    };
    read("gone:1");
    room.redis
        .query::<()>(&["XGROUP", "CREATECONSUMER", "rss:queue", "vexy", "idle:1"]);
    let consumers = || {
        let all: redis::streams::StreamInfoConsumersReply =
            room.redis
                .query(&["XINFO", "CONSUMERS", "rss:queue", "vexy"]);
        let mut names: Vec<String> = all.consumers.into_iter().map(|one| one.name).collect();
        names.sort();
        names
    };
    assert_eq!(consumers(), ["gone:1", "idle:1"]);
    clock.set(25 * HOUR);
    room.redis
        .query::<()>(&["XGROUP", "CREATECONSUMER", "rss:queue", "vexy", "late:1"]);
    let mut daemon = room.start("vexy_ai");
    // What one of them owed is done first; then it is gone at the next start, and who was there a moment ago stays.
    room.assert_each_once(2);
    daemon.wait_log(
        "consumers of rss:queue are gone for a day: removed",
        PATIENCE,
    );
    daemon.stop();
    let mut daemon = room.start("vexy_ai");
    daemon.wait_log("threads analyse", PATIENCE);
    until("gone:1 is removed", PATIENCE, || {
        let names = consumers();
        let is_there = |name: &str| names.iter().any(|there| there == name);
        match is_there("gone:1") || is_there("idle:1") || !is_there("late:1") {
            true => Err(format!("{names:?}")),
            false => Ok(()),
        }
    });
    daemon.stop();
}

#[test]
fn a_letter_of_what_was_asked_for_once_more_says_which_item_it_was() {
    let mut room = Analysts::open();
    room.analysis()["max_deliveries"] = json!(2);
    room.analysis()["workers"] = json!(1);
    room.give_with(1..=2, title, text);
    let mut daemon = room.start("vexy_ai");
    room.assert_each_once(2);
    daemon.stop();
    // It has become one that ends whoever reads it.
    let key = format!("rss:item:{}", uid(2));
    let poisoned = "POISON in \"quarterly\" figures";
    room.redis.query::<()>(&["HSET", &key, "title", poisoned]);
    room.redis
        .query::<()>(&["XADD", "vexy:redo", "*", "uid", &uid(2)]);
    let program = example("vexy_poison");
    let mut analyst = room.start_program(&program, "vexy_ai");
    until("it is given up", PATIENCE, || {
        if !analyst.is_alive() {
            analyst = room.start_program(&program, "vexy_ai");
        }
        match room.dead().len() {
            1 => Ok(()),
            n => Err(format!("{n} letters")),
        }
    });
    let letter = room.dead().pop().expect("a letter");
    assert_eq!(
        (&*letter["stream"], &*letter["uid"], &*letter["deliveries"]),
        ("vexy:redo", &*uid(2), "2")
    );
    assert_eq!(letter["title"], poisoned);
}
