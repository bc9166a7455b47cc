//! What the supervisor promises.

use super::*;

const BUS: Id = 0;
const SEED: Id = 1;
const SVC: Id = 2;

fn at(secs: f64) -> Mono {
    Mono::from_secs(secs)
}

/// A supervisor of one bus, the seed and one service, all started at second 0.
fn running(restarts: bool) -> ProcessSupervisor {
    let mut supervisor = ProcessSupervisor::new([Role::Bus, Role::Seed, Role::Service], restarts);
    assert_eq!(free(&mut supervisor, 0.0), [Action::Start(BUS)]);
    supervisor.started(BUS, at(0.0));
    assert_eq!(free(&mut supervisor, 0.0), [], "the seed waits for the bus");
    supervisor.answered(BUS);
    assert_eq!(free(&mut supervisor, 0.0), [Action::Start(SEED)]);
    supervisor.started(SEED, at(0.0));
    assert_eq!(free(&mut supervisor, 0.0), [], "services wait for the seed");
    supervisor.ended(SEED, true, "exit code 0", false, at(0.0));
    assert_eq!(free(&mut supervisor, 0.0), [Action::Start(SVC)]);
    supervisor.started(SVC, at(0.0));
    supervisor
}

/// A step while nothing is held.
fn free(supervisor: &mut ProcessSupervisor, secs: f64) -> Vec<Action> {
    supervisor.step(at(secs), |_| false)
}

fn dies(supervisor: &mut ProcessSupervisor, id: Id, secs: f64) {
    supervisor.ended(id, false, "signal 9", false, at(secs));
}

#[test]
fn pauses_grow_from_half_a_second_to_thirty_and_start_over_after_a_good_run() {
    let mut supervisor = running(true);
    let mut now = 1.0;
    for pause in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
        dies(&mut supervisor, SVC, now);
        assert_eq!(free(&mut supervisor, now + pause - 0.01), []);
        assert_eq!(supervisor.next(at(now)), Some(at(now + pause)));
        now += pause;
        assert_eq!(free(&mut supervisor, now), [Action::Start(SVC)]);
        supervisor.started(SVC, at(now));
        now += 1.0;
    }
    now += 60.0;
    dies(&mut supervisor, SVC, now);
    assert_eq!(supervisor.state(SVC), State::Due(at(now + 0.5)));
    assert_eq!(supervisor.deaths(SVC), 9);
}

#[test]
fn a_held_service_stays_down_until_it_is_released_whatever_restarts_say() {
    for restarts in [true, false] {
        let mut supervisor = running(restarts);
        supervisor.ended(SVC, false, "signal 9", true, at(1.0));
        assert_eq!(supervisor.step(at(100.0), |_| true), []);
        assert_eq!(free(&mut supervisor, 100.1), [Action::Start(SVC)]);
    }
}

#[test]
fn a_hold_that_comes_before_the_restart_holds() {
    let mut supervisor = running(true);
    dies(&mut supervisor, SVC, 1.0);
    assert_eq!(supervisor.step(at(1.5), |_| true), []);
    assert_eq!(supervisor.state(SVC), State::Held);
}

#[test]
fn without_restarts_a_dead_service_stays_dead_and_a_dead_bus_does_not() {
    let mut supervisor = running(false);
    dies(&mut supervisor, SVC, 1.0);
    dies(&mut supervisor, BUS, 1.0);
    assert_eq!(free(&mut supervisor, 100.0), [Action::Start(BUS)]);
}

#[test]
fn services_end_first_then_buses_and_the_late_are_killed_within_three_seconds() {
    let mut supervisor = running(true);
    supervisor.stop(at(10.0));
    assert_eq!(free(&mut supervisor, 10.0), [Action::End(SVC)]);
    assert_eq!(free(&mut supervisor, 11.4), []);
    assert_eq!(free(&mut supervisor, 11.5), [Action::Kill(SVC)]);
    dies(&mut supervisor, SVC, 11.51);
    assert_eq!(free(&mut supervisor, 11.51), [Action::End(BUS)]);
    assert_eq!(free(&mut supervisor, 12.51), [Action::Kill(BUS)]);
    dies(&mut supervisor, BUS, 12.52);
    free(&mut supervisor, 12.52);
    assert_eq!(supervisor.outcome(), Some(Ok(())));
}

#[test]
fn asked_twice_it_ends_at_once() {
    let mut supervisor = running(true);
    supervisor.stop(at(10.0));
    free(&mut supervisor, 10.0);
    supervisor.stop(at(10.1));
    assert_eq!(free(&mut supervisor, 10.1), [Action::Kill(SVC)]);
    dies(&mut supervisor, SVC, 10.2);
    assert_eq!(free(&mut supervisor, 10.2), [Action::End(BUS)]);
    assert_eq!(free(&mut supervisor, 10.5), [Action::Kill(BUS)]);
}

#[test]
fn a_seed_that_fails_and_a_bus_that_never_answers_end_it_with_the_reason() {
    let mut supervisor = ProcessSupervisor::new([Role::Bus, Role::Seed], true);
    let mut now = 0.0;
    while !supervisor.is_ending() {
        assert_eq!(free(&mut supervisor, now), [Action::Start(BUS)]);
        supervisor.started(BUS, at(now));
        dies(&mut supervisor, BUS, now);
        now += 30.0;
    }
    free(&mut supervisor, now);
    assert!(matches!(supervisor.outcome(), Some(Err(why)) if why.contains("5 times")));

    let mut supervisor = ProcessSupervisor::new([Role::Bus, Role::Seed], true);
    free(&mut supervisor, 0.0);
    supervisor.started(BUS, at(0.0));
    supervisor.answered(BUS);
    free(&mut supervisor, 0.0);
    supervisor.started(SEED, at(0.0));
    supervisor.ended(SEED, false, "exit code 2", false, at(1.0));
    assert_eq!(free(&mut supervisor, 1.0), [Action::End(BUS)]);
    dies(&mut supervisor, BUS, 1.1);
    free(&mut supervisor, 1.1);
    assert!(matches!(supervisor.outcome(), Some(Err(why)) if why.contains("exit code 2")));
}

#[test]
fn a_watcher_starts_before_those_it_watches() {
    let mut supervisor =
        ProcessSupervisor::new([Role::Bus, Role::Seed, Role::Service, Role::Watcher], true);
    free(&mut supervisor, 0.0);
    supervisor.started(BUS, at(0.0));
    supervisor.answered(BUS);
    free(&mut supervisor, 0.0);
    supervisor.started(SEED, at(0.0));
    supervisor.ended(SEED, true, "exit code 0", false, at(1.0));
    assert_eq!(free(&mut supervisor, 1.0), [Action::Start(3)]);
    supervisor.started(3, at(1.0));
    assert!(!supervisor.all_started());
    assert_eq!(free(&mut supervisor, 1.3), [Action::Start(SVC)]);
    supervisor.started(SVC, at(1.3));
    assert!(supervisor.all_started());
}

#[test]
fn a_bus_that_lost_its_data_is_seeded_again_and_a_seed_that_fails_then_ends_nothing() {
    let mut supervisor = running(true);
    supervisor.seed_again(at(5.0));
    assert_eq!(free(&mut supervisor, 5.0), [Action::Start(SEED)]);
    supervisor.started(SEED, at(5.0));
    // The other bus too, while it runs.
    supervisor.seed_again(at(5.1));
    assert_eq!(free(&mut supervisor, 5.1), []);
    supervisor.ended(SEED, true, "exit code 0", false, at(5.2));
    assert_eq!(free(&mut supervisor, 5.2), [Action::Start(SEED)]);
    supervisor.started(SEED, at(5.2));
    supervisor.ended(SEED, false, "exit code 3", false, at(6.0));
    assert!(!supervisor.is_ending());
    assert_eq!(free(&mut supervisor, 6.4), []);
    assert_eq!(free(&mut supervisor, 6.5), [Action::Start(SEED)]);
}
