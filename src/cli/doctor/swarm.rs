//! The swarm itself: the truth in force, who judges, who does not beat, and whether anybody would be told.

use std::fs;
use std::path::Path;

use super::{Finding, Report};
use crate::bus::{Address, BusError, Buses, Commands};
use crate::cli::notify::{dead_letters, written_for};
use crate::cli::status::find_truth;
use crate::clock::{self, local_time};
use crate::contract::{Health, MARKET_BUS, TRUTH_KEY, TRUTH_LAST_GOOD, TRUTH_MAX_BYTES};
use crate::env::Env;
use crate::notify::config::Config;
use crate::notify::{Role, channels_configured};
use crate::service::Error;
use crate::swarm_state::{
    Document, NOBODY_IS_TOLD, Oversight, READER_LIMITS, State, StateReader, Trouble, TruthSource,
    Who, is_channel_at_work, silences, why,
};
use crate::truth::{Truth, digest};

/// Findings of one kind that are listed; a line says how many more there are.
const LISTED_MAX: usize = 20;
/// The document that bootstrap takes unless told otherwise.
const TRUTH_FILE: &str = "truth.json";

/// Looks at the truth in force; `None` when there is none that can be used.
pub(super) fn examine_truth(env: &Env, buses: &Buses, report: &mut Report) -> Option<Truth> {
    let truth = match find_truth(env) {
        Ok(truth) => truth,
        Err(error) => {
            let remedy = match error {
                Error::Truth(_) => {
                    "mend truth.json (marketswarm truth check truth.json), then marketswarm bootstrap"
                }
                _ => "mend what names it",
            };
            report.add(Finding::wrong("truth", error.to_string(), remedy));
            return None;
        }
    };
    let count = truth.services().len();
    report.checked(format!("the truth in force ({count} services)"));
    let warnings = truth.warnings();
    let told = warnings.list().iter().take(LISTED_MAX);
    report.add_all(
        told.map(|w| Finding::risk("truth", w.to_string(), "marketswarm truth check says where")),
    );
    report.add_all(copies(env, buses));
    Some(truth)
}

/// What differs from the truth in force: its copies on the buses, and the file that lies here. Digests are compared, so that
/// no more than one document is in memory.
fn copies(env: &Env, buses: &Buses) -> Vec<Finding> {
    let key = env
        .text("TRUTH_REDIS_KEY", TRUTH_KEY)
        .unwrap_or_else(|_| TRUTH_KEY.into());
    let in_force = digest_at(buses.system(), &key);
    let is_other = |copy: Option<String>| copy.is_some() && copy != in_force;
    let mut found = Vec::new();
    if is_other(digest_at(buses.system(), TRUTH_LAST_GOOD)) {
        let what = "the healer has not taken the truth in force (truth:last_good is another)";
        let remedy = "look again in 5 s; marketswarm alerts tells why (truth_rejected); while no healer runs, start it";
        found.push(Finding::risk("truth", what, remedy));
    }
    let market = buses.is_named(MARKET_BUS).then(|| buses.market().ok());
    if is_other(market.flatten().and_then(|market| digest_at(market, &key))) {
        let what = format!("{MARKET_BUS} holds another truth than the one in force");
        found.push(Finding::risk(
            "truth",
            what,
            "marketswarm bootstrap writes both",
        ));
    }
    if is_other(digest_of_file(Path::new(TRUTH_FILE))) {
        let what = format!("the {TRUTH_FILE} in this folder is not what is in force");
        found.push(Finding::note("truth", what));
    }
    found
}

fn digest_at(address: Address, key: &str) -> Option<String> {
    let commands = Commands::new(address, "marketswarm:doctor", READER_LIMITS);
    match TruthSource::new(commands, key).read() {
        Ok(Document::Text(text)) => Some(digest(&text)),
        _ => None,
    }
}

/// Of a file that can be a truth.
fn digest_of_file(file: &Path) -> Option<String> {
    let size = fs::metadata(file).ok()?.len();
    let fits = usize::try_from(size).is_ok_and(|size| size <= TRUTH_MAX_BYTES);
    fits.then(|| fs::read(file).ok())?.map(|text| digest(&text))
}

/// Looks at the healer, the services and the channels.
pub(super) fn examine(env: &Env, buses: &Buses, truth: &Truth, report: &mut Report) {
    let mut reader = StateReader::new(buses.system(), "marketswarm:doctor");
    let looked = judged(&mut reader, truth, report).and_then(|oversight| {
        report.add_all(tellers(env, truth, &oversight, &mut reader)?);
        report.checked("the channels that tell people");
        report.add_all(held_back(&mut reader)?);
        Ok(())
    });
    if let Err(error) = looked {
        let remedy = "look again: it answered a moment ago";
        report.add(Finding::wrong("system-redis", error.to_string(), remedy));
    }
}

/// Who judges, and how each service stands.
fn judged(
    reader: &mut StateReader,
    truth: &Truth,
    report: &mut Report,
) -> Result<Oversight, BusError> {
    let oversight = reader.oversight()?;
    for (trouble, what) in oversight.troubles() {
        let remedy = match trouble {
            Trouble::Silent => "start the healer: until then a death is told by nobody",
            Trouble::Mute => {
                "look at the healers' logs: one has to get healer:lease within seconds"
            }
            Trouble::Refused => "mend what Redis says: alerts go out, but nothing is written down",
            Trouble::Unjudged(_) => {
                "look at that bus; its services are unknown until it can be judged again"
            }
        };
        report.add(Finding::wrong("healer", what, remedy));
    }
    let health = reader.health(truth.services().map(|service| service.name()))?;
    let names: Vec<&str> = truth.buses().collect();
    let services = truth.services().zip(health);
    let mut found: Vec<Finding> = services
        .filter_map(|(service, health)| {
            service_finding(&oversight, Who::of(&service, &names), health.as_ref())
        })
        .collect();
    found.sort_by_key(|finding| finding.grade);
    let more = found.len().saturating_sub(LISTED_MAX);
    if let Some(worst) = found.get(LISTED_MAX).map(|first| first.grade) {
        found.truncate(LISTED_MAX);
        let what = format!("{more} more services are not up");
        found.push(Finding {
            grade: worst,
            ..Finding::wrong("services", what, "marketswarm status lists all")
        });
    }
    report.add_all(found);
    report.checked(format!("{} services", truth.services().len()));
    Ok(oversight)
}

/// What is to be said of one service.
fn service_finding(
    oversight: &Oversight,
    who: Who<'_>,
    health: Option<&Health>,
) -> Option<Finding> {
    let standing = oversight.standing(who, health);
    let words = why(&standing, health, oversight.now_ts);
    let what = match words.as_str() {
        "" => format!("is {}", standing.word()),
        why => format!("is {}: {why}", standing.word()),
    };
    match standing.state {
        State::Up | State::Off => None,
        State::Down => Some(Finding::wrong(
            who.name,
            what,
            "look at its log, and start it again",
        )),
        State::Degraded => Some(Finding::risk(
            who.name,
            what,
            "it works, but says that something is amiss",
        )),
        // Said once, of the healer.
        State::Unknown if !oversight.healer.speaks() => None,
        State::Unknown => {
            let remedy = "start it, or take it out of truth; it is judged one timeout after the healer hears of it";
            Some(Finding::risk(who.name, what, remedy))
        }
    }
}

/// Who would be told, and what they were not.
fn tellers(
    env: &Env,
    truth: &Truth,
    oversight: &Oversight,
    reader: &mut StateReader,
) -> Result<Vec<Finding>, BusError> {
    let mut found = Vec::new();
    match Config::read(env, truth) {
        Ok(config) => found.extend(config.unusable.into_iter().map(|unusable| {
            let name = unusable.name.unwrap_or_else(|| "a channel".into());
            let remedy = "set what it names where the healer runs (this shell may know less than the healer)";
            Finding::risk(name, unusable.why.to_string(), remedy)
        })),
        // The environment was looked at before.
        Err(error) => log::debug!("channels cannot be read: {error}"),
    }
    let at_work = is_channel_at_work(reader.commands(), Role::Healer.as_str())?;
    let will_be = !oversight.healer.speaks() && channels_configured(env, truth);
    if !at_work && !will_be {
        let remedy =
            "set WEBHOOK_URL or SMTP_HOST for the healer, or services.healer.notify in truth";
        found.push(Finding::risk("notify", NOBODY_IS_TOLD, remedy));
    }
    for channel in written_for(reader.commands())? {
        let count = dead_letters(reader.commands(), &channel)?;
        let what = match count {
            1 => "1 message could not be delivered".to_owned(),
            count => format!("{count} messages could not be delivered"),
        };
        let remedy = "marketswarm notify dead shows them, notify dead --resend sends them again";
        found.push(Finding::risk(channel, what, remedy));
    }
    Ok(found)
}

/// Of what people are not told, because somebody wanted it so.
fn held_back(reader: &mut StateReader) -> Result<Vec<Finding>, BusError> {
    let now = clock::wall_secs();
    let silences = silences(reader.commands())?;
    let notes = silences.iter().take(LISTED_MAX).map(|silence| {
        let until = local_time(silence.until_ms / 1000, now);
        let word = if silence.ack {
            "acknowledged"
        } else {
            "silenced"
        };
        Finding::note(
            silence.svc.clone(),
            format!("is {word} until {until}: {}", silence.why),
        )
    });
    Ok(notes.collect())
}
