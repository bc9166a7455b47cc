//! The units, run for real: a Debian container whose first process is systemd.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::containers::{
    DAEMONS, docker, eventually, quick_truth, run, top, try_run, unique, wanted,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// A machine with systemd; MarketSwarm's sources are at /src, and it is removed at the end.
struct Host {
    name: String,
}

impl Host {
    fn boot() -> Host {
        // It prints the name alone on its standard output; what it tells meanwhile belongs on the screen.
        let built = Command::new(top().join("scripts/systemd/test_image.sh"))
            .stderr(std::process::Stdio::inherit())
            .output()
            .unwrap();
        assert!(built.status.success(), "the image could not be built");
        let image = String::from_utf8(built.stdout).unwrap().trim().to_owned();
        let name = unique("mssystemd");
        let source = format!("{}:/src:ro", top().display());
        let mut arguments = vec![
            "run",
            "--detach",
            "--name",
            &name,
            "--hostname",
            "swarmhost",
        ];
        // What systemd needs to be the first process: mounts of its own, and a look at processes that hide
        // from others (ProtectProc=invisible).
        arguments.extend([
            "--cap-add=SYS_ADMIN",
            "--cap-add=SYS_PTRACE",
            "--security-opt=seccomp=unconfined",
        ]);
        arguments.extend([
            "--security-opt=apparmor=unconfined",
            "--tmpfs=/run",
            "--tmpfs=/run/lock",
            "--tmpfs=/tmp",
        ]);
        if docker(&["info", "--format", "{{.CgroupVersion}}"]).trim() == "1" {
            arguments.extend(["--volume=/sys/fs/cgroup:/sys/fs/cgroup:ro"]);
        } else {
            arguments.extend(["--cgroupns=private", "--privileged"]);
        }
        arguments.extend(["--volume", &source, &image]);
        docker(&arguments);
        let host = Host { name };
        eventually("systemd is up", PATIENCE, || {
            match host.try_sh("systemctl is-system-running") {
                (true, _) => Ok(()),
                (false, state) => Err(state),
            }
        });
        host
    }

    /// A host on which the swarm is installed and runs, with limits of 3 s.
    fn with_swarm() -> Host {
        let host = Host::boot();
        host.put_truth();
        host.sh("/src/scripts/systemd/install.sh --bin /src/scripts/images --with-redis");
        host.sh("systemctl start marketswarm.target");
        host.wait_until_active();
        host
    }

    /// The installer keeps a truth that is there before it.
    fn put_truth(&self) {
        let folder = tempfile::tempdir().unwrap();
        let truth = quick_truth(folder.path());
        self.sh("mkdir -p /etc/marketswarm");
        docker(&[
            "cp",
            truth.to_str().unwrap(),
            &format!("{}:/etc/marketswarm/truth.json", self.name),
        ]);
    }

    fn try_sh(&self, script: &str) -> (bool, String) {
        try_run(Command::new("docker").args(["exec", &self.name, "bash", "-c", script]))
    }

    fn sh(&self, script: &str) -> String {
        let (done, output) = self.try_sh(script);
        assert!(done, "{script} failed:\n{output}");
        output.trim().to_owned()
    }

    fn property(&self, service: &str, property: &str) -> String {
        self.sh(&format!(
            "systemctl show --property {property} --value marketswarm-{service}.service"
        ))
    }

    /// Every daemon is active, which with Type=notify means that it has beaten, and its watcher has heard it.
    fn wait_until_active(&self) {
        for service in DAEMONS {
            eventually(&format!("{service} is active"), PATIENCE, || {
                match self.property(service, "ActiveState") {
                    state if state == "active" => Ok(()),
                    state => Err(state),
                }
            });
        }
        for service in DAEMONS {
            eventually(&format!("{service} is up"), PATIENCE, || {
                match self.sh(&format!("redis-cli GET health:{service}")) {
                    health if health.contains("\"status\":\"up\"") => Ok(()),
                    health => Err(health),
                }
            });
        }
    }

    /// Adds a drop-in to a unit of the running system.
    fn drop_in(&self, service: &str, setting: &str) {
        let folder = format!("/run/systemd/system/marketswarm-{service}.service.d");
        self.sh(&format!(
            "mkdir -p {folder} && printf '[Service]\\n{setting}\\n' >{folder}/50-test.conf"
        ));
        self.sh("systemctl daemon-reload");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "{}",
                self.try_sh("systemctl --no-pager list-units 'marketswarm*'")
                    .1
            );
            eprintln!("{}", self.try_sh("journalctl --no-pager -n 80").1);
        }
        try_run(Command::new("docker").args(["rm", "--force", "--volumes", &self.name]));
    }
}

#[test]
fn no_unit_is_exposed_beyond_one_and_a_half() {
    if !wanted("systemd") {
        return;
    }
    for entry in fs::read_dir(top().join("scripts/systemd")).unwrap() {
        let unit = entry.unwrap().path();
        if unit
            .extension()
            .is_none_or(|extension| extension != "service")
        {
            continue;
        }
        let analysis = run(Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--threshold=15"])
            .arg(&unit));
        assert!(
            analysis.contains("Overall exposure level"),
            "{}: {analysis}",
            unit.display()
        );
    }
}

#[test]
fn installed_twice_it_runs_and_an_uninstall_leaves_settings_and_data() {
    if !wanted("systemd") {
        return;
    }
    let host = Host::with_swarm();
    let install = "/src/scripts/systemd/install.sh --bin /src/scripts/images --with-redis";
    host.sh("echo '# mine' >>/etc/marketswarm/marketswarm.env");
    let again = host.sh(install);
    assert!(
        again.contains("kept /etc/marketswarm/marketswarm.env"),
        "{again}"
    );
    assert_eq!(
        host.sh("tail -n 1 /etc/marketswarm/marketswarm.env"),
        "# mine"
    );
    host.sh("systemctl restart marketswarm.target");
    host.wait_until_active();
    host.sh("marketswarm status");

    host.sh("/src/scripts/systemd/uninstall.sh");
    assert_eq!(host.sh("pgrep -c redis-server || true"), "0");
    assert_eq!(
        host.sh("ls /etc/systemd/system | grep -c marketswarm || true"),
        "0"
    );
    host.sh("test -e /etc/marketswarm/truth.json && test -e /var/lib/private/marketswarm/system-redis/appendonlydir");
    host.sh("! test -e /usr/local/lib/marketswarm && ! test -e /usr/local/bin/marketswarm");

    // And back again: the history is still there.
    host.sh(install);
    host.sh("systemctl start marketswarm.target");
    host.wait_until_active();
}

#[test]
fn installed_under_a_folder_it_touches_nothing_else() {
    if !wanted("systemd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    let install = || {
        let mut command = Command::new(top().join("scripts/systemd/install.sh"));
        run(command
            .args(["--root", root, "--bin"])
            .arg(top().join("scripts/images")))
    };
    install();
    install();
    for file in [
        "usr/local/lib/marketswarm/healer",
        "etc/systemd/system/marketswarm-healer.service",
    ] {
        assert!(folder.path().join(file).exists(), "{file}");
    }
    run(Command::new(top().join("scripts/systemd/uninstall.sh")).args(["--root", root]));
    assert!(!folder.path().join("usr/local/lib/marketswarm").exists());
    assert!(folder.path().join("etc/marketswarm/truth.json").exists());
}

#[test]
fn crash_and_hang_and_stop_are_each_told_and_told_to_have_ended() {
    if !wanted("systemd") {
        return;
    }
    let host = Host::with_swarm();
    for (service, mode) in [("rss_agg", "crash"), ("mesh", "hang"), ("massive", "stop")] {
        let output = host.sh(&format!(
            "/usr/local/lib/marketswarm/simulate_failure.sh {service} --mode {mode}"
        ));
        assert!(
            output.contains("heartbeat_miss: told") && output.contains("heartbeat_ok: told"),
            "{output}"
        );
    }
    for mode in ["crash", "hang"] {
        let output = host.sh(&format!(
            "/usr/local/lib/marketswarm/simulate_failure.sh healer --mode {mode}"
        ));
        assert!(
            output.contains("healer_miss: told") && output.contains("healer_ok: told"),
            "{output}"
        );
    }
    host.wait_until_active();
    assert_eq!(
        host.property("mesh", "Restart"),
        "always",
        "the supervisor has its say again"
    );
}

#[test]
fn a_daemon_that_crashes_or_hangs_is_restarted_without_help() {
    if !wanted("systemd") {
        return;
    }
    let host = Host::with_swarm();
    host.drop_in("mesh", "WatchdogSec=3s");
    host.sh("systemctl restart marketswarm-mesh.service");
    for signal in ["KILL", "STOP"] {
        let before = host.property("mesh", "MainPID");
        host.sh(&format!("kill -{signal} {before}"));
        eventually(
            &format!("mesh runs again after SIG{signal}"),
            PATIENCE,
            || match (
                host.property("mesh", "MainPID"),
                host.property("mesh", "ActiveState"),
            ) {
                (pid, state) if pid != before && state == "active" => Ok(()),
                (pid, state) => Err(format!("{state}, {pid} was {before}")),
            },
        );
    }
}

#[test]
fn a_reseed_restarts_nobody_and_is_taken_in() {
    if !wanted("systemd") {
        return;
    }
    let host = Host::with_swarm();
    let pids = || DAEMONS.map(|service| host.property(service, "MainPID"));
    let before = pids();
    host.sh(r#"sed -i 's/"services":{/"services":{"newcomer":{"heartbeat":{"channel":"newcomer:heartbeat","interval_sec":1,"timeout_sec":3,"redis_url":"redis:\/\/system-redis:6379"}},/' /etc/marketswarm/truth.json"#);
    host.sh("systemctl restart marketswarm-bootstrap.service");
    // Healer and mesh.
    eventually("the newcomer is heard by both", PATIENCE, || {
        match host.sh("redis-cli PUBSUB NUMSUB newcomer:heartbeat | tail -n 1") {
            count if count == "2" => Ok(()),
            count => Err(format!("{count} listeners")),
        }
    });
    assert_eq!(pids(), before, "nobody was restarted");
}

#[test]
fn waiting_for_the_bus_extends_the_start_up_instead_of_failing_it() {
    if !wanted("systemd") {
        return;
    }
    let host = Host::with_swarm();
    host.drop_in("mesh", "TimeoutStartSec=4s\\nWatchdogSec=4s");
    // By name as well: stopping the target alone returns before its members have stopped.
    host.sh("systemctl stop marketswarm.target 'marketswarm-*.service'");
    // Alone, without the bootstrap that it would otherwise wait for.
    host.sh("systemctl start --no-block --job-mode=ignore-dependencies marketswarm-mesh.service");

    // Three times as long as it would have without an extension.
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(12) {
        assert_eq!(
            host.property("mesh", "NRestarts"),
            "0",
            "it waits, and is not killed for it"
        );
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(host.property("mesh", "ActiveState"), "activating");
    host.sh("systemctl start marketswarm-system-redis.service marketswarm-market-redis.service");
    eventually("mesh is active", PATIENCE, || {
        match host.property("mesh", "ActiveState") {
            state if state == "active" => Ok(()),
            state => Err(state),
        }
    });
}
