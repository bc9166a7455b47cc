//! The connection under a fetch: names are resolved within bounds, every address is judged before it is used, and
//! what was judged is what is connected to, because the resolver's answer is all that the connector gets.

use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    ConnectionDetails, Connector, NextTimeout, RustlsConnector, TcpConnector, Transport,
};

use super::guard::Guard;

/// The longest that a name may take to resolve.
const RESOLVE_LIMIT: Duration = Duration::from_secs(10);
/// Names being resolved at once. The system's resolver cannot be interrupted: a lookup that hangs keeps its thread
/// until the resolver gives up, and this bounds how many such threads there are.
const MAX_LOOKUPS: usize = 64;
/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 16;

/// An address that must not be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Forbidden {
    pub host: String,
    pub ip: IpAddr,
    pub why: &'static str,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, {}", self.host, self.ip, self.why)
    }
}

impl std::error::Error for Forbidden {}

/// Resolves a name and passes on only the addresses that the guard allows.
#[derive(Debug)]
pub(super) struct GuardedResolver {
    pub guard: Guard,
    pub lookups: Arc<AtomicUsize>,
}

impl Resolver for GuardedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(match uri.scheme_str() {
            Some("https") => 443,
            _ => 80,
        });
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found = match bare.parse::<IpAddr>() {
            Ok(ip) => vec![SocketAddr::new(ip, port)],
            Err(_) => self.look_up(bare, port, timeout)?,
        };
        let by_name = self.guard.allows_name(bare, port);
        let mut refused = None;
        let mut allowed = self.empty();
        for addr in found.into_iter().take(MAX_ADDRESSES) {
            match self.guard.forbids(addr.ip()) {
                Some(why) if !by_name => {
                    let (host, ip) = (bare.to_owned(), addr.ip());
                    refused = Some(Forbidden { host, ip, why });
                }
                _ => allowed.push(addr),
            }
        }
        match refused {
            _ if !allowed.is_empty() => Ok(allowed),
            Some(forbidden) => Err(ureq::Error::Other(Box::new(forbidden))),
            None => Err(ureq::Error::HostNotFound),
        }
    }
}

impl GuardedResolver {
    fn look_up(
        &self,
        host: &str,
        port: u16,
        timeout: NextTimeout,
    ) -> Result<Vec<SocketAddr>, ureq::Error> {
        let slot = Slot::take(&self.lookups).ok_or_else(|| {
            std::io::Error::other(format!("{MAX_LOOKUPS} names are being resolved already"))
        })?;
        let (tell, answer) = crossbeam_channel::bounded(1);
        let target = (host.to_owned(), port);
        std::thread::Builder::new()
            .name("feed-dns".into())
            .spawn(move || {
                let found = target.to_socket_addrs().map(Iterator::collect::<Vec<_>>);
                drop(slot);
                // Nobody waits any more when the answer came too late.
                let _ = tell.send(found);
            })?;
        match answer.recv_timeout(RESOLVE_LIMIT.min(*timeout.after)) {
            Ok(Ok(addrs)) => Ok(addrs),
            Ok(Err(_)) => Err(ureq::Error::HostNotFound),
            Err(_) => Err(ureq::Error::Timeout(ureq::Timeout::Resolve)),
        }
    }
}

/// One of the lookups that may run at once; given back on drop.
struct Slot(Arc<AtomicUsize>);

impl Slot {
    fn take(lookups: &Arc<AtomicUsize>) -> Option<Slot> {
        let slot = Slot(lookups.clone());
        // Counted before it is compared, so that two threads cannot take the last place; `slot` counts down again.
        (lookups.fetch_add(1, Ordering::Relaxed) < MAX_LOOKUPS).then_some(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// TCP, and TLS on top for `https`.
#[derive(Debug, Default)]
pub(super) struct FeedConnector {
    tcp: TcpConnector,
    tls: RustlsConnector,
}

impl Connector<()> for FeedConnector {
    type Out = <RustlsConnector as Connector<Box<dyn Transport>>>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(tcp) = Connector::<()>::connect(&self.tcp, details, chained)? else {
            return Ok(None);
        };
        // Each request sets its own timeouts, and ureq would then read the certificate roots anew for every
        // connection. What TLS needs is the same for all of them, so the agent's own, kept configuration serves.
        let details = ConnectionDetails {
            uri: details.uri,
            addrs: details.addrs.clone(),
            config: details.config,
            request_level: false,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        self.tls
            .connect(&details, Some(Box::new(tcp) as Box<dyn Transport>))
    }
}
