//! A TCP proxy in front of a server: it can be cut, or go silent as a dead link does.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

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
            pump(&client, server, &is_dead, move |bytes| {
                shared.is_fatal(bytes)
            });
            pump(server, &client, &is_dead, |_| false);
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

/// Copies one direction on a thread that ends with the connection, which is after the bytes that are `fatal` to it.
fn pump(
    from: &TcpStream,
    to: &TcpStream,
    is_dead: &Arc<AtomicBool>,
    fatal: impl Fn(&[u8]) -> bool + Send + 'static,
) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    let is_dead = Arc::clone(is_dead);
    std::thread::spawn(move || {
        let mut buf = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = from.read(&mut buf) {
            let is_last = fatal(&buf[..n]);
            if is_last {
                // No answer may come through before the link is closed.
                let _ = from.shutdown(Shutdown::Both);
            }
            if !is_dead.load(Ordering::SeqCst) && to.write_all(&buf[..n]).is_err() || is_last {
                break;
            }
        }
        // The end of one side is the end of the other, unless nobody may notice.
        if !is_dead.load(Ordering::SeqCst) {
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
        }
    });
}
