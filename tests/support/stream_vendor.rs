//! The vendor's stream: a WebSocket server that speaks as it is told to, misbehaves as it is told to, and remembers what
//! it was told.

use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use serde_json::{Value, json};
use tungstenite::handshake::server::{Request, Response};
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket, accept_hdr_with_config};

use super::certificates::Issued;
use super::http_server::{Manner, Wire};
use super::{PATIENCE, until};

/// How it takes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    Good,
    Refused,
    TooMany,
    /// It says nothing.
    Silent,
}

/// How it behaves.
#[derive(Clone)]
pub struct StreamManner {
    pub greets: bool,
    pub auth: Auth,
    /// Which parameters it confirms; of others it says that they are not in the plan.
    pub offers: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    /// It takes no connection at all.
    pub is_away: bool,
}

impl Default for StreamManner {
    fn default() -> StreamManner {
        StreamManner {
            greets: true,
            auth: Auth::Good,
            offers: Arc::new(|_| true),
            is_away: false,
        }
    }
}

/// One connection, as it was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    pub at: Instant,
    /// `/stocks`, say.
    pub path: String,
    pub headers: Vec<(String, String)>,
    /// Every text that came, with when.
    pub said: Vec<(Instant, String)>,
    pub is_open: bool,
}

/// What a connection is told to do.
enum Order {
    Text(String),
    Raw(Vec<Frame>),
    Close(u16, String),
    Cut,
    /// It says nothing more, and reads nothing more.
    Stall,
}

struct Shared {
    manner: Mutex<StreamManner>,
    seen: Mutex<Vec<Seen>>,
    orders: Mutex<Vec<(usize, Sender<Order>)>>,
    stop: AtomicBool,
    /// Texts that are still to go out.
    unsent: AtomicUsize,
}

/// The server; it listens until it is dropped.
pub struct StreamVendor {
    pub port: u16,
    is_tls: bool,
    shared: Arc<Shared>,
}

impl StreamVendor {
    /// A good one.
    pub fn open() -> StreamVendor {
        StreamVendor::on(None)
    }

    /// The same over TLS, with this certificate.
    pub fn open_tls(issued: &Issued) -> StreamVendor {
        StreamVendor::on(Manner::tls(issued).tls)
    }

    fn on(tls: Option<Arc<ServerConfig>>) -> StreamVendor {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let shared = Arc::new(Shared {
            manner: Mutex::default(),
            seen: Mutex::default(),
            orders: Mutex::default(),
            stop: AtomicBool::new(false),
            unsent: AtomicUsize::new(0),
        });
        let (server, config) = (shared.clone(), tls.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                if server.stop.load(Ordering::SeqCst) {
                    break;
                }
                let (Ok(stream), server) = (stream, server.clone()) else {
                    continue;
                };
                if server.manner.lock().unwrap().is_away {
                    continue;
                }
                let wire = Wire::new(stream, config.as_ref());
                thread::spawn(move || serve(wire, &server));
            }
        });
        StreamVendor {
            port,
            is_tls: tls.is_some(),
            shared,
        }
    }

    /// Over TLS it is for `localhost`.
    pub fn url(&self) -> String {
        match self.is_tls {
            true => format!("wss://localhost:{}", self.port),
            false => format!("ws://127.0.0.1:{}", self.port),
        }
    }

    /// Behaves so from now on.
    pub fn behave(&self, change: impl FnOnce(&mut StreamManner)) {
        change(&mut self.shared.manner.lock().unwrap());
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub fn seen_of(&self, path: &str) -> Vec<Seen> {
        let of = |seen: &Seen| seen.path == path;
        self.seen().into_iter().filter(of).collect()
    }

    fn order(&self, path: &str, order: impl Fn() -> Order) {
        let seen = self.seen();
        for (nth, orders) in self.shared.orders.lock().unwrap().iter() {
            if seen[*nth].path == path && seen[*nth].is_open {
                self.shared.unsent.fetch_add(1, Ordering::SeqCst);
                if orders.send(order()).is_err() {
                    self.shared.unsent.fetch_sub(1, Ordering::SeqCst);
                }
            }
        }
    }

    /// Sends these events, as one message.
    pub fn send(&self, path: &str, events: &[Value]) {
        let text = json!(events).to_string();
        self.order(path, || Order::Text(text.clone()));
    }

    pub fn send_text(&self, path: &str, text: &str) {
        self.order(path, || Order::Text(text.to_owned()));
    }

    /// Sends a text as one message of many frames.
    pub fn send_split(&self, path: &str, text: &str, parts: usize) {
        let size = text.len().div_ceil(parts);
        let chunks: Vec<Vec<u8>> = text.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
        self.order(path, || {
            let last = chunks.len() - 1;
            let frame = |(nth, chunk): (usize, &Vec<u8>)| {
                let data = if nth == 0 { Data::Text } else { Data::Continue };
                Frame::message(chunk.clone(), OpCode::Data(data), nth == last)
            };
            Order::Raw(chunks.iter().enumerate().map(frame).collect())
        });
    }

    pub fn close(&self, path: &str, code: u16, reason: &str) {
        self.order(path, || Order::Close(code, reason.to_owned()));
    }

    pub fn cut(&self, path: &str) {
        self.order(path, || Order::Cut);
    }

    pub fn stall(&self, path: &str) {
        self.order(path, || Order::Stall);
    }

    /// Waits until all that was ordered is done.
    #[track_caller]
    pub fn wait_sent(&self) {
        until("all is sent", PATIENCE, || {
            match self.shared.unsent.load(Ordering::SeqCst) {
                0 => Ok(()),
                left => Err(format!("{left} left")),
            }
        });
    }

    /// Waits for `n` connections to a path.
    #[track_caller]
    pub fn wait_connections(&self, path: &str, n: usize) -> Vec<Seen> {
        until(&format!("{n} connections to {path}"), PATIENCE, || {
            let seen = self.seen_of(path);
            match seen.len() >= n {
                true => Ok(seen),
                false => Err(format!("{seen:?}")),
            }
        })
    }

    /// Waits until this was asked of a connection that is open.
    #[track_caller]
    pub fn wait_asked(&self, path: &str, param: &str) {
        until(&format!("{param} is asked for"), PATIENCE, || {
            let open = self.seen_of(path).into_iter().filter(|seen| seen.is_open);
            let said: Vec<_> = open.flat_map(|seen| seen.said).collect();
            let is_there = |(_, text): &(Instant, String)| {
                let told: Value = serde_json::from_str(text).unwrap_or_default();
                let params = told["params"].as_str().unwrap_or_default();
                told["action"] == "subscribe" && params.split(',').any(|known| known == param)
            };
            match said.iter().any(is_there) {
                true => Ok(()),
                false => Err(format!("{said:?}")),
            }
        });
    }
}

impl Drop for StreamVendor {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn status(status: &str, message: &str) -> Value {
    json!({"ev": "status", "status": status, "message": message})
}

#[expect(
    clippy::result_large_err,
    reason = "the type of the callback is tungstenite's"
)]
fn serve(stream: Wire, shared: &Shared) {
    let (mut path, mut headers) = (String::new(), Vec::new());
    let note = |request: &Request, response: Response| {
        path = request.uri().path().to_owned();
        headers = request
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("").to_owned()))
            .collect();
        Ok(response)
    };
    let config = WebSocketConfig::default().max_write_buffer_size(256 << 20);
    let Ok(mut socket) = accept_hdr_with_config(stream, note, Some(config)) else {
        return;
    };
    let _ = socket
        .get_ref()
        .socket()
        .set_read_timeout(Some(Duration::from_millis(5)));
    let (orders, inbox) = channel();
    let nth = {
        let mut seen = shared.seen.lock().unwrap();
        seen.push(Seen {
            at: Instant::now(),
            path,
            headers,
            said: Vec::new(),
            is_open: true,
        });
        seen.len() - 1
    };
    shared.orders.lock().unwrap().push((nth, orders));
    talk(&mut socket, shared, nth, &inbox);
    shared.seen.lock().unwrap()[nth].is_open = false;
    // What was ordered meanwhile is done with.
    for _ in inbox.try_iter() {
        shared.unsent.fetch_sub(1, Ordering::SeqCst);
    }
}

fn talk(socket: &mut WebSocket<Wire>, shared: &Shared, nth: usize, inbox: &Receiver<Order>) {
    if shared.manner.lock().unwrap().greets {
        let greeting = json!([status("connected", "Connected Successfully")]);
        let _ = socket.send(Message::text(greeting.to_string()));
    }
    while !shared.stop.load(Ordering::SeqCst) {
        match socket.read() {
            Ok(Message::Text(text)) => {
                let text = text.to_string();
                shared.seen.lock().unwrap()[nth]
                    .said
                    .push((Instant::now(), text.clone()));
                if !answer(socket, shared, &text) {
                    return;
                }
            }
            Ok(Message::Close(_)) => {
                let _ = socket.flush();
                return;
            }
            Ok(Message::Ping(_)) => {
                let text = "ping".to_owned();
                shared.seen.lock().unwrap()[nth]
                    .said
                    .push((Instant::now(), text));
            }
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
        while let Ok(order) = inbox.try_recv() {
            let done = match order {
                Order::Text(text) => socket.send(Message::text(text)),
                Order::Raw(frames) => frames
                    .into_iter()
                    .try_for_each(|frame| socket.send(Message::Frame(frame))),
                Order::Close(code, reason) => socket.close(Some(CloseFrame {
                    code: code.into(),
                    reason: reason.into(),
                })),
                Order::Cut => Err(Error::ConnectionClosed),
                Order::Stall => {
                    shared.unsent.fetch_sub(1, Ordering::SeqCst);
                    while !shared.stop.load(Ordering::SeqCst) && is_open(socket.get_ref().socket())
                    {
                        thread::sleep(Duration::from_millis(50));
                    }
                    return;
                }
            };
            shared.unsent.fetch_sub(1, Ordering::SeqCst);
            if done.is_err() {
                return;
            }
        }
    }
}

/// Has the other side ended the connection? What it sent before that is left unread.
fn is_open(stream: &TcpStream) -> bool {
    let mut rest = [0; 4096];
    let _ = stream.set_nonblocking(true);
    let read = std::io::Read::read(&mut &*stream, &mut rest);
    let _ = stream.set_nonblocking(false);
    !matches!(read, Ok(0))
        && !matches!(&read, Err(error) if error.kind() != std::io::ErrorKind::WouldBlock)
}

/// Answers a message; false ends the connection.
fn answer(socket: &mut WebSocket<Wire>, shared: &Shared, text: &str) -> bool {
    let manner = shared.manner.lock().unwrap().clone();
    let told: Value = serde_json::from_str(text).unwrap_or_default();
    let params = told["params"].as_str().unwrap_or_default();
    let mut say = |list: Vec<Value>| socket.send(Message::text(json!(list).to_string())).is_ok();
    match (told["action"].as_str(), manner.auth) {
        (Some("auth"), Auth::Good) => say(vec![status("auth_success", "authenticated")]),
        (Some("auth"), Auth::Refused) => say(vec![status("auth_failed", "authentication failed")]),
        (Some("auth"), Auth::TooMany) => {
            say(vec![status(
                "max_connections",
                "Maximum number of websocket connections exceeded.",
            )]);
            let _ = socket.close(Some(CloseFrame {
                code: 1008.into(),
                reason: "max connections".into(),
            }));
            false
        }
        (Some("auth"), Auth::Silent) => true,
        (Some("subscribe"), _) => {
            let word = |param: &str| match (manner.offers)(param) {
                true => status("success", &format!("subscribed to: {param}")),
                false => status("error", "not authorized"),
            };
            say(params.split(',').map(word).collect())
        }
        _ => true,
    }
}
