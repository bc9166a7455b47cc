//! Signals as events.

use std::fs;
use std::thread;

use crossbeam_channel::Sender;
use signal_hook::iterator::Signals;

use super::Error;

/// From now on `signals` come as events.
pub fn signals_to<E: Send + 'static>(
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
