//! A vendor, a store and a truth that names the symbols: what massive needs to work.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::daemon::program;
use super::truth::{seed, truth_of};
use super::vendor::{KEY, Vendor};
use super::{Daemon, PATIENCE, RedisServer, until};

/// The stage of the tests of market data.
pub struct Market {
    pub redis: RedisServer,
    pub vendor: Vendor,
    pub truth: Value,
}

impl Market {
    /// With these symbols (indices by their `I:`), a round each second, and calls enough.
    pub fn open(names: &[&str]) -> Market {
        Market::of(Vendor::open(), names)
    }

    /// The same with this vendor.
    pub fn of(vendor: Vendor, names: &[&str]) -> Market {
        let redis = RedisServer::start();
        let mut truth = truth_of(&["massive"], 0.5, 5.0);
        let own = &mut truth["services"]["massive"];
        own["vendor"] = json!({"base_url": vendor.url(), "calls_per_min": 60_000});
        own["limits"] = json!({"allow_hosts": ["127.0.0.1", "localhost"]});
        own["schedule"] = json!({"spots_sec": 1, "closed_sec": 60});
        let (indices, symbols): (Vec<&str>, Vec<&str>) =
            names.iter().partition(|name| name.starts_with("I:"));
        own["symbols"] = json!(symbols);
        own["indices"] = json!(indices);
        for (nth, name) in names.iter().enumerate() {
            vendor.price(name, &format!("{}.50", 100 + nth));
        }
        Market {
            redis,
            vendor,
            truth,
        }
    }

    /// `services.massive.<name>` of the truth.
    pub fn section(&mut self, name: &str) -> &mut Value {
        &mut self.truth["services"]["massive"][name]
    }

    pub fn seed(&self) {
        seed(&self.redis, &self.truth);
    }

    pub fn start(&self) -> Daemon {
        self.start_with(&[("MASSIVE_API_KEY", KEY)])
    }

    /// With these variables besides those of the bus, and proxies that lead nowhere.
    pub fn start_with(&self, env: &[(&str, &str)]) -> Daemon {
        self.seed();
        self.start_program(program("massive"), env)
    }

    pub fn start_program(&self, program: &Path, env: &[(&str, &str)]) -> Daemon {
        let url = self.redis.url();
        let mut all = vec![
            ("SYSTEM_REDIS_URL", url.as_str()),
            ("http_proxy", "http://127.0.0.1:9"),
            ("ALL_PROXY", "http://127.0.0.1:9"),
            ("RUST_LOG", "trace"),
        ];
        all.extend(env);
        let mut command = Command::new(program);
        command.env_clear().envs(all).stdin(Stdio::null());
        Daemon::spawn("massive", command)
    }

    pub fn hash(&self, key: &str) -> BTreeMap<String, String> {
        self.redis.query(&["HGETALL", key])
    }

    /// What was refused: entries with their fields.
    pub fn quarantine(&self) -> Vec<(String, BTreeMap<String, String>)> {
        self.redis
            .query(&["XRANGE", "massive:quarantine", "-", "+"])
    }

    /// A field of `massive:status`, or nothing.
    pub fn status(&self, field: &str) -> String {
        let text: Option<String> = self.redis.query(&["HGET", "massive:status", field]);
        text.unwrap_or_default()
    }

    /// What `marketswarm market …` says: exit code and output.
    pub fn cli(&self, args: &[&str]) -> (i32, String) {
        let url = self.redis.url();
        let all = [&["market"], args].concat();
        let env = [("SYSTEM_REDIS_URL", url.as_str())];
        Daemon::run("marketswarm", &all, &env, PATIENCE)
    }

    pub fn snapshot(&self, symbol: &str) -> BTreeMap<String, String> {
        self.hash(&format!("market:snapshot:{symbol}"))
    }

    /// Waits until the record of a symbol is as wanted, and gives it.
    #[track_caller]
    pub fn wait_snapshot(
        &self,
        symbol: &str,
        what: &str,
        wanted: impl Fn(&BTreeMap<String, String>) -> bool,
    ) -> BTreeMap<String, String> {
        until(&format!("{symbol}: {what}"), PATIENCE, || {
            let snapshot = self.snapshot(symbol);
            match wanted(&snapshot) {
                true => Ok(snapshot),
                false => Err(format!("{snapshot:?}")),
            }
        })
    }

    #[track_caller]
    pub fn wait_price(&self, symbol: &str, price: &str) -> BTreeMap<String, String> {
        self.wait_snapshot(symbol, &format!("price {price}"), |s| {
            s.get("price").is_some_and(|p| p == price)
        })
    }

    /// Waits until the beat says this word.
    #[track_caller]
    pub fn wait_status(&self, word: &str) -> Value {
        let ear = super::Alerts::on_channel(&self.redis, "massive:heartbeat");
        let what = format!("a beat that says {word:?}");
        ear.wait_for(&what, PATIENCE, |beat| {
            beat.json["status"].as_str().unwrap_or("") == word
        })
        .json
    }
}
