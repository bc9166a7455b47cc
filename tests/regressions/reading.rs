//! What readers of the swarm's state were shown.

mod acknowledging;
mod clocks;
mod refused;
mod rewritten;
mod unjudged;
mod up;
mod words;

use serde_json::Value;

use crate::support::{Daemon, PATIENCE, Stage, until};

/// What `marketswarm status` says.
pub(super) struct Status {
    pub(super) code: i32,
    pub(super) text: String,
}

impl Status {
    /// As a person sees it.
    pub(super) fn table(stage: &Stage) -> Status {
        Status::ask(stage, &["status"])
    }

    fn ask(stage: &Stage, args: &[&str]) -> Status {
        let url = stage.redis.url();
        let env = [("SYSTEM_REDIS_URL", url.as_str())];
        let (code, text) = Daemon::run("marketswarm", args, &env, PATIENCE);
        Status { code, text }
    }

    /// As a program reads it.
    pub(super) fn json(stage: &Stage) -> (i32, Value) {
        let Status { code, text } = Status::ask(stage, &["status", "--json"]);
        let json = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        (code, json)
    }

    /// The line about a service.
    #[track_caller]
    pub(super) fn line(&self, svc: &str) -> &str {
        let mut lines = self.text.lines();
        let line = lines.find(|line| line.split(' ').next() == Some(svc));
        line.unwrap_or_else(|| panic!("no {svc} in\n{}", self.text))
    }

    /// The word for how a service stands.
    #[track_caller]
    pub(super) fn state(&self, svc: &str) -> &str {
        self.line(svc).split_whitespace().nth(1).unwrap()
    }
}

/// Waits until the table is as `wanted`, and gives it.
#[track_caller]
pub(super) fn wait_table(stage: &Stage, what: &str, wanted: impl Fn(&Status) -> bool) -> Status {
    until(what, PATIENCE * 2, || {
        let status = Status::table(stage);
        match wanted(&status) {
            true => Ok(status),
            false => Err(format!("exit code {}:\n{}", status.code, status.text)),
        }
    })
}
