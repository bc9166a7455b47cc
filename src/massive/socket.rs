//! One WebSocket connection to the vendor: made, read and written in bounded time, with bounded messages.
//!
//! Source: RFC 6455; <https://docs.rs/tungstenite/0.30> (pings are answered by it, on the next read or write).

use std::fmt;
use std::time::{Duration, Instant};

use tungstenite::client::{ClientRequestBuilder, client_with_config};
use tungstenite::error::CapacityError;
use tungstenite::handshake::HandshakeError;
use tungstenite::http::Uri;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message, Utf8Bytes, WebSocket};
use url::Url;

use super::frames::Cluster;
use crate::net::ssrf_guard::SsrfGuard;
use crate::net::trust_store::TrustStore;
use crate::net::wire::{HostPort, Wire, is_wait};

/// From the name to the end of TLS, and for the greeting of WebSocket after that.
const CONNECT: Duration = Duration::from_secs(5);
const GREETING: Duration = Duration::from_secs(10);
/// How long a read waits for something, and a write for room.
pub const READ: Duration = Duration::from_millis(50);
const WRITE: Duration = Duration::from_secs(5);
/// The longest message and the longest frame that is read: what the vendor sends at once takes some kilobytes.
pub const MESSAGE_MAX_BYTES: usize = 4 << 20;
const FRAME_MAX_BYTES: usize = 4 << 20;
/// What is read at once. Memory of this size stays with each connection.
const READ_BYTES: usize = 64 * 1024;
/// What may wait to be written: a few messages of subscriptions.
const WRITE_MAX_BYTES: usize = 1 << 20;

/// What came.
#[derive(Clone, Debug)]
pub enum Came {
    Text(Utf8Bytes),
    /// A ping, a pong, or bytes that nobody asked for: a sign of life.
    Sign,
    /// Nothing, for as long as a read waits.
    Nothing,
}

/// The end of a connection, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// What the other side closed with.
    pub code: Option<u16>,
    /// In words; a part of them may be the vendor's.
    pub why: String,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{} (code {code})", self.why),
            None => f.write_str(&self.why),
        }
    }
}

impl std::error::Error for Lost {}

/// A connection.
pub struct Socket(WebSocket<Wire>);

impl Socket {
    /// Connects to a cluster at `base`, unless `is_over` says that nobody wants it any more.
    ///
    /// # Errors
    /// There is no connection: why.
    pub fn open(
        base: &Url,
        cluster: Cluster,
        guard: &SsrfGuard,
        trust: &TrustStore,
        is_over: &dyn Fn() -> bool,
    ) -> Result<Socket, Lost> {
        let host = base.host_str().unwrap_or_default();
        let place = HostPort {
            host: host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port: base.port_or_known_default().unwrap_or(443),
            is_tls: base.scheme() == "wss",
        };
        let lost = |why: String| Lost {
            code: None,
            why: format!("{host}: {why}"),
        };
        let wire = Wire::connect(&place, guard, trust, CONNECT, is_over);
        let wire = wire.map_err(|error| lost(error.to_string()))?;
        wire.limit(READ, WRITE)
            .map_err(|error| lost(error.to_string()))?;
        let origin = base.as_str().trim_end_matches('/');
        let uri: Uri = format!("{origin}/{}", cluster.word())
            .parse()
            .map_err(|_| lost("not an address".to_owned()))?;
        let user_agent = concat!("MarketSwarm/", env!("CARGO_PKG_VERSION"), " (market data)");
        let request = ClientRequestBuilder::new(uri).with_header("User-Agent", user_agent);
        let end = Instant::now() + GREETING;
        let mut shaken = client_with_config(request, wire, Some(limits()));
        loop {
            match shaken {
                Ok((socket, _)) => return Ok(Socket(socket)),
                Err(HandshakeError::Failure(error)) => return Err(lost(explain(&error))),
                Err(HandshakeError::Interrupted(_)) if is_over() => {
                    return Err(lost("nobody waits for it any more".to_owned()));
                }
                Err(HandshakeError::Interrupted(_)) if Instant::now() >= end => {
                    return Err(lost("no greeting of WebSocket within 10 s".to_owned()));
                }
                Err(HandshakeError::Interrupted(middle)) => shaken = middle.handshake(),
            }
        }
    }

    /// The next message.
    ///
    /// # Errors
    /// The connection is over.
    pub fn read(&mut self) -> Result<Came, Lost> {
        match self.0.read() {
            Ok(Message::Text(text)) => Ok(Came::Text(text)),
            Ok(Message::Close(frame)) => {
                let (code, why) = match frame {
                    Some(frame) => (Some(u16::from(frame.code)), frame.reason.to_string()),
                    None => (None, String::new()),
                };
                // The answer to it goes out where there is room; nobody waits for the end of the end.
                let _ = self.0.flush();
                let said = if why.is_empty() { "no reason" } else { &why };
                Err(Lost {
                    code,
                    why: format!("the vendor closed the connection: {said}"),
                })
            }
            Ok(_) => Ok(Came::Sign),
            Err(Error::Io(error)) if is_wait(&error) => Ok(Came::Nothing),
            Err(error) => Err(Lost {
                code: None,
                why: explain(&error),
            }),
        }
    }

    /// Sends a text.
    ///
    /// # Errors
    /// The connection is over.
    pub fn send(&mut self, text: impl Into<Utf8Bytes>) -> Result<(), Lost> {
        self.write(Message::text(text))
    }

    /// Sends a ping.
    ///
    /// # Errors
    /// The connection is over.
    pub fn ping(&mut self) -> Result<(), Lost> {
        self.write(Message::Ping(Vec::new().into()))
    }

    /// Says that it is over. Whether that is heard, nobody waits for.
    pub fn close(mut self) {
        let _ = self.0.close(None);
    }

    fn write(&mut self, message: Message) -> Result<(), Lost> {
        self.0.send(message).map_err(|error| Lost {
            code: None,
            why: explain(&error),
        })
    }
}

fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_MAX_BYTES)
        .max_message_size(Some(MESSAGE_MAX_BYTES))
        .max_frame_size(Some(FRAME_MAX_BYTES))
}

/// What went wrong, without what was sent: that may be a key.
fn explain(error: &Error) -> String {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => "the connection was closed".to_owned(),
        Error::Io(error) if is_wait(error) => "what is sent is not taken".to_owned(),
        Error::Io(error) => format!("the connection broke: {error}"),
        Error::Capacity(CapacityError::MessageTooLong { .. }) => {
            format!("a message over {} MiB", MESSAGE_MAX_BYTES >> 20)
        }
        Error::Capacity(_) => "a head with too many lines".to_owned(),
        Error::WriteBufferFull(_) => "what is sent is not taken".to_owned(),
        Error::Utf8(_) => "a text that is not UTF-8".to_owned(),
        Error::Http(answer) => format!("HTTP {} in place of a greeting", answer.status().as_u16()),
        Error::Protocol(error) => format!("it does not speak WebSocket: {error}"),
        _ => "it does not speak WebSocket".to_owned(),
    }
}
