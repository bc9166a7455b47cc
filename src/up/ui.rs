//! What the user sees of the running swarm: the live screen, or a line per event.

use std::time::Duration;

use super::process_supervisor::State;
use crate::clock::Mono;
use crate::service::print;
use crate::swarm_state::{Board, Moment, News, Tone};
use crate::terminal::{self, Head, Screen};

/// From one drawing to the next, at least.
const DRAW_PERIOD: Duration = Duration::from_millis(100);
/// Likewise at most: ages go on while nothing happens.
const AGE_PERIOD: Duration = Duration::from_secs(1);

/// The screen, if there is one.
pub(super) struct Ui {
    screen: Option<Screen>,
    drawn: Mono,
    /// Something happened that was not drawn yet.
    is_stale: bool,
}

impl Ui {
    /// Takes the terminal, unless lines are wanted or must do.
    pub(super) fn open(plain: bool) -> Ui {
        Ui {
            screen: (!plain && terminal::is_screen()).then(Screen::open),
            drawn: Mono(0),
            is_stale: true,
        }
    }

    pub(super) fn is_screen(&self) -> bool {
        self.screen.is_some()
    }

    /// Gives the terminal back: lines from now on.
    pub(super) fn close(&mut self) {
        self.screen = None;
    }

    pub(super) fn obey(&self, signal: i32) {
        if let Some(screen) = &self.screen {
            screen.obey(signal);
        }
    }

    /// When it wants to be drawn, though nothing happens.
    pub(super) fn next(&self, now: Mono) -> Option<Mono> {
        let period = if self.is_stale {
            DRAW_PERIOD
        } else {
            AGE_PERIOD
        };
        self.screen.as_ref().map(|_| now + period)
    }

    /// Whether it is time to draw; if not, that is remembered.
    pub(super) fn is_due(&mut self, now: Mono) -> bool {
        self.is_stale = self.is_screen() && now.since(self.drawn) < DRAW_PERIOD;
        self.is_screen() && !self.is_stale
    }

    pub(super) fn draw(&mut self, board: &Board, head: &Head, now: Moment) {
        if let Some(screen) = &self.screen {
            self.drawn = now.mono;
            screen.draw(&terminal::frame(board, head, screen.size(), now));
        }
    }

    /// Where there is no screen that shows them, news are lines.
    pub(super) fn print(&self, news: &News) {
        if self.screen.is_none() {
            // A full disk under its output is no reason to end a swarm.
            let _ = print(&terminal::line(news));
        }
    }
}

/// What there is to say about a process beside what its service says.
pub(super) fn process_note(state: State, ending: &str, stopped: bool, now: Mono) -> String {
    match state {
        State::Due(at) if !ending.is_empty() => {
            let secs = at.since(now).as_secs_f64().ceil();
            format!("{ending}; again in {secs:.0} s")
        }
        State::Held => format!("{ending}; held down"),
        State::Over => ending.to_owned(),
        State::Running { .. } if stopped => "stopped (SIGSTOP)".into(),
        State::Idle | State::Due(_) | State::Running { .. } => String::new(),
    }
}

/// What becomes of a process that ended; `over`: everything ends because of it.
pub(super) fn what_next(state: State, over: bool, now: Mono) -> String {
    match state {
        State::Due(at) => {
            let tenths = (at.since(now).as_secs_f64() * 10.0).round();
            format!("; starting it again in {} s", tenths / 10.0)
        }
        State::Held => "; held down until it is released".into(),
        _ if over => String::new(),
        State::Over | State::Idle | State::Running { .. } => {
            "; it stays dead (--no-restart)".into()
        }
    }
}

/// A bus in the title: its name, its port, and what is wrong with it.
pub(super) fn bus_title(name: &str, port: u16, state: State, stopped: bool) -> [(Tone, String); 2] {
    let trouble = match state {
        State::Running { ready: true, .. } if stopped => Some("stopped"),
        State::Running { ready: true, .. } => None,
        State::Running { ready: false, .. } => Some("starting"),
        State::Idle | State::Due(_) | State::Held | State::Over => Some("down"),
    };
    let sign = match trouble {
        None => (Tone::Good, "●".to_owned()),
        Some(trouble) => (Tone::Bad, format!("✖ {trouble}")),
    };
    [(Tone::Plain, format!("   {name} :{port} ")), sign]
}
