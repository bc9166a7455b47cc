//! Named threads that somebody joins, and whose end is an event.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{SendTimeoutError, Sender};

use super::{Error, Notice};
use crate::bus::ConnectionRegistry;

/// The threads of a daemon. Dropping the group waits for all of them; each must know by itself when to stop.
pub struct ThreadGroup<E> {
    sender: Sender<E>,
    threads: Vec<JoinHandle<()>>,
    /// Knows when the process was told to stop.
    connections: ConnectionRegistry,
    /// From here on nobody needs to be told of an end.
    closing: Arc<AtomicBool>,
}

/// How long the end of a thread waits for room before it looks whether anybody still wants to know.
const LOOK_UP: Duration = Duration::from_millis(50);

/// Puts `event` on a queue that may be full, unless nobody takes from it any more.
pub fn deliver<E>(sender: &Sender<E>, mut event: E, closing: &AtomicBool) {
    while let Err(SendTimeoutError::Timeout(back)) = sender.send_timeout(event, LOOK_UP) {
        if closing.load(Ordering::SeqCst) {
            return;
        }
        event = back;
    }
}

impl<E: From<Notice> + Send + 'static> ThreadGroup<E> {
    /// A group whose ends are told to `sender`. Once `connections` ends, only those that failed are: whoever hears first
    /// that the process is to stop ends first, and the word to stop may come behind that.
    pub fn new(sender: Sender<E>, connections: ConnectionRegistry) -> ThreadGroup<E> {
        ThreadGroup {
            sender,
            threads: Vec::new(),
            connections,
            closing: Arc::default(),
        }
    }

    /// Starts `body` on a thread called `name`.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn spawn(
        &mut self,
        name: &str,
        body: impl FnOnce() -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        let end = End {
            name: name.to_owned(),
            sender: self.sender.clone(),
            connections: self.connections.clone(),
            closing: Arc::clone(&self.closing),
        };
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || end.tell(body().err().map(|e| e.to_string())));
        self.threads.retain(|t| !t.is_finished());
        self.threads
            .push(thread.map_err(|e| Error::Other(format!("cannot start thread {name}: {e}")))?);
        Ok(())
    }
}

impl<E> Drop for ThreadGroup<E> {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            // A panic there has ended the process.
            let _ = thread.join();
        }
    }
}

/// Tells the end of a thread. One that panics takes the process with it (see [`crate::fail_stop`]).
struct End<E> {
    name: String,
    sender: Sender<E>,
    connections: ConnectionRegistry,
    closing: Arc<AtomicBool>,
}

impl<E: From<Notice>> End<E> {
    fn tell(self, error: Option<String>) {
        if error.is_none() && self.connections.is_ending() {
            return;
        }
        let notice = Notice::ThreadEnded {
            name: self.name,
            error,
        };
        // Also to a loop whose queue is full: it would never learn why nobody works for it any more.
        deliver(&self.sender, E::from(notice), &self.closing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_thread_waits_for_room_while_the_loop_has_much_to_do() {
        let (sender, events) = crossbeam_channel::bounded::<Notice>(1);
        sender.send(Notice::TruthMissing).expect("room");
        let mut threads = ThreadGroup::new(sender, ConnectionRegistry::default());
        threads.spawn("worker", || Ok(())).expect("started");
        let began = std::time::Instant::now();
        // Long enough for the thread to have found the queue full.
        while began.elapsed() < 3 * LOOK_UP {
            thread::yield_now();
        }
        assert!(matches!(events.recv(), Ok(Notice::TruthMissing)));
        let told = events.recv_timeout(Duration::from_secs(10)).expect("told");
        assert!(matches!(told, Notice::ThreadEnded { .. }), "{told:?}");
        // One that ends when nobody looks any more keeps nobody waiting.
        threads.sender.send(Notice::TruthMissing).expect("room");
        threads.spawn("late", || Ok(())).expect("started");
        drop(threads);
    }

    #[test]
    fn while_the_process_stops_only_a_failure_is_an_event() {
        let (sender, events) = crossbeam_channel::bounded::<Notice>(4);
        let connections = ConnectionRegistry::default();
        let mut threads = ThreadGroup::new(sender, connections.clone());
        connections.end();
        threads.spawn("worker", || Ok(())).expect("started");
        let failure = || Err(Error::Other("no disk".into()));
        threads.spawn("store", failure).expect("started");
        let told = events.recv_timeout(Duration::from_secs(10));
        let is_store = matches!(&told, Ok(Notice::ThreadEnded { name, .. }) if name == "store");
        assert!(is_store, "{told:?}");
        drop(threads);
        assert!(events.try_recv().is_err(), "the other ended as it should");
    }

    #[test]
    fn a_thread_that_ends_is_an_event_and_says_why() {
        let (sender, events) = crossbeam_channel::bounded::<Notice>(4);
        let mut threads = ThreadGroup::new(sender, ConnectionRegistry::default());
        threads
            .spawn("worker", || Err(Error::Other("no disk".into())))
            .expect("started");
        let told = events
            .recv_timeout(Duration::from_secs(10))
            .expect("an event");
        assert!(
            matches!(&told, Notice::ThreadEnded { name, error: Some(e) } if name == "worker" && e == "no disk"),
            "{told:?}"
        );
    }
}
