//! What is missing when an access rule forbids something, and the rule that allows it.
//!
//! Redis says what it forbids, and not to whom, nor which of several keys
//! (<https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/>). Both are found out by asking on.

use redis::cmd;

use super::{BusError, Commands};

/// What Redis says of a command that a script called.
const IN_SCRIPT: &str = "The user executing the script can't";

/// What one does on a bus, as the rules that allow it name it.
#[derive(Clone, Copy, Debug)]
pub struct Rights<'a> {
    /// The keys, each with the pattern that allows it. Whoever lacks one is told to allow all from its pattern on.
    pub keys: &'a [(&'a str, &'a str)],
    /// The pattern of the channels, and what is done there.
    pub channels: (&'a str, &'a str),
}

impl Rights<'_> {
    /// Whether `error` is about a right that is missing.
    pub fn is_about(error: &BusError) -> bool {
        match error {
            BusError::Denied { .. } => true,
            BusError::Reply { reason, .. } => reason.contains(IN_SCRIPT),
            _ => false,
        }
    }

    /// The same error, saying which right of which user is missing and how to give it, where that is what it is about.
    /// `in_scripts` finds out which commands a script may not call.
    pub fn explain(
        &self,
        commands: &mut Commands,
        error: BusError,
        in_scripts: impl FnOnce(&mut Commands) -> Vec<String>,
    ) -> BusError {
        let (BusError::Denied { reason, .. } | BusError::Reply { reason, .. }) = &error else {
            return error;
        };
        if !Rights::is_about(&error) {
            return error;
        }
        let (what, rule) = self.missing(commands, reason, in_scripts);
        let user = user(commands);
        BusError::Denied {
            address: commands.address().to_string(),
            reason: format!(
                "user {user} may not {what}; allow it with: ACL SETUSER {user} {rule} (Redis says: {reason})"
            ),
        }
    }

    /// What may not be done, and the rule for it.
    fn missing(
        &self,
        commands: &mut Commands,
        reason: &str,
        in_scripts: impl FnOnce(&mut Commands) -> Vec<String>,
    ) -> (String, String) {
        let lower = reason.to_ascii_lowercase();
        if let Some(command) = lower.split("to run the '").nth(1) {
            return match command.split('\'').next().unwrap_or_default() {
                "eval" | "evalsha" | "script|load" => (
                    "run EVALSHA or EVAL".to_owned(),
                    "+evalsha +eval +script|load".to_owned(),
                ),
                command => (
                    format!("run {}", command.to_uppercase()),
                    format!("+{command}"),
                ),
            };
        }
        let (channels, done_there) = self.channels;
        if lower.contains("channel") {
            return (done_there.to_owned(), channels.to_owned());
        }
        if lower.contains("run this command") {
            let names = in_scripts(commands);
            if names.is_empty() {
                return (
                    "run a command that its scripts use".to_owned(),
                    "+@read +@write +publish".to_owned(),
                );
            }
            let mut rules: Vec<String> = names.iter().map(|name| plus(name)).collect();
            if names.iter().any(|name| name == "PUBLISH") {
                rules.push(channels.to_owned());
            }
            return (
                format!("run {} in its scripts", names.join(", ")),
                rules.join(" "),
            );
        }
        if lower.contains("key") {
            let forbidden = self.forbidden_keys(commands);
            let keys = match forbidden.is_empty() {
                true => "one of its keys".to_owned(),
                false => forbidden.join(", "),
            };
            return (format!("write {keys}"), self.patterns_from(&forbidden));
        }
        ("do that".to_owned(), "+@all".to_owned())
    }

    /// The patterns from that of the first forbidden key on, each once.
    fn patterns_from(&self, forbidden: &[String]) -> String {
        let names = self.keys.iter().map(|&(key, pattern)| shown(key, pattern));
        let first = names.into_iter().position(|name| forbidden.contains(&name));
        let mut patterns: Vec<&str> = Vec::new();
        for (_, pattern) in &self.keys[first.unwrap_or(0)..] {
            if !patterns.contains(pattern) {
                patterns.push(pattern);
            }
        }
        patterns.join(" ")
    }

    /// Which of the keys may not be touched: Redis looks at that before it runs a script.
    fn forbidden_keys(&self, commands: &mut Commands) -> Vec<String> {
        let mut forbidden = Vec::new();
        for &(key, pattern) in self.keys {
            let mut touch = cmd("EVAL");
            touch.arg("return 1").arg(1).arg(key);
            if let Err(BusError::Denied { reason, .. }) = commands.query::<i64>(&touch)
                && reason.contains("key")
            {
                forbidden.push(shown(key, pattern));
            }
        }
        forbidden
    }
}

/// Who we are to Redis.
fn user(commands: &mut Commands) -> String {
    let asked = commands.query::<String>(cmd("ACL").arg("WHOAMI"));
    asked.unwrap_or_else(|_| {
        let user = commands.address().user();
        user.unwrap_or("default").to_owned()
    })
}

/// A key as it is named to people: one of many by its pattern.
fn shown(key: &str, pattern: &str) -> String {
    match key.split_once(':') {
        // The one that stands for all of them.
        Some(("health", _)) => pattern.trim_start_matches('~').to_owned(),
        _ => key.to_owned(),
    }
}

fn plus(command: &str) -> String {
    format!("+{}", command.to_ascii_lowercase())
}
