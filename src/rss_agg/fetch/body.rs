//! A body in memory: bounded, decoded while it streams in, and the big ones one at a time.

use std::io::{self, Read};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::decode::decode;
use crate::clock::Mono;

/// What a body may hold after decompression.
pub const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
/// A body beyond this many bytes waits until no other such body is in memory.
pub const BIG_BODY_BYTES: usize = 1024 * 1024;
/// A step of reading.
const STEP_BYTES: usize = 64 * 1024;

/// A body, decoded. While it lives, a big one keeps other big ones out.
#[derive(Debug)]
pub struct Body {
    pub bytes: Vec<u8>,
    /// Why the rest is missing; `None` for a whole body.
    pub cut: Option<Cut>,
    /// What was odd about its codings, in words.
    pub repairs: Vec<String>,
    _turn: Option<Turn>,
}

/// Why a body is not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It went on beyond [`MAX_BODY_BYTES`].
    TooBig,
    /// The connection or the compressed stream broke off.
    Broken(String),
}

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Cut::TooBig => write!(
                f,
                "the body is over {} MiB; the rest was not read",
                MAX_BODY_BYTES >> 20
            ),
            Cut::Broken(how) => write!(f, "the body broke off: {how}"),
        }
    }
}

/// Lets one big body into memory at a time.
#[derive(Clone, Debug)]
pub struct BigBodies {
    free: Receiver<()>,
    give_back: Sender<()>,
}

#[derive(Debug)]
struct Turn(Sender<()>);

impl Drop for Turn {
    fn drop(&mut self) {
        // The channel holds one token, and this is it: there is room.
        let _ = self.0.try_send(());
    }
}

impl Default for BigBodies {
    fn default() -> BigBodies {
        let (give_back, free) = bounded(1);
        let _ = give_back.try_send(());
        BigBodies { free, give_back }
    }
}

impl BigBodies {
    fn turn(&self, until: Mono) -> Option<Turn> {
        self.free.recv_deadline(until.instant()).ok()?;
        Some(Turn(self.give_back.clone()))
    }
}

/// The turn of a big body did not come in time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoTurn;

/// Reads a body to its end, to a limit, or to where it breaks off.
pub(super) fn read(
    body: impl Read,
    label: Option<&str>,
    big_bodies: &BigBodies,
    until: Mono,
) -> Result<Body, NoTurn> {
    let mut out = Body {
        bytes: Vec::new(),
        cut: None,
        repairs: Vec::new(),
        _turn: None,
    };
    let decoded = match decode(body, label) {
        Ok(decoded) => decoded,
        Err(error) => {
            out.cut = Some(Cut::Broken(error.to_string()));
            return Ok(out);
        }
    };
    out.repairs = decoded.repairs;
    let mut reader = decoded.reader;
    loop {
        if out.bytes.len() >= BIG_BODY_BYTES && out._turn.is_none() {
            out._turn = Some(big_bodies.turn(until).ok_or(NoTurn)?);
            // Grown once: doubling would hold up to three halves of the limit, and twice it while copying.
            out.bytes
                .reserve_exact(MAX_BODY_BYTES + STEP_BYTES - out.bytes.len());
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
            Ok(_) if out.bytes.len() > MAX_BODY_BYTES => {
                out.bytes.truncate(MAX_BODY_BYTES);
                out.cut = Some(Cut::TooBig);
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

    fn soon() -> Mono {
        Mono::now() + Duration::from_millis(20)
    }

    #[test]
    fn a_bomb_is_cut_at_the_limit() {
        // 64 MiB of zeros, in 64 KiB.
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() < 1 << 20);
        let body = read(&bomb[..], Some("gzip"), &BigBodies::default(), soon()).expect("a turn");
        assert_eq!(
            (body.bytes.len(), body.cut),
            (MAX_BODY_BYTES, Some(Cut::TooBig))
        );
    }

    #[test]
    fn a_body_of_just_the_limit_is_whole() {
        let plain = vec![b'<'; MAX_BODY_BYTES];
        let body = read(&plain[..], None, &BigBodies::default(), soon()).expect("a turn");
        assert_eq!(
            (body.bytes.len(), body.cut.as_ref()),
            (MAX_BODY_BYTES, None)
        );
    }

    #[test]
    fn big_bodies_wait_for_each_other_and_small_ones_for_nobody() {
        let turns = BigBodies::default();
        let big = vec![b'<'; BIG_BODY_BYTES + 1];
        let small = vec![b'<'; BIG_BODY_BYTES - 1];
        let first = read(&big[..], None, &turns, soon()).expect("a turn");
        assert_eq!(read(&big[..], None, &turns, soon()).err(), Some(NoTurn));
        assert!(read(&small[..], None, &turns, soon()).is_ok());
        drop(first);
        assert!(read(&big[..], None, &turns, soon()).is_ok());
    }

    #[test]
    fn the_part_before_a_break_is_kept_and_the_break_is_named() {
        let whole = gzip(
            &(0..50_000)
                .flat_map(|i: u32| i.to_string().into_bytes())
                .collect::<Vec<_>>(),
        );
        let body = read(
            &whole[..whole.len() / 2],
            Some("gzip"),
            &BigBodies::default(),
            soon(),
        )
        .expect("a turn");
        assert!(
            body.bytes.len() > 50_000 && matches!(body.cut, Some(Cut::Broken(_))),
            "{:?}",
            body.cut
        );
    }
}
