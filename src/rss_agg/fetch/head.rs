//! The head of an answer, made fit for a parser that takes all of it or nothing: one bad line costs itself
//! (RFC 9112, 5.1 and 5.2), as it does in browsers.

use std::time::Instant;

use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport, time,
};

use crate::net::http::connect::NetConnector;

/// The longest head that is looked at; of a longer one nothing is changed.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// Connects, and cleans the head of what comes over the connection.
#[derive(Debug)]
pub(super) struct HeadCleaner(pub NetConnector);

impl Connector<()> for HeadCleaner {
    type Out = CleanHead<Box<dyn Transport>>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        Ok(self.0.connect(details, chained)?.map(CleanHead::new))
    }
}

/// The bytes under this are those of the connection, but for what was left out of the head.
#[derive(Debug)]
pub(super) struct CleanHead<T> {
    inner: T,
    /// The head has not come yet.
    is_awaited: bool,
    /// The clean head, and what came behind it in the same piece.
    clean: Option<LazyBuffers>,
}

impl<T: Transport> CleanHead<T> {
    pub fn new(inner: T) -> CleanHead<T> {
        CleanHead {
            inner,
            is_awaited: true,
            clean: None,
        }
    }

    /// Waits for all of the head; whether anything came.
    fn await_head(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let start = Instant::now();
        let mut came = false;
        loop {
            let left = (*timeout.after).saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(ureq::Error::Timeout(timeout.reason));
            }
            let after = time::Duration::Exact(left);
            if !self.inner.await_input(NextTimeout { after, ..timeout })? {
                return Ok(came);
            }
            came = true;
            let input = self.inner.buffers().input();
            if let Some(end) = end_of_head(input) {
                self.is_awaited = false;
                if let Some(mut clean) = cleaned(&input[..end]) {
                    clean.extend_from_slice(&input[end..]);
                    let all = input.len();
                    self.inner.buffers().input_consume(all);
                    self.clean = Some(filled(&clean));
                }
                return Ok(true);
            }
            if input.len() >= MAX_HEAD_BYTES {
                self.is_awaited = false;
                return Ok(true);
            }
        }
    }
}

fn filled(bytes: &[u8]) -> LazyBuffers {
    let mut buffers = LazyBuffers::new(bytes.len().max(1), 1);
    buffers.input_append_buf()[..bytes.len()].copy_from_slice(bytes);
    buffers.input_appended(bytes.len());
    buffers
}

impl<T: Transport> Transport for CleanHead<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.clean.take_if(|clean| clean.input().is_empty());
        match &mut self.clean {
            Some(clean) => clean,
            None => self.inner.buffers(),
        }
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        if self.is_awaited {
            return self.await_head(timeout);
        }
        let Some(clean) = &mut self.clean else {
            return self.inner.await_input(timeout);
        };
        // What follows is appended to what is not used up yet.
        let came = self.inner.await_input(timeout)?;
        let mut bytes = clean.input().to_vec();
        let more = self.inner.buffers().input();
        bytes.extend_from_slice(more);
        let all = more.len();
        self.inner.buffers().input_consume(all);
        *clean = filled(&bytes);
        Ok(came)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// Behind the first empty line.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes).find_map(|at| match &bytes[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// The head without the lines that are none; `None` where there are none such.
fn cleaned(head: &[u8]) -> Option<Vec<u8>> {
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    let mut clean = Vec::with_capacity(head.len());
    clean.extend_from_slice(lines.next()?);
    let mut is_kept = false;
    for line in lines {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.is_empty() {
            clean.extend_from_slice(line);
        } else if matches!(text[0], b' ' | b'\t') {
            // The rest of a folded line belongs to the line before it.
            if is_kept && is_value(text) {
                let end = clean.trim_ascii_end().len();
                clean.truncate(end);
                clean.push(b' ');
                clean.extend_from_slice(text.trim_ascii_start());
                clean.extend_from_slice(b"\r\n");
            }
        } else {
            let field = field(text);
            is_kept = field.is_some();
            if let Some((name, value)) = field {
                clean.extend_from_slice(name);
                clean.push(b':');
                clean.extend_from_slice(value);
                clean.extend_from_slice(b"\r\n");
            }
        }
    }
    (clean != head).then_some(clean)
}

/// Name and value, where both are what they should be. A blank before the colon goes.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b':', line)?;
    let (name, value) = (line[..at].trim_ascii_end(), &line[at + 1..]);
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    (!name.is_empty() && name.iter().all(is_token) && is_value(value)).then_some((name, value))
}

fn is_value(value: &[u8]) -> bool {
    value
        .iter()
        .all(|byte| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(head: &str) -> String {
        let cleaned = cleaned(head.as_bytes()).unwrap_or_else(|| head.as_bytes().to_vec());
        String::from_utf8(cleaned).expect("text")
    }

    #[test]
    fn a_bad_line_costs_itself() {
        let head = "HTTP/1.1 200 OK\r\nA: 1\r\nX\r\nB: 2\r\n\r\n";
        let kept = "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n\r\n";
        for bad in [
            "PHP Warning:  Module \"x\" is already loaded in Unknown on line 0",
            "Content Security Policy: default-src 'self'",
            "X-Made-By = desk",
            ": no name",
            "Ü: x",
            "X(y): z",
            "X\u{1}: z",
            "X: a\u{1}b",
            "X: a\rb",
            "<b>Notice</b>: Undefined index",
            "HTTP/1.1 200 OK",
        ] {
            assert_eq!(clean(&head.replace('X', bad)), kept, "{bad}");
        }
    }

    #[test]
    fn a_folded_line_is_one_line() {
        let head = "HTTP/1.1 200 OK\r\nA: one\r\n two\r\n\tthree\r\nB: 2\r\n\r\n";
        assert_eq!(
            clean(head),
            "HTTP/1.1 200 OK\r\nA: one two three\r\nB: 2\r\n\r\n"
        );
        // Of a line that goes, all goes.
        let head = "HTTP/1.1 200 OK\r\nA b: one\r\n two: x\r\nB: 2\r\n\r\n";
        assert_eq!(clean(head), "HTTP/1.1 200 OK\r\nB: 2\r\n\r\n");
        assert_eq!(
            clean("HTTP/1.1 200 OK\r\n A: 1\r\nB: 2\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nB: 2\r\n\r\n"
        );
    }

    #[test]
    fn a_good_head_is_not_touched() {
        for head in [
            "HTTP/1.1 200 OK\r\nETag: W/\"ü=\"\r\nX-Empty:\r\nSet-Cookie: a=b; c\r\n\r\n",
            "HTTP/1.0 302\r\nLocation: http://x/?a:b\r\n\r\n",
        ] {
            assert_eq!(cleaned(head.as_bytes()), None, "{head}");
        }
        assert_eq!(
            clean("HTTP/1.1 200 OK\nETag : \"1\"\n\n"),
            "HTTP/1.1 200 OK\nETag: \"1\"\r\n\n"
        );
    }

    #[test]
    fn the_head_ends_with_its_first_empty_line() {
        assert_eq!(
            end_of_head(b"HTTP/1.1 200 OK\r\nA: 1\r\n\r\nbody\n\n"),
            Some(25)
        );
        assert_eq!(end_of_head(b"HTTP/1.1 200 OK\nA: 1\n\nbody"), Some(22));
        assert_eq!(end_of_head(b"HTTP/1.1 200 OK\r\nA: 1\r\n"), None);
    }
}
