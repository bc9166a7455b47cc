//! The thread that keeps a link alive.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::channels::Channels;
use super::link::{Closer, Link, Polled, Sink};
use super::{Address, Backoff, BusError, Commands, Limits, check_subscriptions};
use crate::clock::Mono;
use crate::fail_stop::lock;

/// Changes of the wanted channels that may wait; when more do, the link is made anew with all of them.
const CHANGES_MAX: usize = 64;

/// A named thread that subscribes, reads, proves its subscription, and reconnects with growing pauses.
///
/// Everything it learns goes to its [`Sink`]. Dropping the handle ends the thread and waits for it.
pub struct Subscriber {
    shared: Arc<Shared>,
    changes: Sender<Change>,
    thread: Option<JoinHandle<()>>,
}

enum Change {
    Add(Channels),
    Remove(Channels),
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// Ends the link in use.
    closer: Mutex<Option<Closer>>,
}

impl Shared {
    fn close(&self) {
        if let Some(closer) = lock(&self.closer).as_ref() {
            closer.close();
        }
    }
}

impl Subscriber {
    /// Starts the thread `thread_name` on `address`; `client_name` is what `CLIENT LIST` shows.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn start(
        thread_name: &str,
        address: Address,
        client_name: &str,
        limits: Limits,
        payload_max: usize,
        sink: impl Sink,
    ) -> std::io::Result<Subscriber> {
        let shared = Arc::new(Shared::default());
        let (changes, inbox) = bounded(CHANGES_MAX);
        let mut worker = Worker {
            address,
            client_name: client_name.to_owned(),
            limits,
            payload_max,
            sink,
            shared: Arc::clone(&shared),
            inbox,
        };
        let thread = thread::Builder::new()
            .name(thread_name.to_owned())
            .spawn(move || worker.run())?;
        Ok(Subscriber {
            shared,
            changes,
            thread: Some(thread),
        })
    }

    /// Subscribes more channels. The sink must already list them; they are asked for when the thread next wakes, that
    /// is with the next message: publish an echo to have it at once.
    pub fn add(&self, channels: Channels) {
        self.change(Change::Add(channels));
    }

    /// Lets go of channels, likewise; of those that the sink does not want by then.
    pub fn remove(&self, channels: Channels) {
        self.change(Change::Remove(channels));
    }

    /// Drops the link and makes a new one, name look-up included.
    pub fn reconnect(&self) {
        self.shared.close();
    }

    /// Ends the thread and waits for it.
    pub fn stop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.close();
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic there has ended the process.
            let _ = thread.join();
        }
    }

    fn change(&self, change: Change) {
        if let Err(TrySendError::Full(_)) = self.changes.try_send(change) {
            self.reconnect();
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Worker<S> {
    address: Address,
    client_name: String,
    limits: Limits,
    payload_max: usize,
    sink: S,
    shared: Arc<Shared>,
    inbox: Receiver<Change>,
}

impl<S: Sink> Worker<S> {
    fn run(&mut self) {
        let mut backoff = Backoff::bus();
        while !self.stopped() {
            let Err(error) = self.keep(&mut backoff);
            if self.stopped() {
                break;
            }
            self.sink.lost(&error, Mono::now());
            // Parked rather than asleep, so that `stop` need not wait for the pause to pass.
            thread::park_timeout(backoff.next_pause());
        }
    }

    /// Makes a link and reads it until it breaks.
    fn keep(&mut self, backoff: &mut Backoff) -> Result<std::convert::Infallible, BusError> {
        let mut link = Link::open(
            &self.address,
            &self.client_name,
            &self.limits,
            self.payload_max,
        )?;
        *lock(&self.shared.closer) = Some(link.closer());
        if self.stopped() {
            // `stop` may have looked for a closer just before there was one.
            self.shared.close();
        }
        // The sink lists all channels anew: changes that were meant for the old link are in that list.
        while self.inbox.try_recv().is_ok() {}
        let mut first = true;
        loop {
            match link.poll(&mut self.sink)? {
                Polled::Settled => {
                    let mut commands = Commands::new(
                        self.address.clone(),
                        format!("{}:proof", self.client_name),
                        self.limits,
                    );
                    let proof = check_subscriptions(&link, &mut commands)?;
                    if std::mem::take(&mut first) {
                        // From here on the link may be silent for as long as it likes.
                        link.set_read_timeout(None)?;
                        backoff.reset();
                    }
                    self.sink.proven(&proof, Mono::now());
                }
                Polled::Read => {}
                Polled::Idle => {
                    let what = "confirming subscriptions".to_owned();
                    return Err(BusError::TimedOut {
                        address: self.address.to_string(),
                        what,
                    });
                }
            }
            self.apply_changes(&mut link)?;
        }
    }

    fn apply_changes(&mut self, link: &mut Link) -> Result<(), BusError> {
        while let Ok(change) = self.inbox.try_recv() {
            match change {
                Change::Add(channels) => link.subscribe(channels),
                Change::Remove(channels) => {
                    let mut unwanted = Channels::default();
                    let gone = channels.iter().filter(|c| !self.sink.is_wanted(c));
                    gone.for_each(|channel| unwanted.push(channel));
                    link.unsubscribe(&unwanted);
                }
            }
        }
        Ok(())
    }

    fn stopped(&self) -> bool {
        let connections = &self.address.context().connections;
        self.shared.stop.load(Ordering::SeqCst) || connections.is_ending()
    }
}
