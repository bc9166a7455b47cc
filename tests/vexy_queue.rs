//! Each queued item is analysed once, whatever happens to the store, the streams or the items meanwhile.

use std::time::Duration;

use serde_json::json;

use crate::support::analysts::{Analysts, uid};
use crate::support::{PATIENCE, until};

#[test]
fn what_is_queued_is_analysed_said_and_logged_once() {
    let room = Analysts::open();
    room.give(1..=300);
    let mut daemon = room.start("vexy_ai");
    room.assert_each_once(300);
    room.give(301..=301);
    room.assert_each_once(301);
    let stored = room.analysis_of(301);
    for (name, value) in [
        ("uid", uid(301).as_str()),
        ("rev", "1"),
        ("feed", "wire"),
        ("category", "markets"),
        ("source", "local"),
        ("method", "local/1"),
        ("model_state", "none"),
        ("cluster", &uid(301)),
        ("cluster_by", "self"),
    ] {
        assert_eq!(stored[name], value, "{name}");
    }
    let said = room.said.all().pop().expect("a message");
    assert_eq!(said.json["kind"], "analysis");
    assert_eq!(said.json["title"], json!(stored["title"]));
    assert!(said.text.len() <= 4096);
    let logged = room.log().pop().expect("an entry");
    assert_eq!(
        (&*logged["uid"], &*logged["kind"]),
        (&*uid(301), "analysis")
    );
    // A second start finds nothing to do.
    daemon.stop();
    let mut daemon = room.start("vexy_ai");
    daemon.wait_log("threads analyse", PATIENCE);
    room.give(302..=302);
    room.assert_each_once(302);
    daemon.stop();
}

#[test]
fn an_update_changes_the_analysis_and_another_date_does_not() {
    let room = Analysts::open();
    room.give(1..=3);
    let _daemon = room.start("vexy_ai");
    room.assert_each_once(3);
    let before = room.analysis_of(2);
    room.change(2, "It was quite different: sales fell by 9 percent.");
    until("the change is analysed", PATIENCE, || {
        match room.analysis_of(2).get("rev").map(String::as_str) {
            Some("2") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let after = room.analysis_of(2);
    assert_ne!(before["text_hash"], after["text_hash"]);
    assert!(after["summary"].contains("sales fell"), "{after:?}");
    room.wait_settled();
    let kinds: Vec<String> = room
        .log()
        .into_iter()
        .map(|entry| entry["kind"].clone())
        .collect();
    assert_eq!(
        kinds,
        ["analysis", "analysis", "analysis", "analysis_changed"]
    );
    assert_eq!(room.total("changed"), 1);
    // The same words once more: nothing is said again.
    let text: String = room
        .redis
        .query(&["HGET", &format!("rss:item:{}", uid(2)), "summary_text"]);
    room.change(2, &text);
    until("it is looked at", PATIENCE, || match room.total("same") {
        1 => Ok(()),
        n => Err(format!("{n}")),
    });
    room.wait_settled();
    assert_eq!(room.log().len(), 4);
    // Unless somebody asks for it.
    room.redis
        .query::<()>(&["XADD", "vexy:redo", "*", "uid", &uid(2)]);
    until("it is analysed again", PATIENCE, || {
        match room.log().len() {
            5 => Ok(()),
            n => Err(format!("{n}")),
        }
    });
    assert_eq!(room.analysis_of(2)["rev"], "3");
    room.wait_settled();
    assert_eq!(room.done(), 3);
}

#[test]
fn an_item_that_is_written_all_the_time_gets_the_analysis_of_its_last_text() {
    let room = Analysts::open();
    let _daemons = [room.start("vexy_ai"), room.start("vexy_ai-2")];
    room.give(1..=20);
    for round in 0..50 {
        for n in [3, 7] {
            room.change(
                n,
                &format!("Text number {round} of item {n} says that sales rose."),
            );
        }
    }
    room.wait_done(20);
    room.wait_settled();
    for n in [3, 7] {
        let stored = room.analysis_of(n);
        assert!(
            stored["summary"].starts_with("Text number 49"),
            "{stored:?}"
        );
        assert_eq!(stored["rev"], "51");
        let revs: Vec<u64> = room
            .log()
            .iter()
            .filter(|entry| entry["uid"] == uid(n))
            .map(|entry| entry["rev"].parse().unwrap())
            .collect();
        assert!(revs.is_sorted() && revs.last() == Some(&51), "{revs:?}");
    }
}

#[test]
fn an_entry_whose_item_is_gone_or_that_names_none_holds_nothing_up() {
    let room = Analysts::open();
    room.give(1..=3);
    room.redis
        .query::<()>(&["DEL", &format!("rss:item:{}", uid(2))]);
    room.redis
        .query::<()>(&["XADD", "rss:queue", "*", "title", "of nothing"]);
    let _daemon = room.start("vexy_ai");
    room.wait_done(2);
    room.wait_settled();
    assert_eq!(room.total("gone"), 1);
    let dead = room.dead();
    assert_eq!(dead.len(), 1);
    assert_eq!(
        (&*dead[0]["title"], &*dead[0]["stream"]),
        ("of nothing", "rss:queue")
    );
    assert!(dead[0]["reason"].contains("names no item"));
}

#[test]
fn a_store_that_takes_no_writes_or_is_away_is_said_and_costs_nothing() {
    let mut room = Analysts::open();
    let daemon = room.start("vexy_ai");
    room.give(1..=50);
    room.wait_done(50);
    room.wait_settled();
    // Full: what is given meanwhile is written by the test, which Redis lets pass no longer either.
    room.give(51..=400);
    room.redis.config_set("maxmemory", "1mb");
    daemon.wait_log("degraded: the store cannot be used", PATIENCE);
    room.redis.config_set("maxmemory", "0");
    daemon.wait_log("the work goes on", PATIENCE);
    room.assert_each_once(400);
    room.redis.kill();
    until("it is said again", PATIENCE, || {
        match daemon.log_count("degraded: the store cannot be used") {
            n if n >= 2 => Ok(()),
            n => Err(format!("{n}")),
        }
    });
    let said = daemon.log_count("the work goes on");
    room.redis.start_again();
    until("it goes on", PATIENCE, || {
        match daemon.log_count("the work goes on") {
            n if n > said => Ok(()),
            n => Err(format!("{n}")),
        }
    });
}

#[test]
fn a_group_or_all_data_that_is_lost_is_made_anew_and_nothing_comes_twice() {
    let room = Analysts::open();
    let _daemon = room.start("vexy_ai");
    room.give(1..=100);
    room.assert_each_once(100);
    // The group is gone: everything is handed out anew, and found done.
    room.redis
        .query::<()>(&["XGROUP", "DESTROY", "rss:queue", "vexy"]);
    until("all of it is found done", PATIENCE, || {
        match room.total("same") {
            100 => Ok(()),
            n => Err(format!("{n}")),
        }
    });
    room.assert_each_once(100);
    // While entries are in hand, and again and again.
    for round in 1..=10 {
        room.give(100 * round + 1..=100 * round + 100);
        let _: redis::RedisResult<i64> =
            room.redis
                .try_query(&["XGROUP", "DESTROY", "rss:queue", "vexy"]);
    }
    room.assert_each_once(1100);
    room.redis.query::<()>(&["FLUSHALL"]);
    room.seed();
    room.give(2001..=2050);
    room.wait_done(50);
    room.wait_settled();
    assert_eq!((room.done(), room.total("analysed")), (50, 50));
}

#[test]
fn entries_that_are_trimmed_before_they_are_done_hold_nothing_up() {
    let room = Analysts::open();
    room.give(1..=200);
    // As if an analyst had died with them in hand.
    room.redis
        .query::<()>(&["XGROUP", "CREATE", "rss:queue", "vexy", "0"]);
    for consumer in ["vexy_ai:1", "gone:1"] {
        room.redis.query::<redis::Value>(&[
            "XREADGROUP",
            "GROUP",
            "vexy",
            consumer,
            "COUNT",
            "50",
            "STREAMS",
            "rss:queue",
            ">",
        ]);
    }
    room.redis
        .query::<()>(&["XTRIM", "rss:queue", "MAXLEN", "120"]);
    let _daemon = room.start("vexy_ai");
    // Fifty and thirty of those in hand are gone; the other twenty come from whom nobody hears of any more.
    room.wait_done(120);
    room.wait_settled();
    assert_eq!(room.done(), 120);
    assert_eq!(room.dead(), []);
}

#[test]
fn a_pause_and_a_drain_let_nothing_begin_and_what_waits_is_done_afterwards() {
    let room = Analysts::open();
    let daemon = room.start("vexy_ai");
    room.give(1..=1);
    room.wait_done(1);
    for (field, word) in [("paused", "paused"), ("drain:vexy_ai", "drained")] {
        room.redis
            .query::<()>(&["HSET", "vexy:control", field, "1"]);
        daemon.wait_log(&format!("{word}, because"), PATIENCE);
        // Also a thread that waited for entries when the pause began gives back what it gets.
        let given = room.done() + 1;
        room.give([given]);
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(room.done(), given - 1, "nothing is begun");
        room.redis.query::<()>(&["HDEL", "vexy:control", field]);
        room.assert_each_once(given);
    }
}

#[test]
fn what_is_old_or_too_much_goes_and_consumers_that_are_gone_go_too() {
    let mut room = Analysts::open();
    room.analysis()["keep_items"] = json!(50);
    room.give(1..=1);
    let daemon = room.start("vexy_ai");
    room.wait_done(1);
    room.give(2..=700);
    until("fifty are kept", Duration::from_secs(60), || {
        match (room.done(), room.total("analysed")) {
            (50, 700) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let kept: Vec<String> = room.redis.query(&["KEYS", "rss:analysis:item-*"]);
    assert_eq!(kept.len(), 50);
    assert_eq!(room.total("expired"), 650);
    // A truth that changes is in force at once: one thread more.
    room.analysis()["workers"] = json!(3);
    room.seed();
    daemon.wait_log("3 threads analyse", PATIENCE);
    room.analysis()["workers"] = json!(1);
    room.seed();
    daemon.wait_log("1 threads analyse", PATIENCE);
    room.give(701..=800);
    until("the work goes on", PATIENCE, || {
        match room.total("analysed") {
            800 => Ok(()),
            n => Err(format!("{n}")),
        }
    });
    room.wait_settled();
}
