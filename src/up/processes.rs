//! The processes themselves: started, signalled, waited for.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::child::{self, OnOrphaned};
use super::logs::Logs;
use super::process_supervisor::{Id, Role};
use super::settings::Settings;
use crate::clock::Mono;
use crate::service::WATCHERS;
use crate::swarm_state::locator::UpNote;

/// How long what an earlier run left behind may take to end.
const LEFTOVER_GRACE: Duration = Duration::from_secs(2);

/// One process of the swarm.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub name: &'static str,
    pub role: Role,
    pub program: PathBuf,
    pub args: Vec<String>,
}

impl Spec {
    /// What a run consists of: the buses, which have the first places, the seed, the services.
    pub(super) fn all(settings: &Settings) -> Vec<Spec> {
        let redis = |name| Spec {
            name,
            role: Role::Bus,
            program: settings.redis_server.clone(),
            args: Vec::new(),
        };
        let file = settings.truth_file.to_string_lossy().into_owned();
        let seed = Spec {
            name: "bootstrap",
            role: Role::Seed,
            program: settings.bin_dir.join("bootstrap"),
            args: vec!["--file".into(), file],
        };
        let services = settings.services.iter().map(|name| Spec {
            name,
            role: match WATCHERS.contains(name) {
                true => Role::Watcher,
                false => Role::Service,
            },
            program: settings.bin_dir.join(name),
            args: Vec::new(),
        });
        let mut all = vec![
            redis(crate::contract::SYSTEM_BUS),
            redis(crate::contract::MARKET_BUS),
            seed,
        ];
        all.extend(services);
        let demos = [("demo-feeds", "feed"), ("demo-market", "market")];
        let ports = settings.demo.into_iter().flatten();
        all.extend(demos.into_iter().zip(ports).map(|((name, room), port)| {
            Spec {
                name,
                role: Role::Service,
                program: "/proc/self/exe".into(),
                args: [room, "demo", "--port", &port.to_string()]
                    .map(str::to_owned)
                    .to_vec(),
            }
        }));
        all
    }
}

/// All of them.
pub(super) struct Processes {
    pub specs: Vec<Spec>,
    pub logs: Logs,
    /// Set for each.
    pub env: Vec<(&'static str, String)>,
    /// Taken from each: it would lead them elsewhere.
    pub env_without: &'static [&'static str],
    children: Vec<Option<Child>>,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exit {
    pub well: bool,
    /// Its exit code, unless a signal ended it.
    pub code: Option<u8>,
    pub how: String,
}

impl Processes {
    pub(super) fn new(
        specs: Vec<Spec>,
        logs: Logs,
        env_without: &'static [&'static str],
    ) -> Processes {
        Processes {
            children: specs.iter().map(|_| None).collect(),
            specs,
            logs,
            env: Vec::new(),
            env_without,
        }
    }

    /// Starts process `id` in a process group of its own, so that Ctrl-C at the terminal does not reach it.
    pub(super) fn start(&mut self, id: Id) -> io::Result<u32> {
        let spec = &self.specs[id];
        let log = self.logs.writer(spec.name)?;
        let on_orphaned = match spec.role {
            Role::Bus => OnOrphaned::End,
            Role::Seed | Role::Watcher | Role::Service => OnOrphaned::Kill,
        };
        let mut command = child::command(&spec.program, on_orphaned);
        command
            .args(&spec.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        for name in self.env_without {
            command.env_remove(name);
        }
        let child = command.spawn()?;
        let pid = child.id();
        self.children[id] = Some(child);
        Ok(pid)
    }

    pub(super) fn pid(&self, id: Id) -> Option<u32> {
        self.children[id].as_ref().map(Child::id)
    }

    /// The process ids of the services and of the buses that run.
    pub(super) fn running(&self) -> (BTreeMap<String, u32>, BTreeMap<String, u32>) {
        let (mut services, mut buses) = (BTreeMap::new(), BTreeMap::new());
        for (id, spec) in self.specs.iter().enumerate() {
            let list = match spec.role {
                Role::Bus => &mut buses,
                Role::Watcher | Role::Service => &mut services,
                Role::Seed => continue,
            };
            list.extend(self.pid(id).map(|pid| (spec.name.to_owned(), pid)));
        }
        (services, buses)
    }

    /// Asks process `id` and its group to end; one that was stopped wakes up to hear it.
    pub(super) fn end(&self, id: Id) {
        if let Some(pid) = self.pid(id) {
            signal(pid, Signal::TERM);
            signal(pid, Signal::CONT);
        }
    }

    pub(super) fn kill(&self, id: Id) {
        if let Some(pid) = self.pid(id) {
            signal(pid, Signal::KILL);
        }
    }

    /// Those that have ended since the last call. What is left of their groups is killed.
    pub(super) fn reap(&mut self) -> Vec<(Id, Exit)> {
        let mut ended = Vec::new();
        for (id, slot) in self.children.iter_mut().enumerate() {
            let Some(child) = slot else { continue };
            if !has_ended(child.id()) {
                continue;
            }
            // While nobody has waited for it, its group cannot be mistaken for another.
            signal(child.id(), Signal::KILL);
            let exit = child.wait().map_or_else(Exit::unknown, Exit::of);
            *slot = None;
            ended.push((id, exit));
        }
        ended
    }

    /// Whether somebody stopped process `id` (SIGSTOP).
    pub(super) fn is_stopped(&self, id: Id) -> bool {
        let stat = self
            .pid(id)
            .and_then(|pid| fs::read_to_string(format!("/proc/{pid}/stat")).ok());
        stat.is_some_and(|stat| {
            stat.rsplit_once(") ")
                .is_some_and(|(_, rest)| rest.starts_with('T'))
        })
    }
}

impl Exit {
    pub(super) fn unknown(error: io::Error) -> Exit {
        Exit {
            well: false,
            code: None,
            how: error.to_string(),
        }
    }

    fn of(status: ExitStatus) -> Exit {
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(9)) => "killed, signal 9".into(),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "no exit code".into(),
        };
        Exit {
            well: status.success(),
            code: status.code().and_then(|code| u8::try_from(code).ok()),
            how,
        }
    }
}

/// Ends what a run that was itself killed left behind, by its note: only processes that are proven to be the same by
/// their start time. Answers with their names.
pub(super) fn end_leftovers(note: &UpNote) -> Vec<String> {
    if note.boot_id != crate::swarm_state::locator::boot_id() {
        return Vec::new();
    }
    let all = note.children.iter().chain(&note.redis);
    let left: Vec<(&String, u32)> = all
        .filter(|(_, pid)| note.is_own(**pid))
        .map(|(name, pid)| (name, *pid))
        .collect();
    for (_, pid) in &left {
        signal(*pid, Signal::TERM);
        signal(*pid, Signal::CONT);
    }
    let deadline = Mono::now() + LEFTOVER_GRACE;
    let mut killed = false;
    while left.iter().any(|(_, pid)| note.is_own(*pid)) {
        if Mono::now() >= deadline && !std::mem::replace(&mut killed, true) {
            let late = left.iter().filter(|(_, pid)| note.is_own(*pid));
            late.for_each(|(_, pid)| signal(*pid, Signal::KILL));
        }
        thread::sleep(Duration::from_millis(20));
    }
    left.iter()
        .map(|(name, pid)| format!("{name} ({pid})"))
        .collect()
}

/// Whether child `pid` has ended; it is still to be waited for.
fn has_ended(pid: u32) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match raw(pid).map(|pid| waitid(WaitId::Pid(pid), options)) {
        Some(Ok(status)) => status.is_some(),
        Some(Err(_)) | None => true,
    }
}

fn raw(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

/// To the whole group of `pid`. One that is gone already needs no signal.
fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = raw(pid) {
        let _ = kill_process_group(pid, signal);
    }
}
