//! A running swarm, as these commands see it: its buses, and what truth says of its symbols.

use crate::bus::{BusError, Buses, Commands, Limits};
use crate::cli::status::find_truth;
use crate::clock::wall_millis;
use crate::contract::market::STATUS;
use crate::env::Env;
use crate::massive::config::Config;
use crate::reports::{Fields, market};
use crate::service::Error;
use crate::swarm_state::locator;

/// A running swarm.
pub(super) struct Swarm {
    pub buses: Buses,
    pub config: Config,
    pub store: Commands,
}

impl Swarm {
    pub fn find(env: &Env) -> Result<Swarm, Error> {
        let env = locator::with_buses(env)?;
        let truth = find_truth(&env)?;
        let config = Config::from_truth(&truth).map_err(|p| Error::Truth(p.to_string()))?;
        let buses = Buses::of(&env, &truth)?;
        let store = Commands::new(buses.market()?, "marketswarm:market", Limits::default());
        Ok(Swarm {
            buses,
            config,
            store,
        })
    }

    /// The records of these symbols, in their order.
    pub fn records(&mut self, symbols: &[String]) -> Result<Vec<Fields>, BusError> {
        market::records(&mut self.store, symbols)
    }

    /// Every symbol of truth, indices first.
    pub fn symbols(&self) -> Vec<String> {
        self.config.all().cloned().collect()
    }

    pub fn hash(&mut self, key: &str) -> Result<Fields, BusError> {
        market::hash(&mut self.store, key)
    }

    pub fn status(&mut self) -> Result<Fields, BusError> {
        self.hash(STATUS)
    }
}

/// Now, in milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    i64::try_from(wall_millis()).unwrap_or(i64::MAX)
}
