//! Whatever befalls a bus, nobody is told dead who is not, and everybody who died meanwhile is told.

use std::time::Duration;

use crate::at_both;
use crate::support::watcher::{DOUBT, TIMEOUT, Watcher};
use crate::support::{Proxy, RedisServer, secs};

at_both! {
    a_bus_that_is_killed_and_comes_back_with_its_data_is_no_death,
    a_bus_that_comes_back_without_its_data_is_no_death,
    a_bus_that_comes_back_with_older_data_makes_nobody_dead_or_alive,
    a_bus_that_stands_still_for_three_timeouts_is_no_death,
    a_bus_that_stands_still_thirty_times_is_no_death,
    a_half_open_link_is_no_death_and_is_left_within_seconds,
    each_single_link_may_go_silent,
    forty_cut_connections_in_a_row_are_no_death,
    who_dies_among_cut_connections_is_told_when_they_end,
    a_name_that_leads_to_another_server_is_no_death,
    who_dies_while_the_bus_is_away_is_told_when_it_is_back,
    who_dies_while_the_bus_stands_still_is_told_when_it_moves_again,
}

fn a_bus_that_is_killed_and_comes_back_with_its_data_is_no_death(who: Watcher) {
    let mut watch = who.at_work();
    watch.stage.redis.kill();
    std::thread::sleep(TIMEOUT * 3);
    watch.stage.restart_bus();
    watch.assert_nobody_is_told_dead();
    watch.assert_still_judges();
}

fn a_bus_that_comes_back_without_its_data_is_no_death(who: Watcher) {
    let mut watch = who.at_work();
    for _ in 0..2 {
        watch.stage.redis.kill();
        std::thread::sleep(TIMEOUT);
        watch.stage.restart_bus_empty();
        // What was lost is written again without waiting for a change.
        watch.stage.wait_health(who.subject, "up");
    }
    watch.assert_nobody_is_told_dead();
    // Truth is gone; the last good one is in force.
    watch.assert_still_judges();
}

fn a_bus_that_comes_back_with_older_data_makes_nobody_dead_or_alive(who: Watcher) {
    let redis = RedisServer::start_with(&["--appendonly", "no"]);
    let mut watch = who.at_work_on(who.stage_on(redis), &[]);
    // Saved while it lived, restored while it is dead.
    save_without_lease(&watch.stage.redis);
    watch.beats.silence(who.subject);
    who.wait_miss(watch.alerts());
    watch.stage.wait_health(who.subject, "down");
    watch.stage.restart_bus();
    watch.stage.wait_health(who.subject, "down");
    watch.assert_nobody_is_told_dead();
    // Saved while it was dead, restored while it lives.
    save_without_lease(&watch.stage.redis);
    std::thread::sleep(TIMEOUT);
    watch.beats.resume(who.subject);
    who.wait_ok(watch.alerts());
    watch.stage.wait_health(who.subject, "up");
    watch.stage.restart_bus();
    watch.stage.wait_health(who.subject, "up");
    watch.assert_nobody_is_told_dead();
    watch.assert_still_judges();
}

/// Saves the data as it is restored after an outage of more than a few seconds: the lease in it has run out.
fn save_without_lease(redis: &RedisServer) {
    let mut both = redis::pipe();
    both.cmd("DEL").arg("healer:lease").ignore();
    both.cmd("SAVE").ignore();
    both.query::<()>(&mut redis.connection()).unwrap();
}

fn a_bus_that_stands_still_for_three_timeouts_is_no_death(who: Watcher) {
    let watch = who.at_work();
    watch.stage.redis.pause();
    std::thread::sleep(TIMEOUT * 3);
    watch.stage.redis.resume();
    watch.assert_nobody_is_told_dead();
    watch.assert_still_judges();
}

fn a_bus_that_stands_still_thirty_times_is_no_death(who: Watcher) {
    let watch = who.at_work();
    for round in 0..30 {
        watch.stage.redis.pause();
        std::thread::sleep(Duration::from_secs(2));
        watch.stage.redis.resume();
        // Rests of all lengths, so that judgements under way are met at every step.
        std::thread::sleep(Duration::from_millis(20 + 37 * round % 700));
    }
    watch.assert_nobody_is_told_dead();
    watch.assert_still_judges();
}

fn a_half_open_link_is_no_death_and_is_left_within_seconds(who: Watcher) {
    let stage = who.stage();
    let link = Proxy::to(stage.redis.port());
    let url = link.url();
    let watch = who.at_work_on(stage, &[("SYSTEM_REDIS_URL", &url)]);
    // The links die, new ones would pass.
    link.go_silent();
    link.heal();
    let begin = std::time::Instant::now();
    // Redis still counts the dead link.
    let channel = format!("{}:heartbeat", who.subject);
    watch.stage.redis.wait_subscribed(&channel, 2);
    let left = begin.elapsed();
    // Five seconds, and as many for a machine that is busy with other tests: by itself it would never end.
    assert!(left < secs(10.0), "the dead link was left after {left:?}");
    watch.assert_nobody_is_told_dead();
    watch.assert_still_judges();
    // Now new ones lead nowhere either, for longer than an outage takes to be told.
    link.go_silent();
    std::thread::sleep(secs(7.0));
    link.heal();
    watch.assert_nobody_is_told_dead();
    watch.assert_still_judges();
}

fn each_single_link_may_go_silent(who: Watcher) {
    let stage = who.stage();
    let name = Proxy::to(stage.redis.port());
    let url = name.url();
    let watch = who.at_work_on(stage, &[("SYSTEM_REDIS_URL", &url)]);
    // Writing, truth, beats, echoes and what is heard go over links of their own.
    let links = name.links();
    assert!(links >= 4, "only {links} links");
    for link in 0..links {
        name.silence(link);
        std::thread::sleep(TIMEOUT * 2);
        watch.assert_still_judges();
    }
    watch.assert_nobody_is_told_dead();
}

fn forty_cut_connections_in_a_row_are_no_death(who: Watcher) {
    let watch = who.at_work();
    let mut killed = 0;
    for round in 0..40 {
        killed += watch.stage.redis.kill_clients();
        std::thread::sleep(Duration::from_millis(20 + 13 * round % 160));
    }
    assert!(killed >= 40, "only {killed} connections were there to cut");
    watch.assert_nobody_is_told_dead();
    watch.assert_still_judges();
}

fn who_dies_while_the_bus_is_away_is_told_when_it_is_back(who: Watcher) {
    let mut watch = who.at_work();
    watch.stage.redis.kill();
    watch.beats.silence(who.subject);
    std::thread::sleep(TIMEOUT);
    watch.stage.restart_bus();
    who.wait_miss(watch.alerts());
    watch.beats.resume(who.subject);
    who.wait_ok(watch.alerts());
    watch.assert_still_judges();
}

fn who_dies_while_the_bus_stands_still_is_told_when_it_moves_again(who: Watcher) {
    let watch = who.at_work();
    watch.stage.redis.pause();
    watch.beats.silence(who.subject);
    std::thread::sleep(TIMEOUT * 2);
    watch.stage.redis.resume();
    who.wait_miss(watch.alerts());
    watch.beats.resume(who.subject);
    who.wait_ok(watch.alerts());
    watch.alerts().assert_none(TIMEOUT, |a| who.is_verdict(a));
    let mut log = watch.stage.alert_log();
    // On a busy machine it may have stood still for long enough to be told.
    log.retain(|a| a["svc"] == who.subject);
    assert_eq!(log.len(), 2, "{log:#?}");
}

fn who_dies_among_cut_connections_is_told_when_they_end(who: Watcher) {
    let watch = who.at_work();
    watch.beats.silence(who.subject);
    for _ in 0..20 {
        watch.stage.redis.kill_clients();
        std::thread::sleep(secs(0.15));
    }
    who.wait_miss(watch.alerts());
    watch.beats.resume(who.subject);
    who.wait_ok(watch.alerts());
    watch.assert_still_judges();
}

fn a_name_that_leads_to_another_server_is_no_death(who: Watcher) {
    let stage = who.stage();
    let name = Proxy::to(stage.redis.port());
    let url = name.url();
    let watch = who.at_work_on(stage, &[("SYSTEM_REDIS_URL", &url)]);
    // Everybody moves to the new server; only the watcher's links stay at the old one, which goes on answering.
    let mut new = who.stage();
    new.truth = watch.stage.truth.clone();
    new.reseed();
    name.lead_to(new.redis.port());
    watch.beats.silence(who.subject);
    let beats = new.beat(&[who.subject]);
    new.wait_health(who.subject, "up");
    watch.alerts().assert_nothing_else(DOUBT);
    new.alerts.assert_nothing_else(DOUBT);
    beats.silence(who.subject);
    who.wait_miss(&new.alerts);
    watch.alerts().assert_nothing_else(TIMEOUT);
}
