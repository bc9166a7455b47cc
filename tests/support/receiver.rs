//! An HTTP server that takes webhooks, or misbehaves in every way that receivers do.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How the server treats a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// An answer with further header lines and a body.
    Status(u16, &'static str, String),
    /// The same, of whatever header lines and bytes.
    Full(u16, String, Vec<u8>),
    /// Reads the request and never answers.
    Hang,
    /// Answers 200 and then a body, a byte now and then.
    Drip,
    /// Reads the request and cuts the connection.
    Cut,
    /// Answers something that is not HTTP.
    Rubbish,
}

impl Reply {
    pub fn ok() -> Reply {
        Reply::Status(200, "", "ok".into())
    }

    pub fn status(code: u16) -> Reply {
        Reply::Status(code, "", String::new())
    }
}

/// One request, whatever became of it.
#[derive(Clone, Debug)]
pub struct Taken {
    pub at: Instant,
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
    pub reply: Reply,
}

impl Taken {
    /// `webhook-id`.
    pub fn id(&self) -> &str {
        self.headers.get("webhook-id").map_or("", String::as_str)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// `text` of our own format.
    pub fn text(&self) -> String {
        self.json()["text"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether the receiver said 2xx.
    pub fn accepted(&self) -> bool {
        matches!(
            self.reply,
            Reply::Status(200..=299, ..) | Reply::Full(200..=299, ..) | Reply::Drip
        )
    }
}

type Manners = dyn Fn(usize, &Taken) -> Reply + Send + Sync;

struct Shared {
    /// Requests that were read so far.
    count: AtomicUsize,
    taken: Mutex<Vec<Taken>>,
    news: Condvar,
    manners: Mutex<Arc<Manners>>,
    stop: AtomicBool,
}

/// The server; it ends with this value.
pub struct Receiver {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// One that takes everything.
    pub fn start() -> Receiver {
        Receiver::that(|_, _| Reply::ok())
    }

    /// One with manners of its own: the number of the request, from 0, and the request give the reply.
    pub fn that(manners: impl Fn(usize, &Taken) -> Reply + Send + Sync + 'static) -> Receiver {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            count: AtomicUsize::new(0),
            taken: Mutex::default(),
            news: Condvar::new(),
            manners: Mutex::new(Arc::new(manners)),
            stop: AtomicBool::new(false),
        });
        let inner = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if inner.stop.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), inner) = (stream, Arc::clone(&inner)) else {
                    continue;
                };
                std::thread::spawn(move || serve(stream, &inner));
            }
        });
        Receiver {
            port,
            shared,
            thread: Some(thread),
        }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// Where it listens: scheme, host and port.
    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Behaves so from now on.
    pub fn behave(&self, manners: impl Fn(usize, &Taken) -> Reply + Send + Sync + 'static) {
        *self.shared.manners.lock().unwrap() = Arc::new(manners);
    }

    /// Every request so far.
    pub fn all(&self) -> Vec<Taken> {
        self.shared.taken.lock().unwrap().clone()
    }

    /// Every request so far that was answered with 2xx.
    pub fn accepted(&self) -> Vec<Taken> {
        self.all().into_iter().filter(Taken::accepted).collect()
    }

    /// What a receiver that drops repeats by their id makes of the accepted ones: an answer that a busy machine
    /// delivers late is a message that rightly comes again.
    pub fn messages(&self) -> Vec<Taken> {
        let mut seen = BTreeSet::new();
        let mut messages = self.accepted();
        messages.retain(|t| seen.insert(t.id().to_owned()));
        messages
    }

    /// Waits for a request that `wanted` accepts, and gives the first such.
    #[track_caller]
    pub fn wait_for(&self, what: &str, within: Duration, wanted: impl Fn(&Taken) -> bool) -> Taken {
        let end = Instant::now() + within;
        let mut taken = self.shared.taken.lock().unwrap();
        loop {
            if let Some(found) = taken.iter().find(|t| wanted(t)) {
                return found.clone();
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let all: Vec<String> = taken
                    .iter()
                    .map(|t| format!("{:?} {}", t.reply, t.body))
                    .collect();
                drop(taken);
                panic!(
                    "{what}: not within {within:?}; taken were:\n{}",
                    all.join("\n")
                );
            }
            taken = self.shared.news.wait_timeout(taken, left).unwrap().0;
        }
    }

    /// How many messages, repeats apart, say `words`.
    pub fn count_text(&self, words: &str) -> usize {
        let messages = self.messages();
        messages.iter().filter(|t| t.body.contains(words)).count()
    }

    /// Waits for an accepted message whose text contains `words`.
    #[track_caller]
    pub fn wait_text(&self, words: &str, within: Duration) -> Taken {
        self.wait_for(&format!("`{words}`"), within, |t| {
            t.accepted() && t.body.contains(words)
        })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the one that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
    let Some(mut taken) = read(&stream) else {
        return;
    };
    let manners = Arc::clone(&shared.manners.lock().unwrap());
    // Whoever takes its time holds up no other request.
    taken.reply = manners(shared.count.fetch_add(1, Ordering::SeqCst), &taken);
    shared.taken.lock().unwrap().push(taken.clone());
    shared.news.notify_all();
    let _ = match taken.reply {
        Reply::Status(code, headers, body) => write!(
            stream,
            "HTTP/1.1 {code} Some Words\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ),
        Reply::Full(code, ref headers, ref body) => write!(
            stream,
            "HTTP/1.1 {code} Some Words\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        )
        .and_then(|()| stream.write_all(body)),
        Reply::Rubbish => write!(stream, "220 mail.example.org ESMTP\r\n"),
        Reply::Cut => Ok(()),
        Reply::Hang => {
            wait(&stream);
            Ok(())
        }
        Reply::Drip => {
            let mut done = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
            while done.is_ok() && !shared.stop.load(Ordering::SeqCst) {
                done = stream.write_all(b".");
                std::thread::sleep(Duration::from_millis(200));
            }
            done
        }
    };
}

/// Until the client goes away.
fn wait(mut stream: &TcpStream) {
    let mut rest = [0; 64];
    while matches!(stream.read(&mut rest), Ok(n) if n > 0) {}
}

fn read(stream: &TcpStream) -> Option<Taken> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&n| n > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&n| n > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|l| l.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Taken {
        at: Instant::now(),
        method,
        path,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        reply: Reply::Hang,
    })
}
