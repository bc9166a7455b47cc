//! A redis-server with items, the program that is measured, and an ear on what it says.

use std::collections::HashMap;
use std::ffi::OsString;
use std::net::TcpListener;
use std::ops::Range;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

const TRUTH: &str = r#"{"services": {"vexy_ai": {"heartbeat": {"interval_sec": 10}}, "healer": {"heartbeat": {"interval_sec": 10}}}}"#;
/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(600);
/// Bytes of an item.
const ITEM_BYTES: usize = 2_000;

/// A process that ends with the value.
pub struct Process(Child);

impl Process {
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub struct Stage {
    redis: Process,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Stage {
    /// A private redis-server with a truth.
    pub fn open() -> Stage {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        let folder = tempfile::tempdir().expect("a folder");
        let mut server = Command::new("redis-server");
        server.args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
        server.args(["--save", "", "--appendonly", "no", "--dir"]);
        server.arg(folder.path()).stdout(Stdio::null());
        let redis = Process(server.spawn().expect("redis-server"));
        let stage = Stage {
            redis,
            port,
            _folder: folder,
        };
        let mut connection = stage.connection();
        redis::cmd("SET")
            .arg("truth:doc")
            .arg(TRUTH)
            .query::<()>(&mut connection)
            .expect("the truth");
        stage
    }

    pub fn redis_id(&self) -> u32 {
        self.redis.id()
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn connection(&self) -> redis::Connection {
        let client = redis::Client::open(self.url()).expect("a URL");
        let end = Instant::now() + PATIENCE;
        loop {
            match client.get_connection() {
                Ok(connection) => return connection,
                Err(error) => assert!(Instant::now() < end, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts the program that is measured.
    pub fn start(&self, program: OsString) -> Process {
        let mut command = Command::new(program);
        command.env_clear().env("SYSTEM_REDIS_URL", self.url());
        command.stdout(Stdio::null()).stdin(Stdio::null());
        Process(command.spawn().expect("the program"))
    }

    /// What an operator asks for.
    pub fn control(&self, field: &str, is_set: bool) {
        let mut connection = self.connection();
        let mut ask = redis::cmd(if is_set { "HSET" } else { "HDEL" });
        ask.arg("vexy:control").arg(field);
        if is_set {
            ask.arg(1);
        }
        ask.query::<()>(&mut connection).expect("asked");
    }

    /// Queues items.
    pub fn give(&self, items: Range<usize>) {
        let mut connection = self.connection();
        let items: Vec<usize> = items.collect();
        for part in items.chunks(500) {
            let mut packet = redis::pipe();
            for n in part {
                put(&mut packet, *n);
            }
            packet.query::<()>(&mut connection).expect("queued");
        }
    }

    /// Hears what is published from now on.
    pub fn listen(&self) -> Said {
        let said = Said::default();
        let mut connection = self.connection();
        let heard = said.clone();
        let (ready, is_ready) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut ear = connection.as_pubsub();
            ear.subscribe("sse:vexy-message").expect("subscribed");
            let _ = ready.send(());
            while let Ok(message) = ear.get_message() {
                heard.hear(message.get_payload_bytes());
            }
        });
        is_ready.recv_timeout(PATIENCE).expect("subscribed");
        said
    }

    /// What redis-py, vaderSentiment and sumy take for an item; `None` without them.
    pub fn peer_sec_an_item(&self, items: usize) -> Option<f64> {
        let python = std::env::var_os("PEER_PYTHON")?;
        self.control("paused", true);
        let mut connection = self.connection();
        let mut packet = redis::pipe();
        for n in 0..items {
            packet
                .cmd("XADD")
                .arg("peer:queue")
                .arg("*")
                .arg("uid")
                .arg(uid(n))
                .ignore();
        }
        packet.query::<()>(&mut connection).expect("queued");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/vexy/peer.py");
        let out = Command::new(python)
            .args([script, &self.port.to_string(), &items.to_string()])
            .output()
            .ok()?;
        self.control("paused", false);
        // A pause is looked at each second.
        std::thread::sleep(Duration::from_secs(2));
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let sec: f64 = text.trim().parse().ok()?;
        Some(sec / items as f64)
    }
}

/// What was published, and when each item was first.
#[derive(Clone, Default)]
pub struct Said(Arc<(Mutex<Heard>, Condvar)>);

#[derive(Default)]
struct Heard {
    count: usize,
    /// The count that somebody waits for. Nobody is woken before: who measures shares the cores with what is measured.
    wanted: usize,
    moments: HashMap<String, Instant>,
}

impl Said {
    fn hear(&self, payload: &[u8]) {
        let now = Instant::now();
        let text = String::from_utf8_lossy(payload);
        let rest = text.split_once("\"uid\":\"").map(|(_, rest)| rest);
        let uid = rest.and_then(|rest| Some(rest.split_once('"')?.0));
        let mut heard = self.0.0.lock().expect("no panic");
        heard.count += 1;
        if let Some(uid) = uid {
            heard.moments.entry(uid.to_owned()).or_insert(now);
        }
        if heard.count == heard.wanted {
            self.0.1.notify_all();
        }
    }

    /// Waits for so many in all, and gives the moment of it.
    pub fn wait_count(&self, count: usize) -> Instant {
        let end = Instant::now() + PATIENCE;
        let mut heard = self.0.0.lock().expect("no panic");
        heard.wanted = count;
        while heard.count < count {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} of {count} came", heard.count);
            heard = self.0.1.wait_timeout(heard, left).expect("no panic").0;
        }
        Instant::now()
    }

    pub fn count(&self) -> usize {
        self.0.0.lock().expect("no panic").count
    }

    pub fn moments(&self) -> HashMap<String, Instant> {
        self.0.0.lock().expect("no panic").moments.clone()
    }
}

pub fn uid(n: usize) -> String {
    format!("{n:032x}")
}

fn put(packet: &mut redis::Pipeline, n: usize) {
    let (uid, title) = (uid(n), title(n));
    let ts = jiff::Timestamp::now().as_second().to_string();
    let fields = [
        ("uid", uid.as_str()),
        ("feed", "wire"),
        ("rev", "1"),
        ("title", &title),
        ("summary_text", &text(n)),
        ("language", "en"),
        ("category", "markets"),
        ("url", "https://news.example/story"),
        ("published_ts", &ts),
        ("fetched_ts", &ts),
    ];
    packet
        .hset_multiple(format!("rss:item:{uid}"), &fields)
        .ignore();
    let entry = [
        ("uid", uid.as_str()),
        ("feed", "wire"),
        ("title", &title),
        ("published_ts", &ts),
        ("fetched_ts", &ts),
    ];
    packet.xadd("rss:queue", "*", &entry).ignore();
}

const NAMES: [&str; 8] = [
    "Northwind",
    "Halvorsen",
    "Apple",
    "Contoso",
    "Kestrel Foods",
    "Microsoft",
    "Tidewater",
    "Boeing",
];
const MEASURES: [&str; 8] = [
    "profit",
    "revenue",
    "operating loss",
    "sales",
    "net debt",
    "orders",
    "margin",
    "costs",
];
const MOVES: [&str; 8] = [
    "rose",
    "fell",
    "was unchanged at",
    "climbed",
    "slipped",
    "more than doubled",
    "shrank",
    "grew",
];
const CLOSES: [&str; 6] = [
    "analysts had expected less",
    "the company said in a statement on Tuesday",
    "it kept its outlook for the year",
    "shares were little changed in early trading",
    "the board will propose a dividend in spring",
    "a spokesman declined to comment on the talks",
];

fn pick<'a>(list: &[&'a str], n: usize) -> &'a str {
    list[(n.wrapping_mul(0x9e37_79b9) >> 7) % list.len()]
}

fn title(n: usize) -> String {
    let (name, measure) = (pick(&NAMES, n), pick(&MEASURES, n / 3 + 1));
    format!(
        "{name}: {measure} {} {} percent in quarter",
        pick(&MOVES, n / 5 + 2),
        n % 37
    )
}

fn text(n: usize) -> String {
    let mut text = String::with_capacity(ITEM_BYTES + 200);
    let mut at = n.wrapping_mul(31);
    while text.len() < ITEM_BYTES {
        at = at.wrapping_mul(25).wrapping_add(7) % 1_000_003;
        text += &format!(
            "{} said {} {} to {}.{} million euros from {}.{} million a year earlier, and {}. ",
            pick(&NAMES, at),
            pick(&MEASURES, at / 3),
            pick(&MOVES, at / 7),
            at % 900,
            at % 10,
            (at / 2) % 900,
            (at / 5) % 10,
            pick(&CLOSES, at / 11),
        );
    }
    text.truncate(ITEM_BYTES);
    text
}

/// CPU time of a process so far, all of its threads.
pub fn cpu_sec_of(id: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("it runs");
    // Behind the name, which may hold anything: the 12th and 13th field are ticks of 10 ms.
    let rest = text.rsplit_once(')').expect("a stat line").1;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let ticks = |nth: usize| fields[nth].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / 100.0
}

/// What a process has in memory.
pub fn rss_mib_of(id: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let line = text.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_ascii_whitespace().nth(1)?.parse::<f64>().ok());
    kib.expect("a number") / 1024.0
}
