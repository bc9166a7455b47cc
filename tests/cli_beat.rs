//! `marketswarm beat` gives any program a heartbeat, and is not noticed otherwise.

use rustix::process::Signal;

use crate::support::alerts::Heard;
use crate::support::truth::{seed, truth_of};
use crate::support::{Alerts, Daemon, PATIENCE, RedisServer, secs, send_signal, until};

struct Lab {
    beats: Alerts,
    redis: RedisServer,
}

impl Lab {
    fn new() -> Lab {
        let redis = RedisServer::start();
        Lab {
            beats: Alerts::on_channel(&redis, "job:heartbeat"),
            redis,
        }
    }

    fn start(&self, args: &[&str]) -> Daemon {
        let mut all = vec!["beat"];
        all.extend(args);
        let path = std::env::var("PATH").unwrap();
        let url = self.redis.url();
        let env = [("PATH", path.as_str()), ("SYSTEM_REDIS_URL", &url)];
        Daemon::start_with("marketswarm", &all, &env)
    }

    fn run(&self, args: &[&str]) -> i32 {
        self.start(args).wait_exit(PATIENCE)
    }

    #[track_caller]
    fn beat(&self, what: &str, is_it: impl Fn(&Heard) -> bool) -> Heard {
        self.beats.wait_for(what, PATIENCE, is_it)
    }
}

#[test]
fn the_exit_code_of_the_program_is_passed_through() {
    let lab = Lab::new();
    assert_eq!(lab.run(&["job", "--", "sh", "-c", "exit 0"]), 0);
    assert_eq!(lab.run(&["job", "--", "sh", "-c", "exit 7"]), 7);
    assert_eq!(
        lab.run(&["job", "--", "sh", "-c", "kill -KILL $$"]),
        128 + 9
    );
    assert_eq!(lab.run(&["job", "--", "/no/such/program"]), 127);
    assert_eq!(lab.run(&["no spaces", "--", "true"]), 2);
}

#[test]
fn it_beats_while_the_program_lives_and_says_when_it_stops_on_purpose() {
    let lab = Lab::new();
    let mut job = lab.start(&["job", "--interval", "0.1", "--", "sleep", "60"]);
    let first = lab.beat("the first beat", |m| m.json["i"] == 1);
    let third = lab.beat("the third beat", |m| m.json["i"] == 3);
    assert_eq!(first.json["inst"], third.json["inst"]);
    // The signal goes to the program, and what the program makes of it comes back.
    job.terminate();
    assert_eq!(job.wait_exit(PATIENCE), 128 + 15);
    lab.beat("a last beat", |m| m.json["status"] == "stopping");
}

#[test]
fn a_program_that_fails_is_not_called_a_planned_stop() {
    let lab = Lab::new();
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    // It fails once it was seen to beat.
    let script = format!("until [ -e {} ]; do sleep 0.05; done; exit 3", go.display());
    let mut job = lab.start(&["job", "--interval", "0.1", "--", "sh", "-c", &script]);
    lab.beat("a beat", |m| m.json["i"] == 2);
    std::fs::write(go, "").unwrap();
    assert_eq!(job.wait_exit(PATIENCE), 3);
    lab.beats
        .assert_none(secs(0.5), |m| m.json["status"] == "stopping");
}

#[test]
fn a_program_does_not_outlive_its_heartbeat() {
    let lab = Lab::new();
    let mut job = lab.start(&["job", "--", "sh", "-c", "echo pid $$; exec sleep 600"]);
    let said = job.wait_log("pid ", PATIENCE);
    job.kill();
    until("the program ends", PATIENCE, || {
        let pid = said.trim_start_matches("pid ");
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // What is left of it until somebody takes note does not count.
        match stat.is_empty() || stat.contains(") Z") {
            true => Ok(()),
            false => Err(stat),
        }
    });
}

#[test]
fn signals_reach_the_program() {
    let lab = Lab::new();
    let script = "trap 'echo got usr1; exit 5' USR1; echo ready; while :; do sleep 0.05; done";
    let mut job = lab.start(&["job", "--", "sh", "-c", script]);
    job.wait_log("ready", PATIENCE);
    send_signal(job.id(), Signal::USR1);
    job.wait_log("got usr1", PATIENCE);
    assert_eq!(job.wait_exit(PATIENCE), 5);
}

#[test]
fn truth_says_where_and_how_often() {
    let lab = Lab::new();
    let mut truth = truth_of(&["job"], 0.2, 3.0);
    truth["services"]["job"]["heartbeat"]["channel"] = "elsewhere".into();
    seed(&lab.redis, &truth);
    let elsewhere = Alerts::on_channel(&lab.redis, "elsewhere");
    let _job = lab.start(&["job", "--", "sleep", "60"]);
    elsewhere.wait_for("the third beat", PATIENCE, |m| m.json["i"] == 3);
    assert_eq!(lab.run(&["job"]), 0);
    elsewhere.wait_for("a single beat", PATIENCE, |m| m.json["inst"].is_null());
}

#[test]
fn single_beats_count_up_and_look_like_one_instance() {
    let lab = Lab::new();
    for i in 1..=3 {
        assert_eq!(lab.run(&["job"]), 0);
        let beat = lab.beat("the beat", |m| m.json["i"] == i);
        assert_eq!(beat.svc(), "job");
        assert!(beat.json.get("inst").is_none());
    }
}

#[test]
fn without_a_bus_the_program_runs_all_the_same_and_a_single_beat_fails_with_3() {
    let mut lab = Lab::new();
    lab.redis.kill();
    assert_eq!(lab.run(&["job", "--", "sh", "-c", "exit 4"]), 4);
    assert_eq!(lab.run(&["job"]), 3);
}
