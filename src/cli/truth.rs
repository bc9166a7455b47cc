//! `marketswarm truth check FILE`: everything that is wrong with a document, and what to write instead.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lexopt::prelude::*;

use super::{bad_args, print, printed};
use crate::bus::Buses;
use crate::contract::TRUTH_MAX_BYTES;
use crate::env::Env;
use crate::sections::SCHEMAS;
use crate::service::{self, Error};
use crate::truth::{Defaults, Problem, Problems, Rejected, Rules, Truth, digest};

const HELP: &str = "\
marketswarm truth check FILE: everything that is wrong with a truth document, and what to write instead

exit codes: 0 the document is good, 2 it is refused or cannot be read
";

/// Runs the command.
pub(super) fn run(mut args: lexopt::Parser, env: Env) -> Result<ExitCode, Error> {
    let bad = |e| bad_args("truth", e);
    let mut words = Vec::new();
    while let Some(arg) = args.next().map_err(bad)? {
        match arg {
            Value(word) => words.push(word),
            Long("help") | Short('h') => return printed(HELP),
            other => return Err(bad(other.unexpected())),
        }
    }
    match words.as_slice() {
        [verb, file] if verb == "check" => {
            let defaults = Defaults::from_env(&env)?;
            let (file, mut verdict) = (PathBuf::from(file), Vec::new());
            let code = check(&file, defaults, &mut verdict)?;
            if code == 0 {
                check_environment(&file, defaults, &env, &mut verdict)?;
            }
            print(&String::from_utf8_lossy(&verdict))?;
            Ok(ExitCode::from(code))
        }
        _ => Err(Error::Config("write: marketswarm truth check FILE".into())),
    }
}

/// Validates the document in `path` and writes the verdict to `out`. Returns the exit code: 0 when it is good, 2 when
/// it is refused or cannot be read.
///
/// Each problem starts with `FILE:LINE:COLUMN:`, which editors and terminals turn into a link.
pub fn check(path: &Path, defaults: Defaults, out: &mut impl Write) -> io::Result<u8> {
    let name = path.display();
    let document = match read(path) {
        Ok(document) => document,
        Err(error) => {
            writeln!(out, "{name}: cannot be read: {error}")?;
            return Ok(2);
        }
    };
    match Truth::parse(&document, Rules::strict(defaults, SCHEMAS)) {
        Ok(truth) => {
            list(out, path, "warning: ", truth.warnings())?;
            let (all, watched) = (truth.services().len(), truth.watched().count());
            let digest = digest(&document);
            writeln!(
                out,
                "{name} is good: {}, {watched} of them watched; digest {digest}",
                counted(all, "service"),
            )?;
            Ok(0)
        }
        Err(Rejected { errors, warnings }) => {
            list(out, path, "", &errors)?;
            list(out, path, "warning: ", &warnings)?;
            writeln!(
                out,
                "{name} is refused: {}, {}",
                counted(errors.count(), "error"),
                counted(warnings.count(), "warning"),
            )?;
            Ok(2)
        }
    }
}

/// What this shell's environment makes of a good document: the daemons' own may be another.
fn check_environment(
    path: &Path,
    defaults: Defaults,
    env: &Env,
    out: &mut impl Write,
) -> io::Result<()> {
    let rules = Rules::strict(defaults, SCHEMAS);
    let Ok(truth) = Truth::parse(&read(path)?, rules) else {
        return Ok(());
    };
    let buses = match Buses::of(env, &truth) {
        Ok(buses) => buses,
        Err(error) => return writeln!(out, "environment: warning: {error}"),
    };
    for (_, error) in buses.spoiled() {
        writeln!(out, "environment: warning: {error}")?;
    }
    for (bus, words) in service::databases(&buses, &truth) {
        // What truth itself says was warned of with its place.
        if buses.variable_of(&bus).is_some() {
            writeln!(out, "environment: warning: {words}")?;
        }
    }
    Ok(())
}

/// Reads at most one byte more than a document may have: enough to refuse it.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut document = Vec::new();
    File::open(path)?
        .take(TRUTH_MAX_BYTES as u64 + 1)
        .read_to_end(&mut document)?;
    Ok(document)
}

fn list(out: &mut impl Write, path: &Path, kind: &str, problems: &Problems) -> io::Result<()> {
    for problem in problems.list() {
        let Problem {
            path: at,
            position,
            what,
            instead,
            more_like_it,
        } = problem;
        write!(out, "{}:{position}: {kind}", path.display())?;
        if !at.is_empty() {
            write!(out, "{at}: ")?;
        }
        write!(out, "{what}")?;
        if *more_like_it > 0 {
            write!(out, " (and {more_like_it} more like it)")?;
        }
        writeln!(out)?;
        if !instead.is_empty() {
            writeln!(out, "    {instead}")?;
        }
    }
    if problems.more() > 0 {
        writeln!(out, "{kind}+ {} more", problems.more())?;
    }
    Ok(())
}

fn counted(n: usize, thing: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {thing}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(document: &str) -> (u8, String) {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(document.as_bytes()).expect("written");
        let mut out = Vec::new();
        let code = check(file.path(), Defaults::default(), &mut out).expect("said");
        let said = String::from_utf8(out).expect("text");
        let name = file.path().display().to_string();
        (code, said.replace(&name, "FILE"))
    }

    #[test]
    fn every_error_is_printed_with_its_place_and_what_to_write_instead() {
        let document = "{\"services\": {\n  \"a\": {\"heartbeat\": {\"interval_sec\": -1}, \"enabld\": true},\n  \"b\": []\n}}";
        let (code, said) = checked(document);
        assert_eq!(code, 2);
        assert_eq!(
            said,
            "FILE:2:39: services.a.heartbeat.interval_sec: -1 is not above zero\n    \
             write seconds, such as 10\n\
             FILE:3:8: services.b: a list where an object belongs\n    \
             write {\"heartbeat\": {}}\n\
             FILE:2:44: warning: services.a.enabld: an unknown field; did you mean `enabled`?\n\
             FILE is refused: 2 errors, 1 warning\n"
        );
    }

    #[test]
    fn a_good_document_is_called_good_with_the_digest_that_sha1sum_prints() {
        let (code, said) = checked(r#"{"services": {"a": {"heartbeat": {}}}}"#);
        assert_eq!(code, 0);
        assert_eq!(
            said,
            "FILE is good: 1 service, 1 of them watched; digest b21252bbaa948cedeaaee78f87b247b8dfdc9a88\n"
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_no_good_document() {
        let mut out = Vec::new();
        let code = check(
            Path::new("/nowhere/truth.json"),
            Defaults::default(),
            &mut out,
        );
        assert_eq!(code.expect("said"), 2);
        assert!(String::from_utf8_lossy(&out).starts_with("/nowhere/truth.json: cannot be read: "));
    }
}
