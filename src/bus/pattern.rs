//! A connection that hears all channels of a pattern, looked at now and then by a thread that has other work.

use std::io::{self, Write};
use std::time::Duration;

use redis::{Parser, Value};

use super::byte_stream::ByteStream;
use super::connection::Connection;
use super::{Address, BusError, Limits};

/// Messages that one look takes in; the rest waits for the next.
const MESSAGES_MAX: usize = 10_000;
/// What is there already is read; nothing is waited for.
const LOOK: Duration = Duration::from_millis(1);
const WHAT: &str = "listen";

/// A subscription to a pattern.
pub struct PatternLink {
    address: Address,
    stream: ByteStream,
    parser: Parser,
}

impl PatternLink {
    /// Connects and subscribes, within `limits`.
    ///
    /// # Errors
    /// When there is no connection, or the pattern is forbidden.
    pub fn open(
        address: &Address,
        client_name: &str,
        limits: &Limits,
        pattern: &str,
    ) -> Result<PatternLink, BusError> {
        let stream = Connection::open(address, client_name, limits)?.into_stream();
        let mut link = PatternLink {
            address: address.clone(),
            stream,
            parser: Parser::new(),
        };
        let ask = redis::cmd("PSUBSCRIBE").arg(pattern).get_packed_command();
        let sent = link.stream.limit(limits.read);
        sent.and_then(|()| link.stream.write_all(&ask))
            .and_then(|()| link.stream.flush())
            .map_err(|e| BusError::from_io(&e, address, WHAT))?;
        link.next()?;
        link.stream
            .limit(LOOK)
            .map_err(|e| BusError::from_io(&e, address, WHAT))?;
        Ok(link)
    }

    /// Hands each message that has come, by channel and payload, to `take`.
    ///
    /// # Errors
    /// When the connection broke: it is of no more use.
    pub fn look(&mut self, mut take: impl FnMut(&[u8], &[u8])) -> Result<(), BusError> {
        for _ in 0..MESSAGES_MAX {
            match self.next() {
                Ok(Value::Array(parts)) => {
                    if let [
                        Value::BulkString(kind),
                        _,
                        Value::BulkString(channel),
                        Value::BulkString(payload),
                    ] = parts.as_slice()
                        && kind == b"pmessage"
                    {
                        take(channel, payload);
                    }
                }
                Ok(_) => {}
                Err(BusError::TimedOut { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The next thing that the server says. A wait that ends in the middle of it goes on where it was.
    fn next(&mut self) -> Result<Value, BusError> {
        let said = self.parser.parse_value(&mut self.stream);
        match said {
            Ok(Value::ServerError(e)) => {
                let details = e.details().unwrap_or_default();
                Err(BusError::from_reply(e.code(), details, &self.address))
            }
            Ok(said) => Ok(said),
            Err(e) if is_wait(&e) => Err(BusError::TimedOut {
                address: self.address.to_string(),
                what: WHAT.to_owned(),
            }),
            Err(e) => Err(BusError::from_redis(e, &self.address, WHAT)),
        }
    }
}

fn is_wait(error: &redis::RedisError) -> bool {
    let interrupted = io::Error::from(io::ErrorKind::Interrupted).to_string();
    error.is_timeout() || error.to_string().contains(&interrupted)
}
