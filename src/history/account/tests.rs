//! Against an oracle that looks at each second by itself.

use proptest::prelude::*;

use super::*;
use crate::history::{Fold, KEPT_SEC, Open, OpenOutages, Span};

const END: i64 = 300;

fn list() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((0..END, 0..END), 0..5)
}

fn span() -> impl Strategy<Value = Span> {
    let kind = prop::sample::select(vec![SpanKind::Down, SpanKind::Planned, SpanKind::Degraded]);
    (0..END, 0..60i64, kind).prop_map(|(from, length, kind)| Span {
        from,
        to: from + length,
        kind,
        id: "x".into(),
    })
}

fn open() -> impl Strategy<Value = Option<Open>> {
    let until = prop::option::of(0..END);
    prop::option::of((0..END, until).prop_map(|(from, planned_until)| Open {
        from,
        id: "x".into(),
        planned_until,
    }))
}

/// What the words above say of the second `at`, without any interval that was merged or sorted.
fn oracle(
    record: &Record,
    at: i64,
    sets: &[Vec<(i64, i64)>; 3],
    is_healer: bool,
    now: i64,
) -> Account {
    let within = |list: &[(i64, i64)]| list.iter().any(|(from, to)| *from <= at && at < *to);
    let [watched, covered, silenced] = sets;
    let mut spans: Vec<(i64, i64, SpanKind)> = record
        .spans
        .iter()
        .map(|s| (s.from, s.to, s.kind))
        .collect();
    if let Some(open) = &record.open.down {
        let planned_to = open.planned_until.unwrap_or(open.from).max(open.from);
        spans.push((open.from, planned_to.min(now), SpanKind::Planned));
        spans.push((planned_to, now, SpanKind::Down));
    }
    if let Some(open) = &record.open.degraded {
        spans.push((open.from, now, SpanKind::Degraded));
    }
    let is = |kind| spans.iter().any(|s| s.2 == kind && s.0 <= at && at < s.1);
    match () {
        () if !within(watched) => Account::NotWatched,
        () if !within(covered) && is_healer && is(SpanKind::Down) => Account::Down,
        () if !within(covered) => Account::Unknown,
        () if is(SpanKind::Planned) || is(SpanKind::Down) && within(silenced) => Account::Planned,
        () if is(SpanKind::Down) => Account::Down,
        () if is(SpanKind::Degraded) => Account::Degraded,
        () => Account::Up,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]
    #[test]
    fn each_second_is_what_an_oracle_says_of_it(
        spans in prop::collection::vec(span(), 0..8),
        down in open(),
        degraded in open(),
        sets in [list(), list(), list()],
        is_healer in any::<bool>(),
        window in (-20..END, -20..END + 50),
        now in END / 2..END + 40,
    ) {
        let watched = sets[0].iter().copied().collect();
        let open = OpenOutages { down, degraded };
        let record = Record { spans, open, watched, ..Record::default() };
        let (covered, silenced) = (sets[1].iter().copied().collect(), sets[2].iter().copied().collect());
        let seen = Seen { covered: &covered, silenced: &silenced, is_healer, now };
        let window = Window { from: window.0, to: window.1 };
        let stretches = record.stretches(seen, window);
        let end = window.to.min(now);
        let mut sums = Sums::default();
        for at in window.from..end {
            let held: Vec<&Stretch> = stretches.iter().filter(|s| (s.from..s.to).contains(&at)).collect();
            prop_assert_eq!(held.len(), 1, "second {}", at);
            let account = oracle(&record, at, &sets, is_healer, now);
            prop_assert_eq!(held[0].account, account, "second {}", at);
            *sums.of(account) += 1;
        }
        prop_assert_eq!(record.sums(seen, window), sums);
        prop_assert_eq!(sums.total(), (end - window.from).max(0));
        let cells = record.cells(seen, window.from, 7, 40);
        for (at, cell) in cells.iter().enumerate() {
            let from = window.from + 7 * at as i64;
            prop_assert_eq!(*cell, record.sums(seen, Window { from, to: from + 7 }));
        }
        for two in stretches.windows(2) {
            prop_assert!(two[0].to == two[1].from && two[0].account != two[1].account);
        }
    }

    /// Whatever days were added up, sums equal their window and no share is above the whole.
    #[test]
    fn sums_equal_the_window_also_of_what_is_kept_by_day(
        days in prop::collection::btree_map(0..4i64, [0..DAY_SEC, 0..DAY_SEC, 0..DAY_SEC], 0..4),
        from in 0..3 * DAY_SEC,
        length in 0..4 * DAY_SEC,
    ) {
        let everything: Intervals = [(0, KEPT_SEC)].into_iter().collect();
        let none = Intervals::default();
        let record = Record { days, watched: everything.clone(), ..Record::default() };
        let seen = Seen { covered: &everything, silenced: &none, is_healer: false, now: KEPT_SEC };
        let sums = record.sums(seen, Window { from, to: from + length });
        prop_assert_eq!(sums.total(), length);
        prop_assert!(sums.up >= 0 && sums.uptime().is_none_or(|share| share.0 <= WHOLE));
        prop_assert!(sums.down == 0 || sums.uptime().is_some_and(|share| share.0 < WHOLE));
    }
}

#[test]
fn a_hundred_percent_is_said_only_without_a_second_down() {
    let uptime = |down, up| {
        let sums = Sums {
            down,
            up,
            ..Sums::default()
        };
        sums.uptime()
            .map_or("—".to_owned(), |share| share.to_string())
    };
    assert_eq!(uptime(0, 1), "100 %");
    assert_eq!(uptime(1, KEPT_SEC), "99.99 %");
    assert_eq!(uptime(7, 9_993), "99.93 %");
    assert_eq!(uptime(1, 0), "0.00 %");
    assert_eq!(uptime(0, 0), "—");
    let sums = Sums {
        up: 98,
        unknown: 2,
        not_watched: 500,
        ..Sums::default()
    };
    assert_eq!(
        sums.watched().map(|share| share.to_string()).as_deref(),
        Some("98.00 %")
    );
    assert!(sums.watched().is_some_and(Uptime::is_partial));
}

#[test]
fn an_outage_under_a_silence_is_planned_only_from_the_silence_on() {
    let mut fold = Fold::default();
    let mut miss = crate::contract::Alert::new(crate::contract::AlertKind::HeartbeatMiss, "a", 100);
    miss.late_sec = Some(0.0);
    let change = fold.hear(&miss).expect("a change");
    let everything: Intervals = [(0, 1000)].into_iter().collect();
    let record = Record {
        open: change.open,
        watched: everything.clone(),
        ..Record::default()
    };
    let silenced: Intervals = [(150, 170)].into_iter().collect();
    let seen = Seen {
        covered: &everything,
        silenced: &silenced,
        is_healer: false,
        now: 200,
    };
    let sums = record.sums(seen, Window { from: 0, to: 1000 });
    assert_eq!((sums.up, sums.down, sums.planned), (100, 80, 20));
}
