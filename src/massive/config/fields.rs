//! The sections of `services.massive` as they are written, and the range of each field.

use serde::Deserialize;
use url::{Host, Url};

use super::{ChainSpec, Model, Source, StreamMode};
use crate::massive::symbol;
use crate::truth::{Wrong, range};

/// Where the vendor streams.
const LIVE_URL: &str = "wss://socket.massive.com";
const DELAYED_URL: &str = "wss://delayed.massive.com";
/// Rates in percent a year.
const RATES: (f64, f64) = (0.0, 25.0);

/// `services.massive.vendor`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub(super) struct VendorText {
    source: String,
    base_url: String,
    pub calls_per_min: u32,
    stream: String,
    stream_url: Option<String>,
}

impl Default for VendorText {
    fn default() -> VendorText {
        VendorText {
            source: "massive".to_owned(),
            base_url: "https://api.massive.com".to_owned(),
            calls_per_min: 5,
            stream: "off".to_owned(),
            stream_url: None,
        }
    }
}

impl VendorText {
    pub fn source(&self) -> Source {
        match self.source.as_str() {
            "demo" => Source::Demo,
            _ => Source::Massive,
        }
    }

    /// Where the vendor is, when that is an address.
    pub fn url(&self) -> Result<Url, String> {
        bare(&self.base_url, ["https", "http"])
    }

    /// What is wanted of the stream; `None` for a word that is none.
    pub fn stream(&self) -> Option<StreamMode> {
        Some(match self.stream.as_str() {
            "off" => StreamMode::Off,
            "delayed" => StreamMode::Delayed,
            "live" => StreamMode::Live,
            _ => return None,
        })
    }

    /// Where the stream is: where truth says, else where the vendor has it; the demo's is beside its answers.
    pub fn stream_url(&self) -> Result<Url, String> {
        let schemes = ["wss", "ws"];
        match (&self.stream_url, self.source(), self.stream()) {
            (Some(text), ..) => bare(text, schemes),
            (None, Source::Massive, Some(StreamMode::Live)) => bare(LIVE_URL, schemes),
            (None, Source::Massive, _) => bare(DELAYED_URL, schemes),
            (None, Source::Demo, _) => {
                let text = self.base_url.replacen("http", "ws", 1);
                bare(&text, schemes)
            }
        }
    }

    /// `allows` says whether `limits.allow_hosts` names a host.
    pub fn wrong(&self, allows: impl Fn(&Url) -> bool) -> Result<(), Wrong> {
        if !matches!(self.source.as_str(), "massive" | "demo") {
            let what = format!("{:?} is no source", self.source);
            return Err(("source", what, "write \"massive\" or \"demo\""));
        }
        range("calls_per_min", &self.calls_per_min, (1, 60_000))?;
        if self.stream().is_none() {
            let what = format!("{:?} is no stream", self.stream);
            return Err((
                "stream",
                what,
                "write \"off\", \"delayed\" or \"live\", as the plan has it",
            ));
        }
        let url = self.url().map_err(|what| {
            let instead = "write scheme and host, such as \"https://api.massive.com\"";
            ("base_url", what, instead)
        })?;
        self.wrong_place(&url, &allows)?;
        let url = self.stream_url().map_err(|what| {
            let instead = "write scheme and host, such as \"wss://socket.massive.com\"";
            ("stream_url", what, instead)
        })?;
        match self.stream_url {
            Some(_) => self.wrong_stream_place(&url, &allows),
            None => Ok(()),
        }
    }

    fn wrong_place(&self, url: &Url, allows: &impl Fn(&Url) -> bool) -> Result<(), Wrong> {
        match (self.source(), is_loopback(url)) {
            (Source::Demo, false) => Err((
                "base_url",
                "the demo is on this machine alone".to_owned(),
                "write the address of `marketswarm market demo`, such as \"http://127.0.0.1:8098\"",
            )),
            (Source::Demo, true) => Ok(()),
            (Source::Massive, true) if !allows(url) => Err((
                "base_url",
                "an address of this machine".to_owned(),
                "name the host in limits.allow_hosts, or write \"source\": \"demo\" for the demo",
            )),
            (Source::Massive, _) if url.scheme() == "http" && !allows(url) => Err((
                "base_url",
                "http, which anybody on the way can read".to_owned(),
                "write https, or name the host in limits.allow_hosts",
            )),
            (Source::Massive, _) => Ok(()),
        }
    }

    fn wrong_stream_place(&self, url: &Url, allows: &impl Fn(&Url) -> bool) -> Result<(), Wrong> {
        match (self.source(), is_loopback(url)) {
            (Source::Demo, false) => Err((
                "stream_url",
                "the demo is on this machine alone".to_owned(),
                "leave it out: the demo's stream is where its answers are",
            )),
            (Source::Demo, true) => Ok(()),
            (Source::Massive, true) if !allows(url) => Err((
                "stream_url",
                "an address of this machine".to_owned(),
                "name the host in limits.allow_hosts, or write \"source\": \"demo\" for the demo",
            )),
            (Source::Massive, _) if url.scheme() == "ws" && !allows(url) => Err((
                "stream_url",
                "ws, which anybody on the way can read".to_owned(),
                "write wss, or name the host in limits.allow_hosts",
            )),
            (Source::Massive, _) => Ok(()),
        }
    }
}

/// The address in a text that names a scheme of these and a host, and nothing more.
fn bare(text: &str, schemes: [&str; 2]) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|why| format!("not a URL: {why}"))?;
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none();
    if !schemes.contains(&url.scheme()) {
        Err(format!("neither {} nor {}", schemes[0], schemes[1]))
    } else if !url.username().is_empty() || url.password().is_some() {
        Err("it holds a user".to_owned())
    } else if !is_bare || url.fragment().is_some() {
        Err("it has a path or a query".to_owned())
    } else if url.host().is_none() {
        Err("it has no host".to_owned())
    } else {
        Ok(url)
    }
}

/// Is it an address of this machine, by its name?
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// One element of `services.massive.chains`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ChainText {
    pub underlying: String,
    #[serde(default = "four")]
    expirations: usize,
    #[serde(default = "ten")]
    strikes_pct: f64,
    #[serde(default = "minute")]
    interval_sec: i64,
}

fn four() -> usize {
    4
}

fn ten() -> f64 {
    10.0
}

fn minute() -> i64 {
    60
}

impl ChainText {
    pub fn wrong(&self) -> Result<(), Wrong> {
        let known = match symbol::class(&self.underlying) {
            symbol::Class::Index => symbol::index(&self.underlying),
            _ => symbol::stock(&self.underlying),
        };
        known.map_err(|what| ("underlying", what, ""))?;
        range("expirations", &self.expirations, (1, 32))?;
        range("strikes_pct", &self.strikes_pct, (0.5, 100.0))?;
        range("interval_sec", &self.interval_sec, (5, 86_400))
    }

    pub fn spec(self) -> ChainSpec {
        ChainSpec {
            underlying: self.underlying,
            expirations: self.expirations,
            strikes_pct: self.strikes_pct,
            interval_ms: self.interval_sec * 1_000,
        }
    }
}

/// `services.massive.schedule`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default)]
pub(super) struct ScheduleText {
    pub spots_sec: i64,
    pub closed_sec: i64,
}

impl Default for ScheduleText {
    fn default() -> ScheduleText {
        ScheduleText {
            spots_sec: 60,
            closed_sec: 900,
        }
    }
}

impl ScheduleText {
    pub fn wrong(&self) -> Result<(), Wrong> {
        range("spots_sec", &self.spots_sec, (1, 86_400))?;
        range("closed_sec", &self.closed_sec, (60, 86_400))
    }
}

/// `services.massive.limits`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub(super) struct LimitsText {
    pub stale_sec: i64,
    pub jump_pct: f64,
    pub max_contracts: usize,
    pub chain_span_sec: i64,
    pub tick_entries: usize,
    pub allow_hosts: Vec<String>,
}

impl Default for LimitsText {
    fn default() -> LimitsText {
        LimitsText {
            stale_sec: 120,
            jump_pct: 30.0,
            max_contracts: 10_000,
            chain_span_sec: 60,
            tick_entries: 5_000,
            allow_hosts: Vec::new(),
        }
    }
}

impl LimitsText {
    pub fn wrong(&self) -> Result<(), Wrong> {
        range("stale_sec", &self.stale_sec, (5, 86_400))?;
        range("jump_pct", &self.jump_pct, (0.0, 1_000.0))?;
        range("max_contracts", &self.max_contracts, (250, 20_000))?;
        range("chain_span_sec", &self.chain_span_sec, (5, 600))?;
        range("tick_entries", &self.tick_entries, (0, 100_000))
    }
}

/// `services.massive.derive`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub(super) struct DeriveText {
    pub summary: bool,
    pub gex: bool,
    model: String,
    rate_pct: Option<f64>,
    dividend_pct: Option<f64>,
}

impl Default for DeriveText {
    fn default() -> DeriveText {
        DeriveText {
            summary: true,
            gex: true,
            model: "off".to_owned(),
            rate_pct: None,
            dividend_pct: None,
        }
    }
}

impl DeriveText {
    pub fn wrong(&self) -> Result<(), Wrong> {
        if !matches!(self.model.as_str(), "off" | "black-scholes") {
            let what = format!("{:?} is no model", self.model);
            return Err(("model", what, "write \"off\" or \"black-scholes\""));
        }
        for (name, rate) in [
            ("rate_pct", self.rate_pct),
            ("dividend_pct", self.dividend_pct),
        ] {
            match rate {
                Some(rate) => range(name, &rate, RATES)?,
                None if self.model == "off" => {}
                None => {
                    let what = format!("{name} is absent, and no rate is made up");
                    return Err((
                        name,
                        what,
                        "write the percent a year that the model is to use",
                    ));
                }
            }
        }
        Ok(())
    }

    /// The model, where one is wanted.
    pub fn model(&self) -> Option<Model> {
        let (rate_pct, dividend_pct) = self.rate_pct.zip(self.dividend_pct)?;
        (self.model != "off").then_some(Model {
            rate_pct,
            dividend_pct,
        })
    }
}
