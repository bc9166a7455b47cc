//! What is told of the bus, and what its troubles do not do to services.

use super::super::*;
use super::lab::{Lab, Told};
use crate::clock::Mono;
use std::time::Duration;

fn one() -> Lab {
    let mut lab = Lab::with(&[("a", 10_000, 3000)]);
    lab.beat("a", "");
    lab
}

#[test]
fn a_bus_outage_is_not_a_service_miss() {
    let mut lab = one();
    lab.pass(5.0);
    lab.lose_link();
    lab.pass(100.0);
    assert_eq!(lab.words(), ["bus down"]);
    lab.prove();
    lab.pass(9.9);
    assert_eq!(lab.words(), ["bus up"]);
    lab.beat("a", "");
    lab.pass(5.0);
    assert!(lab.words().is_empty());
}

#[test]
fn a_service_that_died_during_an_outage_is_told_within_its_doubt_time_of_the_recovery() {
    let mut lab = one();
    lab.lose_link();
    lab.pass(100.0);
    lab.prove();
    lab.pass(9.99);
    assert_eq!(lab.words(), ["bus down", "bus up"]);
    lab.pass(0.1);
    assert_eq!(lab.words(), ["a missed"]);
}

#[test]
fn a_short_timeout_leaves_senders_the_time_to_reconnect() {
    let mut lab = Lab::with(&[("a", 1000, 300)]);
    lab.beat("a", "");
    lab.lose_link();
    lab.pass(0.2);
    lab.prove();
    lab.pass(3.2);
    assert!(lab.words().is_empty());
    lab.pass(0.2);
    assert_eq!(
        lab.words(),
        ["a missed"],
        "interval + 3 s after the good echo"
    );
}

#[test]
fn a_quick_reconnect_is_told_to_nobody() {
    let mut lab = one();
    for _ in 0..40 {
        lab.lose_link();
        lab.pass(0.3);
        lab.prove();
        lab.pass(0.3);
        lab.beat("a", "");
    }
    assert!(lab.words().is_empty());
}

#[test]
fn a_silent_bus_is_down_after_five_seconds_and_the_link_is_made_anew_before() {
    let mut lab = one();
    lab.echo_takes = None;
    lab.pass(4.9);
    assert_eq!(lab.words(), ["reconnect"]);
    lab.pass(60.0);
    assert_eq!(lab.words(), ["bus down"], "and nobody is missed");
    lab.echo_takes = Some(Duration::from_micros(100));
    lab.lose_link();
    lab.prove();
    assert!(lab.words().is_empty(), "up only when an echo is good");
    lab.pass(0.01);
    assert_eq!(lab.words(), ["bus up"]);
}

#[test]
fn a_backlog_is_no_outage() {
    let mut lab = one();
    lab.echo_takes = None;
    for _ in 0..100 {
        lab.pass(0.5);
        lab.beat("a", "");
    }
    assert!(
        lab.words().iter().all(|w| w == "bus unstable"),
        "frames still come"
    );
}

#[test]
fn a_late_echo_casts_doubt_and_a_good_one_ends_it() {
    let mut lab = one();
    lab.pass(8.0);
    lab.echo_takes = Some(Duration::from_millis(400));
    lab.pass(1.6);
    lab.echo_takes = Some(Duration::from_micros(100));
    lab.pass(5.0);
    assert!(
        lab.words().is_empty(),
        "its own deadline is over, its grace is not"
    );
    lab.pass(6.0);
    assert_eq!(lab.words(), ["a missed"]);
}

#[test]
fn a_healer_that_stood_still_accuses_nobody() {
    let mut lab = one();
    lab.pass(3.05);
    lab.stand_still(60.0);
    lab.pass(0.1);
    assert_eq!(lab.words(), [""; 0], "neither the service nor the bus");
    lab.pass(9.0);
    lab.beat("a", "");
    lab.pass(5.0);
    assert!(lab.words().is_empty());
    lab.pass(5.1);
    assert_eq!(lab.words(), ["a missed"]);
}

#[test]
fn a_bus_that_comes_and_goes_so_that_nothing_can_be_judged_is_unstable_once() {
    let mut lab = one();
    for _ in 0..60 {
        lab.lose_link();
        lab.pass(0.5);
        lab.prove();
        lab.pass(2.5);
    }
    assert_eq!(lab.words(), ["bus unstable"]);
    lab.beat("a", "");
    lab.pass(10.5);
    lab.told.clear();
    for _ in 0..60 {
        lab.lose_link();
        lab.pass(0.5);
        lab.prove();
        lab.pass(2.5);
    }
    assert_eq!(
        lab.words(),
        ["bus unstable"],
        "after a time of judgement it is news again"
    );
}

#[test]
fn one_outage_where_graces_are_long_is_not_instability() {
    let mut lab = Lab::with(&[("a", 300_000, 3000)]);
    lab.lose_link();
    lab.pass(2.0);
    lab.prove();
    lab.pass(290.0);
    assert!(lab.words().is_empty());
}

#[test]
fn a_bus_that_was_told_down_before_a_restart_is_not_told_again() {
    let mut lab = Lab::unproven(&[("a", 10_000, 3000)]);
    lab.detector.restore_bus_down(Mono(0));
    lab.pass(30.0);
    assert!(lab.words().is_empty());
    lab.prove();
    lab.pass(0.1);
    assert_eq!(lab.words(), ["bus up"]);
}

#[test]
fn when_most_come_due_together_the_server_is_looked_at_first() {
    let mut lab = Lab::with(&[
        ("a", 10_000, 3000),
        ("b", 10_000, 3000),
        ("c", 10_000, 3000),
    ]);
    for svc in ["a", "b", "c"] {
        lab.beat(svc, "");
    }
    lab.same_server = Some(false);
    lab.pass(10.1);
    assert_eq!(
        lab.told
            .iter()
            .filter(|t| t.1 == Told::Bus(Output::CheckServer))
            .count(),
        1
    );
    assert!(
        lab.words().is_empty(),
        "it is another server: nothing is judged"
    );
    lab.same_server = Some(true);
    lab.prove();
    lab.pass(10.1);
    assert_eq!(lab.words().len(), 3, "silent on that one, too");
}

#[test]
fn when_the_whole_bus_is_quiet_the_server_is_looked_at_though_deadlines_are_apart() {
    let names: Vec<String> = (0..10).map(|n| format!("s{n}")).collect();
    let services: Vec<(&str, u32, u32)> =
        names.iter().map(|n| (n.as_str(), 10_000, 3000)).collect();
    let mut lab = Lab::with(&services);
    for name in &names {
        lab.beat(name, "");
        lab.pass(0.3);
    }
    lab.same_server = Some(false);
    lab.pass(9.0);
    assert!(
        lab.told
            .iter()
            .any(|t| t.1 == Told::Bus(Output::CheckServer))
    );
    assert!(lab.words().is_empty());
}

#[test]
fn an_unanswered_check_holds_the_judgement_back_ten_seconds_at_most() {
    let mut lab = one();
    lab.same_server = None;
    lab.pass(19.9);
    assert!(lab.words().is_empty());
    lab.pass(0.2);
    assert_eq!(lab.words(), ["a missed"]);
}

#[test]
fn what_cannot_be_judged_is_said_with_its_reason_and_a_single_reconnect_is_not() {
    let mut lab = one();
    let why = |lab: &Lab| lab.detector.unjudged(lab.now).map(|u| u.why.to_string());
    lab.pass(3.0);
    assert_eq!(why(&lab), None);
    lab.lose_link();
    let lost = lab.now;
    lab.pass(7.0);
    let unjudged = lab.detector.unjudged(lab.now).expect("no link");
    assert!(lost.since(unjudged.since) <= Duration::from_secs(1));
    assert_eq!(unjudged.why.to_string(), "no link");
    lab.prove();
    lab.pass(0.5);
    assert_eq!(why(&lab), None, "it is over, the grace runs");
    lab.pass(30.0);

    for _ in 0..3 {
        lab.lose_link();
        lab.pass(0.5);
        lab.prove();
        lab.pass(2.5);
    }
    let again = Some("the link breaks again and again".to_owned());
    assert_eq!(why(&lab), again);
    lab.pass(11.0);
    assert_eq!(why(&lab), None, "a grace has ended");

    lab.echo_takes = Some(Duration::from_millis(3200));
    lab.pass(2.1);
    let waited = why(&lab).expect("a doubt");
    assert!(waited.contains("did not come back"), "{waited}");
    lab.echo_takes = Some(Duration::from_micros(100));
    lab.pass(15.0);
    assert_eq!(why(&lab), None);
}

#[test]
fn an_idle_bus_costs_one_echo_a_second_and_no_more_wakeups() {
    let mut lab = Lab::with(&[("a", 30_000, 10_000)]);
    // What the first echoes teach.
    lab.pass(0.01);
    let (mut wakeups, end) = (0, Mono(lab.now.0 + 29_900_000));
    let echoes = lab.echoes_sent;
    while lab.detector.next_wakeup() < end {
        let at = lab.detector.next_wakeup();
        lab.pass(at.since(lab.now).as_secs_f64());
        wakeups += 1;
    }
    assert_eq!((wakeups, lab.echoes_sent - echoes), (29, 29));
}

#[test]
fn nothing_is_judged_on_a_master_that_its_replicas_have_left() {
    let mut lab = one();
    lab.pass(9.0);
    lab.cut_off(true);
    lab.pass(50.0);
    assert!(
        lab.words().is_empty(),
        "it is silent, and may beat elsewhere"
    );
    let unjudged = lab.detector.unjudged(lab.now).expect("not judged");
    assert_eq!(unjudged.why, Uncertainty::CutOff);
    // Echoes are as good as ever, and other troubles come and go.
    lab.lose_link();
    lab.prove();
    lab.pass(20.0);
    assert_eq!(lab.words(), ["bus unstable"]);
    lab.cut_off(false);
    lab.pass(9.9);
    assert!(lab.words().is_empty(), "who comes back has the time to");
    lab.pass(1.2);
    assert_eq!(lab.words(), ["a missed"]);
}

#[test]
fn a_cut_off_voids_what_is_under_way() {
    let mut lab = one();
    lab.pass(9.0);
    lab.echo_takes = Some(Duration::from_millis(100));
    lab.pass(1.15);
    lab.cut_off(true);
    lab.pass(1.0);
    lab.cut_off(false);
    lab.pass(1.0);
    lab.beat("a", "");
    lab.pass(9.5);
    assert!(lab.words().is_empty());
}

#[test]
fn a_cut_off_of_before_the_first_proof_lasts_beyond_it() {
    let mut lab = Lab::unproven(&[("a", 1000, 300)]);
    lab.cut_off(true);
    lab.prove();
    lab.pass(30.0);
    assert!(lab.words().is_empty());
    lab.cut_off(false);
    lab.pass(6.0);
    assert_eq!(lab.words(), ["a missed-never-heard"]);
}
