use super::*;
use proptest::prelude::*;

fn message(channel: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!(
        "*3\r\n$7\r\nmessage\r\n${}\r\n{channel}\r\n${}\r\n",
        channel.len(),
        payload.len()
    )
    .into_bytes();
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
    out
}

/// Feeds `bytes` in pieces of `piece` and lists what came out.
fn read_all(bytes: &[u8], piece: usize, payload_max: usize) -> Result<Vec<String>, &'static str> {
    let mut frames = Decoder::new(payload_max);
    let mut seen = Vec::new();
    for part in bytes.chunks(piece) {
        let mut part = part;
        while !part.is_empty() {
            frames.fill(&mut part).expect("a slice is always readable");
            while let Some(frame) = frames.next()? {
                let text = |span| String::from_utf8_lossy(frames.get(span)).into_owned();
                seen.push(match frame {
                    Frame::Message { channel, payload } => {
                        format!("{}={}", text(channel), text(payload))
                    }
                    Frame::TooLong { channel, bytes } => {
                        format!("{}:{bytes} bytes", text(channel))
                    }
                    Frame::Error { line } => text(line),
                    Frame::Subscribed { channel, count } => {
                        format!("+{} {count}", text(channel))
                    }
                    other => format!("{other:?}"),
                });
            }
        }
    }
    Ok(seen)
}

#[test]
fn a_frame_is_the_same_however_the_stream_is_cut() {
    let mut stream = message("a:heartbeat", br#"{"svc":"a"}"#);
    stream.extend_from_slice(b"*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:7\r\n-NOPERM no\r\n+PONG\r\n");
    stream.extend(message("b", b""));
    let whole = read_all(&stream, stream.len(), 100).expect("sound");
    assert_eq!(whole[0], r#"a:heartbeat={"svc":"a"}"#);
    assert_eq!(whole[2], "NOPERM no");
    assert_eq!(whole.len(), 5);
    for piece in 1..stream.len() {
        assert_eq!(
            read_all(&stream, piece, 100).expect("sound"),
            whole,
            "cut every {piece} bytes"
        );
    }
}

#[test]
fn an_oversized_payload_is_read_over_and_the_next_frame_is_whole() {
    let mut stream = message("big", &vec![b'x'; 5_000_000]);
    stream.extend(message("next", b"1"));
    assert_eq!(
        read_all(&stream, 60_000, 16_384).expect("sound"),
        ["big:5000000 bytes", "next=1"]
    );
}

#[test]
fn a_payload_up_to_the_limit_grows_the_buffer_and_no_further() {
    let payload = vec![b'y'; 1_000_000];
    let seen = read_all(&message("c", &payload), 1 << 20, 1_000_000).expect("sound");
    assert_eq!(seen[0].len(), "c=".len() + payload.len());
}

#[test]
fn another_protocol_is_named_as_such() {
    assert!(read_all(b"HTTP/1.1 400 Bad Request\r\n", 10, 100).is_err());
    assert!(read_all(b"*3\r\n$x\r\n", 100, 100).is_err());
}

proptest! {
    #[test]
    fn arbitrary_bytes_neither_panic_nor_hang(bytes in prop::collection::vec(any::<u8>(), 0..2000), piece in 1usize..200) {
        let _ = read_all(&bytes, piece, 64);
    }

    #[test]
    fn any_payload_comes_back_whole(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..20), piece in 1usize..500) {
        let stream: Vec<u8> = payloads.iter().flat_map(|p| message("ch", p)).collect();
        let seen = read_all(&stream, piece, 300).expect("sound");
        prop_assert_eq!(seen.len(), payloads.len());
    }
}
