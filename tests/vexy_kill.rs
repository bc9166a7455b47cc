//! One analysis, one log entry and one message for each item, whoever is killed or stopped, and whenever.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::support::analysts::{Analysts, CLAIM_IDLE_SEC, text, title, uid};
use crate::support::daemon::example;
use crate::support::{Daemon, PATIENCE, repetitions, until};

/// In a usual run; all of them, and all items, in a full one.
const KILLS: u32 = 10;
/// Items that come between two kills.
const NEWS: usize = 200;
const NAMES: [&str; 2] = ["vexy_ai", "vexy_ai-2"];

#[test]
fn kills_at_any_moment_lose_and_repeat_nothing() {
    let room = Analysts::open();
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .subsec_nanos();
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed.into());
    let kills = repetitions(KILLS) as usize;
    let mut analysts = NAMES.map(|name| room.start(name));
    // One of them is stopped for so long that the other takes what it has in hand, and then goes on with it.
    let stopped_from = kills / 3;
    let mut stopped_at = None::<Instant>;
    let mut with_work_undone = 0;
    for kill in 0..kills {
        let done = room.done();
        room.give(kill * NEWS + 1..=(kill + 1) * NEWS);
        if kill == stopped_from {
            stop_with_work_in_hand(&room, &analysts[1]);
            stopped_at = Some(Instant::now());
        }
        let lease = Duration::from_secs(CLAIM_IDLE_SEC + 2);
        if stopped_at.is_some_and(|at| at.elapsed() > lease) {
            analysts[1].resume();
            stopped_at = None;
        }
        let victim = if stopped_at.is_some() {
            0
        } else {
            random.usize(..2)
        };
        until("work goes on", Duration::from_secs(60), || {
            if room.done() > done {
                Ok(())
            } else {
                Err(format!("{done} are done"))
            }
        });
        // From the first commit on: 0.1 to 100 ms, as often in each octave.
        let pause = 0.0001 * 1000f64.powf(random.f64());
        std::thread::sleep(Duration::from_secs_f64(pause));
        analysts[victim].kill();
        with_work_undone += usize::from(room.done() < (kill + 1) * NEWS);
        analysts[victim] = room.start(NAMES[victim]);
    }
    if stopped_at.is_some() {
        room.wait_done(kills * NEWS - NEWS / 2);
        analysts[1].resume();
    }
    println!("{kills} kills, {with_work_undone} of them with work undone");
    assert!(with_work_undone > kills / 10, "the kills hit nothing");
    room.assert_each_once(kills * NEWS);
    analysts.iter_mut().for_each(Daemon::stop);
}

/// Stops it at a moment at which entries are in its hand.
fn stop_with_work_in_hand(room: &Analysts, analyst: &Daemon) {
    let pending = || {
        let all: redis::streams::StreamInfoConsumersReply =
            // There may be no group yet.
            room.redis
                .try_query(&["XINFO", "CONSUMERS", "rss:queue", "vexy"])
                .unwrap_or_default();
        let ours = all
            .consumers
            .iter()
            .filter(|one| one.name.starts_with("vexy_ai-2:"));
        ours.map(|one| one.pending).sum::<usize>()
    };
    let mut fresh = 1_000_000;
    until("entries in its hand", PATIENCE, || {
        analyst.pause();
        if pending() > 0 {
            return Ok(());
        }
        analyst.resume();
        // None of these is an item: they keep the analysts at work.
        fresh += 64;
        let mut packet = redis::pipe();
        for n in fresh..fresh + 64 {
            packet.xadd("rss:queue", "*", &[("uid", uid(n))]).ignore();
        }
        packet.query::<()>(&mut room.redis.connection()).unwrap();
        Err("none".to_owned())
    });
}

#[test]
fn one_that_was_stopped_past_its_lease_finds_its_work_done() {
    let room = Analysts::open();
    let mut one = room.start("vexy_ai-2");
    room.give(1..=2_000);
    stop_with_work_in_hand(&room, &one);
    let other = room.start("vexy_ai");
    room.wait_done(2_000);
    room.wait_settled();
    one.resume();
    room.give(2_001..=2_100);
    room.assert_each_once(2_100);
    one.stop();
    drop(other);
}

#[test]
fn two_of_one_name_do_each_item_once() {
    let room = Analysts::open();
    let _both = [room.start("vexy_ai"), room.start("vexy_ai")];
    for part in 0..20 {
        room.give(part * 100 + 1..=part * 100 + 100);
    }
    room.assert_each_once(2_000);
}

#[test]
fn a_stop_commits_what_is_finished_and_gives_the_rest_to_others_at_once() {
    let room = Analysts::open();
    let mut one = room.start("vexy_ai-2");
    room.give(1..=3_000);
    room.wait_done(100);
    let began = Instant::now();
    one.stop();
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    let _other = room.start("vexy_ai");
    room.assert_each_once(3_000);
}

#[test]
fn an_item_that_ends_its_analyst_takes_no_neighbour_with_it() {
    let mut room = Analysts::open();
    room.analysis()["workers"] = 1.into();
    let poison = [7, 8, 50];
    let mean = |n: usize| {
        let word = if poison.contains(&n) { "POISON " } else { "" };
        format!("{word}{}", title(n))
    };
    room.give_with(1..=100, mean, text);
    let program = example("vexy_poison");
    let mut lives = 0;
    let mut analyst = room.start_program(&program, "vexy_ai");
    until(
        "all but the poison is done",
        Duration::from_secs(300),
        || {
            if !analyst.is_alive() {
                lives += 1;
                analyst = room.start_program(&program, "vexy_ai");
            }
            let (done, dead) = (room.done(), room.dead().len());
            if (done, dead) == (97, poison.len()) {
                Ok(())
            } else {
                Err(format!("{done} done, {dead} dead after {lives} lives"))
            }
        },
    );
    // Each was delivered five times and ended an analyst each time; but the first time they came together with all others
    // of a batch, and only one of them had its turn.
    assert_eq!(lives, 5 * poison.len() - (poison.len() - 1));
    let dead = room.dead();
    let wanted: BTreeSet<String> = poison.map(uid).into();
    let uids: BTreeSet<String> = dead.iter().map(|letter| letter["uid"].clone()).collect();
    assert_eq!(uids, wanted);
    for letter in &dead {
        assert_eq!(
            (&*letter["deliveries"], &*letter["stream"]),
            ("5", "rss:queue")
        );
        assert!(letter["title"].contains("POISON"), "{letter:?}");
    }
    room.wait_settled();
    let times = room.log().len();
    assert_eq!(times, 97, "each of the others once");
}
