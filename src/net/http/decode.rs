//! Content codings, as servers really send them: named in any case, stacked, mislabelled or not named at all.
//!
//! Decoding streams: what comes out is bounded by whoever reads, whatever the ratio. What was decoded before a stream
//! broke off is delivered; the error comes after it.

use std::io::{self, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// No honest server wraps a body more often.
const MAX_LAYERS: usize = 3;
/// Enough to recognise every coding.
const PEEK_BYTES: usize = 16;
const BROTLI_BUFFER_BYTES: usize = 4096;

/// A body without its codings, and what was odd about them.
pub struct Decoded<'r> {
    /// Gives the body as its author wrote it.
    pub reader: Box<dyn Read + 'r>,
    /// In words, for people: a label that was wrong, a coding that was not named.
    pub repairs: Vec<String>,
}

/// What takes a coding off.
pub type Unwrap = for<'r> fn(Box<dyn Read + 'r>) -> Box<dyn Read + 'r>;

/// Takes brotli off. Its dictionary is a fifth of a megabyte: only who asks for `br` names this, and carries it.
pub fn brotli<'r>(reader: Box<dyn Read + 'r>) -> Box<dyn Read + 'r> {
    Box::new(brotli_decompressor::Decompressor::new(
        reader,
        BROTLI_BUFFER_BYTES,
    ))
}

/// Unwraps `body`, which `Content-Encoding` says is coded as `label`; `br` takes brotli off, where it was asked for.
///
/// # Errors
/// The first bytes cannot be read.
pub fn decode<'r>(
    body: impl Read + 'r,
    label: Option<&str>,
    br: Option<Unwrap>,
) -> io::Result<Decoded<'r>> {
    let mut labels: Vec<String> = label
        .unwrap_or_default()
        .split(',')
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !matches!(name.as_str(), "" | "identity" | "none" | "utf-8"))
        .collect();
    let mut reader: Box<dyn Read + 'r> = Box::new(body);
    let mut repairs = Vec::new();
    for _ in 0..MAX_LAYERS {
        let (head, rest) = peek(reader)?;
        // The last coding named was applied last.
        let label = labels.pop();
        let found = recognise(label.as_deref(), &head);
        reader = Box::new(io::Cursor::new(head).chain(rest));
        match (label, found) {
            (None, None) => break,
            (Some(label), None) => {
                repairs.push(format!("Content-Encoding says {label}, the body is plain"))
            }
            (label, Some(coding)) => {
                match label {
                    Some(label) if !coding.is_called(&label) => repairs.push(format!(
                        "Content-Encoding says {label}, the body is {}",
                        coding.name()
                    )),
                    None => {
                        repairs.push(format!("the body is {} without saying so", coding.name()))
                    }
                    Some(_) => {}
                }
                reader = coding.unwrap(reader, br);
            }
        }
    }
    Ok(Decoded { reader, repairs })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Zlib,
    RawDeflate,
    Brotli,
}

impl Coding {
    fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Zlib => "zlib",
            Coding::RawDeflate => "raw deflate",
            Coding::Brotli => "br",
        }
    }

    fn is_called(self, label: &str) -> bool {
        match self {
            Coding::Gzip => matches!(label, "gzip" | "x-gzip"),
            // The standard means zlib by `deflate`, and half of the servers send it raw.
            Coding::Zlib => matches!(label, "deflate" | "zlib" | "x-deflate"),
            Coding::RawDeflate => matches!(label, "deflate" | "x-deflate"),
            Coding::Brotli => label == "br",
        }
    }

    fn unwrap<'r>(self, reader: Box<dyn Read + 'r>, br: Option<Unwrap>) -> Box<dyn Read + 'r> {
        match self {
            Coding::Gzip => Box::new(Lenient(MultiGzDecoder::new(reader))),
            Coding::Zlib => Box::new(ZlibDecoder::new(reader)),
            Coding::RawDeflate => Box::new(DeflateDecoder::new(reader)),
            Coding::Brotli => match br {
                Some(brotli) => brotli(reader),
                None => {
                    let what = "it is coded as br, which nobody asked for";
                    Box::new(Broken(Some(io::Error::new(
                        io::ErrorKind::InvalidData,
                        what,
                    ))))
                }
            },
        }
    }
}

/// What the bytes are; the label decides only where they cannot.
fn recognise(label: Option<&str>, head: &[u8]) -> Option<Coding> {
    if head.starts_with(&[0x1f, 0x8b]) {
        return Some(Coding::Gzip);
    }
    if looks_like_text(head) {
        return None;
    }
    let is_zlib = matches!(head, [cmf, flg, ..] if cmf & 0x8f == 8 && (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 == 0);
    match label? {
        "br" => Some(Coding::Brotli),
        _ if is_zlib => Some(Coding::Zlib),
        "deflate" | "x-deflate" => Some(Coding::RawDeflate),
        _ => None,
    }
}

/// Whether this is the beginning of a document rather than of compressed data.
fn looks_like_text(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let begin = head.trim_ascii_start();
    let is_ascii = |byte: &u8| (0x20..0x7f).contains(byte) || byte.is_ascii_whitespace();
    matches!(begin.first(), Some(b'<' | b'{' | b'[')) && begin.iter().take(8).all(is_ascii)
}

/// Reads ahead far enough to recognise a coding, however small the pieces arrive in.
fn peek<'r>(mut reader: Box<dyn Read + 'r>) -> io::Result<(Vec<u8>, Box<dyn Read + 'r>)> {
    let mut head = vec![0; PEEK_BYTES];
    let mut filled = 0;
    while filled < PEEK_BYTES {
        match reader.read(&mut head[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // What came before the error is still worth decoding; the error is met again behind it.
            Err(e) if filled > 0 => {
                head.truncate(filled);
                return Ok((head, Box::new(Broken(Some(e)))));
            }
            Err(e) => return Err(e),
        }
    }
    head.truncate(filled);
    Ok((head, reader))
}

/// A reader whose error was already met.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.0.take() {
            Some(error) => Err(error),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

/// gzip followed by bytes that are no gzip (padding, a stray newline) ends where the gzip ends.
struct Lenient<R>(MultiGzDecoder<R>);

impl<R: Read> Read for Lenient<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buf) {
            // Only a header can be invalid input: the data before it was complete and its checksum right.
            Err(e)
                if e.kind() == io::ErrorKind::InvalidInput && e.to_string().contains("header") =>
            {
                Ok(0)
            }
            other => other,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::read::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    fn all(mut reader: impl Read) -> Vec<u8> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).expect("readable");
        bytes
    }

    pub(crate) fn gzip(plain: &[u8]) -> Vec<u8> {
        all(GzEncoder::new(plain, Compression::fast()))
    }
    fn zlib(plain: &[u8]) -> Vec<u8> {
        all(ZlibEncoder::new(plain, Compression::fast()))
    }
    fn raw(plain: &[u8]) -> Vec<u8> {
        all(DeflateEncoder::new(plain, Compression::fast()))
    }

    /// brotli with nothing but stored blocks: enough to prove that it is recognised and unwrapped.
    fn brotli(plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for (i, block) in plain.chunks(65_536).enumerate() {
            // 1 bit of window size in front of the first block; then not last, 4 nibbles of length, stored.
            let len = (block.len() - 1) as u32;
            let header = len << 3 | 1 << 19;
            let header = if i == 0 { header << 1 } else { header };
            out.extend_from_slice(&header.to_le_bytes()[..3]);
            out.extend_from_slice(block);
        }
        out.push(3);
        out
    }

    fn decoded(body: &[u8], label: Option<&str>) -> (Vec<u8>, Vec<String>) {
        let decoded = decode(body, label, Some(super::brotli)).expect("a head");
        (all(decoded.reader), decoded.repairs)
    }

    const FEED: &[u8] = b"<?xml version='1.0'?><rss><channel><title>t</title></channel></rss>";

    #[test]
    fn every_coding_is_unwrapped_under_its_name_in_any_case() {
        for (body, label) in [
            (FEED.to_vec(), None),
            (FEED.to_vec(), Some("identity")),
            (gzip(FEED), Some("gzip")),
            (gzip(FEED), Some("GZip")),
            (gzip(FEED), Some("x-gzip")),
            (zlib(FEED), Some("deflate")),
            (raw(FEED), Some("Deflate")),
            (brotli(FEED), Some("BR")),
            (gzip(&zlib(FEED)), Some("deflate, gzip")),
        ] {
            assert_eq!(decoded(&body, label), (FEED.to_vec(), vec![]), "{label:?}");
        }
    }

    #[test]
    fn brotli_that_nobody_asked_for_is_said() {
        let body = brotli(FEED);
        let error = decode(&body[..], Some("br"), None).err();
        let error = error.expect("it is not read");
        assert!(error.to_string().contains("br"), "{error}");
        let plain = decode(FEED, Some("br"), None).expect("a head").reader;
        assert_eq!(all(plain), FEED);
    }

    #[test]
    fn a_wrong_or_missing_label_is_found_out_and_named() {
        for (body, label, said) in [
            (gzip(FEED), None, "the body is gzip without saying so"),
            (
                gzip(FEED),
                Some("br"),
                "Content-Encoding says br, the body is gzip",
            ),
            (
                gzip(FEED),
                Some("deflate"),
                "Content-Encoding says deflate, the body is gzip",
            ),
            (
                zlib(FEED),
                Some("gzip"),
                "Content-Encoding says gzip, the body is zlib",
            ),
            (
                FEED.to_vec(),
                Some("gzip"),
                "Content-Encoding says gzip, the body is plain",
            ),
            (
                FEED.to_vec(),
                Some("br"),
                "Content-Encoding says br, the body is plain",
            ),
            (
                FEED.to_vec(),
                Some("deflate"),
                "Content-Encoding says deflate, the body is plain",
            ),
            (
                gzip(&gzip(FEED)),
                Some("gzip"),
                "the body is gzip without saying so",
            ),
        ] {
            let (plain, repairs) = decoded(&body, label);
            assert_eq!(
                (plain.as_slice(), repairs.as_slice()),
                (FEED, &[said.to_owned()][..])
            );
        }
    }

    #[test]
    fn bytes_after_the_gzip_are_not_an_error() {
        let mut body = gzip(FEED);
        body.extend_from_slice(b"\n\n<!-- cached -->");
        assert_eq!(decoded(&body, Some("gzip")).0, FEED);
        let two = [gzip(b"<rss>"), gzip(b"</rss>")].concat();
        assert_eq!(decoded(&two, Some("gzip")).0, b"<rss></rss>");
    }

    #[test]
    fn what_was_decoded_before_a_stream_broke_off_is_delivered() {
        let feed: Vec<u8> = (0..20_000)
            .flat_map(|i| format!("<item>{i}</item>").into_bytes())
            .collect();
        for (body, label) in [
            (gzip(&feed), "gzip"),
            (zlib(&feed), "deflate"),
            (raw(&feed), "deflate"),
            (brotli(&feed), "br"),
        ] {
            let half = &body[..body.len() / 2];
            let decoded = decode(half, Some(label), Some(super::brotli));
            let mut reader = decoded.expect("a head").reader;
            let (mut plain, mut buf) = (Vec::new(), [0; 1000]);
            let end = loop {
                match reader.read(&mut buf) {
                    Ok(0) => break "silent end",
                    Ok(n) => plain.extend_from_slice(&buf[..n]),
                    Err(_) => break "error",
                }
            };
            assert_eq!(end, "error", "{label}: a cut must not look complete");
            assert!(
                plain.len() > feed.len() / 3,
                "{label}: only {} bytes",
                plain.len()
            );
            assert!(feed.starts_with(&plain), "{label}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_under_any_label_end_without_a_panic(
            body in proptest::collection::vec(any::<u8>(), 0..2000),
            label in proptest::sample::select(vec!["", "gzip", "deflate", "br", "gzip, br", "x"]),
        ) {
            if let Ok(decoded) = decode(&body[..], Some(label), Some(super::brotli)) {
                let mut sink = Vec::new();
                let _ = decoded.reader.take(1 << 20).read_to_end(&mut sink);
            }
        }
    }
}
