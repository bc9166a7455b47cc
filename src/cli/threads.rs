//! Threads that the commands share: one that hands on signals, one that does something again and again.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use signal_hook::iterator::Signals;

use crate::service::Error;

/// From now on `signals` come as events.
pub(super) fn signals_to<E: Send + 'static>(
    sender: Sender<E>,
    signals: &[i32],
    event: impl Fn(i32) -> E + Send + 'static,
) -> Result<(), Error> {
    let mut signals = Signals::new(signals)?;
    // Never joined: it waits for signals until the process ends.
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                if sender.send(event(signal)).is_err() {
                    break;
                }
            }
        })?;
    Ok(())
}

/// A thread that works at once and then again and again, until it is dropped or its work says that it is done.
pub(super) struct Every {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Every {
    /// `work` answers whether to go on.
    pub(super) fn start(
        name: &str,
        pause: Duration,
        mut work: impl FnMut() -> bool + Send + 'static,
    ) -> std::io::Result<Every> {
        let (stop, stopped) = bounded::<()>(0);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                while work() {
                    match stopped.recv_timeout(pause) {
                        Err(RecvTimeoutError::Timeout) => {}
                        Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
            })?;
        Ok(Every {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Every {
    /// Tells it to stop; whether it ends within `span`.
    pub(super) fn ends_within(&mut self, span: Duration) -> bool {
        self.stop = None;
        let end = Instant::now() + span;
        while !self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            if Instant::now() >= end {
                return false;
            }
            thread::sleep(Duration::from_millis(2));
        }
        true
    }
}

impl Drop for Every {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the panic hook already.
            let _ = thread.join();
        }
    }
}
