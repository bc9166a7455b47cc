//! A service whose own work is not there yet: it reads truth, beats, reloads and stops, and says that it is idle.

use super::{Error, Notice, Service};

/// The body of such a service.
///
/// # Errors
/// One of its threads ended.
pub fn idle(mut service: Service<Notice>) -> Result<(), Error> {
    service.beat.set_status(Some("idle"));
    log::info!("beating; no work of its own yet");
    while let Ok(notice) = service.events.recv() {
        match notice {
            Notice::Stop => break,
            Notice::Truth(truth) => {
                service.adopt(truth);
                log::info!("a new truth is in force");
            }
            Notice::ThreadEnded { name, error } => {
                return Err(Error::thread_ended(&name, error));
            }
            Notice::TruthRejected { .. } | Notice::TruthMissing | Notice::Message { .. } => {}
        }
    }
    Ok(())
}
