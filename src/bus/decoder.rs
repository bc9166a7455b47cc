//! Reads a subscriber's RESP2 stream: complete frames out of a buffer, nothing copied, nothing allocated.
//!
//! Protocol: <https://redis.io/docs/latest/develop/reference/protocol-spec/>. A subscribed connection carries only
//! arrays of bulk strings and integers (`message`, `subscribe`, `unsubscribe`, `pong`) and error lines.

use std::io::{self, Read};

/// Room for one read: what Redis writes at once to a busy subscriber.
const READ_BYTES: usize = 64 * 1024;
/// Longest line of the protocol itself (headers and error texts).
const LINE_MAX_BYTES: usize = 4096;
/// Digits of a number; what fits in an `i64` whatever they are.
const DIGITS_MAX: usize = 18;

/// A stretch of the buffer; good until the next [`Decoder::fill`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteRange {
    start: usize,
    end: usize,
}

/// One thing the server said. Stretches instead of slices, so that a reader may pass over what it does not want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum Frame {
    /// A message on a subscribed channel.
    Message {
        channel: ByteRange,
        payload: ByteRange,
    },
    /// A message longer than the limit: its bytes are read over, only its size is told.
    TooLong { channel: ByteRange, bytes: usize },
    /// A confirmed SUBSCRIBE: the connection now has `count` subscriptions.
    Subscribed { channel: ByteRange, count: u64 },
    /// A confirmed UNSUBSCRIBE.
    Unsubscribed { count: u64 },
    /// An error reply, without the dash.
    Error { line: ByteRange },
    /// Anything else that is well-formed (`+PONG`, say).
    Other,
}

/// What the buffer holds at its front; stretches count from there.
enum Scan {
    /// A frame that ends at this offset (of an oversized one: its header).
    Frame(Frame, usize),
    /// Not yet whole.
    More,
    /// Not this protocol.
    Bad(&'static str),
}

/// The read buffer and the frames in it.
pub struct Decoder {
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes of an oversized payload that are still to be read over.
    skip: usize,
    payload_max: usize,
}

impl Decoder {
    /// A buffer that hands out payloads of at most `payload_max` bytes.
    pub fn new(payload_max: usize) -> Decoder {
        Decoder {
            buf: vec![0; READ_BYTES],
            start: 0,
            end: 0,
            skip: 0,
            payload_max,
        }
    }

    /// Reads once from `source`. `Ok(0)` is the end of the stream.
    ///
    /// # Errors
    /// Those of `source`; a read that would have to wait is one of them.
    pub fn fill(&mut self, source: &mut impl Read) -> io::Result<usize> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buf.len() {
            self.buf.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            if self.end == self.buf.len() {
                // One frame fills it: grow towards the limit, by at most doubling.
                let limit = READ_BYTES + self.payload_max + LINE_MAX_BYTES;
                self.buf.resize((self.buf.len() * 2).min(limit), 0);
            }
        }
        let got = source.read(&mut self.buf[self.end..])?;
        self.end += got;
        Ok(got)
    }

    /// The next complete frame; `None` until more is read. An error text when this is not the protocol.
    ///
    /// # Errors
    /// Why what came is not this protocol: nothing after it can be read.
    #[allow(clippy::should_implement_trait)] // An iterator could not tell "not yet" from "never".
    pub fn next(&mut self) -> Result<Option<Frame>, &'static str> {
        if self.skip > 0 {
            let over = self.skip.min(self.end - self.start);
            self.start += over;
            self.skip -= over;
            if self.skip > 0 {
                return Ok(None);
            }
        }
        let front = self.start;
        match scan(&self.buf[front..self.end], self.payload_max) {
            Scan::More if self.end - front >= READ_BYTES + self.payload_max + LINE_MAX_BYTES => {
                Err("a frame longer than any limit")
            }
            Scan::More => Ok(None),
            Scan::Bad(why) => Err(why),
            Scan::Frame(frame, size) => {
                self.start += size;
                if let Frame::TooLong { bytes, .. } = frame {
                    self.skip = bytes.saturating_add(2);
                }
                Ok(Some(frame.shifted(front)))
            }
        }
    }

    /// The bytes of a stretch.
    pub fn get(&self, span: ByteRange) -> &[u8] {
        &self.buf[span.start..span.end]
    }
}

impl ByteRange {
    fn shifted(self, by: usize) -> ByteRange {
        ByteRange {
            start: self.start + by,
            end: self.end + by,
        }
    }
}

impl Frame {
    fn shifted(self, by: usize) -> Frame {
        match self {
            Frame::Message { channel, payload } => Frame::Message {
                channel: channel.shifted(by),
                payload: payload.shifted(by),
            },
            Frame::TooLong { channel, bytes } => Frame::TooLong {
                channel: channel.shifted(by),
                bytes,
            },
            Frame::Subscribed { channel, count } => Frame::Subscribed {
                channel: channel.shifted(by),
                count,
            },
            Frame::Error { line } => Frame::Error {
                line: line.shifted(by),
            },
            Frame::Unsubscribed { .. } | Frame::Other => self,
        }
    }
}

/// A cursor over the buffer; every step says `None` when the bytes are not there yet.
struct Cursor<'a> {
    buf: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The next line without its end, as a range.
    fn line(&mut self) -> Option<ByteRange> {
        let rest = &self.buf[self.at..];
        let cr = rest.iter().take(LINE_MAX_BYTES).position(|&b| b == b'\r')?;
        if rest.len() < cr + 2 {
            return None;
        }
        let found = ByteRange {
            start: self.at,
            end: self.at + cr,
        };
        self.at += cr + 2;
        Some(found)
    }

    /// A line made of `kind` and a number, in one pass: four of them stand in every message.
    fn number(&mut self, kind: u8) -> Option<Result<i64, &'static str>> {
        let (&first, line) = self.buf[self.at..].split_first()?;
        if first != kind {
            return Some(Err("an element of another type than a subscriber gets"));
        }
        let sign = usize::from(*line.first()? == b'-');
        let mut value = 0;
        for (n, &byte) in line.iter().enumerate().skip(sign) {
            match byte {
                b'0'..=b'9' if n < sign + DIGITS_MAX => {
                    value = value * 10 + i64::from(byte - b'0');
                }
                b'\r' if n > sign => {
                    if line.len() < n + 2 {
                        return None;
                    }
                    self.at += n + 3;
                    return Some(Ok(if sign == 1 { -value } else { value }));
                }
                _ => return Some(Err("a length that is not a number")),
            }
        }
        None
    }
}

macro_rules! wait {
    ($step:expr) => {
        match $step {
            Some(value) => value,
            None => return Scan::More,
        }
    };
}

macro_rules! sound {
    ($step:expr) => {
        match wait!($step) {
            Ok(value) => value,
            Err(why) => return Scan::Bad(why),
        }
    };
}

fn scan(buf: &[u8], payload_max: usize) -> Scan {
    let mut c = Cursor { buf, at: 0 };
    match buf.first() {
        None => Scan::More,
        Some(b'*') => scan_array(&mut c, payload_max),
        Some(b'-') => {
            let line = wait!(c.line());
            Scan::Frame(
                Frame::Error {
                    line: ByteRange {
                        start: line.start + 1,
                        ..line
                    },
                },
                c.at,
            )
        }
        Some(b'+' | b':') => {
            wait!(c.line());
            Scan::Frame(Frame::Other, c.at)
        }
        Some(b'$') => match sound!(c.number(b'$')) {
            n if n < 0 => Scan::Frame(Frame::Other, c.at),
            n => {
                let size = c.at + n as usize + 2;
                if buf.len() < size {
                    Scan::More
                } else {
                    Scan::Frame(Frame::Other, size)
                }
            }
        },
        Some(_) => Scan::Bad("a first byte that no reply begins with"),
    }
}

fn scan_array(c: &mut Cursor<'_>, payload_max: usize) -> Scan {
    let count = sound!(c.number(b'*'));
    let kind = match sound!(bulk(c, LINE_MAX_BYTES)) {
        Bulk::Range(range) => range,
        Bulk::Long { .. } => return Scan::Bad("a message type that is too long"),
    };
    match (&c.buf[kind.start..kind.end], count) {
        (b"message", 3) => {
            let channel = match sound!(bulk(c, LINE_MAX_BYTES)) {
                Bulk::Range(range) => range,
                Bulk::Long { .. } => return Scan::Bad("a channel name that is too long"),
            };
            match sound!(bulk(c, payload_max)) {
                Bulk::Range(payload) => Scan::Frame(Frame::Message { channel, payload }, c.at),
                Bulk::Long { bytes } => Scan::Frame(Frame::TooLong { channel, bytes }, c.at),
            }
        }
        (b"subscribe" | b"unsubscribe", 3) => {
            let on = kind.end - kind.start == b"subscribe".len();
            let channel = match sound!(bulk(c, LINE_MAX_BYTES)) {
                Bulk::Range(range) => range,
                Bulk::Long { .. } => return Scan::Bad("a channel name that is too long"),
            };
            let count = sound!(c.number(b':')).max(0) as u64;
            let frame = if on {
                Frame::Subscribed { channel, count }
            } else {
                Frame::Unsubscribed { count }
            };
            Scan::Frame(frame, c.at)
        }
        (b"pong", 2) => wait!(bulk(c, LINE_MAX_BYTES))
            .map_or_else(Scan::Bad, |_| Scan::Frame(Frame::Other, c.at)),
        _ => Scan::Bad("a message of a kind that was not asked for"),
    }
}

enum Bulk {
    Range(ByteRange),
    Long { bytes: usize },
}

/// A bulk string of at most `max` bytes; of a longer one only the header is consumed.
fn bulk(c: &mut Cursor<'_>, max: usize) -> Option<Result<Bulk, &'static str>> {
    let length = match c.number(b'$')? {
        // A nil (`$-1`) stands where UNSUBSCRIBE had nothing to leave.
        Ok(n) if n < 0 => {
            return Some(Ok(Bulk::Range(ByteRange {
                start: c.at,
                end: c.at,
            })));
        }
        Ok(n) => n as usize,
        Err(why) => return Some(Err(why)),
    };
    if length > max {
        return Some(Ok(Bulk::Long { bytes: length }));
    }
    let end = c.at + length;
    if c.buf.len() < end + 2 {
        return None;
    }
    let found = ByteRange { start: c.at, end };
    c.at = end + 2;
    Some(Ok(Bulk::Range(found)))
}

#[cfg(test)]
mod tests;
