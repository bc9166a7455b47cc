//! `marketswarm vexy analyse`: what the rules make of a text, without a swarm.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::process::ExitCode;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Words, print, reasons};
use crate::env::Env;
use crate::service::{Error, stream};
use crate::vexy_ai::config::Environment;
use crate::vexy_ai::local::salience::{self, Circumstances};
use crate::vexy_ai::local::{Analyser, Article, Options, TEXT_MAX};
use crate::vexy_ai::record::{Record, one_line};

/// Bytes of one line of `--jsonl` at most.
const LINE_MAX: usize = 1024 * 1024;
/// Bytes that are read at once, and of results that are gathered before they are written.
const BUFFER_BYTES: usize = 64 * 1024;
/// Characters of a summary, as the truth has it where it says nothing.
const OPTIONS: Options = Options { summary_chars: 300 };

type Source = BufReader<Box<dyn Read>>;

/// Runs the command.
pub(super) fn run(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.only(&["--jsonl"])?;
    let [name] = words.values.as_slice() else {
        return Err(Error::Config(
            "vexy analyse takes one file, or - for what is piped in; see marketswarm vexy --help"
                .to_owned(),
        ));
    };
    let refused = |e: io::Error| Error::Config(format!("{name}: {e}"));
    let source: Box<dyn Read> = if name == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(name).map_err(refused)?)
    };
    let mut source = BufReader::with_capacity(BUFFER_BYTES, source);
    let analyser = Analyser::new(Environment::read(env)?.companies()?);
    if words.jsonl {
        return lines(&analyser, &mut source, name);
    }
    let mut bytes = Vec::new();
    // A title of some length, and a text.
    source
        .take(2 * TEXT_MAX as u64)
        .read_to_end(&mut bytes)
        .map_err(refused)?;
    let text = String::from_utf8_lossy(&bytes);
    let (title, body) = text.split_once('\n').unwrap_or((&text, ""));
    let article = Article {
        title: title.trim(),
        text: body.trim(),
        ..Article::default()
    };
    print(&reasons::text(&record_of(&analyser, &article)))?;
    Ok(ExitCode::SUCCESS)
}

/// A line in, a line out, in their order. Who writes a line and waits for its result is not kept waiting.
fn lines(analyser: &Analyser, source: &mut Source, name: &str) -> Result<ExitCode, Error> {
    let unreadable = |e: io::Error| Error::Other(format!("{name}: {e}"));
    let mut out = String::with_capacity(2 * BUFFER_BYTES);
    let mut line = Vec::new();
    let mut bad = false;
    while next_line(source, &mut line).map_err(unreadable)? {
        let result = if line.len() > LINE_MAX {
            Err(format!("the line is longer than {LINE_MAX} bytes"))
        } else {
            one(analyser, &line)
        };
        bad |= result.is_err();
        let error = |error| one_line(json!({ "error": error }).to_string());
        out.push_str(&result.unwrap_or_else(error));
        out.push('\n');
        if out.len() >= BUFFER_BYTES || source.buffer().is_empty() {
            if !stream(&out)? {
                break;
            }
            out.clear();
        }
    }
    Ok(ExitCode::from(u8::from(bad)))
}

/// Reads the next line, without its end; of one that is longer than [`LINE_MAX`], a byte more than that. Whether there
/// was one.
fn next_line(source: &mut Source, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let bytes = source.fill_buf()?;
        if bytes.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = bytes.iter().position(|&b| b == b'\n');
        let part = &bytes[..end.unwrap_or(bytes.len())];
        let room = (LINE_MAX + 1).saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        let consumed = end.map_or(bytes.len(), |at| at + 1);
        source.consume(consumed);
        if end.is_some() {
            return Ok(true);
        }
    }
}

/// One line of `--jsonl`.
#[derive(Deserialize)]
struct Line {
    title: Option<String>,
    text: Option<String>,
    language: Option<String>,
    feed: Option<String>,
    category: Option<String>,
    url: Option<String>,
    published_ts: Option<f64>,
}

/// The result of one line, or what is wrong with the line.
fn one(analyser: &Analyser, line: &[u8]) -> Result<String, String> {
    let value: Value = serde_json::from_slice(line).map_err(|e| e.to_string())?;
    if !value.is_object() {
        return Err("the line is no object".to_owned());
    }
    let line: Line = serde_json::from_value(value).map_err(|e| e.to_string())?;
    if line.title.is_none() && line.text.is_none() {
        return Err("the line has neither title nor text".to_owned());
    }
    let article = Article {
        title: line.title.as_deref().unwrap_or_default(),
        text: line.text.as_deref().unwrap_or_default(),
        language: line.language.as_deref(),
        feed: line.feed.as_deref().unwrap_or_default(),
        category: line.category.as_deref().unwrap_or_default(),
        url: line.url.as_deref().unwrap_or_default(),
        published_ts: line.published_ts.unwrap_or_default() as i64,
    };
    Ok(record_of(analyser, &article).json_line())
}

/// What the rules make of an article that stands alone: no weights, no neighbours, no age.
fn record_of(analyser: &Analyser, article: &Article<'_>) -> Record {
    let mut findings = analyser.analyse(article, &OPTIONS);
    let (salience, parts) = salience::score(&findings, &Circumstances::default());
    findings.why.extend(parts);
    Record {
        salience,
        ..Record::new(article, findings, 0)
    }
}
