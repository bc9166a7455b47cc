//! A body in memory: bounded, decoded while it streams in, and the big ones only so many at a time.

use std::io::{self, Read};

use super::decode::{Unwrap, decode};
use crate::clock::Mono;
use crate::net::permits::{Semaphore, SemaphorePermit};

/// A step of reading.
const STEP_BYTES: usize = 64 * 1024;

/// A body, decoded. While it lives, a big one keeps its permit.
#[derive(Debug)]
pub struct Body {
    /// What it says, without its codings.
    pub bytes: Vec<u8>,
    /// Why the rest is missing; `None` for a whole body.
    pub cut: Option<Cut>,
    /// What was odd about its codings, in words.
    pub repairs: Vec<String>,
    _permit: Option<SemaphorePermit>,
}

/// Why a body is not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It went on beyond so many bytes.
    TooBig {
        /// [`Limits::max_bytes`]
        max_bytes: usize,
    },
    /// The connection or the compressed stream broke off.
    Broken(String),
}

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Cut::TooBig { max_bytes } => write!(
                f,
                "the body is over {} MiB; the rest was not read",
                max_bytes >> 20
            ),
            Cut::Broken(how) => write!(f, "the body broke off: {how}"),
        }
    }
}

/// What a body may hold after decompression, and who lets big ones in.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    /// What comes beyond is not read.
    pub max_bytes: usize,
    /// `None`: nobody has to be asked.
    pub queue: Option<Queue<'a>>,
    /// Takes brotli off ([`brotli`](super::decode::brotli)); `None`: `br` was not asked for.
    pub br: Option<Unwrap>,
}

/// Where big bodies wait until they may be in memory.
#[derive(Clone, Copy, Debug)]
pub struct Queue<'a> {
    /// A body that goes on beyond this many bytes needs a permit.
    pub from_bytes: usize,
    /// Who gives it; it is held for as long as the [`Body`] lives.
    pub permits: &'a Semaphore,
    /// When waiting for it ends.
    pub until: Mono,
}

/// No permit for a big body came in time.
#[derive(Debug, PartialEq, Eq)]
pub struct NoPermit;

/// Reads a body to its end, to a limit, or to where it breaks off; `label` is its `Content-Encoding`.
///
/// # Errors
/// When it had to wait for a permit and none came.
pub fn read(body: impl Read, label: Option<&str>, limits: Limits<'_>) -> Result<Body, NoPermit> {
    let mut out = Body {
        bytes: Vec::new(),
        cut: None,
        repairs: Vec::new(),
        _permit: None,
    };
    let decoded = match decode(body, label, limits.br) {
        Ok(decoded) => decoded,
        Err(error) => {
            out.cut = Some(Cut::Broken(error.to_string()));
            return Ok(out);
        }
    };
    out.repairs = decoded.repairs;
    let mut reader = decoded.reader;
    let mut queue = limits.queue;
    loop {
        if let Some(passed) = queue.take_if(|queue| out.bytes.len() >= queue.from_bytes) {
            out._permit = Some(passed.permits.acquire(passed.until).ok_or(NoPermit)?);
            // Grown once: doubling would hold up to three halves of the limit, and twice it while copying.
            out.bytes
                .reserve_exact((limits.max_bytes + STEP_BYTES).saturating_sub(out.bytes.len()));
        }
        let filled = out.bytes.len();
        let step = match filled {
            0..STEP_BYTES => STEP_BYTES / 4,
            _ => STEP_BYTES,
        };
        out.bytes.resize(filled + step, 0);
        let read = reader.read(&mut out.bytes[filled..]);
        out.bytes.truncate(filled + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => break,
            Ok(_) if out.bytes.len() > limits.max_bytes => {
                out.bytes.truncate(limits.max_bytes);
                let max_bytes = limits.max_bytes;
                out.cut = Some(Cut::TooBig { max_bytes });
                break;
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                out.cut = Some(Cut::Broken(error.to_string()));
                break;
            }
        }
    }
    drop(reader);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::decode::tests::gzip;
    use super::*;
    use std::time::Duration;

    const MAX_BODY_BYTES: usize = 10 << 20;
    const BIG_BODY_BYTES: usize = 1 << 20;

    fn limits(permits: &Semaphore) -> Limits<'_> {
        Limits {
            max_bytes: MAX_BODY_BYTES,
            queue: Some(Queue {
                from_bytes: BIG_BODY_BYTES,
                permits,
                until: Mono::now() + Duration::from_millis(20),
            }),
            br: None,
        }
    }

    /// With nobody else in memory.
    fn alone(body: &[u8], label: Option<&str>) -> Body {
        read(body, label, limits(&Semaphore::new(1))).expect("a permit")
    }

    #[test]
    fn a_bomb_is_cut_at_the_limit() {
        // 64 MiB of zeros, in 64 KiB.
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() < 1 << 20);
        let body = alone(&bomb, Some("gzip"));
        let max_bytes = MAX_BODY_BYTES;
        assert_eq!(
            (body.bytes.len(), body.cut),
            (MAX_BODY_BYTES, Some(Cut::TooBig { max_bytes }))
        );
    }

    #[test]
    fn a_body_of_just_the_limit_is_whole() {
        let plain = vec![b'<'; MAX_BODY_BYTES];
        let body = alone(&plain, None);
        assert_eq!(
            (body.bytes.len(), body.cut.as_ref()),
            (MAX_BODY_BYTES, None)
        );
    }

    #[test]
    fn big_bodies_wait_for_each_other_and_small_ones_for_nobody() {
        let permits = Semaphore::new(1);
        let big = vec![b'<'; BIG_BODY_BYTES + 1];
        let small = vec![b'<'; BIG_BODY_BYTES - 1];
        let first = read(&big[..], None, limits(&permits)).expect("a permit");
        assert_eq!(read(&big[..], None, limits(&permits)).err(), Some(NoPermit));
        assert!(read(&small[..], None, limits(&permits)).is_ok());
        drop(first);
        assert!(read(&big[..], None, limits(&permits)).is_ok());
    }

    #[test]
    fn where_nobody_has_to_be_asked_a_big_body_waits_for_nobody() {
        let limits = Limits {
            max_bytes: 2 * BIG_BODY_BYTES,
            queue: None,
            br: None,
        };
        let body = vec![b'<'; 2 * BIG_BODY_BYTES];
        let read = read(&body[..], None, limits).expect("no permit is needed");
        assert_eq!((read.bytes.len(), read.cut), (body.len(), None));
    }

    #[test]
    fn the_part_before_a_break_is_kept_and_the_break_is_named() {
        let whole = gzip(
            &(0..50_000)
                .flat_map(|i: u32| i.to_string().into_bytes())
                .collect::<Vec<_>>(),
        );
        let body = alone(&whole[..whole.len() / 2], Some("gzip"));
        assert!(
            body.bytes.len() > 50_000 && matches!(body.cut, Some(Cut::Broken(_))),
            "{:?}",
            body.cut
        );
    }
}
