//! A private redis-server on loopback, and everything bad that can happen to it.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use super::{PATIENCE, send_signal, until};

/// Clients with this prefix to their name belong to the test; [`RedisServer::kill_clients`] spares them.
pub const TEST_CLIENT: &str = "test:";

/// A redis-server process. It keeps its data in a folder of its own, so that a restart finds it again.
pub struct RedisServer {
    port: u16,
    folder: TempDir,
    args: Vec<String>,
    env: Vec<(String, String)>,
    password: Option<String>,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts one on a free port.
    pub fn start() -> RedisServer {
        RedisServer::start_with(&[])
    }

    /// Starts one with further `--name value` arguments.
    pub fn start_with(args: &[&str]) -> RedisServer {
        RedisServer::start_in(Vec::new(), args)
    }

    /// As [`start_with`](RedisServer::start_with), with variables that this process does not have.
    pub fn start_in(env: Vec<(String, String)>, args: &[&str]) -> RedisServer {
        let mut server = RedisServer::prepare(args);
        server.env = env;
        // Another process may take the port between the look and the start.
        for _ in 0..5 {
            if server.launch() {
                return server;
            }
            server.port = free_port();
        }
        panic!("redis-server does not start:\n{}", server.log());
    }

    /// Reserves a port, but starts nothing yet; see [`start_again`](RedisServer::start_again).
    pub fn prepare(args: &[&str]) -> RedisServer {
        let password = args
            .iter()
            .position(|a| *a == "--requirepass")
            .map(|i| args[i + 1].to_owned());
        RedisServer {
            port: free_port(),
            folder: tempfile::tempdir().unwrap(),
            args: args.iter().map(|a| a.to_string()).collect(),
            env: Vec::new(),
            password,
            child: None,
        }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL, without the password if it has one.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What it asks for, if anything.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// A new connection, with every wait bounded, that [`kill_clients`](RedisServer::kill_clients) spares.
    pub fn connection(&self) -> redis::Connection {
        self.try_connection()
            .unwrap_or_else(|e| panic!("redis at {}: {e}", self.port))
    }

    /// As [`connection`](RedisServer::connection), for a server that may be away.
    pub fn try_connection(&self) -> redis::RedisResult<redis::Connection> {
        connect(self.port, self.password.as_deref())
    }

    /// Runs one command on a connection of its own: `redis.query::<i64>(&["INCR", "n"])`.
    #[track_caller]
    pub fn query<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_query(words)
            .unwrap_or_else(|e| panic!("{words:?}: {e}"))
    }

    /// As [`query`](RedisServer::query), with the failure for the caller.
    pub fn try_query<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        command(words).query(&mut self.try_connection()?)
    }

    /// `CONFIG SET name value`.
    #[track_caller]
    pub fn config_set(&self, name: &str, value: &str) {
        self.query::<()>(&["CONFIG", "SET", name, value]);
    }

    /// Asks for another password from now on; connections of before stay.
    pub fn change_password(&mut self, password: &str) {
        self.config_set("requirepass", password);
        self.password = Some(password.to_owned());
    }

    /// Subscribers of `channel` by `PUBSUB NUMSUB`; 0 also while the server is away.
    pub fn subscribers(&self, channel: &str) -> u64 {
        self.try_query::<(String, u64)>(&["PUBSUB", "NUMSUB", channel])
            .map_or(0, |(_, n)| n)
    }

    /// Waits until `channel` has at least `n` subscribers.
    #[track_caller]
    pub fn wait_subscribed(&self, channel: &str, n: u64) {
        until(
            &format!("{n} subscribers of {channel}"),
            PATIENCE,
            || match self.subscribers(channel) {
                there if there >= n => Ok(()),
                there => Err(format!("{there} are there")),
            },
        );
    }

    /// SIGKILL, as `kill -9` would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // SIGKILL also ends a stopped process.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGSTOP.
    pub fn pause(&self) {
        send_signal(self.id(), Signal::STOP);
    }

    /// SIGCONT.
    pub fn resume(&self) {
        send_signal(self.id(), Signal::CONT);
    }

    /// Starts it on the same port, with the data that the last one left.
    pub fn start_again(&mut self) {
        self.kill();
        // Nobody else is given this port, but a connection of a moment ago may still hold it.
        let end = Instant::now() + PATIENCE;
        while !self.launch() {
            assert!(
                Instant::now() < end,
                "redis-server does not start again:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Starts it on the same port, without any data.
    pub fn start_again_empty(&mut self) {
        self.kill();
        for file in fs::read_dir(self.folder.path()).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
        self.start_again();
    }

    /// Kills the connection of every client but the test's own; gives how many there were.
    pub fn kill_clients(&self) -> usize {
        let mut connection = self.connection();
        let list: String = command(&["CLIENT", "LIST"]).query(&mut connection).unwrap();
        let mut killed = 0;
        for line in list.lines() {
            let field = |name: &str| {
                line.split(' ')
                    .find_map(|f| f.strip_prefix(name)?.strip_prefix('='))
            };
            if field("name").is_some_and(|n| n.starts_with(TEST_CLIENT)) {
                continue;
            }
            let id = field("id").unwrap();
            // One that left by itself meanwhile is as good as killed.
            killed += command(&["CLIENT", "KILL", "ID", id])
                .query::<usize>(&mut connection)
                .unwrap_or(0);
        }
        killed
    }

    /// As [`start_again`](RedisServer::start_again), but back as soon as the server answers that it is loading.
    pub fn start_again_loading(&mut self) {
        self.kill();
        self.spawn();
        until("a server that loads", PATIENCE, || {
            match self.try_query::<String>(&["PING"]) {
                Err(e) if e.code() == Some("LOADING") => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    }

    /// Makes every later save of its data fail.
    pub fn spoil_saves(&self) {
        // A folder where the file should go.
        fs::create_dir(self.folder.path().join("dump.rdb")).unwrap();
    }

    /// Everything that was written to it since its start, as its append-only files keep it.
    pub fn data(&self) -> String {
        let folder = self.folder.path().join("appendonlydir");
        let files = fs::read_dir(folder).unwrap().map(|f| f.unwrap().path());
        files
            .map(|file| String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned())
            .collect()
    }

    /// Its data as it lies in a file after SAVE, byte for byte.
    pub fn saved(&self) -> Vec<u8> {
        self.query::<()>(&["SAVE"]);
        fs::read(self.folder.path().join("dump.rdb")).unwrap()
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// What this server calls a command, by its `--rename-command` arguments.
    fn name_of<'a>(&'a self, command: &'a str) -> &'a str {
        let mut threes = self.args.windows(3);
        let renamed = threes.find(|three| three[0] == "--rename-command" && three[1] == command);
        renamed.map_or(command, |three| &three[2])
    }

    fn spawn(&mut self) {
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            // Data in files, but none of them synced: a killed process loses nothing, only a killed machine would.
            .args(["--save", "", "--appendonly", "yes", "--appendfsync", "no"])
            .args(["--logfile", "log", "--dir"])
            .arg(self.folder.path())
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        self.child = Some(child);
    }

    /// Whether it came up.
    fn launch(&mut self) -> bool {
        self.spawn();
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if self.try_query::<String>(&["PING"]).is_ok() && self.is_mine() {
                return true;
            }
            let exited = self.child.as_mut().unwrap().try_wait().unwrap().is_some();
            if exited {
                self.child = None;
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("redis-server does not answer:\n{}", self.log());
    }

    /// Whether what answers on the port is the process that was started here.
    fn is_mine(&self) -> bool {
        self.try_query::<String>(&[self.name_of("INFO"), "server"])
            .is_ok_and(|info| {
                info.lines()
                    .any(|l| l == format!("process_id:{}", self.id()))
            })
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(30).collect();
            eprintln!(
                "--- redis-server on {}, last first ---\n{}",
                self.port,
                tail.join("\n")
            );
        }
    }
}

/// A Redis command of these words.
pub fn command(words: &[&str]) -> redis::Cmd {
    let mut command = redis::cmd(words[0]);
    for word in &words[1..] {
        command.arg(word);
    }
    command
}

/// Connects to a server on loopback, with every wait bounded.
pub fn connect(port: u16, password: Option<&str>) -> redis::RedisResult<redis::Connection> {
    let login = password.map(|p| format!(":{p}@")).unwrap_or_default();
    let client = redis::Client::open(format!("redis://{login}127.0.0.1:{port}"))?;
    let mut connection = client.get_connection_with_timeout(Duration::from_secs(2))?;
    connection.set_read_timeout(Some(Duration::from_secs(10)))?;
    connection.set_write_timeout(Some(Duration::from_secs(10)))?;
    let name = format!("{TEST_CLIENT}it");
    let named = command(&["CLIENT", "SETNAME", &name]).query::<()>(&mut connection);
    // A server may have no such command.
    named.or_else(|error| {
        if error.to_string().contains("unknown command") {
            Ok(())
        } else {
            Err(error)
        }
    })?;
    Ok(connection)
}

/// A port on loopback that nobody uses and no other test of this process is given.
///
/// It lies below the ports that the kernel gives to outgoing connections: there, a client that knocks again and again
/// at a closed port can meet itself.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    for _ in 0..1000 {
        let port = 10_000 + fastrand::u16(..20_000);
        let is_free = TcpListener::bind(("127.0.0.1", port)).is_ok();
        if is_free && GIVEN.lock().unwrap().insert(port) {
            return port;
        }
    }
    panic!("no free port");
}
