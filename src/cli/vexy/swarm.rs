//! A running swarm, as these commands see it: the store that the analyst shares with the feed reader.

use crate::bus::{BusError, Buses, Commands, Limits};
use crate::cli::status::find_truth;
use crate::env::Env;
use crate::reports::{Fields, market};
use crate::service::Error;
use crate::swarm_state::locator;
use crate::truth::Truth;

/// Questions in one pipeline.
pub(super) const AT_ONCE: usize = 500;

/// A running swarm.
pub(super) struct Swarm {
    pub truth: Truth,
    pub store: Commands,
}

impl Swarm {
    pub fn find(env: &Env) -> Result<Swarm, Error> {
        let env = locator::with_buses(env)?;
        let truth = find_truth(&env)?;
        let buses = Buses::of(&env, &truth)?;
        let store = Commands::new(buses.market()?, "marketswarm:vexy", Limits::default());
        Ok(Swarm { truth, store })
    }

    pub fn hash(&mut self, key: &str) -> Result<Fields, BusError> {
        market::hash(&mut self.store, key)
    }
}
