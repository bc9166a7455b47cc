//! Where a channel leads, and what can be wrong with that.

use std::fmt;
use std::time::Duration;

use ureq::http::Uri;

use crate::env::{EnvError, Secret};
use crate::net::trust_store::TrustStore;
use crate::notify::format::Format;
use crate::notify::sign::SigningKey;
use crate::truth::Problem;

/// Where a channel leads.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// An HTTP endpoint.
    Webhook(Webhook),
    /// Mail addresses, by an SMTP server.
    Email(Email),
}

/// A URL that takes messages by POST.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Where it is posted.
    pub url: Url,
    /// The shape that the receiver understands.
    pub format: Format,
    /// Signs each message.
    pub key: Option<SigningKey>,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Which servers are believed over TLS.
    pub trust: TrustStore,
    /// Whom to ask for a way there.
    pub proxy: Option<ureq::Proxy>,
}

/// A mail server and who is written to.
#[derive(Clone, Debug, PartialEq)]
pub struct Email {
    /// The SMTP server.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
    /// How the connection is made secret.
    pub tls: Tls,
    /// User and password.
    pub login: Option<(Secret, Secret)>,
    /// How this host greets the server, where it is told.
    pub helo: Option<String>,
    /// Who sends.
    pub from: lettre::Address,
    /// Who is told.
    pub to: Vec<lettre::Address>,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Which servers are believed over TLS.
    pub trust: TrustStore,
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
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum ConfigError {
    /// A variable that it names cannot be used.
    Env(EnvError),
    /// A variable that is not there.
    Missing(EnvError),
    /// What truth says of a channel, all of it.
    Truth(Vec<Problem>),
    /// What only shows when the channel is made ready, such as a certificate.
    Transport { channel: String, reason: String },
}

impl Url {
    /// Reads a URL; `name` is the variable that holds it.
    ///
    /// # Errors
    /// When it is none that can be asked, with the name and never the URL: it may hold a secret.
    pub fn parse(name: &str, text: &str) -> Result<Url, ConfigError> {
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

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Env(error) | ConfigError::Missing(error) => error.fmt(f),
            ConfigError::Truth(wrong) => {
                let wrong: Vec<String> = wrong.iter().map(Problem::to_string).collect();
                f.write_str(&wrong.join("; "))
            }
            ConfigError::Transport { channel, reason } => write!(f, "channel {channel}: {reason}"),
        }
    }
}

impl std::error::Error for ConfigError {}

impl From<ConfigError> for crate::service::Error {
    fn from(error: ConfigError) -> crate::service::Error {
        match error {
            ConfigError::Env(error) | ConfigError::Missing(error) => error.into(),
            ConfigError::Truth(_) => crate::service::Error::Truth(error.to_string()),
            ConfigError::Transport { .. } => crate::service::Error::Config(error.to_string()),
        }
    }
}

impl From<EnvError> for ConfigError {
    fn from(error: EnvError) -> ConfigError {
        ConfigError::Env(error)
    }
}

pub(super) fn refused(name: &str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Env(EnvError {
        name: name.to_owned(),
        reason: reason.into(),
    })
}
