//! Which address a bus name stands for.

use std::collections::BTreeMap;

use super::{Address, BusError, Means, Switchboard, Tls};
use crate::contract::SYSTEM_BUS;

/// Resolves bus names: `<BUS>_URL` in the environment, else `buses.<name>.url` of the truth, else
/// `redis://<name>:6379`. One truth thus serves containers, where names resolve, and bare hosts, where the
/// environment says `127.0.0.1`.
#[derive(Clone, Default)]
pub struct Buses {
    /// From the environment, by bus name.
    environment: BTreeMap<String, Address>,
    /// From the truth, by bus name.
    truth: BTreeMap<String, Address>,
    means: Means,
}

impl Buses {
    /// Reads the environment through `lookup` (variable name to value).
    ///
    /// The system bus is also found under `REDIS_URL` and `TRUTH_REDIS_URL`, in that order.
    pub fn from_environment(
        lookup: impl Fn(&str) -> Result<Option<String>, BusError> + Clone + Send + Sync + 'static,
    ) -> Result<Buses, BusError> {
        let means = Means {
            tls: Tls::from_environment(lookup.clone())?,
            switchboard: Switchboard::default(),
        };
        let mut environment = BTreeMap::new();
        for name in [SYSTEM_BUS, crate::contract::MARKET_BUS] {
            let own = variable(name);
            let others: &[&str] = if name == SYSTEM_BUS {
                &["REDIS_URL", "TRUTH_REDIS_URL"]
            } else {
                &[]
            };
            for variable in std::iter::once(own.as_str()).chain(others.iter().copied()) {
                if let Some(url) = lookup(variable)? {
                    environment.insert(name.to_owned(), Address::parse(&url, variable)?);
                    break;
                }
            }
        }
        Ok(Buses {
            environment,
            truth: BTreeMap::new(),
            means,
        })
    }

    /// All connections to these buses are known there.
    pub fn switchboard(&self) -> &Switchboard {
        &self.means.switchboard
    }

    /// An address that stands elsewhere than in the names of buses; `origin` as for [`Address::parse`].
    pub fn address(&self, url: &str, origin: &str) -> Result<Address, BusError> {
        Ok(Address::parse(url, origin)?.by(&self.means))
    }

    /// The same environment with the `buses` section of a truth: pairs of name and URL, already validated.
    pub fn with_truth<'a>(
        &self,
        urls: impl IntoIterator<Item = (&'a str, &'a str)>,
        lookup: impl Fn(&str) -> Result<Option<String>, BusError>,
    ) -> Result<Buses, BusError> {
        let mut all = Buses {
            environment: self.environment.clone(),
            truth: BTreeMap::new(),
            means: self.means.clone(),
        };
        for (name, url) in urls {
            all.truth.insert(
                name.to_owned(),
                Address::parse(url, &format!("buses.{name}.url"))?,
            );
            if !all.environment.contains_key(name)
                && let Some(url) = lookup(&variable(name))?
            {
                all.environment
                    .insert(name.to_owned(), Address::parse(&url, &variable(name))?);
            }
        }
        Ok(all)
    }

    /// The address of the bus called `name`.
    pub fn resolve(&self, name: &str) -> Result<Address, BusError> {
        match self.environment.get(name).or_else(|| self.truth.get(name)) {
            Some(address) => Ok(address.clone().by(&self.means)),
            None => self.address(&format!("redis://{name}:6379"), name),
        }
    }

    /// Whether somebody named `name`: the environment or the truth, as opposed to the default.
    pub fn is_named(&self, name: &str) -> bool {
        self.environment.contains_key(name) || self.truth.contains_key(name)
    }
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
        ]);
        let buses = Buses::from_environment(env.clone())
            .and_then(|b| {
                b.with_truth(
                    [("system-redis", "redis://sys:1"), ("lab", "redis://x:2")],
                    &env,
                )
            })
            .expect("valid");
        for (name, address) in [
            ("market-redis", "redis://127.0.0.1:6380"),
            ("system-redis", "redis://sys:1"),
            ("lab", "redis://lab:1"),
            ("other", "redis://other:6379"),
        ] {
            assert_eq!(buses.resolve(name).expect(name).to_string(), address);
        }
    }

    #[test]
    fn redis_url_is_the_system_bus() {
        let buses =
            Buses::from_environment(environment(&[("REDIS_URL", "redis://h:9")])).expect("valid");
        assert_eq!(
            buses.resolve("system-redis").expect("resolves").to_string(),
            "redis://h:9"
        );
    }
}
