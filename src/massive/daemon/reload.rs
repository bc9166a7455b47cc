//! A truth that changes, and what is held because of it.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Massive, Writer, sharing};
use crate::massive::Event;
use crate::massive::config::Config;
use crate::massive::keep::Order;
use crate::massive::meter::mono_ms;
use crate::massive::pollers::Pool;
use crate::service::{Error, Service};

pub(super) fn read_config(service: &Service<Event>) -> Result<Config, Error> {
    Config::from_truth(&service.truth).map_err(|problem| Error::Truth(problem.to_string()))
}

impl Massive {
    pub(super) fn reload(
        &mut self,
        config: Config,
        service: &mut Service<Event>,
    ) -> Result<(), Error> {
        match service.buses.market() {
            Ok(address) => self.bus = address,
            Err(error) => log::error!("the store stays where it is: {error}"),
        }
        sharing::follow(self.share_orders.as_ref(), &self.bus, service);
        let is_other_source =
            config.source != self.config.source || config.base_url != self.config.base_url;
        self.config = Arc::new(config);
        self.agenda.renew();
        if is_other_source {
            self.agenda.new_key();
            self.symbols.clear();
            self.streaming.clear();
        }
        self.read_key(service);
        log::info!("a new truth is in force: {}", self.config.extent());
        self.hold(service)
    }

    /// Holds what truth names, once there is something to ask and a key to ask with.
    pub(super) fn hold(&mut self, service: &mut Service<Event>) -> Result<(), Error> {
        if !self.is_active() && !self.has_held {
            return Ok(());
        }
        if self.pool.is_none() {
            self.since_ms = mono_ms();
            self.pool = Some(Pool::start(service, &self.calls, &self.bus, &self.trust)?);
        }
        self.has_held = true;
        self.symbols.set(self.config.all());
        self.chains
            .set(self.config.chains.iter().map(|chain| &chain.underlying));
        let wanted: HashSet<&str> = self.config.all().map(String::as_str).collect();
        self.streaming
            .minutes
            .keep(|symbol| wanted.contains(symbol));
        // What was decided on for another truth is decided anew.
        self.waiting.clear();
        if self.writer == Writer::Idle {
            log::info!(
                "{} symbols and {} chains are held",
                self.config.all().count(),
                self.config.chains.len()
            );
        }
        let order = Order::Adopt {
            symbols: self.config.all().cloned().collect(),
            chains: self
                .config
                .chains
                .iter()
                .map(|chain| chain.underlying.clone())
                .collect(),
            address: Box::new(self.bus.clone()),
        };
        // The writer takes its orders within seconds: one that waits longer is a thread that hangs, which the beat says.
        self.writer = Writer::Idle;
        self.orders
            .send(order)
            .map_err(|_| Error::Other("the writer has ended".to_owned()))
    }
}
