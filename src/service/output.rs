//! What a command says on standard output and standard error.

use std::io::{self, Write};
use std::process::ExitCode;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Error;
use crate::text::printable;

/// Writes a text that was asked for. Whoever read it may have gone: that changes no answer. Any other failure (a full
/// disk) does: what is read later would be taken for all there is.
///
/// # Errors
/// What it is written to fails; a reader that has gone is no failure.
pub fn print(text: &str) -> Result<(), Error> {
    stream(text).map(|_| ())
}

/// Prints a text that was all that was asked for.
///
/// # Errors
/// As [`print()`].
pub fn printed(text: &str) -> Result<ExitCode, Error> {
    print(text)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the next part of what goes on for as long as somebody reads it; whether somebody does.
///
/// Whatever could move a terminal's cursor is written as JSON writes it ([`printable`]): what comes from outside is a
/// [`SafeText`](crate::text::SafeText) long before, and this is for what nobody thought of.
///
/// # Errors
/// As [`print()`].
pub fn stream(text: &str) -> Result<bool, Error> {
    let mut out = io::stdout().lock();
    match out
        .write_all(printable(text).as_bytes())
        .and_then(|()| out.flush())
    {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Error::Other(format!(
            "standard output cannot be written: {error}"
        ))),
    }
}

/// Whether nobody reads on, as after `| head -1`: to be asked while there is nothing to write.
pub fn is_reader_gone() -> bool {
    let out = io::stdout();
    let mut fds = [PollFd::new(&out, PollFlags::empty())];
    let now = Timespec::default();
    let ended = PollFlags::ERR | PollFlags::HUP;
    poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().intersects(ended)
}

/// Writes to standard error. There is nowhere to say that this failed.
pub fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(printable(text).as_bytes());
}
