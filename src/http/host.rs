//! The `Host` of a request. Read whole, since a part of it proves nothing: `127.0.0.1.evil.example` begins like an address
//! of this machine. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A host, without its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An address; of IPv6 without its brackets.
    Ip(IpAddr),
    /// In small letters, without the dot at its end.
    Name(String),
}

impl Host {
    /// Reads `host` or `host:port`, as a Host field has it (RFC 9110, section 7.2). `None` when it is none.
    pub fn parse(text: &str) -> Option<Host> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix('[') {
            let (inside, port) = rest.split_once(']')?;
            let address: Ipv6Addr = inside.parse().ok()?;
            is_port(port).then_some(())?;
            return Some(Host::Ip(IpAddr::V6(address)));
        }
        let (name, port) = match text.find(':') {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        is_port(port).then_some(())?;
        if let Ok(address) = name.parse::<Ipv4Addr>() {
            return Some(Host::Ip(IpAddr::V4(address)));
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        let is_name = (1..=253).contains(&name.len()) && name.bytes().all(allowed);
        is_name.then_some(Host::Name(name))
    }

    /// Whether it can only mean this machine.
    pub fn is_loopback(&self) -> bool {
        match self {
            Host::Ip(address) => address.is_loopback(),
            Host::Name(name) => name == "localhost",
        }
    }
}

/// Nothing, or a colon and a number.
fn is_port(text: &str) -> bool {
    match text.strip_prefix(':') {
        None => text.is_empty(),
        Some(port) => port.is_empty() || port.parse::<u16>().is_ok() && !port.starts_with('+'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_of_a_host_counts() {
        let is_here = |text: &str| Host::parse(text).is_some_and(|host| host.is_loopback());
        for here in [
            "127.0.0.1",
            "127.0.0.1:8480",
            "127.9.9.9",
            "[::1]",
            "[::1]:80",
            "localhost",
            "LocalHost.:8480",
        ] {
            assert!(is_here(here), "{here}");
        }
        for elsewhere in [
            "127.0.0.1.evil.com",
            "localhost.evil.com",
            "evil.com",
            "evil.com:127",
            "127.0.0.1@evil.com",
            "[::1].evil.com",
            "[::1",
            "::1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "",
            ":80",
            "localhost:+1",
            "localhost:99999",
            "a b",
            "localhost/",
        ] {
            assert!(!is_here(elsewhere), "{elsewhere}");
        }
    }
}
