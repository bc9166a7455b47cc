//! Which channels there are and how to speak to them: from the environment and from truth.

use std::fmt;
use std::time::Duration;

use super::aggregator::Rules;
use super::notification::Ms;
use crate::env::Env;
use crate::truth::{HEALER, Problem, Problems, SectionSchema, Sections, ServiceSchema, Truth};

mod entry;
mod list;
mod target;
#[cfg(test)]
mod tests;

use entry::{Entry, Kind};
use list::{Listed, listed};
pub use target::{ConfigError, Email, Target, Tls, Url, Webhook};

/// The channels of the environment: kind, name, and the variable that asks for one.
const USUAL: [(Kind, &str, &str); 2] = [
    (Kind::Webhook, "webhook", "WEBHOOK_URL"),
    (Kind::Email, "email", "SMTP_HOST"),
];

/// All that the notifier needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// What holds for all of them.
    pub rules: Rules,
    /// Those that can be used.
    pub channels: Vec<Channel>,
    /// Channels of truth that cannot be used.
    pub unusable: Vec<Unusable>,
    /// `DEADMAN_URL`: pinged by the sentinel while all is well.
    pub deadman: Option<Url>,
    /// Where people reach the console: `CONSOLE_URL`.
    pub console: Option<Url>,
}

/// One way to people.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// Names its consumer group, its dead letters and its log lines.
    pub name: String,
    /// Where it leads.
    pub target: Target,
}

/// A channel that truth names and nobody can tell through.
#[derive(Clone, Debug, PartialEq)]
pub struct Unusable {
    /// Its name, where that can be read and is its own.
    pub name: Option<String>,
    /// What is wrong with it.
    pub why: ConfigError,
}

impl Config {
    /// Reads the environment and `services.healer.notify`. A channel of truth that cannot be used leaves the others as
    /// they are.
    ///
    /// # Errors
    /// What is wrong in the environment itself.
    pub fn read(env: &Env, truth: &Truth) -> Result<Config, ConfigError> {
        let (mut channels, mut unusable) = (Vec::new(), Vec::new());
        match truth.section("healer", "notify") {
            Some(section) => {
                check_environment(env)?;
                for Listed { name, entry } in listed(&section) {
                    let target = match entry {
                        Ok(entry) => entry.target(env),
                        Err(wrong) => Err(ConfigError::Truth(wrong)),
                    };
                    match (name, target) {
                        (Some(name), Ok(target)) => channels.push(Channel { name, target }),
                        (name, Err(why)) => unusable.push(Unusable { name, why }),
                        (None, Ok(_)) => {}
                    }
                }
            }
            None => channels = of_environment(env)?,
        }
        let deadman = env
            .get("DEADMAN_URL")?
            .map(|url| Url::parse("DEADMAN_URL", &url))
            .transpose()?;
        let console = env
            .get("CONSOLE_URL")?
            .map(|url| Url::parse("CONSOLE_URL", &url))
            .transpose()?;
        Ok(Config {
            console,
            rules: rules(env)?,
            channels,
            unusable,
            deadman,
        })
    }
}

impl Config {
    /// These channels, with what is usual for the rest.
    pub fn of_channels(channels: Vec<Channel>) -> Config {
        Config {
            rules: Rules::default(),
            channels,
            unusable: Vec::new(),
            deadman: None,
            console: None,
        }
    }
}

/// The channels of the usual variables.
///
/// # Errors
/// A variable that cannot be used, by name and never by value.
pub fn of_environment(env: &Env) -> Result<Vec<Channel>, ConfigError> {
    let mut channels = Vec::new();
    for (kind, name, variable) in USUAL {
        if env.get(variable)?.is_some() {
            let name = name.to_owned();
            let target = Entry::plain(kind).target(env)?;
            channels.push(Channel { name, target });
        }
    }
    Ok(channels)
}

/// Where truth names the channels, the usual variables may be there in part. What they hold must be right all the
/// same, or a truth that names no channel any more would let the next start fail.
fn check_environment(env: &Env) -> Result<(), ConfigError> {
    for (kind, _, variable) in USUAL {
        if env.get(variable)?.is_some() {
            match Entry::plain(kind).target(env) {
                Ok(_) | Err(ConfigError::Missing(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// What the healer keeps in truth.
pub const SCHEMA: ServiceSchema = ServiceSchema {
    svc: HEALER,
    sections: Some(&[SectionSchema {
        name: "notify",
        fields: &[],
    }]),
    validator: Some(check),
    advisor: None,
    // Both watchers go on with the channels that are usable.
    key_variable: None,
    is_spared: true,
};

/// What is wrong with the shape of `services.healer.notify`, whatever the environment holds.
fn check(sections: &Sections<'_>, problems: &mut Problems) {
    let wrong = sections.get("notify").map(listed).unwrap_or_default();
    for problem in wrong.into_iter().filter_map(|listed| listed.entry.err()) {
        problem
            .into_iter()
            .for_each(|problem| problems.push(problem));
    }
}

/// What is wrong with the shape of the channels in a truth that is in force all the same.
pub fn misshapen(truth: &Truth) -> Option<String> {
    let section = truth.section("healer", "notify")?;
    let listed = listed(&section).into_iter();
    let wrong: Vec<Problem> = listed.filter_map(|l| l.entry.err()).flatten().collect();
    (!wrong.is_empty()).then(|| ConfigError::Truth(wrong).to_string())
}

/// Whether anybody would be told of a death: for the warning that nobody would.
pub fn channels_configured(env: &Env, truth: &Truth) -> bool {
    match truth.section("healer", "notify") {
        Some(section) => section.elements().is_ok_and(|e| !e.is_empty()),
        None => ["WEBHOOK_URL", "SMTP_HOST"]
            .iter()
            .any(|name| env.get(name).is_ok_and(|v| v.is_some())),
    }
}

fn rules(env: &Env) -> Result<Rules, ConfigError> {
    const DAY: f64 = 86_400.0;
    let ms = |d: Duration| d.as_millis() as Ms;
    Ok(Rules {
        // The first word may not be later than a second after the alert, so the wait has a limit below that.
        group_wait_ms: ms(env.secs("GROUP_WAIT_SEC", 0.5, 0.0, 0.9)?),
        rate_limit_ms: ms(env.secs("RATE_LIMIT_SEC", 60.0, 0.0, DAY)?),
        remind_ms: ms(env.secs("REMIND_SEC", 0.0, 0.0, 30.0 * DAY)?),
    })
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Webhook(w) => write!(f, "{}: {} to {}", self.name, w.format.name(), w.url),
            Target::Email(e) => {
                write!(
                    f,
                    "{}: mail by {}:{} to {} people",
                    self.name,
                    e.host,
                    e.port,
                    e.to.len()
                )
            }
        }
    }
}
