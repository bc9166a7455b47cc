//! Any bytes, cut anywhere: no panic, bounded memory, and the same is understood however they are cut.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use marketswarm::clock::Mono;
use marketswarm::http::{Conn, Response, Step};

/// The paths and bodies that were understood, and all that was written.
fn played(bytes: &[u8], piece: usize) -> (Vec<(String, Vec<u8>)>, Vec<u8>) {
    let now = Mono::from_secs(100.0);
    let (mut conn, mut asked, mut out) = (Conn::new(now), Vec::new(), Vec::new());
    let mut rest = bytes;
    while !rest.is_empty() && conn.room() > 0 {
        let count = piece.min(rest.len()).min(conn.room());
        conn.receive(&rest[..count], now);
        rest = &rest[count..];
        while let Step::Request(request) = conn.step(now) {
            assert!(request.path.starts_with('/') && !request.path.split('/').any(|part| part == ".."));
            asked.push((request.path.clone(), request.body.clone()));
            conn.answer(Response::text(200, "ok"), now);
        }
        while let Some(bytes) = conn.output() {
            let count = bytes.len();
            out.extend_from_slice(bytes);
            conn.wrote(count, now);
        }
    }
    // Whether a client has to be told to go on with its body depends on what has come of it.
    let text = String::from_utf8_lossy(&out).replace("HTTP/1.1 100 Continue\r\n\r\n", "");
    (asked, text.into_bytes())
}

fuzz_target!(|input: &[u8]| {
    let Some((piece, bytes)) = input.split_first() else { return };
    let whole = played(bytes, bytes.len().max(1));
    assert_eq!(played(bytes, usize::from(*piece).max(1)), whole);
    // And it comes to an end by itself.
    let mut now = Mono::from_secs(100.0);
    let mut conn = Conn::new(now);
    conn.receive(&bytes[..bytes.len().min(conn.room())], now);
    for _ in 0..64 {
        match conn.step(now) {
            Step::Close => return,
            Step::Request(_) => conn.answer(Response::text(200, "ok"), now),
            Step::Wait => now = conn.deadline().unwrap_or(now) + Duration::from_millis(1),
        }
    }
});
