//! One subscribed connection: asks for channels, reads what comes, knows what was confirmed.
//!
//! Written here rather than taken from the Redis crate for three reasons: a beat must cost no allocation, the
//! confirmations of a million channels must be read while changes for them (or Redis drops the connection), and a
//! refused channel must be told from a subscribed one.

mod changes;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use changes::{SubscriptionChange, SubscriptionChanges};

use super::byte_stream::ByteStream;
use super::channels::Channels;
use super::connection::Connection;
use super::connection_registry::Socket;
use super::decoder::{ByteRange, Decoder, Frame};
use super::{Address, BusError, Limits, ServerIdentity};
use crate::clock::Mono;

/// Pieces under way at once: enough to keep Redis busy, few enough that its answers never pile up.
const WINDOW: usize = 4;

/// Messages in a [`Run`]: enough that their waits for memory overlap, few enough that all of it stays in the cache.
pub const RUN_MAX: usize = 32;

/// Where the frames of a link go. Called on the thread that reads the link.
pub trait Sink: Send + 'static {
    /// Fills `into` with wanted channels, from number `from` on, until it is full; returns the number to go on with,
    /// `None` after the last.
    fn wanted(&mut self, from: usize, into: &mut Channels) -> Option<usize>;
    /// Whether `channel`, which is to be let go of, is wanted all the same at this moment: it may have been taken over.
    fn is_wanted(&mut self, _channel: &[u8]) -> bool {
        false
    }
    /// Takes everything that one read brought, all of it read at `now`.
    fn batch(&mut self, batch: &mut Batch<'_>, now: Mono);
    /// All wanted channels are subscribed, but for those that were refused, and the server's own list agrees.
    fn proven(&mut self, proof: &ServerIdentity, now: Mono);
    /// The link broke, or an attempt to make one failed.
    fn lost(&mut self, error: &BusError, now: Mono);
}

/// Something in a [`Batch`].
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum Event<'a> {
    /// Messages that came one after the other.
    Messages(Run<'a>),
    /// A message over the limit; its bytes were read over.
    TooLong { channel: &'a [u8], bytes: usize },
    /// The server confirmed a subscription.
    Confirmed { channel: &'a [u8] },
    /// The server refused one (an ACL rule, usually).
    Refused { channel: &'a [u8] },
}

/// Up to [`RUN_MAX`] messages that came one after the other, in the order in which they came.
///
/// They are handed out together so that whoever must fetch something from memory for each of them can let these waits
/// overlap.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    decoder: &'a Decoder,
    spans: &'a [(ByteRange, ByteRange)],
}

/// A message as it lies in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The channel on which it came.
    pub channel: &'a [u8],
    /// What was published, as it came: not necessarily UTF-8.
    pub payload: &'a [u8],
}

impl<'a> Run<'a> {
    /// The messages.
    pub fn messages(self) -> impl Iterator<Item = Message<'a>> {
        self.spans.iter().map(move |&(channel, payload)| Message {
            channel: self.decoder.get(channel),
            payload: self.decoder.get(payload),
        })
    }
}

/// What one [`Link::poll`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// Something was read and handed to the sink.
    Read,
    /// As `Read`, and with it everything that was asked for, or let go of, has been answered.
    Settled,
    /// Nothing came within the read time limit.
    Idle,
}

/// Ends a link from another thread: its read returns at once.
pub struct Closer(Arc<Socket>);

impl Closer {
    /// Closes the connection.
    pub fn close(&self) {
        self.0.close();
    }
}

/// What one read brought; see [`Sink::batch`].
pub struct Batch<'a> {
    decoder: &'a mut Decoder,
    changes: &'a mut SubscriptionChanges,
    address: &'a Address,
    /// Where the messages of the run that was handed out last lie.
    run: &'a mut Vec<(ByteRange, ByteRange)>,
    /// What came after that run and is no message.
    ahead: Option<Result<Frame, &'static str>>,
    failed: Option<BusError>,
}

impl Batch<'_> {
    /// Reads the messages that come next, as many as fit in a run.
    fn read_run(&mut self) {
        self.run.clear();
        while self.run.len() < RUN_MAX && self.ahead.is_none() {
            match self.decoder.next() {
                Ok(Some(Frame::Message { channel, payload })) => self.run.push((channel, payload)),
                Ok(None) => break,
                other => self.ahead = other.transpose(),
            }
        }
    }

    /// The next event; `None` at the end of what was read.
    #[allow(clippy::should_implement_trait)] // Lends from the buffer, which `Iterator` cannot say.
    pub fn next(&mut self) -> Option<Event<'_>> {
        loop {
            self.read_run();
            if !self.run.is_empty() {
                return Some(Event::Messages(Run {
                    decoder: self.decoder,
                    spans: self.run,
                }));
            }
            match self.ahead.take().transpose() {
                Err(why) => {
                    self.failed = Some(BusError::Protocol {
                        address: self.address.to_string(),
                        reason: why.to_owned(),
                    });
                    return None;
                }
                Ok(None) => return None,
                Ok(Some(Frame::TooLong { channel, bytes })) => {
                    return Some(Event::TooLong {
                        channel: self.decoder.get(channel),
                        bytes,
                    });
                }
                Ok(Some(Frame::Subscribed { channel, count })) => {
                    self.changes.confirm(count);
                    return Some(Event::Confirmed {
                        channel: self.decoder.get(channel),
                    });
                }
                Ok(Some(Frame::Unsubscribed { count })) => self.changes.confirm(count),
                Ok(Some(Frame::Error { line })) => {
                    let text = String::from_utf8_lossy(self.decoder.get(line)).into_owned();
                    let (code, detail) = text.split_once(' ').unwrap_or((&text, ""));
                    if code != "NOPERM" {
                        self.failed = Some(BusError::from_reply(code, detail, self.address));
                        return None;
                    }
                    if self.changes.refuse() {
                        return Some(Event::Refused {
                            channel: &self.changes.refused,
                        });
                    }
                }
                // A message is in a run.
                Ok(Some(Frame::Other | Frame::Message { .. })) => {}
            }
        }
    }
}

/// A connection in the subscribed state.
pub struct Link {
    address: Address,
    stream: ByteStream,
    decoder: Decoder,
    run: Vec<(ByteRange, ByteRange)>,
    changes: SubscriptionChanges,
    /// Where the enumeration of wanted channels goes on; `None` when all have been asked for.
    cursor: Option<usize>,
    identity: ServerIdentity,
}

impl Link {
    /// Connects, logs in and asks the server who it is. Payloads over `payload_max` bytes are read over.
    ///
    /// # Errors
    /// There is no connection within `limits`, or the server refuses the login.
    pub fn open(
        address: &Address,
        client_name: &str,
        limits: &Limits,
        payload_max: usize,
    ) -> Result<Link, BusError> {
        let connection = Connection::open(address, client_name, limits)?;
        let identity = connection.identity().clone();
        let stream = connection.into_stream();
        stream
            .tcp()
            .set_read_timeout(Some(limits.read))
            .and_then(|()| stream.tcp().set_write_timeout(Some(limits.read)))
            .map_err(|e| BusError::from_io(&e, address, "log in"))?;
        stream.socket().listen();
        Ok(Link {
            address: address.clone(),
            stream,
            decoder: Decoder::new(payload_max),
            run: Vec::with_capacity(RUN_MAX),
            changes: SubscriptionChanges::default(),
            cursor: Some(0),
            identity,
        })
    }

    /// How long a [`poll`](Link::poll) may wait for bytes; `None`: until something comes or the link ends.
    ///
    /// # Errors
    /// The socket is closed.
    pub fn set_read_timeout(&self, limit: Option<Duration>) -> Result<(), BusError> {
        self.stream
            .tcp()
            .set_read_timeout(limit)
            .map_err(|e| BusError::from_io(&e, &self.address, "set a time limit"))
    }

    /// A handle that ends this link from another thread.
    pub fn closer(&self) -> Closer {
        Closer(Arc::clone(self.stream.socket()))
    }

    /// What the server says of this connection, with the number of subscriptions confirmed so far.
    pub fn identity(&self) -> ServerIdentity {
        ServerIdentity {
            count: self.changes.count,
            ..self.identity.clone()
        }
    }

    /// Asks for more channels; they are sent by the polls that follow.
    pub fn subscribe(&mut self, channels: Channels) {
        if !channels.is_empty() {
            self.changes
                .queue
                .push_back(SubscriptionChange::Subscribe(channels));
            self.changes.settled = false;
        }
    }

    /// Lets go of channels, likewise.
    pub fn unsubscribe(&mut self, channels: &Channels) {
        for piece in channels.pieces() {
            self.changes
                .queue
                .push_back(SubscriptionChange::Unsubscribe(piece));
            self.changes.settled = false;
        }
    }

    /// Sends what there is to ask for, reads once, hands it to `sink`.
    ///
    /// # Errors
    /// The connection broke, or what came is not the protocol: the link is of no more use.
    pub fn poll(&mut self, sink: &mut dyn Sink) -> Result<Polled, BusError> {
        self.ask(sink)?;
        let got = loop {
            match self.decoder.fill(&mut self.stream) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e)
                    if matches!(
                        e.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    return Ok(Polled::Idle);
                }
                Err(e) => return Err(self.broken(BusError::from_io(&e, &self.address, "read"))),
                Ok(got) => break got,
            }
        };
        if got == 0 {
            let end = io::Error::from(io::ErrorKind::UnexpectedEof);
            return Err(self.broken(BusError::from_io(&end, &self.address, "read")));
        }
        let now = Mono::now();
        let mut batch = Batch {
            decoder: &mut self.decoder,
            changes: &mut self.changes,
            address: &self.address,
            run: &mut self.run,
            ahead: None,
            failed: None,
        };
        sink.batch(&mut batch, now);
        // What the sink left is read over: the count must see every confirmation.
        while batch.failed.is_none() && batch.next().is_some() {}
        if let Some(error) = batch.failed {
            return Err(error);
        }
        let answered = self.cursor.is_none() && self.changes.is_answered();
        Ok(
            if answered && !std::mem::replace(&mut self.changes.settled, true) {
                Polled::Settled
            } else {
                Polled::Read
            },
        )
    }

    /// Why reading ended: the connection registry may have closed the link.
    fn broken(&self, error: BusError) -> BusError {
        if !self.stream.socket().is_stale() {
            return error;
        }
        BusError::Unreachable {
            address: self.address.to_string(),
            reason: "another server answers there now".to_owned(),
        }
    }

    /// Keeps up to [`WINDOW`] pieces under way.
    fn ask(&mut self, sink: &mut dyn Sink) -> Result<(), BusError> {
        while self.changes.pending.len() < WINDOW {
            let next = match (self.changes.queue.pop_front(), self.cursor) {
                (Some(queued), _) => queued,
                (None, Some(from)) => {
                    let mut channels = Channels::default();
                    self.cursor = sink.wanted(from, &mut channels);
                    SubscriptionChange::Subscribe(channels)
                }
                (None, None) => break,
            };
            if next.channels().is_empty() {
                continue;
            }
            self.send(&next.command())?;
            self.changes.pending.push_back(next);
        }
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), BusError> {
        let sent = self
            .stream
            .write_all(bytes)
            .and_then(|()| self.stream.flush());
        sent.map_err(|e| BusError::from_io(&e, &self.address, "write"))
    }
}
