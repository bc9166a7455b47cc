//! Who gets in, and who does not.

use super::*;
use crate::env::Env;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_800_000_000;

fn access(pairs: &[(&str, &str)]) -> Access {
    let env = Env::from_pairs(pairs.iter().copied());
    Access::new(Settings::from_env(&env).expect("usable"))
}

fn request(fields: &str) -> Request {
    let head = format!(
        "POST / HTTP/1.1\r\n{}\r\n\r\n",
        fields.trim().replace('\n', "\r\n")
    );
    Request::read(head.as_bytes())
        .expect("valid")
        .expect("whole")
        .0
}

fn peer(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().expect("an address"), 9)
}

fn reads(access: &mut Access, fields: &str) -> Result<Who, Denied> {
    access.reader(
        &request(fields),
        peer("127.0.0.1"),
        Mono::from_secs(1.0),
        NOW,
    )
}

fn acts(access: &mut Access, fields: &str) -> Result<SafeText, Denied> {
    access.actor(
        &request(fields),
        peer("127.0.0.1"),
        Mono::from_secs(1.0),
        NOW,
    )
}

#[test]
fn without_identities_only_this_machine_reads_and_nobody_acts() {
    let mut here = access(&[]);
    assert_eq!(reads(&mut here, "Host: localhost:8480"), Ok(Who::Local));
    for fields in [
        "Host: 127.0.0.1.evil.com",
        "Host: 10.0.0.7",
        "Host: localhost\nX-Forwarded-For: 1.2.3.4",
        "Host: localhost\nForwarded: for=1.2.3.4",
        "Host: localhost\nVia: 1.1 proxy",
    ] {
        assert_eq!(
            reads(&mut here, fields),
            Err(Denied::NoIdentity),
            "{fields}"
        );
    }
    let json = "Host: localhost\nContent-Type: application/json\nSec-Fetch-Site: same-origin";
    assert_eq!(acts(&mut here, json), Err(Denied::NoIdentity));
    let mut everywhere = access(&[("CONSOLE_LISTEN", "0.0.0.0:0")]);
    assert_eq!(
        reads(&mut everywhere, "Host: localhost"),
        Err(Denied::NoIdentity)
    );
    let mut open = access(&[("CONSOLE_LISTEN", "0.0.0.0:0"), ("CONSOLE_OPEN", "1")]);
    assert_eq!(reads(&mut open, "Host: localhost"), Ok(Who::Local));
    assert_eq!(reads(&mut open, "Host: 10.0.0.7"), Err(Denied::NoIdentity));
}

#[test]
fn a_host_is_compared_whole() {
    let ours = access(&[("CONSOLE_HOSTS", "status.example.org")]);
    for host in [
        "localhost",
        "127.0.0.1:8480",
        "[::1]",
        "Status.Example.ORG.:443",
    ] {
        assert_eq!(
            ours.host(&request(&format!("Host: {host}"))),
            Ok(()),
            "{host}"
        );
    }
    for host in [
        "127.0.0.1.evil.com",
        "evil.com",
        "example.org",
        "status.example.org.evil.com",
        "10.0.0.7",
    ] {
        let host = request(&format!("Host: {host}"));
        assert_eq!(ours.host(&host), Err(Denied::Misdirected));
    }
}

#[test]
fn a_token_lets_in_and_five_wrong_ones_close_the_door_for_a_minute_to_whoever_sent_them() {
    let mut access = access(&[("CONSOLE_TOKEN", TOKEN)]);
    assert_eq!(
        reads(&mut access, "Host: localhost"),
        Err(Denied::NoIdentity)
    );
    let bearer = format!("Host: localhost\nAuthorization: Bearer {TOKEN}");
    assert_eq!(reads(&mut access, &bearer), Ok(Who::Known("token".into())));
    let mut sends = |token: &str, ip: &str, secs: f64| {
        let ip = peer(ip).ip();
        access.is_token(token, ip, Mono::from_secs(secs))
    };
    for at in 0..5 {
        assert_eq!(sends("wrong", "127.0.0.1", 1.0), Ok(false));
        // Each in an address of its own of one network.
        assert_eq!(sends("wrong", &format!("2001:db8::{at}"), 1.0), Ok(false));
    }
    assert_eq!(sends(TOKEN, "127.0.0.1", 1.0), Err(Denied::TooMany));
    assert_eq!(sends(TOKEN, "::ffff:127.0.0.1", 1.0), Err(Denied::TooMany));
    assert_eq!(sends(TOKEN, "2001:db8::ffff", 1.0), Err(Denied::TooMany));
    assert_eq!(sends(TOKEN, "127.0.0.2", 1.0), Ok(true));
    assert_eq!(sends(TOKEN, "2001:db8:0:1::1", 1.0), Ok(true));
    assert_eq!(sends(TOKEN, "127.0.0.1", 62.0), Ok(true));
    // However many try: what is kept of them has an end.
    for n in 0..10_000_u32 {
        let from = std::net::Ipv4Addr::from(n + (10 << 24));
        assert_eq!(sends("wrong", &from.to_string(), 63.0), Ok(false));
    }
    assert_eq!(access.wrong.len(), WRONG_KEPT_MAX);
}

#[test]
fn a_login_lasts_twelve_hours_and_cannot_be_made_up() {
    let tokens = [("CONSOLE_TOKEN", TOKEN)];
    let cookie = access(&tokens).login(NOW).expect("a login");
    // Another process with the same token.
    let mut again = access(&tokens);
    let mut with = |cookie: &str, now_ts| {
        let request = request(&format!("Host: localhost\nCookie: {COOKIE}={cookie}"));
        again.reader(&request, peer("127.0.0.1"), Mono::from_secs(1.0), now_ts)
    };
    let known = Ok(Who::Known("token".into()));
    assert_eq!(with(&cookie, NOW + LOGIN_SEC - 1), known);
    assert_eq!(with(&cookie, NOW + LOGIN_SEC), Err(Denied::NoIdentity));
    let (until, tag) = cookie.split_once('.').expect("two parts");
    let later = until.parse::<i64>().expect("a number") + 1;
    for forged in [
        format!("{later}.{tag}"),
        format!("{until}."),
        until.into(),
        format!("{until}.AAAA"),
    ] {
        assert_eq!(with(&forged, NOW), Err(Denied::NoIdentity), "{forged}");
    }
    let other = "f".repeat(32);
    let mut other = access(&[("CONSOLE_TOKEN", &other)]);
    let request = request(&format!("Host: localhost\nCookie: {COOKIE}={cookie}"));
    let denied = other.reader(&request, peer("127.0.0.1"), Mono::from_secs(1.0), NOW);
    assert_eq!(denied, Err(Denied::NoIdentity));
}

#[test]
fn a_user_is_believed_only_from_the_proxy_and_only_when_named_once() {
    let pairs = [
        ("CONSOLE_PROXY_USER_HEADER", "Remote-User"),
        ("CONSOLE_PROXY_FROM", "10.0.0.1"),
    ];
    let mut access = access(&pairs);
    let mut from = |ip: &str, fields: &str| {
        let request = request(&format!("Host: localhost\n{fields}"));
        access.reader(&request, peer(ip), Mono::from_secs(1.0), NOW)
    };
    let ann = Ok(Who::Known("ann".into()));
    assert_eq!(from("10.0.0.1", "Remote-User: ann"), ann);
    assert_eq!(from("::ffff:10.0.0.1", "Remote-User: ann"), ann);
    assert_eq!(
        from("10.0.0.2", "Remote-User: ann"),
        Err(Denied::NoIdentity)
    );
    assert_eq!(
        from("10.0.0.1", "Remote-User: root\nRemote-User: ann"),
        Err(Denied::NoIdentity)
    );
    assert_eq!(from("10.0.0.1", "Remote-User:"), Err(Denied::NoIdentity));
}

#[test]
fn an_action_of_another_sites_page_is_refused() {
    let mut access = access(&[("CONSOLE_TOKEN", TOKEN)]);
    let cookie = access.login(NOW).expect("a login");
    let logged_in = format!(
        "Host: a.b:1\nCookie: {COOKIE}={cookie}\nContent-Type: application/json; charset=utf-8"
    );
    for (fields, expected) in [
        ("Sec-Fetch-Site: same-origin", Ok("token".into())),
        ("Origin: https://a.b:1", Ok("token".into())),
        ("Sec-Fetch-Site: cross-site", Err(Denied::Origin)),
        ("Sec-Fetch-Site: same-site", Err(Denied::Origin)),
        ("Sec-Fetch-Site: none", Err(Denied::Origin)),
        (
            "Sec-Fetch-Site: cross-site\nOrigin: https://a.b:1",
            Err(Denied::Origin),
        ),
        (
            "Sec-Fetch-Site: same-origin\nSec-Fetch-Site: cross-site",
            Err(Denied::Origin),
        ),
        ("Origin: https://evil.com", Err(Denied::Origin)),
        ("Origin: null", Err(Denied::Origin)),
        ("X: y", Err(Denied::Origin)),
    ] {
        assert_eq!(
            acts(&mut access, &format!("{logged_in}\n{fields}")),
            expected,
            "{fields}"
        );
    }
    let bearer = format!("Host: a\nAuthorization: Bearer {TOKEN}");
    assert_eq!(
        acts(
            &mut access,
            &format!("{bearer}\nContent-Type: application/json")
        ),
        Ok("token".into())
    );
    assert_eq!(
        acts(&mut access, &format!("{bearer}\nContent-Type: text/plain")),
        Err(Denied::MediaType)
    );
    assert_eq!(acts(&mut access, &bearer), Err(Denied::MediaType));
}
