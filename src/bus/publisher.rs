//! A connection that only speaks: PUBLISH without waiting for the answer.
//!
//! An echo must go out at once, from whichever thread wants it, and no thread that judges may wait for a bus. So the
//! connection is switched to `CLIENT REPLY OFF`, and a message is one write into the socket's buffer. Whether it arrived is
//! proven by its return, and by nothing else. A server that refuses to be silent is not listened to: what it answered
//! is thrown away before the next message.

use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use redis::ConnectionLike;

use super::byte_stream::ByteStream;
use super::connection::Connection;
use super::{Address, BusError, Commands, Limits, Rights, ServerIdentity};
use crate::fail_stop::lock;

/// A message waits no longer for room in the socket's buffer; a buffer that is full belongs to a server that hangs.
const WRITE_LIMIT: Duration = Duration::from_millis(20);

/// The number that an echo carries; `None` for any other message.
pub fn echo_number(payload: &[u8]) -> Option<u64> {
    std::str::from_utf8(payload).ok()?.parse().ok()
}

/// A connection for messages on one channel.
pub struct Publisher {
    address: Address,
    client_name: String,
    channel: String,
    stream: Mutex<Option<ByteStream>>,
}

impl Publisher {
    /// One that is not connected yet.
    pub fn new(
        address: Address,
        client_name: impl Into<String>,
        channel: impl Into<String>,
    ) -> Publisher {
        Publisher {
            address,
            client_name: client_name.into(),
            channel: channel.into(),
            stream: Mutex::new(None),
        }
    }

    /// Where the messages go.
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// Looks the address up and connects afresh; tells which server answered. Blocks, within `limits`.
    ///
    /// One message (`0`) is published with its answer awaited, so that a forbidden channel is an error here.
    ///
    /// # Errors
    /// There is no connection within `limits`, or the channel is forbidden.
    pub fn connect(&self, limits: &Limits) -> Result<ServerIdentity, BusError> {
        self.disconnect();
        let mut connection = Connection::open(&self.address, &self.client_name, limits)?;
        let identity = connection.identity().clone();
        connection
            .req_packed_command(&self.message("0"))
            .and_then(redis::Value::extract_error)
            .map_err(|e| BusError::from_redis(e, &self.address, "connect"))?;
        let mut stream = connection.into_stream();
        let off = redis::cmd("CLIENT")
            .arg("REPLY")
            .arg("OFF")
            .get_packed_command();
        stream
            .write_all(&off)
            .and_then(|()| stream.flush())
            .and_then(|()| stream.tcp().set_write_timeout(Some(WRITE_LIMIT)))
            .map_err(|e| BusError::from_io(&e, &self.address, "connect"))?;
        *self.lock() = Some(stream);
        Ok(identity)
    }

    /// Whether a subscription to `channel` would be taken there, on a connection of its own. Blocks, within `limits`.
    ///
    /// # Errors
    /// There is no connection within `limits`, or the channel is forbidden.
    pub fn try_subscribing(&self, channel: &[u8], limits: &Limits) -> Result<(), BusError> {
        let mut connection = Connection::open(&self.address, &self.client_name, limits)?;
        let subscribe = redis::cmd("SUBSCRIBE").arg(channel).get_packed_command();
        connection
            .req_packed_command(&subscribe)
            .and_then(redis::Value::extract_error)
            .map(drop)
            .map_err(|e| BusError::from_redis(e, &self.address, "subscribe"))
    }

    /// The same error, saying which right is missing for this channel and how to give it, where that is what it is about.
    /// Blocks, within `limits`.
    pub fn explain(&self, error: BusError, limits: &Limits) -> BusError {
        let mut commands = Commands::new(self.address.clone(), self.client_name.clone(), *limits);
        let (all, _) = self.channel.rsplit_once(':').unwrap_or_default();
        let rights = Rights {
            keys: &[],
            channels: (&format!("&{all}:*"), &format!("use the channels {all}:*")),
        };
        rights.explain(&mut commands, error, |_| Vec::new())
    }

    /// Looks the address up and asks who answers there now, on a connection of its own; this one stays as it is.
    ///
    /// # Errors
    /// Nobody answers there within `limits`.
    pub fn look(&self, limits: &Limits) -> Result<ServerIdentity, BusError> {
        Connection::open(&self.address, &self.client_name, limits)
            .map(|connection| connection.identity().clone())
    }

    /// Publishes `text`. False when there is no connection, or it just broke: then somebody must [`connect`](Publisher::connect).
    pub fn publish(&self, text: &str) -> bool {
        let message = self.message(text);
        let mut stream = self.lock();
        let sent = stream
            .as_mut()
            .filter(|stream| !stream.socket().is_stale() && stream.is_open_when_drained())
            .is_some_and(|stream| {
                stream
                    .write_all(&message)
                    .and_then(|()| stream.flush())
                    .is_ok()
            });
        if !sent {
            // What was written of the message, if anything, would spoil the next one.
            *stream = None;
        }
        sent
    }

    /// Whether there is a connection that has not failed yet.
    pub fn is_connected(&self) -> bool {
        let stream = self.lock();
        stream
            .as_ref()
            .is_some_and(|stream| !stream.socket().is_stale())
    }

    /// Drops the connection.
    pub fn disconnect(&self) {
        *self.lock() = None;
    }

    fn message(&self, text: &str) -> Vec<u8> {
        redis::cmd("PUBLISH")
            .arg(&self.channel)
            .arg(text)
            .get_packed_command()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<ByteStream>> {
        lock(&self.stream)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Instant;

    use super::*;

    /// A publisher whose messages come out at the other end.
    fn publisher() -> (Publisher, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let url = format!("redis://127.0.0.1:{port}");
        let address = Address::parse(&url, "TEST").expect("valid");
        let publisher = Publisher::new(address.clone(), "test", "echo");
        let end = Instant::now() + Duration::from_secs(10);
        *publisher.lock() = Some(ByteStream::connect(&address, end).expect("connected"));
        let (server, _) = listener.accept().expect("a connection");
        (publisher, server)
    }

    #[test]
    fn a_server_that_answers_all_the_same_is_not_held_up() {
        let (publisher, mut server) = publisher();
        let late = Some(Duration::from_secs(10));
        server.set_write_timeout(late).expect("set");
        server.set_read_timeout(late).expect("set");
        // Far more than the sockets hold: it would get stuck if nobody took it.
        let answer = vec![b'x'; 32 * 1024];
        for _ in 0..1000 {
            assert!(publisher.publish("1"));
            let mut message = vec![0; publisher.message("1").len()];
            server.read_exact(&mut message).expect("a message");
            server.write_all(&answer).expect("somebody takes it");
        }
    }

    #[test]
    fn a_message_to_a_server_that_has_hung_up_is_not_sent() {
        let (publisher, server) = publisher();
        assert!(publisher.publish("1"));
        drop(server);
        let end = Instant::now() + Duration::from_secs(10);
        while publisher.publish("1") {
            assert!(Instant::now() < end, "it never finds out");
        }
        assert!(publisher.lock().is_none());
    }
}
