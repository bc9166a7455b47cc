//! A TCP proxy in front of a server: it can be cut, go silent as a dead link does, or be as slow as a far one.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::redis_server::free_port;

/// Forwards every connection to a port on loopback.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    target: AtomicU16,
    /// New connections are accepted and led nowhere.
    is_silent: AtomicBool,
    stop: AtomicBool,
    links: Mutex<Vec<Link>>,
    /// The next question with these words in it reaches the server, but its answer gets lost, and the link with it.
    fatal: Mutex<Option<String>>,
    /// How long what is forwarded from now on is under way, to the server and from it.
    delays: [Arc<Delay>; 2],
}

/// In microseconds: at least, and up to how much more.
#[derive(Default)]
struct Delay {
    least: AtomicU64,
    jitter: AtomicU64,
}

impl Delay {
    fn set(&self, least: Duration, jitter: Duration) {
        let micros = |d: Duration| d.as_micros() as u64;
        self.least.store(micros(least), Ordering::SeqCst);
        self.jitter.store(micros(jitter), Ordering::SeqCst);
    }

    fn draw(&self) -> Duration {
        let jitter = self.jitter.load(Ordering::SeqCst);
        Duration::from_micros(self.least.load(Ordering::SeqCst) + fastrand::u64(0..=jitter))
    }
}

struct Link {
    client: TcpStream,
    server: Option<TcpStream>,
    /// Bytes are read and dropped, in both directions, for good.
    is_dead: Arc<AtomicBool>,
}

impl Proxy {
    /// Listens on a free port.
    pub fn to(target: u16) -> Proxy {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let shared = Arc::new(Shared {
            target: AtomicU16::new(target),
            is_silent: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            links: Mutex::default(),
            fatal: Mutex::default(),
            delays: Default::default(),
        });
        let inner = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for client in listener.incoming() {
                if inner.stop.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(client) = client {
                    inner.join(client);
                }
            }
        });
        Proxy {
            port,
            shared,
            thread: Some(thread),
        }
    }

    /// The URL of the proxied server.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// From now on a round trip takes `least`, and up to `jitter` more; half of it in each direction. Nothing overtakes,
    /// and as much passes as before.
    pub fn be_far(&self, least: Duration, jitter: Duration) {
        for delay in &self.shared.delays {
            delay.set(least / 2, jitter / 2);
        }
    }

    /// Every link goes dead without a word to either side, and so does every new one.
    pub fn go_silent(&self) {
        let links = self.shared.links.lock().unwrap();
        self.shared.is_silent.store(true, Ordering::SeqCst);
        for link in links.iter() {
            link.is_dead.store(true, Ordering::SeqCst);
        }
    }

    /// How many links were made so far.
    pub fn links(&self) -> usize {
        self.shared.links.lock().unwrap().len()
    }

    /// One link goes dead without a word to either side; the others, and new ones, pass.
    pub fn silence(&self, link: usize) {
        self.shared.links.lock().unwrap()[link]
            .is_dead
            .store(true, Ordering::SeqCst);
    }

    /// New connections pass again. The dead ones stay dead, as those over a link that came back do.
    pub fn heal(&self) {
        self.shared.is_silent.store(false, Ordering::SeqCst);
    }

    /// New links lead to another server, as after a fail-over of a name; the old ones stay where they are.
    pub fn lead_to(&self, target: u16) {
        self.shared.target.store(target, Ordering::SeqCst);
    }

    /// The next thing that a client says with `words` in it reaches the server, but no answer to it comes back: the link
    /// breaks first.
    pub fn lose_answer_to(&self, words: &str) {
        *self.shared.fatal.lock().unwrap() = Some(words.to_owned());
    }

    /// Whether that has happened.
    pub fn has_lost_answer(&self) -> bool {
        self.shared.fatal.lock().unwrap().is_none()
    }

    /// Closes every link; new ones pass.
    pub fn cut(&self) {
        for link in self.shared.links.lock().unwrap().drain(..) {
            link.close();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.cut();
    }
}

impl Shared {
    /// Whether these bytes of a client are what its link breaks by; true for one link only.
    fn is_fatal(&self, bytes: &[u8]) -> bool {
        let mut fatal = self.fatal.lock().unwrap();
        let has = |words: &String| bytes.windows(words.len()).any(|w| w == words.as_bytes());
        let found = fatal.as_ref().is_some_and(has);
        if found {
            *fatal = None;
        }
        found
    }

    fn join(self: &Arc<Self>, client: TcpStream) {
        // Held until the link is in the list: who cuts or silences all links means this one as well.
        let mut links = self.links.lock().unwrap();
        let is_dead = Arc::new(AtomicBool::new(false));
        let server = if self.is_silent.load(Ordering::SeqCst) {
            is_dead.store(true, Ordering::SeqCst);
            None
        } else {
            match TcpStream::connect(("127.0.0.1", self.target.load(Ordering::SeqCst))) {
                Ok(server) => Some(server),
                // The server is away: the client finds its connection closed.
                Err(_) => return,
            }
        };
        if let Some(server) = &server {
            let _ = server.set_nodelay(true);
            let _ = client.set_nodelay(true);
            let shared = Arc::clone(self);
            let [there, back] = &self.delays;
            pump(&client, server, &is_dead, there, move |bytes| {
                shared.is_fatal(bytes)
            });
            pump(server, &client, &is_dead, back, |_| false);
        }
        links.push(Link {
            client,
            server,
            is_dead,
        });
    }
}

impl Link {
    fn close(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        if let Some(server) = &self.server {
            let _ = server.shutdown(Shutdown::Both);
        }
    }
}

/// Copies one direction on two threads that end with the connection: one reads, the other writes when it is time.
fn pump(
    from: &TcpStream,
    to: &TcpStream,
    is_dead: &Arc<AtomicBool>,
    delay: &Arc<Delay>,
    fatal: impl Fn(&[u8]) -> bool + Send + 'static,
) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    let (is_dead, delay) = (Arc::clone(is_dead), Arc::clone(delay));
    let (under_way, arriving) = std::sync::mpsc::channel::<(Instant, Vec<u8>)>();
    let ends = [from.try_clone().unwrap(), to.try_clone().unwrap()];
    std::thread::spawn(move || {
        let mut buf = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = from.read(&mut buf) {
            let is_last = fatal(&buf[..n]);
            if is_last {
                // No answer may come through before the link is closed.
                let _ = from.shutdown(Shutdown::Both);
            }
            let due = Instant::now() + delay.draw();
            if under_way.send((due, buf[..n].to_vec())).is_err() || is_last {
                break;
            }
        }
    });
    std::thread::spawn(move || {
        for (due, bytes) in arriving {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if !is_dead.load(Ordering::SeqCst) && to.write_all(&bytes).is_err() {
                break;
            }
        }
        // The end of one side is the end of the other, unless nobody may notice.
        if !is_dead.load(Ordering::SeqCst) {
            for end in ends {
                let _ = end.shutdown(Shutdown::Both);
            }
        }
    });
}
