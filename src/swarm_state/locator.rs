//! Where the swarm is that a command means: the folder of a running `up`, and the buses.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::env::{Env, EnvError};

/// What a running `up` says about itself in `run/up.json`. The first three fields and `children` are for scripts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UpNote {
    pub pid: u32,
    pub system_port: u16,
    pub market_port: u16,
    /// Process id of each service that runs.
    pub children: BTreeMap<String, u32>,
    /// Likewise of the redis-servers.
    #[serde(default)]
    pub redis: BTreeMap<String, u32>,
    /// When each process was started, in clock ticks since the boot: with its id that is proof of who it is.
    #[serde(default)]
    pub started: BTreeMap<u32, u64>,
    /// The boot that these ids and ticks belong to.
    #[serde(default)]
    pub boot_id: String,
}

impl UpNote {
    /// The note of this process about itself and what it runs.
    pub fn of_this_process(
        system_port: u16,
        market_port: u16,
        children: BTreeMap<String, u32>,
        redis: BTreeMap<String, u32>,
    ) -> UpNote {
        let me = std::process::id();
        let pids = children.values().chain(redis.values()).chain([&me]);
        UpNote {
            pid: me,
            system_port,
            market_port,
            started: pids
                .filter_map(|pid| Some((*pid, start_ticks(*pid)?)))
                .collect(),
            boot_id: boot_id(),
            children,
            redis,
        }
    }

    /// Whether the `up` that wrote it still runs.
    pub fn is_alive(&self) -> bool {
        self.boot_id == boot_id() && self.is_own(self.pid)
    }

    /// Whether process `pid` is still the one that the note speaks of.
    pub fn is_own(&self, pid: u32) -> bool {
        let started = start_ticks(pid);
        started.is_some() && started == self.started.get(&pid).copied()
    }
}

/// `data/run`: what `up` and the commands beside it tell each other.
#[derive(Clone, Debug)]
pub struct RunFolder {
    folder: PathBuf,
}

impl RunFolder {
    pub fn of(data: &Path) -> RunFolder {
        RunFolder {
            folder: data.join("run"),
        }
    }

    /// The data folder that it lies in.
    pub fn data(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }

    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// The note of the last `up`, running or not.
    pub fn read(&self) -> Option<UpNote> {
        serde_json::from_slice(&fs::read(self.folder.join("up.json")).ok()?).ok()
    }

    /// Leaves the note; a reader sees the old one or the new one, never half of one.
    pub fn write(&self, note: &UpNote) -> io::Result<()> {
        let new = self.folder.join("up.json.new");
        fs::write(&new, serde_json::to_vec(note)?)?;
        fs::rename(new, self.folder.join("up.json"))
    }

    /// Takes the note away: nothing runs any more.
    pub fn clear(&self) {
        let _ = fs::remove_file(self.folder.join("up.json"));
    }

    /// While this file exists, `up` does not start the service.
    fn hold_file(&self, svc: &str) -> PathBuf {
        self.folder.join("hold").join(svc)
    }

    pub fn is_held(&self, svc: &str) -> bool {
        self.hold_file(svc).exists()
    }

    pub fn hold(&self, svc: &str) -> io::Result<()> {
        fs::create_dir_all(self.folder.join("hold"))?;
        fs::write(self.hold_file(svc), "")
    }

    /// Whether it was held.
    pub fn release(&self, svc: &str) -> io::Result<bool> {
        match fs::remove_file(self.hold_file(svc)) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Forgets holds of an earlier run.
    pub fn release_all(&self) {
        let _ = fs::remove_dir_all(self.folder.join("hold"));
    }
}

/// `MARKETSWARM_DATA`, else `./data`.
pub fn data_folder(env: &Env) -> Result<PathBuf, EnvError> {
    Ok(env
        .folder("MARKETSWARM_DATA")?
        .unwrap_or_else(|| PathBuf::from("data")))
}

/// The environment with the buses filled in where it says nothing: those of the `up` that runs here, else the usual
/// ports of this machine, where Compose and systemd have them too.
pub fn with_buses(env: &Env) -> Result<Env, EnvError> {
    let note = RunFolder::of(&data_folder(env)?)
        .read()
        .filter(UpNote::is_alive);
    let (system, market) = note.map_or((6379, 6380), |n| (n.system_port, n.market_port));
    let named = ["SYSTEM_REDIS_URL", "REDIS_URL", "TRUTH_REDIS_URL"];
    let mut env = env.clone();
    let mut is_named = false;
    for name in named {
        is_named |= env.get(name)?.is_some();
    }
    if !is_named {
        env = env.with("SYSTEM_REDIS_URL", format!("redis://127.0.0.1:{system}"));
        if env.get("MARKET_REDIS_URL")?.is_none() {
            env = env.with("MARKET_REDIS_URL", format!("redis://127.0.0.1:{market}"));
        }
    }
    Ok(env)
}

/// Names this boot of the machine.
pub fn boot_id() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.trim().to_owned()
}

/// When process `pid` started, in clock ticks since the boot; `None` when there is none, or only what is left of it
/// until its parent takes note.
pub fn start_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in brackets, which may hold anything: the rest counts from its end.
    let mut fields = stat.rsplit_once(") ")?.1.split_ascii_whitespace();
    let state = fields.next()?;
    if state == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_proven_by_its_id_and_its_start() {
        let me = std::process::id();
        let ticks = start_ticks(me).expect("I run");
        let mut note = UpNote {
            pid: me,
            started: BTreeMap::from([(me, ticks)]),
            boot_id: boot_id(),
            ..UpNote::default()
        };
        assert!(note.is_alive());
        note.started.insert(me, ticks + 1);
        assert!(!note.is_alive(), "the id was given to another process");
    }

    #[test]
    fn scripts_find_the_first_number_behind_a_name() {
        let note = UpNote {
            pid: 7,
            system_port: 6379,
            market_port: 6380,
            children: BTreeMap::from([("healer".into(), 8)]),
            ..UpNote::default()
        };
        let text = serde_json::to_string(&note).expect("serialises");
        assert!(
            text.starts_with(
                r#"{"pid":7,"system_port":6379,"market_port":6380,"children":{"healer":8}"#
            ),
            "{text}"
        );
    }
}
