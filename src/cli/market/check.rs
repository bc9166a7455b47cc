//! `marketswarm market check`: one answer of the vendor's, read as a poll would read it.

use std::fs::File;
use std::io::Read;
use std::process::ExitCode;

use super::{Words, print, table};
use crate::clock::wall_millis;
use crate::massive::answer::ANSWER_MAX_BYTES;
use crate::massive::answer::request::Request;
use crate::massive::check::{Came, Report, check, refused_json};
use crate::service::Error;

/// Runs the command.
pub(super) fn run(words: &Words) -> Result<ExitCode, Error> {
    let [path, file] = &words.values[..] else {
        return Err(Error::Config(
            "it takes the path of a request and a file; see marketswarm market --help".into(),
        ));
    };
    let now_ms = words.now_ms.unwrap_or_else(|| {
        // Past the year 292 million nothing is checked any more.
        i64::try_from(wall_millis()).unwrap_or(i64::MAX)
    });
    let came = Came {
        now_ms,
        is_given: words.now_ms.is_some(),
    };
    let body = read(file).map_err(|error| Error::Config(format!("{file}: {error}")))?;
    let report = Request::parse(path)
        .and_then(|request| check(&body, &request, came).map_err(|why| why.to_string()));
    let (text, code) = match (&report, words.json) {
        (Ok(report), true) => (report.json() + "\n", code(report)),
        (Ok(report), false) => (table::of(report, now_ms), code(report)),
        (Err(why), true) => (refused_json(why) + "\n", 2),
        (Err(why), false) => (format!("Not understood: {why}\n"), 2),
    };
    print(&text)?;
    Ok(ExitCode::from(code))
}

fn code(report: &Report) -> u8 {
    u8::from(!report.is_clean())
}

/// The file, and no more of it than one byte over what an answer may have: so that it is found to be too long.
fn read(path: &str) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    File::open(path)?
        .take(ANSWER_MAX_BYTES as u64 + 1)
        .read_to_end(&mut body)?;
    Ok(body)
}
