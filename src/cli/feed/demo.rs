//! `marketswarm feed demo`: a small web server on loopback for the generated feeds.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use super::{Words, print};
use crate::clock::wall_secs;
use crate::demo_feeds::{FEEDS, serve};
use crate::service::Error;

const DEFAULT_PORT: u16 = 8099;
/// A request is small and comes at once; who sends less or more is not served.
const REQUEST_MAX_BYTES: u64 = 8 * 1024;
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs the command until it is killed.
pub(super) fn run(words: &Words) -> Result<ExitCode, Error> {
    words.none()?;
    let port = words.port.unwrap_or(DEFAULT_PORT);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map_err(|e| Error::Other(format!("cannot listen on 127.0.0.1:{port}: {e}")))?;
    let port = listener.local_addr()?.port();
    print(&format!(
        "demo: {} generated feeds on 127.0.0.1:{port}\n",
        FEEDS.len()
    ))?;
    for feed in &FEEDS {
        print(&format!(
            "  http://127.0.0.1:{port}{}  a new item every {} s\n",
            feed.path, feed.period_sec
        ))?;
    }
    for stream in listener.incoming() {
        // One after the other: only the reader beside it asks, and an answer takes a moment.
        if let Err(error) = stream.and_then(answer) {
            log::debug!("demo: {error}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new((&stream).take(REQUEST_MAX_BYTES)).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut if_none_match = None;
    for line in lines {
        let line = line?;
        match line.split_once(':') {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("if-none-match") => {
                if_none_match = Some(value.trim().to_owned());
            }
            Some(_) => {}
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let reply = match serve(path, wall_secs()) {
        None => {
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned()
        }
        Some(served) if if_none_match.as_ref() == Some(&served.etag) => format!(
            "HTTP/1.1 304 Not Modified\r\nETag: {}\r\nConnection: close\r\n\r\n",
            served.etag
        ),
        Some(served) => format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {}; charset=utf-8\r\nETag: {}\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{}",
            served.content_type,
            served.etag,
            served.body.len(),
            served.body
        ),
    };
    stream.write_all(reply.as_bytes())
}
