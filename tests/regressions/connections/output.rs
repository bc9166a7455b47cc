//! Readers of a command's output that go, and output that cannot be written.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::support::daemon::program;
use crate::support::newsroom::{Newsroom, Wire};
use crate::support::{PATIENCE, Stage, until};

fn command(name: &str, args: &[&str], url: &str) -> Command {
    let mut command = Command::new(program(name));
    command
        .args(args)
        .env_clear()
        .env("SYSTEM_REDIS_URL", url)
        .stdin(Stdio::null());
    command
}

/// Its exit code, at its end.
#[track_caller]
fn end_of(mut child: Child) -> Option<i32> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() >= end {
            let _ = child.kill();
            let _ = child.wait();
            panic!("it goes on though nobody reads");
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Reads one line of what goes on for ever, as `| head -1` does, and goes.
#[track_caller]
fn ends_without_a_reader(args: &[&str], url: &str, begin: impl FnOnce()) {
    let mut command = command("marketswarm", args, url);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    begin();
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(!line.is_empty(), "{args:?} says nothing");
    drop(reader);
    assert_eq!(end_of(child), Some(0), "{args:?}");
}

#[test]
fn what_goes_on_for_ever_ends_when_its_reader_is_gone() {
    let stage = Stage::new(&["a"], 1.0, 5.0);
    let url = stage.redis.url();
    // Nothing more happens after the first line: it is not the next one that finds out.
    ends_without_a_reader(&["alerts", "--follow"], &url, || {});
    {
        let _beating = stage.beat(&["a"]);
        ends_without_a_reader(&["watch", "--plain"], &url, || {});
    }
    let mut room = Newsroom::open();
    let wire = Wire::serve(&room.server, "/feed", 1);
    room.feed("wire", "/feed");
    let _reader = room.start();
    room.wait_queue(1);
    ends_without_a_reader(&["feed", "tail"], &room.redis.url(), || {
        // It begins with what is new: so long until it has begun.
        let mut n = 1;
        until("a listener at the queue", PATIENCE, || {
            n += 1;
            wire.add(crate::support::newsroom::Story::new(n));
            room.wait_queue(n);
            let list: String = room.redis.query(&["CLIENT", "LIST"]);
            match list.contains("name=marketswarm:feed") && list.contains("cmd=xread") {
                true => Ok(()),
                false => Err(list),
            }
        });
        wire.add(crate::support::newsroom::Story::new(n + 1));
    });
}

#[test]
fn output_that_cannot_be_written_is_an_error_of_every_command() {
    let mut room = Newsroom::open();
    Wire::serve(&room.server, "/feed", 1);
    room.feed("wire", "/feed");
    room.seed();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("truth.json");
    std::fs::write(&file, room.truth.to_string()).unwrap();
    let feed = folder.path().join("feed.xml");
    std::fs::write(&feed, crate::support::newsroom::rss(&[])).unwrap();
    let (file, feed) = (file.to_str().unwrap(), feed.to_str().unwrap());
    let cases: [(&str, &[&str]); 13] = [
        ("marketswarm", &["--help"]),
        ("marketswarm", &["--version"]),
        ("marketswarm", &["status"]),
        ("marketswarm", &["status", "--json"]),
        ("marketswarm", &["alerts"]),
        ("marketswarm", &["truth", "check", file]),
        (
            "marketswarm",
            &["silence", "rss_agg", "10m", "--why", "test"],
        ),
        ("marketswarm", &["silence", "list"]),
        ("marketswarm", &["notify", "dead"]),
        ("marketswarm", &["feed", "status"]),
        ("marketswarm", &["feed", "check", feed]),
        ("bootstrap", &["--help"]),
        ("healer", &["--version"]),
    ];
    for (name, args) in cases {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = command(name, args, &room.redis.url());
        let done = command
            .env("WEBHOOK_URL", "http://127.0.0.1:1/")
            .stdout(full)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(
            done.status.code() == Some(1) && said.contains("standard output cannot be written"),
            "{name} {args:?}: {:?} {said}",
            done.status
        );
    }
}
