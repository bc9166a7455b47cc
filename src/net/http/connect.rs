//! The connection under a request: every address is judged before it is used, and
//! what was judged is what is connected to, because the resolver's answer is all that the connector gets.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::time;
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, LazyBuffers, NextTimeout,
    TcpConnector, Transport, TransportAdapter,
};

use crate::net::resolve::{OTHERS, ResolveError};
pub use crate::net::ssrf_guard::Forbidden;
use crate::net::ssrf_guard::SsrfGuard;
use crate::net::trust_store::TrustStore;

/// The longest that a name may take to resolve.
const RESOLVE_LIMIT: Duration = Duration::from_secs(10);
/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 16;

/// Resolves a name within the bounds of [`crate::net::resolve`], and passes on only the addresses that the guard allows.
#[derive(Debug, Default)]
pub struct JudgingResolver {
    /// `None` for a client that may go wherever it is sent.
    pub guard: Option<SsrfGuard>,
}

impl Resolver for JudgingResolver {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let (bare, port) = host_and_port(uri);
        let mut allowed = self.empty();
        let found = look_up(bare, port, timeout)?;
        let judged = match &self.guard {
            None => Ok(found.collect()),
            Some(guard) => guard.allowed(bare, port, found),
        };
        match judged {
            Ok(addresses) => {
                addresses
                    .into_iter()
                    .for_each(|address| allowed.push(address));
                Ok(allowed)
            }
            Err(Some(forbidden)) => Err(ureq::Error::Other(Box::new(forbidden))),
            Err(None) => Err(ureq::Error::HostNotFound),
        }
    }
}

/// A host as a URL has it, without the brackets of an IPv6 address, and the port, which the scheme implies.
fn host_and_port(uri: &Uri) -> (&str, u16) {
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(match uri.scheme_str() {
        Some("https") => 443,
        _ => 80,
    });
    (host.trim_start_matches('[').trim_end_matches(']'), port)
}

/// The first addresses behind `host`.
fn look_up(
    host: &str,
    port: u16,
    timeout: NextTimeout,
) -> Result<impl Iterator<Item = SocketAddr> + use<>, ureq::Error> {
    let end = Instant::now() + RESOLVE_LIMIT.min(*timeout.after);
    let found = OTHERS.resolve(host, port, end, None);
    let found = found.map_err(|error| match error {
        ResolveError::NotFound(_) => ureq::Error::HostNotFound,
        ResolveError::TimedOut => ureq::Error::Timeout(ureq::Timeout::Resolve),
        other => ureq::Error::Io(io::Error::other(other.to_string())),
    })?;
    Ok(found.into_iter().take(MAX_ADDRESSES))
}

/// TCP, or the way that a proxy leads, and for `https` TLS on top, by what the trust store holds at that moment.
#[derive(Debug)]
pub struct NetConnector {
    tcp: TcpConnector,
    trust: TrustStore,
}

impl NetConnector {
    /// A connector to whom `trust` believes.
    pub fn new(trust: TrustStore) -> NetConnector {
        NetConnector {
            tcp: TcpConnector::default(),
            trust,
        }
    }
}

impl Connector<()> for NetConnector {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        // By the proxy, to which this connector is asked for a connection in turn; or straight.
        let by_proxy = ConnectProxyConnector::default();
        let tunnel = Connector::<Box<dyn Transport>>::connect(&by_proxy, details, None)?;
        let tcp: Box<dyn Transport> = match tunnel {
            Some(tunnel) => tunnel.boxed(),
            None => match Connector::<()>::connect(&self.tcp, details, chained)? {
                Some(tcp) => tcp.boxed(),
                None => return Ok(None),
            },
        };
        if !details.needs_tls() {
            return Ok(Some(tcp));
        }
        let (host, _) = host_and_port(details.uri);
        let name = ServerName::try_from(host)
            .map_err(|_| ureq::Error::Tls("the host is no name that a certificate can have"))?;
        let mut session = ClientConnection::new(self.trust.config(), name.to_owned())?;
        let mut wire = TransportAdapter::new(tcp, details.current_time.clone());
        // The time for a connection began before the one of TCP.
        let mut timeout = details.timeout;
        if let (time::Duration::Exact(limit), time::Instant::Exact(start)) =
            (timeout.after, details.now)
        {
            timeout.after = time::Duration::Exact(limit.saturating_sub(start.elapsed()));
        }
        wire.set_timeout(timeout);
        session.complete_io(&mut wire)?;
        Ok(Some(Box::new(TlsTransport {
            buffers: LazyBuffers::new(
                details.config.input_buffer_size(),
                details.config.output_buffer_size(),
            ),
            stream: StreamOwned::new(session, wire),
        })))
    }
}

/// Bytes inside TLS.
struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        self.stream.write_all(&self.buffers.output()[..amount])?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let read = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsTransport")
    }
}
