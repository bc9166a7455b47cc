//! `data/log/NAME.log`: what each process prints, bounded.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::service::Error;

/// A longer log becomes `NAME.log.1`, in place of the one before it.
const LOG_MAX_BYTES: u64 = 8 * 1024 * 1024;
/// What is read of a log's end.
const TAIL_BYTES: u64 = 4096;

/// The folder of the logs.
pub(super) struct Logs {
    folder: PathBuf,
}

impl Logs {
    pub(super) fn of(data: &Path) -> Result<Logs, Error> {
        let folder = data.join("log");
        fs::create_dir_all(&folder).map_err(|e| {
            Error::Config(format!("cannot make the folder {}: {e}", folder.display()))
        })?;
        Ok(Logs { folder })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The log of `name`, to be written at its end.
    pub(super) fn open(&self, name: &str) -> io::Result<File> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.file(name))
    }

    /// Bounds the log of `name`. The process keeps its open file, so the text is moved and not the file.
    pub(super) fn tidy(&self, name: &str) -> io::Result<()> {
        let file = self.file(name);
        match fs::metadata(&file) {
            Ok(about) if about.len() > LOG_MAX_BYTES => {
                fs::copy(&file, self.folder.join(format!("{name}.log.1")))?;
                OpenOptions::new().write(true).open(&file)?.set_len(0)
            }
            _ => Ok(()),
        }
    }

    /// The last `count` lines of the log of `name`.
    pub(super) fn tail(&self, name: &str, count: usize) -> Vec<String> {
        let read = || -> io::Result<String> {
            let mut file = File::open(self.file(name))?;
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

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_log_that_grew_too_long_starts_anew_while_its_writer_writes_on() {
        let data = tempfile::tempdir().expect("a folder");
        let logs = Logs::of(data.path()).expect("made");
        let mut writer = logs.open("mesh").expect("opened");
        writer
            .write_all(&vec![b'x'; LOG_MAX_BYTES as usize + 1])
            .expect("written");
        logs.tidy("mesh").expect("tidied");
        writer.write_all(b"one\ntwo\nthree\n").expect("written");
        assert_eq!(logs.tail("mesh", 2), ["two", "three"]);
        let size = |name: &str| fs::metadata(logs.folder.join(name)).expect(name).len();
        assert_eq!(size("mesh.log"), 14);
        assert_eq!(size("mesh.log.1"), LOG_MAX_BYTES + 1);
    }
}
