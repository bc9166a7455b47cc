//! Named threads that somebody joins, and whose end is an event.

use std::thread::{self, JoinHandle};

use crossbeam_channel::Sender;

use super::{Error, Notice};

/// The threads of a daemon. Dropping the crew waits for all of them; each must know by itself when to stop.
pub struct Crew<E> {
    sender: Sender<E>,
    threads: Vec<JoinHandle<()>>,
}

impl<E: From<Notice> + Send + 'static> Crew<E> {
    /// A crew whose ends are told to `sender`.
    pub fn new(sender: Sender<E>) -> Crew<E> {
        Crew {
            sender,
            threads: Vec::new(),
        }
    }

    /// Starts `body` on a thread called `name`.
    pub fn spawn(
        &mut self,
        name: &str,
        body: impl FnOnce() -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        let end = End {
            name: name.to_owned(),
            error: Some("it panicked".into()),
            sender: self.sender.clone(),
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            // The whole of it moves in here, and is dropped here.
            let mut end = end;
            end.error = body().err().map(|e| e.to_string());
        });
        self.threads.retain(|t| !t.is_finished());
        self.threads
            .push(thread.map_err(|e| Error::Other(format!("cannot start thread {name}: {e}")))?);
        Ok(())
    }
}

impl<E> Drop for Crew<E> {
    fn drop(&mut self) {
        for thread in self.threads.drain(..) {
            // A panic there has been told as the thread's end.
            let _ = thread.join();
        }
    }
}

/// Tells the end of a thread, however it came.
struct End<E: From<Notice>> {
    name: String,
    error: Option<String>,
    sender: Sender<E>,
}

impl<E: From<Notice>> Drop for End<E> {
    fn drop(&mut self) {
        let notice = Notice::ThreadEnded {
            name: std::mem::take(&mut self.name),
            error: self.error.take(),
        };
        // While the daemon stops, its queue may be full for good: then nobody needs the news.
        let _ = self.sender.try_send(E::from(notice));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_thread_that_ends_is_an_event_and_says_why() {
        let (sender, events) = crossbeam_channel::bounded::<Notice>(4);
        let mut crew = Crew::new(sender);
        crew.spawn("worker", || Err(Error::Other("no disk".into())))
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
