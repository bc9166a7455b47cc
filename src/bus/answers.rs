//! Reads what a server answers: values of RESP2 out of a stream, one after the other.
//!
//! Protocol: <https://redis.io/docs/latest/develop/reference/protocol-spec/>. A wait that ends in the middle of a value
//! loses nothing: the next call goes on where it was.

use std::io::{self, Read};

use redis::{RedisError, RedisResult, ServerError, Value};

/// Room for a read at first, and at rest.
const READ_BYTES: usize = 16 * 1024;
/// The same where one read has filled all of it.
const READ_BYTES_MAX: usize = 64 * 1024;
/// Longest text of one value: what Redis itself takes.
const TEXT_MAX: usize = 512 * 1024 * 1024;
/// Longest line of the protocol: numbers, states and errors.
const LINE_MAX: usize = 64 * 1024;
/// Lists within lists.
const DEPTH_MAX: usize = 32;
const NO_KIND: &str = "a value of a kind that RESP2 does not have";
/// Values for which a list has room before they have come.
const ROOM_MAX: usize = 1024;

/// What came and is not answered yet, and the lists that are not whole.
#[derive(Debug, Default)]
pub struct Answers {
    bytes: Vec<u8>,
    /// What of `bytes` is not read yet.
    start: usize,
    end: usize,
    open: Vec<List>,
    /// More may have come than there was room for.
    is_much: bool,
}

#[derive(Debug)]
struct List {
    missing: usize,
    values: Vec<Value>,
}

/// What stands at the front of the buffer.
enum Front {
    Value(Value),
    /// A list of so many begins.
    List(usize),
    /// So many bytes more would tell; at least 1.
    Wants(usize),
}

impl Answers {
    /// Nothing has come yet.
    pub fn new() -> Answers {
        Answers::default()
    }

    /// The next value. An error that the server answers is a value, too.
    ///
    /// # Errors
    /// Those of the source, and when that is no RESP2: then nothing more can be read from it.
    pub fn next(&mut self, source: &mut impl Read) -> RedisResult<Value> {
        loop {
            let whole = match self.front()? {
                Front::Wants(bytes) => {
                    self.fill(source, bytes)?;
                    None
                }
                Front::Value(value) => self.put(value),
                Front::List(0) => self.put(Value::Array(Vec::new())),
                Front::List(count) => {
                    if self.open.len() == DEPTH_MAX {
                        return Err(no_resp("lists within too many lists"));
                    }
                    self.open.push(List {
                        missing: count,
                        values: Vec::with_capacity(count.min(ROOM_MAX)),
                    });
                    None
                }
            };
            if let Some(value) = whole {
                self.rest();
                return Ok(value);
            }
        }
    }

    /// Puts a value where it belongs; the whole that it completes.
    fn put(&mut self, mut value: Value) -> Option<Value> {
        loop {
            let Some(list) = self.open.last_mut() else {
                return Some(value);
            };
            list.values.push(value);
            list.missing -= 1;
            if list.missing > 0 {
                return None;
            }
            value = Value::Array(self.open.pop()?.values);
        }
    }

    fn front(&mut self) -> RedisResult<Front> {
        let bytes = &self.bytes[self.start..self.end];
        // Who speaks something else, TLS for one, may never send a line end.
        if bytes.first().is_some_and(|kind| !b"+-:$*".contains(kind)) {
            return Err(no_resp(NO_KIND));
        }
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            return match bytes.len() {
                LINE_MAX.. => Err(no_resp("a line that is too long")),
                _ => Ok(Front::Wants(1)),
            };
        };
        let [kind, line @ .., b'\r'] = &bytes[..end] else {
            return Err(no_resp("a line without its end"));
        };
        let mut read = end + 1;
        let front = match kind {
            b'+' if line == b"OK" => Front::Value(Value::Okay),
            b'+' => Front::Value(Value::SimpleString(text(line))),
            b'-' => Front::Value(Value::ServerError(server_error(&text(line))?)),
            b':' => Front::Value(Value::Int(number(line)?)),
            b'$' | b'*' if line == b"-1" => Front::Value(Value::Nil),
            b'*' => Front::List(length(line, usize::MAX)?),
            b'$' => {
                let length = length(line, TEXT_MAX)?;
                let whole = read + length + 2;
                if bytes.len() < whole {
                    return Ok(Front::Wants(whole - bytes.len()));
                }
                let value = bytes[read..read + length].to_vec();
                read = whole;
                Front::Value(Value::BulkString(value))
            }
            _ => return Err(no_resp(NO_KIND)),
        };
        self.start += read;
        Ok(front)
    }

    /// Reads once. Where `wanted` bytes are missing, there is room for them, but never for much more than has come: a
    /// length alone makes nobody keep memory.
    fn fill(&mut self, source: &mut impl Read, wanted: usize) -> io::Result<()> {
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let least = if self.is_much {
            READ_BYTES_MAX
        } else {
            READ_BYTES
        };
        let room = wanted.clamp(least, READ_BYTES_MAX.max(self.end));
        if self.bytes.len() < self.end + wanted.min(room) || self.bytes.len() < least {
            self.bytes.resize(self.end + room, 0);
        }
        match source.read(&mut self.bytes[self.end..])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.end += read;
                self.is_much = self.end == self.bytes.len();
                Ok(())
            }
        }
    }

    /// A value is whole: what a long one took is given back.
    fn rest(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() > READ_BYTES_MAX {
                self.bytes = Vec::new();
            }
        }
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}

/// `CODE detail`.
fn server_error(line: &str) -> RedisResult<ServerError> {
    let (code, detail) = match line.split_once(' ') {
        Some((code, detail)) => (code, Some(detail.to_owned())),
        None => (line, None),
    };
    redis::make_extension_error(code.to_owned(), detail).try_into()
}

fn number(line: &[u8]) -> RedisResult<i64> {
    let text = std::str::from_utf8(line).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| no_resp("no number where one has to be"))
}

fn length(line: &[u8], max: usize) -> RedisResult<usize> {
    let length = usize::try_from(number(line)?).ok();
    length
        .filter(|length| *length <= max)
        .ok_or_else(|| no_resp("a length that none can have"))
}

fn no_resp(what: &'static str) -> RedisError {
    (redis::ErrorKind::Parse, what).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives its bytes in pieces, and a wait that ends in between.
    struct Pieces<'a> {
        rest: &'a [u8],
        sizes: std::iter::Cycle<std::vec::IntoIter<usize>>,
    }

    impl Read for Pieces<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            match self.sizes.next() {
                Some(0) => Err(io::ErrorKind::WouldBlock.into()),
                size => {
                    let count = size.unwrap_or(1).min(buf.len()).min(self.rest.len());
                    let (now, later) = self.rest.split_at(count);
                    buf[..count].copy_from_slice(now);
                    self.rest = later;
                    Ok(count)
                }
            }
        }
    }

    fn written(value: &Value, out: &mut Vec<u8>) {
        match value {
            Value::Nil => out.extend(b"$-1\r\n"),
            Value::Okay => out.extend(b"+OK\r\n"),
            Value::Int(n) => out.extend(format!(":{n}\r\n").bytes()),
            Value::SimpleString(text) => out.extend(format!("+{text}\r\n").bytes()),
            Value::BulkString(bytes) => {
                out.extend(format!("${}\r\n", bytes.len()).bytes());
                out.extend(bytes);
                out.extend(b"\r\n");
            }
            Value::Array(values) => {
                out.extend(format!("*{}\r\n", values.len()).bytes());
                values.iter().for_each(|value| written(value, out));
            }
            other => panic!("{other:?} is never written"),
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Nil),
            Just(Value::Okay),
            any::<i64>().prop_map(Value::Int),
            "[a-z ]{0,9}".prop_map(Value::SimpleString),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::BulkString),
            (0..200_000_usize).prop_map(|len| Value::BulkString(vec![b'x'; len])),
        ];
        leaf.prop_recursive(4, 30, 6, |inner| {
            proptest::collection::vec(inner, 0..6).prop_map(Value::Array)
        })
    }

    fn all_of(bytes: &[u8], sizes: Vec<usize>) -> RedisResult<Vec<Value>> {
        let mut source = Pieces {
            rest: bytes,
            sizes: sizes.into_iter().cycle(),
        };
        let (mut answers, mut all) = (Answers::new(), Vec::new());
        loop {
            match answers.next(&mut source) {
                Ok(value) => all.push(value),
                Err(error) if error.is_timeout() => {}
                Err(error) if error.is_connection_dropped() => return Ok(all),
                Err(error) => return Err(error),
            }
        }
    }

    proptest! {
        #[test]
        fn values_are_read_as_they_were_written_however_they_come(
            values in proptest::collection::vec(value(), 1..5),
            mut sizes in proptest::collection::vec(0..70_000_usize, 0..6),
        ) {
            sizes.push(50_000);
            let mut bytes = Vec::new();
            values.iter().for_each(|value| written(value, &mut bytes));
            prop_assert_eq!(all_of(&bytes, sizes).expect("RESP2"), values);
        }

        #[test]
        fn what_the_crate_reads_is_read_likewise_and_nothing_panics(text in "[+:$*-]{0,2}[0-9OK a-z]{0,3}(\r\n[a-z]{0,4}\r\n){0,2}") {
            let theirs = redis::parse_redis_value(text.as_bytes());
            let ours = all_of(text.as_bytes(), vec![3]);
            if let (Ok(theirs), Ok(Some(ours))) = (theirs, ours.map(|all| all.into_iter().next())) {
                match (&theirs, &ours) {
                    (Value::ServerError(a), Value::ServerError(b)) => {
                        prop_assert_eq!((a.code(), a.details()), (b.code(), b.details()));
                    }
                    _ => prop_assert_eq!(theirs, ours),
                }
            }
        }
    }

    #[test]
    fn an_error_has_its_code_and_the_words_behind_it() {
        let all = all_of(b"-OOM command not allowed\r\n-ERR\r\n", vec![1]).expect("RESP2");
        let said: Vec<_> = all
            .iter()
            .map(|value| match value {
                Value::ServerError(error) => (error.code(), error.details()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(said, [("OOM", Some("command not allowed")), ("ERR", None)]);
    }

    #[test]
    fn what_is_no_resp2_is_refused() {
        let nested = "*1\r\n".repeat(DEPTH_MAX + 1);
        let long = "+".repeat(LINE_MAX + 1);
        for bad in [
            "HTTP/1.1 400 Bad Request\r\n",
            "$-2\r\n",
            "$999999999999\r\n",
            ":one\r\n",
            "+no end\n",
            "_\r\n",
            "\u{15}\u{3}",
            &nested,
            &long,
        ] {
            let read = all_of(bad.as_bytes(), vec![7]);
            let error = read.expect_err("it is none");
            assert_eq!(error.kind(), redis::ErrorKind::Parse, "{bad:?}");
        }
    }

    #[test]
    fn a_length_alone_takes_no_memory_and_a_long_value_gives_its_back() {
        let mut answers = Answers::new();
        let cut = answers.next(&mut &b"$500000000\r\nabc"[..]);
        assert!(cut.is_err());
        assert!(answers.bytes.len() <= 2 * READ_BYTES_MAX);

        let mut answers = Answers::new();
        let mut long = format!("${}\r\n", 1_000_000).into_bytes();
        long.resize(long.len() + 1_000_000, b'x');
        long.extend(b"\r\n");
        answers.next(&mut &long[..]).expect("a value");
        assert!(answers.bytes.len() <= READ_BYTES_MAX);
    }
}
