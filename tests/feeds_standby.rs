//! Two rss_agg on one store: one polls, the other stands by and takes over, and neither writes what is not its turn.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use serde_json::json;

use crate::support::newsroom::{Newsroom, Story, Wire};
use crate::support::{Alerts, Daemon, PATIENCE, repetitions, until};

const LEASE: &str = "rss_agg:lease";
/// How long the lease lasts.
const TTL: Duration = Duration::from_secs(10);
const HOLDS: &str = "holds rss_agg:lease and polls";
const STANDS_BY: &str = "this one stands by";

/// The instance that holds the lease.
fn holder(room: &Newsroom) -> Option<String> {
    let value: Option<String> = room.redis.query(&["GET", LEASE]);
    let value = value?;
    let (inst, number) = value.split_once('#').expect("a token");
    assert!(number.parse::<u64>().is_ok(), "{value}");
    Some(inst.to_owned())
}

fn inst(daemon: &Daemon) -> String {
    let line = daemon.wait_log(", instance ", PATIENCE);
    let (_, rest) = line.split_once(", instance ").expect("just found");
    rest.split(' ').next().expect("a word").to_owned()
}

fn wait_holder(room: &Newsroom, wanted: &Daemon) {
    let wanted = inst(wanted);
    until("the other takes over", PATIENCE, || match holder(room) {
        Some(inst) if inst == wanted => Ok(()),
        other => Err(format!("{other:?} holds the lease")),
    });
}

#[test]
fn the_second_stands_by_and_says_so_and_takes_over_when_the_first_is_gone() {
    let mut room = Newsroom::open();
    let wire = Wire::serve(&room.server, "/feed", 2);
    room.feed("wire", "/feed");
    let beats = Alerts::on_channel(&room.redis, "rss_agg:heartbeat");
    let mut first = room.start();
    first.wait_log(HOLDS, PATIENCE);
    room.wait_queue(2);
    let second = room.start();
    second.wait_log(STANDS_BY, PATIENCE);
    assert_eq!(holder(&room), Some(inst(&first)));
    let (one, two) = (inst(&first), inst(&second));
    until("both beat, one of them in waiting", PATIENCE, || {
        let all = beats.all();
        let of = |inst: &str, status: Option<&str>| {
            let mut found = all.iter().map(|b| &b.json);
            found.any(|b| b["inst"] == inst && b["status"].as_str() == status)
        };
        if of(&one, None) && of(&two, Some("standby")) {
            Ok(())
        } else {
            Err(format!("{} beats", all.len()))
        }
    });
    let connections: String = room.redis.query(&["CLIENT", "LIST"]);
    let stores = connections.matches(" name=rss_agg:store ").count();
    wire.add(Story::new(3));
    room.wait_queue(3);
    assert!(stores > 0, "{connections}");
    first.kill();
    let killed = std::time::Instant::now();
    second.wait_log(HOLDS, PATIENCE);
    let took = killed.elapsed();
    assert!(took < TTL + Duration::from_secs(5), "{took:?}");
    wire.add(Story::new(4));
    assert_eq!(room.wait_queue(4)[3]["title"], "Story 4");
    let last = until("it beats as one that polls", PATIENCE, || {
        let last = beats.all().pop().expect("beats").json;
        if last["status"].is_null() {
            Ok(last)
        } else {
            Err(last.to_string())
        }
    });
    assert_eq!(last["inst"], two.as_str());
}

#[test]
fn one_that_stops_gives_the_lease_back() {
    let mut room = Newsroom::open();
    Wire::serve(&room.server, "/feed", 1);
    room.feed("wire", "/feed");
    let mut first = room.start();
    first.wait_log(HOLDS, PATIENCE);
    first.stop();
    assert_eq!(holder(&room), None);
    let second = room.start();
    second.wait_log(HOLDS, PATIENCE);
    assert_eq!(second.log_count(STANDS_BY), 0);
}

/// Stories that come in a round, in each feed.
const NEWS: usize = 20;
const FEEDS: usize = 3;

#[test]
fn kills_and_stops_of_either_lose_no_item_and_repeat_none() {
    let mut room = Newsroom::open();
    room.section("limits")["first_items"] = json!(5000);
    let wires: Vec<Wire> = (0..FEEDS)
        .map(|n| {
            let path = format!("/{n}");
            room.feed(&format!("f{n}"), &path);
            Wire::serve(&room.server, &path, 0)
        })
        .collect();
    let mut daemons = vec![room.start()];
    daemons[0].wait_log(HOLDS, PATIENCE);
    daemons.push(room.start());
    let mut random = fastrand::Rng::with_seed(7);
    let mut stories = 0;
    let rounds = repetitions(20);
    let mut fenced = 0;
    for round in 0..rounds {
        for (n, wire) in wires.iter().enumerate() {
            wire.change(|all| {
                for story in stories + 1..=stories + NEWS {
                    all.insert(0, of_feed(n, story));
                }
            });
        }
        stories += NEWS;
        let asked = room.server.hits().len();
        until("a poll under way", PATIENCE, || {
            if room.server.hits().len() > asked {
                Ok(())
            } else {
                Err("none".into())
            }
        });
        // From the first bytes of the answer to after the record: 1 to 600 ms, as often in each octave.
        let pause = 0.001 * 600f64.powf(random.f64());
        std::thread::sleep(Duration::from_secs_f64(pause));
        let holding = holder(&room).map(|inst_now| usize::from(inst(&daemons[1]) == inst_now));
        let holding = holding.expect("somebody polls");
        let victim = if random.f64() < 0.7 {
            holding
        } else {
            1 - holding
        };
        let other = 1 - victim;
        let is_kill = round % 2 == 0;
        match is_kill {
            true => daemons[victim].kill(),
            false => daemons[victim].pause(),
        }
        if victim == holding {
            // As if its time had run out: the rounds are many.
            room.redis.query::<()>(&["PEXPIRE", LEASE, "1"]);
            wait_holder(&room, &daemons[other]);
        }
        if is_kill {
            daemons[victim] = room.start();
        } else {
            let before = daemons[victim].log_count("took over");
            daemons[victim].resume();
            if victim == holding {
                // It finds out, at its next write or question.
                until("it knows", PATIENCE, || {
                    match daemons[victim].log_count("took over") {
                        n if n > before => Ok(()),
                        n => Err(format!("said {n} times")),
                    }
                });
                fenced += 1;
            }
        }
    }
    println!("{rounds} rounds, {fenced} that woke up without the lease");
    let wanted = FEEDS * stories;
    room.wait_length(wanted);
    let mut times: HashMap<String, usize> = HashMap::new();
    for entry in room.queue() {
        *times.entry(entry["title"].clone()).or_default() += 1;
    }
    let twice: Vec<_> = times.iter().filter(|(_, n)| **n > 1).collect();
    assert!(twice.is_empty(), "queued more than once: {twice:?}");
    let all = (0..FEEDS).flat_map(|n| (1..=stories).map(move |story| of_feed(n, story).title));
    let all: BTreeSet<String> = all.collect();
    assert!(
        all.iter().all(|title| times.contains_key(title)),
        "some are lost"
    );
    assert_eq!(times.len(), wanted);
}

fn of_feed(feed: usize, n: usize) -> Story {
    let mut story = Story::new(n);
    story.title = format!("Feed {feed}, story {n}");
    story.link = Some(format!("https://news.example/{feed}/{n}"));
    story
}

#[test]
fn a_poll_that_stood_still_while_another_took_over_writes_nothing() {
    let mut room = Newsroom::open();
    let wire = Wire::serve(&room.server, "/feed", 1);
    room.feed("wire", "/feed");
    let first = room.start();
    first.wait_log(HOLDS, PATIENCE);
    room.wait_queue(1);
    first.pause();
    // Somebody who is not there holds the lease now, for longer than this test takes.
    room.redis
        .query::<()>(&["SET", LEASE, "another#1", "PX", "9000"]);
    let written = room.status("wire");
    wire.add(Story::new(2));
    first.resume();
    first.wait_log("instance another took over", PATIENCE);
    assert_eq!(room.queue().len(), 1);
    assert_eq!(
        room.status("wire"),
        written,
        "nor did it write how the poll went"
    );
    // He is never heard of again.
    assert_eq!(room.wait_queue(2)[1]["title"], "Story 2");
}
