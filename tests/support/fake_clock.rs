//! A wall clock of the test's own, for processes that believe it; the monotonic clock stays the machine's.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::{RedisServer, say_skipped};

/// The wall clock of every process that is started under its [`env`](FakeClock::env).
pub struct FakeClock {
    folder: TempDir,
    library: String,
}

impl FakeClock {
    /// One that shows the real time; `None`, said aloud, where libfaketime is missing.
    pub fn here() -> Option<FakeClock> {
        let arch = std::env::consts::ARCH;
        let places = [
            format!("/usr/lib/{arch}-linux-gnu/faketime/libfaketime.so.1"),
            "/usr/lib/faketime/libfaketime.so.1".to_owned(),
            "/usr/lib64/faketime/libfaketime.so.1".to_owned(),
        ];
        let Some(library) = places.into_iter().find(|path| Path::new(path).exists()) else {
            say_skipped(
                "there is no libfaketime here (Debian: faketime); steps of the wall clock are not tested",
            );
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let clock = FakeClock { folder, library };
        clock.set(0);
        Some(clock)
    }

    /// Lets the clock be `secs` ahead of the machine's from now on.
    pub fn set(&self, secs: i64) {
        // Renamed into place: nobody reads half of it.
        let new = self.folder.path().join("new");
        fs::write(&new, format!("{secs:+}\n")).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    /// What a process needs to believe it.
    pub fn env(&self) -> Vec<(String, String)> {
        // libc's allocator in front of any other: one that reads the time while it starts meets itself in libfaketime.
        let preload = format!("{} libc.so.6", self.library);
        [
            ("LD_PRELOAD", preload.as_str()),
            ("FAKETIME_TIMESTAMP_FILE", &self.file()),
            ("FAKETIME_NO_CACHE", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// A redis-server that believes it.
    pub fn redis(&self) -> RedisServer {
        RedisServer::start_in(self.env(), &[])
    }

    fn file(&self) -> String {
        self.folder
            .path()
            .join("ahead")
            .to_string_lossy()
            .into_owned()
    }
}

/// What the machine's own clock shows.
pub fn real_secs() -> i64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_secs()).unwrap()
}
