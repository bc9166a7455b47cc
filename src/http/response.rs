//! What is answered, and its bytes. Pure.

use std::borrow::Cow;
use std::sync::Arc;

/// The body of an answer.
#[derive(Clone, Debug)]
pub enum Body {
    /// Part of the program.
    Static(&'static [u8]),
    /// Made once, for many.
    Shared(Arc<[u8]>),
    /// Made for this response alone.
    Owned(Vec<u8>),
}

impl Body {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Body::Static(bytes) => bytes,
            Body::Shared(bytes) => bytes,
            Body::Owned(bytes) => bytes,
        }
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code (RFC 9110, section 15).
    pub status: u16,
    fields: Vec<(&'static str, Cow<'static, str>)>,
    /// What follows the head; not sent to who asked for the head alone.
    pub body: Body,
}

impl Response {
    /// One without fields and body.
    pub fn new(status: u16) -> Response {
        Response {
            status,
            fields: Vec::new(),
            body: Body::Static(b""),
        }
    }

    /// One of plain text.
    pub fn text(status: u16, text: impl Into<String>) -> Response {
        Response::new(status)
            .with("Content-Type", "text/plain; charset=utf-8")
            .body(Body::Owned(text.into().into_bytes()))
    }

    /// With this field. Line ends in a value would begin another field: what holds one is left out.
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Response {
        let value = value.into();
        if !value.contains(char::is_control) {
            self.fields.push((name, value));
        }
        self
    }

    /// With this body.
    pub fn body(self, body: Body) -> Response {
        Response { body, ..self }
    }

    /// The value of a field that was set.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let found = fields.find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &**value)
    }

    /// Its head. `length`: of the body, unless that has no end that is known.
    pub(super) fn head(&self, length: Option<usize>, keeps_alive: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.fields {
            head.push_str(name);
            head.push_str(": ");
            head.push_str(value);
            head.push_str("\r\n");
        }
        if let Some(length) = length.filter(|_| !matches!(self.status, 204 | 304)) {
            head.push_str("Content-Length: ");
            head.push_str(&length.to_string());
            head.push_str("\r\n");
        }
        if !keeps_alive {
            head.push_str("Connection: close\r\n");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// The words for a status (RFC 9110, section 15).
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        303 => "See Other",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_written_as_http_has_it() {
        let response = Response::text(404, "no")
            .with("X-A", "b")
            .with("X-Bad", "a\r\nSet-Cookie: x");
        let head = String::from_utf8(response.head(Some(2), false)).expect("text");
        assert_eq!(
            head,
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nX-A: b\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
        );
        let unchanged = Response::new(304).head(Some(0), true);
        assert_eq!(unchanged, b"HTTP/1.1 304 Not Modified\r\n\r\n");
    }
}
