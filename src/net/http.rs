//! What HTTP clients share.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::resolve::{OTHERS, ResolveError};

/// The longest that a name may take to resolve.
const RESOLVE_LIMIT: Duration = Duration::from_secs(10);
/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 16;

/// A host as a URL has it, without the brackets of an IPv6 address, and the port, which the scheme implies.
pub fn host_and_port(uri: &Uri) -> (&str, u16) {
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(match uri.scheme_str() {
        Some("https") => 443,
        _ => 80,
    });
    (host.trim_start_matches('[').trim_end_matches(']'), port)
}

/// The first addresses behind `host`, within the bounds of [`super::resolve`].
pub fn look_up(
    host: &str,
    port: u16,
    timeout: NextTimeout,
) -> Result<impl Iterator<Item = SocketAddr> + use<>, ureq::Error> {
    let end = Instant::now() + RESOLVE_LIMIT.min(*timeout.after);
    let found = OTHERS.resolve(host, port, end, None);
    let found = found.map_err(|error| match error {
        ResolveError::NotFound(_) => ureq::Error::HostNotFound,
        ResolveError::TimedOut => ureq::Error::Timeout(ureq::Timeout::Resolve),
        other => ureq::Error::Io(std::io::Error::other(other.to_string())),
    })?;
    Ok(found.into_iter().take(MAX_ADDRESSES))
}

/// Resolves names for a client that may go wherever it is sent.
#[derive(Debug, Default)]
pub struct BoundedResolver;

impl Resolver for BoundedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let (host, port) = host_and_port(uri);
        let mut found = self.empty();
        look_up(host, port, timeout)?.for_each(|address| found.push(address));
        Ok(found)
    }
}
