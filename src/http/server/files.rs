//! How many files, and so connections, the system allows.

use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::ServerSettings;

/// Files that are open besides connections: buses, logs, the listener.
const OTHERS: usize = 64;

/// `settings`, or as much of them as the system allows. The limit is raised where that is allowed.
pub(super) fn within_limit(settings: ServerSettings) -> ServerSettings {
    let wanted = (settings.connections + settings.live + OTHERS) as u64;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|now| now >= wanted) {
        return settings;
    }
    let raised = Rlimit {
        current: Some(limit.maximum.map_or(wanted, |most| most.min(wanted))),
        maximum: limit.maximum,
    };
    // Where it may not be raised, it holds as it is.
    let _ = setrlimit(Resource::Nofile, raised);
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(wanted);
    fitted(settings, usize::try_from(allowed).unwrap_or(usize::MAX))
}

/// As much of `settings` as so many files allow: connections shrink first, down to a quarter, then live ones.
fn fitted(settings: ServerSettings, files: usize) -> ServerSettings {
    let room = files.saturating_sub(OTHERS).max(8);
    let live = settings.live.min(room * 3 / 4);
    ServerSettings {
        connections: settings.connections.min(room - live),
        live,
    }
}

/// Whether the system has no room for another file.
pub(super) fn are_used_up(error: &io::Error) -> bool {
    let errors = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    let code = error.raw_os_error();
    errors.iter().any(|e| Some(e.raw_os_error()) == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_files_mean_few_connections() {
        let settings = ServerSettings {
            connections: 1024,
            live: 256,
        };
        for (files, connections, live) in [
            (2000, 1024, 256),
            (1024, 704, 256),
            (256, 48, 144),
            (10, 2, 6),
        ] {
            let fitted = fitted(settings, files);
            assert_eq!(
                (fitted.connections, fitted.live),
                (connections, live),
                "{files}"
            );
        }
    }
}
