//! What looks at the swarm while it runs, and what follows when a bus lost its data.

use std::fs;

use super::{ENV_WITHOUT, MARKET, SEED, SYSTEM, Swarm};
use crate::bus::Address;
use crate::clock::Mono;
use crate::env::Env;
use crate::sections::SCHEMAS;
use crate::service::Error;
use crate::swarm_state::{Poller, PollerSettings, Tone};
use crate::up::analyses::Analyses;
use crate::up::{buses, lost_truth};

impl Swarm {
    /// Starts what looks at the swarm, once both buses are seeded.
    pub(super) fn start_poller(&mut self) {
        let mut env = self.settings.env.clone();
        for name in ENV_WITHOUT {
            env = env.with(*name, "");
        }
        for (name, value) in &self.processes.env {
            env = env.with(*name, value);
        }
        if let Err(error) = self.start_looking(&env) {
            self.supervisor.fail(error.to_string(), Mono::now());
        }
        if self.settings.demo.is_some() {
            let url = buses::url(self.ports[MARKET]);
            let store = Address::parse(&url, "MARKET_REDIS_URL").map_err(Error::from);
            let start = |store| Ok(Analyses::start(store, self.sender.clone())?);
            match store.and_then(start) {
                Ok(analyses) => self.analyses = Some(analyses),
                Err(error) => self.tell(Tone::Odd, format!("analyses are not shown: {error}")),
            }
        }
    }

    fn start_looking(&mut self, env: &Env) -> Result<(), Error> {
        let settings = PollerSettings::from_env(env, SCHEMAS, 0)?;
        self.poller = Some(Poller::start(settings, self.sender.clone())?);
        let mut buses = Vec::new();
        for bus in [SYSTEM, MARKET] {
            let name = self.processes.specs[bus].name;
            buses.push((name, Address::parse(&buses::url(self.ports[bus]), name)?));
        }
        self.lost_truth = Some(lost_truth::look_for(buses, env, self.sender.clone())?);
        Ok(())
    }

    /// A bus that came back without its data gets what was in force, which need not be what the file says.
    pub(super) fn seed_again(&mut self, bus: &str, in_force: Option<Vec<u8>>) {
        let mut file = self.settings.truth_file.clone();
        if let Some(text) = in_force {
            let kept = self.run.path().join("truth-in-force.json");
            match fs::write(&kept, text) {
                Ok(()) => file = kept,
                Err(error) => {
                    let text = format!("cannot write {}: {error}", kept.display());
                    self.tell(Tone::Odd, text);
                }
            }
        }
        self.processes.specs[SEED].args[1] = file.to_string_lossy().into_owned();
        self.supervisor.seed_again(Mono::now());
        let text = format!("{bus} lost its data: bootstrap writes the truth again");
        self.tell(Tone::Odd, text);
    }
}
