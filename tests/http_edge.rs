//! The HTTP server on real sockets: whoever is slow, greedy or rude keeps nobody else waiting.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use marketswarm::clock::Mono;
use marketswarm::http::{
    Answer, Body, Order, Request, Response, Server, ServerSettings, Site, Ticket, Waker,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::PATIENCE;

/// Serves a few paths; `/later` is answered at the next turn, `/never` not at all.
struct Small {
    stop: Arc<AtomicBool>,
    later: Vec<Ticket>,
    frame: Option<Arc<[u8]>>,
    waker: Waker,
}

impl Site for Small {
    fn serve(&mut self, request: Request, _peer: SocketAddr, ticket: Ticket, _now: Mono) -> Answer {
        match request.path.as_str() {
            "/healthz" => Answer::Now(Response::text(200, "ok\n")),
            "/large" => Answer::Now(Response::text(200, "x".repeat(8 << 20))),
            "/later" => {
                self.later.push(ticket);
                Answer::Later
            }
            "/never" => Answer::Later,
            "/live" => Answer::Live(Response::new(200).body(Body::Static(b"data: first\n\n"))),
            "/frame" => {
                self.frame = Some(b"data: next\n\n".as_slice().into());
                self.waker.wake();
                Answer::Now(Response::new(204))
            }
            path => Answer::Now(Response::text(404, format!("{path}\n"))),
        }
    }

    fn turn(&mut self, _live: usize, _now: Mono, orders: &mut Vec<Order>) -> bool {
        for ticket in self.later.drain(..) {
            orders.push(Order::Answer(ticket, Response::text(200, "later\n")));
        }
        orders.extend(self.frame.take().map(Order::Frame));
        !self.stop.load(Ordering::SeqCst)
    }

    fn deadline(&self) -> Option<Mono> {
        None
    }

    fn resync(&self) -> Arc<[u8]> {
        b"event: resync\n\n".as_slice().into()
    }
}

struct Running {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    waker: Waker,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Running {
    fn start(connections: usize, live: usize) -> Running {
        allow_files(8192);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, waker) = (Arc::new(AtomicBool::new(false)), Waker::new().unwrap());
        let site = Small {
            stop: Arc::clone(&stop),
            later: Vec::new(),
            frame: None,
            waker: waker.clone(),
        };
        let settings = ServerSettings { connections, live };
        let server = Server::new(listener, waker.clone(), settings, site).unwrap();
        let thread = Some(std::thread::spawn(move || server.run()));
        Running {
            address,
            stop,
            waker,
            thread,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn ask(&self, bytes: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.waker.wake();
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            ended.unwrap().unwrap().unwrap();
        }
    }
}

fn allow_files(count: u64) {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum.map_or(count, |most| most.min(count));
    let raised = Rlimit {
        current: Some(limit.current.map_or(current, |now| now.max(current))),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

#[test]
fn two_thousand_connections_that_drip_keep_nobody_waiting() {
    let server = Running::start(1024, 16);
    let mut dripping = Vec::new();
    let mut slowest = Duration::ZERO;
    for at in 0..2000 {
        let mut stream = server.connect();
        let _ = stream.write_all(b"GET /he");
        dripping.push(stream);
        if at % 100 == 0 {
            let began = Instant::now();
            assert!(server.ask(&get("/healthz")).starts_with("HTTP/1.1 200"));
            slowest = slowest.max(began.elapsed());
        }
    }
    for stream in &mut dripping {
        // Who lost its place hears so.
        let _ = stream.write_all(b"a");
    }
    assert!(server.ask(&get("/healthz")).starts_with("HTTP/1.1 200"));
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    // Those that were let go are closed, those that stay are told after five seconds that they were too slow.
    let mut last = dripping.pop().unwrap();
    let mut said = String::new();
    last.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
}

#[test]
fn who_does_not_read_loses_its_place_to_who_does() {
    let server = Running::start(32, 16);
    let mut stuck = Vec::new();
    for _ in 0..32 {
        let mut stream = server.connect();
        stream.write_all(get("/large").as_bytes()).unwrap();
        stuck.push(stream);
    }
    let began = Instant::now();
    let mut tries = 0;
    while began.elapsed() < PATIENCE {
        let mut stream = server.connect();
        stream.write_all(get("/healthz").as_bytes()).unwrap();
        let mut answer = String::new();
        if stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200") {
            return;
        }
        tries += 1;
    }
    panic!("not served in {tries} tries");
}

#[test]
fn nothing_is_smuggled_and_no_path_leads_out() {
    let server = Running::start(64, 16);
    let smuggled = "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let answer = server.ask(smuggled);
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(!answer.contains("/smuggled"), "{answer}");
    for path in [
        "/../etc/passwd",
        "/%2e%2e/etc/passwd",
        "/..%2fetc",
        "//%5c..",
        "/a/../../b",
    ] {
        let answer = server.ask(&get(path));
        assert!(answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
    }
}

#[test]
fn what_is_asked_at_once_is_answered_in_order_and_what_takes_too_long_is_503() {
    let server = Running::start(64, 16);
    let keep = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let all = [keep("/a"), keep("/later"), keep("/b"), get("/c")].concat();
    let answer = server.ask(&all);
    let places = ["/a\n", "later\n", "/b\n", "/c\n"].map(|text| answer.find(text));
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{answer}"
    );
    let many = keep("/x").repeat(100) + &get("/end");
    let answer = server.ask(&many);
    assert_eq!(answer.matches("HTTP/1.1 404").count(), 101);
    assert!(server.ask(&get("/never")).starts_with("HTTP/1.1 503"));
}

#[test]
fn live_clients_get_frames_and_those_beyond_the_limit_are_told_to_come_back() {
    let server = Running::start(64, 2);
    let mut clients: Vec<BufReader<TcpStream>> = Vec::new();
    for _ in 0..2 {
        let mut stream = server.connect();
        stream.write_all(get("/live").as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        expect_line(&mut reader, "data: first");
        clients.push(reader);
    }
    let third = server.ask(&get("/live"));
    assert!(
        third.starts_with("HTTP/1.1 503") && third.contains("Retry-After: 60"),
        "{third}"
    );
    server.ask(&get("/frame"));
    for client in &mut clients {
        expect_line(client, "data: next");
    }
    drop(clients.pop());
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let mut stream = server.connect();
        stream.write_all(get("/live").as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        if line.contains("200") {
            return;
        }
    }
    panic!("the place of one that left is not free");
}

fn expect_line(reader: &mut BufReader<TcpStream>, text: &str) {
    let mut line = String::new();
    while line.trim_end() != text {
        line.clear();
        assert!(reader.read_line(&mut line).unwrap() > 0, "no {text}");
    }
}
