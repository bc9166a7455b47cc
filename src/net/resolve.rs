//! Names become addresses, within bounds: the system's resolver knows no time limit and cannot be interrupted.
//!
//! Each look-up has a thread that ends when the system has answered. Whoever wants a name that is being looked up waits
//! for the same answer, so however often a name that hangs is asked for, it keeps one thread.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock};
use std::thread;
use std::time::Instant;

use crate::fail_stop::lock;
use crossbeam_channel::{Receiver, Sender, after, bounded, never, select};

/// Names looked up at once for the buses: truth names a handful of them.
const BUSES_MAX: usize = 16;
/// Names looked up at once for the rest: the hosts of feeds are many, and anybody's.
const OTHERS_MAX: usize = 64;
/// Addresses kept of one name.
const ADDRESSES_MAX: usize = 64;

/// For the buses: whatever else hangs, their places are not taken.
pub static BUSES: LazyLock<Resolver> = LazyLock::new(|| Resolver::new(BUSES_MAX, system));
/// For feeds, webhooks and mail.
pub static OTHERS: LazyLock<Resolver> = LazyLock::new(|| Resolver::new(OTHERS_MAX, system));

/// Looks names up, a bounded number at once.
pub struct Resolver(Arc<Shared>);

type LookUpFn = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

struct Shared {
    most: usize,
    look_up: Box<LookUpFn>,
    /// By name. Each entry is taken out by its thread.
    under_way: Mutex<HashMap<String, Arc<LookUp>>>,
}

/// One look-up.
struct LookUp {
    answer: OnceLock<Result<Vec<IpAddr>, String>>,
    /// Disconnected when the answer is there.
    done: Receiver<Infallible>,
}

/// Why there is no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolveError {
    /// The resolver has none.
    NotFound(String),
    /// No answer in time.
    TimedOut,
    /// So many names are being looked up that this one has to wait.
    Busy(usize),
    /// The caller gave up.
    GivenUp,
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResolveError::NotFound(reason) => f.write_str(reason),
            ResolveError::TimedOut => f.write_str("no answer in time"),
            ResolveError::Busy(most) => write!(f, "{most} names are being looked up already"),
            ResolveError::GivenUp => f.write_str("nobody waits for it any more"),
        }
    }
}

impl Resolver {
    /// One that has at most `most` names looked up by `look_up` at once.
    pub fn new(
        most: usize,
        look_up: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Resolver {
        Resolver(Arc::new(Shared {
            most,
            look_up: Box::new(look_up),
            under_way: Mutex::default(),
        }))
    }

    /// The addresses behind `host`, by `end` at the latest, and no later than `given_up` is disconnected.
    ///
    /// # Errors
    /// The name leads nowhere, too many names are being looked up, or nobody waits any more.
    pub fn resolve(
        &self,
        host: &str,
        port: u16,
        end: Instant,
        given_up: Option<&Receiver<()>>,
    ) -> Result<Vec<SocketAddr>, ResolveError> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let look_up = self.begin(host)?;
        let never = never();
        select! {
            recv(look_up.done) -> _ => {}
            recv(given_up.unwrap_or(&never)) -> _ => return Err(ResolveError::GivenUp),
            recv(after(end.saturating_duration_since(Instant::now()))) -> _ => {
                return Err(ResolveError::TimedOut);
            }
        }
        match look_up.answer.get() {
            Some(Ok(found)) if !found.is_empty() => {
                Ok(found.iter().map(|ip| SocketAddr::new(*ip, port)).collect())
            }
            Some(Err(reason)) => Err(ResolveError::NotFound(reason.clone())),
            _ => Err(ResolveError::NotFound("no address".to_owned())),
        }
    }

    /// Joins the look-up of `host` that is under way, or starts one.
    fn begin(&self, host: &str) -> Result<Arc<LookUp>, ResolveError> {
        let mut under_way = self.0.under_way();
        if let Some(look_up) = under_way.get(host) {
            return Ok(Arc::clone(look_up));
        }
        if under_way.len() >= self.0.most {
            return Err(ResolveError::Busy(self.0.most));
        }
        let (open, done) = bounded(0);
        let look_up = Arc::new(LookUp {
            answer: OnceLock::new(),
            done,
        });
        let end = End {
            shared: Arc::clone(&self.0),
            host: host.to_owned(),
            _open: open,
        };
        let told = Arc::clone(&look_up);
        thread::Builder::new()
            .name("resolve".to_owned())
            .spawn(move || {
                let found = (end.shared.look_up)(&end.host);
                let _ = told.answer.set(found.map_err(|e| e.to_string()));
            })
            .map_err(|e| ResolveError::NotFound(format!("no thread for it: {e}")))?;
        under_way.insert(host.to_owned(), Arc::clone(&look_up));
        Ok(look_up)
    }
}

impl Shared {
    fn under_way(&self) -> MutexGuard<'_, HashMap<String, Arc<LookUp>>> {
        lock(&self.under_way)
    }
}

/// The end of a look-up, however it comes: first nobody joins it any more, then all who wait are told.
struct End {
    shared: Arc<Shared>,
    host: String,
    _open: Sender<Infallible>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.shared.under_way().remove(&self.host);
    }
}

fn system(host: &str) -> io::Result<Vec<IpAddr>> {
    let found = (host, 0).to_socket_addrs()?;
    Ok(found.map(|found| found.ip()).take(ADDRESSES_MAX).collect())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A resolver that answers a name when it is released, and counts how often it was asked.
    fn slow(most: usize) -> (Resolver, Sender<()>, Arc<AtomicUsize>) {
        let (release, released) = bounded::<()>(100);
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let resolver = Resolver::new(most, move |host| {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = released.recv();
            match host {
                "nobody" => Err(io::Error::other("no such name")),
                "empty" => Ok(Vec::new()),
                _ => Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]),
            }
        });
        (resolver, release, asked)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(20)
    }

    fn late() -> Instant {
        Instant::now() + PATIENCE
    }

    #[test]
    fn fifty_attempts_at_a_name_that_hangs_keep_one_thread() {
        let (resolver, release, asked) = slow(8);
        for _ in 0..50 {
            assert_eq!(
                resolver.resolve("a", 1, soon(), None),
                Err(ResolveError::TimedOut)
            );
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        thread::scope(|scope| {
            let waiters: Vec<_> = (0..10u16)
                .map(|port| {
                    (
                        port,
                        scope.spawn({
                            let resolver = &resolver;
                            move || resolver.resolve("a", port, late(), None)
                        }),
                    )
                })
                .collect();
            // Whoever comes after an answer asks anew: as many answers as could be asked for.
            for _ in 0..=waiters.len() {
                release.send(()).expect("there is room");
            }
            for (port, waiter) in waiters {
                let found = waiter.join().expect("no panic");
                assert_eq!(
                    found,
                    Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))])
                );
            }
        });
        assert!(resolver.0.under_way().is_empty());
    }

    #[test]
    fn names_beyond_the_limit_are_refused_until_one_has_ended() {
        let (resolver, release, asked) = slow(3);
        for name in ["a", "b", "c"] {
            assert_eq!(
                resolver.resolve(name, 1, soon(), None),
                Err(ResolveError::TimedOut)
            );
        }
        assert_eq!(
            resolver.resolve("d", 1, late(), None),
            Err(ResolveError::Busy(3))
        );
        assert_eq!(
            resolver
                .resolve("127.0.0.1", 1, soon(), None)
                .map(|all| all.len()),
            Ok(1)
        );
        drop(release);
        // The places are free once the threads have ended.
        let end = late();
        while resolver.resolve("d", 1, late(), None).is_err() {
            assert!(Instant::now() < end);
            thread::yield_now();
        }
        assert!(asked.load(Ordering::SeqCst) >= 4);
    }

    #[test]
    fn an_answer_of_before_is_not_given_again() {
        let (resolver, release, asked) = slow(3);
        drop(release);
        for _ in 0..3 {
            resolver.resolve("a", 1, late(), None).expect("an address");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 3);
        let nobody = resolver.resolve("nobody", 1, late(), None);
        assert_eq!(
            nobody,
            Err(ResolveError::NotFound("no such name".to_owned()))
        );
        let empty = resolver.resolve("empty", 1, late(), None);
        assert_eq!(empty, Err(ResolveError::NotFound("no address".to_owned())));
    }

    #[test]
    fn who_gives_up_waits_no_longer_and_a_panic_frees_the_place() {
        let (resolver, _release, _) = slow(1);
        let (open, given_up) = bounded::<()>(0);
        drop(open);
        let found = resolver.resolve("a", 1, late(), Some(&given_up));
        assert_eq!(found, Err(ResolveError::GivenUp));

        let resolver = Resolver::new(1, |_| panic!("as planned"));
        for _ in 0..3 {
            let found = resolver.resolve("a", 1, late(), None);
            assert!(matches!(found, Err(ResolveError::NotFound(_))), "{found:?}");
        }
    }
}
