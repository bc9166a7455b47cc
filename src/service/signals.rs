//! Signals as events.

use std::fs;
use std::thread;
use std::time::Duration;

use crossbeam_channel::Sender;
use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::Cause;

use super::Error;
use crate::clock::Mono;

/// The same wish to end within this time is one: `timeout` signals a process and then its whole group.
const ONE_WISH: Duration = Duration::from_millis(100);

/// A signal that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its number, as in signal(7).
    pub signal: i32,
    /// The kernel sent it, as it does for a key of the terminal: everybody in the foreground got it. A process sent it
    /// otherwise.
    pub by_kernel: bool,
}

/// The signals that this process handles, one after the other.
pub struct Signals {
    signals: SignalsInfo<WithOrigin>,
    wishes: Wishes,
}

impl Signals {
    /// From now on `signals` wait to be taken. One that whoever started us blocked is let through from now on, in this
    /// thread and in those that it starts: else it would never come.
    ///
    /// # Errors
    /// When they cannot be handled.
    pub fn of(signals: &[i32]) -> Result<Signals, Error> {
        let handled = SignalsInfo::new(signals)?;
        set_of(signals)
            .thread_unblock()
            .map_err(std::io::Error::from)?;
        Ok(Signals {
            signals: handled,
            wishes: Wishes::default(),
        })
    }

    /// Waits for the next one.
    pub fn wait(&mut self) -> Option<Received> {
        loop {
            let origin = self.signals.forever().next()?;
            if self.wishes.is_new(origin.signal, Mono::now()) {
                return Some(Received {
                    signal: origin.signal,
                    by_kernel: origin.cause == Cause::Kernel,
                });
            }
        }
    }
}

/// From now on `signals` come as events.
///
/// # Errors
/// When they cannot be handled.
pub fn signals_to<E: Send + 'static>(
    sender: Sender<E>,
    signals: &[i32],
    event: impl Fn(Received) -> E + Send + 'static,
) -> Result<(), Error> {
    let mut signals = Signals::of(signals)?;
    // Never joined: it waits for signals until the process ends.
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            while let Some(received) = signals.wait() {
                if sender.send(event(received)).is_err() {
                    break;
                }
            }
        })?;
    Ok(())
}

/// The signals of the system by their numbers; what is none is left out.
pub fn set_of(signals: &[i32]) -> SigSet {
    let named = signals.iter().filter_map(|&n| Signal::try_from(n).ok());
    named.collect()
}

/// Those of `signals` that whoever started us did not make us ignore: under nohup a hang-up means nothing, to a
/// background job of a shell Ctrl-C does not, and that must stay so for us and for what we start.
pub fn not_ignored(signals: &[i32]) -> Vec<i32> {
    let ignored = ignored_signals();
    let is_heard = |signal: &i32| ignored & (1 << (signal - 1)) == 0;
    signals.iter().copied().filter(is_heard).collect()
}

/// The signals that this process ignores, a bit each: the lowest is signal 1.
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.map_or(0, |mask| u64::from_str_radix(mask.trim(), 16).unwrap_or(0))
}

/// When each wish to end was last taken.
#[derive(Default)]
struct Wishes([Option<Mono>; 4]);

impl Wishes {
    /// Whether `signal` is more than an echo of the same wish. What is no wish to end always is.
    fn is_new(&mut self, signal: i32, now: Mono) -> bool {
        let all = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];
        let Some(place) = all.iter().position(|&wish| wish == signal) else {
            return true;
        };
        let is_new = self.0[place].is_none_or(|taken| now.since(taken) >= ONE_WISH);
        if is_new {
            self.0[place] = Some(now);
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::consts::SIGCHLD;

    #[test]
    fn the_same_wish_twice_within_a_moment_is_one() {
        let at = |ms| Mono(0) + Duration::from_millis(ms);
        let mut wishes = Wishes::default();
        assert!(wishes.is_new(SIGINT, at(1000)));
        assert!(!wishes.is_new(SIGINT, at(1099)));
        assert!(wishes.is_new(SIGTERM, at(1099)), "another wish");
        assert!(wishes.is_new(SIGINT, at(1100)), "a second Ctrl-C");
        assert!(wishes.is_new(SIGCHLD, at(1100)));
        assert!(wishes.is_new(SIGCHLD, at(1100)), "another child ended");
    }
}
