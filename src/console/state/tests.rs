//! What is shown, by what was seen.

use super::*;
use crate::console::view::Stand;
use crate::contract::Status;
use crate::truth::Defaults;

const NOW: i64 = 10_000;

fn truth(names: &[&str]) -> Truth {
    let services: Vec<String> = names
        .iter()
        .map(|name| format!("\"{name}\":{{\"heartbeat\":{{}}}}"))
        .collect();
    let text = format!("{{\"services\":{{{}}}}}", services.join(","));
    Truth::parse(text.as_bytes(), Defaults::default()).expect("valid")
}

fn at(secs: f64) -> Mono {
    Mono::from_secs(100.0 + secs)
}

fn oversight(healer: Healer) -> Oversight {
    Oversight {
        healer,
        buses: None,
        now_ts: NOW,
    }
}

fn health(svc: &str, status: Status) -> Health {
    Health {
        status,
        since_ts: NOW - 100,
        as_of_ts: NOW - 5,
        last_seen_ts: Some(NOW - 40),
        ..Health::unknown(svc)
    }
}

fn state() -> State {
    let mut state = State::default();
    state.adopt(&truth(&["a", "b"]));
    state.looked(Ok(oversight(Healer::Speaks)), at(0.0), NOW);
    state.swept(vec![health("a", Status::Up), health("b", Status::Down)]);
    state
}

fn stands(state: &mut State, secs: f64) -> Vec<Stand> {
    let (view, _) = state.view(at(secs), NOW);
    view.rows.iter().map(|row| row.stand).collect()
}

fn silence(svc: &str, ack: bool) -> Silence {
    Silence {
        id: "x".into(),
        svc: svc.into(),
        ack,
        from_ms: 0,
        until_ms: i64::MAX,
        why: String::new(),
        by: String::new(),
    }
}

#[test]
fn while_nobody_judges_or_looks_all_is_unknown_with_what_was_last_known() {
    let mut state = state();
    assert_eq!(stands(&mut state, 0.0), [Stand::Up, Stand::Down]);
    state.looked(Ok(oversight(Healer::Silent)), at(1.0), NOW);
    let (view, _) = state.view(at(1.0), NOW);
    assert!(!view.judged);
    let known: Vec<_> = view
        .rows
        .iter()
        .map(|row| (row.stand, row.last_known))
        .collect();
    assert_eq!(
        known,
        [
            (Stand::Unknown, Some(Stand::Up)),
            (Stand::Unknown, Some(Stand::Down))
        ]
    );
    assert!(view.headline(NOW).1.contains("healer is silent"));

    state.looked(Ok(oversight(Healer::Speaks)), at(2.0), NOW);
    let error = BusError::Reply {
        address: "a".into(),
        reason: "hangs".into(),
    };
    state.looked(Err(error), at(3.0), NOW);
    assert_eq!(
        stands(&mut state, 12.0),
        [Stand::Up, Stand::Down],
        "it may pass"
    );
    let (view, changed) = state.view(at(12.1), NOW);
    assert!(!view.judged && changed.len() == 2);
    assert!(
        view.headline(NOW).1.contains("out of reach"),
        "{:?}",
        view.troubles
    );
}

#[test]
fn an_alert_counts_at_once_and_what_was_not_changed_keeps_its_revision() {
    let mut state = state();
    let (first, _) = state.view(at(0.0), NOW);
    let (same, changed) = state.view(at(1.0), NOW + 1);
    assert_eq!((same.rev, changed.len()), (first.rev, 0));
    let mut miss = Alert::new(AlertKind::HeartbeatMiss, "a", NOW);
    miss.late_sec = Some(30.0);
    state.heard(&miss);
    let (view, changed) = state.view(at(2.0), NOW + 2);
    assert_eq!(changed, [Box::<str>::from("a")]);
    assert_eq!(view.rev, first.rev + 1);
    let row = view.row("a").expect("a row");
    assert_eq!((row.stand, row.misses), (Stand::Down, 1));
    assert_eq!(row.why(NOW + 2), "no beat for 32 s (limit 30 s)");
    let names: Vec<&str> = view.worst().map(|row| &*row.svc).collect();
    assert_eq!(names, ["a", "b"]);
    // Of whom nobody knows anything, nothing is made.
    state.heard(&Alert::new(AlertKind::HeartbeatMiss, "<script>", NOW));
    assert_eq!(state.view(at(3.0), NOW + 2).0.rows.len(), 2);
}

#[test]
fn down_under_a_silence_or_as_announced_is_planned_and_an_acknowledgement_changes_nothing() {
    let mut state = state();
    state.silenced(vec![silence("b", true)], Vec::new());
    assert_eq!(stands(&mut state, 0.0), [Stand::Up, Stand::Down]);
    state.silenced(vec![silence("*", false)], Vec::new());
    assert_eq!(stands(&mut state, 0.0), [Stand::Up, Stand::Planned]);
    state.silenced(Vec::new(), Vec::new());
    let mut miss = Alert::new(AlertKind::HeartbeatMiss, "b", NOW);
    (miss.planned, miss.eta) = (true, Some(NOW + 10));
    state.heard(&miss);
    assert_eq!(stands(&mut state, 0.0), [Stand::Up, Stand::Planned]);
    let (late, _) = state.view(at(0.0), NOW + 10);
    assert_eq!(late.row("b").map(|row| row.stand), Some(Stand::Down));
}

#[test]
fn a_new_truth_keeps_what_is_known() {
    let mut state = state();
    stands(&mut state, 0.0);
    state.adopt(&truth(&["b", "c"]));
    assert_eq!(stands(&mut state, 0.0), [Stand::Down, Stand::Unknown]);
    state.adopt(&truth(&[]));
    assert_eq!(stands(&mut state, 0.0), [Stand::Up; 0]);
}

#[test]
fn a_view_of_before_counts_as_one_of_now_only_while_those_who_look_see_the_same() {
    let mut state = state();
    assert!(state.unchanged(at(0.0)).is_none(), "there is none yet");
    let (first, _) = state.view(at(0.0), NOW);
    let again = state.unchanged(at(2.0)).expect("the same");
    assert_eq!((again.rev, again.made), (first.rev, at(2.0)));
    assert!(Arc::ptr_eq(&again.rows, &first.rows));
    state.looked(Ok(oversight(Healer::Silent)), at(3.0), NOW + 3);
    assert!(state.unchanged(at(3.0)).is_none(), "nobody judges");
    let (view, _) = state.view(at(3.0), NOW + 3);
    assert!(!view.judged);
    assert!(state.unchanged(at(4.0)).is_some());
    assert!(
        state.unchanged(at(15.0)).is_none(),
        "nobody looked for long"
    );
}
