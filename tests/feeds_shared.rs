//! Several rss_agg that share the feeds by parts: each feed is polled by one of them, each item is queued once, and who is
//! drained or gone is replaced.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::json;

use crate::support::newsroom::{Newsroom, Story, Wire};
use crate::support::registry;
use crate::support::{Alerts, Daemon, PATIENCE, until};

const PARTS: usize = 8;
const FEEDS: usize = 24;
/// After a kill: the session runs out, another claims, and polls.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(120);

fn room(mode: &str) -> (Newsroom, Vec<Wire>) {
    let mut room = Newsroom::open();
    room.section("limits")["first_items"] = json!(1000);
    room.truth["services"]["rss_agg"]["instances"] = json!({"mode": mode, "parts": PARTS});
    let wires = (0..FEEDS).map(|n| {
        let path = format!("/{n}");
        room.feed(&format!("feed-{n}"), &path);
        Wire::serve(&room.server, &path, 0)
    });
    let wires = wires.collect();
    (room, wires)
}

fn publish(wires: &[Wire], story: usize) {
    for (n, wire) in wires.iter().enumerate() {
        let mut told = Story::new(story);
        told.title = format!("Feed {n}, story {story}");
        told.guid = format!("{n}-{story}");
        told.link = Some(format!("https://news.example/{n}/{story}"));
        wire.add(told);
    }
}

fn inst(daemon: &Daemon) -> String {
    let line = daemon.wait_log(", instance ", PATIENCE);
    let (_, rest) = line.split_once(", instance ").expect("just found");
    rest.split(' ').next().expect("a word").to_owned()
}

/// How many parts each instance holds.
fn held(room: &Newsroom) -> BTreeMap<String, usize> {
    let fields: BTreeMap<String, String> = room.redis.query(&["HGETALL", "mesh:parts:rss_agg"]);
    let mut held = BTreeMap::new();
    for (_, holder) in fields.iter().filter(|(field, _)| *field != "parts") {
        let (inst, _) = holder.rsplit_once('|').expect("a token");
        *held.entry(inst.to_owned()).or_default() += 1;
    }
    held
}

#[track_caller]
fn wait_held(room: &Newsroom, wanted: &[(&str, std::ops::RangeInclusive<usize>)]) {
    until("the parts are held", TAKEN_OVER_WITHIN, || {
        let held = held(room);
        let is_it = wanted
            .iter()
            .all(|(inst, range)| range.contains(&held.get(*inst).copied().unwrap_or(0)));
        if is_it && held.values().sum::<usize>() == PARTS {
            Ok(())
        } else {
            Err(format!("{held:?}"))
        }
    });
}

#[track_caller]
fn assert_once(room: &Newsroom, stories: usize) {
    room.wait_length(FEEDS * stories);
    let mut times: HashMap<String, usize> = HashMap::new();
    for entry in room.queue() {
        *times.entry(entry["title"].clone()).or_default() += 1;
    }
    let twice: Vec<_> = times.iter().filter(|(_, n)| **n > 1).collect();
    assert!(twice.is_empty(), "queued more than once: {twice:?}");
    assert_eq!(times.len(), FEEDS * stories);
}

fn command(room: &Newsroom, args: &[&str]) -> (i32, String) {
    let url = room.redis.url();
    Daemon::run(
        "marketswarm",
        args,
        &[("SYSTEM_REDIS_URL", url.as_str())],
        2 * PATIENCE,
    )
}

#[test]
fn three_share_the_feeds_and_each_item_is_queued_once_whoever_is_killed_or_stands_still() {
    let (room, wires) = room("shared");
    publish(&wires, 1);
    let mut daemons: Vec<Daemon> = (0..3).map(|_| room.start()).collect();
    let names: Vec<String> = daemons.iter().map(inst).collect();
    let all: Vec<(&str, _)> = names.iter().map(|inst| (inst.as_str(), 2..=3)).collect();
    wait_held(&room, &all);
    assert_once(&room, 1);

    daemons[0].kill();
    publish(&wires, 2);
    wait_held(
        &room,
        &[(&names[0], 0..=0), (&names[1], 4..=4), (&names[2], 4..=4)],
    );
    assert_once(&room, 2);

    // One that stood still for longer than its session lasts finds out, and others polled its feeds meanwhile.
    daemons[1].pause();
    wait_held(&room, &[(&names[1], 0..=0), (&names[2], 8..=8)]);
    publish(&wires, 3);
    room.wait_length(FEEDS * 3);
    daemons[1].resume();
    wait_held(&room, &[(&names[1], 4..=4), (&names[2], 4..=4)]);
    publish(&wires, 4);
    assert_once(&room, 4);
}

#[test]
fn who_is_drained_gives_its_feeds_back_and_says_so_until_that_is_taken_back() {
    let (room, wires) = room("shared");
    publish(&wires, 1);
    let beats = Alerts::on_channel(&room.redis, "rss_agg:heartbeat");
    let daemons: Vec<Daemon> = (0..2).map(|_| room.start()).collect();
    let names: Vec<String> = daemons.iter().map(inst).collect();
    wait_held(&room, &[(&names[0], 4..=4), (&names[1], 4..=4)]);
    let (code, said) = command(&room, &["drain", &names[0], "--wait", "--within", "120"]);
    assert_eq!(
        (code, said.trim()),
        (0, format!("{} is drained", names[0]).as_str())
    );
    wait_held(&room, &[(&names[0], 0..=0), (&names[1], 8..=8)]);
    beats.wait_for("it says that it is drained", PATIENCE, |beat| {
        beat.json["inst"] == names[0].as_str() && beat.json["status"] == "drained"
    });
    assert_eq!(command(&room, &["drain", "list"]).0, 0);
    publish(&wires, 2);
    assert_once(&room, 2);
    let (code, said) = command(&room, &["undrain", &names[0]]);
    assert_eq!(
        (code, said.trim()),
        (0, format!("{} takes work again", names[0]).as_str())
    );
    wait_held(&room, &[(&names[0], 4..=4), (&names[1], 4..=4)]);
    assert_eq!(
        command(&room, &["undrain", &names[0]]).0,
        1,
        "it is not drained any more"
    );

    // The whole service: nobody works.
    let (code, said) = command(&room, &["drain", "rss_agg", "--wait", "--within", "120"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(held(&room), BTreeMap::new());
    assert_eq!(
        command(&room, &["drain", "mesh"]).0,
        2,
        "no service of this truth, and no instance that is there"
    );
}

#[test]
fn of_one_that_works_for_all_the_others_stand_by_and_mesh_shows_who_holds_what() {
    let (mut room, wires) = room("one");
    room.truth["services"]["mesh"] = json!({"heartbeat": {"interval_sec": 1, "timeout_sec": 5}});
    publish(&wires, 1);
    let beats = Alerts::on_channel(&room.redis, "rss_agg:heartbeat");
    let mut first = room.start();
    let one = inst(&first);
    let holder = || held(&room).into_keys().next();
    until("the first works", PATIENCE, || match holder() {
        Some(inst) if inst == one => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let second = room.start();
    let two = inst(&second);
    beats.wait_for("the second stands by", PATIENCE, |beat| {
        beat.json["inst"] == two.as_str() && beat.json["status"] == "standby"
    });
    assert_once(&room, 1);
    let url = room.redis.url();
    let _mesh = Daemon::start("mesh", &[("SYSTEM_REDIS_URL", &url)]);
    registry::wait(&room.redis, "both are known", PATIENCE, |registry| {
        registry
            .services
            .get("rss_agg")
            .is_some_and(|counts| counts.up == 2)
    });
    let (_, rows) = command(&room, &["mesh"]);
    let row = rows
        .lines()
        .find(|row| row.contains(&one))
        .expect("its row");
    assert!(row.trim_end().ends_with("  0"), "{rows}");

    first.stop();
    until("the second has it at once", PATIENCE, || match holder() {
        Some(inst) if inst == two => Ok(()),
        other => Err(format!("{other:?}")),
    });
    publish(&wires, 2);
    assert_once(&room, 2);
}
