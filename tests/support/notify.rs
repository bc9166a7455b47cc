//! What a service manager would hear.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A `$NOTIFY_SOCKET`.
pub struct NotifySocket {
    socket: UnixDatagram,
    path: PathBuf,
    _folder: TempDir,
}

impl NotifySocket {
    pub fn new() -> NotifySocket {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        NotifySocket {
            socket: UnixDatagram::bind(&path).unwrap(),
            path,
            _folder: folder,
        }
    }

    /// The value of the variable.
    pub fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// The next datagram, or `None` when none comes in time.
    pub fn next(&self, within: Duration) -> Option<String> {
        let end = Instant::now() + within;
        let mut buf = [0; 4096];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let left = left.max(Duration::from_millis(1));
            self.socket.set_read_timeout(Some(left)).unwrap();
            match self.socket.recv(&mut buf) {
                Ok(n) => return Some(String::from_utf8_lossy(&buf[..n]).into_owned()),
                // A process that was stopped and goes on finds its wait cut short.
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }

    /// Waits for a datagram with this line start, passing over others, and gives it.
    #[track_caller]
    pub fn wait_for(&self, start: &str, within: Duration) -> String {
        let end = Instant::now() + within;
        let mut passed_over = Vec::new();
        while let Some(said) = self.next(end.saturating_duration_since(Instant::now())) {
            if said.lines().any(|l| l.starts_with(start)) {
                return said;
            }
            passed_over.push(said);
        }
        panic!("`{start}` was not said within {within:?}, only {passed_over:?}");
    }
}
