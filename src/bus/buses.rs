//! Which address a bus name stands for.

use std::collections::BTreeMap;

use super::{Address, BusError, ConnectionContext, ConnectionRegistry};
use crate::contract::{MARKET_BUS, SYSTEM_BUS};
use crate::env::{Env, EnvError};
use crate::net::trust_store::{Protocol, Source, TrustStore};

/// Resolves bus names: `<BUS>_URL` in the environment, else `buses.<name>.url` of the truth, else
/// `redis://<name>:6379`. One truth thus serves containers, where names resolve, and bare hosts, where the
/// environment says `127.0.0.1`.
///
/// A variable that cannot be used takes its bus away and nothing else: a truth that names one bus more must not end
/// who runs. The system bus alone cannot be missed; what the environment says of it is judged at the start, once.
#[derive(Clone)]
pub struct Buses {
    /// Where truth is and alerts go.
    system: Address,
    /// The variable that names the system bus, if one does.
    system_variable: Option<String>,
    /// Of the others, from the environment, by bus name.
    environment: BTreeMap<String, Result<Address, BusError>>,
    /// From the truth, by bus name.
    truth: BTreeMap<String, Result<Address, BusError>>,
    context: ConnectionContext,
}

impl From<EnvError> for BusError {
    fn from(e: EnvError) -> BusError {
        BusError::BadSetting {
            name: e.name,
            reason: e.reason,
        }
    }
}

impl Buses {
    /// Bus addresses by this environment alone: the system bus is also found under `REDIS_URL` and `TRUTH_REDIS_URL`,
    /// in that order. Over TLS, `REDIS_CA` says which servers are believed, and `REDIS_CERT` and `REDIS_KEY` what they
    /// are shown.
    ///
    /// # Errors
    /// When a variable that the system bus or TLS needs cannot be used.
    pub fn from_env(env: &Env) -> Result<Buses, BusError> {
        let source = Source::ca(Protocol::Redis, "REDIS_CA").with_client("REDIS_CERT", "REDIS_KEY");
        let trust = TrustStore::read(env, source)?;
        Buses::new(trust, |name| Ok(env.get(name)?))
    }

    /// Reads the environment through `lookup` (variable name to value).
    fn new(
        trust: TrustStore,
        lookup: impl Fn(&str) -> Result<Option<String>, BusError>,
    ) -> Result<Buses, BusError> {
        let context = ConnectionContext {
            trust,
            connections: ConnectionRegistry::default(),
        };
        let mut system = None;
        for variable in [&variable(SYSTEM_BUS), "REDIS_URL", "TRUTH_REDIS_URL"] {
            if let Some(url) = lookup(variable)? {
                system = Some((Address::parse(&url, variable)?, variable.to_owned()));
                break;
            }
        }
        let (system, system_variable) = system.unzip();
        let mut buses = Buses {
            system: system.map_or_else(|| by_name(SYSTEM_BUS), Ok)?,
            system_variable,
            environment: BTreeMap::new(),
            truth: BTreeMap::new(),
            context,
        };
        buses.read(MARKET_BUS, &lookup);
        Ok(buses)
    }

    /// All connections to these buses are known there.
    pub fn connections(&self) -> &ConnectionRegistry {
        &self.context.connections
    }

    /// An address that stands elsewhere than in the names of buses; `origin` as for [`Address::parse`].
    ///
    /// # Errors
    /// As [`Address::parse`].
    pub fn address(&self, url: &str, origin: &str) -> Result<Address, BusError> {
        Ok(Address::parse(url, origin)?.by(&self.context))
    }

    /// The same environment with the buses of a truth: their names, and the URLs that it gives to some.
    pub fn with_truth<'a>(
        &self,
        named: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
        lookup: impl Fn(&str) -> Result<Option<String>, BusError>,
    ) -> Buses {
        let mut all = self.clone();
        all.truth.clear();
        // A variable that was read holds; one that cannot be used is read again.
        all.environment.retain(|_, address| address.is_ok());
        for (name, url) in named {
            let address = url.map(|url| Address::parse(url, &format!("buses.{name}.url")));
            if name != SYSTEM_BUS {
                all.read(name, &lookup);
                all.truth.extend(address.map(|a| (name.to_owned(), a)));
            } else if let Some(Ok(address)) = address
                && all.system_variable.is_none()
            {
                all.system = address;
            }
        }
        all
    }

    fn read(&mut self, name: &str, lookup: impl Fn(&str) -> Result<Option<String>, BusError>) {
        if self.environment.contains_key(name) {
            return;
        }
        let variable = variable(name);
        let found = match lookup(&variable) {
            Ok(None) => return,
            Ok(Some(url)) => Address::parse(&url, &variable),
            Err(error) => Err(error),
        };
        self.environment.insert(name.to_owned(), found);
    }

    /// The address of the system bus.
    pub fn system(&self) -> Address {
        self.system.clone().by(&self.context)
    }

    /// The address of the bus called `name`; an error when the environment spoils it.
    ///
    /// # Errors
    /// The environment gives this bus a URL that is none.
    pub fn resolve(&self, name: &str) -> Result<Address, BusError> {
        if name == SYSTEM_BUS {
            return Ok(self.system());
        }
        let named = self.environment.get(name).or_else(|| self.truth.get(name));
        let address = named.cloned().unwrap_or_else(|| by_name(name))?;
        Ok(address.by(&self.context))
    }

    /// The address of the bus that carries data, where somebody named one; else of the system bus.
    ///
    /// # Errors
    /// The environment spoils it.
    pub fn market(&self) -> Result<Address, BusError> {
        let is_named = self.is_named(MARKET_BUS);
        self.resolve(if is_named { MARKET_BUS } else { SYSTEM_BUS })
    }

    /// Buses that cannot be known here, by name, and why.
    pub fn spoiled(&self) -> impl Iterator<Item = (&str, &BusError)> {
        let from_truth = self.truth.iter();
        let unless_named = from_truth.filter(|(name, _)| !self.environment.contains_key(*name));
        let all = self.environment.iter().chain(unless_named);
        all.filter_map(|(name, address)| Some((name.as_str(), address.as_ref().err()?)))
    }

    /// The variable that says where `name` is, if one does.
    pub fn variable_of(&self, name: &str) -> Option<String> {
        match name {
            SYSTEM_BUS => self.system_variable.clone(),
            other => self
                .environment
                .contains_key(other)
                .then(|| variable(other)),
        }
    }

    /// Whether somebody named `name`: the environment or the truth, as opposed to the default.
    pub fn is_named(&self, name: &str) -> bool {
        self.environment.contains_key(name) || self.truth.contains_key(name)
    }
}

fn by_name(bus: &str) -> Result<Address, BusError> {
    Address::parse(&format!("redis://{bus}:6379"), bus)
}

/// `market-redis` is configured by `MARKET_REDIS_URL`.
fn variable(bus: &str) -> String {
    let upper: String = bus
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    format!("{upper}_URL")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(lookup: impl Fn(&str) -> Result<Option<String>, BusError>) -> Result<Buses, BusError> {
        Buses::new(TrustStore::public(Protocol::Redis), lookup)
    }

    fn environment(
        pairs: &[(&str, &str)],
    ) -> impl Fn(&str) -> Result<Option<String>, BusError> + Clone + use<> {
        let map: BTreeMap<String, String> = pairs
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        move |name| Ok(map.get(name).cloned())
    }

    #[test]
    fn the_environment_wins_over_truth_and_truth_over_the_name() {
        let env = environment(&[
            ("MARKET_REDIS_URL", "redis://127.0.0.1:6380"),
            ("LAB_URL", "redis://lab:1"),
            ("BARE_URL", "redis://bare:9"),
        ]);
        let named = [
            ("system-redis", Some("redis://sys:1")),
            ("lab", Some("redis://x:2")),
            ("bare", None),
        ];
        let buses = new(env.clone()).expect("valid");
        let buses = buses.with_truth(named, &env);
        for (name, address) in [
            ("market-redis", "redis://127.0.0.1:6380"),
            ("system-redis", "redis://sys:1"),
            ("lab", "redis://lab:1"),
            ("bare", "redis://bare:9"),
            ("other", "redis://other:6379"),
        ] {
            assert_eq!(buses.resolve(name).expect(name).to_string(), address);
        }
    }

    #[test]
    fn redis_url_is_the_system_bus() {
        let buses = new(environment(&[("REDIS_URL", "redis://h:9")])).expect("valid");
        assert_eq!(
            buses.resolve("system-redis").expect("resolves").to_string(),
            "redis://h:9"
        );
    }

    #[test]
    fn a_variable_that_cannot_be_used_takes_its_bus_away_and_no_other() {
        let lookup = |name: &str| match name {
            "API_URL" => Ok(Some("https://api.example.org".to_owned())),
            "LAB_URL" => Err(BusError::BadSetting {
                name: "LAB_URL_FILE".into(),
                reason: "cannot be read".into(),
            }),
            "MARKET_REDIS_URL" => Ok(Some("nonsense".to_owned())),
            _ => Ok(None),
        };
        let start = new(lookup).expect("the system bus is well");
        assert_eq!(start.spoiled().count(), 1);
        let named = [
            ("system-redis", None),
            ("market-redis", None),
            ("api", Some("redis://h:1")),
            ("lab", None),
            ("fine", Some("redis://h:2")),
        ];
        let buses = start.with_truth(named, lookup);
        let said: Vec<String> = buses
            .spoiled()
            .map(|(bus, e)| format!("{bus} {e}"))
            .collect();
        for (said, (bus, variable)) in said.iter().zip([
            ("api", "API_URL"),
            ("lab", "LAB_URL_FILE"),
            ("market-redis", "MARKET_REDIS_URL"),
        ]) {
            assert!(said.starts_with(bus) && said.contains(variable), "{said}");
            assert!(buses.resolve(bus).is_err(), "{bus}");
        }
        assert_eq!(said.len(), 3);
        assert!(buses.resolve("fine").is_ok() && buses.resolve("system-redis").is_ok());
        // A truth that names them no more leaves nothing of them.
        let named = [("system-redis", None), ("market-redis", None)];
        assert_eq!(buses.with_truth(named, lookup).spoiled().count(), 1);
    }

    #[test]
    fn what_the_environment_says_of_the_system_bus_is_read_once() {
        let start = new(|_: &str| Ok(None)).expect("nothing is wrong");
        let named = [("system-redis", Some("redis://h:7"))];
        let spoilt = |name: &str| {
            let spoils = name == "SYSTEM_REDIS_URL";
            Ok(spoils.then(|| "https://no.bus".to_owned()))
        };
        let later = start.with_truth(named, spoilt);
        assert_eq!(later.system().to_string(), "redis://h:7");
        let bad = new(spoilt);
        assert!(bad.is_err_and(|e| e.to_string().contains("SYSTEM_REDIS_URL")));
    }
}
