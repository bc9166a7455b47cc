//! A vendor on loopback, a redis-server and the program that is measured.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::handshake::derive_accept_key;

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process that ends with the value.
pub struct Process(Child);

impl Process {
    /// Its memory now, and the most that it ever was: MiB.
    pub fn rss_mib(&self) -> (f64, f64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()));
        let status = status.unwrap_or_default();
        let mib = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
            kib.unwrap_or(0.0) / 1_024.0
        };
        (mib("VmRSS:"), mib("VmHWM:"))
    }

    /// Seconds of CPU so far.
    pub fn cpu_sec(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()));
        let stat = stat.unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
        let ticks = |nth: usize| {
            fields
                .get(nth)
                .and_then(|n| n.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        (ticks(11) + ticks(12)) / 100.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub struct Stage {
    _redis: Process,
    pub port: u16,
    _folder: tempfile::TempDir,
}

impl Stage {
    /// A private redis-server.
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
            _redis: redis,
            port,
            _folder: folder,
        };
        stage.connection();
        stage
    }

    pub fn connection(&self) -> redis::Connection {
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

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Puts a truth in force whose `services.massive` is this.
    pub fn truth(&self, own: &Value) {
        let mut own = own.clone();
        own["heartbeat"] = json!({"interval_sec": 10});
        let truth =
            json!({"services": {"massive": own, "healer": {"heartbeat": {"interval_sec": 10}}}});
        redis::cmd("SET")
            .arg("truth:doc")
            .arg(truth.to_string())
            .query::<()>(&mut self.connection())
            .expect("the truth");
    }

    /// Starts the program that is measured.
    pub fn start(&self, program: &OsString) -> Process {
        let mut command = Command::new(program);
        command.env_clear().env("SYSTEM_REDIS_URL", self.url());
        command.env("MASSIVE_API_KEY", "of-no-use");
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .stdin(Stdio::null());
        Process(command.spawn().expect("the program"))
    }

    /// A field of a hash, as soon as it is there and as wanted.
    pub fn wait(&self, key: &str, field: &str, wanted: impl Fn(&str) -> bool) -> String {
        let (mut bus, end) = (self.connection(), Instant::now() + PATIENCE);
        loop {
            let found: Option<String> = redis::cmd("HGET")
                .arg(key)
                .arg(field)
                .query(&mut bus)
                .expect("an answer");
            if let Some(found) = found.filter(|found| wanted(found)) {
                return found;
            }
            assert!(Instant::now() < end, "{key} {field} is not as wanted");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

type Answer = dyn Fn(&str) -> Arc<Vec<u8>> + Send + Sync;
type Stream = dyn Fn(TcpStream, &str) + Send + Sync;

/// The vendor: answers by path and query, and streams to whoever asks for that.
pub struct Vendor {
    pub port: u16,
    /// When the first request for a chain came, since somebody asked.
    first: Arc<Mutex<Option<Instant>>>,
}

impl Vendor {
    pub fn open(
        answer: impl Fn(&str) -> Arc<Vec<u8>> + Send + Sync + 'static,
        stream: impl Fn(TcpStream, &str) + Send + Sync + 'static,
    ) -> Vendor {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let first = Arc::new(Mutex::new(None));
        let (seen, answer, stream) = (first.clone(), Arc::new(answer), Arc::new(stream));
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (seen, answer, stream) = (seen.clone(), answer.clone(), stream.clone());
                std::thread::spawn(move || serve(connection, &seen, &*answer, &*stream));
            }
        });
        Vendor { port, first }
    }

    pub fn first_chain(&self) -> Option<Instant> {
        self.first.lock().expect("no panic").take()
    }
}

fn serve(connection: TcpStream, seen: &Mutex<Option<Instant>>, answer: &Answer, stream: &Stream) {
    let _ = connection.set_nodelay(true);
    let mut reader = BufReader::new(connection.try_clone().expect("a socket"));
    let mut writer = connection;
    loop {
        let (mut request, mut key) = (String::new(), None);
        if !reader.read_line(&mut request).is_ok_and(|read| read > 0) {
            return;
        }
        loop {
            let mut line = String::new();
            if !reader.read_line(&mut line).is_ok_and(|read| read > 0) {
                return;
            }
            if line.trim().is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("sec-websocket-key") {
                key = Some(value.trim().to_owned());
            }
        }
        let target = request.split(' ').nth(1).unwrap_or_default();
        if let Some(key) = key {
            let accept = derive_accept_key(key.as_bytes());
            let _ = write!(
                writer,
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            return stream(writer, target);
        }
        if target.starts_with("/v3/snapshot/options/") {
            let mut first = seen.lock().expect("no panic");
            first.get_or_insert_with(Instant::now);
        }
        let body = answer(target);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if writer
            .write_all(head.as_bytes())
            .and_then(|()| writer.write_all(&body))
            .is_err()
        {
            return;
        }
    }
}
