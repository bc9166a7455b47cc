//! A word to systemd: readiness, the watchdog, more time.
//!
//! The protocol is one datagram to `$NOTIFY_SOCKET`:
//! <https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html>. Without the variable everything here
//! does nothing.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::env::Env;

/// The service manager that started this process, if one did. Clones speak to the same.
#[derive(Clone, Default)]
pub struct ServiceManager {
    link: Option<Arc<Link>>,
}

struct Link {
    socket: UnixDatagram,
    address: SocketAddr,
    watchdog: Option<Duration>,
    ready: AtomicBool,
}

impl ServiceManager {
    /// Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub fn from_env(env: &Env) -> ServiceManager {
        let get = |name| env.get(name).ok().flatten();
        let link = get("NOTIFY_SOCKET").and_then(|path| {
            let address = match path.strip_prefix('@') {
                Some(name) => SocketAddr::from_abstract_name(name.as_bytes()).ok()?,
                None => SocketAddr::from_pathname(&path).ok()?,
            };
            let mine = get("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
            let watchdog = get("WATCHDOG_USEC")
                .filter(|_| mine)
                .and_then(|t| t.parse().ok())
                .filter(|us| *us > 0)
                .map(Duration::from_micros);
            let socket = UnixDatagram::unbound().ok()?;
            socket.set_nonblocking(true).ok()?;
            Some(Arc::new(Link {
                socket,
                address,
                watchdog,
                ready: AtomicBool::new(false),
            }))
        });
        ServiceManager { link }
    }

    /// How often to pet the watchdog: half of its limit.
    pub fn watchdog_period(&self) -> Option<Duration> {
        self.link.as_ref()?.watchdog.map(|limit| limit / 2)
    }

    /// The service does its work. Said once; later calls do nothing.
    pub fn ready(&self) {
        if let Some(link) = &self.link
            && !link.ready.swap(true, Ordering::SeqCst)
        {
            self.say("READY=1");
        }
    }

    /// Still alive, and making progress.
    pub fn pet(&self) {
        self.say("WATCHDOG=1");
    }

    /// Start-up takes longer than planned, and for a reason: `status` says which.
    pub fn wait(&self, more: Duration, status: &str) {
        self.say(&format!(
            "EXTEND_TIMEOUT_USEC={}\nWATCHDOG=1\nSTATUS={status}",
            more.as_micros()
        ));
    }

    /// What `systemctl status` shows.
    pub fn status(&self, text: &str) {
        self.say(&format!("STATUS={text}"));
    }

    /// The service is on its way out.
    pub fn stopping(&self) {
        self.say("STOPPING=1");
    }

    fn say(&self, text: &str) {
        if let Some(link) = &self.link {
            // Losing a word to systemd is no reason to stop working.
            let _ = link.socket.send_to_addr(text.as_bytes(), &link.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_said_once_and_the_watchdog_is_petted_at_half_its_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let server = UnixDatagram::bind(&path).expect("bound");
        let env = Env::from_pairs([
            ("NOTIFY_SOCKET", path.to_str().expect("utf-8")),
            ("WATCHDOG_USEC", "30000000"),
        ]);
        let service_manager = ServiceManager::from_env(&env);
        assert_eq!(
            service_manager.watchdog_period(),
            Some(Duration::from_secs(15))
        );
        service_manager.ready();
        service_manager.ready();
        service_manager.pet();
        let mut buf = [0; 64];
        let mut heard = || {
            let n = server.recv(&mut buf).expect("a datagram");
            String::from_utf8_lossy(&buf[..n]).into_owned()
        };
        assert_eq!(
            (heard(), heard()),
            ("READY=1".to_owned(), "WATCHDOG=1".to_owned())
        );
    }
}
