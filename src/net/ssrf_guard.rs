//! Which addresses may be asked on behalf of others (server-side request forgery): the public internet, and what truth
//! adds.
//!
//! A feed list is untrusted input, and so is every redirect and every link to a next page. Without this, a URL could
//! read the metadata service of a cloud host or talk to a database beside us.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The hosts and address ranges that truth allows beyond the public internet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SsrfGuard {
    names: Vec<(String, Option<u16>)>,
    ranges: Vec<Range>,
    scope: Scope,
}

/// An address that must not be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    /// As the URL names it.
    pub host: String,
    /// What it resolves to.
    pub ip: IpAddr,
    /// What kind of address that is.
    pub why: &'static str,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, {}", self.host, self.ip, self.why)
    }
}

impl std::error::Error for Forbidden {}

/// Which addresses are allowed that no entry names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Scope {
    #[default]
    Public,
    /// Those of this machine and of private networks as well.
    PublicAndPrivate,
    /// Only those.
    Private,
}

/// What [`not_public`] says of addresses of this machine and of private networks.
const LOOPBACK: &str = "a loopback address";
const PRIVATE: &str = "a private address";
const SHARED: &str = "an address shared by a provider's customers";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    network: u128,
    mask: u128,
}

impl SsrfGuard {
    /// `allow_hosts` entries: `name`, `name:port`, an address with or without a port, or a range (`10.1.0.0/16`).
    /// An entry without a port allows every port. The error says which entry is wrong and how.
    ///
    /// # Errors
    /// The first entry that is none of these, and what it may be.
    pub fn new(allow_hosts: &[String]) -> Result<SsrfGuard, String> {
        let mut guard = SsrfGuard::default();
        for entry in allow_hosts {
            match entry.split_once('/') {
                Some((network, bits)) => {
                    guard.ranges.push(range(network, bits).ok_or_else(|| {
                        format!("{entry:?} is not an address range like 10.1.0.0/16")
                    })?)
                }
                None => guard
                    .names
                    .push(name_and_port(entry).ok_or_else(|| {
                        format!("{entry:?} is not a host, with or without :port")
                    })?),
            }
        }
        Ok(guard)
    }

    /// The public internet, this machine and private networks; but no metadata service, and nothing that only routers
    /// should see. For a server that the operator names, which may well stand beside us.
    pub fn public_and_private() -> SsrfGuard {
        SsrfGuard {
            scope: Scope::PublicAndPrivate,
            ..SsrfGuard::default()
        }
    }

    /// This machine and private networks alone: for what must not cross the public internet.
    pub fn private() -> SsrfGuard {
        SsrfGuard {
            scope: Scope::Private,
            ..SsrfGuard::default()
        }
    }

    /// Whether truth allows this host by name, whatever its addresses are.
    pub fn allows_name(&self, host: &str, port: u16) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        self.names.iter().any(|(name, only)| {
            name.eq_ignore_ascii_case(host) && only.is_none_or(|only| only == port)
        })
    }

    /// Those of the addresses behind `host` that may be connected to.
    ///
    /// # Errors
    /// There is none: the last one that is forbidden, where there was any at all.
    pub fn allowed(
        &self,
        host: &str,
        port: u16,
        found: impl IntoIterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Option<Forbidden>> {
        let is_named = self.allows_name(host, port);
        let mut refused = None;
        let mut allowed = Vec::new();
        for address in found {
            match self.forbids(address.ip()).filter(|_| !is_named) {
                None => allowed.push(address),
                Some(why) => {
                    refused = Some(Forbidden {
                        host: host.to_owned(),
                        ip: address.ip(),
                        why,
                    });
                }
            }
        }
        if allowed.is_empty() {
            Err(refused)
        } else {
            Ok(allowed)
        }
    }

    /// Why this address may not be connected to; `None` when it may.
    pub fn forbids(&self, ip: IpAddr) -> Option<&'static str> {
        let allowed = self
            .ranges
            .iter()
            .any(|range| as_bits(ip) & range.mask == range.network);
        if allowed {
            return None;
        }
        let special = not_public(ip);
        let is_private = matches!(special, Some(LOOPBACK | PRIVATE | SHARED));
        match self.scope {
            Scope::Public => special,
            Scope::PublicAndPrivate | Scope::Private if is_private => None,
            Scope::PublicAndPrivate => special,
            Scope::Private => Some(special.unwrap_or("a public address")),
        }
    }
}

/// What is special about an address that is not on the public internet.
fn not_public(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => not_public_v4(ip),
        IpAddr::V6(ip) => not_public_v6(ip),
    }
}

fn not_public_v4(ip: Ipv4Addr) -> Option<&'static str> {
    Some(match ip.octets() {
        [0, ..] => "an address of this network",
        [127, ..] => LOOPBACK,
        [10, ..] | [192, 168, ..] => PRIVATE,
        [172, b, ..] if b & 0xf0 == 16 => PRIVATE,
        [100, b, ..] if b & 0xc0 == 64 => SHARED,
        [169, 254, 169, 254] => "a cloud metadata address",
        [169, 254, ..] => "a link-local address",
        [192, 0, 0, _] | [192, 88, 99, _] => "an address reserved for protocols",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "a documentation address",
        [198, b, ..] if b & 0xfe == 18 => "a benchmark address",
        [224..=239, ..] => "a multicast address",
        [240..=255, ..] => "a reserved address",
        _ => return None,
    })
}

fn not_public_v6(ip: Ipv6Addr) -> Option<&'static str> {
    let segments = ip.segments();
    let last_v4 = Ipv4Addr::from((ip.to_bits() & 0xffff_ffff) as u32);
    Some(match segments {
        [0, 0, 0, 0, 0, 0, 0, 1] => LOOPBACK,
        [0, 0, 0, 0, 0, 0, 0, 0] => "the unspecified address",
        // IPv4 in other clothes: mapped, compatible, translated, NAT64, 6to4. The address inside counts.
        [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0, 0, ..] => return not_public_v4(last_v4),
        [0, 0, 0, 0, 0xffff, 0, ..] => return not_public_v4(last_v4),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => return not_public_v4(last_v4),
        [0x2002, a, b, ..] => {
            return not_public_v4(Ipv4Addr::from(u32::from(a) << 16 | u32::from(b)));
        }
        [0x64, 0xff9b, 1, ..] => "a private translation address",
        [0x100, 0, 0, ..] => "a discard address",
        [0x2001, a, ..] if a < 0x200 => "an address reserved for protocols",
        [0x2001, 0xdb8, ..] => "a documentation address",
        [0x3fff, a, ..] if a < 0x1000 => "a documentation address",
        [0x5f00, ..] => "a routing address",
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => "a cloud metadata address",
        [a, ..] if a & 0xfe00 == 0xfc00 => PRIVATE,
        [a, ..] if a & 0xffc0 == 0xfe80 => "a link-local address",
        [a, ..] if a & 0xffc0 == 0xfec0 => "a site-local address",
        [a, ..] if a & 0xff00 == 0xff00 => "a multicast address",
        _ => return None,
    })
}

/// One space for both families, so that a range of IPv4 also covers its mapped form.
fn as_bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

fn range(network: &str, bits: &str) -> Option<Range> {
    let ip: IpAddr = network.parse().ok()?;
    let bits: u32 = bits.parse().ok()?;
    let (width, prefix) = match ip {
        IpAddr::V4(_) => (32, 96),
        IpAddr::V6(_) => (128, 0),
    };
    if bits > width {
        return None;
    }
    let mask = u128::MAX.checked_shl(128 - prefix - bits).unwrap_or(0);
    Some(Range {
        network: as_bits(ip) & mask,
        mask,
    })
}

fn name_and_port(entry: &str) -> Option<(String, Option<u16>)> {
    if entry.is_empty() || entry.contains(|c: char| c.is_whitespace() || "/@?#*".contains(c)) {
        return None;
    }
    // An IPv6 address has colons of its own; with a port it wears brackets.
    if entry.parse::<Ipv6Addr>().is_ok() {
        return Some((entry.to_owned(), None));
    }
    if let Some(rest) = entry.strip_prefix('[') {
        let (ip, port) = rest.split_once(']')?;
        ip.parse::<Ipv6Addr>().ok()?;
        let port = match port.strip_prefix(':') {
            Some(port) => Some(port.parse().ok()?),
            None if port.is_empty() => None,
            None => return None,
        };
        return Some((ip.to_owned(), port));
    }
    match entry.split_once(':') {
        Some((name, port)) if !name.is_empty() => Some((name.to_owned(), Some(port.parse().ok()?))),
        Some(_) => None,
        None => Some((entry.to_owned(), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(entries: &[&str]) -> SsrfGuard {
        let entries: Vec<String> = entries.iter().map(|s| (*s).to_owned()).collect();
        SsrfGuard::new(&entries).expect("valid entries")
    }

    #[test]
    fn addresses_beside_us_are_forbidden_in_every_family_and_disguise() {
        let guard = SsrfGuard::default();
        for ip in [
            "0.0.0.0",
            "127.0.0.1",
            "127.255.255.254",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.170",
            "192.0.2.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "192.88.99.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:c0a8:101::1",
            "2001::1",
            "2001:db8::1",
            "100::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "3fff::1",
            "5f00::1",
        ] {
            let parsed: IpAddr = ip.parse().expect("an address");
            assert!(guard.forbids(parsed).is_some(), "{ip}");
        }
    }

    #[test]
    fn the_public_internet_is_allowed() {
        for ip in [
            "1.1.1.1",
            "8.8.8.8",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::1",
            "2001:4860::8888",
        ] {
            let parsed: IpAddr = ip.parse().expect("an address");
            assert_eq!(SsrfGuard::default().forbids(parsed), None, "{ip}");
        }
    }

    #[test]
    fn truth_may_allow_a_host_a_port_or_a_range() {
        let guard = guard(&[
            "intranet",
            "feeds.local:8080",
            "[::1]:9000",
            "::1",
            "10.1.0.0/16",
            "fd12::/16",
        ]);
        assert!(guard.allows_name("intranet", 80) && guard.allows_name("INTRANET", 81));
        assert!(guard.allows_name("feeds.local", 8080) && !guard.allows_name("feeds.local", 80));
        assert!(guard.allows_name("[::1]", 9000) && guard.allows_name("::1", 1));
        assert!(!guard.allows_name("intranet.example", 80));
        let forbids = |ip: &str| guard.forbids(ip.parse().expect("an address")).is_some();
        assert!(!forbids("10.1.255.1") && !forbids("::ffff:10.1.0.1") && forbids("10.2.0.1"));
        assert!(!forbids("fd12::1") && forbids("fd13::1"));
    }

    #[test]
    fn a_server_beside_us_may_be_asked_and_a_metadata_service_never() {
        let forbids =
            |guard: &SsrfGuard, ip: &str| guard.forbids(ip.parse().expect("an address")).is_some();
        let (all, private) = (SsrfGuard::public_and_private(), SsrfGuard::private());
        for ip in [
            "127.0.0.1",
            "::1",
            "10.1.2.3",
            "192.168.1.1",
            "fd12::1",
            "100.64.0.1",
        ] {
            assert!(!forbids(&all, ip) && !forbids(&private, ip), "{ip}");
        }
        for ip in ["1.1.1.1", "2606:4700::1111"] {
            assert!(!forbids(&all, ip) && forbids(&private, ip), "{ip}");
        }
        for ip in [
            "169.254.169.254",
            "fd00:ec2::254",
            "224.0.0.1",
            "0.0.0.0",
            "::ffff:169.254.169.254",
        ] {
            assert!(forbids(&all, ip) && forbids(&private, ip), "{ip}");
        }
    }

    #[test]
    fn a_wrong_entry_is_named() {
        for entry in [
            "",
            "*",
            "http://a",
            "a:b",
            ":80",
            "10.0.0.0/33",
            "a/8",
            "[::1",
            "user@host",
        ] {
            let error = SsrfGuard::new(&[entry.to_owned()]).expect_err(entry);
            assert!(error.contains(entry), "{error}");
        }
    }
}
