//! `marketswarm mesh events`: what happened, and what happens.

use std::process::ExitCode;
use std::time::Duration;

use super::{Words, system};
use crate::bus::Commands;
use crate::bus::stream::newest;
use crate::clock::{local_time, wall_secs};
use crate::contract::mesh::{EVENTS, Event};
use crate::env::Env;
use crate::service::{Error, is_reader_gone, stream};
use crate::swarm_state::registry::Registry;

/// Events of before that are shown.
const BEFORE: usize = 100;
/// How long one question waits.
const BLOCK: Duration = Duration::from_secs(1);

/// What is said where events do not follow one another.
const ANEW: &str = "the registry was written anew, or events were lost: all of it was read again\n";

/// Runs the command.
pub(super) fn run(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.none()?;
    let mut commands = system(env)?;
    let mut registry = Registry::read(&mut commands)?;
    let before = newest(&mut commands, EVENTS, BEFORE)?;
    let upto = registry.head.map(|head| (head.epoch, head.seq));
    for entry in before.iter().rev() {
        // What came after the reading is shown when it is followed.
        if words.follow && upto.is_some_and(|upto| (entry.id.ms, entry.id.seq) > upto) {
            break;
        }
        let event = entry.text("event");
        let event: Option<Event> = event.and_then(|text| serde_json::from_str(&text).ok());
        if let Some(event) = event
            && !stream(&line(&event, words.json))?
        {
            return Ok(ExitCode::SUCCESS);
        }
    }
    if words.follow {
        return follow(&mut registry, &mut commands, words.json);
    }
    Ok(ExitCode::SUCCESS)
}

fn follow(
    registry: &mut Registry,
    commands: &mut Commands,
    is_json: bool,
) -> Result<ExitCode, Error> {
    loop {
        let lines: Vec<String> = match registry.follow(commands, BLOCK)? {
            Some(events) => events.iter().map(|event| line(event, is_json)).collect(),
            None if is_json => Vec::new(),
            None => vec![ANEW.to_owned()],
        };
        for line in lines {
            if !stream(&line)? {
                return Ok(ExitCode::SUCCESS);
            }
        }
        if is_reader_gone() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn line(event: &Event, is_json: bool) -> String {
    if is_json {
        return format!("{}\n", event.to_json());
    }
    let time = local_time(event.ts, wall_secs());
    let kind = event.kind.as_str();
    match (&event.instance, &event.bus) {
        (Some(instance), _) => {
            let host = match &*instance.card.host {
                "" => String::new(),
                host => format!(" on {host}"),
            };
            format!("{time}  {kind:<9}  {}{host}\n", instance.field())
        }
        (None, Some(bus)) => format!("{time}  {kind:<9}  {bus}\n"),
        (None, None) => format!("{time}  {kind:<9}  epoch {}\n", event.epoch),
    }
}
