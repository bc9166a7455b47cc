//! One channel, read from the variables that truth names, or from the usual ones.

use std::collections::HashSet;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::target::{ConfigError, Email, Target, Tls, Url, Webhook, refused};
use crate::env::{Env, EnvError, Secret};
use crate::net::proxy::proxy_for;
use crate::net::trust_store::{Protocol, Source, TrustStore};
use crate::notify::format::Format;
use crate::notify::sign::SigningKey;

/// Recipients of one e-mail channel.
pub(super) const RECIPIENTS_MAX: usize = 50;

/// What an entry may have. Those that end in `_env` name variables.
pub(super) const FIELDS: [&str; 15] = [
    "name",
    "kind",
    "format",
    "timeout_sec",
    "url_env",
    "secret_env",
    "ca_env",
    "host_env",
    "port_env",
    "tls_env",
    "user_env",
    "pass_env",
    "from_env",
    "to_env",
    "to",
];

/// An entry of `services.healer.notify`. Fields that end in `_env` name variables.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Read where the list is.
    #[serde(rename = "name")]
    _name: IgnoredAny,
    /// By which protocol it tells.
    pub kind: Kind,
    format: Option<String>,
    timeout_sec: Option<f64>,
    url_env: Option<String>,
    secret_env: Option<String>,
    ca_env: Option<String>,
    host_env: Option<String>,
    port_env: Option<String>,
    tls_env: Option<String>,
    user_env: Option<String>,
    pass_env: Option<String>,
    from_env: Option<String>,
    to_env: Option<String>,
    to: Option<Vec<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Webhook,
    Email,
}

impl Entry {
    /// What the environment alone describes.
    pub fn plain(kind: Kind) -> Entry {
        Entry {
            _name: IgnoredAny,
            kind,
            format: None,
            timeout_sec: None,
            url_env: None,
            secret_env: None,
            ca_env: None,
            host_env: None,
            port_env: None,
            tls_env: None,
            user_env: None,
            pass_env: None,
            from_env: None,
            to_env: None,
            to: None,
        }
    }

    /// Where the channel leads, with what `env` holds.
    pub fn target(&self, env: &Env) -> Result<Target, ConfigError> {
        match self.kind {
            Kind::Webhook => webhook(env, self).map(Target::Webhook),
            Kind::Email => email(env, self).map(Target::Email),
        }
    }
}

fn webhook(env: &Env, entry: &Entry) -> Result<Webhook, ConfigError> {
    let url_name = entry.url_env.as_deref().unwrap_or("WEBHOOK_URL");
    let url = Url::parse(url_name, &needed(env, url_name, "the URL to post to")?)?;
    let format = match &entry.format {
        Some(name) => {
            Format::by_name(name).ok_or_else(|| unknown_format("services.healer.notify"))?
        }
        None => match env.get("WEBHOOK_FORMAT")? {
            Some(name) => Format::by_name(&name).ok_or_else(|| unknown_format("WEBHOOK_FORMAT"))?,
            None => Format::guess(url.expose()),
        },
    };
    let secret_name = entry.secret_env.as_deref();
    let secret = match secret_name {
        Some(name) => Some(needed(env, name, "the secret to sign with")?),
        None => env.get("WEBHOOK_SECRET")?,
    };
    let key = secret
        .map(|secret| SigningKey::parse(&secret))
        .transpose()
        .map_err(|reason| refused(secret_name.unwrap_or("WEBHOOK_SECRET"), reason))?;
    Ok(Webhook {
        proxy: proxy_for(env, "WEBHOOK_PROXY", url.expose())?,
        url,
        format,
        key,
        timeout: timeout(env, entry, "WEBHOOK_TIMEOUT_SEC", 5.0)?,
        trust: trust(env, entry, Protocol::Http, "WEBHOOK_CA")?,
    })
}

#[allow(clippy::too_many_lines)] // One setting after the other.
fn email(env: &Env, entry: &Entry) -> Result<Email, ConfigError> {
    let name = |own: &Option<String>, usual: &str| own.clone().unwrap_or_else(|| usual.to_owned());
    let host_name = name(&entry.host_env, "SMTP_HOST");
    let host = needed(env, &host_name, "the mail server's name")?;
    if host.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '@')) {
        return Err(refused(
            &host_name,
            "not a host name; write mail.example.org, say",
        ));
    }
    let port_name = name(&entry.port_env, "SMTP_PORT");
    let port = match env.get(&port_name)? {
        Some(text) => text
            .trim()
            .parse()
            .ok()
            .filter(|&p| p > 0)
            .ok_or_else(|| refused(&port_name, "not a port; write 587, 465 or 25"))?,
        None => 587,
    };
    let tls_name = name(&entry.tls_env, "SMTP_TLS");
    let tls = match env.get(&tls_name)?.as_deref() {
        Some("starttls") => Tls::StartTls,
        Some("tls" | "implicit") => Tls::Implicit,
        Some("none") => Tls::None,
        Some(_) => return Err(refused(&tls_name, "unknown; write starttls, tls or none")),
        None if port == 465 => Tls::Implicit,
        None => Tls::StartTls,
    };
    let (user_name, pass_name) = (
        name(&entry.user_env, "SMTP_USER"),
        name(&entry.pass_env, "SMTP_PASS"),
    );
    let login = match env.secret(&user_name)? {
        Some(user) => Some((
            user,
            Secret::new(needed(env, &pass_name, "the password of the login")?),
        )),
        None if entry.user_env.is_some() => {
            return Err(missing(&user_name, "the user to log in as"));
        }
        None => None,
    };
    let local = matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1");
    if tls == Tls::None && login.is_some() && !local {
        return Err(refused(
            &tls_name,
            "`none` would send the password in the clear; write starttls or tls",
        ));
    }
    let from_name = name(&entry.from_env, "SMTP_FROM");
    let from = needed(env, &from_name, "the address that mails come from")?;
    let to_name = name(&entry.to_env, "SMTP_TO");
    let to = match &entry.to {
        Some(list) => list.clone(),
        None => needed(env, &to_name, "who is written to, separated by commas")?
            .split(',')
            .map(|a| a.trim().to_owned())
            .filter(|a| !a.is_empty())
            .collect(),
    };
    if to.is_empty() || to.len() > RECIPIENTS_MAX {
        return Err(refused(
            &to_name,
            format!("write 1 to {RECIPIENTS_MAX} addresses, separated by commas"),
        ));
    }
    let address = |name: &str, text: &str| {
        text.trim()
            .parse()
            .map_err(|_| refused(name, "not an address; write name@example.org"))
    };
    let to: Vec<lettre::Address> = to
        .iter()
        .map(|a| address(&to_name, a))
        .collect::<Result<_, _>>()?;
    Ok(Email {
        from: address(&from_name, &from)?,
        to: each_once(to),
        helo: helo(env)?,
        host,
        port,
        tls,
        login,
        timeout: timeout(env, entry, "SMTP_TIMEOUT_SEC", 20.0)?,
        trust: trust(env, entry, Protocol::Smtp, "SMTP_CA")?,
    })
}

/// Whoever is named twice gets one mail: servers tell no capitals apart in practice.
fn each_once(to: Vec<lettre::Address>) -> Vec<lettre::Address> {
    let mut seen = HashSet::new();
    let mut to = to;
    to.retain(|address| seen.insert(address.to_string().to_lowercase()));
    to
}

/// A host name, or an address in brackets.
fn helo(env: &Env) -> Result<Option<String>, ConfigError> {
    const NAME: &str = "SMTP_HELO";
    let Some(helo) = env.get(NAME)?.map(|text| text.trim().to_owned()) else {
        return Ok(None);
    };
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '[' | ']');
    match !helo.is_empty() && helo.len() <= 255 && helo.chars().all(is_good) {
        true => Ok(Some(helo)),
        false => Err(refused(
            NAME,
            "not a host name; write host.example.org, or [192.0.2.1]",
        )),
    }
}

fn timeout(env: &Env, entry: &Entry, name: &str, default: f64) -> Result<Duration, ConfigError> {
    match entry.timeout_sec {
        Some(secs) if (0.1..=120.0).contains(&secs) => Ok(Duration::from_secs_f64(secs)),
        Some(_) => Err(refused(
            "services.healer.notify",
            "timeout_sec: write 0.1 to 120",
        )),
        None => Ok(env.secs(name, default, 0.1, 120.0)?),
    }
}

fn trust(
    env: &Env,
    entry: &Entry,
    protocol: Protocol,
    usual: &str,
) -> Result<TrustStore, ConfigError> {
    let name = entry.ca_env.as_deref().unwrap_or(usual);
    Ok(TrustStore::read(env, Source::ca(protocol, name))?)
}

fn needed(env: &Env, name: &str, what: &str) -> Result<String, ConfigError> {
    env.get(name)?.ok_or_else(|| missing(name, what))
}

fn missing(name: &str, what: &str) -> ConfigError {
    ConfigError::Missing(EnvError {
        name: name.to_owned(),
        reason: format!("missing: it holds {what}; set it, or {name}_FILE to a file with it"),
    })
}

fn unknown_format(name: &str) -> ConfigError {
    refused(
        name,
        format!("unknown format; write one of {}", Format::NAMES.join(", ")),
    )
}
