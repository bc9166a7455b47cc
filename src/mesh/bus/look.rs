//! The thread that looks, while all is quiet, who answers for a bus: a name may lead elsewhere without any connection to
//! the old server breaking. When nobody answers, the echoes tell more about the bus.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::bus::{Limits, Publisher, ServerIdentity};
use crate::fail_stop::lock;
use crate::service::Error;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(5);

/// The body of that thread.
pub struct Look {
    pub(super) publisher: Arc<Mutex<Arc<Publisher>>>,
    /// The server that the proven link goes to.
    pub(super) server: Arc<Mutex<Option<ServerIdentity>>>,
    pub(super) has_moved: Arc<AtomicBool>,
    /// Disconnected when the bus is heard no more.
    pub(super) ended: Receiver<()>,
}

impl Look {
    /// Looks until the bus is heard no more.
    pub fn run(self) -> Result<(), Error> {
        while self.ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
            let known = lock(&self.server).clone();
            let publisher = Arc::clone(&*lock(&self.publisher));
            if let Some(known) = known
                && let Ok(fresh) = publisher.look(&Limits::default())
                && known.is_other(&fresh)
            {
                self.has_moved.store(true, Ordering::SeqCst);
                publisher.publish("0");
            }
        }
        Ok(())
    }
}
