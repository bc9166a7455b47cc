//! All pages of an option chain, or none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;

use super::Done;
use super::asking::{Asking, Read, Stop};
use crate::clock::Mono;
use crate::massive::answer::ask;
use crate::massive::answer::request::Request;
use crate::massive::book::chains::{Expiration, Fetched, Prints};
use crate::massive::chain::contract::{Contract, ContractType};
use crate::massive::chain::snapshot::{Fetch, gamma_exposure, snapshot};
use crate::massive::chain::{ChainError, Gathering, Next as Page, Wanted, model};
use crate::massive::config::ChainSpec;
use crate::massive::derive::Summary;
use crate::massive::meter::NoCall;
use crate::massive::plan::Strikes;
use crate::massive::session::calendar::Calendar;
use crate::massive::symbol::in_chain_keys;
use crate::massive::verdict::pace::back_off;
use crate::massive::verdict::{Job as Kind, Next};

/// How often one page is asked for again that failed in passing.
const TRIES_MAX: u32 = 2;
/// Contracts of one chain that may be listened to.
const NEAR_MAX: usize = 1_000;
/// The longest wait for a call without a sign of progress.
const WAIT_STEP: Duration = Duration::from_secs(5);

/// A chain that is wanted.
#[derive(Clone, Debug)]
pub struct ChainAsk {
    pub spec: ChainSpec,
    /// From this day on.
    pub from: Date,
    pub spot: Option<f64>,
    pub strikes: Strikes,
    /// How its contracts looked before.
    pub before: Arc<Prints>,
}

impl ChainAsk {
    /// Path and query of the first page.
    pub fn target(&self) -> String {
        ask::chain(&self.spec.underlying, self.from, self.strikes)
    }
}

impl Asking<'_> {
    pub(super) fn chain(&mut self, of: &ChainAsk) -> Done {
        let target = of.target();
        let request = match Request::parse(&target) {
            Ok(request) => request,
            Err(why) => {
                let next = Next::Off;
                return Stop::Failed {
                    next,
                    why,
                    body: None,
                }
                .into();
            }
        };
        let host = self.setup.config.base_url.host_str().unwrap_or_default();
        let wanted = Wanted {
            expirations: of.spec.expirations,
            max_contracts: self.setup.config.max_contracts,
        };
        let mut gathering = Gathering::new(request, host, wanted);
        match self.pages(target, &mut gathering) {
            Ok(()) => self.finish(of, gathering),
            Err(stop) => stop.into(),
        }
    }

    fn pages(&mut self, first: String, gathering: &mut Gathering) -> Result<(), Stop> {
        let span_ms = self.setup.config.chain_span_ms.unsigned_abs();
        let end = Mono::now() + Duration::from_millis(span_ms);
        let mut target = first;
        loop {
            if Mono::now() >= end {
                let why = format!("its pages did not come within {} s", span_ms / 1_000);
                let next = Next::BackOff { quarantine: false };
                return Err(Stop::Failed {
                    next,
                    why,
                    body: None,
                });
            }
            match self.page(&target, gathering, end)? {
                Page::Page(next) => target = next,
                Page::Whole => return Ok(()),
            }
        }
    }

    /// One page; a failure that passes does not fail the whole chain at once.
    fn page(&mut self, target: &str, gathering: &mut Gathering, end: Mono) -> Result<Page, Stop> {
        let mut tries = 0;
        loop {
            let clock = self.setup.clock;
            let read = self.ask(target, Kind::Chain, |body| {
                match gathering.page(body, clock.now_ms()) {
                    Ok(next) => Read::Good(next),
                    Err(ChainError::NotUnderstood(why)) => Read::NotUnderstood(why.to_string()),
                    Err(ChainError::Refused(code)) => Read::Refused(code),
                    Err(why) => Read::Useless(why.to_string()),
                }
            });
            match read {
                Err(Stop::NoCall(NoCall::Budget { wait_ms })) => {
                    let wait = Duration::from_millis(wait_ms.unsigned_abs());
                    if Mono::now() + wait >= end {
                        return Err(Stop::NoCall(NoCall::Budget { wait_ms }));
                    }
                    self.wait_long(wait)?;
                }
                Err(Stop::Failed {
                    next: Next::BackOff { quarantine: false },
                    ..
                }) if tries < TRIES_MAX => {
                    tries += 1;
                    let wait = back_off(tries, fastrand::u64(..));
                    if Mono::now() + wait >= end {
                        return read;
                    }
                    self.pause(wait)?;
                }
                read => return read,
            }
        }
    }

    fn wait_long(&self, wait: Duration) -> Result<(), Stop> {
        let until = Mono::now() + wait;
        loop {
            let left = until.since(Mono::now());
            if left.is_zero() {
                return Ok(());
            }
            self.pause(left.min(WAIT_STEP))?;
        }
    }

    fn finish(&self, of: &ChainAsk, gathering: Gathering) -> Done {
        let config = &self.setup.config;
        let refusals = gathering.refusals().clone();
        let mut contracts = gathering.finish();
        let fetched_ms = self.setup.clock.now_ms();
        if let (Some(model), Some(spot)) = (config.model, of.spot) {
            for (date, list) in &mut contracts {
                let expires_ms = Calendar::default().expires_ms(*date);
                for contract in list {
                    contract.model = model::of(contract, spot, expires_ms, fetched_ms, model);
                }
                self.working.tick();
            }
        }
        let fetch_id = format!("{:016x}", fastrand::u64(..));
        let fetch = Fetch {
            underlying: in_chain_keys(&of.spec.underlying),
            spot: of.spot,
            strikes_pct: of.spec.strikes_pct,
            fetch_id: &fetch_id,
            fetched_ms,
            source: config.source.word(),
        };
        let near = nearest(&contracts, of.spot);
        let mut prints = Prints::default();
        let gex = config
            .gex
            .then(|| exposure(&of.spec.underlying, fetch, &contracts));
        // Each list goes once it is written, so that a large chain is not in memory twice.
        let expirations = contracts.into_iter().map(|(date, contracts)| {
            let mut snapshot = snapshot(fetch, date, &contracts);
            if !config.summary {
                snapshot.summary = Summary::default();
            }
            Expiration::new(snapshot, &contracts, &of.before, &mut prints)
        });
        let expirations = expirations.collect();
        let fetched = Fetched {
            fetched_ms,
            spot: of.spot,
            expirations,
            gex,
            prints: Arc::new(prints),
            near,
        };
        Done::Chain(Box::new(fetched), refusals)
    }
}

/// The contracts nearest to the money, of those as near the ones that expire first. Without a price nobody knows where
/// that is.
fn nearest(contracts: &BTreeMap<Date, Vec<Contract>>, spot: Option<f64>) -> Vec<(f64, String)> {
    let Some(spot) = spot.filter(|spot| *spot > 0.0) else {
        return Vec::new();
    };
    let mut near: Vec<(f64, &Contract)> = contracts
        .values()
        .flatten()
        .map(|contract| ((contract.strike.value() / spot - 1.0).abs(), contract))
        .collect();
    near.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    near.truncate(NEAR_MAX);
    let named = near.into_iter();
    named
        .map(|(away, contract)| (away, contract.ticker.clone()))
        .collect()
}

/// Calls and puts, under the symbol as truth has it.
fn exposure(symbol: &str, fetch: Fetch, contracts: &BTreeMap<Date, Vec<Contract>>) -> [String; 2] {
    let fetch = Fetch {
        underlying: symbol,
        ..fetch
    };
    [ContractType::Call, ContractType::Put].map(|side| {
        let expirations = contracts.iter().map(|(date, list)| (*date, &list[..]));
        gamma_exposure(fetch, side, expirations)
    })
}
