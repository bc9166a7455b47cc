//! A web server that answers as it is told to, misbehaves as it is told to, and remembers what it was asked.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::certificates::Issued;

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The moment at which its first line was whole.
    pub at: Instant,
    /// Path and query.
    pub target: String,
    /// Names in lower case, values byte for byte as Latin-1 text.
    pub headers: Vec<(String, String)>,
    /// Requests of this host under way at this moment, this one included; each until its answer goes out, so that
    /// it is never counted for longer than its client counts it.
    pub at_once: usize,
    /// The name that was asked for before the first byte, over TLS.
    pub sni: Option<String>,
}

impl Arrival {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// A parameter of the query, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1;
        let found = url::form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name);
        found.map(|(_, value)| value.into_owned())
    }
}

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Status, headers, body; `Content-Length` is added.
    Full(u16, Vec<(String, String)>, Vec<u8>),
    /// These bytes and nothing else; over TLS the connection ends without a word.
    Raw(Vec<u8>),
    /// Not at all: the connection stays open.
    Hang,
    /// Headers and the begin of a body at once, then a blank every so often, for ever.
    Drip(&'static str, Duration),
}

impl Reply {
    pub fn ok(body: impl Into<Vec<u8>>) -> Reply {
        Reply::Full(200, Vec::new(), body.into())
    }

    pub fn status(status: u16) -> Reply {
        Reply::Full(status, Vec::new(), Vec::new())
    }

    pub fn to(status: u16, location: &str) -> Reply {
        Reply::status(status).with("Location", location)
    }

    pub fn with(self, name: &str, value: &str) -> Reply {
        match self {
            Reply::Full(status, mut headers, body) => {
                headers.push((name.to_owned(), value.to_owned()));
                Reply::Full(status, headers, body)
            }
            other => other,
        }
    }
}

/// What a server does with its connections.
#[derive(Clone, Default)]
pub struct Manner {
    /// A connection serves one request after the other; else it ends with its first.
    pub keeps_alive: bool,
    pub tls: Option<Arc<ServerConfig>>,
}

impl Manner {
    /// Over TLS, with this certificate.
    pub fn tls(issued: &Issued) -> Manner {
        let chain = CertificateDer::pem_file_iter(&issued.cert).expect("a file");
        let chain = chain.map(|one| one.expect("a certificate")).collect();
        let key = PrivateKeyDer::from_pem_file(&issued.key).expect("a key");
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(chain, key).expect("they fit");
        Manner {
            tls: Some(Arc::new(config)),
            ..Manner::default()
        }
    }
}

type Answer = dyn Fn(&Arrival) -> Reply + Send + Sync;

/// The server; it listens until it is dropped.
pub struct HttpServer {
    pub port: u16,
    scheme: &'static str,
    shared: Arc<Shared>,
    acceptor: Option<thread::JoinHandle<()>>,
}

struct Shared {
    arrivals: Mutex<Vec<Arrival>>,
    under_way: Mutex<HashMap<String, usize>>,
    answer: Box<Answer>,
    keeps_alive: bool,
    stop: AtomicBool,
}

impl HttpServer {
    /// On a free port of this address.
    pub fn start(
        address: &str,
        manner: Manner,
        answer: impl Fn(&Arrival) -> Reply + Send + Sync + 'static,
    ) -> HttpServer {
        let listener = TcpListener::bind((address, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let shared = Arc::new(Shared {
            arrivals: Mutex::default(),
            under_way: Mutex::default(),
            answer: Box::new(answer),
            keeps_alive: manner.keeps_alive,
            stop: AtomicBool::new(false),
        });
        let (server, tls) = (shared.clone(), manner.tls.clone());
        let acceptor = thread::spawn(move || {
            for stream in listener.incoming() {
                if server.stop.load(Ordering::SeqCst) {
                    break;
                }
                let (Ok(stream), server) = (stream, server.clone()) else {
                    continue;
                };
                let wire = Wire::new(stream, tls.as_ref());
                // It ends with its connection.
                thread::spawn(move || serve(wire, &server));
            }
        });
        HttpServer {
            port,
            scheme: if manner.tls.is_some() {
                "https"
            } else {
                "http"
            },
            shared,
            acceptor: Some(acceptor),
        }
    }

    /// Over TLS its URLs are for `localhost`.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.host())
    }

    pub fn host(&self) -> String {
        let name = if self.scheme == "https" {
            "localhost"
        } else {
            "127.0.0.1"
        };
        format!("{name}:{}", self.port)
    }

    /// Every request so far whose answer is made.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.shared.arrivals.lock().unwrap().clone()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

/// A connection.
pub enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    pub fn new(stream: TcpStream, tls: Option<&Arc<ServerConfig>>) -> Wire {
        let _ = stream.set_nodelay(true);
        match tls {
            None => Wire::Plain(stream),
            Some(config) => {
                let session = ServerConnection::new(config.clone()).expect("a session");
                Wire::Tls(Box::new(StreamOwned::new(session, stream)))
            }
        }
    }

    pub fn socket(&self) -> &TcpStream {
        match self {
            Wire::Plain(stream) => stream,
            Wire::Tls(stream) => &stream.sock,
        }
    }

    fn sni(&self) -> Option<String> {
        match self {
            Wire::Plain(_) => None,
            Wire::Tls(stream) => stream.conn.server_name().map(str::to_owned),
        }
    }

    /// Says that nothing more comes.
    fn end(&mut self) -> std::io::Result<()> {
        if let Wire::Tls(stream) = self {
            stream.conn.send_close_notify();
        }
        self.flush()
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.read(buf),
            Wire::Tls(stream) => stream.read(buf),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.write(buf),
            Wire::Tls(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Wire::Plain(stream) => stream.flush(),
            Wire::Tls(stream) => stream.flush(),
        }
    }
}

fn serve(mut wire: Wire, shared: &Shared) {
    loop {
        // Clients here send one request at a time: nothing of the next is lost with the reader.
        let Some((at, target, headers)) = read_request(&mut wire) else {
            return;
        };
        let host = headers
            .iter()
            .find(|(name, _)| name == "host")
            .map_or(String::new(), |(_, v)| v.clone());
        let at_once = {
            let mut under_way = shared.under_way.lock().unwrap();
            let count = under_way.entry(host.clone()).or_default();
            *count += 1;
            *count
        };
        let arrival = Arrival {
            at,
            target,
            headers,
            at_once,
            sni: wire.sni(),
        };
        let reply = (shared.answer)(&arrival);
        // Told when its answer is made: what a test changes after it saw the request is for the next one.
        shared.arrivals.lock().unwrap().push(arrival);
        if let Some(count) = shared.under_way.lock().unwrap().get_mut(&host) {
            *count -= 1;
        }
        let goes_on = shared.keeps_alive && matches!(reply, Reply::Full(..));
        // A client that went away is nobody's failure.
        if answer(&mut wire, reply, shared).is_err() || !goes_on {
            return;
        }
    }
}

type Head = (Instant, String, Vec<(String, String)>);

fn read_request(stream: &mut Wire) -> Option<Head> {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut bytes = Vec::new();
        let read = reader.read_until(b'\n', &mut bytes).ok()?;
        let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
        (read > 0).then(|| text.trim_end().to_owned())
    };
    let first = line()?;
    let at = Instant::now();
    let target = first.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let header = line()?;
        if header.is_empty() {
            return Some((at, target, headers));
        }
        let (name, value) = header.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn answer(stream: &mut Wire, reply: Reply, shared: &Shared) -> std::io::Result<()> {
    let stopped = || shared.stop.load(Ordering::SeqCst);
    match reply {
        Reply::Full(status, headers, body) => {
            let mut head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
            if !shared.keeps_alive {
                head += "Connection: close\r\n";
            }
            for (name, value) in headers {
                head += &format!("{name}: {value}\r\n");
            }
            stream.write_all(&latin1(&(head + "\r\n")))?;
            stream.write_all(&body)?;
            if shared.keeps_alive {
                stream.flush()
            } else {
                stream.end()
            }
        }
        Reply::Raw(bytes) => stream.write_all(&bytes),
        Reply::Hang => {
            while !stopped() && is_open(stream.socket()) {
                thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        }
        Reply::Drip(begin, every) => {
            stream.write_all(format!("HTTP/1.1 200 OK\r\n\r\n{begin}").as_bytes())?;
            while !stopped() {
                stream.write_all(b" ")?;
                thread::sleep(every);
            }
            Ok(())
        }
    }
}

fn is_open(stream: &TcpStream) -> bool {
    let _ = stream.set_nonblocking(true);
    let open = match stream.peek(&mut [0]) {
        Ok(read) => read > 0,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    };
    let _ = stream.set_nonblocking(false);
    open
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(c).unwrap_or(b'?'))
        .collect()
}
