//! What the board shows.

use super::*;
use crate::contract::{AlertKind, BusHealth, Status, WritesRefused};
use crate::swarm_state::{BusRecords, Mark};
use crate::truth::Defaults;

const TRUTH: &str = r#"{"services":{
    "mesh":{"heartbeat":{"interval_sec":10}},
    "healer":{"heartbeat":{"interval_sec":10}},
    "old":{"heartbeat":{"interval_sec":10},"enabled":false}}}"#;

fn board() -> Board {
    let truth = Truth::parse(TRUTH.as_bytes(), Defaults::default()).expect("valid");
    let mut board = Board::default();
    board.adopt(&truth);
    board
}

fn at(secs: f64) -> Moment {
    Moment {
        mono: Mono::from_secs(secs),
        wall_secs: 1_000 + secs as i64,
    }
}

fn beat(board: &mut Board, secs: f64, i: u64, inst: &str) -> Vec<News> {
    let seen = Seen::Beat {
        svc: "mesh".into(),
        i: Some(i),
        inst: Some(inst.into()),
        status: None,
        at: Mono::from_secs(secs),
    };
    board.see(seen, at(secs))
}

fn oversight(healer: Healer) -> Oversight {
    Oversight {
        healer,
        buses: None,
        now_ts: 1_000,
    }
}

fn see(board: &mut Board, oversight: Oversight, status: Option<Status>) -> Vec<News> {
    let health = status.map(|status| Health {
        status,
        as_of_ts: 990,
        ..Health::unknown("mesh")
    });
    let look = Look {
        oversight,
        health: health.into_iter().collect(),
    };
    board.see(Seen::Look(Box::new(look)), at(0.0))
}

fn look(board: &mut Board, healer: Healer, status: Option<Status>) -> Vec<News> {
    see(board, oversight(healer), status)
}

fn texts(news: &[News]) -> Vec<&str> {
    news.iter().map(|news| news.text.as_str()).collect()
}

fn refused(since_ts: i64) -> Healer {
    Healer::Refused(WritesRefused {
        writes_refused: "out of memory".into(),
        since_ts,
        as_of_ts: 1_000,
    })
}

fn states_at(board: &Board, secs: f64) -> Vec<State> {
    let state = |row| board.standing(row, Mono::from_secs(secs)).state;
    board.rows.iter().map(state).collect()
}

fn states(board: &Board) -> Vec<State> {
    states_at(board, 0.0)
}

#[test]
fn without_a_living_healer_nothing_is_shown_as_up() {
    let mut board = board();
    look(&mut board, Healer::Speaks, Some(Status::Up));
    assert_eq!(states(&board), [State::Up, State::Up, State::Off]);
    let news = look(&mut board, Healer::Silent, Some(Status::Up));
    assert!(news[0].text.contains("silent"), "{news:?}");
    assert_eq!(states(&board), [State::Unknown, State::Unknown, State::Off]);
}

#[test]
fn an_alert_changes_the_state_before_the_next_look() {
    let mut board = board();
    look(&mut board, Healer::Speaks, Some(Status::Up));
    let alert = Alert::new(AlertKind::HeartbeatMiss, "mesh", 5);
    let news = board.see(Seen::Alert(Box::new(alert)), at(1.0));
    assert_eq!(news[0].tone, Tone::Bad);
    assert_eq!(states(&board)[0], State::Down);
}

#[test]
fn what_was_heard_while_nothing_can_be_written_is_newer_than_what_was_written() {
    let mut board = board();
    look(&mut board, Healer::Speaks, Some(Status::Up));
    let news = look(&mut board, refused(995), Some(Status::Up));
    assert_eq!(texts(&news), ["writes are refused: out of memory"]);
    assert_eq!(states(&board)[0], State::Unknown);
    let alert = Alert::new(AlertKind::HeartbeatMiss, "mesh", 998);
    board.see(Seen::Alert(Box::new(alert)), at(1.0));
    look(&mut board, refused(995), Some(Status::Up));
    assert_eq!(states(&board)[0], State::Down, "as it was heard");
    let alert = Alert::new(AlertKind::HeartbeatOk, "mesh", 999);
    board.see(Seen::Alert(Box::new(alert)), at(1.0));
    look(&mut board, refused(995), Some(Status::Up));
    assert_eq!(states(&board)[0], State::Up);
    let news = look(&mut board, Healer::Speaks, Some(Status::Down));
    assert_eq!(texts(&news), ["Redis takes writes again"]);
    assert_eq!(
        states(&board)[0],
        State::Down,
        "what is written holds again"
    );
}

#[test]
fn a_bus_that_cannot_be_judged_is_news_once_and_so_is_its_end() {
    let mut board = board();
    let with = |judged, why: &str| {
        let record = BusHealth {
            bus: SYSTEM_BUS.into(),
            judged,
            since_ts: 0,
            reason: (!judged).then(|| why.into()),
            as_of_ts: 1_000,
            services: 1,
            refresh_sec: 60,
        };
        let buses = BusRecords {
            by_name: [(SYSTEM_BUS.into(), record)].into(),
            age: Duration::ZERO,
        };
        Oversight {
            buses: Some(buses),
            ..oversight(Healer::Speaks)
        }
    };
    see(&mut board, with(true, ""), Some(Status::Up));
    let news = see(&mut board, with(false, "no link"), Some(Status::Up));
    assert_eq!(texts(&news), ["system-redis cannot be judged: no link"]);
    assert_eq!(states(&board)[0], State::Unknown);
    let news = see(&mut board, with(false, "an echo took 3 s"), None);
    assert_eq!(texts(&news), [""; 0], "it is the same trouble");
    let news = see(&mut board, with(true, ""), Some(Status::Up));
    assert_eq!(texts(&news), ["system-redis can be judged again"]);
    assert_eq!(states(&board)[0], State::Up);
}

#[test]
fn what_nobody_can_look_at_is_not_shown_as_green() {
    let mut board = board();
    look(&mut board, Healer::Speaks, Some(Status::Up));
    let link = |broken: Option<&str>| Seen::Link {
        bus: SYSTEM_BUS.into(),
        broken: broken.map(|reason| BusError::Reply {
            address: "a".into(),
            reason: reason.into(),
        }),
    };
    board.see(link(Some("hangs")), at(5.0));
    assert_eq!(states_at(&board, 9.0)[0], State::Up);
    let unseen = [State::Unknown, State::Unknown, State::Off];
    assert_eq!(states_at(&board, 11.0), unseen);
    let alert = Alert::new(AlertKind::HeartbeatMiss, "mesh", 998);
    board.see(Seen::Alert(Box::new(alert)), at(12.0));
    assert_eq!(states_at(&board, 13.0)[0], State::Down, "that was told");
    board.see(link(None), at(14.0));
    look(&mut board, Healer::Speaks, Some(Status::Up));
    assert_eq!(states(&board)[0], State::Up);
}

#[test]
fn the_strip_shows_beats_gaps_and_restarts() {
    use Mark::*;
    let mut board = board();
    beat(&mut board, 0.0, 1, "a");
    beat(&mut board, 10.1, 2, "a");
    beat(&mut board, 40.0, 1, "b");
    let row = &board.rows[0];
    assert_eq!(
        row.strip(9, Mono::from_secs(44.0)),
        [Beat, Beat, Missed, Missed, Restart]
    );
    assert_eq!(
        row.strip(3, Mono::from_secs(56.0)),
        [Missed, Restart, Missed]
    );
}

#[test]
fn a_new_truth_keeps_what_is_known() {
    let mut board = board();
    beat(&mut board, 0.0, 7, "a");
    let text = TRUTH.replace("\"old\"", "\"new\"");
    let truth = Truth::parse(text.as_bytes(), Defaults::default()).expect("valid");
    board.see(Seen::Truth(Arc::new(truth)), at(1.0));
    assert_eq!(board.rows[0].i, Some(7));
    assert_eq!(board.rows[2].name, "new");
}
