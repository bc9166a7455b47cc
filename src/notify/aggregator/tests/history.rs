//! Gaps, restarts, dead channels: whatever came between, the next message tells the true state.

use super::*;

#[test]
fn after_a_dead_channel_comes_one_digest_with_what_is_true_first() {
    let mut play = Play::new(Rules::default());
    play.miss("a");
    play.pass(1_000);
    let since = play.now;
    // Nothing is composed while the channel is dead: time passes, alerts come.
    for svc in ["rss_agg", "massive"] {
        play.now += minutes(2);
        play.miss(svc);
        play.now += minutes(3);
        play.ok(svc);
    }
    play.now += minutes(5);
    play.miss("mesh");
    play.now += minutes(1);
    play.ok("a");
    play.now += minutes(45);
    play.compose(Some(since));
    assert_eq!(play.told.len(), 2);
    let text = play.last_text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("DOWN mesh: no beat for 46 min 31 s (limit 30 s)"),
        "{text}"
    );
    assert!(text.contains("UP a after 16 min 32 s"), "{text}");
    assert!(
        text.contains(
            "while this channel was down: rss_agg 14:01–14:05 UTC, massive 14:06–14:10 UTC"
        ),
        "{text}"
    );
}

#[test]
fn a_gap_in_the_log_is_told_with_the_current_state() {
    let mut play = Play::new(Rules::default());
    play.miss("a");
    play.miss("b");
    play.pass(minutes(5));
    play.n += 40;
    let heard = play.hear(play.alert(AlertKind::HeartbeatOk, "b"));
    assert_eq!(heard, Heard::AfterGap);
    let miss = play.alert(AlertKind::HeartbeatMiss, "c");
    let kinds = [AlertKind::HeartbeatMiss];
    play.aggregator.resync(
        play.now,
        &kinds,
        [("a".into(), None), ("c".into(), Some(miss))],
    );
    play.pass(minutes(1));
    let text = play.last_text();
    assert!(text.contains("HISTORY INCOMPLETE: 40 entries"), "{text}");
    assert!(
        text.contains("DOWN c") && text.contains("UP 2 services: b, a"),
        "{text}"
    );
}

#[test]
fn a_log_that_counts_anew_is_heard_and_an_entry_heard_twice_is_not_told_twice() {
    let mut play = Play::new(Rules::default());
    play.n = 1000;
    play.miss("a");
    let (n, at) = (play.n, play.now);
    play.pass(minutes(1));
    let again = LogEntry {
        id: format!("{at}-{n}"),
        n: Some(n),
        at_ms: at,
        alert: play.alert(AlertKind::HeartbeatMiss, "a"),
    };
    assert_eq!(play.aggregator.hear(play.now, again, true), Heard::Known);
    play.n = 0;
    play.ok("a");
    play.pass(minutes(10));
    assert_eq!(play.titles().len(), 2);
    assert!(play.told.iter().all(|(_, t)| t.lost.is_none()));
}

#[test]
fn what_was_told_out_of_band_is_not_told_again_from_the_log() {
    let mut play = Play::new(Rules::default());
    let down = play.alert(AlertKind::BusDown, "system-redis");
    play.aggregator.hear_out_of_band(play.now, down.clone());
    play.pass(10_000);
    play.restart();
    assert_eq!(play.hear(down), Heard::Known);
    play.hear(play.alert(AlertKind::BusUp, "system-redis"));
    play.pass(minutes(10));
    assert_eq!(
        play.titles(),
        [
            "BUS DOWN system-redis: nothing heard for 5 s",
            "BUS UP system-redis after 10 s"
        ]
    );
}

#[test]
fn what_another_teller_knew_is_told_on_even_if_it_was_about_to_look_at_it() {
    let mut play = Play::new(Rules::default());
    let mut before = Aggregator::new(Rules::default(), play.now);
    before.hear_out_of_band(play.now, play.alert(AlertKind::BusDown, "system-redis"));
    assert!(before.compose(play.now + 1_000, None, "m0").is_some());
    before.look_at(play.now, (AlertKind::BusDown, "system-redis".into()));
    play.aggregator.absorb(play.now, before);
    play.pass(minutes(1));
    let mut up = play.alert(AlertKind::BusUp, "system-redis");
    up.id.push_str("-up");
    play.hear(up);
    play.pass(minutes(1));
    assert_eq!(play.titles(), ["BUS UP system-redis after 1 min"]);
}

#[test]
fn a_service_that_truth_names_no_more_is_not_down_for_ever() {
    let mut play = Play::new(Rules::default());
    play.miss("old");
    play.pass(minutes(1));
    play.aggregator.set_world(play.now, [], |svc| svc != "old");
    play.pass(minutes(1));
    assert!(
        play.titles()[1].starts_with("NOT WATCHED ANY MORE old"),
        "{:?}",
        play.titles()
    );
    play.miss("new");
    play.pass(minutes(1));
    assert!(!play.last_text().contains("old"));
}

#[test]
fn the_end_of_an_outage_answers_the_message_about_its_beginning() {
    let mut play = Play::new(Rules::default());
    play.miss("a");
    play.pass(minutes(1));
    play.restart();
    play.ok("a");
    play.pass(minutes(10));
    play.miss("a");
    play.pass(minutes(1));
    let threads: Vec<_> = play.told.iter().map(|(_, t)| t.thread.clone()).collect();
    let first = Thread {
        message_id: "m1".into(),
        subject: "DOWN a: no beat for 31 s (limit 30 s)".into(),
    };
    assert_eq!(threads, [None, Some(first), None]);
}

#[test]
fn a_new_channel_hears_of_what_is_down_and_not_of_old_history() {
    let mut play = Play::new(Rules::default());
    play.aggregator = Aggregator::new(Rules::default(), START + minutes(600));
    for svc in ["gone", "dead"] {
        play.miss(svc);
        play.now += 1_000;
    }
    play.ok("gone");
    play.now = START + minutes(600);
    play.pass(minutes(1));
    assert_eq!(play.titles(), ["DOWN dead: no beat for 10 h (limit 30 s)"]);
}

#[test]
fn a_note_about_another_channel_is_a_line_of_its_own() {
    let mut play = Play::new(Rules::default());
    play.aggregator
        .note(play.now, "CHANNEL email fails: 550 no such user".into());
    play.pass(1_000);
    assert_eq!(play.titles(), ["CHANNEL email fails: 550 no such user"]);
}

#[test]
fn a_restart_at_any_moment_neither_loses_nor_doubles_a_word() {
    for cut in [0, 250, 500, 800, 1_300] {
        let mut play = Play::new(Rules::default());
        play.miss("a");
        play.pass(cut);
        play.restart();
        play.pass(minutes(1));
        play.restart();
        play.ok("a");
        play.pass(cut);
        play.restart();
        play.pass(minutes(1));
        let said: Vec<&str> = Vec::from_iter(["DOWN a", "UP a"]);
        let told = play.titles();
        assert_eq!(told.len(), 2, "cut {cut}: {told:?}");
        assert!(
            told.iter().zip(said).all(|(t, s)| t.starts_with(s)),
            "cut {cut}: {told:?}"
        );
    }
}

#[test]
fn a_service_that_truth_dropped_is_not_told_to_be_down_even_if_it_is_read_of_later() {
    let mut play = Play::with_deps(Rules::default(), &[("old", &["db"])]);
    play.miss("old");
    play.aggregator.forget_service(play.now, "old");
    play.miss("db");
    play.pass(minutes(1));
    assert_eq!(play.titles(), ["DOWN db: no beat for 31 s (limit 30 s)"]);
    assert!(!play.last_text().contains("old"), "{}", play.last_text());
}

#[test]
fn one_that_is_dropped_and_named_again_before_that_is_told_is_not_down_for_ever() {
    let mut play = Play::new(Rules::default());
    play.miss("a");
    play.pass(minutes(1));
    play.aggregator.set_world(play.now, [], |_| false);
    play.aggregator.set_world(play.now, [], |_| true);
    play.pass(minutes(1));
    assert!(play.titles()[1].starts_with("NOT WATCHED ANY MORE a"));
    play.pass(minutes(5));
    play.miss("a");
    play.pass(minutes(1));
    assert!(
        play.titles()[2].starts_with("DOWN a"),
        "{:?}",
        play.titles()
    );
}

#[test]
fn whom_the_log_leaves_flapping_is_not_silenced_for_ever() {
    let mut play = Play::new(Rules::default());
    play.miss("a");
    let mut flapping = play.alert(AlertKind::Flapping, "a");
    (flapping.of, flapping.count) = (Some(AlertKind::HeartbeatMiss), Some(5));
    play.hear(flapping);
    play.pass(minutes(1));
    play.ok("a");
    play.pass(minutes(8));
    assert_eq!(play.told.len(), 1, "{:?}", play.titles());
    play.pass(minutes(2));
    assert_eq!(
        play.titles()[1],
        "STEADY a: up for 9 min, after it was down 5 times"
    );
}
