//! A connection that only speaks: PUBLISH without waiting for the answer.
//!
//! An echo must go out at once, from whichever thread wants it, and no thread that judges may wait for a bus. So the
//! line is switched to `CLIENT REPLY OFF`, and a word is one write into the socket's buffer. Whether it arrived is
//! proven by its return, and by nothing else. A server that refuses to be silent is not listened to: what it answered
//! is thrown away before the next word.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::ConnectionLike;

use super::dial::Wire;
use super::line::Line;
use super::{Address, BusError, Limits, ServerIdentity};

/// A word waits no longer for room in the socket's buffer; a buffer that is full belongs to a server that hangs.
const WORD_LIMIT: Duration = Duration::from_millis(20);

/// The number that an echo carries; `None` for any other word.
pub fn echo_number(payload: &[u8]) -> Option<u64> {
    std::str::from_utf8(payload).ok()?.parse().ok()
}

/// A line for words on one channel.
pub struct Mouth {
    address: Address,
    client_name: String,
    channel: String,
    wire: Mutex<Option<Wire>>,
}

impl Mouth {
    /// A line that is not connected yet.
    pub fn new(
        address: Address,
        client_name: impl Into<String>,
        channel: impl Into<String>,
    ) -> Mouth {
        Mouth {
            address,
            client_name: client_name.into(),
            channel: channel.into(),
            wire: Mutex::new(None),
        }
    }

    /// Where the words go.
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// Looks the address up and connects afresh; tells which server answered. Blocks, within `limits`.
    ///
    /// One word (`0`) is published with its answer awaited, so that a forbidden channel is an error here.
    pub fn connect(&self, limits: &Limits) -> Result<ServerIdentity, BusError> {
        self.hang_up();
        let mut line = Line::open(&self.address, &self.client_name, limits)?;
        let identity = line.identity().clone();
        line.req_packed_command(&self.word("0"))
            .and_then(redis::Value::extract_error)
            .map_err(|e| BusError::from_redis(e, &self.address, "connect"))?;
        let mut wire = line.into_wire();
        let off = redis::cmd("CLIENT")
            .arg("REPLY")
            .arg("OFF")
            .get_packed_command();
        wire.write_all(&off)
            .and_then(|()| wire.flush())
            .and_then(|()| wire.tcp().set_write_timeout(Some(WORD_LIMIT)))
            .map_err(|e| BusError::from_io(&e, &self.address, "connect"))?;
        *self.lock() = Some(wire);
        Ok(identity)
    }

    /// Looks the address up and asks who answers there now, on a connection of its own; the line stays as it is.
    pub fn look(&self, limits: &Limits) -> Result<ServerIdentity, BusError> {
        Line::open(&self.address, &self.client_name, limits).map(|line| line.identity().clone())
    }

    /// Publishes `text`. False when there is no line, or it just broke: then somebody must [`connect`](Mouth::connect).
    pub fn say(&self, text: &str) -> bool {
        let word = self.word(text);
        let mut line = self.lock();
        let said = line
            .as_mut()
            .filter(|wire| !wire.socket().is_stale() && wire.is_open_when_drained())
            .is_some_and(|wire| wire.write_all(&word).and_then(|()| wire.flush()).is_ok());
        if !said {
            // What was written of the word, if anything, would spoil the next one.
            *line = None;
        }
        said
    }

    /// Whether there is a line that has not failed yet.
    pub fn is_connected(&self) -> bool {
        let line = self.lock();
        line.as_ref().is_some_and(|wire| !wire.socket().is_stale())
    }

    /// Drops the line.
    pub fn hang_up(&self) {
        *self.lock() = None;
    }

    fn word(&self, text: &str) -> Vec<u8> {
        redis::cmd("PUBLISH")
            .arg(&self.channel)
            .arg(text)
            .get_packed_command()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Wire>> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Instant;

    use super::*;

    /// A mouth whose words come out at the other end.
    fn mouth() -> (Mouth, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let url = format!("redis://127.0.0.1:{port}");
        let address = Address::parse(&url, "TEST").expect("valid");
        let mouth = Mouth::new(address.clone(), "test", "echo");
        let end = Instant::now() + Duration::from_secs(10);
        *mouth.lock() = Some(Wire::dial(&address, end).expect("connected"));
        let (server, _) = listener.accept().expect("a connection");
        (mouth, server)
    }

    #[test]
    fn a_server_that_answers_all_the_same_is_not_held_up() {
        let (mouth, mut server) = mouth();
        let late = Some(Duration::from_secs(10));
        server.set_write_timeout(late).expect("set");
        server.set_read_timeout(late).expect("set");
        // Far more than the sockets hold: it would get stuck if nobody took it.
        let answer = vec![b'x'; 32 * 1024];
        for _ in 0..1000 {
            assert!(mouth.say("1"));
            let mut word = vec![0; mouth.word("1").len()];
            server.read_exact(&mut word).expect("a word");
            server.write_all(&answer).expect("somebody takes it");
        }
    }

    #[test]
    fn a_word_to_a_server_that_has_hung_up_is_not_said() {
        let (mouth, server) = mouth();
        assert!(mouth.say("1"));
        drop(server);
        let end = Instant::now() + Duration::from_secs(10);
        while mouth.say("1") {
            assert!(Instant::now() < end, "it never finds out");
        }
        assert!(mouth.lock().is_none());
    }
}
