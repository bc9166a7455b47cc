//! Which channels there are and how to speak to them: from the environment and from truth.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use ureq::http::Uri;

use super::format::Format;
use super::sign::SigningKey;
use super::teller::Rules;
use super::telling::Ms;
use crate::contract::NAME_MAX_BYTES;
use crate::service::{Env, EnvError, Secret};
use crate::truth::{Problem, Truth};

mod entry;
#[cfg(test)]
mod tests;

use entry::{Entry, Kind, email, refused, webhook};

/// Channels that one process tells through.
const CHANNELS_MAX: usize = 16;

/// All that the notifier needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    pub rules: Rules,
    pub channels: Vec<Channel>,
    /// `DEADMAN_URL`: pinged by the sentinel while all is well.
    pub deadman: Option<Url>,
}

/// One way to people.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// Names its consumer group, its dead letters and its log lines.
    pub name: String,
    pub target: Target,
}

/// Where a channel leads.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    Webhook(Webhook),
    Email(Email),
}

/// A URL that takes messages by POST.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    pub url: Url,
    pub format: Format,
    pub key: Option<SigningKey>,
    pub timeout: Duration,
    /// Certificates to trust instead of the public ones, as PEM.
    pub ca: Option<String>,
}

/// A mail server and who is written to.
#[derive(Clone, Debug, PartialEq)]
pub struct Email {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    pub login: Option<(Secret, Secret)>,
    pub from: lettre::Address,
    pub to: Vec<lettre::Address>,
    pub timeout: Duration,
    pub ca: Option<String>,
}

/// How the link to a mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// In the clear at first, then `STARTTLS`; without it nothing is sent.
    StartTls,
    /// From the first byte on (port 465).
    Implicit,
    /// Never: for a server on this host.
    None,
}

/// A URL whose path may hold a secret: printed without it.
#[derive(Clone, PartialEq, Eq)]
pub struct Url(Uri);

/// A setting that cannot be used. Names the variable or the place in truth, never a value.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigError {
    Env(EnvError),
    Truth(Problem),
}

impl Config {
    /// Reads the environment and `services.healer.notify`.
    pub fn read(env: &Env, truth: &Truth) -> Result<Config, ConfigError> {
        let mut channels = Vec::new();
        match truth.section("healer", "notify") {
            Some(section) => {
                let elements = section.elements().map_err(ConfigError::Truth)?;
                if elements.len() > CHANNELS_MAX {
                    let what = format!("more than {CHANNELS_MAX} channels");
                    return Err(ConfigError::Truth(section.problem(what, "write fewer")));
                }
                let mut names = BTreeSet::new();
                for element in elements {
                    let entry: Entry = element.read().map_err(ConfigError::Truth)?;
                    let wrong =
                        |what, instead| Err(ConfigError::Truth(element.problem(what, instead)));
                    if !is_name(&entry.name) {
                        return wrong("a bad channel name", "write 1 to 64 of A-Z a-z 0-9 _ . -");
                    }
                    if !names.insert(entry.name.clone()) {
                        return wrong("a name that another channel has", "give each its own");
                    }
                    let target = match entry.kind {
                        Kind::Webhook => Target::Webhook(webhook(env, &entry)?),
                        Kind::Email => Target::Email(email(env, &entry)?),
                    };
                    let name = entry.name;
                    channels.push(Channel { name, target });
                }
            }
            None => {
                if env.get("WEBHOOK_URL")?.is_some() {
                    let target = Target::Webhook(webhook(env, &Entry::plain(Kind::Webhook))?);
                    channels.push(Channel {
                        name: "webhook".into(),
                        target,
                    });
                }
                if env.get("SMTP_HOST")?.is_some() {
                    let target = Target::Email(email(env, &Entry::plain(Kind::Email))?);
                    channels.push(Channel {
                        name: "email".into(),
                        target,
                    });
                }
            }
        }
        let deadman = env
            .get("DEADMAN_URL")?
            .map(|url| Url::parse("DEADMAN_URL", &url))
            .transpose()?;
        Ok(Config {
            rules: rules(env)?,
            channels,
            deadman,
        })
    }
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

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    (1..=NAME_MAX_BYTES).contains(&name.len()) && name.chars().all(allowed)
}

impl Url {
    /// Reads a URL; `name` is the variable that holds it.
    fn parse(name: &str, text: &str) -> Result<Url, ConfigError> {
        let bad = |why: &str| refused(name, format!("{why}; write https://HOST/PATH"));
        let uri: Uri = text.trim().parse().map_err(|_| bad("not a URL"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(bad("neither http nor https"));
        }
        let authority = uri.authority().ok_or_else(|| bad("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("it holds a user or password, which are not sent"));
        }
        if authority.host().is_empty() {
            return Err(bad("it names no host"));
        }
        Ok(Url(uri))
    }

    /// The URL itself, for the one place that needs it.
    pub fn expose(&self) -> &Uri {
        &self.0
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, authority) = (self.0.scheme_str(), self.0.authority());
        let authority = authority.map_or("", |a| a.as_str());
        write!(f, "{}://{authority}/…", scheme.unwrap_or("http"))
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
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

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Env(error) => error.fmt(f),
            ConfigError::Truth(problem) => problem.fmt(f),
        }
    }
}

impl std::error::Error for ConfigError {}

impl From<ConfigError> for crate::service::Error {
    fn from(error: ConfigError) -> crate::service::Error {
        match error {
            ConfigError::Env(error) => error.into(),
            ConfigError::Truth(problem) => crate::service::Error::Truth(problem.to_string()),
        }
    }
}

impl From<EnvError> for ConfigError {
    fn from(error: EnvError) -> ConfigError {
        ConfigError::Env(error)
    }
}
