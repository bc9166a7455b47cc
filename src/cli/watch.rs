//! `marketswarm watch`: beats, alerts and states as they come.

use std::process::ExitCode;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded};
use lexopt::prelude::*;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};

use super::{bad_args, printed};
use crate::bus::{Buses, Commands};
use crate::clock::Mono;
use crate::contract::SYSTEM_BUS;
use crate::env::Env;
use crate::sections::SCHEMAS;
use crate::service::signals_to;
use crate::service::{EVENTS_MAX, Error, is_reader_gone, stream};
use crate::swarm_state::locator;
use crate::swarm_state::{Board, Moment, Poller, PollerSettings, READER_LIMITS, Seen, Tells, Tone};
use crate::terminal::{self, Head, Screen};

const HELP: &str = "\
marketswarm watch: beats, alerts and states as they come, until Ctrl-C

usage: marketswarm watch [--plain]

  --plain   a line per event, also on a terminal
";

/// Alerts of before that are shown first.
const PAST: usize = 20;

/// What happens to the command.
enum Event {
    Signal(i32),
    Seen(Seen),
}

impl From<Seen> for Event {
    fn from(seen: Seen) -> Event {
        Event::Seen(seen)
    }
}

/// Runs the command.
pub(super) fn run(mut args: lexopt::Parser, env: Env) -> Result<ExitCode, Error> {
    let bad = |e| bad_args("watch", e);
    let mut plain = false;
    while let Some(arg) = args.next().map_err(bad)? {
        match arg {
            Long("plain") => plain = true,
            Long("help") | Short('h') => return printed(HELP),
            other => return Err(bad(other.unexpected())),
        }
    }
    let env = locator::with_buses(&env)?;
    let address = Buses::from_env(&env)?.system();
    // A bus that is not there now is an error; one that goes away later is news.
    Commands::new(address.clone(), "marketswarm:watch", READER_LIMITS).ping()?;

    let (sender, events) = bounded(EVENTS_MAX);
    let screen = (!plain && terminal::is_screen()).then(Screen::open);
    let mut wanted = vec![SIGINT, SIGTERM, SIGHUP];
    if screen.is_some() {
        wanted.extend([SIGCONT, SIGWINCH, SIGTSTP]);
    }
    signals_to(sender.clone(), &wanted, |received| {
        Event::Signal(received.signal)
    })?;
    let mut board = Board::default();
    if screen.is_none() {
        board.tells = Tells::Beats;
    }
    let settings = PollerSettings::from_env(&env, SCHEMAS, PAST)?;
    let poller = Poller::start(settings, sender)?;
    let head = Head {
        title: vec![
            (Tone::Head, "MarketSwarm".into()),
            (Tone::Plain, format!("   {SYSTEM_BUS} at {address}")),
        ],
        warnings: Vec::new(),
        foot: "Ctrl-C ends the watch; the swarm runs on".into(),
    };
    loop {
        let deadline = Mono::now() + Duration::from_secs(1);
        match events.recv_deadline(deadline.instant()) {
            Ok(Event::Seen(seen)) => {
                for news in board.see(seen, Moment::now()) {
                    if screen.is_none() {
                        stream(&terminal::line(&news))?;
                    }
                }
            }
            Ok(Event::Signal(SIGINT | SIGTERM | SIGHUP)) => break,
            Ok(Event::Signal(signal)) => {
                if let Some(screen) = &screen {
                    screen.obey(signal);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if screen.is_none() && is_reader_gone() {
            break;
        }
        if let Some(screen) = &screen
            && events.is_empty()
        {
            let now = Moment::now();
            screen.draw(&terminal::frame(&board, &head, screen.size(), now));
        }
    }
    drop(screen);
    drop(poller);
    Ok(ExitCode::SUCCESS)
}
