//! The two redis-servers of a swarm: how they are started, and whether it is really they who answer.

use std::path::Path;
use std::time::Duration;

use crate::bus::{Address, Commands, Limits};
use crate::service::Error;

/// For an answer from this machine.
const PATIENCE: Duration = Duration::from_millis(200);

/// The arguments of a redis-server that only this machine reaches, and whose data outlives it.
pub(super) fn arguments(port: u16, folder: &Path) -> Vec<String> {
    let (port, folder) = (port.to_string(), folder.to_string_lossy());
    let pairs = [
        ("--port", port.as_str()),
        ("--bind", "127.0.0.1"),
        ("--dir", &folder),
        ("--appendonly", "yes"),
        ("--save", ""),
        ("--daemonize", "no"),
    ];
    pairs
        .iter()
        .flat_map(|(name, value)| [(*name).to_owned(), (*value).to_owned()])
        .collect()
}

pub(super) fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}")
}

/// The process id of the redis-server that answers on `port`; `None` while none does, or it still loads its data.
pub(super) fn pid_behind(port: u16) -> Option<u32> {
    let limits = Limits {
        connect: PATIENCE,
        read: PATIENCE,
    };
    let ask = || -> Result<Option<u32>, Error> {
        let address = Address::parse(&url(port), "up")?;
        let mut commands = Commands::new(address, "marketswarm:up", limits);
        // PING is refused while the server is loading.
        commands.query::<()>(&redis::cmd("PING"))?;
        let info: redis::InfoDict = commands.query(redis::cmd("INFO").arg("server"))?;
        Ok(info.get("process_id"))
    };
    ask().ok().flatten()
}
