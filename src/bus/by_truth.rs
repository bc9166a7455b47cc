//! The buses as a truth names them.

use super::{BusError, Buses};
use crate::env::Env;
use crate::truth::Truth;

impl Buses {
    /// Bus addresses by the environment and `truth`, with a connection registry of their own.
    ///
    /// # Errors
    /// As [`Buses::from_env`].
    pub fn of(env: &Env, truth: &Truth) -> Result<Buses, BusError> {
        Ok(Buses::from_env(env)?.for_truth(env, truth))
    }

    /// The same buses as `truth` has it.
    pub fn for_truth(&self, env: &Env, truth: &Truth) -> Buses {
        let named = truth.buses().map(|name| (name, truth.bus_url(name)));
        self.with_truth(named, |name| Ok(env.get(name)?))
    }

    /// The bus name behind each [`BusId`](crate::truth::BusId) of `truth`, now that addresses are known.
    pub fn names_in<'t>(&self, truth: &'t Truth) -> Vec<&'t str> {
        truth.resolve_buses(|name| {
            let address = self.resolve(name).ok()?;
            Some(format!("{}:{}", address.host(), address.port()))
        })
    }
}
