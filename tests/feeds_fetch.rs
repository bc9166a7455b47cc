//! The feed reader's GET against a real server.

use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::{DeflateEncoder, GzEncoder};
use marketswarm::clock::Mono;
use marketswarm::env::Env;
use marketswarm::net::http::body::Cut;
use marketswarm::net::permits::HostPermit;
use marketswarm::net::ssrf_guard::SsrfGuard;
use marketswarm::rss_agg::fetch::answer::Validators;
use marketswarm::rss_agg::fetch::{
    Answer, Ask, FetchError, Fetcher, MAX_BODY_BYTES, big_bodies, feed_url, trust_store,
};

use crate::support::feed_server::{FeedServer, Reply};
use crate::support::{PATIENCE, secs, until};

/// Longer than any limit of the fetcher's own, and than any pause of a busy machine.
pub const AMPLE: Duration = Duration::from_secs(60);

const FEED: &str =
    "<?xml version='1.0'?><rss version='2.0'><channel><title>t</title></channel></rss>";

fn fetcher(allow: &[String]) -> Fetcher {
    let guard = SsrfGuard::new(allow).expect("valid hosts");
    let contact = Some("ops@example.com");
    Fetcher::new(
        guard,
        contact,
        big_bodies(),
        &trust_store(&Env::from_pairs::<&str, &str>([])).expect("the public CAs"),
    )
}

/// A GET with a secret for the origin of its URL.
pub fn get_within(fetcher: &Fetcher, url: &str, within: Duration) -> Result<Answer, FetchError> {
    let url = feed_url(url)?;
    let ask = Ask {
        url: &url,
        headers: &[("X-Key".to_owned(), "s3cret".to_owned())],
        home: &url,
        validators: None,
    };
    fetcher.get(ask, &mut HostPermit::uncounted(), Mono::now() + within)
}

/// A GET that may reach the server and nothing else on this machine.
fn get(server: &FeedServer, path: &str) -> Result<Answer, FetchError> {
    get_within(&fetcher(&[server.host()]), &server.url(path), AMPLE)
}

fn bytes(mut reader: impl Read) -> Vec<u8> {
    let mut out = Vec::new();
    reader.read_to_end(&mut out).expect("readable");
    out
}

#[test]
fn a_request_says_who_asks_and_what_it_understands() {
    let server = FeedServer::start();
    server.always("/", Reply::ok(FEED));
    get(&server, "/").expect("an answer");
    let hit = server.hits().remove(0);
    let agent = hit.header("user-agent").unwrap_or_default();
    assert!(
        agent.starts_with("MarketSwarm/") && agent.contains("ops@example.com"),
        "{agent}"
    );
    assert_eq!(hit.header("accept-encoding"), Some("gzip, deflate, br"));
    assert!(
        hit.header("accept")
            .unwrap_or_default()
            .contains("application/rss+xml")
    );
    assert_eq!(hit.header("x-key"), Some("s3cret"));
}

#[test]
fn codings_are_undone_whatever_they_are_called() {
    let server = FeedServer::start();
    let gzip = bytes(GzEncoder::new(FEED.as_bytes(), Compression::fast()));
    let deflate = bytes(DeflateEncoder::new(FEED.as_bytes(), Compression::fast()));
    for (path, body, label) in [
        ("/gzip", gzip.clone(), "GZIP"),
        ("/x-gzip", gzip.clone(), "x-gzip"),
        ("/lies", gzip.clone(), "br"),
        ("/deflate", deflate, "Deflate"),
        ("/plain", FEED.into(), "gzip"),
    ] {
        server.always(path, Reply::ok(body).with("Content-Encoding", label));
        let body = get(&server, path).expect("an answer").body.expect("a body");
        assert_eq!(
            (body.bytes.as_slice(), body.cut),
            (FEED.as_bytes(), None),
            "{path}"
        );
    }
    server.always("/silent", Reply::ok(gzip));
    let body = get(&server, "/silent")
        .expect("an answer")
        .body
        .expect("a body");
    assert_eq!(body.bytes, FEED.as_bytes());
    assert_eq!(body.repairs, ["the body is gzip without saying so"]);
}

#[test]
fn validators_go_back_byte_for_byte_and_only_to_the_url_that_gave_them() {
    let server = FeedServer::start();
    server.always(
        "/new",
        Reply::ok(FEED)
            .with("ETag", "W/\"\u{e9}=\"")
            .with("Last-Modified", "some day"),
    );
    server.always("/old", Reply::to(302, "/new"));
    let answer = get(&server, "/old").expect("an answer");
    assert_eq!(answer.validators.etag.as_deref(), Some(&b"W/\"\xe9=\""[..]));
    let url = feed_url(&server.url("/old")).expect("a URL");
    let ask = Ask {
        url: &url,
        headers: &[],
        home: &url,
        validators: Some(&answer.validators),
    };
    let until = Mono::now() + AMPLE;
    fetcher(&[server.host()])
        .get(ask, &mut HostPermit::uncounted(), until)
        .expect("an answer");
    let hits = server.hits();
    let (old, new) = (&hits[2], &hits[3]);
    assert_eq!(
        (old.target.as_str(), old.header("if-none-match")),
        ("/old", None)
    );
    assert_eq!(new.header("if-none-match"), Some("W/\"\u{e9}=\""));
    assert_eq!(new.header("if-modified-since"), Some("some day"));
    let elsewhere = Validators {
        url: server.url("/other"),
        ..answer.validators.clone()
    };
    let ask = Ask {
        validators: Some(&elsewhere),
        ..ask
    };
    let until = Mono::now() + AMPLE;
    fetcher(&[server.host()])
        .get(ask, &mut HostPermit::uncounted(), until)
        .expect("an answer");
    assert!(
        server.hits()[4..]
            .iter()
            .all(|hit| hit.header("if-none-match").is_none())
    );
}

#[test]
fn secrets_do_not_follow_a_redirect_to_another_origin() {
    let (home, other) = (FeedServer::start(), FeedServer::start());
    home.always("/a", Reply::to(301, "/b"));
    home.always("/b", Reply::to(307, &other.url("/c")));
    let back = home.url("/d");
    other.always(
        "/c",
        Reply::to(302, &back.replace("http://", "http://user:pass@")),
    );
    home.always("/d", Reply::ok(FEED));
    let fetcher = fetcher(&[home.host(), other.host()]);
    let answer = get_within(&fetcher, &home.url("/a"), AMPLE).expect("an answer");
    assert_eq!((answer.status, answer.url.as_str()), (200, back.as_str()));
    assert!(
        home.hits()
            .iter()
            .all(|hit| hit.header("x-key") == Some("s3cret"))
    );
    assert_eq!(other.hits()[0].header("x-key"), None);
    assert!(
        home.hits()
            .iter()
            .all(|hit| hit.header("authorization").is_none())
    );
}

#[test]
fn ten_redirects_are_followed_and_no_more() {
    let server = FeedServer::start();
    for n in 1..=11 {
        server.always(&format!("/{n}"), Reply::to(302, &format!("{}", n - 1)));
    }
    server.always("/0", Reply::ok(FEED));
    assert_eq!(get(&server, "/10").expect("an answer").hops.len(), 10);
    let error = get(&server, "/11").expect_err("one too many");
    assert!(
        matches!(error, FetchError::TooManyRedirects { .. }),
        "{error}"
    );
    server.always("/loop", Reply::to(301, "/loop"));
    assert!(matches!(
        get(&server, "/loop"),
        Err(FetchError::TooManyRedirects { .. })
    ));
    assert_eq!(server.hits_of("/loop").len(), 11);
}

#[test]
fn a_redirect_to_nowhere_is_named() {
    let server = FeedServer::start();
    for (path, reply) in [
        ("/none", Reply::status(302)),
        ("/scheme", Reply::to(301, "file:///etc/passwd")),
        ("/junk", Reply::to(301, "http://[::1")),
    ] {
        server.always(path, reply);
        let error = get(&server, path).expect_err(path);
        assert!(
            matches!(error, FetchError::BadRedirect { .. }),
            "{path}: {error}"
        );
        assert!(!error.to_string().contains("passwd"), "{error}");
    }
}

#[test]
fn this_machine_is_not_asked_unless_truth_allows_it() {
    let server = FeedServer::start_everywhere();
    server.always("/", Reply::ok(FEED));
    let strict = fetcher(&[]);
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "127.9.9.9",
    ] {
        let url = format!("http://{host}:{}/", server.port);
        let error = get_within(&strict, &url, AMPLE).expect_err(host);
        assert!(
            matches!(error, FetchError::Forbidden { .. }),
            "{host}: {error}"
        );
        assert!(error.to_string().contains("allow_hosts"), "{error}");
    }
    assert_eq!(server.hits().len(), 0);
    for allow in [
        "localhost".to_owned(),
        format!("localhost:{}", server.port),
        "127.0.0.0/8".to_owned(),
    ] {
        let url = format!("http://localhost:{}/", server.port);
        get_within(&fetcher(&[allow]), &url, AMPLE).expect("allowed");
    }
}

#[test]
fn a_redirect_into_this_machine_is_refused() {
    let server = FeedServer::start();
    for (path, target) in [
        ("/meta", "http://169.254.169.254/latest/meta-data/"),
        ("/other-port", "http://127.0.0.1:1/"),
        ("/v6", "http://[::1]/"),
    ] {
        server.always(path, Reply::to(302, target));
        let error = get(&server, path).expect_err(path);
        assert!(
            matches!(error, FetchError::Forbidden { .. }),
            "{path}: {error}"
        );
    }
}

#[test]
fn a_server_that_never_answers_is_given_up_after_ten_seconds() {
    let server = FeedServer::start();
    server.always("/", Reply::Hang);
    let start = Instant::now();
    let error = get(&server, "/").expect_err("no answer");
    assert_given_up_after_ten_seconds(start, &error);
}

/// By the limit of ten seconds, not by the budget of the whole, which was longer.
#[track_caller]
pub fn assert_given_up_after_ten_seconds(start: Instant, error: &FetchError) {
    let took = start.elapsed();
    assert!(
        matches!(error, FetchError::NoAnswer { waited_sec: 10, .. }),
        "{error:?}"
    );
    assert!((secs(9.5)..AMPLE / 2).contains(&took), "{took:?}");
}

#[test]
fn a_server_that_drips_is_cut_off_by_the_budget_of_the_whole_poll() {
    let server = FeedServer::start();
    server.always("/drip", Reply::Drip("<rss>", Duration::from_millis(50)));
    server.always("/slow", Reply::to(302, "/drip"));
    let fetcher = fetcher(&[server.host()]);
    // Long enough for the first bytes to come on a busy machine.
    let budget = secs(8.0);
    let start = Instant::now();
    let answer = get_within(&fetcher, &server.url("/slow"), budget).expect("a part");
    let took = start.elapsed();
    let body = answer.body.expect("a body");
    assert!(matches!(body.cut, Some(Cut::Broken(_))), "{:?}", body.cut);
    assert!(body.bytes.starts_with(b"<rss>  "));
    // Without the budget it would never end.
    assert!((budget..AMPLE).contains(&took), "{took:?}");
}

#[test]
fn a_gigabyte_in_a_megabyte_is_cut_at_ten_mebibytes() {
    let server = FeedServer::start();
    let bomb = bytes(GzEncoder::new(
        std::io::repeat(b' ').take(1 << 30),
        Compression::fast(),
    ));
    assert!(bomb.len() < 8 << 20);
    server.always("/", Reply::ok(bomb).with("Content-Encoding", "gzip"));
    let body = get(&server, "/").expect("an answer").body.expect("a body");
    assert_eq!(
        (body.bytes.len(), body.cut),
        (
            MAX_BODY_BYTES,
            Some(Cut::TooBig {
                max_bytes: MAX_BODY_BYTES
            })
        )
    );
}

#[test]
fn the_part_before_a_lost_connection_is_kept() {
    let server = FeedServer::start();
    let lines: String = (0..30_000).map(|n| format!("<item>{n}</item>\n")).collect();
    let gzip = bytes(GzEncoder::new(lines.as_bytes(), Compression::fast()));
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        gzip.len()
    );
    let half = [head.as_bytes(), &gzip[..gzip.len() / 2]].concat();
    server.always("/", Reply::Raw(half));
    let body = get(&server, "/").expect("an answer").body.expect("a body");
    assert!(matches!(body.cut, Some(Cut::Broken(_))), "{:?}", body.cut);
    assert!(body.bytes.len() > lines.len() / 3 && lines.as_bytes().starts_with(&body.bytes));
}

#[test]
fn what_is_no_http_is_said_to_be_none() {
    let server = FeedServer::start();
    server.always("/", Reply::Raw(b"220 ftp ready\r\n".to_vec()));
    let error = get(&server, "/").expect_err("no HTTP");
    assert!(matches!(error, FetchError::Protocol { .. }), "{error:?}");
    let endless = [
        &b"HTTP/1.1 200 OK\r\n"[..],
        &b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(9000),
    ]
    .concat();
    server.always("/endless", Reply::Raw(endless));
    assert!(get(&server, "/endless").is_err());
}

#[test]
fn a_shutdown_ends_requests_under_way_at_once() {
    let server = FeedServer::start();
    // One that waits for an answer, and one in the middle of a body.
    server.always("/hang", Reply::Hang);
    server.always("/drip", Reply::Drip("<rss>", Duration::from_millis(50)));
    let fetcher = fetcher(&[server.host()]);
    let requests = ["/hang", "/drip"].map(|path| {
        let (fetcher, url) = (fetcher.clone(), server.url(path));
        thread::spawn(move || (get_within(&fetcher, &url, AMPLE), Instant::now()))
    });
    let asked = until("both requests", PATIENCE, || {
        let hits = server.hits();
        match &hits[..] {
            [first, second] => Ok(first.at.min(second.at)),
            _ => Err(format!("{hits:?}")),
        }
    });
    fetcher.shut_down();
    for request in requests {
        let (answer, ended) = request.join().expect("no panic");
        assert_eq!(answer.expect_err("cut off"), FetchError::ShutDown);
        // By itself the one would have waited for ten seconds, and the other for the budget.
        let after = ended.duration_since(asked);
        assert!(after < secs(9.0), "{after:?}");
    }
}
