//! A vendor of market data that answers as it is told to, misbehaves as it is told to, and counts who asks.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::daemon::program;
use super::truth::{seed, truth_of};
use super::{Daemon, PATIENCE, RedisServer, until};

/// In the key that the tests give: no process may write it.
pub const KEY: &str = "hunter2-of-the-vendor";

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub at: Instant,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
}

impl Arrival {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// A parameter of the query, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1;
        let found = url::form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name);
        found.map(|(_, value)| value.into_owned())
    }
}

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Status, further header lines, body.
    Full(u16, String, Vec<u8>),
    /// These bytes, then the connection ends.
    Raw(Vec<u8>),
    /// Not at all.
    Hang,
}

impl Reply {
    pub fn json(body: &Value) -> Reply {
        let body = body.to_string().replace("\"@", "").replace("@\"", "");
        Reply::Full(200, String::new(), body.into_bytes())
    }

    pub fn status(status: u16) -> Reply {
        let body = json!({"status": "ERROR", "error": "as told"}).to_string();
        Reply::Full(status, String::new(), body.into_bytes())
    }

    pub fn with(self, header: &str) -> Reply {
        match self {
            Reply::Full(status, headers, body) => {
                Reply::Full(status, format!("{headers}{header}\r\n"), body)
            }
            other => other,
        }
    }
}

type Answer = Arc<dyn Fn(&Arrival) -> Option<Reply> + Send + Sync>;

/// What the vendor knows, and whom it told.
#[derive(Default)]
struct Known {
    arrivals: Mutex<Vec<Arrival>>,
    /// Each may answer, the newest first; else the vendor is good.
    rules: Mutex<Vec<Answer>>,
    /// Price and moment (ms) of each symbol.
    prices: Mutex<BTreeMap<String, (String, i64)>>,
    session: Mutex<String>,
    stop: AtomicBool,
}

/// The vendor; it listens until it is dropped.
pub struct Vendor {
    pub port: u16,
    known: Arc<Known>,
    acceptor: Option<thread::JoinHandle<()>>,
}

pub fn now_ms() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

impl Vendor {
    /// A good one; the market is open.
    pub fn open() -> Vendor {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().unwrap().port();
        let known = Arc::new(Known::default());
        *known.session.lock().unwrap() = "open".to_owned();
        let server = known.clone();
        let acceptor = thread::spawn(move || {
            for stream in listener.incoming() {
                if server.stop.load(Ordering::SeqCst) {
                    break;
                }
                let (Ok(stream), server) = (stream, server.clone()) else {
                    continue;
                };
                // It ends with its connection.
                thread::spawn(move || serve(stream, &server));
            }
        });
        Vendor {
            port,
            known,
            acceptor: Some(acceptor),
        }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
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

    /// The price of a symbol from now on, dated now.
    pub fn price(&self, symbol: &str, price: &str) {
        self.price_at(symbol, price, now_ms());
    }

    pub fn price_at(&self, symbol: &str, price: &str, ms: i64) {
        let mut prices = self.known.prices.lock().unwrap();
        prices.insert(symbol.to_owned(), (price.to_owned(), ms));
    }

    pub fn arrivals(&self) -> Vec<Arrival> {
        self.known.arrivals.lock().unwrap().clone()
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

impl Drop for Vendor {
    fn drop(&mut self) {
        self.known.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn serve(stream: TcpStream, known: &Known) {
    let _ = stream.set_nodelay(true);
    let mut out = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(arrival) = read_request(&mut reader) {
        known.arrivals.lock().unwrap().push(arrival.clone());
        let rules = known.rules.lock().unwrap().clone();
        let told = rules.iter().rev().find_map(|rule| rule(&arrival));
        let done = match told.unwrap_or_else(|| known.good(&arrival)) {
            Reply::Full(status, headers, body) => {
                let head = format!(
                    "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{headers}\r\n",
                    body.len()
                );
                out.write_all(head.as_bytes())
                    .and_then(|()| out.write_all(&body))
            }
            Reply::Raw(bytes) => {
                let _ = out.write_all(&bytes);
                return;
            }
            Reply::Hang => {
                while !known.stop.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(20));
                }
                return;
            }
        };
        if done.is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Arrival> {
    let mut line = || {
        let mut text = String::new();
        let read = reader.read_line(&mut text).ok()?;
        (read > 0).then(|| text.trim_end().to_owned())
    };
    let first = line()?;
    // The moment at which the first line is whole.
    let at = Instant::now();
    let target = first.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        let header = line()?;
        if header.is_empty() {
            return Some(Arrival {
                at,
                target,
                headers,
            });
        }
        let (name, value) = header.split_once(':')?;
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
}

impl Known {
    /// What a good vendor answers.
    fn good(&self, arrival: &Arrival) -> Reply {
        let asked = |name: &str| -> Vec<String> {
            let list = arrival.parameter(name).unwrap_or_default();
            list.split(',').map(str::to_owned).collect()
        };
        let prices = self.prices.lock().unwrap().clone();
        let of = |names: &[String], item: fn(&str, &str, i64) -> Value| -> Vec<Value> {
            let known = names
                .iter()
                .filter_map(|name| Some((name, prices.get(name)?)));
            known
                .map(|(name, (price, ms))| item(name, price, *ms))
                .collect()
        };
        match arrival.path() {
            "/v1/marketstatus/now" => Reply::json(&json!({
                "market": *self.session.lock().unwrap(), "earlyHours": false, "afterHours": false,
                "serverTime": jiff::Timestamp::now().to_string(), "indicesGroups": {"s_and_p": "open"},
            })),
            "/v1/marketstatus/upcoming" => Reply::json(&json!([])),
            "/v3/snapshot" => results(of(&asked("ticker.any_of"), unified)),
            "/v3/snapshot/indices" => results(of(&asked("ticker.any_of"), unified)),
            "/v2/snapshot/locale/us/markets/stocks/tickers" => {
                let tickers = of(&asked("tickers"), ticker);
                Reply::json(&json!({"status": "OK", "tickers": tickers}))
            }
            path if path.starts_with("/v2/aggs/grouped/") => {
                let all: Vec<String> = prices
                    .keys()
                    .filter(|name| !name.starts_with("I:"))
                    .cloned()
                    .collect();
                results(of(&all, bar))
            }
            path if path.starts_with("/v2/aggs/ticker/") => {
                let name = path.split('/').nth(4).unwrap().replace("%3A", ":");
                results(of(&[name], bar))
            }
            path if path.starts_with("/v3/snapshot/options/") => {
                results(contracts(arrival, &["2030-01-18", "2030-02-15"], 2))
            }
            _ => Reply::status(404),
        }
    }
}

pub fn results(results: Vec<Value>) -> Reply {
    Reply::json(&json!({"status": "OK", "request_id": "r", "results": results}))
}

/// A number in just these digits: see [`Reply::json`].
fn number(text: &str) -> Value {
    json!(format!("@{text}@"))
}

fn unified(name: &str, price: &str, ms: i64) -> Value {
    match name.starts_with("I:") {
        true => {
            json!({"ticker": name, "type": "indices", "value": number(price), "timeframe": "REAL-TIME",
            "last_updated": ms * 1_000_000})
        }
        false => json!({"ticker": name, "type": "stocks", "market_status": "open",
            "last_trade": {"price": number(price), "size": 100, "sip_timestamp": ms * 1_000_000, "timeframe": "REAL-TIME"},
            "last_quote": {"bid": number(price), "ask": number(price), "bid_size": 1, "ask_size": 2,
                "last_updated": ms * 1_000_000}}),
    }
}

fn ticker(name: &str, price: &str, ms: i64) -> Value {
    json!({"ticker": name, "updated": ms * 1_000_000,
        "lastTrade": {"p": number(price), "s": 100, "t": ms * 1_000_000}})
}

fn bar(name: &str, price: &str, ms: i64) -> Value {
    json!({"T": name, "o": number(price), "h": number(price), "l": number(price), "c": number(price), "v": 5, "t": ms})
}

/// The contracts of these expirations, so many strikes each around 100, calls and puts, with all numbers the same
/// `mark`, so that two answers can be told apart.
pub fn marked_contracts(expirations: &[&str], strikes: i64, mark: f64) -> Vec<Value> {
    let mut list = Vec::new();
    for expiration in expirations {
        for strike in 100 - strikes / 2..100 + strikes - strikes / 2 {
            for kind in ["call", "put"] {
                let letter = kind[..1].to_uppercase();
                let date = expiration[2..].replace('-', "");
                list.push(json!({
                    "details": {"ticker": format!("O:SPY{date}{letter}{:08}", strike * 1_000), "strike_price": strike,
                        "expiration_date": expiration, "contract_type": kind, "shares_per_contract": 100},
                    "last_quote": {"bid": mark, "ask": mark, "last_updated": now_ms() * 1_000_000},
                    "greeks": {"gamma": 0.5}, "open_interest": 10, "implied_volatility": 0.2,
                }));
            }
        }
    }
    list
}

fn contracts(_: &Arrival, expirations: &[&str], strikes: i64) -> Vec<Value> {
    marked_contracts(expirations, strikes, 1.5)
}

/// A vendor, a store, and a truth that names the symbols: what massive needs to work.
pub struct Market {
    pub redis: RedisServer,
    pub vendor: Vendor,
    pub truth: Value,
}

impl Market {
    /// With these symbols (indices by their `I:`), a round each second, and calls enough.
    pub fn open(names: &[&str]) -> Market {
        let vendor = Vendor::open();
        let redis = RedisServer::start();
        let mut truth = truth_of(&["massive"], 0.5, 5.0);
        let own = &mut truth["services"]["massive"];
        own["vendor"] = json!({"base_url": vendor.url(), "calls_per_min": 60_000});
        own["limits"] = json!({"allow_hosts": ["127.0.0.1"]});
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
