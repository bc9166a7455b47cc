//! What one member concludes from each answer.

use std::collections::BTreeMap;
use std::time::Duration;

use super::shares::{Load, rank, share};
use super::{Action, Claimed, Gate, Holder, Member, Peer, View};
use crate::clock::Mono;
use proptest::prelude::*;

const WALL_US: u64 = 1_762_000_000_000_000;

fn at(secs: f64) -> Mono {
    Mono::from_secs(100.0 + secs)
}

/// What a server answers at `secs` that has two parts and these members.
fn view(secs: f64, members: &[&str]) -> View {
    View {
        server_us: WALL_US + (secs * 1e6) as u64,
        had_session: true,
        parts: 2,
        members: members
            .iter()
            .map(|inst| Peer {
                inst: (*inst).to_owned(),
                host: "h".to_owned(),
            })
            .collect(),
        ..View::default()
    }
}

fn hear(member: &mut Member, secs: f64, view: View) {
    member.asks(at(secs));
    member.answered(view, at(secs));
}

fn claims(member: &mut Member, secs: f64) -> Vec<u32> {
    let actions = member.turn(at(secs), |_, _| false);
    let part = |action: &Action| match action {
        Action::Claim { part, .. } => Some(*part),
        _ => None,
    };
    let mut parts: Vec<u32> = actions.iter().filter_map(part).collect();
    parts.sort_unstable();
    parts
}

/// One of one, that holds both parts since second 4.
fn holder() -> Member {
    let mut member = Member::new("s", "a", "h", 2);
    hear(&mut member, 0.0, view(0.0, &["a"]));
    hear(&mut member, 4.0, view(4.0, &["a"]));
    assert_eq!(claims(&mut member, 4.0), [0, 1]);
    member.claimed(0, Claimed::Ours(7));
    member.claimed(1, Claimed::Ours(8));
    member
}

/// As the server answers while `holder` holds both.
fn held(secs: f64, members: &[&str]) -> View {
    let holder = |token| Holder {
        inst: "a".to_owned(),
        token,
    };
    View {
        holders: [(0, holder(7)), (1, holder(8))].into(),
        ..view(secs, members)
    }
}

#[test]
fn nothing_is_claimed_for_four_seconds_after_a_start() {
    let mut member = Member::new("s", "a", "h", 2);
    assert_eq!(member.turn(at(0.0), |_, _| false), [Action::Renew]);
    hear(&mut member, 0.0, view(0.0, &["a"]));
    hear(&mut member, 2.0, view(2.0, &["a"]));
    assert!(claims(&mut member, 3.9).is_empty());
    assert_eq!(claims(&mut member, 4.0), [0, 1]);
}

#[test]
fn what_may_be_another_server_a_stepped_clock_or_lost_data_is_waited_out() {
    let free = |mut view: View, change: &dyn Fn(&mut View)| {
        view.holders.clear();
        change(&mut view);
        view
    };
    type Change<'a> = (&'a str, &'a dyn Fn(&mut View));
    let changes: [Change<'_>; 4] = [
        ("another connection", &|view| view.connection = 9),
        ("an hour on", &|view| view.server_us += 3_600_000_000),
        ("an hour back", &|view| view.server_us -= 3_600_000_000),
        ("no session", &|view| view.had_session = false),
    ];
    for (what, change) in changes {
        let mut member = holder();
        hear(&mut member, 6.0, free(held(6.0, &["a"]), change));
        assert!(claims(&mut member, 9.9).is_empty(), "{what}");
        assert_eq!(claims(&mut member, 10.0), [0, 1], "{what}");
    }
    let mut member = holder();
    hear(
        &mut member,
        6.0,
        free(held(6.0, &["a"]), &|view| view.server_us += 900_000),
    );
    assert_eq!(claims(&mut member, 6.0), [0, 1], "that is no step");
}

#[test]
fn the_gate_shuts_nine_seconds_after_the_sending_of_what_was_answered() {
    let mut member = holder();
    member.asks(at(6.0));
    member.answered(held(7.5, &["a"]), at(7.5));
    assert_eq!(
        member.gate_until(),
        at(15.0),
        "from the sending, not the answer"
    );
    member.asks(at(8.0));
    member.unanswered(at(9.0));
    assert_eq!(member.gate_until(), at(15.0));
    let gate = Gate::default();
    gate.set(member.gate_until(), member.open());
    let permit = gate.enter(1, at(14.9)).expect("open");
    assert_eq!((permit.part(), permit.token()), (1, 8));
    assert!(gate.enter(1, at(15.0)).is_none());
    assert!(gate.enter(2, at(14.0)).is_none(), "not ours");
    assert!(gate.is_busy(1, 8));
    drop(permit);
    assert!(!gate.is_busy(1, 8));
    gate.shut();
    assert!(!gate.is_open(1, at(14.0)));
}

#[test]
fn a_part_that_the_answer_gives_to_another_is_shut_at_once() {
    let mut member = holder();
    let mut view = held(6.0, &["a", "b"]);
    let inst = "b".to_owned();
    view.holders.insert(1, Holder { inst, token: 9 });
    hear(&mut member, 6.0, view);
    assert_eq!(member.open(), BTreeMap::from([(0, 7)]));
    // Under another token it is not the holding that we know.
    let mut view = held(8.0, &["a", "b"]);
    view.holders.insert(
        0,
        Holder {
            inst: "a".to_owned(),
            token: 6,
        },
    );
    hear(&mut member, 8.0, view);
    assert!(member.open().is_empty());
}

#[test]
fn over_its_share_for_three_seconds_it_finishes_and_gives_back() {
    let mut member = holder();
    hear(&mut member, 6.0, held(6.0, &["a", "b"]));
    assert!(member.turn(at(6.0), |_, _| false).is_empty());
    hear(&mut member, 8.0, held(8.0, &["a", "b"]));
    assert!(member.turn(at(8.9), |_, _| false).is_empty());
    let busy = member.turn(at(9.0), |_, _| true);
    assert!(busy.is_empty(), "work is under way: {busy:?}");
    assert_eq!(member.open().len(), 1, "but nothing more begins");
    let lowest = (0..2).min_by_key(|part| rank("a", *part)).expect("two");
    let token = 7 + u64::from(lowest);
    let part = lowest;
    assert_eq!(
        member.turn(at(9.1), |_, _| false),
        [Action::Release { part, token }]
    );
    member.released(lowest);
    assert!(member.turn(at(9.2), |_, _| false).is_empty());
}

#[test]
fn nobody_takes_from_a_live_holder_and_a_dead_ones_parts_are_claimed_as_they_were_read() {
    let mut member = Member::new("s", "b", "h", 2);
    hear(&mut member, 0.0, held(0.0, &["a", "b"]));
    hear(&mut member, 4.0, held(4.0, &["a", "b"]));
    assert!(claims(&mut member, 5.0).is_empty());
    hear(&mut member, 6.0, held(6.0, &["b"]));
    let actions = member.turn(at(6.0), |_, _| false);
    assert_eq!(actions.len(), 2);
    let read = held(0.0, &[]).holders;
    for action in actions {
        let Action::Claim {
            part,
            holder,
            floor: 0,
        } = action
        else {
            panic!("{action:?}");
        };
        assert_eq!(holder.as_ref(), read.get(&part));
        member.claimed(part, Claimed::Others);
    }
    assert!(claims(&mut member, 6.1).is_empty(), "others were faster");
}

#[test]
fn who_is_fenced_claims_anew_above_what_was_seen() {
    let mut member = holder();
    member.fenced(1, 900);
    hear(&mut member, 6.0, held(6.0, &["a"]));
    let actions = member.turn(at(6.0), |_, _| false);
    let holder = held(0.0, &[]).holders.get(&1).cloned();
    assert_eq!(
        actions,
        [Action::Claim {
            part: 1,
            holder,
            floor: 901
        }]
    );
    member.claimed(1, Claimed::Ours(901));
    assert!(member.turn(at(6.1), |_, _| false).is_empty());
    assert_eq!(member.open()[&1], 901);
}

#[test]
fn a_claim_whose_answer_was_lost_is_made_again_or_given_back() {
    let mut member = Member::new("s", "a", "h", 2);
    hear(&mut member, 0.0, view(0.0, &["a"]));
    hear(&mut member, 4.0, held(4.0, &["a"]));
    assert_eq!(claims(&mut member, 4.0), [0, 1]);
    let mut member = Member::new("s", "a", "h", 2);
    hear(&mut member, 0.0, view(0.0, &["a", "b", "c"]));
    let mut view = held(4.0, &["a", "b", "c"]);
    view.drained.insert("inst:a".to_owned());
    hear(&mut member, 4.0, view);
    let actions = member.turn(at(4.0), |_, _| false);
    assert!(
        actions.len() == 2 && actions.iter().all(|a| matches!(a, Action::Release { .. })),
        "{actions:?}"
    );
}

#[test]
fn the_renewal_follows_after_two_seconds_and_sooner_without_an_answer() {
    let mut member = holder();
    assert_eq!(member.next_wakeup(at(4.0)), at(6.0));
    member.asks(at(6.0));
    member.unanswered(at(7.0));
    assert_eq!(member.next_wakeup(at(7.0)), at(7.5));
    hear(&mut member, 7.5, held(7.5, &["a"]));
    member.look();
    assert_eq!(
        member.next_wakeup(at(7.5)),
        at(7.5) + Duration::from_millis(100)
    );
}

proptest! {
    #[test]
    fn shares_are_even_and_make_up_the_whole(
        parts in 1u32..300,
        held in proptest::collection::vec(0u32..50, 1..40),
    ) {
        let names: Vec<String> = (0..held.len()).map(|n| format!("m{n}")).collect();
        let loads: Vec<Load<'_>> = names
            .iter()
            .zip(&held)
            .map(|(inst, held)| Load { inst, held: *held })
            .collect();
        let shares: Vec<u32> = names.iter().map(|inst| share(parts, inst, &loads)).collect();
        prop_assert_eq!(shares.iter().sum::<u32>(), parts);
        let (least, most) = (shares.iter().min(), shares.iter().max());
        prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1));
        // Whoever has more than another never gets less.
        for (a, share_a) in loads.iter().zip(&shares) {
            for (b, share_b) in loads.iter().zip(&shares) {
                prop_assert!(a.held <= b.held || share_a >= share_b);
            }
        }
        prop_assert_eq!(share(parts, "nobody", &loads), 0);
        prop_assert_eq!(share(parts, "m0", &[]), 0);
    }
}
