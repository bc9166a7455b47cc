//! One request, read from the bytes of its head. Pure.
//!
//! What two readers could understand differently is refused rather than guessed (RFC 9112, section 11.2): bare line
//! ends, folded fields, Transfer-Encoding, a repeated Host or Content-Length.

use super::{BODY_MAX, FIELDS_MAX, HEAD_MAX, TARGET_MAX};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Wants a body.
    Get,
    /// Wants the head of what GET would give.
    Head,
    /// Wants something to be done.
    Post,
}

/// A request whose head was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is wanted.
    pub method: Method,
    /// The path, decoded; it begins with `/` and holds no `..`.
    pub path: String,
    /// The query's parameters in their order, decoded.
    pub query: Vec<(String, String)>,
    /// The fields: names in small letters, values as they came.
    fields: Vec<(String, String)>,
    /// The body, once it is whole.
    pub body: Vec<u8>,
    pub(super) length: usize,
    pub(super) keeps_alive: bool,
    pub(super) expects_continue: bool,
}

/// Why a request is not served. The connection ends with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no HTTP, or could be understood in two ways.
    Malformed,
    /// GET, HEAD and POST are all there is.
    Method,
    /// The target is longer than [`TARGET_MAX`].
    TargetTooLong,
    /// The head is longer than [`HEAD_MAX`], or has more than [`FIELDS_MAX`] fields.
    HeadTooLarge,
    /// The body is longer than [`BODY_MAX`].
    BodyTooLarge,
    /// An expectation other than `100-continue`.
    Expectation,
    /// HTTP of another version than 1.0 and 1.1.
    Version,
    /// Head or body were not whole in time.
    TooSlow,
    /// Nobody answered in time.
    NoAnswer,
}

impl Refusal {
    /// The status that says so.
    pub fn status(self) -> u16 {
        match self {
            Refusal::Malformed => 400,
            Refusal::Method => 405,
            Refusal::TargetTooLong => 414,
            Refusal::HeadTooLarge => 431,
            Refusal::BodyTooLarge => 413,
            Refusal::Expectation => 417,
            Refusal::Version => 505,
            Refusal::TooSlow => 408,
            Refusal::NoAnswer => 503,
        }
    }
}

impl Request {
    /// Reads the head at the beginning of `bytes`; answers with it and its length. `None`: it is not whole yet.
    ///
    /// # Errors
    /// When it is refused.
    pub fn read(bytes: &[u8]) -> Result<Option<(Request, usize)>, Refusal> {
        let Some(end) = end_of_head(bytes)? else {
            return Ok(None);
        };
        let head = &bytes[..end];
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut parsed = httparse::Request::new(&mut fields);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err(Refusal::Malformed),
            Err(httparse::Error::TooManyHeaders) => return Err(Refusal::HeadTooLarge),
            Err(httparse::Error::Version) => return Err(Refusal::Version),
            Err(_) => return Err(Refusal::Malformed),
        }
        let method = match parsed.method {
            Some("GET") => Method::Get,
            Some("HEAD") => Method::Head,
            Some("POST") => Method::Post,
            _ => return Err(Refusal::Method),
        };
        let (path, query) = target(parsed.path.unwrap_or_default())?;
        let fields: Vec<(String, String)> = parsed
            .headers
            .iter()
            .map(|f| {
                let value = String::from_utf8_lossy(f.value);
                (f.name.to_ascii_lowercase(), value.trim().to_owned())
            })
            .collect();
        let mut request = Request {
            method,
            path,
            query,
            fields,
            body: Vec::new(),
            length: 0,
            keeps_alive: false,
            expects_continue: false,
        };
        request.judge(parsed.version == Some(1))?;
        Ok(Some((request, end)))
    }

    /// What the fields say of the rest of the message.
    fn judge(&mut self, is_1_1: bool) -> Result<(), Refusal> {
        let hosts = self.count("host");
        if hosts > 1 || (is_1_1 && hosts == 0) || self.count("content-length") > 1 {
            return Err(Refusal::Malformed);
        }
        if self.has("transfer-encoding") {
            return Err(Refusal::Malformed);
        }
        if let Some(length) = self.field("content-length") {
            let digits = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
            if !digits {
                return Err(Refusal::Malformed);
            }
            self.length = match length.parse::<usize>() {
                Ok(length) if length <= BODY_MAX => length,
                _ => return Err(Refusal::BodyTooLarge),
            };
        }
        if let Some(expected) = self.field("expect") {
            if !expected.eq_ignore_ascii_case("100-continue") {
                return Err(Refusal::Expectation);
            }
            self.expects_continue = is_1_1;
        }
        let wishes = self.fields.iter().filter(|(name, _)| name == "connection");
        let closes = wishes
            .flat_map(|(_, value)| value.split(','))
            .any(|wish| wish.trim().eq_ignore_ascii_case("close"));
        self.keeps_alive = is_1_1 && !closes;
        Ok(())
    }

    fn count(&self, name: &str) -> usize {
        self.fields.iter().filter(|(n, _)| n == name).count()
    }

    /// The value of the field `name` (in small letters); `None` when it is absent or stands there more than once.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(n, _)| n == name);
        let value = found.next().map(|(_, value)| value.as_str());
        value.filter(|_| found.next().is_none())
    }

    /// Whether the field `name` (in small letters) is there at all.
    pub fn has(&self, name: &str) -> bool {
        self.count(name) > 0
    }

    /// The first parameter `name` of the query.
    pub fn param(&self, name: &str) -> Option<&str> {
        let mut found = self.query.iter().filter(|(n, _)| n == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// The cookie `name`.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let cookies = self.fields.iter().filter(|(n, _)| n == "cookie");
        let mut pairs = cookies
            .flat_map(|(_, value)| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(n, _)| *n == name).map(|(_, value)| value)
    }
}

/// Where the head ends, with its empty line.
fn end_of_head(bytes: &[u8]) -> Result<Option<usize>, Refusal> {
    let part = &bytes[..bytes.len().min(HEAD_MAX)];
    let mut at = 0;
    while let Some(line) = part[at..].iter().position(|&b| matches!(b, b'\n' | b'\r')) {
        let end = at + line;
        match part.get(end..end + 2) {
            Some(b"\r\n") if line == 0 && at > 0 => return Ok(Some(end + 2)),
            // An empty line before a request is no request; whoever sends one means something else.
            Some(b"\r\n") if line == 0 => return Err(Refusal::Malformed),
            Some(b"\r\n") => at = end + 2,
            // A bare line end.
            Some(_) => return Err(Refusal::Malformed),
            None if part[end] == b'\n' => return Err(Refusal::Malformed),
            None => break,
        }
        // The target stands in the first line, which may be longer than a target.
    }
    if at == 0 && part.len() > TARGET_MAX + 64 {
        return Err(Refusal::TargetTooLong);
    }
    if bytes.len() >= HEAD_MAX {
        return Err(Refusal::HeadTooLarge);
    }
    Ok(None)
}

/// Path and query of a target in its usual form (RFC 9112, section 3.2.1).
fn target(target: &str) -> Result<(String, Vec<(String, String)>), Refusal> {
    if target.len() > TARGET_MAX {
        return Err(Refusal::TargetTooLong);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let lower = path.to_ascii_lowercase();
    let hides = ["%2f", "%5c", "%00", "\\"];
    if !path.starts_with('/') || hides.iter().any(|part| lower.contains(part)) {
        return Err(Refusal::Malformed);
    }
    let path = decoded(path, false).ok_or(Refusal::Malformed)?;
    if path.split('/').any(|part| matches!(part, "." | "..")) || path.contains(char::is_control) {
        return Err(Refusal::Malformed);
    }
    let query = form_fields(query).ok_or(Refusal::Malformed)?;
    Ok((path, query))
}

/// The pairs of a query or of a form (`application/x-www-form-urlencoded`), decoded. `None` when a part of it is no UTF-8
/// or holds control characters.
pub fn form_fields(text: &str) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name, true)?, decoded(value, true)?);
        if name.contains(char::is_control) || value.contains(char::is_control) {
            return None;
        }
        pairs.push((name, value));
    }
    Some(pairs)
}

/// Undoes percent-encoding; in forms `+` is a blank.
fn decoded(text: &str, is_form: bool) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    let digit = |b: Option<u8>| char::from(b?).to_digit(16);
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => (digit(bytes.next())? * 16 + digit(bytes.next())?) as u8,
            b'+' if is_form => b' ',
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests;
