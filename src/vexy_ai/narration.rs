//! A thread that sums up what was found, when truth wants it.

use std::sync::Arc;
use std::time::Duration;

use super::Event;
use super::context::{Context, Trouble};
use super::digest::Narrator;
use crate::bus::{Commands, Limits};
use crate::clock::wall_secs;
use crate::service::{Error, Progress};

/// How often it looks at truth, the clock and the log.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A digest reads some thousand analyses.
pub const PROGRESS_BUDGET: Duration = Duration::from_secs(20);
/// Whose the fault is.
const WHO: &str = "digest";

/// The thread.
pub struct Narration {
    context: Arc<Context>,
    narrator: Narrator,
    bus: Commands,
    progress: Progress,
    trouble: Trouble,
    /// What was told of a truth that cannot be followed.
    fault: Option<String>,
}

impl Narration {
    /// One that has said nothing yet.
    pub fn new(context: Arc<Context>, progress: Progress) -> Narration {
        let setup = context.setup();
        let name = format!("{}:digest", context.name);
        Narration {
            narrator: Narrator::new(&setup.config.digest),
            bus: Commands::new(setup.address.clone(), name, Limits::default()),
            progress,
            trouble: Trouble::new(WHO),
            fault: None,
            context,
        }
    }

    /// Works until everything is to end.
    ///
    /// # Errors
    /// None: what fails is tried again.
    pub fn run(mut self) -> Result<(), Error> {
        while !self.context.is_over() {
            let setup = self.context.setup();
            self.bus.set_address(setup.address.clone());
            self.narrator.configure(&setup.config.digest);
            self.tell_fault();
            let progress = self.progress.clone();
            let working = progress.working();
            let done = self.narrator.work(&mut self.bus, wall_secs());
            drop(working);
            let pause = match done {
                Ok(said) => {
                    if said > 0 {
                        log::info!("{said} messages were said on vexy:playbyplay");
                    }
                    self.trouble.is_over(&self.context);
                    Duration::ZERO
                }
                Err(error) => self.trouble.with_store(&error, &self.context),
            };
            self.context.wait(pause.max(LOOK_EVERY));
        }
        Ok(())
    }

    /// Says once that a truth cannot be followed, and once that it can.
    fn tell_fault(&mut self) {
        let fault = self.narrator.fault();
        if fault != self.fault {
            let (who, why) = (format!("{WHO}.tz"), fault.clone());
            self.context.tell(Event::Trouble { who, why });
            self.fault = fault;
        }
    }
}
