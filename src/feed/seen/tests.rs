//! What the marks promise.

use super::*;

const DAY: i64 = 86_400;

fn item(name: &str) -> Identity {
    Identity {
        uid: Key::of(&[name]),
        link: Some(Key::of(&["link", name])),
        link_title: Some(Key::of(&["title", name])),
        has_guid: false,
        link_is_shared: false,
        text: Key::of(&["text", name]),
    }
}

fn complete(now_ts: i64) -> Poll {
    Poll {
        now_ts,
        complete: true,
        first_items: None,
    }
}

fn old_news(_: usize) -> Candidate {
    Candidate {
        published_ts: 0,
        dropped: false,
    }
}

fn poll(seen: &mut Seen, items: &[Identity], poll: Poll) -> Vec<Verdict> {
    let plan = seen.plan(items, poll, old_news);
    seen.apply(&plan);
    plan.verdicts
}

const NEW: Verdict = Verdict::New { queue: true };

#[test]
fn an_item_is_new_once() {
    let mut seen = Seen::default();
    assert_eq!(
        poll(&mut seen, &[item("a"), item("a")], complete(0)),
        [NEW, Verdict::Known { uid: item("a").uid }]
    );
    assert_eq!(
        poll(&mut seen, &[item("a")], complete(1)),
        [Verdict::Known { uid: item("a").uid }]
    );
}

/// An item with a guid, in a feed all of whose items lead to one page.
fn of_one_page(guid: &str, title: &str) -> Identity {
    Identity {
        uid: Key::of(&["guid", guid]),
        link: Some(Key::of(&["page"])),
        link_title: Some(Key::of(&["page", title])),
        has_guid: true,
        ..item(title)
    }
}

#[test]
fn a_new_guid_with_the_same_link_and_title_is_known() {
    let mut seen = Seen::default();
    let (old, anew) = (of_one_page("1", "a"), of_one_page("2", "a"));
    poll(&mut seen, &[old], complete(0));
    assert_eq!(
        poll(&mut seen, &[anew], complete(1)),
        [Verdict::Known { uid: old.uid }]
    );
}

#[test]
fn a_new_guid_with_a_new_title_is_new_though_its_link_is_known() {
    let mut seen = Seen::default();
    let [one, two, three] = ["1", "2", "3"].map(|n| of_one_page(n, n));
    assert_eq!(poll(&mut seen, &[one], complete(0)), [NEW]);
    assert_eq!(poll(&mut seen, &[two], complete(1)), [NEW]);
    assert_eq!(
        poll(&mut seen, &[three, two], complete(2)),
        [NEW, Verdict::Known { uid: two.uid }]
    );
}

#[test]
fn two_guids_in_one_document_are_two_items_whatever_they_are_called() {
    let mut seen = Seen::default();
    let [one, two, three] = ["1", "2", "3"].map(|n| of_one_page(n, "halted"));
    assert_eq!(poll(&mut seen, &[one, two], complete(0)), [NEW, NEW]);
    assert_eq!(
        poll(&mut seen, &[three, two], complete(1))[1],
        Verdict::Known { uid: two.uid }
    );
}

#[test]
fn a_known_link_without_a_guid_is_known_under_any_title() {
    let mut seen = Seen::default();
    poll(&mut seen, &[of_one_page("1", "a")], complete(0));
    let renamed = Identity {
        has_guid: false,
        ..of_one_page("2", "b")
    };
    assert!(!matches!(
        poll(&mut seen, &[renamed], complete(1))[0],
        Verdict::New { .. }
    ));
}

#[test]
fn a_changed_text_is_an_update_once_and_never_new() {
    let mut seen = Seen::default();
    poll(&mut seen, &[item("a")], complete(0));
    let edited = Identity {
        text: Key::of(&["edited"]),
        ..item("a")
    };
    assert_eq!(
        poll(&mut seen, &[edited], complete(1)),
        [Verdict::Updated { uid: item("a").uid }]
    );
    assert_eq!(
        poll(&mut seen, &[edited], complete(2)),
        [Verdict::Known { uid: item("a").uid }]
    );
}

#[test]
fn items_that_share_a_link_do_not_hide_each_other() {
    let mut seen = Seen::default();
    let one = Identity {
        link: Some(Key::of(&["home"])),
        ..item("a")
    };
    poll(&mut seen, &[one], complete(0));
    let shared = |identity| Identity {
        link: Some(Key::of(&["home"])),
        link_is_shared: true,
        ..identity
    };
    assert_eq!(
        poll(
            &mut seen,
            &[shared(item("b")), shared(item("a"))],
            complete(1)
        ),
        [NEW, Verdict::Known { uid: item("a").uid }]
    );
}

#[test]
fn a_first_poll_queues_the_newest_and_marks_the_rest() {
    let items = ["a", "b", "c", "d"].map(item);
    let first = Poll {
        first_items: Some(2),
        ..complete(0)
    };
    let plan = Seen::default().plan(&items, first, |at| Candidate {
        published_ts: [5, 9, 9, 1][at],
        dropped: at == 1,
    });
    let marked = Verdict::New { queue: false };
    assert_eq!(plan.verdicts, [NEW, Verdict::Dropped, NEW, marked]);
    assert_eq!(plan.put.len(), 4);
}

#[test]
fn a_mark_goes_seven_days_after_the_last_complete_parse_that_listed_its_item() {
    let mut seen = Seen::default();
    let others = [item("b")];
    poll(&mut seen, &[item("a"), item("b")], complete(0));
    for day in 1..7 {
        poll(&mut seen, &others, complete(day * DAY));
    }
    assert_eq!(seen.len(), 2);
    poll(&mut seen, &others, complete(7 * DAY));
    assert_eq!(seen.len(), 1);
    assert_eq!(poll(&mut seen, &[item("a")], complete(7 * DAY + 1)), [NEW]);
}

#[test]
fn downtime_errors_and_truncated_documents_age_nothing() {
    let mut seen = Seen::default();
    poll(&mut seen, &[item("a"), item("b")], complete(0));
    // A month without a complete parse, then one without the item.
    for day in 1..30 {
        poll(
            &mut seen,
            &[item("b")],
            Poll {
                complete: false,
                ..complete(day * DAY)
            },
        );
    }
    poll(&mut seen, &[item("b")], complete(30 * DAY));
    assert_eq!(
        poll(&mut seen, &[item("a"), item("b")], complete(31 * DAY))[0],
        Verdict::Known { uid: item("a").uid }
    );
}

#[test]
fn an_item_that_comes_back_starts_its_absence_anew() {
    let mut seen = Seen::default();
    poll(&mut seen, &[item("a"), item("b")], complete(0));
    for day in 1..40 {
        let both = [item("b"), item("a")];
        let listed = if day % 5 == 0 { &both[..] } else { &both[..1] };
        let verdicts = poll(&mut seen, listed, complete(day * DAY));
        assert!(!verdicts.contains(&NEW), "day {day}");
    }
}

#[test]
fn marks_are_limited_and_the_longest_absent_go_first() {
    let mut seen = Seen::default();
    for round in 0..30 {
        let items: Vec<Identity> = (0..100).map(|n| item(&format!("{round} {n}"))).collect();
        poll(&mut seen, &items, complete(round));
    }
    assert_eq!(seen.len(), MARKS_MIN);
    let recent: Vec<Identity> = (0..100).map(|n| item(&format!("29 {n}"))).collect();
    assert!(!poll(&mut seen, &recent, complete(31)).contains(&NEW));
    let many: Vec<Identity> = (0..500).map(|n| item(&format!("many {n}"))).collect();
    poll(&mut seen, &many, complete(32));
    assert_eq!(seen.len(), MARKS_PER_LISTED * 500);
}

#[test]
fn a_truncated_document_drives_no_mark_out() {
    let mut seen = Seen::default();
    let items: Vec<Identity> = (0..1_500).map(|n| item(&n.to_string())).collect();
    poll(&mut seen, &items, complete(0));
    poll(
        &mut seen,
        &items[..10],
        Poll {
            complete: false,
            ..complete(1)
        },
    );
    assert!(!poll(&mut seen, &items, complete(2)).contains(&NEW));
}
