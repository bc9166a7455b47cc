//! A TCP or TLS stream to a bus, in bounded time, name resolution included.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use socket2::{Domain, SockRef, TcpKeepalive, Type};

use super::connection_registry::Socket;
use super::{Address, BusError};
use crate::net::resolve::{BUSES, ResolveError};

/// Reads of what nobody wants, at once: the rest may wait for the next time.
const DRAIN_MAX: usize = 64;

/// How long an address may take to answer at all. The kernel asks a host that is away less and less often: whoever waited
/// for it longer would come back later than the grace that a service has.
const TCP_LIMIT: Duration = Duration::from_millis(1500);

/// A connected byte stream.
pub(super) struct ByteStream {
    socket: Arc<Socket>,
    tls: Option<Box<ClientConnection>>,
}

impl ByteStream {
    /// Connects to `address`, by `end` at the latest.
    pub(super) fn connect(address: &Address, end: Instant) -> Result<ByteStream, BusError> {
        let socket = connect(address, end)?;
        let _busy = socket.busy();
        let io_error = |e: io::Error| BusError::from_io(&e, address, "connect");
        socket.tcp.set_nodelay(true).map_err(io_error)?;
        SockRef::from(&socket.tcp)
            .set_tcp_keepalive(&keepalive())
            .map_err(io_error)?;
        let mut stream = ByteStream { socket, tls: None };
        if address.tls() {
            stream.shake_hands(address, end)?;
        }
        Ok(stream)
    }

    fn shake_hands(&mut self, address: &Address, end: Instant) -> Result<(), BusError> {
        const WHAT: &str =
            "TLS greeting; if that is a plain port, write redis:// instead of rediss://";
        let protocol = |reason: String| BusError::Tls {
            address: address.to_string(),
            reason,
        };
        let name =
            ServerName::try_from(address.host().to_owned()).map_err(|e| protocol(e.to_string()))?;
        let config = address.context().trust.config();
        let mut tls = ClientConnection::new(config, name).map_err(|e| protocol(e.to_string()))?;
        let late = || BusError::TimedOut {
            address: address.to_string(),
            what: WHAT.into(),
        };
        while tls.is_handshaking() {
            self.limit(remaining(end).ok_or_else(late)?)
                .and_then(|()| tls.complete_io(&mut &self.socket.tcp))
                .map_err(|e| BusError::from_io(&e, address, WHAT))?;
        }
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    pub(super) fn tcp(&self) -> &TcpStream {
        &self.socket.tcp
    }

    pub(super) fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    /// Throws away what has come, without waiting; whether the peer has not ended the connection.
    pub(super) fn is_open_when_drained(&self) -> bool {
        let mut tcp = self.tcp();
        if tcp.set_nonblocking(true).is_err() {
            return false;
        }
        let mut waste = [0; 1024];
        let mut is_open = true;
        for _ in 0..DRAIN_MAX {
            match tcp.read(&mut waste) {
                Ok(0) => is_open = false,
                Ok(_) => continue,
                Err(e) => is_open = e.kind() == io::ErrorKind::WouldBlock,
            }
            break;
        }
        tcp.set_nonblocking(false).is_ok() && is_open
    }

    /// Whether nothing has come, not even the end.
    pub(super) fn is_quiet(&mut self) -> bool {
        if self.tcp().set_nonblocking(true).is_err() {
            return false;
        }
        let mut tcp = &self.socket.tcp;
        let is_quiet = match &mut self.tls {
            None => is_dry(tcp.peek(&mut [0])),
            // What came may be no more than a ticket for the next greeting.
            Some(tls) => loop {
                match tls.read_tls(&mut tcp) {
                    Ok(1..) => {}
                    end => break is_dry(end),
                }
                let came = tls.process_new_packets();
                let is_ticket =
                    |s: rustls::IoState| s.plaintext_bytes_to_read() == 0 && !s.peer_has_closed();
                if !came.is_ok_and(is_ticket) {
                    break false;
                }
            },
        };
        self.tcp().set_nonblocking(false).is_ok() && is_quiet
    }

    /// How long a read, and a write, may wait.
    pub(super) fn limit(&self, limit: Duration) -> io::Result<()> {
        self.tcp().set_read_timeout(Some(limit))?;
        self.tcp().set_write_timeout(Some(limit))
    }
}

impl Read for ByteStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut tcp = &self.socket.tcp;
        match &mut self.tls {
            None => tcp.read(buf),
            Some(tls) => rustls::Stream::new(tls.as_mut(), &mut tcp).read(buf),
        }
    }
}

impl Write for ByteStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut tcp = &self.socket.tcp;
        match &mut self.tls {
            None => tcp.write(buf),
            Some(tls) => rustls::Stream::new(tls.as_mut(), &mut tcp).write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut tcp = &self.socket.tcp;
        match &mut self.tls {
            None => tcp.flush(),
            Some(tls) => rustls::Stream::new(tls.as_mut(), &mut tcp).flush(),
        }
    }
}

impl Drop for ByteStream {
    fn drop(&mut self) {
        // The connections or a `Closer` may hold the socket; the peer shall see the end now.
        self.socket.close();
    }
}

/// Whether a read that does not wait found nothing.
fn is_dry(read: io::Result<usize>) -> bool {
    read.is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock)
}

/// Dead peers are found by the kernel in about 30 s even where nobody sends.
fn keepalive() -> TcpKeepalive {
    TcpKeepalive::new()
        .with_time(Duration::from_secs(15))
        .with_interval(Duration::from_secs(5))
        .with_retries(3)
}

/// The addresses behind the host, or an error at `end`, or when the process is told to stop.
fn resolve(address: &Address, end: Instant) -> Result<Vec<SocketAddr>, BusError> {
    let ended = address.context().connections.ended();
    let found = BUSES.resolve(address.host(), address.port(), end, Some(ended));
    found.map_err(|error| match error {
        ResolveError::GivenUp => ending(address),
        error => BusError::Resolve {
            host: address.host().to_owned(),
            reason: error.to_string(),
        },
    })
}

fn connect(address: &Address, end: Instant) -> Result<Arc<Socket>, BusError> {
    let connections = &address.context().connections;
    let mut last = BusError::TimedOut {
        address: address.to_string(),
        what: "connect".into(),
    };
    for candidate in resolve(address, end)? {
        let Some(left) = remaining(end) else { break };
        let made = socket2::Socket::new(Domain::for_address(candidate), Type::STREAM, None);
        let attempt = made.and_then(|tcp| {
            let socket = connections.enlist(tcp.into(), address.host(), address.port());
            let _busy = socket.busy();
            // Looked at with the mark set: from here on the attempt can be cut.
            if connections.is_ending() {
                return Ok(None);
            }
            SockRef::from(&socket.tcp).connect_timeout(&candidate.into(), left.min(TCP_LIMIT))?;
            Ok(Some(Arc::clone(&socket)))
        });
        match attempt {
            Ok(Some(socket)) => return Ok(socket),
            Ok(None) => return Err(ending(address)),
            Err(e) => last = BusError::from_io(&e, address, "connect"),
        }
    }
    Err(last)
}

/// Why no connection is made any more.
fn ending(address: &Address) -> BusError {
    BusError::Unreachable {
        address: address.to_string(),
        reason: "this process is ending".into(),
    }
}

/// Time left until `end`; `None` when there is none (a zero time limit would mean "forever" to the socket).
pub(super) fn remaining(end: Instant) -> Option<Duration> {
    end.checked_duration_since(Instant::now())
        .filter(|d| !d.is_zero())
}
