//! The proxy that stands between this host and the world, as `HTTPS_PROXY` and `NO_PROXY` say. Pure but for reading them.

use std::net::IpAddr;

use ureq::http::Uri;
use ureq::{Proxy, ProxyProtocol};

use crate::env::{Env, EnvError};

/// The longest list of exceptions that is heeded.
const EXCEPTIONS_MAX: usize = 256;

/// The proxy for a request to `url`; `None` where it goes straight. `own` is the variable with which a client chooses
/// for itself: `off`, or the proxy's URL. Only what is encrypted goes by `HTTPS_PROXY`, and nothing to this host.
///
/// # Errors
/// When the URL of the proxy cannot be used; the error names its variable.
pub fn proxy_for(env: &Env, own: &str, url: &Uri) -> Result<Option<Proxy>, EnvError> {
    let named = |name: &str| Ok(env.get(name)?.map(|text| (name.to_owned(), text)));
    if let Some((name, text)) = named(own)? {
        return match text.trim() {
            "off" => Ok(None),
            text => proxy(&name, text).map(Some),
        };
    }
    let given = match named("HTTPS_PROXY")? {
        None => named("https_proxy")?,
        some => some,
    };
    let Some((name, text)) = given.filter(|_| url.scheme_str() == Some("https")) else {
        return Ok(None);
    };
    let except = match env.get("NO_PROXY")? {
        None => env.get("no_proxy")?,
        some => some,
    };
    let host = url.host().unwrap_or_default();
    if is_excepted(
        host,
        url.port_u16().unwrap_or(443),
        except.as_deref().unwrap_or(""),
    ) {
        return Ok(None);
    }
    proxy(&name, text.trim()).map(Some)
}

fn proxy(name: &str, text: &str) -> Result<Proxy, EnvError> {
    let refused = |why: &str| EnvError {
        name: name.to_owned(),
        reason: format!("{why}; write http://HOST:PORT"),
    };
    let proxy = Proxy::new(text).map_err(|_| refused("not the URL of a proxy"))?;
    match proxy.protocol() {
        ProxyProtocol::Http | ProxyProtocol::Https => Ok(proxy),
        _ => Err(refused("only HTTP proxies are known")),
    }
}

/// Whether `host` needs no proxy: this host, or one that `except` names. As elsewhere a name stands for all below it, with
/// or without a dot before it; addresses may be ranges (10.0.0.0/8), a port may follow, and `*` is everything.
fn is_excepted(host: &str, port: u16, except: &str) -> bool {
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    let entries = except.split([',', ' ']).map(str::trim);
    let mut entries = entries
        .filter(|entry| !entry.is_empty())
        .take(EXCEPTIONS_MAX);
    entries.any(|entry| {
        let entry = entry.to_ascii_lowercase();
        if entry == "*" {
            return true;
        }
        if let Some(address) = address {
            return covers(&entry, address, port);
        }
        let (name, of_port) = with_port(&entry);
        let name = name.trim_start_matches('*').trim_start_matches('.');
        let below = host
            .strip_suffix(name)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        !name.is_empty() && below && of_port.is_none_or(|of_port| of_port == port)
    })
}

/// `name:port`, or the name alone.
fn with_port(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

/// Whether an address, or a range of them, covers this one.
fn covers(entry: &str, address: IpAddr, port: u16) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    let (entry, of_port) = with_port(entry);
    let entry = entry.trim_start_matches('[').trim_end_matches(']');
    let (network, length) = entry.split_once('/').unwrap_or((entry, "128"));
    let (Ok(network), Ok(length)) = (network.parse::<IpAddr>(), length.parse::<u32>()) else {
        return false;
    };
    let ((network_bits, most), (own, own_most)) = (bits(network), bits(address));
    let ignored = 128 - length.min(most);
    let same = (network_bits ^ own).checked_shr(ignored).unwrap_or(0) == 0;
    most == own_most && same && of_port.is_none_or(|of_port| of_port == port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)], url: &str) -> Result<Option<String>, EnvError> {
        let env = Env::from_pairs(pairs.iter().copied());
        let proxy = proxy_for(&env, "WEBHOOK_PROXY", &url.parse().expect("a URL"))?;
        Ok(proxy.map(|proxy| format!("{}:{}", proxy.host(), proxy.port())))
    }

    #[test]
    fn only_what_is_encrypted_goes_by_the_proxy_unless_a_client_chooses_for_itself() {
        let usual = ("HTTPS_PROXY", "http://proxy.corp:3128");
        let proxied = Ok(Some("proxy.corp:3128".to_owned()));
        let hook = "https://hooks.example.org/x";
        assert_eq!(of(&[usual], hook), proxied);
        assert_eq!(of(&[("https_proxy", "proxy.corp:3128")], hook), proxied);
        assert_eq!(of(&[usual], "http://alertmanager:9093/"), Ok(None));
        assert_eq!(of(&[usual, ("WEBHOOK_PROXY", "off")], hook), Ok(None));
        let own = ("WEBHOOK_PROXY", "http://proxy.corp:3128");
        assert_eq!(of(&[own], "http://alertmanager:9093/"), proxied);
        assert_eq!(of(&[], hook), Ok(None));
        for wrong in ["socks5://proxy:1080", "http://", "ftp://proxy"] {
            let error = of(&[("HTTPS_PROXY", wrong)], hook).expect_err(wrong);
            assert_eq!(error.name, "HTTPS_PROXY", "{wrong}");
            assert_eq!(
                of(&[("HTTPS_PROXY", wrong), ("WEBHOOK_PROXY", "off")], hook),
                Ok(None)
            );
        }
    }

    #[test]
    fn what_no_proxy_names_goes_straight() {
        let cases = [
            ("hooks.example.org", "example.org", true),
            ("hooks.example.org", ".example.org", true),
            ("hooks.example.org", "*.example.org", true),
            ("hooks.example.org", "other.org, EXAMPLE.org", true),
            ("hooks.example.org", "*", true),
            ("badexample.org", "example.org", false),
            ("hooks.example.org", "", false),
            ("hooks.example.org", "hooks.example.org:443", true),
            ("hooks.example.org", "hooks.example.org:8443", false),
            ("10.1.2.3", "10.0.0.0/8", true),
            ("11.1.2.3", "10.0.0.0/8", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "0.0.0.0/0", true),
            ("[2001:db8::5]", "2001:db8::/32", true),
            ("[2001:db9::5]", "2001:db8::/32", false),
            ("[2001:db8::5]", "10.0.0.0/8", false),
            ("localhost", "", true),
            ("127.0.0.1", "", true),
            ("[::1]", "", true),
        ];
        for (host, except, wanted) in cases {
            assert_eq!(is_excepted(host, 443, except), wanted, "{host} {except}");
        }
    }
}
