//! What a server serves, and what it is told.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::clock::Mono;
use crate::http::request::Request;
use crate::http::response::{Body, Response};

/// Names a request that is answered later.
pub type Ticket = u64;

/// What becomes of a request.
#[derive(Debug)]
pub enum Answer {
    /// This is the answer.
    Now(Response),
    /// By an [`Order`], within two seconds; else it is 503.
    Later,
    /// An answer without an end: frames follow.
    Live(Response),
}

/// What the site wants done.
#[derive(Debug)]
pub enum Order {
    /// The answer to a request that was to be answered later.
    Answer(Ticket, Response),
    /// A frame for every live client.
    Frame(Arc<[u8]>),
}

/// What is served.
pub trait Site {
    /// Answers a request that came from `peer`. Must not wait for anything.
    fn serve(&mut self, request: Request, peer: SocketAddr, ticket: Ticket, now: Mono) -> Answer;

    /// Called after each wait: what there is to do besides requests. False ends the server.
    fn turn(&mut self, live: usize, now: Mono, orders: &mut Vec<Order>) -> bool;

    /// When [`turn`](Site::turn) is due though nobody wakes the server.
    fn deadline(&self) -> Option<Mono>;

    /// The frame that a live client gets first after it skipped some.
    fn resync(&self) -> Arc<[u8]>;
}

/// The body of the first frame of a live answer.
impl From<Arc<[u8]>> for Body {
    fn from(frame: Arc<[u8]>) -> Body {
        Body::Shared(frame)
    }
}
