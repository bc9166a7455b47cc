//! What is shown, by who judges, what can be judged, and what was written last.

use proptest::prelude::*;

use super::*;
use crate::contract::MARKET_BUS;

const NOW: i64 = 10_000;

fn record(bus: &str, judged: bool, refresh_sec: u64) -> BusHealth {
    BusHealth {
        bus: bus.to_owned(),
        judged,
        since_ts: 9_000,
        reason: (!judged).then(|| "no link".into()),
        as_of_ts: NOW - 5,
        services: 1,
        refresh_sec,
    }
}

fn oversight(healer: Healer, records: &[BusHealth]) -> Oversight {
    let by_name = records.iter().map(|r| (r.bus.clone(), r.clone()));
    let buses = BusRecords {
        by_name: by_name.collect(),
        age: Duration::from_secs(5),
    };
    Oversight {
        healer,
        buses: (!records.is_empty()).then_some(buses),
        now_ts: NOW,
    }
}

fn both(judged: bool) -> [BusHealth; 2] {
    [record(SYSTEM_BUS, true, 60), record(MARKET_BUS, judged, 60)]
}

fn health(status: Status, as_of_ts: i64, bus: Option<&str>) -> Health {
    Health {
        svc: "a".into(),
        status,
        since_ts: 1,
        last_seen_ts: None,
        as_of_ts,
        last_i: None,
        timeout_sec: 30.0,
        misses: 0,
        restarts: 0,
        bus: bus.map(str::to_owned),
        reason: None,
        beat_status: None,
        flapping: Vec::new(),
        alert: None,
    }
}

fn who(name: &str) -> Who<'_> {
    Who {
        name,
        is_watched: true,
        bus: SYSTEM_BUS,
    }
}

fn refused() -> Healer {
    Healer::Refused(WritesRefused {
        writes_refused: "out of memory".into(),
        since_ts: NOW - 20,
        as_of_ts: NOW,
    })
}

impl Oversight {
    fn words(&self) -> Vec<String> {
        self.troubles()
            .into_iter()
            .map(|(_, words)| words)
            .collect()
    }
}

/// The state, what is said for it, and as of when it is.
fn shown(oversight: &Oversight, health: &Health) -> (State, String, Option<i64>) {
    let standing = oversight.standing(who("a"), Some(health));
    (
        standing.state,
        standing.reason.unwrap_or_default().into(),
        standing.as_of_ts,
    )
}

#[test]
fn what_cannot_be_judged_is_unknown_with_the_reason_and_a_told_death_stays_down() {
    use Status::*;
    let no_link = || "market-redis cannot be judged: no link".to_owned();
    let market = Some(MARKET_BUS);
    let unjudged = oversight(Healer::Speaks, &both(false));
    for status in [Up, Degraded, Unknown] {
        let there = health(status, NOW - 5, market);
        assert_eq!(shown(&unjudged, &there), (State::Unknown, no_link(), None));
        let here = health(status, NOW - 5, None);
        assert_eq!(shown(&unjudged, &here).0, State::of(status));
    }
    let dead = health(Down, NOW - 5000, market);
    assert_eq!(shown(&unjudged, &dead).0, State::Down);
    assert_eq!(unjudged.words(), [no_link()]);

    let judged = oversight(Healer::Speaks, &both(true));
    assert_eq!(
        shown(&judged, &health(Up, NOW - 5, market)).0,
        State::Up,
        "once it is judged again"
    );
    assert_eq!(judged.words(), [""; 0]);
    let elsewhere = health(Up, NOW - 5, Some("lab"));
    assert_eq!(
        shown(&judged, &elsewhere).1,
        "the healer does not watch lab"
    );
}

#[test]
fn a_snapshot_that_nobody_refreshed_is_unknown_as_of_its_date() {
    let old = |at| {
        (
            State::Unknown,
            "it was not refreshed since".into(),
            Some(at),
        )
    };
    for records in [&both(true)[..], &[]] {
        let oversight = oversight(Healer::Speaks, records);
        let at = |age| shown(&oversight, &health(Status::Up, NOW - age, None));
        assert_eq!(at(150).0, State::Up);
        assert_eq!(at(151), old(NOW - 151));
        // Another clock than ours may be ahead.
        assert_eq!(at(-500).0, State::Up);
    }
    // With a million services a turn takes a thousand seconds.
    let large = oversight(Healer::Speaks, &[record(SYSTEM_BUS, true, 1000)]);
    let at = |age| shown(&large, &health(Status::Up, NOW - age, None));
    assert_eq!(at(2500).0, State::Up);
    assert_eq!(at(2501), old(NOW - 2501));
}

#[test]
fn while_writes_are_refused_what_was_written_before_is_unknown() {
    let oversight = oversight(refused(), &both(true));
    let past = |at| (State::Unknown, "writes are refused".into(), Some(at));
    let at = |age| shown(&oversight, &health(Status::Up, NOW - age, None));
    assert_eq!(at(21), past(NOW - 21));
    assert_eq!(at(20), past(NOW - 20));
    // An alert that was heard since is known.
    assert_eq!(at(19).0, State::Up);
    assert_eq!(oversight.words(), ["writes are refused: out of memory"]);
    let healer = oversight.standing(who(HEALER), None);
    assert_eq!(healer.state, State::Up, "it lives");
}

#[test]
fn without_a_healer_that_speaks_nothing_is_known() {
    for (healer, said) in [(Healer::Silent, "silent"), (Healer::Mute, "does not speak")] {
        let oversight = oversight(healer, &both(true));
        for status in [Status::Up, Status::Degraded, Status::Down] {
            let (state, ..) = shown(&oversight, &health(status, NOW, None));
            assert_eq!(state, State::Unknown);
        }
        let state = |health| oversight.standing(who(HEALER), health).state;
        assert_eq!(state(None), State::Unknown);
        let down = health(Status::Down, NOW, None);
        assert_eq!(state(Some(&down)), State::Down, "the sentinel told it");
        assert!(oversight.words()[0].contains(said));
    }
}

#[test]
fn who_was_not_judged_yet_or_is_not_watched_is_not_green() {
    let oversight = oversight(Healer::Speaks, &both(false));
    let there = Who {
        bus: MARKET_BUS,
        ..who("a")
    };
    let said = |who| oversight.standing(who, None).reason;
    assert_eq!(said(who("a")).as_deref(), Some("not judged yet"));
    let no_link = "market-redis cannot be judged: no link";
    assert_eq!(said(there).as_deref(), Some(no_link));
    let off = Who {
        is_watched: false,
        ..who("a")
    };
    assert_eq!(oversight.standing(off, None).state, State::Off);
}

proptest! {
    /// The promise, said in another way: green is only what a healer that speaks and writes, or said since it cannot
    /// write, says of a bus that it judges, and said not long ago.
    #[test]
    fn green_is_only_what_somebody_vouches_for(
        healer in 0..4, status in 0..4, age in -10i64..4000, bus in 0..3, judged: [bool; 2], keeps: bool,
        refresh_sec in 0u64..2000, is_watched: bool,
    ) {
        let healer = [Healer::Speaks, refused(), Healer::Mute, Healer::Silent][healer as usize].clone();
        let status = [Status::Up, Status::Down, Status::Degraded, Status::Unknown][status as usize];
        let bus = [None, Some(MARKET_BUS), Some("lab")][bus as usize];
        let records = [record(SYSTEM_BUS, judged[0], refresh_sec), record(MARKET_BUS, judged[1], refresh_sec)];
        let oversight = oversight(healer.clone(), if keeps { &records } else { &[] });
        let health = health(status, NOW - age, bus);
        let standing = oversight.standing(Who { is_watched, ..who("a") }, Some(&health));

        let is_judged = match bus {
            _ if !keeps => true,
            None => judged[0],
            Some(MARKET_BUS) => judged[1],
            Some(_) => false,
        };
        let turn = if keeps { refresh_sec as i64 } else { 0 };
        let is_recent = age <= (turn * 5 / 2).max(150) && (healer == Healer::Speaks || age < 20);
        let is_vouched = is_watched && healer.speaks() && is_judged && is_recent;
        prop_assert_eq!(standing.state == State::Up, is_vouched && status == Status::Up);
        // A death that was told is shown for as long as anybody speaks.
        let is_down = is_watched && healer.speaks() && status == Status::Down;
        prop_assert_eq!(standing.state == State::Down, is_down);
        // What is not known although something was written says why.
        let is_unexplained = standing.state == State::Unknown && standing.reason.is_none();
        prop_assert!(!is_unexplained || !healer.speaks() || status == Status::Unknown);
    }
}
