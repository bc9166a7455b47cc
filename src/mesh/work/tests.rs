//! What stands still, and what only looks so.

use std::time::Duration;

use super::{Found, Seen, Turn, Watched, Works};
use crate::bus::stream::EntryId;
use crate::clock::{Mono, Now};
use crate::contract::mesh::WorkState;

const STALL_SEC: u64 = 300;

fn watched() -> Watched {
    Watched {
        bus: "market-redis".into(),
        key: "rss:queue".into(),
        group: "vexy".into(),
        service: "vexy_ai".into(),
        stall: Duration::from_secs(STALL_SEC),
    }
}

struct Lab {
    works: Works,
    secs: u64,
    rests: bool,
}

impl Lab {
    fn new() -> Lab {
        let mut works = Works::default();
        works.follow(vec![watched()], Now::default());
        Lab {
            works,
            secs: 1000,
            rests: false,
        }
    }

    fn now(&self) -> Now {
        Now {
            mono: Mono(self.secs * 1_000_000),
            wall_secs: 1_700_000_000 + self.secs as i64,
        }
    }

    fn see(&mut self, seen: Seen) -> Option<Turn> {
        self.secs += 5;
        self.works.see(&watched(), seen, self.rests, self.now())
    }

    /// The same for `secs`; what was told meanwhile.
    fn for_secs(&mut self, secs: u64, found: &Found) -> Vec<bool> {
        let looks = (0..secs / 5).filter_map(|_| self.see(Seen::There(found.clone())));
        looks.map(|turn| turn.is_stalled).collect()
    }

    fn state(&self) -> WorkState {
        self.works.records().next().expect("one").state
    }
}

fn id(ms: u64) -> EntryId {
    EntryId { ms, seq: 0 }
}

/// Handed out up to `last`, so many in hand of which `oldest` is the first, and whether there is more.
fn found(last: u64, pending: u64, oldest: Option<u64>, unread: Option<u64>) -> Found {
    Found {
        last_delivered: id(last),
        pending,
        oldest_pending: oldest.map(id),
        oldest_unread: unread.map(id),
        idlers: None,
    }
}

#[test]
fn what_waits_without_progress_stalls_once_and_progress_ends_it() {
    let mut lab = Lab::new();
    let waits = found(10, 0, None, Some(11));
    assert!(lab.for_secs(STALL_SEC, &waits).is_empty());
    assert_eq!(lab.for_secs(STALL_SEC, &waits), [true], "once");
    let turn = lab.see(Seen::There(found(11, 1, Some(11), Some(12))));
    assert!(!turn.expect("told").is_stalled);
    assert_eq!(lab.state(), WorkState::Moving);
}

#[test]
fn a_queue_that_is_empty_or_gets_on_never_stalls() {
    let mut lab = Lab::new();
    assert!(lab.for_secs(5000, &found(10, 0, None, None)).is_empty());
    for nth in 0..1000 {
        // Always something waits, and each look finds the next in hand.
        assert_eq!(
            lab.see(Seen::There(found(
                10 + nth,
                1,
                Some(10 + nth),
                Some(99_999)
            ))),
            None
        );
    }
    for nth in 0..1000 {
        // Nothing new is handed out, and the backlog in hand shrinks.
        let pending = 2000 - nth;
        assert_eq!(
            lab.see(Seen::There(found(5000, pending, Some(7), None))),
            None
        );
    }
}

#[test]
fn what_is_in_hand_and_never_done_stalls_also_when_its_entry_was_deleted() {
    let mut lab = Lab::new();
    lab.for_secs(50, &found(10, 0, None, None));
    assert_eq!(
        lab.for_secs(STALL_SEC + 10, &found(11, 1, Some(11), None)),
        [true]
    );
}

#[test]
fn a_gap_begins_the_time_anew_and_ends_no_stall() {
    let mut lab = Lab::new();
    let waits = found(10, 1, Some(10), None);
    lab.for_secs(STALL_SEC - 20, &waits);
    assert_eq!(lab.see(Seen::Away("no answer".into())), None);
    assert_eq!(lab.state(), WorkState::Unknown);
    assert!(lab.for_secs(STALL_SEC, &waits).is_empty());
    assert_eq!(lab.for_secs(20, &waits), [true]);
    lab.see(Seen::Away("no answer".into()));
    assert!(
        lab.for_secs(100, &waits).is_empty(),
        "neither told again nor ended"
    );
    assert_eq!(lab.state(), WorkState::Stalled);
    assert_eq!(lab.for_secs(5, &found(10, 0, None, None)), [false]);
}

#[test]
fn a_group_that_is_gone_is_unknown_and_tells_nothing() {
    let mut lab = Lab::new();
    lab.for_secs(STALL_SEC * 2, &found(10, 1, Some(10), None));
    assert_eq!(lab.state(), WorkState::Stalled);
    for _ in 0..100 {
        assert_eq!(lab.see(Seen::Gone), None);
    }
    assert_eq!(lab.state(), WorkState::Unknown);
}

#[test]
fn who_was_told_to_rest_is_not_judged() {
    let mut lab = Lab::new();
    let waits = found(10, 1, Some(10), Some(11));
    lab.rests = true;
    assert!(lab.for_secs(STALL_SEC * 3, &waits).is_empty());
    assert_eq!(lab.state(), WorkState::Paused);
    lab.rests = false;
    assert!(
        lab.for_secs(STALL_SEC - 10, &waits).is_empty(),
        "it has all of its time"
    );
    assert_eq!(lab.for_secs(30, &waits), [true]);
}

#[test]
fn a_group_that_is_set_to_another_id_got_on() {
    let mut lab = Lab::new();
    lab.for_secs(STALL_SEC - 20, &found(10, 0, None, Some(11)));
    assert!(
        lab.for_secs(STALL_SEC - 20, &found(0, 0, None, Some(1)))
            .is_empty()
    );
    assert_eq!(lab.for_secs(STALL_SEC, &found(0, 0, None, Some(1))), [true]);
}

#[test]
fn the_next_look_is_when_a_stall_falls_due() {
    let mut lab = Lab::new();
    lab.see(Seen::There(found(10, 0, None, Some(11))));
    let looked = lab.now().mono;
    assert_eq!(
        lab.works.next_look(looked),
        Some(looked + Duration::from_secs(5))
    );
    lab.secs += STALL_SEC - 7;
    lab.see(Seen::There(found(10, 0, None, Some(11))));
    let looked = lab.now().mono;
    assert_eq!(
        lab.works.next_look(looked),
        Some(looked + Duration::from_secs(2))
    );
}
