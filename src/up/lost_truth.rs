//! Notices that a bus of ours lost its truth, as one does whose data is gone, and remembers what was in force.

use std::time::Duration;

use crossbeam_channel::Sender;

use super::event::Event;
use crate::bus::{Address, Commands, Limits};
use crate::contract::TRUTH_KEY;
use crate::env::Env;
use crate::sections::SCHEMAS;
use crate::service::Error;
use crate::swarm_state::{Document, Periodic, TruthSource};
use crate::truth::{Defaults, Rules, Truth};

/// How often each bus is asked.
const PERIOD: Duration = Duration::from_secs(1);
/// For an answer from this machine.
const PATIENCE: Duration = Duration::from_millis(200);

/// One bus that is asked.
struct Asked {
    name: &'static str,
    source: TruthSource,
    /// A truth was there at the last answer: one that never had any, as where truth puts a bus elsewhere, lost none.
    had: bool,
    /// It is gone, which is still to be told.
    is_lost: bool,
}

impl Asked {
    /// The document, if it was written since the last look. A bus that is away is told by others, and asked again.
    fn look(&mut self) -> Option<Vec<u8>> {
        if !matches!(self.source.was_written(), Ok(true)) {
            return None;
        }
        match self.source.read() {
            Ok(Document::Text(text)) => {
                (self.had, self.is_lost) = (true, false);
                Some(text)
            }
            Ok(Document::Missing) => {
                self.is_lost |= std::mem::take(&mut self.had);
                None
            }
            Ok(Document::TooLong(_)) | Err(_) => None,
        }
    }
}

/// Asks the buses of these names and addresses until it is dropped. The first is the one whose truth is in force.
pub(super) fn look_for(
    buses: Vec<(&'static str, Address)>,
    env: &Env,
    sender: Sender<Event>,
) -> Result<Periodic, Error> {
    let limits = Limits {
        connect: PATIENCE,
        read: PATIENCE,
    };
    let key = env.text("TRUTH_REDIS_KEY", TRUTH_KEY)?;
    let asked = |(name, address)| Asked {
        name,
        source: TruthSource::new(
            Commands::new(address, "marketswarm:lost-truth", limits),
            key.clone(),
        ),
        had: false,
        is_lost: false,
    };
    let mut all: Vec<Asked> = buses.into_iter().map(asked).collect();
    let rules = Rules::strict(Defaults::from_env(env)?, SCHEMAS);
    let mut in_force = None;
    let mut look = move || {
        // The first is looked at last: what is in force is then no older than any loss that was found.
        for (nth, bus) in all.iter_mut().enumerate().rev() {
            if let Some(text) = bus.look()
                && nth == 0
                && Truth::parse(&text, rules).is_ok()
            {
                in_force = Some(text);
            }
        }
        for bus in &mut all {
            // Told again at the next look, if there is no room now.
            bus.is_lost = bus.is_lost
                && sender
                    .try_send(Event::LostTruth(bus.name, in_force.clone()))
                    .is_err();
        }
        true
    };
    // Both were seeded a moment ago: what they lose from now on is noticed.
    look();
    Ok(Periodic::start("lost-truth", PERIOD, look)?)
}
