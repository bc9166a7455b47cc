//! The connection under a fetch: every address is judged before it is used, and
//! what was judged is what is connected to, because the resolver's answer is all that the connector gets.

use std::fmt;
use std::net::IpAddr;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    ConnectionDetails, Connector, NextTimeout, RustlsConnector, TcpConnector, Transport,
};

use super::guard::Guard;
use super::head::CleanHead;
use crate::net::http;

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
}

impl Resolver for GuardedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let (bare, port) = http::host_and_port(uri);
        let by_name = self.guard.allows_name(bare, port);
        let mut refused = None;
        let mut allowed = self.empty();
        for addr in http::look_up(bare, port, timeout)? {
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

/// TCP, TLS on top for `https`, and the head of what comes over it cleaned.
#[derive(Debug, Default)]
pub(super) struct FeedConnector {
    tcp: TcpConnector,
    tls: RustlsConnector,
}

impl Connector<()> for FeedConnector {
    type Out = CleanHead<<RustlsConnector as Connector<Box<dyn Transport>>>::Out>;

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
        let wire = Some(Box::new(tcp) as Box<dyn Transport>);
        Ok(self.tls.connect(&details, wire)?.map(CleanHead::new))
    }
}
