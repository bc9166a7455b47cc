//! The swarm in containers, through the commands that the README gives.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::containers::{
    Alerts, DAEMONS, command_connection, docker, eventually, quick_truth, run, top, try_run,
    unique, wanted,
};
use crate::support::redis_server::free_port;

/// Limit of the test's truth, and what may pass until a miss is told under load.
const LIMIT: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(30);

/// A project of its own: own name, network, ports and volumes, all removed at the end.
struct Project {
    name: String,
    network: String,
    system_port: u16,
    market_port: u16,
    folder: tempfile::TempDir,
}

impl Project {
    fn new() -> Project {
        let name = unique("mstest");
        let folder = tempfile::tempdir().unwrap();
        quick_truth(folder.path());
        docker(&["network", "create", &name]);
        let network = name.clone();
        Project {
            name,
            network,
            system_port: free_port(),
            market_port: free_port(),
            folder,
        }
    }

    /// The environment that sets this project apart; nobody is notified by a test, whatever .env says.
    fn environment(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("COMPOSE_PROJECT_NAME", self.name.clone()),
            ("MARKETSWARM_NETWORK", self.network.clone()),
            ("SYSTEM_REDIS_PORT", self.system_port.to_string()),
            ("CONSOLE_PORT", "0".to_owned()),
            ("MARKET_REDIS_PORT", self.market_port.to_string()),
            (
                "TRUTH_FILE",
                self.folder.path().join("truth.json").display().to_string(),
            ),
            ("WEBHOOK_URL", String::new()),
            ("SMTP_HOST", String::new()),
            ("DEADMAN_URL", String::new()),
        ])
    }

    /// `docker compose ARGS`, or `docker-compose ARGS` where there is no v2.
    fn command(&self, args: &[&str]) -> Command {
        let v2 = try_run(Command::new("docker").args(["compose", "version"])).0;
        let mut command = if v2 {
            Command::new("docker")
        } else {
            Command::new("docker-compose")
        };
        if v2 {
            command.arg("compose");
        }
        command
            .args(args)
            .current_dir(top())
            .envs(self.environment());
        command
    }

    fn compose(&self, args: &[&str]) -> String {
        run(&mut self.command(args))
    }

    /// The commands that start the swarm, and the wait until every container is healthy.
    fn up(&self) {
        self.compose(&["up", "--build", "--force-recreate", "bootstrap"]);
        self.compose(&[&["up", "-d"], &DAEMONS[..]].concat());
        for service in DAEMONS.iter().chain(&["system-redis", "market-redis"]) {
            self.wait_until_healthy(service);
        }
        for service in DAEMONS {
            self.wait_until_up(service);
        }
    }

    /// Until it was heard: by the healer, or by the sentinel when it is the healer.
    fn wait_until_up(&self, service: &str) {
        eventually(&format!("{service} is up"), PATIENCE, || {
            let health = self.health(service);
            if health["status"] == "up" {
                Ok(())
            } else {
                Err(health.to_string())
            }
        });
    }

    fn container(&self, service: &str) -> String {
        let id = self.compose(&["ps", "-q", service]);
        assert_eq!(
            id.trim().lines().count(),
            1,
            "{service} has one container: {id}"
        );
        id.trim().to_owned()
    }

    fn inspect(&self, service: &str) -> Value {
        let text = docker(&["inspect", &self.container(service)]);
        serde_json::from_str::<Value>(&text).unwrap()[0].take()
    }

    fn wait_until_healthy(&self, service: &str) {
        let container = self.container(service);
        eventually(
            &format!("{service} is healthy"),
            Duration::from_secs(60),
            || match docker(&[
                "inspect",
                "--format",
                "{{.State.Health.Status}}",
                &container,
            ])
            .trim()
            {
                "healthy" => Ok(()),
                other => Err(other.to_owned()),
            },
        );
    }

    /// `health:<svc>` as it stands on the bus; null when there is none.
    fn health(&self, service: &str) -> Value {
        let read = command_connection(self.system_port).and_then(|mut bus| {
            redis::cmd("GET")
                .arg(format!("health:{service}"))
                .query::<Option<String>>(&mut bus)
        });
        read.ok()
            .flatten()
            .map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
    }

    fn alerts(&self) -> Alerts {
        Alerts::from_now_on(self.system_port)
    }

    fn simulate_failure(&self, args: &[&str]) -> String {
        let mut command = Command::new(top().join("scripts/simulate_failure.sh"));
        run(command
            .args(args)
            .args(["--on", "compose"])
            .envs(self.environment()))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", try_run(&mut self.command(&["ps"])).1);
            eprintln!(
                "{}",
                try_run(&mut self.command(&["logs", "--no-color", "--tail=40"])).1
            );
        }
        try_run(&mut self.command(&["down", "--volumes", "--remove-orphans"]));
        try_run(Command::new("docker").args(["network", "rm", &self.network]));
    }
}

#[test]
fn the_documented_commands_bring_up_a_swarm_that_is_healthy_and_heard() {
    if !wanted("compose") {
        return;
    }
    let project = Project::new();
    project.up();

    for service in DAEMONS {
        let channel = format!("{service}:heartbeat");
        let reply = project.compose(&[
            "exec",
            "-T",
            "system-redis",
            "redis-cli",
            "PUBSUB",
            "NUMSUB",
            &channel,
        ]);
        let listeners: u32 = reply.lines().last().unwrap().trim().parse().unwrap();
        assert!(listeners >= 1, "somebody listens to {channel}: {reply}");
    }
    // Run again with the same file, bootstrap changes nothing.
    project.compose(&["run", "--rm", "--no-deps", "bootstrap"]);
    let logs = project.compose(&["logs", "--no-color", "healer"]);
    assert!(
        logs.contains("healer"),
        "the healer says what it does: {logs}"
    );
}

#[test]
fn every_container_is_locked_down_and_bounded() {
    if !wanted("compose") {
        return;
    }
    let project = Project::new();
    project.up();

    for service in DAEMONS.iter().chain(&["system-redis", "market-redis"]) {
        let inspected = project.inspect(service);
        let (config, host) = (&inspected["Config"], &inspected["HostConfig"]);
        let user = config["User"].as_str().unwrap();
        assert!(
            !matches!(user, "" | "0" | "root" | "0:0"),
            "{service} is not root but '{user}'"
        );
        assert_eq!(host["ReadonlyRootfs"], true, "{service}");
        assert_eq!(host["CapDrop"], json!(["ALL"]), "{service}");
        assert_eq!(host["CapAdd"], Value::Null, "{service}");
        assert!(
            host["SecurityOpt"]
                .to_string()
                .contains("no-new-privileges"),
            "{service}: {}",
            host["SecurityOpt"]
        );
        assert_eq!(host["Privileged"], false, "{service}");
        assert!(
            host["Memory"].as_u64().unwrap() > 0,
            "{service} has a memory limit"
        );
        assert!(
            host["PidsLimit"].as_u64().unwrap() > 0,
            "{service} has a limit of processes"
        );
        assert_eq!(host["RestartPolicy"]["Name"], "unless-stopped", "{service}");
        assert_eq!(
            host["LogConfig"]["Config"]["max-file"], "3",
            "{service} rotates its log"
        );
        for bindings in host["PortBindings"]
            .as_object()
            .into_iter()
            .flat_map(|ports| ports.values())
        {
            assert_eq!(
                bindings[0]["HostIp"], "127.0.0.1",
                "{service} is not open to the world"
            );
        }
    }
}

#[test]
fn a_stop_is_a_miss_after_the_timeout_and_a_start_an_ok_at_the_first_beat() {
    if !wanted("compose") {
        return;
    }
    let project = Project::new();
    project.up();
    let mut alerts = project.alerts();

    project.compose(&["stop", "rss_agg"]);
    let miss = alerts.wait_for("heartbeat_miss", "rss_agg", PATIENCE);
    assert_eq!(
        miss["planned"], true,
        "an orderly stop is a planned one: {miss}"
    );
    let late = Duration::from_secs_f64(miss["late_sec"].as_f64().unwrap());
    assert!(late >= LIMIT, "not before the timeout: {miss}");

    project.compose(&["start", "rss_agg"]);
    let ok = alerts.wait_for("heartbeat_ok", "rss_agg", PATIENCE);
    assert!(
        ok["age_sec"].as_f64().unwrap() < 1.0,
        "told at the first beat: {ok}"
    );
    project.wait_until_healthy("rss_agg");
}

#[test]
fn crash_and_hang_and_stop_are_each_told_and_told_to_have_ended() {
    if !wanted("compose") {
        return;
    }
    let project = Project::new();
    project.up();

    for (service, mode) in [
        ("rss_agg", "crash"),
        ("mesh", "hang"),
        ("massive", "stop"),
        ("sentinel", "crash"),
    ] {
        let output = project.simulate_failure(&[service, "--mode", mode]);
        assert!(output.contains("heartbeat_miss: told"), "{output}");
        assert!(output.contains("heartbeat_ok: told"), "{output}");
    }
    for mode in ["crash", "hang"] {
        let output = project.simulate_failure(&["healer", "--mode", mode]);
        assert!(output.contains("healer_miss: told"), "{output}");
        assert!(output.contains("healer_ok: told"), "{output}");
    }
    for service in DAEMONS {
        let policy = project.inspect(service)["HostConfig"]["RestartPolicy"]["Name"].clone();
        assert_eq!(policy, "unless-stopped", "{service} is supervised again");
        project.wait_until_healthy(service);
    }
}

#[test]
fn a_reseed_that_recreates_redis_is_nobodys_death() {
    if !wanted("compose") {
        return;
    }
    let project = Project::new();
    project.up();
    let mut alerts = project.alerts();

    // Compose v1 recreates the containers that bootstrap depends on, so both buses go away and come back.
    project.compose(&["up", "--build", "--force-recreate", "bootstrap"]);
    project.compose(&[
        "up",
        "-d",
        "--no-deps",
        "--force-recreate",
        "system-redis",
        "market-redis",
    ]);
    project.wait_until_healthy("system-redis");

    let begin = Instant::now();
    while begin.elapsed() < 4 * LIMIT {
        let told = alerts.read();
        let deaths: Vec<_> = told
            .iter()
            .filter(|alert| alert["type"].to_string().contains("_miss"))
            .collect();
        assert!(deaths.is_empty(), "nobody died: {deaths:?}");
        std::thread::sleep(Duration::from_millis(500));
    }
    for service in DAEMONS {
        project.wait_until_up(service);
    }
}

#[test]
fn truth_and_history_outlive_the_containers() {
    if !wanted("compose") {
        return;
    }
    let project = Project::new();
    project.up();
    let mut alerts = project.alerts();
    project.compose(&["stop", "vexy_ai"]);
    let told = alerts.wait_for("heartbeat_miss", "vexy_ai", PATIENCE);

    project.compose(&["down"]);
    project.compose(&["up", "-d", "system-redis"]);
    project.wait_until_healthy("system-redis");

    let mut bus = command_connection(project.system_port).unwrap();
    let truth: Option<String> = redis::cmd("GET").arg("truth:doc").query(&mut bus).unwrap();
    assert!(truth.is_some(), "the truth is still there");
    let history: String = redis::cmd("XRANGE")
        .arg("healer:alerts:log")
        .arg(&["-", "+"])
        .query::<redis::Value>(&mut bus)
        .map(|entries| format!("{entries:?}"))
        .unwrap();
    assert!(
        history.contains(told["id"].as_str().unwrap()),
        "so is the history"
    );
}
