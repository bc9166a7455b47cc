//! `marketswarm silence` and `marketswarm ack`: when people want to hear nothing, or no reminders.

use std::fmt::Write;
use std::process::ExitCode;

use jiff::tz::TimeZone;
use lexopt::prelude::*;

use super::{bad_args, complain, known, print, printed};
use crate::bus::{Buses, Commands, Limits};
use crate::clock;
use crate::contract::Silence;
use crate::env::Env;
use crate::service::Error;
use crate::swarm_state::{
    Acked, NotSilenced, SPAN_MAX, StateReader, Wish, acknowledge as acknowledge_outage,
    end_silence, silence as silence_service, silences,
};
use crate::swarm_state::{locator, when};
use crate::text::SafeText;

const HELP: &str = "\
marketswarm silence: people hear nothing of a service for a while; alerts still go to the bus

usage: marketswarm silence SVC|'*' SPAN --why TEXT [--from TIME]
       marketswarm silence list
       marketswarm silence end ID|SVC|'*'
       marketswarm ack SVC            no reminders about this outage

SPAN is 90s, 10m, 2h, 1d or 1h30m; TIME is 22:00, +30m or 2026-11-24T22:00:00Z.
When a silence ends, what is still down is told.
";

/// Runs `marketswarm silence`.
pub(super) fn run(mut args: lexopt::Parser, env: Env) -> Result<ExitCode, Error> {
    let bad = |e| bad_args("silence", e);
    let (mut words, mut why, mut from) = (Vec::new(), None, None);
    while let Some(arg) = args.next().map_err(bad)? {
        match arg {
            Long("why") => why = Some(text(args.value().map_err(bad)?)),
            Long("from") => from = Some(text(args.value().map_err(bad)?)),
            Long("help") | Short('h') => return printed(HELP),
            Value(word) => words.push(text(word)),
            other => return Err(bad(other.unexpected())),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list"] => list(&env),
        ["end", what] => end(&env, what),
        [svc, span] => begin(&env, svc, span, why, from),
        [] => {
            complain(HELP);
            Ok(ExitCode::from(2))
        }
        ["end"] => Err(wrong("which one? write silence end ID, or a service")),
        [svc] => Err(wrong(&format!(
            "for how long? write silence {svc} 2h --why TEXT"
        ))),
        [_, _, more, ..] => Err(wrong(&format!("{more} is too much"))),
    }
}

/// Runs `marketswarm ack`.
pub(super) fn acknowledge(mut args: lexopt::Parser, env: Env) -> Result<ExitCode, Error> {
    let bad = |e| bad_args("ack", e);
    let mut svc = None;
    while let Some(arg) = args.next().map_err(bad)? {
        match arg {
            Long("help") | Short('h') => return printed(HELP),
            Value(word) if svc.is_none() => svc = Some(text(word)),
            other => return Err(bad(other.unexpected())),
        }
    }
    let svc = svc.ok_or_else(|| wrong("which service? write marketswarm ack SVC"))?;
    // One of a name that nobody has would do nothing, and nobody would notice.
    let env = locator::with_buses(&env)?;
    let truth = known::in_truth(&env, &svc)?;
    let mut reader = StateReader::new(Buses::from_env(&env)?.system(), "marketswarm:silence");
    let now_ms = clock::wall_millis() as i64;
    let (done, words) = match acknowledge_outage(&mut reader, &truth, &svc, &author(&env), now_ms)?
    {
        Acked::Done => (true, format!("{svc}: no reminders until it is up")),
        Acked::NotDown => (
            false,
            format!("{svc} is not down: there is nothing to acknowledge"),
        ),
        Acked::Unknown(why) => (false, format!("nobody knows how {svc} stands: {why}")),
    };
    print(&format!("{words}\n"))?;
    Ok(ExitCode::from(u8::from(!done)))
}

fn begin(
    env: &Env,
    svc: &str,
    span: &str,
    why: Option<String>,
    from: Option<String>,
) -> Result<ExitCode, Error> {
    let span = when::span(span)
        .filter(|s| *s <= SPAN_MAX && !s.is_zero())
        .ok_or_else(|| wrong(&format!("{span} is no span up to a year; write 2h, say")))?;
    let why = why.ok_or_else(|| wrong("why? write --why TEXT, for whoever wonders later"))?;
    let now_ms = clock::wall_millis() as i64;
    let zone = TimeZone::system();
    let from_ms = match &from {
        None => now_ms,
        Some(text) => when::moment(text, now_ms, &zone)
            .filter(|&at| at >= now_ms)
            .ok_or_else(|| wrong(&format!("{text} is no moment to come; write 22:00, say")))?,
    };
    let env = locator::with_buses(env)?;
    if svc != "*" {
        known::in_truth(&env, svc)?;
    }
    let mut commands = connect(&env)?;
    let wish = Wish {
        id: &format!("{:06x}", fastrand::u32(..1 << 24)),
        svc,
        from_ms,
        span,
        why: &why,
        by: &author(&env),
    };
    let silence = silence_service(&mut commands, &wish, now_ms).map_err(|error| match error {
        NotSilenced::Bus(error) => Error::Bus(error),
        error => Error::Other(error.to_string()),
    })?;
    print(&format!("{}\n", line(&silence, now_ms, &zone)))?;
    Ok(ExitCode::SUCCESS)
}

fn list(env: &Env) -> Result<ExitCode, Error> {
    let mut commands = connect(env)?;
    let (now_ms, zone) = (clock::wall_millis() as i64, TimeZone::system());
    let mut out = String::new();
    for silence in silences(&mut commands)? {
        let _ = writeln!(out, "{}", line(&silence, now_ms, &zone));
    }
    if out.is_empty() {
        out.push_str("no silences\n");
    }
    printed(&out)
}

fn end(env: &Env, what: &str) -> Result<ExitCode, Error> {
    let mut commands = connect(env)?;
    let all = silences(&mut commands)?;
    let ended: Vec<&Silence> = all
        .iter()
        .filter(|h| h.id == what || h.svc == what)
        .collect();
    for silence in &ended {
        end_silence(&mut commands, &silence.id)?;
        print(&format!(
            "ended {} of {}: what is down is told\n",
            silence.id, silence.svc
        ))?;
    }
    if ended.is_empty() {
        let known = all
            .iter()
            .flat_map(|silence| [silence.id.as_str(), silence.svc.as_str()]);
        if let Err(error) = known::one_of(what, "silence", known) {
            complain(&format!("{error}\n"));
        }
        return Ok(ExitCode::from(1));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(silence: &Silence, now_ms: i64, zone: &TimeZone) -> String {
    let at = |ms: i64| {
        jiff::Timestamp::from_millisecond(ms).map_or_else(
            |_| ms.to_string(),
            |t| {
                t.to_zoned_datetime(zone.clone())
                    .strftime("%Y-%m-%d %H:%M %Z")
                    .to_string()
            },
        )
    };
    let (svc, id) = (&silence.svc, &silence.id);
    if silence.ack {
        return format!(
            "{id}: {svc} is acknowledged by {}: no reminders until it is up",
            silence.by
        );
    }
    let from = if silence.from_ms > now_ms {
        format!("from {} ", at(silence.from_ms))
    } else {
        String::new()
    };
    let what = if svc == "*" { "everything" } else { svc };
    format!(
        "{id}: {what} is silent {from}until {} ({}, by {})",
        at(silence.until_ms),
        silence.why,
        silence.by
    )
}

fn connect(env: &Env) -> Result<Commands, Error> {
    let env = locator::with_buses(env)?;
    let address = Buses::from_env(&env)?.system();
    Ok(Commands::new(
        address,
        "marketswarm:silence",
        Limits::default(),
    ))
}

fn author(env: &Env) -> String {
    let user = env
        .get("USER")
        .ok()
        .flatten()
        .unwrap_or_else(|| "somebody".into());
    SafeText::cut(&user, 64).into()
}

fn text(word: std::ffi::OsString) -> String {
    word.to_string_lossy().into_owned()
}

fn wrong(text: &str) -> Error {
    Error::Config(format!("{text}; see marketswarm silence --help"))
}
