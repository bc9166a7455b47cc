//! A vendor of market data that answers as it is told to, misbehaves as it is told to, and counts who asks.

mod answers;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::certificates::Issued;
pub use super::http_server::{Arrival, Reply};
use super::http_server::{HttpServer, Manner};
pub use super::market::Market;
use super::{PATIENCE, until};
pub use answers::{json_reply, marked_contracts, refusal, results};

/// In the key that the tests give: no process may write it.
pub const KEY: &str = "hunter2-of-the-vendor";

type Rule = Arc<dyn Fn(&Arrival) -> Option<Reply> + Send + Sync>;

/// What the vendor knows.
#[derive(Default)]
struct Known {
    /// Each may answer, the newest first; else the vendor is good.
    rules: Mutex<Vec<Rule>>,
    /// Price and moment (ms) of each symbol.
    prices: Mutex<BTreeMap<String, (String, i64)>>,
    session: Mutex<String>,
    calendar: Mutex<Value>,
    /// How far its clock is ahead of this machine's.
    ahead_ms: AtomicI64,
}

impl Known {
    fn now_ms(&self) -> i64 {
        now_ms() + self.ahead_ms.load(Ordering::SeqCst)
    }

    fn time(&self) -> String {
        jiff::Timestamp::from_millisecond(self.now_ms())
            .unwrap()
            .to_string()
    }
}

/// The vendor; it listens until it is dropped.
pub struct Vendor {
    pub port: u16,
    known: Arc<Known>,
    server: HttpServer,
}

pub fn now_ms() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

impl Vendor {
    /// A good one; the market is open.
    pub fn open() -> Vendor {
        Vendor::on(Manner::default())
    }

    /// The same over TLS, with this certificate.
    pub fn open_tls(issued: &Issued) -> Vendor {
        Vendor::on(Manner::tls(issued))
    }

    fn on(manner: Manner) -> Vendor {
        let known = Arc::new(Known::default());
        *known.session.lock().unwrap() = "open".to_owned();
        *known.calendar.lock().unwrap() = json!([]);
        let manner = Manner {
            keeps_alive: true,
            ..manner
        };
        let vendor = known.clone();
        let server = HttpServer::start("127.0.0.1", manner, move |arrival| {
            let rules = vendor.rules.lock().unwrap().clone();
            let told = rules.iter().rev().find_map(|rule| rule(arrival));
            told.unwrap_or_else(|| vendor.good(arrival))
        });
        Vendor {
            port: server.port,
            known,
            server,
        }
    }

    pub fn url(&self) -> String {
        self.server.url("")
    }

    /// Answers with this from now on, where it says something.
    pub fn rule(&self, rule: impl Fn(&Arrival) -> Option<Reply> + Send + Sync + 'static) {
        self.known.rules.lock().unwrap().push(Arc::new(rule));
    }

    /// Answers everything below `path` with this.
    pub fn always(&self, path: &'static str, reply: Reply) {
        self.rule(move |arrival| arrival.path().starts_with(path).then(|| reply.clone()));
    }

    /// As good as at the begin.
    pub fn heal(&self) {
        self.known.rules.lock().unwrap().clear();
    }

    /// Its clock is so far ahead of this machine's from now on.
    pub fn ahead(&self, ms: i64) {
        self.known.ahead_ms.store(ms, Ordering::SeqCst);
    }

    /// The days that differ from others, as the vendor writes them.
    pub fn calendar(&self, days: Value) {
        *self.known.calendar.lock().unwrap() = days;
    }

    /// How the market stands: `open`, `closed` or `extended-hours`.
    pub fn session(&self, word: &str) {
        *self.known.session.lock().unwrap() = word.to_owned();
    }

    /// The price of a symbol from now on, dated now by the vendor's clock.
    pub fn price(&self, symbol: &str, price: &str) {
        self.price_at(symbol, price, self.known.now_ms());
    }

    pub fn price_at(&self, symbol: &str, price: &str, ms: i64) {
        let mut prices = self.known.prices.lock().unwrap();
        prices.insert(symbol.to_owned(), (price.to_owned(), ms));
    }

    pub fn arrivals(&self) -> Vec<Arrival> {
        self.server.arrivals()
    }

    pub fn arrivals_of(&self, path: &str) -> Vec<Arrival> {
        self.arrivals()
            .into_iter()
            .filter(|a| a.path().starts_with(path))
            .collect()
    }

    /// Waits for `n` requests below a path, and gives them.
    #[track_caller]
    pub fn wait_arrivals(&self, path: &str, n: usize) -> Vec<Arrival> {
        until(&format!("{n} requests for {path}"), PATIENCE, || {
            let arrivals = self.arrivals_of(path);
            match arrivals.len() >= n {
                true => Ok(arrivals),
                false => Err(format!(
                    "{} came, of {}",
                    arrivals.len(),
                    self.arrivals().len()
                )),
            }
        })
    }
}

/// The most arrivals within any 60 s.
pub fn busiest_minute(arrivals: &[Arrival]) -> usize {
    let mut moments: Vec<Instant> = arrivals.iter().map(|a| a.at).collect();
    moments.sort_unstable();
    let minute = Duration::from_secs(60);
    let within = |from: usize| {
        moments[from..]
            .iter()
            .take_while(|at| **at - moments[from] < minute)
            .count()
    };
    (0..moments.len()).map(within).max().unwrap_or(0)
}
