//! Whatever befalls a watcher itself: no death is invented, none is lost, none is told twice.

use crate::at_both;
use crate::support::secs;
use crate::support::watcher::{DOUBT, SENTINEL, TIMEOUT, Watcher};

at_both! {
    a_watcher_that_stood_still_invents_no_death,
    a_watcher_that_stutters_invents_no_death,
    who_dies_while_the_watcher_stands_still_is_told_when_it_moves_again,
    a_watcher_that_restarts_while_all_is_well_tells_nothing,
    a_death_that_was_told_is_not_told_again_by_the_next_watcher_and_its_end_is,
    who_dies_while_nobody_watches_is_told_by_the_next_watcher,
    who_comes_back_while_nobody_watches_is_told_by_the_next_watcher,
}

fn a_watcher_that_stood_still_invents_no_death(who: Watcher) {
    let watch = who.at_work();
    watch.daemon.pause();
    std::thread::sleep(TIMEOUT * 3);
    watch.daemon.resume();
    watch.assert_nobody_is_told_dead();
    watch.assert_still_judges();
}

fn a_watcher_that_stutters_invents_no_death(who: Watcher) {
    let watch = who.at_work();
    for round in 0..12 {
        watch.daemon.pause();
        std::thread::sleep(secs(0.7) + secs(0.1) * (round % 9));
        watch.daemon.resume();
        std::thread::sleep(secs(0.02) * (round % 5));
    }
    watch.assert_nobody_is_told_dead();
    watch.assert_still_judges();
}

fn who_dies_while_the_watcher_stands_still_is_told_when_it_moves_again(who: Watcher) {
    let watch = who.at_work();
    watch.daemon.pause();
    watch.beats.silence(who.subject);
    std::thread::sleep(TIMEOUT * 3);
    watch.daemon.resume();
    who.wait_miss(watch.alerts());
    watch.beats.resume(who.subject);
    who.wait_ok(watch.alerts());
    watch.assert_still_judges();
}

fn a_watcher_that_restarts_while_all_is_well_tells_nothing(who: Watcher) {
    let mut watch = who.at_work();
    watch.daemon.kill();
    std::thread::sleep(TIMEOUT);
    watch.daemon = watch.stage.start(who.program);
    watch.assert_nobody_is_told_dead();
    watch.daemon.stop();
    watch.daemon = watch.stage.start(who.program);
    watch.assert_nobody_is_told_dead();
    watch.assert_still_judges();
    watch.alerts().assert_nothing_else(secs(0.1));
}

fn a_death_that_was_told_is_not_told_again_by_the_next_watcher_and_its_end_is(who: Watcher) {
    let mut watch = who.at_work();
    watch.beats.silence(who.subject);
    who.wait_miss(watch.alerts());
    watch.stage.wait_health(who.subject, "down");
    for _ in 0..2 {
        watch.daemon.kill();
        watch.daemon = watch.stage.start(who.program);
        watch.assert_nobody_is_told_dead();
    }
    watch.beats.resume(who.subject);
    who.wait_ok(watch.alerts());
    watch.assert_still_judges();
    watch.alerts().assert_nothing_else(secs(0.1));
}

fn who_dies_while_nobody_watches_is_told_by_the_next_watcher(who: Watcher) {
    let mut watch = who.at_work();
    watch.daemon.kill();
    watch.beats.silence(who.subject);
    std::thread::sleep(TIMEOUT * 2);
    watch.daemon = watch.stage.start(who.program);
    who.wait_miss(watch.alerts());
    watch.beats.resume(who.subject);
    who.wait_ok(watch.alerts());
    watch.assert_still_judges();
    watch.alerts().assert_nothing_else(secs(0.1));
}

fn who_comes_back_while_nobody_watches_is_told_by_the_next_watcher(who: Watcher) {
    let mut watch = who.at_work();
    watch.beats.silence(who.subject);
    who.wait_miss(watch.alerts());
    watch.stage.wait_health(who.subject, "down");
    watch.daemon.kill();
    watch.beats.resume(who.subject);
    watch.beats.wait_beat(who.subject);
    watch.daemon = watch.stage.start(who.program);
    who.wait_ok(watch.alerts());
    watch.alerts().assert_none(DOUBT, |a| who.is_verdict(a));
    watch.assert_still_judges();
}

#[test]
fn two_sentinels_tell_one_death_once() {
    let watch = SENTINEL.at_work();
    let second = watch.stage.start("sentinel");
    watch.stage.redis.wait_subscribed("healer:heartbeat", 2);
    for _ in 0..3 {
        watch.beats.silence("healer");
        SENTINEL.wait_miss(watch.alerts());
        watch.alerts().assert_nothing_else(TIMEOUT);
        watch.beats.resume("healer");
        SENTINEL.wait_ok(watch.alerts());
        watch.alerts().assert_nothing_else(TIMEOUT);
    }
    drop(second);
}
