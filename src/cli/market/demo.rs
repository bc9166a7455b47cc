//! `marketswarm market demo`: a vendor of three symbols that do not exist, on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

use super::swarm::now_ms;
use super::{Words, print};
use crate::massive::demo::stream::Connection;
use crate::massive::demo::{SYMBOLS, serve};
use crate::net::wire::is_wait;
use crate::service::Error;

const DEFAULT_PORT: u16 = 8098;
/// A request is small and comes at once; who sends less or more is not served.
const REQUEST_MAX_BYTES: u64 = 16 * 1024;
const PATIENCE: Duration = Duration::from_secs(1);
/// Streams at once: massive has three.
const STREAMS_MAX: usize = 16;
/// How long a stream waits for a message before it looks whether there is something to send.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const MESSAGE_MAX_BYTES: usize = 1 << 20;

/// Runs the command until it is killed.
pub(super) fn run(words: &Words) -> Result<ExitCode, Error> {
    words.none()?;
    let port = words.port.unwrap_or(DEFAULT_PORT);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map_err(|e| Error::Other(format!("cannot listen on 127.0.0.1:{port}: {e}")))?;
    let port = listener.local_addr()?.port();
    let names = SYMBOLS.map(|(name, _)| name).join(" ");
    print(&format!(
        "demo: a vendor of {names} on http://127.0.0.1:{port}\n"
    ))?;
    let streams = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        // One after the other: only massive beside it asks, and an answer takes a moment. A stream has its own thread.
        let host = format!("127.0.0.1:{port}");
        if let Err(error) = stream.and_then(|stream| answer(stream, &host, &streams)) {
            log::debug!("demo: {error}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn answer(mut stream: TcpStream, host: &str, streams: &Arc<AtomicUsize>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new((&stream).take(REQUEST_MAX_BYTES)).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut key = None;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let header = line.split_once(':').unwrap_or_default();
        if header.0.eq_ignore_ascii_case("sec-websocket-key") {
            key = Some(header.1.trim().to_owned());
        }
    }
    let target = request.split(' ').nth(1).unwrap_or_default();
    let connection = Connection::new(target, now_ms());
    if let (Some(key), Some(connection)) = (key, connection) {
        return upgrade(stream, &key, connection, streams);
    }
    let (status, body) = serve(target, host, now_ms());
    let reason = if status == 200 { "OK" } else { "Not Found" };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

/// Goes on as a WebSocket on a thread of its own, which ends with the connection.
fn upgrade(
    mut stream: TcpStream,
    key: &str,
    connection: Connection,
    streams: &Arc<AtomicUsize>,
) -> std::io::Result<()> {
    if streams.load(Ordering::Relaxed) >= STREAMS_MAX {
        return write!(
            stream,
            "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    let accept = derive_accept_key(key.as_bytes());
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LOOK_EVERY))?;
    streams.fetch_add(1, Ordering::Relaxed);
    let open = streams.clone();
    let talk = move || {
        let limits = WebSocketConfig::default().max_message_size(Some(MESSAGE_MAX_BYTES));
        let mut socket = WebSocket::from_raw_socket(stream, Role::Server, Some(limits));
        if let Err(error) = talk(&mut socket, connection) {
            log::debug!("demo: {error}");
        }
        open.fetch_sub(1, Ordering::Relaxed);
    };
    thread::Builder::new()
        .name("stream".to_owned())
        .spawn(talk)
        .map(drop)
}

fn talk(
    socket: &mut WebSocket<TcpStream>,
    mut connection: Connection,
) -> Result<(), tungstenite::Error> {
    socket.send(Message::text(Connection::greeting()))?;
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => {
                if let Some(answer) = connection.answer(&text) {
                    socket.send(Message::text(answer))?;
                }
            }
            Ok(_) => {}
            Err(tungstenite::Error::Io(error)) if is_wait(&error) => {}
            Err(error) => return Err(error),
        }
        if let Some(events) = connection.events(now_ms()) {
            socket.send(Message::text(events))?;
        }
    }
}
