//! A connection that hears all channels of a pattern: looked at now and then by a thread that has other work, or listened to
//! for a moment by a reader that comes and goes. Never for who judges.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use redis::Value;

use super::answers::Answers;
use super::byte_stream::{ByteStream, remaining};
use super::connection::Connection;
use super::{Address, BusError, Limits};

/// Messages that one look takes in; the rest waits for the next. Whoever floods these channels must not keep a reader.
const MESSAGES_MAX: usize = 10_000;
/// What is there already is read; nothing is waited for.
const LOOK: Duration = Duration::from_millis(1);
const WHAT: &str = "listen";

/// A subscription to a pattern.
pub struct PatternLink {
    address: Address,
    stream: ByteStream,
    answers: Answers,
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
            answers: Answers::new(),
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
                Ok(said) => {
                    if let Some((channel, payload)) = message(&said) {
                        take(channel, payload);
                    }
                }
                Err(BusError::TimedOut { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Hands each message that comes within `window` to `take`, until that has heard enough.
    fn listen(
        &mut self,
        window: Duration,
        mut take: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), BusError> {
        self.stream.socket().listen();
        let end = Instant::now() + window;
        for _ in 0..MESSAGES_MAX {
            let Some(left) = remaining(end) else { break };
            self.stream
                .limit(left)
                .map_err(|e| BusError::from_io(&e, &self.address, WHAT))?;
            match self.next() {
                Ok(said) => {
                    if message(&said).is_some_and(|(_, payload)| take(payload).is_break()) {
                        break;
                    }
                }
                Err(BusError::TimedOut { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The next thing that the server says. A wait that ends in the middle of it goes on where it was.
    fn next(&mut self) -> Result<Value, BusError> {
        let said = self.answers.next(&mut self.stream);
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

/// Hands each message on a channel that matches `pattern` to `take`, for `window` from the confirmation on, or until
/// `take` has heard enough.
///
/// # Errors
/// When there is no connection, or the pattern is forbidden: then nothing can be concluded from having heard nothing.
pub fn overhear(
    address: &Address,
    client_name: &str,
    limits: &Limits,
    pattern: &str,
    window: Duration,
    take: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<(), BusError> {
    PatternLink::open(address, client_name, limits, pattern)?.listen(window, take)
}

/// Channel and payload of a message: `["pmessage", pattern, channel, payload]`.
fn message(said: &Value) -> Option<(&[u8], &[u8])> {
    let Value::Array(parts) = said else {
        return None;
    };
    match parts.as_slice() {
        [
            Value::BulkString(kind),
            _,
            Value::BulkString(channel),
            Value::BulkString(payload),
        ] if kind == b"pmessage" => Some((channel, payload)),
        _ => None,
    }
}

fn is_wait(error: &redis::RedisError) -> bool {
    let interrupted = io::Error::from(io::ErrorKind::Interrupted).to_string();
    error.is_timeout() || error.to_string().contains(&interrupted)
}
