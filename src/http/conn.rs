//! One connection: bytes and `now` in, requests and the next deadline out. Pure.
//!
//! One request is under way at a time; what a client sends behind it (pipelining) waits in the input, which is bounded,
//! so that a client that sends more than it reads is not read any more.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::request::{Method, Refusal, Request};
use super::response::{Body, Response};
use super::table::Standing;
use super::{BODY_MAX, HEAD_MAX};
use crate::clock::Mono;

/// A head is to be whole so long after its first byte.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// A body is to be whole so long after its head.
const BODY_WITHIN: Duration = Duration::from_secs(5);
/// A connection without a request is kept so long.
const IDLE_MAX: Duration = Duration::from_secs(75);
/// Whoever takes nothing of what is written for so long is gone.
const WRITE_STALLS: Duration = Duration::from_secs(15);
/// Whoever takes nothing for so long may lose its place to another.
const STALLS_AFTER: Duration = Duration::from_secs(1);
/// An answer is to be there so long after its request.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// So long is read on after the last answer, so that what the client still sends does not destroy it (RFC 9112, 9.6).
const LINGER: Duration = Duration::from_secs(1);
/// Input that is kept: a request, and the beginning of the next.
const INPUT_MAX: usize = HEAD_MAX + BODY_MAX;
/// A live client that has so many bytes before it gets no more until it has taken all of them.
pub const LIVE_PENDING_MAX: usize = 64 * 1024;

/// What there is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Answer this, by [`Conn::answer`] or [`Conn::live`].
    Request(Box<Request>),
    /// Nothing until more is read, written or due.
    Wait,
    /// Let go of it.
    Close,
}

#[derive(Debug)]
enum Phase {
    /// Between two requests, or within the head of one: since its first byte.
    Head {
        since: Option<Mono>,
    },
    Body {
        request: Box<Request>,
        since: Mono,
    },
    /// The request is out; its answer is awaited.
    Answering {
        since: Mono,
    },
    /// Decoder follow until it ends.
    Live,
    /// No request follows. What was written is to arrive.
    Closing {
        since: Option<Mono>,
    },
    Closed,
}

/// One connection.
#[derive(Debug)]
pub struct Conn {
    phase: Phase,
    input: Vec<u8>,
    output: VecDeque<Body>,
    /// Of the first piece.
    written: usize,
    pending: usize,
    /// Since when nothing was taken of what is to be written.
    stalled: Mono,
    /// Since when it is without a whole request.
    since: Mono,
    /// Whether it ever sent a whole request.
    asked: bool,
    is_head: bool,
    keeps_alive: bool,
    /// Decoder were left out.
    skipped: bool,
    /// The client sends no more.
    ended: bool,
}

impl Conn {
    /// One that was just made.
    pub fn new(now: Mono) -> Conn {
        Conn {
            phase: Phase::Head { since: None },
            input: Vec::new(),
            output: VecDeque::new(),
            written: 0,
            pending: 0,
            stalled: now,
            since: now,
            asked: false,
            is_head: false,
            keeps_alive: true,
            skipped: false,
            ended: false,
        }
    }

    /// How many bytes may be read now; 0: none.
    pub fn room(&self) -> usize {
        match self.phase {
            // An end would be read again and again.
            _ if self.ended => 0,
            // What comes after the end is thrown away.
            Phase::Closing { .. } | Phase::Live => INPUT_MAX,
            Phase::Closed => 0,
            _ => INPUT_MAX.saturating_sub(self.input.len()),
        }
    }

    /// Takes what was read; [`step`](Conn::step) says what follows.
    pub fn receive(&mut self, bytes: &[u8], now: Mono) {
        match &mut self.phase {
            Phase::Closing { .. } | Phase::Live | Phase::Closed => return,
            Phase::Head { since } => {
                since.get_or_insert(now);
            }
            Phase::Body { .. } | Phase::Answering { .. } => {}
        }
        self.input.extend_from_slice(bytes);
    }

    /// The client sends no more. What it asked for before is answered.
    pub fn end_of_input(&mut self) {
        self.ended = true;
        match self.phase {
            Phase::Answering { .. } => self.keeps_alive = false,
            Phase::Head { .. } | Phase::Closing { .. } if self.pending > 0 => {
                self.phase = Phase::Closing { since: None };
            }
            _ => self.phase = Phase::Closed,
        }
    }

    /// What there is to do at `now`.
    pub fn step(&mut self, now: Mono) -> Step {
        self.expire(now);
        if let Phase::Head { .. } = self.phase {
            self.read_head(now);
        }
        self.read_body(now)
    }

    fn read_head(&mut self, now: Mono) {
        if self.input.is_empty() {
            self.phase = Phase::Head { since: None };
            return;
        }
        match Request::read(&self.input) {
            Ok(None) => {
                if let Phase::Head { since } = &mut self.phase {
                    since.get_or_insert(now);
                }
            }
            Ok(Some((request, length))) => {
                self.input.drain(..length);
                if request.expects_continue && self.input.len() < request.length {
                    self.push(Body::Static(b"HTTP/1.1 100 Continue\r\n\r\n"), now);
                }
                let request = Box::new(request);
                self.phase = Phase::Body {
                    request,
                    since: now,
                };
            }
            Err(refusal) => self.refuse(refusal, now),
        }
    }

    fn read_body(&mut self, now: Mono) -> Step {
        match std::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Body { mut request, .. } if self.input.len() >= request.length => {
                request.body = self.input.drain(..request.length).collect();
                self.is_head = request.method == Method::Head;
                self.keeps_alive = request.keeps_alive;
                self.asked = true;
                self.phase = Phase::Answering { since: now };
                Step::Request(request)
            }
            Phase::Closed => Step::Close,
            phase => {
                self.phase = phase;
                Step::Wait
            }
        }
    }

    /// Answers the request that was handed out.
    pub fn answer(&mut self, response: Response, now: Mono) {
        if !matches!(self.phase, Phase::Answering { .. }) {
            return;
        }
        let length = response.body.bytes().len();
        let head = response.head(Some(length), self.keeps_alive);
        self.push(Body::Owned(head), now);
        if !self.is_head && !matches!(response.status, 204 | 304) {
            self.push(response.body, now);
        }
        self.since = now;
        self.phase = match self.keeps_alive {
            true => Phase::Head { since: None },
            false => Phase::Closing { since: None },
        };
    }

    /// Answers the request that was handed out with an answer that has no end; its body is the first frame.
    pub fn live(&mut self, response: Response, now: Mono) {
        if !matches!(self.phase, Phase::Answering { .. }) {
            return;
        }
        if self.is_head {
            return self.answer(response.body(Body::Static(b"")), now);
        }
        self.push(Body::Owned(response.head(None, false)), now);
        self.push(response.body, now);
        self.input = Vec::new();
        self.phase = Phase::Live;
    }

    /// Whether frames go to it.
    pub fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live)
    }

    /// Sends a frame to a live client. One that does not drain skips it; the frame `resync` comes first once it did.
    pub fn frame(&mut self, frame: &Arc<[u8]>, resync: &Arc<[u8]>, now: Mono) {
        if !self.is_live() {
            return;
        }
        if self.pending > 0 && (self.skipped || self.pending + frame.len() > LIVE_PENDING_MAX) {
            self.skipped = true;
            return;
        }
        if std::mem::take(&mut self.skipped) {
            self.push(Body::Shared(Arc::clone(resync)), now);
        }
        self.push(Body::Shared(Arc::clone(frame)), now);
    }

    /// The next bytes to write, when there are any.
    pub fn output(&self) -> Option<&[u8]> {
        let body = self.output.front()?;
        Some(&body.bytes()[self.written..])
    }

    /// So many of them were taken.
    pub fn wrote(&mut self, count: usize, now: Mono) {
        self.written += count;
        self.pending -= count;
        self.stalled = now;
        while let Some(body) = self.output.front() {
            let length = body.bytes().len();
            if self.written < length {
                break;
            }
            self.written -= length;
            self.output.pop_front();
        }
        if self.pending > 0 {
            return;
        }
        match &mut self.phase {
            Phase::Closing { .. } if self.ended => self.phase = Phase::Closed,
            Phase::Closing { since } => {
                since.get_or_insert(now);
            }
            Phase::Head { .. } => self.since = now,
            _ => {}
        }
    }

    /// Whether all was written and no request follows: the sending side can be shut.
    pub fn is_finished(&self) -> bool {
        matches!(
            self.phase,
            Phase::Closing { since: Some(_) } | Phase::Closed
        )
    }

    /// When [`step`](Conn::step) has something to do though nothing was read or written.
    pub fn deadline(&self) -> Option<Mono> {
        let due = match &self.phase {
            Phase::Head { since: None } if self.pending > 0 => None,
            Phase::Head { since: None } => Some(self.since + IDLE_MAX),
            Phase::Head { since: Some(since) } => Some(*since + HEAD_WITHIN),
            Phase::Body { since, .. } => Some(*since + BODY_WITHIN),
            Phase::Answering { since } => Some(*since + ANSWER_WITHIN),
            Phase::Closing { since } => since.map(|since| since + LINGER),
            Phase::Live => None,
            Phase::Closed => Some(self.since),
        };
        let stalls = (self.pending > 0).then(|| self.stalled + WRITE_STALLS);
        [due, stalls].into_iter().flatten().min()
    }

    /// How it stands, to whoever needs its place.
    pub fn standing(&self, now: Mono) -> Standing {
        let stalls = self.pending > 0 && now >= self.stalled + STALLS_AFTER;
        match &self.phase {
            Phase::Live => Standing::Live,
            _ if stalls => Standing::Stalled(self.stalled),
            Phase::Head { since: None } if self.pending > 0 => Standing::Busy,
            Phase::Head { since: None } if self.asked => Standing::Idle(self.since),
            Phase::Head { since: Some(since) } if self.asked => Standing::Unheard(*since),
            Phase::Head { .. } => Standing::Unheard(self.since),
            Phase::Body { since, .. } => Standing::Unheard(*since),
            Phase::Closing { since: Some(since) } => Standing::Idle(*since),
            Phase::Closed => Standing::Idle(self.since),
            Phase::Closing { since: None } | Phase::Answering { .. } => Standing::Busy,
        }
    }

    fn expire(&mut self, now: Mono) {
        if self.deadline().is_none_or(|due| now < due) {
            return;
        }
        let stalls = self.pending > 0 && now >= self.stalled + WRITE_STALLS;
        match self.phase {
            _ if stalls => self.phase = Phase::Closed,
            Phase::Head { since: Some(_) } | Phase::Body { .. } => {
                self.refuse(Refusal::TooSlow, now);
            }
            Phase::Answering { .. } => self.refuse(Refusal::NoAnswer, now),
            _ => self.phase = Phase::Closed,
        }
    }

    /// The last answer.
    fn refuse(&mut self, refusal: Refusal, now: Mono) {
        let status = refusal.status();
        let mut response = Response::text(status, format!("{status}\n"))
            .with("Cache-Control", "no-store")
            .with("X-Content-Type-Options", "nosniff");
        if refusal == Refusal::Method {
            response = response.with("Allow", "GET, HEAD, POST");
        }
        self.keeps_alive = false;
        self.phase = Phase::Answering { since: now };
        self.answer(response, now);
        self.input = Vec::new();
    }

    fn push(&mut self, body: Body, now: Mono) {
        let length = body.bytes().len();
        if length == 0 {
            return;
        }
        if self.pending == 0 {
            self.stalled = now;
        }
        self.pending += length;
        self.output.push_back(body);
    }
}

#[cfg(test)]
mod tests;
