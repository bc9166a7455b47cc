//! `marketswarm status`: one table of all services of truth.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::*;
use redis::streams::StreamInfoGroupsReply;
use serde_json::{Value as Json, json};

use super::view::{Board, Look, Moment, Seen, State};
use super::{NOBODY_IS_TOLD, bad_args, place, print, printed};
use crate::bus::{Address, BusError, Commands, Limits};
use crate::clock::human;
use crate::contract::{ALERT_LOG, HEALER_LEASE, Health, TRUTH_KEY, health_key, holder_key};
use crate::notify::{self, Role};
use crate::service::{self, Document, Env, Error, TruthSource};
use crate::truth::Truth;

const HELP: &str = "\
marketswarm status: one table of all services of truth

usage: marketswarm status [--json]

exit codes: 0 all are up, 1 at least one is not (or the healer is silent, so that nobody knows),
            2 no usable truth, 3 the bus cannot be reached
";

/// Health snapshots in one command.
const MGET_MAX: usize = 1000;

/// Runs the command.
pub(super) fn run(mut args: lexopt::Parser, env: Env) -> Result<ExitCode, Error> {
    let bad = |e| bad_args("status", e);
    let mut as_json = false;
    while let Some(arg) = args.next().map_err(bad)? {
        match arg {
            Long("json") => as_json = true,
            Long("help") | Short('h') => return printed(HELP),
            other => return Err(bad(other.unexpected())),
        }
    }
    let env = place::with_buses(&env)?;
    let found = Findings::gather(&env)?;
    print(&if as_json {
        format!("{:#}\n", found.json())
    } else {
        found.table()
    });
    Ok(ExitCode::from(u8::from(!found.all_up())))
}

/// One service, as judged.
struct Line {
    name: String,
    state: State,
    timeout: Duration,
    health: Option<Health>,
}

struct Findings {
    lines: Vec<Line>,
    healer_lives: bool,
    somebody_is_told: bool,
    address: Address,
    now: Moment,
}

impl Findings {
    fn gather(env: &Env) -> Result<Findings, Error> {
        let address = env.buses()?.system();
        let truth = find_truth(env)?;
        let mut commands = Commands::new(address.clone(), "marketswarm:status", Limits::default());
        let healer_lives = commands.query(redis::cmd("EXISTS").arg(HEALER_LEASE))?;
        let health = read_health(&mut commands, &truth)?;
        let somebody_is_told = match healer_lives {
            true => has_voice(&mut commands)?,
            // Nobody is, as long as it is silent; what it would do then is not known here.
            false => notify::channels_configured(env, &truth) || has_voice(&mut commands)?,
        };

        let now = Moment::now();
        let mut board = Board::default();
        board.adopt(&truth);
        let look = Look {
            healer_lives,
            health: health.iter().flatten().cloned().collect(),
        };
        board.see(Seen::Look(Box::new(look)), now);
        let lines = board.rows.iter().zip(health);
        let lines = lines.map(|(row, health)| Line {
            name: row.name.clone(),
            state: board.state(row),
            timeout: row.timeout,
            health,
        });
        Ok(Findings {
            lines: lines.collect(),
            healer_lives,
            somebody_is_told,
            address,
            now,
        })
    }

    fn all_up(&self) -> bool {
        let watched = |line: &&Line| line.state != State::Off;
        let mut lines = self.lines.iter().filter(watched);
        self.healer_lives && lines.all(|line| line.state == State::Up)
    }

    fn warnings(&self) -> Vec<&'static str> {
        let mut warnings = Vec::new();
        if !self.healer_lives {
            warnings.push("the healer is silent: nothing is judged, all states are unknown");
        }
        if !self.somebody_is_told {
            warnings.push(NOBODY_IS_TOLD);
        }
        warnings
    }

    fn table(&self) -> String {
        let width = self.lines.iter().map(|line| line.name.len()).max();
        let width = width.unwrap_or(0).max("SERVICE".len());
        let mut out = format!(
            "{:<width$}  {:<8}  {:>12}  {:>8}  {:>6}  {:>8}  WHY\n",
            "SERVICE", "STATE", "FOR", "TIMEOUT", "MISSES", "RESTARTS"
        );
        for line in &self.lines {
            // What an absent healer wrote is yesterday's.
            let health = line.health.as_ref().filter(|_| self.healer_lives);
            let lasted = health.map(|h| self.since(h.since_ts));
            let row = format!(
                "{:<width$}  {:<8}  {:>12}  {:>8}  {:>6}  {:>8}  {}",
                line.name,
                line.state.as_str(),
                or_dash(lasted),
                format!("{} s", line.timeout.as_secs_f64()),
                or_dash(health.map(|h| h.misses)),
                or_dash(health.map(|h| h.restarts)),
                self.why(line),
            );
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{}", row.trim_end());
        }
        for warning in self.warnings() {
            let _ = writeln!(out, "\nwarning: {warning}");
        }
        out
    }

    fn why(&self, line: &Line) -> String {
        let Some(health) = line.health.as_ref().filter(|_| self.healer_lives) else {
            return match line.state {
                State::Off => "not watched".into(),
                State::Unknown if self.healer_lives => "not judged yet".into(),
                _ => String::new(),
            };
        };
        if let Some(reason) = &health.reason {
            return reason.clone();
        }
        match (line.state, health.last_seen_ts) {
            (State::Down, Some(seen)) => format!("no beat for {}", self.since(seen)),
            (State::Down, None) => "no beat was ever heard".into(),
            _ => String::new(),
        }
    }

    fn since(&self, ts: i64) -> String {
        let secs = u64::try_from(self.now.wall_secs - ts).unwrap_or(0);
        human(Duration::from_secs(secs))
    }

    fn json(&self) -> Json {
        let services = self.lines.iter().map(|line| {
            let mut service = match &line.health {
                Some(health) => serde_json::to_value(health).unwrap_or_default(),
                None => json!({"svc": line.name, "timeout_sec": line.timeout.as_secs_f64()}),
            };
            // What the healer last wrote holds only while it lives.
            service["status"] = line.state.as_str().into();
            service
        });
        json!({
            "all_up": self.all_up(),
            "healer_alive": self.healer_lives,
            "bus": self.address.to_string(),
            "as_of_ts": self.now.wall_secs,
            "warnings": self.warnings(),
            "services": services.collect::<Vec<_>>(),
        })
    }
}

/// The truth in force, by an environment that knows the buses.
pub(super) fn find_truth(env: &Env) -> Result<Truth, Error> {
    let buses = env.buses()?;
    let address = match env.get("TRUTH_REDIS_URL")? {
        Some(url) => buses.address(&url, "TRUTH_REDIS_URL")?,
        None => buses.system(),
    };
    let commands = Commands::new(address, "marketswarm:truth", Limits::default());
    let mut source = TruthSource::new(commands, env.text("TRUTH_REDIS_KEY", TRUTH_KEY)?);
    let place = source.place();
    match source.read()? {
        Document::Text(text) => Truth::parse(&text, service::truth_defaults(env)?)
            .map_err(|e| Error::Truth(format!("the truth in {place} is refused:\n{e}"))),
        Document::Missing => Err(Error::Truth(format!(
            "there is no truth in {place}: run bootstrap, which writes truth.json there"
        ))),
        Document::TooLong(bytes) => Err(Error::Truth(format!("{place} has {bytes} bytes"))),
    }
}

/// The snapshot of each service, in the order of truth.
fn read_health(commands: &mut Commands, truth: &Truth) -> Result<Vec<Option<Health>>, BusError> {
    let keys: Vec<String> = truth.services().map(|svc| health_key(svc.name())).collect();
    let mut health = Vec::with_capacity(keys.len());
    for keys in keys.chunks(MGET_MAX) {
        let texts: Vec<Option<String>> = commands.query(redis::cmd("MGET").arg(keys))?;
        let read = |text: Option<String>| serde_json::from_str(&text?).ok();
        health.extend(texts.into_iter().map(read));
    }
    Ok(health)
}

/// Whether a channel of a healer is at work, whatever environment that has: who tells for a channel holds its key. The
/// group of a channel that was taken away stays behind in the log, and says nothing.
fn has_voice(commands: &mut Commands) -> Result<bool, BusError> {
    let mut info = redis::cmd("XINFO");
    let groups = match commands.query::<StreamInfoGroupsReply>(info.arg("GROUPS").arg(ALERT_LOG)) {
        Ok(reply) => reply.groups,
        // There is no log before the first alert or channel.
        Err(BusError::Reply { .. }) => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut held = redis::cmd("EXISTS");
    let mut any = false;
    for group in groups {
        if group.name.starts_with(Role::Healer.as_str()) {
            held.arg(holder_key(&group.name));
            any = true;
        }
    }
    Ok(any && commands.query::<u64>(&held)? > 0)
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".into(), |value| value.to_string())
}
