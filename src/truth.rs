//! The truth document: which services there are, how they beat, and where.
//!
//! [`Truth::parse`] reads and validates it; every error is told with its path, its place and what to write instead.
//! A document may name a million services, so what is kept is small: names stand end to end in one text, what many
//! services share (interval, timeout, bus) is kept once, and what is usual (the default channel) not at all.
//!
//! - `json`: the reader of values; `visitor`: what holds anywhere in a document; `read`: what stands where;
//!   `check`: what can only be judged when all of it is known;
//! - `store`: how it is kept; `service`: how it is looked at;
//! - `section`: a service's own part of truth; `fields`: help for checking it; `schema`: what its owner says of it; `rules`: by what a document is
//!   judged, which comes from the caller: the whole table of schemas, and what holds where truth says nothing;
//! - `problem`: what is wrong, and where.
#![warn(missing_docs, clippy::missing_errors_doc)]

use std::time::Duration;

use hashbrown::{DefaultHashBuilder, HashTable};
use serde::de::DeserializeOwned;

mod check;
mod fields;
mod instances;
mod json;
mod naming_rules;
mod problem;
mod read;
mod rules;
mod schema;
mod section;
mod service;
mod store;
mod url;
mod visitor;

use crate::env::{Env, EnvError};
pub use fields::{Wrong, range};
pub use instances::{Instances, Mode};
pub use naming_rules::{did_you_mean, is_env_name};
pub use problem::{PROBLEMS_MAX, Position, Problem, Problems, Rejected};
pub use rules::Rules;
pub use schema::{SectionSchema, ServiceSchema, Validator};
pub use section::{Section, Sections};
pub use service::{Lane, Service};
use store::{Bus, Entry, Known, Rhythm, Span, StoredLane, StoredSection};

/// Longest timeout: 32 days.
pub const TIMEOUT_MAX_SEC: f64 = 32.0 * 86_400.0;
/// Deepest nesting of a document.
pub const DEPTH_MAX: usize = 64;
/// Most buses of a document; each costs its watchers a thread and two connections.
pub const BUSES_MAX: usize = 64;
/// Longest channel or key in a document, in bytes.
pub const KEY_MAX_BYTES: usize = 512;
/// Most sections of its own that one service may have.
pub const SECTIONS_MAX: usize = 64;

/// Why a database does not keep two swarms apart, and what does.
pub const DATABASE_REMEDY: &str = "channels know no databases, so two swarms on one server hear each other's beats; \
    give each service a heartbeat.channel of this swarm's own, or the swarm a Redis server of its own, in database 0";

/// The service that watches the others.
pub const HEALER: &str = "healer";
const HEARTBEAT_SUFFIX: &str = ":heartbeat";

/// What holds where truth says nothing: `DEFAULT_TIMEOUT_SEC` and `HB_INTERVAL_SEC` of the environment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Defaults {
    /// Silence in seconds after which a service without a timeout of its own is dead.
    pub timeout_sec: f64,
    /// Seconds between beats of a service without an interval of its own.
    pub interval_sec: f64,
}

impl Defaults {
    /// As the environment has them.
    ///
    /// # Errors
    /// When one of the two variables is no number from 0.01 to [`TIMEOUT_MAX_SEC`].
    pub fn from_env(env: &Env) -> Result<Defaults, EnvError> {
        let usual = Defaults::default();
        let secs = |name, usual| env.number(name, usual, 0.01, TIMEOUT_MAX_SEC);
        Ok(Defaults {
            timeout_sec: secs("DEFAULT_TIMEOUT_SEC", usual.timeout_sec)?,
            interval_sec: secs("HB_INTERVAL_SEC", usual.interval_sec)?,
        })
    }
}

impl Default for Defaults {
    fn default() -> Defaults {
        Defaults {
            timeout_sec: 30.0,
            interval_sec: 10.0,
        }
    }
}

/// A bus, by its number in [`Truth::buses`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BusId(u8);

impl BusId {
    /// The number, from 0, to index a table made by [`Truth::resolve_buses`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A valid truth document.
pub struct Truth {
    defaults: Defaults,
    cadence_sec: Option<f64>,
    buses: Vec<Bus>,
    /// Names, channels and keys, end to end.
    text: String,
    /// In the order of the document; behind them those that only the healer's subscriptions name.
    entries: Vec<Entry>,
    /// From a name to its entry.
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    rhythms: Vec<Rhythm>,
    /// Channels that are not the default one, by entry.
    channels: Vec<(u32, Span)>,
    /// Groups that services name, by entry.
    groups: Vec<(u32, Span)>,
    /// What services are for, and what to do when they are down; by their places.
    descriptions: Vec<(u32, Span)>,
    runbooks: Vec<(u32, Span)>,
    /// Access points, by entry.
    lanes: Vec<StoredLane>,
    /// Who depends on whom, by entry.
    depends: Vec<(u32, u32)>,
    /// Of services of which several instances may run, by entry.
    instances: Vec<(u32, Instances)>,
    sections: Vec<StoredSection>,
    warnings: Problems,
}

impl Truth {
    /// Reads and validates a document. Everything that is wrong is told, not only the first.
    ///
    /// # Errors
    /// Every problem, each with its path, line and column, and what to write instead; and the warnings.
    pub fn parse(document: &[u8], rules: impl Into<Rules>) -> Result<Truth, Rejected> {
        read::document(document, rules.into())
    }

    /// What is odd but harmless, such as fields that nobody reads.
    pub fn warnings(&self) -> &Problems {
        &self.warnings
    }

    /// Every service of the document in its order, then those that only the healer's subscriptions name.
    pub fn services(&self) -> impl ExactSizeIterator<Item = Service<'_>> {
        (0..self.entries.len() as u32).map(|id| self.by_id(id))
    }

    /// The services that the healer watches, in the same order.
    pub fn watched(&self) -> impl Iterator<Item = Service<'_>> {
        self.services().filter(Service::is_watched)
    }

    /// The service `name`, when truth knows it.
    pub fn service(&self, name: &str) -> Option<Service<'_>> {
        self.find(name).map(|id| self.by_id(id))
    }

    /// What holds where truth says nothing.
    pub fn defaults(&self) -> Defaults {
        self.defaults
    }

    /// The timeout of a service that has none of its own.
    pub fn default_timeout(&self) -> Duration {
        Duration::from_secs_f64(self.cadence_sec.unwrap_or(self.defaults.timeout_sec))
    }

    /// The names of all buses; position is [`BusId::index`]. One that is only known by a URL is named `host:port`.
    /// A name may occur twice, when a URL spells a named bus; [`Truth::resolve_buses`] tells which are the same.
    pub fn buses(&self) -> impl ExactSizeIterator<Item = &str> {
        self.buses.iter().map(|bus| &*bus.name)
    }

    /// The URL that truth gives for the bus `name`; `None` leaves it to the environment or the default.
    pub fn bus_url(&self, name: &str) -> Option<&str> {
        let bus = self.buses.iter().find(|bus| *bus.name == *name)?;
        bus.url.as_deref()
    }

    /// The name of each bus once addresses are known; position is [`BusId::index`]. A bus that is only known by its
    /// URL, and listens where a named one does, is that one: `redis://127.0.0.1:6379` is the system bus where
    /// `SYSTEM_REDIS_URL` says so. `address_of` resolves a named bus to its `host:port`.
    pub fn resolve_buses(&self, address_of: impl Fn(&str) -> Option<String>) -> Vec<&str> {
        let named: Vec<(&str, Option<String>)> = self
            .buses
            .iter()
            .filter(|bus| bus.known == Known::Named)
            .map(|bus| {
                (
                    &*bus.name,
                    address_of(&bus.name).map(|at| one_spelling(&at)),
                )
            })
            .collect();
        let name_of = |bus: &Bus| {
            let here = one_spelling(&bus.name);
            let same = |(_, address): &&(&str, Option<String>)| address.as_ref() == Some(&here);
            named.iter().find(same).map(|(name, _)| *name)
        };
        self.buses
            .iter()
            .map(|bus| match bus.known {
                Known::ByUrl => name_of(bus).unwrap_or(&bus.name),
                Known::Named | Known::Mentioned => &bus.name,
            })
            .collect()
    }

    /// The section `field` of the service `svc`. Kept only for services with a schema in the [`Rules`]: what other
    /// programs keep in truth is theirs to read.
    pub fn section(&self, svc: &str, field: &str) -> Option<Section<'_>> {
        let entry = self.find(svc)?;
        let section = self
            .sections
            .iter()
            .find(|section| section.entry == entry && *section.field == *field)?;
        Some(section.view("services", svc))
    }

    /// Deserialises the section `field` of `svc`; `None` when truth has none.
    ///
    /// # Errors
    /// The value is no `T`; the problem names the innermost value that is wrong.
    pub fn read_section<T: DeserializeOwned>(
        &self,
        svc: &str,
        field: &str,
    ) -> Result<Option<T>, Problem> {
        self.section(svc, field)
            .map(|section| section.read())
            .transpose()
    }
}

/// The digest that `truth:changed` carries: SHA-1 in hex, so that `sha1sum truth.json` and Redis' own
/// `redis.sha1hex` tell the same. It tells versions apart; it protects nothing.
pub fn digest(document: &[u8]) -> String {
    sha1_smol::Sha1::from(document).digest().to_string()
}

/// `host:port` in one spelling, so that `localhost` and `127.0.0.1` are the same place, and `[::1]` and `::1`.
fn one_spelling(address: &str) -> String {
    let lower = address.to_ascii_lowercase().replace(['[', ']'], "");
    match lower.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => lower,
    }
}

#[cfg(test)]
mod tests;
