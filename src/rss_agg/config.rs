//! What truth says about feeds: `services.rss_agg.feeds`, `schedule`, `limits` and `filters`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;
use url::Url;

use super::fetch::{feed_url, host_of};
use super::schedule::pace::{DAY_SEC, Pace};
use crate::feed::filter::{Filters, Rule};
use crate::net::permits::hosts::HostLimits;
use crate::net::ssrf_guard::SsrfGuard;
use crate::truth::{Problem, Problems, Section, SectionSchema, Sections, ServiceSchema, Truth};

/// The service's name in truth.
pub const SERVICE: &str = "rss_agg";

const ID_MAX_BYTES: usize = 64;
const URL_MAX_BYTES: usize = 4096;

/// One feed of truth, ready for use.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedSpec {
    pub id: String,
    pub url: Url,
    pub category: Option<String>,
    pub pace: Pace,
    /// Header name and the variable that holds its value.
    pub headers_env: Vec<(String, String)>,
}

impl FeedSpec {
    /// `name:port` of its URL.
    pub fn host(&self) -> String {
        host_of(&self.url)
    }
}

/// Everything that truth says, with the defaults filled in.
#[derive(Clone, Debug)]
pub struct Config {
    pub feeds: Vec<Arc<FeedSpec>>,
    pub limits: Limits,
    pub guard: SsrfGuard,
    pub filters: Filters,
}

/// `services.rss_agg.limits`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Hosts and address ranges beyond the public internet that may be asked.
    pub allow_hosts: Vec<String>,
    /// Requests per second to one host.
    pub per_host_rps: f64,
    /// Requests to one host at once.
    pub per_host_connections: usize,
    /// How many items of a feed's first poll are queued.
    pub first_items: usize,
    /// How many items of one document are read.
    pub max_items: usize,
    /// Whom a publisher may write to: a URL or an e-mail address, sent in the User-Agent.
    pub contact: Option<String>,
    /// How long items are kept.
    pub keep_sec: u64,
    /// How many items are kept.
    pub keep_items: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            allow_hosts: Vec::new(),
            per_host_rps: 1.0,
            per_host_connections: 2,
            first_items: 10,
            max_items: 2000,
            contact: None,
            keep_sec: DAY_SEC,
            keep_items: 50_000,
        }
    }
}

impl Limits {
    pub fn hosts(&self) -> HostLimits {
        HostLimits {
            rps: self.per_host_rps,
            connections: self.per_host_connections,
        }
    }

    fn wrong(&self) -> Option<(&'static str, String)> {
        let range = |field, ok: bool, span: &str| (!ok).then(|| (field, format!("not {span}")));
        let contact = self.contact.as_deref().unwrap_or("ok");
        let printable = contact.bytes().all(|b| (b' '..=b'~').contains(&b));
        range(
            "per_host_rps",
            (1e-4..=1e4).contains(&self.per_host_rps),
            "a rate from 0.0001 to 10000",
        )
        .or_else(|| {
            range(
                "per_host_connections",
                (1..=64).contains(&self.per_host_connections),
                "from 1 to 64",
            )
        })
        .or_else(|| range("first_items", self.first_items <= 100_000, "at most 100000"))
        .or_else(|| {
            range(
                "max_items",
                (1..=100_000).contains(&self.max_items),
                "from 1 to 100000",
            )
        })
        .or_else(|| {
            range(
                "keep_sec",
                (1..=31_536_000).contains(&self.keep_sec),
                "from 1 to 31536000",
            )
        })
        .or_else(|| {
            range(
                "keep_items",
                (1..=10_000_000).contains(&self.keep_items),
                "from 1 to 10000000",
            )
        })
        .or_else(|| {
            range(
                "contact",
                printable && contact.len() <= 200,
                "at most 200 printable ASCII characters",
            )
        })
        .or_else(|| {
            SsrfGuard::new(&self.allow_hosts)
                .err()
                .map(|why| ("allow_hosts", why))
        })
    }
}

/// `services.rss_agg.schedule`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Schedule {
    interval_sec: u64,
    min_sec: u64,
    max_sec: u64,
}

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule {
            interval_sec: 600,
            min_sec: 60,
            max_sec: 6 * 3600,
        }
    }
}

impl Schedule {
    fn pace(self, own_interval_sec: Option<u64>) -> Pace {
        Pace {
            interval_sec: own_interval_sec.unwrap_or(self.interval_sec),
            min_sec: self.min_sec,
            max_sec: self.max_sec,
        }
    }
}

#[derive(Debug, Deserialize)]
struct FeedText {
    id: String,
    url: String,
    category: Option<String>,
    interval_sec: Option<u64>,
    #[serde(default)]
    headers_env: BTreeMap<String, String>,
}

impl FeedText {
    fn spec(self, schedule: Schedule) -> Result<FeedSpec, (&'static str, String)> {
        let visible = |c: char| !c.is_whitespace() && !c.is_control();
        if self.id.is_empty() || self.id.len() > ID_MAX_BYTES || !self.id.chars().all(visible) {
            return Err((
                "id",
                format!("not 1 to {ID_MAX_BYTES} bytes without white space"),
            ));
        }
        if self.url.len() > URL_MAX_BYTES {
            return Err(("url", format!("longer than {URL_MAX_BYTES} bytes")));
        }
        let url = feed_url(&self.url).map_err(|error| ("url", error.to_string()))?;
        if self
            .interval_sec
            .is_some_and(|secs| !(1..=365 * DAY_SEC).contains(&secs))
        {
            return Err(("interval_sec", "not from 1 to 31536000".into()));
        }
        for name in self.headers_env.keys() {
            let reserved = [
                "host",
                "content-length",
                "transfer-encoding",
                "connection",
                "user-agent",
            ];
            let lower = name.to_ascii_lowercase();
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            if name.is_empty() || !name.bytes().all(token) || reserved.contains(&lower.as_str()) {
                return Err((
                    "headers_env",
                    format!("{name:?} is no header that may be set"),
                ));
            }
        }
        Ok(FeedSpec {
            id: self.id,
            url,
            category: self.category,
            pace: schedule.pace(self.interval_sec),
            headers_env: self.headers_env.into_iter().collect(),
        })
    }
}

impl Config {
    /// Reads the sections of a truth that passed validation.
    pub fn from_truth(truth: &Truth) -> Result<Config, Problem> {
        let schedule = truth.read_section(SERVICE, "schedule")?.unwrap_or_default();
        let limits: Limits = truth.read_section(SERVICE, "limits")?.unwrap_or_default();
        let section = truth.section(SERVICE, "feeds");
        let mut feeds = Vec::new();
        for element in section.map_or_else(|| Ok(Vec::new()), |section| section.elements())? {
            feeds.push(Arc::new(read_feed(&element, schedule)?));
        }
        let rules: Vec<Rule> = truth.read_section(SERVICE, "filters")?.unwrap_or_default();
        Ok(Config {
            feeds,
            // Validation has compiled both before.
            guard: SsrfGuard::new(&limits.allow_hosts).unwrap_or_default(),
            filters: Filters::compile(&rules).unwrap_or_default(),
            limits,
        })
    }
}

/// What the feed reader keeps in truth.
pub const SCHEMA: ServiceSchema = ServiceSchema {
    svc: SERVICE,
    sections: Some(&[
        SectionSchema {
            name: "feeds",
            fields: &["id", "url", "category", "interval_sec", "headers_env"],
        },
        SectionSchema {
            name: "schedule",
            fields: &["interval_sec", "min_sec", "max_sec"],
        },
        SectionSchema {
            name: "limits",
            fields: &[
                "allow_hosts",
                "per_host_rps",
                "per_host_connections",
                "first_items",
                "max_items",
                "contact",
                "keep_sec",
                "keep_items",
            ],
        },
        SectionSchema {
            name: "filters",
            fields: &["feed", "field", "match", "action"],
        },
    ]),
    validator: Some(check),
    advisor: None,
    key_variable: None,
    is_spared: false,
};

/// The validator of the sections, for everybody who checks a truth before it is in force.
fn check(sections: &Sections<'_>, problems: &mut Problems) {
    let schedule = match sections.get("schedule").map(check_schedule).transpose() {
        Ok(schedule) => schedule.unwrap_or_default(),
        Err(problem) => {
            problems.push(problem);
            Schedule::default()
        }
    };
    if let Some(Err(problem)) = sections.get("limits").map(check_limits) {
        problems.push(problem);
    }
    if let Some(filters) = sections.get("filters") {
        check_filters(filters, problems);
    }
    let elements = sections.get("feeds").map(Section::elements).transpose();
    let elements = match elements {
        Ok(elements) => elements.unwrap_or_default(),
        Err(problem) => return problems.push(problem),
    };
    let mut ids = HashSet::new();
    for element in &elements {
        match read_feed(element, schedule) {
            Ok(spec) if ids.contains(&spec.id) => problems.push(element.at("id").problem(
                format!("a second feed is called {:?}", spec.id),
                "give each feed an id of its own",
            )),
            Ok(spec) => {
                ids.insert(spec.id);
            }
            Err(problem) => problems.push(problem),
        }
    }
}

fn check_schedule(section: &Section<'_>) -> Result<Schedule, Problem> {
    let schedule: Schedule = section.read()?;
    for (name, secs) in [
        ("interval_sec", schedule.interval_sec),
        ("min_sec", schedule.min_sec),
        ("max_sec", schedule.max_sec),
    ] {
        if !(1..=365 * DAY_SEC).contains(&secs) {
            return Err(section.at(name).problem("not from 1 to 31536000", ""));
        }
    }
    if schedule.min_sec > schedule.max_sec {
        return Err(section.at("min_sec").problem(
            format!("longer than max_sec, which is {}", schedule.max_sec),
            "make min_sec the shorter one",
        ));
    }
    Ok(schedule)
}

fn check_limits(section: &Section<'_>) -> Result<(), Problem> {
    let limits: Limits = section.read()?;
    match limits.wrong() {
        Some((name, what)) => Err(section.at(name).problem(what, "")),
        None => Ok(()),
    }
}

fn check_filters(section: &Section<'_>, problems: &mut Problems) {
    let elements = match section.elements() {
        Ok(elements) => elements,
        Err(problem) => return problems.push(problem),
    };
    let mut rules: Vec<Rule> = Vec::new();
    let mut places = Vec::new();
    for element in &elements {
        match element.read() {
            Ok(rule) => {
                rules.push(rule);
                places.push(element);
            }
            Err(problem) => problems.push(problem),
        }
    }
    for bad in Filters::compile(&rules).err().unwrap_or_default() {
        if let Some(place) = places.get(bad.at) {
            problems.push(place.at("match").problem(bad.reason, ""));
        }
    }
}

fn read_feed(element: &Section<'_>, schedule: Schedule) -> Result<FeedSpec, Problem> {
    let text: FeedText = element.read()?;
    text.spec(schedule)
        .map_err(|(name, what)| element.at(name).problem(what, ""))
}

#[cfg(test)]
mod tests;
