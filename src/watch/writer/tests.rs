//! The writer, step by step: what it asks, and what it makes of each answer.

use std::time::Duration;

use super::command::{Command, Meeting, Reply};
use super::{Input, Writer};
use crate::bus::BusError;
use crate::bus::lease::{Answer, Answered};
use crate::clock::{Mono, Now};
use crate::contract::{Alert, AlertKind, Health, Status};
use crate::watch::alert_encoder::AlertEncoder;
use crate::watch::alert_store::{AlertEntry, Told};

/// A writer, and what it did besides asking.
struct Played {
    writer: Writer,
    now: Now,
    done: Vec<Command>,
}

/// What the store is like.
#[derive(Clone, Copy, PartialEq)]
enum Store {
    Free,
    Anothers,
    Gone,
    Full,
}

fn gone() -> BusError {
    BusError::Unreachable {
        address: "bus".into(),
        reason: "gone".into(),
    }
}

fn full() -> BusError {
    BusError::OutOfMemory {
        address: "bus".into(),
    }
}

fn entry(id: &str) -> AlertEntry {
    let mut alert = Alert::new(AlertKind::HeartbeatMiss, "a", 1);
    alert.id = id.into();
    AlertEntry {
        previous: String::new(),
        alert,
        health: Health {
            svc: "a".into(),
            bus: None,
            status: Status::Down,
            since_ts: 1,
            last_seen_ts: None,
            as_of_ts: 1,
            last_i: None,
            timeout_sec: 1.0,
            misses: 0,
            restarts: 0,
            reason: None,
            beat_status: None,
            flapping: Vec::new(),
            alert: None,
        },
        published: false,
        told: false,
    }
}

impl Played {
    fn new() -> Played {
        let now = Now {
            mono: Mono::from_secs(10.0),
            wall_secs: 1000,
        };
        let mut played = Played {
            writer: Writer::new(AlertEncoder::of_healer("me", "host", None), now),
            now,
            done: Vec::new(),
        };
        let watched = played.writer.step(Input::Watched { is_new: true }, now);
        assert!(watched.iter().all(|command| !command.is_question()));
        played
    }

    /// Lets time pass, on a store of that kind, which tells each entry of `decided` that `answer` knows.
    fn play(&mut self, secs: f64, store: Store, decided: &mut Vec<AlertEntry>) {
        let end = self.now.mono + Duration::from_secs_f64(secs);
        while self.now.mono < end {
            self.turn(Input::Tick, store, decided);
            let wake = self
                .writer
                .wake()
                .max(self.now.mono + Duration::from_millis(1));
            self.now.mono = wake;
        }
    }

    fn turn(&mut self, input: Input, store: Store, decided: &mut Vec<AlertEntry>) {
        let mut commands = self.writer.step(input, self.now);
        for _ in 0..1000 {
            let question = commands.pop_if(|command| command.is_question());
            self.done.append(&mut commands);
            let Some(question) = question else {
                return;
            };
            let reply = self.reply(question, store, decided);
            commands = self.writer.step(Input::Reply(Box::new(reply)), self.now);
        }
        panic!("a turn that does not end");
    }

    fn reply(&mut self, question: Command, store: Store, decided: &mut Vec<AlertEntry>) -> Reply {
        let written = match store {
            Store::Free => Ok(Told::Done { n: 1 }),
            Store::Anothers => Ok(Told::Fenced),
            Store::Gone => Err(gone()),
            Store::Full => Ok(Told::Refused(full())),
        };
        let plainly = match store {
            Store::Gone => Err(gone()),
            Store::Full => Err(full()),
            store => Ok(store == Store::Free),
        };
        let read = match store {
            Store::Gone => Err(gone()),
            _ => Ok(()),
        };
        let answer = match store {
            Store::Anothers => Answer::Others {
                holder: "another".into(),
                left_ms: 5000,
            },
            _ if self.writer.is_speaking() => Answer::Kept,
            _ => Answer::Taken,
        };
        match question {
            Command::Ping => Reply::Pong(read.is_ok()),
            Command::AskLease(_) => Reply::Lease(read.map(|()| Answered {
                answer,
                refused: None,
            })),
            Command::Records(_) => Reply::Records(read),
            Command::Collect => Reply::Collected {
                entries: std::mem::take(decided),
                silent: Vec::new(),
            },
            Command::Tell { count } => {
                let told = (0..count).map(|_| written.clone());
                self.done.push(Command::Tell { count });
                Reply::Told(told.collect())
            }
            Command::Note { .. } => Reply::Noted(written),
            Command::Publish(alerts) => {
                self.done.push(Command::Publish(alerts));
                Reply::Published(read)
            }
            Command::Refresh(_) => Reply::Refreshed(plainly),
            Command::Forget(names) => {
                self.done.push(Command::Forget(names));
                Reply::Forgotten(plainly)
            }
            Command::Census => Reply::Census(Default::default()),
            Command::Snapshots(left) => Reply::Snapshots {
                snapshots: Vec::new(),
                left,
                turns: 0,
            },
            Command::Buses => Reply::Buses {
                found: Vec::new(),
                slots: 0,
            },
            Command::SetBuses(_) => Reply::BusesSet(written),
            Command::SetJudged { .. } => Reply::Judged(written),
            Command::CheckRights => Reply::Rights(read),
            Command::Explain(error) => Reply::Explained(error),
            other => panic!("not in these tests: {other:?}"),
        }
    }

    fn count(&self, of: impl Fn(&Command) -> bool) -> usize {
        self.done.iter().filter(|command| of(command)).count()
    }
}

fn is_told(command: &Command) -> bool {
    matches!(command, Command::TellPeople(alert) if alert.kind == AlertKind::HeartbeatMiss)
}

fn is_published(command: &Command) -> bool {
    let is_miss = |alert: &Alert| alert.kind == AlertKind::HeartbeatMiss;
    matches!(command, Command::Publish(alerts) if alerts.iter().any(is_miss))
}

#[test]
fn what_got_no_answer_is_offered_again_until_the_store_has_it() {
    let mut played = Played::new();
    played.play(2.0, Store::Free, &mut Vec::new());
    assert!(played.writer.is_speaking());
    let mut decided = vec![entry("me-1")];
    played.turn(Input::News, Store::Gone, &mut decided);
    assert_eq!((decided.len(), played.writer.owed(10).len()), (0, 1));
    played.play(3.0, Store::Gone, &mut decided);
    assert_eq!(played.writer.owed(10).len(), 1);
    played.play(2.0, Store::Free, &mut decided);
    assert!(played.writer.owed(10).is_empty());
    assert_eq!(played.count(is_told), 0, "the log has it");
}

#[test]
fn people_are_told_past_a_store_that_is_away_for_long_and_once() {
    let mut played = Played::new();
    played.play(2.0, Store::Free, &mut Vec::new());
    played.play(5.0, Store::Gone, &mut vec![entry("me-1")]);
    assert_eq!(played.count(is_told), 0);
    played.play(10.0, Store::Gone, &mut vec![entry("me-2")]);
    assert_eq!(played.count(is_told), 1);
    assert_eq!(played.count(is_published), 0);
}

#[test]
fn what_is_refused_is_told_and_published_once_and_written_later() {
    let mut played = Played::new();
    played.play(2.0, Store::Free, &mut Vec::new());
    let mut decided = vec![entry("me-1")];
    played.play(5.0, Store::Full, &mut decided);
    assert_eq!((played.count(is_told), played.count(is_published)), (1, 1));
    let is_readonly = |command: &Command| matches!(command, Command::TellPeople(alert) if alert.kind == AlertKind::BusReadonly);
    assert_eq!(played.count(is_readonly), 1);
    let is_over = |command: &Command| matches!(command, Command::TellWords(_));
    played.play(4.0, Store::Free, &mut decided);
    assert!(played.writer.owed(10).is_empty());
    assert_eq!(played.count(is_over), 0, "not sure yet");
    played.play(4.0, Store::Free, &mut decided);
    assert_eq!(played.count(is_over), 1);
    assert_eq!((played.count(is_told), played.count(is_published)), (1, 1));
}

#[test]
fn a_write_that_is_fenced_ends_speaking_and_all_that_is_owed() {
    let mut played = Played::new();
    played.play(2.0, Store::Free, &mut Vec::new());
    played.turn(Input::News, Store::Anothers, &mut vec![entry("me-1")]);
    assert!(!played.writer.is_speaking());
    assert!(played.writer.owed(10).is_empty());
    assert_eq!(played.count(|c| matches!(c, Command::FallSilent)), 1);
    played.play(3.0, Store::Anothers, &mut vec![entry("me-2")]);
    assert_eq!(played.count(|c| matches!(c, Command::Tell { .. })), 1);
    assert_eq!(played.count(|c| matches!(c, Command::StandBy)), 1);
}

#[test]
fn who_comes_back_before_it_was_forgotten_keeps_its_record() {
    let mut played = Played::new();
    played.play(2.0, Store::Free, &mut Vec::new());
    let now = played.now;
    let names = |names: &[&str]| names.iter().map(|&name| name.into()).collect();
    played.writer.step(Input::Forget(names(&["a", "b"])), now);
    let meeting = Meeting {
        watch: 1,
        names: names(&["a"]),
        are_named_anew: true,
    };
    played.writer.step(Input::Met(meeting), now);
    played.play(1.0, Store::Free, &mut Vec::new());
    let forgotten: Vec<_> = played
        .done
        .iter()
        .filter_map(|command| match command {
            Command::Forget(names) => Some(names.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(forgotten, [[Box::from("b")]]);
}

#[test]
fn whom_truth_drops_while_it_stands_by_is_forgotten_when_it_speaks_unless_a_new_bus_may_have_it() {
    for is_new in [false, true] {
        let mut played = Played::new();
        played.play(2.0, Store::Anothers, &mut Vec::new());
        let now = played.now;
        let dropped = Input::Forget(vec!["b".into()]);
        assert!(played.writer.step(dropped, now).is_empty(), "it stands by");
        played.writer.step(Input::Watched { is_new }, now);
        played.play(20.0, Store::Anothers, &mut Vec::new());
        played.play(20.0, Store::Free, &mut Vec::new());
        let forgets = played.count(|c| matches!(c, Command::Forget(_)));
        assert_eq!(forgets, usize::from(!is_new), "a new bus: {is_new}");
    }
}

#[test]
fn what_is_judged_while_the_records_of_buses_are_written_is_told_before_the_rest_of_upkeep() {
    let mut played = Played::new();
    let mut commands = Vec::new();
    for _ in 0..100 {
        let now = played.now;
        let Some(question) = commands.pop() else {
            commands = played.writer.step(Input::Tick, now);
            played.now.mono = now.mono + Duration::from_millis(100);
            continue;
        };
        if matches!(question, Command::SetBuses(_)) {
            let meanwhile = played.writer.step(Input::News, now);
            assert!(
                meanwhile.is_empty(),
                "one question at a time: {meanwhile:?}"
            );
            let reply = Reply::BusesSet(Ok(Told::Done { n: 1 }));
            let next = played.writer.step(Input::Reply(Box::new(reply)), now);
            assert!(matches!(next.last(), Some(Command::Collect)), "{next:?}");
            return;
        }
        commands = match question.is_question() {
            true => {
                let reply = played.reply(question, Store::Free, &mut Vec::new());
                played.writer.step(Input::Reply(Box::new(reply)), now)
            }
            false => commands,
        };
    }
    panic!("it never writes the records of buses");
}

#[test]
fn over_a_far_bus_the_lease_is_renewed_in_the_middle_of_a_long_turn() {
    const TRIP: Duration = Duration::from_secs(1);
    let mut played = Played::new();
    played.play(2.0, Store::Free, &mut Vec::new());
    for n in 0..20 {
        let mut alert = Alert::new(AlertKind::BusDown, "bus", 1);
        alert.id = format!("me-{n}");
        played.turn(Input::Note(Box::new(alert)), Store::Free, &mut Vec::new());
        let dropped = Input::Forget(vec![format!("gone-{n}").into()]);
        played.turn(dropped, Store::Free, &mut Vec::new());
    }
    let (mut renewed, mut noted) = (played.now.mono, 0);
    let mut commands = Vec::new();
    for _ in 0..200 {
        let Some(question) = commands.pop_if(|command: &mut Command| command.is_question()) else {
            played.now.mono = played.writer.wake().max(played.now.mono);
            commands = played.writer.step(Input::Tick, played.now);
            continue;
        };
        if let Command::AskLease(_) = question {
            let since = played.now.mono.since(renewed);
            assert!(since <= 4 * TRIP, "the lease was left alone for {since:?}");
            renewed = played.now.mono;
        }
        noted += usize::from(matches!(question, Command::Note { .. }));
        let is_asked = !matches!(
            question,
            Command::Collect | Command::Census | Command::Snapshots(_) | Command::Buses
        );
        if is_asked {
            played.now.mono = played.now.mono + TRIP;
        }
        let reply = played.reply(question, Store::Free, &mut Vec::new());
        commands = played
            .writer
            .step(Input::Reply(Box::new(reply)), played.now);
    }
    assert_eq!(noted, 20);
    assert!(played.writer.is_speaking());
}

#[test]
fn one_that_stands_by_leaves_the_lease_to_whoever_spoke_before_an_outage() {
    let mut played = Played::new();
    played.play(2.0, Store::Anothers, &mut Vec::new());
    played.play(3.0, Store::Gone, &mut Vec::new());
    played.play(5.5, Store::Free, &mut Vec::new());
    assert!(!played.writer.is_speaking());
    played.play(5.0, Store::Free, &mut Vec::new());
    assert!(played.writer.is_speaking());
}
