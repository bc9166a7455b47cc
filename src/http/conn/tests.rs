//! What a connection does with bytes, time and answers.

use proptest::prelude::*;

use super::*;
use crate::http::TARGET_MAX;

fn at(secs: f64) -> Mono {
    Mono::from_secs(100.0 + secs)
}

fn conn() -> Conn {
    Conn::new(at(0.0))
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// Writes all of its output.
fn taken(conn: &mut Conn, now: Mono) -> String {
    let mut out = Vec::new();
    while let Some(bytes) = conn.output() {
        let count = bytes.len();
        out.extend_from_slice(bytes);
        conn.wrote(count, now);
    }
    String::from_utf8(out).expect("text")
}

fn status(text: &str) -> u16 {
    let word = text.split(' ').nth(1);
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}

fn path_of(step: Step) -> String {
    match step {
        Step::Request(request) => request.path.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn requests_behind_each_other_are_answered_in_their_order() {
    let mut conn = conn();
    conn.receive(
        [get("/a"), get("/b"), get("/c")].concat().as_bytes(),
        at(0.0),
    );
    for path in ["/a", "/b", "/c"] {
        assert_eq!(path_of(conn.step(at(0.0))), path);
        assert_eq!(conn.step(at(0.0)), Step::Wait, "one at a time");
        conn.answer(Response::text(200, path), at(0.1));
    }
    assert_eq!(conn.step(at(0.1)), Step::Wait);
    let out = taken(&mut conn, at(0.2));
    let bodies: Vec<&str> = out
        .split("\r\n\r\n")
        .skip(1)
        .map(|part| &part[..2])
        .collect();
    assert_eq!(bodies, ["/a", "/b", "/c"]);
}

#[test]
fn a_body_belongs_to_its_request_and_what_follows_to_the_next() {
    let mut conn = conn();
    let post = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /";
    conn.receive([post, &get("/next")].concat().as_bytes(), at(0.0));
    let Step::Request(request) = conn.step(at(0.0)) else {
        panic!("no request");
    };
    assert_eq!(request.body, b"GET /");
    conn.answer(Response::new(204), at(0.0));
    assert_eq!(path_of(conn.step(at(0.0))), "/next");
}

#[test]
fn every_wait_ends() {
    let part = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab";
    // What was sent; when it is due; with which status.
    for (sent, secs, code) in [("", 75.0, 0), ("GET /", 5.0, 408), (part, 5.0, 408)] {
        let mut conn = conn();
        conn.receive(sent.as_bytes(), at(0.0));
        if sent.is_empty() {
            conn = Conn::new(at(0.0));
        }
        assert_eq!(conn.step(at(0.0)), Step::Wait);
        assert_eq!(conn.deadline(), Some(at(secs)), "{sent:?}");
        // Further drops do not put it off.
        if code == 408 {
            conn.receive(b"x", at(secs - 1.0));
            assert_eq!(conn.step(at(secs - 0.1)), Step::Wait);
        }
        let step = conn.step(at(secs));
        let out = taken(&mut conn, at(secs));
        assert_eq!(status(&out), code, "{sent:?}");
        assert_eq!(step == Step::Close, code == 0);
    }
}

#[test]
fn who_takes_nothing_is_let_go_and_who_takes_a_little_is_not() {
    let mut conn = conn();
    conn.receive(get("/").as_bytes(), at(0.0));
    conn.step(at(0.0));
    conn.answer(Response::text(200, "x".repeat(100)), at(0.0));
    for secs in [14.0, 28.0, 42.0] {
        assert_eq!(conn.step(at(secs)), Step::Wait);
        conn.wrote(1, at(secs));
    }
    assert_eq!(conn.standing(at(42.5)), Standing::Busy);
    assert_eq!(conn.standing(at(43.0)), Standing::Stalled(at(42.0)));
    assert_eq!(conn.deadline(), Some(at(57.0)));
    assert_eq!(conn.step(at(57.0)), Step::Close);
}

#[test]
fn without_an_answer_in_time_it_says_so_and_a_late_one_is_not_taken_for_another() {
    let mut conn = conn();
    conn.receive(get("/slow").as_bytes(), at(0.0));
    conn.step(at(0.0));
    assert_eq!(conn.deadline(), Some(at(2.0)));
    assert_eq!(conn.step(at(2.0)), Step::Wait);
    conn.answer(Response::text(200, "late"), at(2.1));
    let out = taken(&mut conn, at(2.1));
    assert_eq!(status(&out), 503);
    assert!(
        !out.contains("late") && out.contains("Connection: close"),
        "{out}"
    );
    assert!(conn.is_finished());
    assert_eq!(conn.step(at(3.1)), Step::Close);
}

#[test]
fn nothing_is_read_after_a_refusal_and_a_client_that_only_sends_is_not_read() {
    let mut conn = conn();
    conn.receive(
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        at(0.0),
    );
    conn.receive(get("/smuggled").as_bytes(), at(0.0));
    assert_eq!(conn.step(at(0.0)), Step::Wait);
    conn.receive(get("/smuggled").as_bytes(), at(0.0));
    assert_eq!(conn.step(at(0.0)), Step::Wait);
    assert_eq!(status(&taken(&mut conn, at(0.0))), 400);

    let mut conn = Conn::new(at(0.0));
    conn.receive(get("/").as_bytes(), at(0.0));
    conn.step(at(0.0));
    while conn.room() > 0 {
        let more = vec![b'x'; conn.room().min(1000)];
        conn.receive(&more, at(0.0));
    }
    assert_eq!(conn.input.len(), INPUT_MAX);
}

#[test]
fn a_live_client_that_does_not_drain_skips_frames_and_is_told_to_ask_anew() {
    let mut conn = conn();
    conn.receive(get("/live").as_bytes(), at(0.0));
    conn.step(at(0.0));
    conn.live(Response::new(200).body(Body::Static(b"first\n")), at(0.0));
    assert!(taken(&mut conn, at(0.0)).ends_with("\r\n\r\nfirst\n"));
    assert_eq!(conn.deadline(), None);
    let frame = |text: &str| -> Arc<[u8]> { text.as_bytes().into() };
    let resync = frame("resync\n");
    let large = frame(&"x".repeat(LIVE_PENDING_MAX));
    conn.frame(&large, &resync, at(1.0));
    conn.frame(&frame("skipped"), &resync, at(1.0));
    assert!(conn.pending <= 2 * LIVE_PENDING_MAX);
    assert!(!taken(&mut conn, at(1.0)).contains("skipped"));
    conn.frame(&frame("next"), &resync, at(2.0));
    assert_eq!(taken(&mut conn, at(2.0)), "resync\nnext");
}

#[test]
fn an_answer_to_head_has_no_body() {
    let mut conn = conn();
    conn.receive(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", at(0.0));
    conn.step(at(0.0));
    conn.answer(Response::text(200, "body"), at(0.0));
    let out = taken(&mut conn, at(0.0));
    assert!(
        out.contains("Content-Length: 4") && out.ends_with("\r\n\r\n"),
        "{out}"
    );
}

#[test]
fn one_that_waits_for_permission_to_send_its_body_gets_it() {
    let mut conn = conn();
    conn.receive(
        b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
        at(0.0),
    );
    assert_eq!(conn.step(at(0.0)), Step::Wait);
    assert_eq!(taken(&mut conn, at(0.0)), "HTTP/1.1 100 Continue\r\n\r\n");
    conn.receive(b"ok", at(0.1));
    assert_eq!(path_of(conn.step(at(0.1))), "/");
}

/// What comes of `bytes` that arrive in `pieces`: paths and bodies, and what was written.
fn played(bytes: &[u8], pieces: &[usize]) -> (Vec<(String, Vec<u8>)>, String) {
    let (mut conn, mut asked) = (conn(), Vec::new());
    let mut rest = bytes;
    let mut pieces = pieces.iter().cycle();
    while !rest.is_empty() && conn.room() > 0 {
        let piece = (*pieces.next().unwrap_or(&1))
            .clamp(1, rest.len())
            .min(conn.room());
        conn.receive(&rest[..piece], at(0.0));
        rest = &rest[piece..];
        while let Step::Request(request) = conn.step(at(0.0)) {
            asked.push((request.path.clone(), request.body.clone()));
            conn.answer(Response::text(200, "ok"), at(0.0));
        }
    }
    let out = taken(&mut conn, at(0.0));
    (asked, out)
}

fn message() -> impl Strategy<Value = String> {
    let body = |n: usize| {
        format!(
            "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: {n}\r\n\r\n{}",
            "b".repeat(n)
        )
    };
    prop_oneof![
        4 => "/[a-z]{0,9}".prop_map(|path| get(&path)),
        4 => (0..300usize).prop_map(body),
        1 => Just("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned()),
        1 => Just("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n".to_owned()),
        1 => Just("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned()),
        1 => Just(format!("GET /{} HTTP/1.1\r\n", "x".repeat(TARGET_MAX))),
        1 => "[ -~\r\n]{0,60}",
    ]
}

proptest! {
    /// However the network cuts a conversation, the same is understood.
    #[test]
    fn how_bytes_are_cut_changes_nothing(
        messages in prop::collection::vec(message(), 1..6),
        pieces in prop::collection::vec(1..200usize, 1..20),
    ) {
        let bytes = messages.concat().into_bytes();
        let whole = played(&bytes, &[bytes.len()]);
        prop_assert_eq!(&played(&bytes, &pieces), &whole);
        prop_assert_eq!(&played(&bytes, &[1]), &whole);
    }

    /// Any bytes, at any time: no panic, bounded memory, and each connection comes to an end.
    #[test]
    fn any_bytes_come_to_an_end(
        parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..200), 0..3000u64), 0..20),
    ) {
        let mut conn = conn();
        let mut now = at(0.0);
        for (bytes, millis) in parts {
            now = now + Duration::from_millis(millis);
            conn.receive(&bytes[..bytes.len().min(conn.room())], now);
            if let Step::Request(_) = conn.step(now) {
                conn.answer(Response::text(200, "ok"), now);
            }
            prop_assert!(conn.input.len() <= INPUT_MAX);
        }
        for _ in 0..10 {
            if conn.step(now) == Step::Close {
                break;
            }
            now = conn.deadline().unwrap_or(now);
            taken(&mut conn, now);
        }
        prop_assert_eq!(conn.step(now), Step::Close);
    }
}
