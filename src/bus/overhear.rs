//! Listening in on a pattern of channels for a moment: for a reader that comes and goes, never for who judges.

use std::io::Write;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use redis::{Parser, Value};

use super::connection::Connection;
use super::{Address, BusError, Limits};

/// Messages that are taken in at most: whoever floods these channels must not keep a reader.
const MESSAGES_MAX: usize = 10_000;

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
    mut take: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<(), BusError> {
    const WHAT: &str = "listen";
    let mut stream = Connection::open(address, client_name, limits)?.into_stream();
    stream.socket().listen();
    let io_error = |e| BusError::from_io(&e, address, WHAT);
    let ask = redis::cmd("PSUBSCRIBE").arg(pattern).get_packed_command();
    stream.limit(limits.read).map_err(io_error)?;
    stream
        .write_all(&ask)
        .and_then(|()| stream.flush())
        .map_err(io_error)?;
    let mut parser = Parser::new();
    let mut end = None;
    for _ in 0..MESSAGES_MAX {
        if let Some(end) = end {
            let left = Instant::now()..end;
            if left.is_empty() {
                break;
            }
            stream.limit(left.end - left.start).map_err(io_error)?;
        }
        let said = match parser.parse_value(&mut stream) {
            Ok(Value::ServerError(e)) => {
                let details = e.details().unwrap_or_default();
                return Err(BusError::from_reply(e.code(), details, address));
            }
            Ok(said) => said,
            Err(e) if end.is_some() && e.is_timeout() => break,
            Err(e) => return Err(BusError::from_redis(e, address, WHAT)),
        };
        match payload(&said) {
            Some(payload) => {
                if take(payload).is_break() {
                    break;
                }
            }
            // The confirmation.
            None => end = end.or_else(|| Some(Instant::now() + window)),
        }
    }
    Ok(())
}

/// What a message says: `["pmessage", pattern, channel, payload]`.
fn payload(said: &Value) -> Option<&[u8]> {
    let Value::Array(parts) = said else {
        return None;
    };
    match parts.as_slice() {
        [Value::BulkString(kind), _, _, Value::BulkString(payload)] if kind == b"pmessage" => {
            Some(payload)
        }
        _ => None,
    }
}
