//! The thread that looks at watched streams: its buses may hang, and nothing else is to wait for them.

use std::collections::HashMap;

use crossbeam_channel::Receiver;
use redis::cmd;

use super::work::{Found, Seen, Watched};
use crate::bus::stream::{Group, between, states};
use crate::bus::{Address, BusError, Commands, Limits};
use crate::clock::human;
use crate::service::Error;
use crate::text::SafeText;

/// Consumers that are named as idle.
const IDLERS_MAX: usize = 3;

/// What is to be looked at: where each bus is, or why that cannot be known.
#[derive(Clone, Default)]
pub struct Looks {
    pub streams: Vec<(Watched, Result<Address, BusError>)>,
}

/// The body of that thread.
pub struct Streams {
    looks: Receiver<Looks>,
    connections: HashMap<String, Commands>,
}

impl Streams {
    /// Looks at all that comes through `looks`.
    pub fn new(looks: Receiver<Looks>) -> Streams {
        Streams {
            looks,
            connections: HashMap::new(),
        }
    }

    /// Looks until nobody asks any more, and tells what was seen.
    ///
    /// # Errors
    /// None: a bus that does not answer is something that was seen.
    pub fn run(mut self, tell: impl Fn(Vec<(Watched, Seen)>)) -> Result<(), Error> {
        while let Ok(looks) = self.looks.recv() {
            let mut away: HashMap<String, String> = HashMap::new();
            let mut seen = Vec::with_capacity(looks.streams.len());
            for (watched, address) in looks.streams {
                // A bus that was away a moment ago is not waited for once more.
                let found = match away.get(&watched.bus) {
                    Some(why) => Seen::Away(why.clone()),
                    None => self.look(&watched, address),
                };
                if let Seen::Away(why) = &found {
                    away.insert(watched.bus.clone(), why.clone());
                }
                seen.push((watched, found));
            }
            tell(seen);
        }
        Ok(())
    }

    fn look(&mut self, watched: &Watched, address: Result<Address, BusError>) -> Seen {
        let address = match address {
            Ok(address) => address,
            Err(error) => return Seen::Away(error.to_string()),
        };
        let connection = self
            .connections
            .entry(watched.bus.clone())
            .or_insert_with(|| Commands::new(address.clone(), "mesh:streams", Limits::default()));
        connection.set_address(address);
        match see(connection, watched) {
            Ok(Some(found)) => Seen::There(found),
            Ok(None) => Seen::Gone,
            // A key that is no stream has no group either.
            Err(error) if error.to_string().contains("WRONGTYPE") => Seen::Gone,
            Err(error) if crate::bus::stream::is_no_group(&error) => Seen::Gone,
            Err(error) => Seen::Away(error.to_string()),
        }
    }
}

fn see(commands: &mut Commands, watched: &Watched) -> Result<Option<Found>, BusError> {
    let groups = states(commands, &watched.key)?;
    let Some(state) = groups.into_iter().find(|group| group.name == watched.group) else {
        return Ok(None);
    };
    let unread = between(commands, &watched.key, state.last_delivered, None, 1)?;
    let group = Group::new(&watched.key, &watched.group, "");
    let oldest_pending = match state.pending {
        0 => None,
        _ => group.oldest_pending(commands)?,
    };
    let idlers = match state.pending {
        0 => None,
        _ => idlers(commands, watched).ok().flatten(),
    };
    Ok(Some(Found {
        last_delivered: state.last_delivered,
        pending: state.pending,
        oldest_pending,
        oldest_unread: unread.first().map(|entry| entry.id),
        idlers,
    }))
}

/// Who has something in hand and did not move for longest, in words.
fn idlers(commands: &mut Commands, watched: &Watched) -> Result<Option<String>, BusError> {
    let mut ask = cmd("XINFO");
    ask.arg("CONSUMERS").arg(&watched.key).arg(&watched.group);
    let found: redis::streams::StreamInfoConsumersReply = commands.query(&ask)?;
    let mut busy: Vec<_> = found
        .consumers
        .into_iter()
        .filter(|c| c.pending > 0)
        .collect();
    busy.sort_by_key(|consumer| std::cmp::Reverse(consumer.idle));
    let words: Vec<String> = busy
        .iter()
        .take(IDLERS_MAX)
        .map(|consumer| {
            let idle = std::time::Duration::from_millis(consumer.idle as u64);
            format!(
                "{} idle for {}",
                SafeText::cut(&consumer.name, 64),
                human(idle)
            )
        })
        .collect();
    Ok((!words.is_empty()).then(|| words.join(", ")))
}
