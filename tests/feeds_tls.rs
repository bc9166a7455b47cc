//! Feeds over TLS, from a server with certificates of our own: who is believed, what is said of who is not, and that TLS
//! changes nothing about where a request may go.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::time::Instant;

use marketswarm::env::Env;
use marketswarm::feed::document::{Context, Document};
use marketswarm::net::ssrf_guard::SsrfGuard;
use marketswarm::rss_agg::fetch::{Answer, FetchError, Fetcher, big_bodies, trust_store};
use serde_json::json;

use crate::feeds_fetch::{AMPLE, assert_given_up_after_ten_seconds, get_within};
use crate::support::certificates::{Authority, Issued};
use crate::support::daemon::program;
use crate::support::feed_server::{FeedServer, Reply};
use crate::support::newsroom::{Newsroom, Story, rss};

const FEED: &str =
    "<?xml version='1.0'?><rss version='2.0'><channel><title>t</title></channel></rss>";

/// A GET by a reader that trusts this CA, or the public ones, and may go to these hosts.
fn get(ca: Option<&Authority>, allow: &[String], url: &str) -> Result<Answer, FetchError> {
    let env = Env::from_pairs(ca.map(|ca| ("FEEDS_CA_FILE", ca.file())));
    let trust = trust_store(&env).expect("a CA");
    let guard = SsrfGuard::new(allow).expect("valid hosts");
    let fetcher = Fetcher::new(guard, None, big_bodies(), &trust);
    get_within(&fetcher, url, AMPLE)
}

#[test]
fn a_certificate_for_the_name_is_believed_and_the_name_is_sent_first() {
    let ca = Authority::new();
    let server = FeedServer::start_tls(&ca.issue("server", &["localhost", "127.0.0.1"]));
    server.always("/", Reply::ok(FEED).with("ETag", "\"1\""));
    let answer = get(Some(&ca), &[server.host()], &server.url("/")).expect("an answer");
    assert_eq!(answer.body.expect("a body").bytes, FEED.as_bytes());
    assert_eq!(answer.validators.etag.as_deref(), Some(&b"\"1\""[..]));
    let hit = server.hits().remove(0);
    assert_eq!(
        (hit.sni.as_deref(), hit.header("host")),
        (Some("localhost"), Some(&*server.host()))
    );
    // By its address, which is no name to be sent.
    let address = format!("127.0.0.1:{}", server.port);
    let url = format!("https://{address}/");
    get(Some(&ca), &[address], &url).expect("an answer");
    assert_eq!(server.hits()[1].sni, None);
}

#[test]
fn who_is_not_believed_is_told_why_and_gets_no_request() {
    let (ca, other) = (Authority::new(), Authority::new());
    let good = ca.issue("good", &["localhost"]);
    let wrong_name = ca.issue("wrong", &["feeds.example"]);
    let expired = ca.issue_until("expired", &["localhost"], 2020);
    for (issued, trusted, says) in [
        (&good, None, "signed by no public CA"),
        (&good, Some(&other), "FEEDS_CA_FILE"),
        (
            &wrong_name,
            Some(&ca),
            "made out to feeds.example, not to `localhost`",
        ),
        (&expired, Some(&ca), "has expired"),
    ] {
        let server = FeedServer::start_tls(issued);
        server.always("/", Reply::ok(FEED));
        let error = get(trusted, &[server.host()], &server.url("/")).expect_err(says);
        assert!(matches!(error, FetchError::Tls { .. }), "{error:?}");
        let words = error.to_string();
        assert!(
            words.contains("localhost") && words.contains(says),
            "{words}"
        );
        assert!(!error.is_ours(), "the feed backs off");
        assert_eq!(server.hits().len(), 0, "{says}");
    }
    // A certificate that signs itself is one of a CA that nobody named.
    let own = ca.self_signed("own", &["localhost"]);
    let server = FeedServer::start_tls(&own);
    let error = get(None, &[server.host()], &server.url("/")).expect_err("unknown");
    assert!(
        error.to_string().contains("signed by no public CA"),
        "{error}"
    );
}

#[test]
fn a_ca_that_is_renewed_is_read_again_by_a_reader_that_runs() {
    let (old, new) = (Authority::new(), Authority::new());
    let server = FeedServer::start_tls(&new.issue("server", &["localhost"]));
    server.always("/", Reply::ok(FEED));
    let trust = trust_store(&Env::from_pairs([("FEEDS_CA_FILE", old.file())])).expect("a CA");
    let guard = SsrfGuard::new(&[server.host()]).expect("valid hosts");
    let fetcher = Fetcher::new(guard, None, big_bodies(), &trust);
    let get = || get_within(&fetcher, &server.url("/"), AMPLE);
    let error = get().expect_err("another CA").to_string();
    assert!(
        error.contains("signed by no CA in FEEDS_CA_FILE"),
        "{error}"
    );
    std::fs::copy(new.file(), old.file()).expect("copied");
    assert_eq!(get().expect("an answer").status, 200);
}

#[test]
fn a_self_signed_certificate_that_is_given_is_believed_as_exactly_that_one() {
    let ca = Authority::new();
    let own = ca.self_signed_ca("own", &["localhost"]);
    let other = ca.self_signed_ca("other", &["localhost"]);
    let get = |issued: &Issued| {
        let server = FeedServer::start_tls(issued);
        server.always("/", Reply::ok(FEED));
        let env = Env::from_pairs([("FEEDS_CA_FILE", own.cert.as_str())]);
        let trust = trust_store(&env).expect("a CA");
        let guard = SsrfGuard::new(&[server.host()]).expect("valid hosts");
        let fetcher = Fetcher::new(guard, None, big_bodies(), &trust);
        get_within(&fetcher, &server.url("/"), AMPLE)
    };
    assert_eq!(get(&own).expect("an answer").status, 200);
    let error = get(&other).expect_err("another one").to_string();
    assert!(error.contains("FEEDS_CA_FILE"), "{error}");
}

#[test]
fn a_plain_server_on_a_tls_url_is_said_to_be_one() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = format!("localhost:{}", listener.local_addr().expect("bound").port());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let _ = stream.read(&mut [0; 4096]);
        // As a web server answers what is no HTTP.
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let error = get(
        None,
        std::slice::from_ref(&host),
        &format!("https://{host}/"),
    )
    .expect_err("no TLS");
    assert!(
        error.to_string().contains("does not speak TLS"),
        "{error:?}"
    );
    server.join().expect("no panic");
}

#[test]
fn a_server_that_never_shakes_hands_is_given_up_after_ten_seconds() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = format!("localhost:{}", listener.local_addr().expect("bound").port());
    let held = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        // Reads what comes and says nothing, until the other side gives up.
        std::io::copy(&mut stream, &mut std::io::sink())
    });
    let start = Instant::now();
    let error = get(
        None,
        std::slice::from_ref(&host),
        &format!("https://{host}/"),
    )
    .expect_err("silence");
    assert_given_up_after_ten_seconds(start, &error);
    let _ = held.join();
}

#[test]
fn redirects_lead_from_plain_to_tls_and_back_and_take_no_secret_along() {
    let ca = Authority::new();
    let tls = FeedServer::start_tls(&ca.issue("server", &["localhost"]));
    let plain = FeedServer::start();
    let allow = [tls.host(), plain.host()];
    plain.always("/a", Reply::to(301, &tls.url("/b")));
    tls.always("/b", Reply::ok(FEED));
    let answer = get(Some(&ca), &allow, &plain.url("/a")).expect("an answer");
    assert_eq!(
        (
            answer.url.as_str(),
            answer.moved_to().map(|url| url.as_str())
        ),
        (&*tls.url("/b"), Some(&*tls.url("/b")))
    );
    tls.always("/c", Reply::to(302, &plain.url("/d")));
    plain.always("/d", Reply::ok(FEED));
    let answer = get(Some(&ca), &allow, &tls.url("/c")).expect("an answer");
    assert_eq!(answer.url.as_str(), plain.url("/d"));
    for (server, path, wanted) in [
        (&plain, "/a", Some("s3cret")),
        (&tls, "/b", None),
        (&tls, "/c", Some("s3cret")),
        (&plain, "/d", None),
    ] {
        assert_eq!(server.hits_of(path)[0].header("x-key"), wanted, "{path}");
    }
    // The certificate of a redirect's target is judged like that of the first.
    tls.always(
        "/e",
        Reply::to(302, &format!("https://127.0.0.1:{}/b", tls.port)),
    );
    let allow = [tls.host(), format!("127.0.0.1:{}", tls.port)];
    let error = get(Some(&ca), &allow, &tls.url("/e")).expect_err("another name");
    assert!(
        error
            .to_string()
            .contains("made out to localhost, not to `127.0.0.1`"),
        "{error}"
    );
}

#[test]
fn a_good_certificate_opens_no_way_into_this_machine() {
    let ca = Authority::new();
    let tls = FeedServer::start_tls(&ca.issue("server", &["localhost", "127.0.0.1"]));
    tls.always("/", Reply::ok(FEED));
    for host in ["localhost", "127.0.0.1", "127.1", "[::ffff:127.0.0.1]"] {
        let error = get(Some(&ca), &[], &format!("https://{host}:{}/", tls.port)).expect_err(host);
        assert!(
            matches!(error, FetchError::Forbidden { .. }),
            "{host}: {error:?}"
        );
    }
    let plain = FeedServer::start();
    plain.always("/", Reply::to(302, &tls.url("/")));
    let error = get(Some(&ca), &[plain.host()], &plain.url("/")).expect_err("a redirect");
    assert!(matches!(error, FetchError::Forbidden { .. }), "{error:?}");
    assert_eq!(tls.hits().len(), 0);
}

#[test]
fn of_a_connection_that_ends_without_a_word_the_document_says_whether_it_is_whole() {
    let ca = Authority::new();
    let server = FeedServer::start_tls(&ca.issue("server", &["localhost"]));
    let feed = rss(&[Story::new(1), Story::new(2)]);
    for (path, sent) in [("/whole", &feed[..]), ("/half", &feed[..feed.len() - 100])] {
        let raw = format!("HTTP/1.1 200 OK\r\n\r\n{sent}");
        server.always(path, Reply::Raw(raw.into_bytes()));
        let answer = get(Some(&ca), &[server.host()], &server.url(path)).expect("an answer");
        let bytes = answer.body.expect("a body").bytes;
        let context = Context {
            url: "https://localhost/",
            max_items: 10,
        };
        let document = Document::decode(&bytes, None);
        let parsed = document.parse(context).expect("a feed");
        assert_eq!(parsed.lists_everything(), path == "/whole");
    }
}

#[test]
fn the_daemon_and_the_checker_take_the_ca_from_the_environment() {
    let ca = Authority::new();
    let tls = FeedServer::start_tls(&ca.issue("server", &["localhost"]));
    tls.always("/feed", Reply::ok(rss(&[Story::new(1)])));
    let mut room = Newsroom::open();
    room.section("limits")["allow_hosts"] = json!([tls.host()]);
    room.feed_at("wire", &tls.url("/feed"));
    let mut daemon = room.start();
    let status = room.wait_status("wire", "failing", |s| s["health"] == "failing");
    assert!(
        status["error"].as_str().unwrap().contains("FEEDS_CA_FILE"),
        "{status}"
    );
    daemon.stop();
    room.redis.query::<()>(&["DEL", "rss_agg:status"]);
    let mut daemon = room.start_with(&[("FEEDS_CA_FILE", &ca.file())]);
    assert_eq!(room.wait_queue(1)[0]["title"], "Story 1");
    daemon.stop();
    let check = |env: Option<String>| {
        let mut command = Command::new(program("marketswarm"));
        command
            .args(["feed", "check", &tls.url("/feed")])
            .env_clear();
        command.envs(env.map(|file| ("FEEDS_CA_FILE", file)));
        let output = command.output().expect("it runs");
        (
            output.status.code(),
            String::from_utf8(output.stdout).expect("text")
                + &String::from_utf8_lossy(&output.stderr),
        )
    };
    assert_eq!(check(Some(ca.file())).0, Some(0));
    let (code, words) = check(None);
    assert!(
        code == Some(2) && words.contains("FEEDS_CA_FILE"),
        "{words}"
    );
    let (code, words) = check(Some("/nowhere".to_owned()));
    assert!(code == Some(2) && words.contains("/nowhere"), "{words}");
}
