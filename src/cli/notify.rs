//! `marketswarm notify`: does a message arrive, and which did not?

use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use jiff::tz::TimeZone;
use lexopt::prelude::*;

use super::{bad_args, complain, known, print, printed, status};
use crate::bus::{BusError, Buses, Commands, Limits};
use crate::clock::{self, Mono, human, rfc3339};
use crate::contract::{Name, dead_key, is_name};
use crate::env::Env;
use crate::notify::config::{Channel, Config, of_environment};
use crate::notify::message::write;
use crate::notify::notification::Notification;
use crate::notify::outbox::{DeadLetter, Delivery, OutboxMessage};
use crate::notify::retry::Answer;
use crate::notify::transport::Transport;
use crate::service::Error;
use crate::swarm_state::locator;
use crate::text::SafeText;

const HELP: &str = "\
marketswarm notify: does a message arrive, and which did not?

usage: marketswarm notify test [--channel NAME]   sends a marked test, says what each channel answered
       marketswarm notify dead [--channel NAME] [--resend]

It reads the same variables as the healer (WEBHOOK_URL, SMTP_HOST, …) and the same truth. Without a bus or a truth, test
tries the channels of the environment; dead lists every letter in Redis, whoever's it is.
exit codes: 0 all taken (or nothing is dead), 1 some were not
";

/// Channels whose letters are listed.
const NAMES_MAX: usize = 1000;

/// What the command line asks for.
#[derive(Default)]
struct Wish {
    channel: Option<Name>,
    resend: bool,
}

/// Runs the command.
pub(super) fn run(mut args: lexopt::Parser, env: Env) -> Result<ExitCode, Error> {
    let bad = |e| bad_args("notify", e);
    let (mut verb, mut wish) = (None, Wish::default());
    while let Some(arg) = args.next().map_err(bad)? {
        match arg {
            Long("channel") => {
                let name = args.value().map_err(bad)?;
                wish.channel = Some(known::name(&name.to_string_lossy())?);
            }
            Long("resend") => wish.resend = true,
            Long("help") | Short('h') => return printed(HELP),
            Value(word) if verb.is_none() => verb = Some(word.to_string_lossy().into_owned()),
            other => return Err(bad(other.unexpected())),
        }
    }
    let env = locator::with_buses(&env)?;
    match verb.as_deref() {
        Some("test") => test(&env, &wish),
        Some("dead") => dead(&env, &wish),
        Some(other) => Err(Error::Config(format!(
            "notify does not know `{other}`; write test or dead; see marketswarm notify --help"
        ))),
        None => {
            complain(HELP);
            Ok(ExitCode::from(2))
        }
    }
}

fn test(env: &Env, wish: &Wish) -> Result<ExitCode, Error> {
    let host = crate::service::host_name();
    let channels = channels(env, wish)?;
    let notification = Notification {
        now_ms: clock::wall_millis() as i64,
        notes: vec![format!(
            "TEST from {host}: this is how a message arrives; nothing is down because of it"
        )],
        test: true,
        ..Notification::default()
    };
    let mut all_taken = true;
    for channel in &channels {
        let id = format!("msg_{:032x}", fastrand::u128(..));
        let message = write(&channel.target, &notification, id, &TimeZone::system());
        for delivery in &message.deliveries {
            let begin = Mono::now();
            let answer = send(channel, &host, &message, delivery);
            all_taken &= matches!(answer, Answer::Done(_));
            print(&answered(
                channel,
                &delivery.to,
                &answer,
                Mono::now().since(begin),
            ))?;
        }
    }
    Ok(ExitCode::from(u8::from(!all_taken)))
}

fn dead(env: &Env, wish: &Wish) -> Result<ExitCode, Error> {
    let address = Buses::from_env(env)?.system();
    let mut commands = Commands::new(address, "marketswarm:notify", Limits::default());
    // The list may be looked at from a shell that knows no channel; to send again, it must know them.
    let (usable, configured) = match wish.resend {
        true => (channels(env, wish)?, Vec::new()),
        false => (Vec::new(), channels_of(env).unwrap_or_default()),
    };
    let mut known = written_for(&mut commands)?;
    let usual = ["webhook", "email"].map(str::to_owned);
    let configured = configured.into_iter().chain(usable.clone());
    known.extend(configured.map(|c| c.name).chain(usual));
    let names: Vec<String> = match &wish.channel {
        Some(name) => vec![name.to_string()],
        None => known.iter().cloned().collect(),
    };
    let channels = usable;
    let mut left = 0;
    for name in names {
        let letters: Vec<String> =
            commands.query(redis::cmd("LRANGE").arg(dead_key(&name)).arg(0).arg(-1))?;
        // Oldest first, as they would have come.
        for json in letters.iter().rev() {
            let Ok(letter) = serde_json::from_str::<DeadLetter>(json) else {
                print(&format!("{name}: a letter that cannot be read\n"))?;
                left += 1;
                continue;
            };
            print(&described(&name, &letter))?;
            left += 1;
            let Some(channel) = channels.iter().find(|c| c.name == name) else {
                continue;
            };
            let delivery = Delivery {
                to: letter.to.clone(),
                ..Delivery::default()
            };
            let begin = Mono::now();
            let answer = send(
                channel,
                &crate::service::host_name(),
                &letter.message,
                &delivery,
            );
            if matches!(answer, Answer::Done(_)) {
                left -= 1;
                let mut remove = redis::cmd("LREM");
                commands.query::<()>(remove.arg(dead_key(&name)).arg(1).arg(json))?;
            }
            print(&answered(
                channel,
                &letter.to,
                &answer,
                Mono::now().since(begin),
            ))?;
        }
    }
    if left == 0
        && let Some(name) = &wish.channel
    {
        known::one_of(name, "channel", known.iter().map(String::as_str))?;
    }
    if left == 0 && !wish.resend {
        print("no dead letters\n")?;
    }
    Ok(ExitCode::from(u8::from(left > 0)))
}

/// The channels that have dead letters in Redis, also those that this shell and truth know no more.
pub(super) fn written_for(commands: &mut Commands) -> Result<BTreeSet<String>, BusError> {
    let (mut names, mut cursor) = (BTreeSet::new(), 0_u64);
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(dead_key("*"));
        scan.arg("COUNT").arg(1000).arg("TYPE").arg("list");
        let (next, keys): (u64, Vec<String>) = commands.query(&scan)?;
        let of = keys
            .iter()
            .filter_map(|key| key.strip_prefix(&dead_key("")));
        // What else may lie there was not written by a channel.
        names.extend(of.filter(|name| is_name(name)).map(str::to_owned));
        cursor = next;
        if cursor == 0 || names.len() >= NAMES_MAX {
            return Ok(names);
        }
    }
}

/// How many messages the channel `name` gave up.
pub(super) fn dead_letters(commands: &mut Commands, name: &str) -> Result<u64, BusError> {
    commands.query(redis::cmd("LLEN").arg(dead_key(name)))
}

/// All channels that can be used.
fn channels_of(env: &Env) -> Result<Vec<Channel>, Error> {
    let truth = status::find_truth(env)?;
    Ok(Config::read(env, &truth)?.channels)
}

/// The channels that are meant; an error when there is none.
fn channels(env: &Env, wish: &Wish) -> Result<Vec<Channel>, Error> {
    let config = match status::find_truth(env) {
        Ok(truth) => Config::read(env, &truth)?,
        // The day on which there is no bus is the day to try out whether anybody would hear of it.
        Err(error) if !wish.resend => {
            let channels = of_environment(env)?;
            if channels.is_empty() {
                return Err(error);
            }
            print(&format!(
                "{error}; trying the channels of the environment\n"
            ))?;
            Config::of_channels(channels)
        }
        Err(error) => return Err(error),
    };
    let wanted = |name: Option<&str>| wish.channel.as_deref().is_none_or(|w| name == Some(w));
    let mut unusable = config.unusable.into_iter();
    if let Some(unusable) = unusable.find(|unusable| wanted(unusable.name.as_deref())) {
        return Err(unusable.why.into());
    }
    let mut channels = config.channels;
    if let Some(name) = &wish.channel {
        known::one_of(name, "channel", channels.iter().map(|c| c.name.as_str()))?;
        channels.retain(|c| c.name == **name);
    }
    match (&wish.channel, channels.is_empty()) {
        (None, true) => Err(Error::Config(
            "nobody will be told: no channel is configured (set WEBHOOK_URL or SMTP_HOST)".into(),
        )),
        _ => Ok(channels),
    }
}

fn send(channel: &Channel, host: &str, message: &OutboxMessage, delivery: &Delivery) -> Answer {
    match Transport::new(channel, host) {
        Ok(transport) => transport.deliver(message, delivery, clock::wall_millis() as i64),
        Err(reason) => Answer::Never(reason),
    }
}

fn answered(channel: &Channel, to: &str, answer: &Answer, took: Duration) -> String {
    let word = match answer {
        Answer::Done(_) => "taken",
        Answer::Later { .. } => "NOT NOW",
        Answer::Unsure(_) => "NOT SURE",
        Answer::Never(_) => "REFUSED",
    };
    let to = if to.is_empty() {
        String::new()
    } else {
        format!(" ({to})")
    };
    format!(
        "{word:<8} {channel}{to}: {} in {}\n",
        answer.reason(),
        human(took)
    )
}

fn described(name: &str, letter: &DeadLetter) -> String {
    let mut out = format!("{}  {name}", rfc3339(letter.at_ms.div_euclid(1000)));
    if !letter.to.is_empty() {
        let _ = write!(out, " to {}", SafeText::cut(&letter.to, 128));
    }
    let _ = writeln!(
        out,
        "  {}\n    {}",
        SafeText::cut(&letter.message.title, 200),
        SafeText::cut(&letter.reason, 400)
    );
    out
}
