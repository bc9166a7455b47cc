//! One connection: its socket, and what moves over it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use rustix::event::epoll::EventFlags;

use crate::clock::Mono;
use crate::http::conn::Conn;

/// One connection of the server.
pub(super) struct Client {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) conn: Conn,
    /// What epoll watches for.
    pub(super) interest: EventFlags,
    pub(super) is_shut: bool,
    /// It is one of the live ones, until it is let go.
    pub(super) is_live: bool,
}

/// Reads what is there; false when the connection is lost.
pub(super) fn read(client: &mut Client, buffer: &mut [u8], now: Mono) -> bool {
    let room = client.conn.room().min(buffer.len());
    if room == 0 {
        return true;
    }
    match client.stream.read(&mut buffer[..room]) {
        Ok(0) => {
            client.conn.end_of_input();
            true
        }
        Ok(count) => {
            client.conn.receive(&buffer[..count], now);
            true
        }
        Err(error) => is_passing(&error),
    }
}

/// Writes what the socket takes; false when the connection is lost.
pub(super) fn write(client: &mut Client, now: Mono) -> bool {
    while let Some(bytes) = client.conn.output() {
        match client.stream.write(bytes) {
            Ok(0) => return false,
            Ok(count) => client.conn.wrote(count, now),
            Err(error) => return is_passing(&error),
        }
    }
    if client.conn.is_finished() && !client.is_shut {
        client.is_shut = true;
        return client.stream.shutdown(Shutdown::Write).is_ok();
    }
    true
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
