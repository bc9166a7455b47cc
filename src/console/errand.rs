//! What is to be read or done on a bus in a request's name. One thread for each of the two buses, and a queue before it: a
//! bus with data that is slow keeps nobody from silencing an alert.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::answer::WITHIN;
use super::ask::{Actor, Ask};
use super::report::{Question, Reporter};
use super::shared::Shared;
use crate::clock::Mono;
use crate::http::Ticket;
use crate::service::{Error, Progress};

/// Errands that may wait for each thread.
const WAITING_MAX: usize = 64;
/// One errand takes no longer: a few waits for a bus.
pub const BUDGET: Duration = Duration::from_secs(60);

/// One errand.
pub struct Errand {
    pub ticket: Ticket,
    /// When it was asked for.
    pub asked: Mono,
    pub what: What,
}

/// What there is to do.
pub enum What {
    Act(Ask),
    Show(Question),
}

/// Takes errands. Clones hand them to the same threads.
#[derive(Clone)]
pub struct Errands {
    /// Those on the system bus, and on the bus that carries data.
    system: Sender<Errand>,
    data: Sender<Errand>,
}

impl Errands {
    /// Something to hand errands to, and where those for the system bus and for the other wait.
    pub fn new() -> (Errands, [Receiver<Errand>; 2]) {
        let (system, for_system) = bounded(WAITING_MAX);
        let (data, for_data) = bounded(WAITING_MAX);
        (Errands { system, data }, [for_system, for_data])
    }

    /// Lets an errand wait its turn.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn offer(&self, errand: Errand) -> Result<(), &'static str> {
        let queue = match &errand.what {
            What::Show(question) if question.topic.is_data() => &self.data,
            What::Show(_) | What::Act(_) => &self.system,
        };
        queue.try_send(errand).map_err(|error| match error {
            TrySendError::Full(_) => "too much is asked for at once; ask again",
            TrySendError::Disconnected(_) => "the console is ending, or has found no truth yet",
        })
    }
}

/// The state of a thread that runs errands.
pub struct Runner {
    pub queue: Receiver<Errand>,
    pub shared: Arc<Shared>,
    pub actor: Actor,
    pub reporter: Reporter,
    pub progress: Progress,
}

impl Runner {
    /// Runs errands until nobody can ask any more.
    ///
    /// # Errors
    /// None.
    pub fn run(mut self) -> Result<(), Error> {
        while let Ok(errand) = self.queue.recv() {
            let now = Mono::now();
            if now.since(errand.asked) > WITHIN {
                continue;
            }
            let progress = self.progress.clone();
            let work = progress.working();
            let response = match errand.what {
                What::Act(ask) => self.actor.answer(&ask),
                What::Show(question) => self.reporter.answer(question, now),
            };
            drop(work);
            self.shared.answer(errand.ticket, response);
        }
        Ok(())
    }
}
