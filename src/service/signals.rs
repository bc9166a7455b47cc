//! Signals as events.

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
