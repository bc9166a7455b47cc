//! The buses: does each answer, and is it set up for what it carries?

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use redis::Value;

use super::facts::Facts;
use super::{Finding, Report};
use crate::bus::{Address, BusError, Buses, Commands};
use crate::clock::{self, Mono};
use crate::contract::{ALERT_LOG, HEALER_LEASE, MARKET_BUS, SYSTEM_BUS, TRUTH_KEY, health_key};
use crate::swarm_state::READER_LIMITS;
use crate::truth::{DATABASE_REMEDY, Truth};

/// Round trips whose median counts.
const TRIPS: usize = 5;
const CLIENT: &str = "marketswarm:doctor";
/// Digest of a script that nobody has: only whether it may be called is asked.
const NO_SCRIPT: &str = "0000000000000000000000000000000000000000";

/// Looks at the bus that carries control; whether it answers.
pub(super) fn examine_system(address: &Address, report: &mut Report) -> bool {
    let mut commands = Commands::new(address.clone(), CLIENT, READER_LIMITS);
    if let Err(error) = commands.refuse_cluster([TRUTH_KEY, HEALER_LEASE]) {
        report.add(Finding::wrong(
            SYSTEM_BUS,
            error.to_string(),
            "name another server",
        ));
    }
    report.add_all(database(SYSTEM_BUS, address));
    let answers = examine(SYSTEM_BUS, &mut commands, report);
    report.is_bus_away = !answers;
    if answers {
        report.add_all(rights(&mut commands));
    }
    answers
}

/// Looks at all other buses: of the data, and those that truth names.
pub(super) fn examine_others(buses: &Buses, truth: Option<&Truth>, report: &mut Report) {
    for (bus, error) in buses.spoiled() {
        report.add(Finding::wrong(bus, error.to_string(), "mend what names it"));
    }
    // A bus that nobody places and no service beats on is none.
    let beats_on = |bus: &str| {
        truth.is_some_and(|truth| {
            let names: Vec<&str> = truth.buses().collect();
            let mut services = truth.watched();
            services.any(|service| names.get(service.bus().index()) == Some(&bus))
        })
    };
    let named = truth.into_iter().flat_map(Truth::buses);
    let named = named.filter(|bus| buses.is_named(bus) || beats_on(bus));
    let market = buses.is_named(MARKET_BUS).then_some(MARKET_BUS);
    let mut seen = BTreeMap::from([(place_of(&buses.system()), SYSTEM_BUS)]);
    let mut looked_at = BTreeSet::from([SYSTEM_BUS]);
    for bus in named.chain(market) {
        let Ok(address) = buses.resolve(bus) else {
            continue;
        };
        if !looked_at.insert(bus) {
            continue;
        }
        if let Some(same) = seen.get(&place_of(&address)) {
            let what = format!("is the same server as {same}: one outage takes both");
            report.add(Finding::note(bus, what));
            continue;
        }
        seen.insert(place_of(&address), bus);
        if beats_on(bus) {
            report.add_all(database(bus, &address));
        }
        examine(
            bus,
            &mut Commands::new(address, CLIENT, READER_LIMITS),
            report,
        );
    }
}

fn place_of(address: &Address) -> String {
    format!("{}:{}", address.host(), address.port())
}

/// What is to be said of a database that keeps no beats apart.
fn database(bus: &str, address: &Address) -> Option<Finding> {
    let database = Some(address.database()).filter(|database| *database != 0)?;
    let what = format!("its URL names database {database}");
    Some(Finding::risk(bus, what, DATABASE_REMEDY))
}

/// Looks at one bus; whether it answers.
fn examine(bus: &str, commands: &mut Commands, report: &mut Report) -> bool {
    match gather(commands) {
        Ok(facts) => {
            report.checked(format!("{bus} ({})", facts.summary()));
            report.add_all(facts.judge(bus));
            true
        }
        Err(error) => {
            let remedy = match &error {
                BusError::Loading { .. } => "wait: it reads its data",
                BusError::Auth { .. } => {
                    "the user and the password belong into the URL, percent-encoded"
                }
                _ => {
                    "start it, or name where it is: SYSTEM_REDIS_URL, MARKET_REDIS_URL, buses.<name>.url in truth"
                }
            };
            report.add(Finding::wrong(bus, error.to_string(), remedy));
            false
        }
    }
}

fn gather(commands: &mut Commands) -> Result<Facts, BusError> {
    commands.ping()?;
    let mut trips = [Duration::ZERO; TRIPS];
    for trip in &mut trips {
        let begin = Mono::now();
        commands.ping()?;
        *trip = Mono::now().since(begin);
    }
    trips.sort_unstable();
    let round_trip = trips[TRIPS / 2];
    Ok(Facts {
        info: info(commands),
        config: config(commands),
        round_trip,
        clock_ahead_sec: clock_ahead_sec(commands, round_trip),
    })
}

/// What may be asked of INFO: nothing, where it is forbidden.
fn info(commands: &mut Commands) -> HashMap<String, String> {
    let said = commands.query::<String>(redis::cmd("INFO").arg("everything"));
    Facts::read_info(&said.unwrap_or_default())
}

/// The settings that INFO does not show, where they may be asked for.
fn config(commands: &mut Commands) -> HashMap<String, String> {
    let said = commands.query(redis::cmd("CONFIG").arg("GET").arg("save"));
    said.unwrap_or_default()
}

fn clock_ahead_sec(commands: &mut Commands, round_trip: Duration) -> Option<f64> {
    let (secs, micros): (u64, u64) = commands.query(&redis::cmd("TIME")).ok()?;
    let ours = clock::wall_millis() as f64 / 1000.0 - round_trip.as_secs_f64() / 2.0;
    Some(ours - (secs as f64 + micros as f64 / 1e6))
}

/// What the daemons do on the bus that carries control, as ACL DRYRUN takes it, and the rule that allows it.
fn deeds() -> Vec<(Vec<String>, &'static str)> {
    let health = health_key("healer");
    let deeds: [(&[&str], &str); 7] = [
        (
            &["GET", TRUTH_KEY],
            "+get +getrange +strlen +watch ~truth:*",
        ),
        (
            &["PUBLISH", "healer:heartbeat", "{}"],
            "+publish &*:heartbeat",
        ),
        (
            &["SUBSCRIBE", "healer:heartbeat"],
            "+subscribe +unsubscribe &*:heartbeat",
        ),
        (&["PUBLISH", "healer:alerts", "{}"], "+publish &healer:*"),
        (&["XADD", ALERT_LOG, "*", "alert", "{}"], "+xadd ~healer:*"),
        (&["SET", &health, "{}"], "+set ~health:*"),
        (
            &["EVALSHA", NO_SCRIPT, "1", &health],
            "+evalsha +eval +script|load",
        ),
    ];
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    deeds
        .iter()
        .map(|(words, rule)| (owned(words), *rule))
        .collect()
}

/// What the user of this shell may not do of what the daemons must
/// (<https://redis.io/docs/latest/commands/acl-dryrun/>).
fn rights(commands: &mut Commands) -> Vec<Finding> {
    let Ok(user) = commands.query::<String>(redis::cmd("ACL").arg("WHOAMI")) else {
        let what =
            "whether its user may do what the daemons do cannot be asked (ACL WHOAMI is refused)";
        return vec![Finding::note(SYSTEM_BUS, what)];
    };
    let mut found = Vec::new();
    for (words, rule) in deeds() {
        let mut ask = redis::cmd("ACL");
        ask.arg("DRYRUN").arg(&user).arg(&words);
        match commands.query::<Value>(&ask) {
            Ok(Value::Okay) => {}
            Ok(_) => found.push(Finding::wrong(
                SYSTEM_BUS,
                format!("user {user} may not do `{}`", words[..2].join(" ")),
                format!("ACL SETUSER {user} {rule}"),
            )),
            // An older server, or one that lets this user not ask.
            Err(_) => {
                let what =
                    format!("what user {user} may do cannot be asked (ACL DRYRUN is refused)");
                return vec![Finding::note(SYSTEM_BUS, what)];
            }
        }
    }
    found
}
