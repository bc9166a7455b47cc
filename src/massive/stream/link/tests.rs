use proptest::prelude::*;
use proptest::test_runner::Config;

use super::*;

fn link() -> Link {
    let mut link = Link::new(Cluster::Indices);
    link.want(&["I:SPX".to_owned()]);
    link
}

fn status<'s>(status: &'s str, message: &'s str) -> Input<'s> {
    Input::Status { status, message }
}

/// What it does, in short.
fn does(link: &mut Link, input: Input<'_>, now_ms: i64) -> String {
    let actions = link.step(input, now_ms, 7);
    let words = actions.iter().filter_map(|action| match action {
        Action::Connect => Some("connect".to_owned()),
        Action::Authenticate => Some("auth".to_owned()),
        Action::Send(text) => Some(text.clone()),
        Action::Ping => Some("ping".to_owned()),
        Action::Close => Some("close".to_owned()),
        Action::Gap { ms, why } => Some(format!("gap of {ms}: {why}")),
        Action::Prices(_) => None,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A link that is up at 0.
fn up() -> Link {
    let mut link = link();
    assert_eq!(does(&mut link, Input::Tick, 0), "connect");
    assert_eq!(does(&mut link, Input::Opened, 0), "");
    assert_eq!(does(&mut link, status("connected", ""), 0), "auth");
    assert_eq!(
        does(&mut link, status("auth_success", "authenticated"), 0),
        r#"{"action":"subscribe","params":"V.I:SPX,AM.I:SPX"}"#
    );
    link
}

#[test]
fn the_key_goes_out_after_the_greeting_or_three_seconds_without_one() {
    let mut link = link();
    does(&mut link, Input::Tick, 0);
    does(&mut link, Input::Opened, 100);
    assert_eq!(does(&mut link, Input::Tick, 3_099), "");
    assert_eq!(does(&mut link, Input::Tick, 3_100), "auth");
    assert_eq!(does(&mut link, status("connected", ""), 3_200), "", "once");
    assert_eq!(does(&mut link, Input::Tick, 13_099), "");
    assert_eq!(does(&mut link, Input::Tick, 13_100), "close");
    assert_eq!(link.standing().why, "the key was not judged within 10 s");
    assert_eq!(link.standing().down_since, Some(0));
}

#[test]
fn what_the_vendor_confirms_is_known_and_gone_with_the_connection() {
    let mut link = up();
    let said = status("success", "subscribed to: V.I:SPX");
    let actions = link.step(said, 5, 0);
    let source = Source::Channel(crate::massive::frames::Channel::Values);
    assert_eq!(
        actions,
        [Action::Prices(vec![("I:SPX".to_owned(), source)])]
    );
    let standing = link.standing();
    assert_eq!((standing.symbols, standing.priced), (1, 1));
    assert_eq!((standing.word, standing.down_since), (Word::Up, None));
    let lost = Input::Lost {
        code: None,
        why: "it broke",
    };
    does(&mut link, Input::Heard, 400);
    does(&mut link, lost, 1_000);
    assert_eq!(
        (link.standing().priced, link.standing().down_since),
        (0, Some(1_000))
    );
    assert_eq!(does(&mut link, Input::Tick, 2_000), "connect");
    does(&mut link, Input::Opened, 2_000);
    does(&mut link, status("connected", ""), 2_000);
    assert_eq!(
        does(&mut link, status("auth_success", ""), 2_400),
        r#"gap of 2000: it broke {"action":"subscribe","params":"V.I:SPX,AM.I:SPX"}"#
    );
}

#[test]
fn a_ping_goes_out_every_20_s_and_45_s_without_a_word_are_the_end() {
    let mut link = up();
    assert_eq!(
        does(&mut link, Input::Tick, 19_999),
        r#"{"action":"subscribe","params":"A.I:SPX"}"#
    );
    assert_eq!(does(&mut link, Input::Tick, 20_000), "ping");
    does(&mut link, Input::Heard, 30_000);
    assert_eq!(does(&mut link, Input::Tick, 40_000), "ping");
    assert_eq!(does(&mut link, Input::Tick, 74_999), "ping");
    assert_eq!(does(&mut link, Input::Tick, 75_000), "close");
    assert_eq!(link.standing().why, "nothing came for 45 s");
}

#[test]
fn refusals_are_obeyed_for_as_long_as_they_say() {
    for (input, wait_ms, word) in [
        (status("auth_failed", "no"), 3_600_000, Word::KeyRefused),
        (status("max_connections", ""), 60_000, Word::Waiting),
        (
            Input::Lost {
                code: Some(1008),
                why: "policy",
            },
            60_000,
            Word::Waiting,
        ),
    ] {
        let mut link = up();
        does(&mut link, input, 1_000);
        // That the connection ends after that changes nothing.
        does(
            &mut link,
            Input::Lost {
                code: Some(1000),
                why: "closed",
            },
            1_001,
        );
        assert_eq!(link.standing().word, word);
        assert_eq!(does(&mut link, Input::Tick, 1_000 + wait_ms - 1), "");
        assert_eq!(does(&mut link, Input::Tick, 1_000 + wait_ms), "connect");
    }
    // A new key is tried at once.
    let mut link = up();
    does(&mut link, status("auth_failed", ""), 1_000);
    assert_eq!(link.renew(), []);
    assert_eq!(does(&mut link, Input::Tick, 1_001), "connect");
}

#[test]
fn failures_wait_from_half_a_second_to_half_a_minute_for_ever() {
    let mut link = link();
    let (mut now_ms, mut waits) = (0, Vec::new());
    for _ in 0..200 {
        assert_eq!(does(&mut link, Input::Tick, now_ms), "connect");
        does(
            &mut link,
            Input::Lost {
                code: None,
                why: "refused",
            },
            now_ms,
        );
        let wait = link.next_ms() - now_ms;
        waits.push(wait);
        now_ms += wait;
    }
    assert!((250..=500).contains(&waits[0]), "{waits:?}");
    assert!(
        waits[10..]
            .iter()
            .all(|wait| (15_000..=30_000).contains(wait))
    );
    // One that lasted begins anew.
    does(&mut link, Input::Tick, now_ms);
    does(&mut link, Input::Opened, now_ms);
    does(&mut link, status("connected", ""), now_ms);
    does(&mut link, status("auth_success", ""), now_ms);
    does(
        &mut link,
        Input::Lost {
            code: None,
            why: "cut",
        },
        now_ms + LASTED_MS,
    );
    assert!(link.next_ms() - now_ms - LASTED_MS <= 500);
}

#[test]
fn without_symbols_there_is_no_connection() {
    let mut link = up();
    link.want(&[]);
    assert_eq!(does(&mut link, Input::Tick, 10), r#"close"#);
    assert_eq!(link.standing().word, Word::Off);
    assert_eq!(does(&mut link, Input::Tick, 1_000_000), "");
    assert_eq!(link.next_ms(), i64::MAX);
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]
    /// Whatever comes: there is one connection at most, the key goes out once in each and after it stood, nothing is
    /// asked before it was accepted, and no two attempts follow closer than the back-off.
    #[test]
    fn whatever_comes_a_link_keeps_its_rules(steps in prop::collection::vec((0u8..12, 0i64..30_000), 1..200)) {
        let mut link = link();
        let (mut now_ms, mut is_open, mut has_auth, mut is_accepted) = (0_i64, false, false, false);
        let (mut last_attempt, mut attempting) = (i64::MIN / 2, false);
        for (what, wait) in steps {
            let input = match what {
                0..=3 => Input::Tick,
                4 if attempting => Input::Opened,
                5 => Input::Heard,
                6 => status("connected", ""),
                7 => { is_accepted = has_auth; status("auth_success", "") }
                8 => status("auth_failed", ""),
                9 => status("max_connections", ""),
                10 => status("success", "subscribed to: V.I:SPX,T.X,.,V."),
                11 if attempting || is_open => Input::Lost { code: Some(1008 - u16::from(wait % 2 == 0)), why: "x" },
                _ => Input::Tick,
            };
            // Only a connection says anything.
            if matches!(input, Input::Heard | Input::Status { .. }) && !is_open { continue; }
            now_ms += if matches!(input, Input::Tick) { wait } else { 0 };
            if input == Input::Opened { (is_open, attempting) = (true, false); }
            if matches!(input, Input::Lost { .. }) { (is_open, attempting, has_auth, is_accepted) = (false, false, false, false); }
            for action in link.step(input, now_ms, wait.unsigned_abs()) {
                match action {
                    Action::Connect => {
                        prop_assert!(!is_open && !attempting);
                        prop_assert!(now_ms - last_attempt >= 250);
                        (attempting, last_attempt) = (true, now_ms);
                    }
                    Action::Authenticate => {
                        prop_assert!(is_open && !has_auth);
                        has_auth = true;
                    }
                    Action::Send(_) => prop_assert!(is_open && is_accepted),
                    Action::Ping => prop_assert!(is_open),
                    Action::Gap { ms, .. } => prop_assert!(ms >= 0),
                    Action::Close => (is_open, attempting, has_auth, is_accepted) = (false, false, false, false),
                    Action::Prices(_) => {}
                }
            }
            let standing = link.standing();
            prop_assert_eq!(standing.down_since.is_none(), standing.word == Word::Up);
        }
    }
}
