//! All connections of one process to its buses: who answers at the other end of each, and when they must end.
//!
//! Every connection is made through the connection registry that its [`Address`](super::Address) carries. So one that finds
//! another server than before behind a name takes all others of that address with it, and a process that is told to
//! stop waits for no bus, however many threads wait for one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::ServerIdentity;
use crate::clock::Mono;
use crate::fail_stop::lock;

/// How long an answer may take once the process was told to stop.
const LAST_ANSWER: Duration = Duration::from_millis(300);

/// What is said of servers at most, in the life of a process.
const SAID_MAX: usize = 100;

/// Clones are the same connections.
#[derive(Clone)]
pub struct ConnectionRegistry(Arc<Shared>);

struct Shared {
    known: Mutex<Known>,
    /// Dropped when the process is told to stop.
    ending: Mutex<Option<Sender<()>>>,
    ended: Receiver<()>,
    is_ending: Arc<AtomicBool>,
}

#[derive(Default)]
struct Known {
    /// Numbers the connections in the order in which they were begun.
    count: u64,
    open: Vec<Weak<Socket>>,
    /// Who answered last, by host and port: of those to which a connection leads.
    servers: BTreeMap<(String, u16), ServerIdentity>,
    /// What was said of servers, each once. When it is full, nothing more is said.
    said: BTreeSet<String>,
}

/// One connection, or the attempt at one.
pub(super) struct Socket {
    pub(super) tcp: TcpStream,
    number: u64,
    peer: (String, u16),
    /// When the wait that it is in began, in microseconds; 0 while it is in none.
    busy_since: AtomicU64,
    /// It only listens: nobody would find out that its time is over.
    listens: AtomicBool,
    /// Another server answers where it once led.
    is_stale: AtomicBool,
    /// The process was told to stop.
    is_ending: Arc<AtomicBool>,
}

impl Default for ConnectionRegistry {
    fn default() -> ConnectionRegistry {
        let (sender, ended) = bounded(0);
        ConnectionRegistry(Arc::new(Shared {
            known: Mutex::default(),
            ending: Mutex::new(Some(sender)),
            ended,
            is_ending: Arc::default(),
        }))
    }
}

impl ConnectionRegistry {
    /// To be called when the process is told to stop. From here on no connection is made, those that only listen are
    /// closed, and an answer may take 300 ms: [`cut`](ConnectionRegistry::cut) ends the waits that are under way by then.
    pub fn end(&self) {
        self.0.is_ending.store(true, Ordering::SeqCst);
        *lock(&self.0.ending) = None;
        for socket in self.open() {
            if socket.listens.load(Ordering::SeqCst) {
                socket.close();
            }
        }
    }

    /// Lets waits that began before [`end`](ConnectionRegistry::end) have their time, then breaks the connections that still wait.
    pub fn cut(&self) {
        let told = Mono::now().0;
        std::thread::sleep(LAST_ANSWER);
        for socket in self.open() {
            let since = socket.busy_since.load(Ordering::SeqCst);
            if since != 0 && since <= told {
                socket.close();
            }
        }
    }

    /// Whether the process was told to stop.
    pub fn is_ending(&self) -> bool {
        self.0.is_ending.load(Ordering::SeqCst)
    }

    /// Waits for `pause`, or less when the process is told to stop; whether it was.
    pub fn wait(&self, pause: Duration) -> bool {
        self.0.ended.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected)
    }

    /// Disconnected when the process is told to stop.
    pub(super) fn ended(&self) -> &Receiver<()> {
        &self.0.ended
    }

    /// How long an answer may take that may take `usual` in quiet times.
    pub(super) fn patience(&self, usual: Duration) -> Duration {
        if self.is_ending() {
            usual.min(LAST_ANSWER)
        } else {
            usual
        }
    }

    /// Takes in a socket that is about to be connected to `host` and `port`.
    pub(super) fn enlist(&self, tcp: TcpStream, host: &str, port: u16) -> Arc<Socket> {
        let mut known = self.known();
        known.count += 1;
        let socket = Arc::new(Socket {
            tcp,
            number: known.count,
            peer: (host.to_owned(), port),
            busy_since: AtomicU64::new(0),
            listens: AtomicBool::new(false),
            is_stale: AtomicBool::new(false),
            is_ending: Arc::clone(&self.0.is_ending),
        });
        let Known { open, servers, .. } = &mut *known;
        open.retain(|socket| socket.strong_count() > 0);
        open.push(Arc::downgrade(&socket));
        // Who answered where no connection leads any more is of no interest: there is none to give up.
        let leads = |peer: &(String, u16)| {
            let mut live = open.iter().filter_map(Weak::upgrade);
            live.any(|socket| socket.peer == *peer)
        };
        servers.retain(|peer, _| leads(peer));
        socket
    }

    /// `socket` has been greeted by `server`. When that is another one than answered at this address so far, every connection
    /// of before is done with: one that asks is made anew at its next use, one that listens at once.
    pub(super) fn greeted(&self, socket: &Socket, server: &ServerIdentity) {
        let mut known = self.known();
        if socket.is_stale() || server.is_anonymous() {
            return;
        }
        let before = known.servers.insert(socket.peer.clone(), server.clone());
        if before.is_none_or(|before| !before.is_other_process(server)) {
            return;
        }
        let older = |other: &Arc<Socket>| other.peer == socket.peer && other.number < socket.number;
        for other in known.open.iter().filter_map(Weak::upgrade).filter(older) {
            other.is_stale.store(true, Ordering::SeqCst);
            if other.listens.load(Ordering::SeqCst) {
                other.close();
            }
        }
    }

    /// Whether this has not been said of the server at `address` yet.
    pub(super) fn is_news(&self, address: &impl ToString, what: &str) -> bool {
        let mut known = self.known();
        known.said.len() < SAID_MAX && known.said.insert(format!("{} {what}", address.to_string()))
    }

    fn open(&self) -> Vec<Arc<Socket>> {
        self.known().open.iter().filter_map(Weak::upgrade).collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.0.known)
    }
}

impl Socket {
    /// Ends the connection: whoever waits on it returns at once.
    pub(super) fn close(&self) {
        let _ = self.tcp.shutdown(Shutdown::Both);
    }

    /// Whether another server answers where it once led.
    pub(super) fn is_stale(&self) -> bool {
        self.is_stale.load(Ordering::SeqCst)
    }

    /// From now on it only listens.
    pub(super) fn listen(&self) {
        self.listens.store(true, Ordering::SeqCst);
        if self.is_stale() || self.is_ending.load(Ordering::SeqCst) {
            // That it leads elsewhere, or that all ends, came up just before somebody would have closed it for that.
            self.close();
        }
    }

    /// Marks it as waiting for as long as the mark lives.
    pub(super) fn busy(self: &Arc<Socket>) -> Busy {
        self.busy_since
            .store(Mono::now().0.max(1), Ordering::SeqCst);
        Busy(Arc::clone(self))
    }
}

/// The mark of a wait.
pub(super) struct Busy(Arc<Socket>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy_since.store(0, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn connection(registry: &ConnectionRegistry, host: &str) -> (Arc<Socket>, TcpListener) {
        let server = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let tcp = TcpStream::connect(server.local_addr().expect("bound")).expect("connected");
        (registry.enlist(tcp, host, 1), server)
    }

    fn server(run_id: &str) -> ServerIdentity {
        ServerIdentity {
            run_id: Some(run_id.to_owned()),
            ..ServerIdentity::default()
        }
    }

    fn is_closed(socket: &Socket) -> bool {
        let brief = Some(Duration::from_millis(1));
        socket.tcp.set_read_timeout(brief).expect("set");
        matches!(socket.tcp.peek(&mut [0]), Ok(0))
    }

    #[test]
    fn another_server_ends_the_older_connections_of_its_address_and_no_others() {
        let registry = ConnectionRegistry::default();
        let (asks, _a) = connection(&registry, "h");
        let (listens, _b) = connection(&registry, "h");
        let (elsewhere, _c) = connection(&registry, "other");
        listens.listen();
        elsewhere.listen();
        registry.greeted(&asks, &server("one"));
        registry.greeted(&listens, &server("one"));
        registry.greeted(&elsewhere, &server("three"));
        let (fresh, _d) = connection(&registry, "h");
        registry.greeted(&fresh, &server("one"));
        assert!(!asks.is_stale() && !is_closed(&listens), "the same server");

        let (fresh, _e) = connection(&registry, "h");
        registry.greeted(&fresh, &server("two"));
        assert!(asks.is_stale() && !is_closed(&asks), "made anew when used");
        assert!(listens.is_stale() && is_closed(&listens));
        assert!(!fresh.is_stale() && !elsewhere.is_stale());

        // What was on its way to the old server all the time changes nothing.
        registry.greeted(&asks, &server("one"));
        assert!(!fresh.is_stale());
    }

    #[test]
    fn an_end_closes_who_listens_and_cuts_waits_of_before() {
        let registry = ConnectionRegistry::default();
        let (listens, _a) = connection(&registry, "h");
        let (waits, _b) = connection(&registry, "h");
        let (idle, _c) = connection(&registry, "h");
        listens.listen();
        let wait = waits.busy();
        assert!(!registry.wait(Duration::ZERO));
        registry.end();
        assert!(registry.is_ending() && registry.wait(Duration::from_secs(60)));
        assert!(is_closed(&listens) && !is_closed(&waits));
        registry.cut();
        assert!(is_closed(&waits) && !is_closed(&idle));
        drop(wait);
        assert_eq!(registry.patience(Duration::from_secs(1)), LAST_ANSWER);
    }

    #[test]
    fn who_begins_to_listen_while_all_ends_is_closed_as_well() {
        let registry = ConnectionRegistry::default();
        let (listens, _a) = connection(&registry, "h");
        registry.end();
        listens.listen();
        assert!(is_closed(&listens));
    }
}
