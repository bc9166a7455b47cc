//! `data/log/NAME.log`: what each process prints, bounded.
//!
//! A process writes into a pipe, and a thread of its own writes that down. So a log never grows beyond its bound, however
//! fast it comes, and the loop neither reads nor waits.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::fail_stop::lock;
use crate::service::Error;

/// A longer log becomes `NAME.log.1`, in place of the one before it.
const LOG_MAX_BYTES: u64 = 8 * 1024 * 1024;
/// What is taken from a pipe at once: as much as it holds.
const CHUNK_BYTES: usize = 64 * 1024;
/// What is read of a log's end.
const TAIL_BYTES: u64 = 4096;
/// How long the last words of a process that ended may take to be written down: something that it left behind may hold
/// its output open for ever.
const LAST_WORDS_MAX: Duration = Duration::from_millis(200);

/// The folder of the logs.
pub(super) struct Logs {
    folder: PathBuf,
    written: HashMap<String, Written>,
}

/// The log of one process, and of those that run under its name after it.
struct Written {
    log: Arc<Mutex<BoundedLog>>,
    /// Closed once all that the last of them said is written.
    end: Receiver<()>,
}

impl Logs {
    pub(super) fn of(data: &Path) -> Result<Logs, Error> {
        let folder = data.join("log");
        fs::create_dir_all(&folder).map_err(|e| {
            Error::Config(format!("cannot make the folder {}: {e}", folder.display()))
        })?;
        Ok(Logs {
            folder,
            written: HashMap::new(),
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a process called `name` is to write; it ends up in its log.
    pub(super) fn writer(&mut self, name: &str) -> io::Result<PipeWriter> {
        let log = match self.written.get(name) {
            Some(before) => Arc::clone(&before.log),
            None => Arc::new(Mutex::new(BoundedLog::open(&self.folder, name)?)),
        };
        let (reader, writer) = io::pipe()?;
        let (said_all, end) = bounded(0);
        let own = Arc::clone(&log);
        // Never joined: it ends with the last of those that hold the other end of the pipe.
        thread::Builder::new()
            .name(format!("log-{name}"))
            .spawn(move || write_down(reader, &own, said_all))?;
        self.written.insert(name.to_owned(), Written { log, end });
        Ok(writer)
    }

    /// Waits until what `name`, which ended, said last is in its log.
    pub(super) fn settle(&self, name: &str) {
        if let Some(written) = self.written.get(name) {
            let _ = written.end.recv_timeout(LAST_WORDS_MAX);
        }
    }

    /// The last `count` lines of the log of `name`.
    pub(super) fn tail(&self, name: &str, count: usize) -> Vec<String> {
        let read = || -> io::Result<String> {
            let mut file = File::open(log_file(&self.folder, name))?;
            let size = file.metadata()?.len();
            file.seek(SeekFrom::Start(size.saturating_sub(TAIL_BYTES)))?;
            let mut bytes = Vec::new();
            file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let text = read().unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        let skip = lines.len().saturating_sub(count);
        lines[skip..].iter().map(|&line| line.to_owned()).collect()
    }
}

fn log_file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.log"))
}

/// Writes down what comes out of `reader` until nobody holds its other end; `_said_all` closes then.
fn write_down(mut reader: PipeReader, log: &Mutex<BoundedLog>, _said_all: Sender<()>) {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return,
            // A full disk is no reason to end the swarm, nor to let its services wait: it costs the text.
            Ok(len) => {
                let mut log = lock(log);
                let _ = log.write(&chunk[..len]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// A file that is put aside before it grows beyond its bound.
struct BoundedLog {
    path: PathBuf,
    older: PathBuf,
    file: File,
    size: u64,
}

impl BoundedLog {
    fn open(folder: &Path, name: &str) -> io::Result<BoundedLog> {
        let path = log_file(folder, name);
        let file = Self::append(&path)?;
        let size = file.metadata()?.len();
        Ok(BoundedLog {
            older: folder.join(format!("{name}.log.1")),
            path,
            file,
            size,
        })
    }

    fn append(path: &Path) -> io::Result<File> {
        let opened = OpenOptions::new().create(true).append(true).open(path);
        // Whoever tells it tells which of all files it is.
        let with_path = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        opened.map_err(with_path)
    }

    /// Writes `text`, which is shorter than the bound.
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let len = text.len() as u64;
        if self.size + len > LOG_MAX_BYTES {
            match fs::rename(&self.path, &self.older) {
                // Somebody took it away, and what was written since with it.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            self.file = Self::append(&self.path)?;
            self.size = 0;
        }
        self.file.write_all(text)?;
        self.size += len;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_would_grow_too_long_starts_anew_and_says_the_last_words_of_each_run() {
        let data = tempfile::tempdir().expect("a folder");
        let mut logs = Logs::of(data.path()).expect("made");
        let mut writer = logs.writer("mesh").expect("opened");
        let size = |name: &str| {
            let about = fs::metadata(data.path().join("log").join(name));
            about.map_or(0, |about| about.len())
        };
        for _ in 0..3 * LOG_MAX_BYTES / CHUNK_BYTES as u64 {
            writer.write_all(&vec![b'x'; CHUNK_BYTES]).expect("written");
            assert!(size("mesh.log") <= LOG_MAX_BYTES);
        }
        writer.write_all(b"\none\ntwo\n").expect("written");
        drop(writer);
        logs.settle("mesh");
        assert_eq!(logs.tail("mesh", 2), ["one", "two"]);
        assert_eq!(size("mesh.log.1"), LOG_MAX_BYTES);

        let mut again = logs.writer("mesh").expect("opened");
        again.write_all(b"three\n").expect("written");
        drop(again);
        logs.settle("mesh");
        assert_eq!(logs.tail("mesh", 2), ["two", "three"]);
    }
}
