//! `marketswarm market demo`: a vendor of three symbols that do not exist, on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use super::swarm::now_ms;
use super::{Words, print};
use crate::massive::demo::{SYMBOLS, serve};
use crate::service::Error;

const DEFAULT_PORT: u16 = 8098;
/// A request is small and comes at once; who sends less or more is not served.
const REQUEST_MAX_BYTES: u64 = 16 * 1024;
const PATIENCE: Duration = Duration::from_secs(1);

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
    for stream in listener.incoming() {
        // One after the other: only massive beside it asks, and an answer takes a moment.
        let host = format!("127.0.0.1:{port}");
        if let Err(error) = stream.and_then(|stream| answer(stream, &host)) {
            log::debug!("demo: {error}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn answer(mut stream: TcpStream, host: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new((&stream).take(REQUEST_MAX_BYTES)).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let target = request.split(' ').nth(1).unwrap_or_default();
    let (status, body) = serve(target, host, now_ms());
    let reason = if status == 200 { "OK" } else { "Not Found" };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}
