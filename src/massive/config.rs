//! What truth says about market data: `services.massive`.

mod check;
mod fields;
#[cfg(test)]
mod tests;

use url::Url;

use super::facts::Feed;
use super::symbol;
use crate::truth::{Problem, SectionSchema, ServiceSchema, Truth};

pub use fields::is_loopback;
use fields::{ChainText, DeriveText, LimitsText, ScheduleText, VendorText};

/// The service's name in truth.
pub const SERVICE: &str = "massive";

/// What there is in `services.massive`, and who checks it.
pub const SCHEMA: ServiceSchema = ServiceSchema {
    svc: SERVICE,
    sections: Some(&[
        SectionSchema {
            name: "vendor",
            fields: &[
                "source",
                "base_url",
                "calls_per_min",
                "stream",
                "stream_url",
            ],
        },
        SectionSchema {
            name: "symbols",
            fields: &[],
        },
        SectionSchema {
            name: "indices",
            fields: &[],
        },
        SectionSchema {
            name: "chains",
            fields: &["underlying", "expirations", "strikes_pct", "interval_sec"],
        },
        SectionSchema {
            name: "schedule",
            fields: &["spots_sec", "closed_sec"],
        },
        SectionSchema {
            name: "limits",
            fields: &[
                "stale_sec",
                "jump_pct",
                "max_contracts",
                "chain_span_sec",
                "tick_entries",
                "allow_hosts",
            ],
        },
        SectionSchema {
            name: "derive",
            fields: &["summary", "gex", "model", "rate_pct", "dividend_pct"],
        },
    ]),
    validator: Some(check::check),
    advisor: Some(check::advise),
    key_variable: Some("MASSIVE_API_KEY"),
    is_spared: false,
};

/// Most symbols of stocks, of indices, and chains.
pub const SYMBOLS_MAX: usize = 2_000;
pub const INDICES_MAX: usize = 250;
pub const CHAINS_MAX: usize = 16;

/// Who answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    #[default]
    Massive,
    /// The demo of this program, on this machine.
    Demo,
}

impl Source {
    /// The word on the wire, and in truth.
    pub fn word(self) -> &'static str {
        match self {
            Source::Massive => "massive",
            Source::Demo => "demo",
        }
    }
}

/// Which stream of the vendor's is listened to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamMode {
    #[default]
    Off,
    /// By a quarter of an hour.
    Delayed,
    Live,
}

impl StreamMode {
    /// The word in truth, and in `massive:status`.
    pub fn word(self) -> &'static str {
        match self {
            StreamMode::Off => "off",
            StreamMode::Delayed => "delayed",
            StreamMode::Live => "live",
        }
    }

    /// What its prices are marked with.
    pub fn feed(self) -> Feed {
        match self {
            StreamMode::Off => Feed::Unknown,
            StreamMode::Delayed => Feed::Delayed,
            StreamMode::Live => Feed::Live,
        }
    }
}

/// The rates that implied volatilities are computed with: percent a year.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Model {
    pub rate_pct: f64,
    pub dividend_pct: f64,
}

/// One option chain that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainSpec {
    pub underlying: String,
    /// How many expirations, the nearest first.
    pub expirations: usize,
    /// How far strikes may lie from the price, in percent of it.
    pub strikes_pct: f64,
    pub interval_ms: i64,
}

/// Everything that truth says, with the defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub source: Source,
    pub base_url: Url,
    pub calls_per_min: u32,
    /// Of stocks, those of chains included.
    pub symbols: Vec<String>,
    /// Likewise.
    pub indices: Vec<String>,
    pub chains: Vec<ChainSpec>,
    pub spots_ms: i64,
    pub closed_ms: i64,
    pub stale_ms: i64,
    pub jump_pct: f64,
    pub max_contracts: usize,
    pub chain_span_ms: i64,
    pub tick_entries: usize,
    pub allow_hosts: Vec<String>,
    pub summary: bool,
    pub gex: bool,
    pub model: Option<Model>,
    pub stream: StreamMode,
    pub stream_url: Url,
}

impl Config {
    /// Reads the sections of a truth that passed validation.
    ///
    /// # Errors
    /// What did not pass it.
    pub fn from_truth(truth: &Truth) -> Result<Config, Problem> {
        let vendor: VendorText = truth.read_section(SERVICE, "vendor")?.unwrap_or_default();
        let schedule: ScheduleText = truth.read_section(SERVICE, "schedule")?.unwrap_or_default();
        let limits: LimitsText = truth.read_section(SERVICE, "limits")?.unwrap_or_default();
        let derive: DeriveText = truth.read_section(SERVICE, "derive")?.unwrap_or_default();
        let chains: Vec<ChainText> = truth.read_section(SERVICE, "chains")?.unwrap_or_default();
        let mut symbols: Vec<String> = truth.read_section(SERVICE, "symbols")?.unwrap_or_default();
        let mut indices: Vec<String> = truth.read_section(SERVICE, "indices")?.unwrap_or_default();
        let chains: Vec<ChainSpec> = chains.into_iter().map(ChainText::spec).collect();
        for chain in &chains {
            // An underlying is polled as any other symbol.
            let list = match symbol::class(&chain.underlying) {
                symbol::Class::Index => &mut indices,
                _ => &mut symbols,
            };
            if !list.contains(&chain.underlying) {
                list.push(chain.underlying.clone());
            }
        }
        let wrong = |field: &str, what| Problem {
            path: format!("services.{SERVICE}.vendor.{field}"),
            position: crate::truth::Position::START,
            what,
            instead: String::new(),
            more_like_it: 0,
        };
        let base_url = vendor.url().map_err(|what| wrong("base_url", what))?;
        let stream_url = vendor
            .stream_url()
            .map_err(|what| wrong("stream_url", what))?;
        Ok(Config {
            source: vendor.source(),
            base_url,
            calls_per_min: vendor.calls_per_min,
            symbols,
            indices,
            chains,
            spots_ms: schedule.spots_sec * 1_000,
            closed_ms: schedule.closed_sec * 1_000,
            stale_ms: limits.stale_sec * 1_000,
            jump_pct: limits.jump_pct,
            max_contracts: limits.max_contracts,
            chain_span_ms: limits.chain_span_sec * 1_000,
            tick_entries: limits.tick_entries,
            allow_hosts: limits.allow_hosts,
            summary: derive.summary,
            gex: derive.gex,
            model: derive.model(),
            stream: vendor.stream().unwrap_or_default(),
            stream_url,
        })
    }

    /// Hosts beyond the public internet that may be asked: those of truth, and of the demo the one machine where it is.
    pub fn allowed_hosts(&self) -> Vec<String> {
        match self.source {
            Source::Massive => self.allow_hosts.clone(),
            Source::Demo => [&self.base_url, &self.stream_url]
                .iter()
                .filter_map(|url| url.host_str().map(str::to_owned))
                .collect(),
        }
    }

    /// Is nothing to be asked for?
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty() && self.indices.is_empty()
    }

    /// How much is to be asked for, in words.
    pub fn extent(&self) -> String {
        let (symbols, indices) = (self.symbols.len(), self.indices.len());
        let chains = self.chains.len();
        format!("{symbols} symbols, {indices} indices, {chains} chains")
    }

    /// Every symbol, indices first.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.indices.iter().chain(&self.symbols)
    }
}
