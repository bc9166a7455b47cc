//! What the board shows.

use super::super::row::Mark;
use super::*;
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

fn look(board: &mut Board, healer_lives: bool, status: Option<Status>) -> Vec<News> {
    let health = status.map(|status| Health {
        svc: "mesh".into(),
        status,
        since_ts: 0,
        last_seen_ts: None,
        as_of_ts: 0,
        last_i: None,
        timeout_sec: 30.0,
        misses: 0,
        restarts: 0,
        alert: None,
        flapping: Vec::new(),
        reason: None,
    });
    let look = Look {
        healer_lives,
        health: health.into_iter().collect(),
    };
    board.see(Seen::Look(Box::new(look)), at(0.0))
}

fn states(board: &Board) -> Vec<State> {
    board.rows.iter().map(|row| board.state(row)).collect()
}

#[test]
fn without_a_living_healer_nothing_is_shown_as_up() {
    let mut board = board();
    look(&mut board, true, Some(Status::Up));
    assert_eq!(states(&board), [State::Up, State::Up, State::Off]);
    let news = look(&mut board, false, Some(Status::Up));
    assert!(news[0].text.contains("silent"), "{news:?}");
    assert_eq!(states(&board), [State::Unknown, State::Unknown, State::Off]);
}

#[test]
fn an_alert_changes_the_state_before_the_next_look() {
    let mut board = board();
    look(&mut board, true, Some(Status::Up));
    let alert = Alert::new(AlertKind::HeartbeatMiss, "mesh", 5);
    let news = board.see(Seen::Alert(Box::new(alert)), at(1.0));
    assert_eq!(news[0].tone, Tone::Bad);
    assert_eq!(states(&board)[0], State::Down);
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
