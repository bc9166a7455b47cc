//! `marketswarm status`: one table of all services of truth.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::*;
use serde_json::{Value as Json, json};

use super::{bad_args, print, printed};
use crate::bus::{Address, Buses, Commands};
use crate::clock::{self, human, local_time};
use crate::contract::lease::DRAIN;
use crate::contract::{Health, TRUTH_KEY};
use crate::env::Env;
use crate::notify::{self, Role};
use crate::sections::SCHEMAS;
use crate::service::Error;
use crate::swarm_state::locator;
use crate::swarm_state::{
    Document, Healer, NOBODY_IS_TOLD, Oversight, READER_LIMITS, Standing, State, StateReader,
    TruthSource, Who, is_channel_at_work, why,
};
use crate::text::SafeText;
use crate::truth::{Defaults, Rules, Truth};

/// What has been drained for longer may have been forgotten.
const DRAIN_IS_LONG_SEC: i64 = 86_400;
/// Of the name of what is drained so much is shown.
const DRAINED_MAX_BYTES: usize = 128;

const HELP: &str = "\
marketswarm status: one table of all services of truth

usage: marketswarm status [--json]

exit codes: 0 all are up, 1 at least one is not (or nobody knows: the healer is silent, a bus cannot be
            judged, writes are refused), 2 no usable truth, 3 the bus cannot be reached
";

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
    let env = locator::with_buses(&env)?;
    let found = Findings::gather(&env)?;
    print(&if as_json {
        format!("{:#}\n", found.json())
    } else {
        found.table()
    })?;
    Ok(ExitCode::from(u8::from(!found.all_up())))
}

/// One service, as judged.
struct Line {
    name: String,
    timeout: Duration,
    standing: Standing,
    health: Option<Health>,
}

struct Findings {
    lines: Vec<Line>,
    oversight: Oversight,
    /// What has been drained for long, with the wall time at which that began.
    drained: Vec<(String, i64)>,
    somebody_is_told: bool,
    address: Address,
    now_ts: i64,
}

impl Findings {
    fn gather(env: &Env) -> Result<Findings, Error> {
        let address = Buses::from_env(env)?.system();
        let truth = find_truth(env)?;
        let mut reader = StateReader::new(address.clone(), "marketswarm:status");
        let oversight = reader.oversight()?;
        let health = reader.health(truth.services().map(|service| service.name()))?;
        let now_ts = clock::wall_secs();
        let ask = reader.commands().query(redis::cmd("HGETALL").arg(DRAIN));
        let drained: BTreeMap<String, i64> = match ask {
            Err(error) if error.is_connection_lost() => return Err(error.into()),
            // Without the right to look, nothing can be said of it.
            asked => asked.unwrap_or_default(),
        };
        let is_long = |(_, since_ts): &(String, i64)| now_ts - since_ts >= DRAIN_IS_LONG_SEC;
        let somebody_tells = is_channel_at_work(reader.commands(), Role::Healer.as_str())?;
        // Nobody is told, as long as the healer is silent; what it would do then is not known here.
        let may_be_told = !oversight.healer.speaks() && notify::channels_configured(env, &truth);

        let buses: Vec<&str> = truth.buses().collect();
        let lines = truth.services().zip(health).map(|(service, health)| Line {
            name: service.name().to_owned(),
            timeout: service.timeout(),
            standing: oversight.standing(Who::of(&service, &buses), health.as_ref()),
            health,
        });
        Ok(Findings {
            lines: lines.collect(),
            somebody_is_told: somebody_tells || may_be_told,
            address,
            now_ts,
            drained: drained.into_iter().filter(is_long).collect(),
            oversight,
        })
    }

    fn all_up(&self) -> bool {
        let watched = |line: &&Line| line.standing.state != State::Off;
        let mut lines = self.lines.iter().filter(watched);
        self.oversight.healer == Healer::Speaks
            && lines.all(|line| line.standing.state == State::Up)
    }

    fn warnings(&self) -> Vec<String> {
        let troubles = self.oversight.troubles().into_iter();
        let mut warnings: Vec<String> = troubles.map(|(_, words)| words).collect();
        for (field, since_ts) in &self.drained {
            let name = field.strip_prefix("svc:").or(field.strip_prefix("inst:"));
            let name = SafeText::cut(name.unwrap_or(field), DRAINED_MAX_BYTES);
            let ago = u64::try_from(self.now_ts - since_ts).unwrap_or(0);
            let ago = clock::human(Duration::from_secs(ago));
            warnings.push(format!(
                "{name} has been drained for {ago}: `marketswarm undrain {name}` lets it work again"
            ));
        }
        if !self.somebody_is_told {
            warnings.push(NOBODY_IS_TOLD.to_owned());
        }
        warnings
    }

    fn table(&self) -> String {
        let widest =
            |texts: &mut dyn Iterator<Item = usize>, least| texts.max().unwrap_or(0).max(least);
        let width = widest(
            &mut self.lines.iter().map(|line| line.name.len()),
            "SERVICE".len(),
        );
        let states: Vec<String> = self.lines.iter().map(|line| self.state(line)).collect();
        let state_width = widest(&mut states.iter().map(String::len), "degraded".len());
        let mut out = format!(
            "{:<width$}  {:<state_width$}  {:>12}  {:>8}  {:>6}  {:>8}  WHY\n",
            "SERVICE", "STATE", "FOR", "TIMEOUT", "MISSES", "RESTARTS"
        );
        for (line, state) in self.lines.iter().zip(states) {
            // What an absent healer wrote is yesterday's.
            let health = line.health.as_ref();
            let health = health.filter(|_| self.oversight.healer.speaks());
            let holds = health.filter(|h| line.standing.is_as_in(h));
            let row = format!(
                "{:<width$}  {state:<state_width$}  {:>12}  {:>8}  {:>6}  {:>8}  {}",
                line.name,
                or_dash(holds.map(|h| self.since(h.since_ts))),
                format!("{} s", line.timeout.as_secs_f64()),
                or_dash(health.map(|h| h.misses)),
                or_dash(health.map(|h| h.restarts)),
                why(&line.standing, line.health.as_ref(), self.now_ts),
            );
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{}", row.trim_end());
        }
        for warning in self.warnings() {
            let _ = writeln!(out, "\nwarning: {warning}");
        }
        out
    }

    /// `up`, `idle`, or `unknown (as of 14:02:07)`.
    fn state(&self, line: &Line) -> String {
        let state = line.standing.word();
        match line.standing.as_of_ts {
            Some(ts) => format!("{state} (as of {})", local_time(ts, self.now_ts)),
            None => state.to_owned(),
        }
    }

    fn since(&self, ts: i64) -> String {
        let secs = u64::try_from(self.now_ts - ts).unwrap_or(0);
        human(Duration::from_secs(secs))
    }

    fn json(&self) -> Json {
        let services = self.lines.iter().map(|line| {
            let mut service = match &line.health {
                Some(health) => serde_json::to_value(health).unwrap_or_default(),
                None => json!({"svc": line.name, "timeout_sec": line.timeout.as_secs_f64()}),
            };
            // What the healer last wrote holds only while somebody vouches for it.
            service["status"] = line.standing.state.as_str().into();
            match &line.standing.said {
                Some(said) => service["beat_status"] = said.as_str().into(),
                None => drop(service.as_object_mut().map(|s| s.remove("beat_status"))),
            }
            match &line.standing.reason {
                Some(reason) => service["reason"] = reason.as_str().into(),
                None => drop(service.as_object_mut().map(|s| s.remove("reason"))),
            }
            service
        });
        let healer = &self.oversight.healer;
        let refused = match healer {
            Healer::Refused(refused) => Some(refused),
            _ => None,
        };
        let buses = self.oversight.buses.iter();
        let buses: Vec<_> = buses.flat_map(|buses| buses.by_name.values()).collect();
        json!({
            "all_up": self.all_up(),
            "healer_alive": healer.speaks(),
            "healer": healer.as_str(),
            "writes_refused": refused,
            "buses": buses,
            "bus": self.address.to_string(),
            "as_of_ts": self.now_ts,
            "warnings": self.warnings(),
            "services": services.collect::<Vec<_>>(),
        })
    }
}

/// The truth in force, by an environment that knows the buses.
pub(super) fn find_truth(env: &Env) -> Result<Truth, Error> {
    let buses = Buses::from_env(env)?;
    let address = match env.get("TRUTH_REDIS_URL")? {
        Some(url) => buses.address(&url, "TRUTH_REDIS_URL")?,
        None => buses.system(),
    };
    let commands = Commands::new(address, "marketswarm:truth", READER_LIMITS);
    let mut source = TruthSource::new(commands, env.text("TRUTH_REDIS_KEY", TRUTH_KEY)?);
    let place = source.place();
    match source.read()? {
        Document::Text(text) => {
            Truth::parse(&text, Rules::lenient(Defaults::from_env(env)?, SCHEMAS))
                .map_err(|e| Error::Truth(format!("the truth in {place} is refused:\n{e}")))
        }
        Document::Missing => Err(Error::Truth(format!(
            "there is no truth in {place}: run bootstrap, which writes truth.json there"
        ))),
        Document::TooLong(bytes) => Err(Error::Truth(format!("{place} has {bytes} bytes"))),
    }
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".into(), |value| value.to_string())
}
