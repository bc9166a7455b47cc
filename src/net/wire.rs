//! A connection for what is not HTTP: TCP, and TLS on top by a trust store, to an address that a guard allows.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::resolve::{OTHERS, ResolveError};
use super::ssrf_guard::{Forbidden, SsrfGuard};
use super::trust_store::{TrustStore, tls_error};

/// Whoever wants to stop is heard this often while a connection is made.
const LOOK_UP: Duration = Duration::from_millis(200);
/// How long one address may take, and how many of a name are tried.
const ADDRESS_LIMIT: Duration = Duration::from_millis(1_500);
const ADDRESSES_MAX: usize = 8;

/// Where a connection leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// Without the brackets of an IPv6 address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// Whether TLS is spoken from the first byte on.
    pub is_tls: bool,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// The name leads nowhere.
    Resolve(String),
    /// The guard does not let this address be reached.
    Forbidden(Forbidden),
    /// Refused, cut, or no answer: in words.
    Unreachable(String),
    /// In words, with what to do.
    Tls(String),
    /// Nobody answered within this time.
    TimedOut(Duration),
    /// The caller gave up.
    GivenUp,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Resolve(why) => write!(f, "the host name does not resolve: {why}"),
            ConnectError::Forbidden(why) => write!(f, "not connected to: {why}"),
            ConnectError::Unreachable(why) => write!(f, "no connection: {why}"),
            ConnectError::Tls(why) => f.write_str(why),
            ConnectError::TimedOut(limit) => {
                write!(f, "no connection within {}", crate::clock::human(*limit))
            }
            ConnectError::GivenUp => f.write_str("nobody waits for it any more"),
        }
    }
}

impl std::error::Error for ConnectError {}

/// A connected byte stream.
pub struct Wire {
    tcp: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    /// Connects within `limit`, unless `is_over` says that nobody wants it any more.
    ///
    /// # Errors
    /// There is no connection.
    pub fn connect(
        place: &HostPort,
        guard: &SsrfGuard,
        trust: &TrustStore,
        limit: Duration,
        is_over: &dyn Fn() -> bool,
    ) -> Result<Wire, ConnectError> {
        let attempt = Attempt {
            place,
            end: Instant::now() + limit,
            limit,
            is_over,
        };
        let found = attempt.resolve()?;
        let found = found.into_iter().take(ADDRESSES_MAX);
        let allowed = guard.allowed(&place.host, place.port, found);
        let allowed = allowed.map_err(|forbidden| match forbidden {
            Some(forbidden) => ConnectError::Forbidden(forbidden),
            None => ConnectError::Resolve("no address".to_owned()),
        })?;
        let tcp = attempt.connect(&allowed)?;
        let unreachable = |error: io::Error| ConnectError::Unreachable(error.to_string());
        tcp.set_nodelay(true).map_err(unreachable)?;
        let mut wire = Wire { tcp, tls: None };
        if place.is_tls {
            attempt.shake_hands(&mut wire, trust)?;
        }
        Ok(wire)
    }

    /// How long a read, and a write, may wait.
    ///
    /// # Errors
    /// The socket takes no limits.
    pub fn limit(&self, read: Duration, write: Duration) -> io::Result<()> {
        self.tcp.set_read_timeout(Some(read))?;
        self.tcp.set_write_timeout(Some(write))
    }
}

/// One attempt.
struct Attempt<'a> {
    place: &'a HostPort,
    end: Instant,
    limit: Duration,
    is_over: &'a dyn Fn() -> bool,
}

impl Attempt<'_> {
    /// What is left of the time, but no more than `most`.
    fn left(&self, most: Duration) -> Result<Duration, ConnectError> {
        if (self.is_over)() {
            return Err(ConnectError::GivenUp);
        }
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ConnectError::TimedOut(self.limit));
        }
        Ok(left.min(most))
    }

    fn resolve(&self) -> Result<Vec<SocketAddr>, ConnectError> {
        loop {
            // Whoever asks again joins the look-up that is under way.
            let end = Instant::now() + self.left(LOOK_UP)?;
            match OTHERS.resolve(&self.place.host, self.place.port, end, None) {
                Ok(found) => return Ok(found),
                Err(ResolveError::TimedOut) => {}
                Err(why) => return Err(ConnectError::Resolve(why.to_string())),
            }
        }
    }

    fn connect(&self, addresses: &[SocketAddr]) -> Result<TcpStream, ConnectError> {
        let mut last = ConnectError::TimedOut(self.limit);
        for address in addresses {
            match TcpStream::connect_timeout(address, self.left(ADDRESS_LIMIT)?) {
                Ok(tcp) => return Ok(tcp),
                Err(error) => last = ConnectError::Unreachable(error.to_string()),
            }
        }
        Err(last)
    }

    fn shake_hands(&self, wire: &mut Wire, trust: &TrustStore) -> Result<(), ConnectError> {
        let explain = |error: &rustls::Error| trust.explain(error, &self.place.host);
        let name = ServerName::try_from(self.place.host.clone()).map_err(|_| {
            ConnectError::Tls("the host is no name that a certificate can have".to_owned())
        })?;
        let session = ClientConnection::new(trust.config(), name);
        let mut session = session.map_err(|error| ConnectError::Tls(explain(&error)))?;
        while session.is_handshaking() {
            let left = self.left(LOOK_UP)?;
            let done = wire
                .limit(left, left)
                .and_then(|()| session.complete_io(&mut wire.tcp));
            match done {
                Ok(_) => {}
                Err(error) if is_wait(&error) => {}
                Err(error) => {
                    return Err(match tls_error(&error) {
                        Some(error) => ConnectError::Tls(explain(error)),
                        None => ConnectError::Unreachable(error.to_string()),
                    });
                }
            }
        }
        wire.tls = Some(Box::new(session));
        Ok(())
    }
}

/// Does this error only say that nothing came, or went, in time?
pub fn is_wait(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.tcp.read(buf),
            Some(tls) => rustls::Stream::new(tls.as_mut(), &mut self.tcp).read(buf),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.tcp.write(buf),
            Some(tls) => rustls::Stream::new(tls.as_mut(), &mut self.tcp).write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            None => self.tcp.flush(),
            Some(tls) => rustls::Stream::new(tls.as_mut(), &mut self.tcp).flush(),
        }
    }
}
