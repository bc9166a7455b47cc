//! Wakes the thread of a server.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};

/// Wakes a server from another thread. Clones wake the same one.
#[derive(Clone, Debug)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    /// A waker for one server.
    ///
    /// # Errors
    /// When the system has no room for it.
    pub fn new() -> io::Result<Waker> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Waker(Arc::new(fd)))
    }

    /// Makes the server take a turn. Several calls before it does are one.
    pub fn wake(&self) {
        // A counter that is full wakes it as well.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }

    /// What becomes readable when it wakes.
    pub(super) fn fd(&self) -> &OwnedFd {
        &self.0
    }

    /// It has woken the server.
    pub(super) fn clear(&self) {
        let _ = rustix::io::read(&*self.0, &mut [0u8; 8]);
    }
}
