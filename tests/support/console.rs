//! The console, running on a stage, and whoever looks at it over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Beater, Daemon, PATIENCE, Stage, until};

/// A stage with a healer, beats of `db` and `api`, and a console that shows both as up.
pub fn stage() -> (Stage, Daemon, Beater, Console) {
    let mut stage = Stage::new(&["db", "api", "healer"], 0.2, 1.0);
    stage.truth["services"]["api"]["depends_on"] = json!(["db"]);
    stage.reseed();
    let healer = stage.start("healer");
    let beater = stage.beat(&["db", "api"]);
    let console = Console::start(&stage.redis.url(), &[]);
    console.wait_state("db", "up");
    console.wait_state("api", "up");
    console.wait_state("healer", "up");
    (stage, healer, beater, console)
}

/// The token that a console of ours is given.
pub const TOKEN: &str = "s3cret-0123456789-0123456789-0123456789";

/// A console that runs.
pub struct Console {
    pub daemon: Daemon,
    pub port: u16,
}

/// What was answered.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answered {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The value of a field of the head.
    pub fn field(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(n, _)| n.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value)
    }
}

impl Console {
    /// Starts one on the bus at `url`, with a token and further variables.
    pub fn start(url: &str, env: &[(&str, &str)]) -> Console {
        let mut all = vec![
            ("SYSTEM_REDIS_URL", url),
            ("CONSOLE_LISTEN", "127.0.0.1:0"),
            ("CONSOLE_TOKEN", TOKEN),
            ("LOG_LEVEL", "debug"),
        ];
        all.retain(|(name, _)| env.iter().all(|(given, _)| given != name));
        all.extend(env);
        let daemon = Daemon::start("console", &all);
        let line = daemon.wait_log("listening on http://", PATIENCE);
        let port = line
            .rsplit(':')
            .next()
            .and_then(|port| port.trim().trim_end_matches('/').parse().ok());
        Console {
            daemon,
            port: port.unwrap_or_else(|| panic!("no port in {line:?}")),
        }
    }

    /// Sends `head`, without its empty line, and `body`; the whole answer.
    pub fn send(&self, head: &str, body: &str) -> Answered {
        self.try_send(head, body)
            .unwrap_or_else(|e| panic!("{head}: {e}"))
    }

    pub fn try_send(&self, head: &str, body: &str) -> std::io::Result<Answered> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let length = match body.is_empty() {
            true => String::new(),
            false => format!("Content-Length: {}\r\n", body.len()),
        };
        let head = head.trim().replace('\n', "\r\n");
        write!(stream, "{head}\r\nConnection: close\r\n{length}\r\n{body}")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .unwrap_or(0);
        Ok(Answered {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        })
    }

    /// Asks for `path` with the token.
    pub fn get(&self, path: &str) -> Answered {
        self.send(
            &format!("GET {path} HTTP/1.1\nHost: localhost\nAuthorization: Bearer {TOKEN}"),
            "",
        )
    }

    /// Asks for `path` as anybody.
    pub fn get_openly(&self, path: &str) -> Answered {
        self.send(&format!("GET {path} HTTP/1.1\nHost: localhost"), "")
    }

    /// Sends `json` to `path` with the token.
    pub fn post(&self, path: &str, json: &Value) -> Answered {
        let head = format!(
            "POST {path} HTTP/1.1\nHost: localhost\nAuthorization: Bearer {TOKEN}\nContent-Type: application/json"
        );
        self.send(&head, &json.to_string())
    }

    /// The service as the API has it, once it stands so.
    pub fn wait_state(&self, svc: &str, state: &str) -> Value {
        until(&format!("{svc} shown as {state}"), PATIENCE, || {
            let answer = self.get(&format!("/api/v1/services/{svc}"));
            if answer.status == 200 && answer.json()["state"] == state {
                return Ok(answer.json());
            }
            Err(format!("{answer:?}"))
        })
    }

    /// A client that follows live.
    pub fn follow(&self) -> Live {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        Live(BufReader::new(stream))
    }
}

/// A live client.
pub struct Live(BufReader<TcpStream>);

impl Live {
    /// The data of the next frame that is wanted.
    pub fn wait(&mut self, what: &str, within: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        self.0.get_ref().set_read_timeout(Some(within)).unwrap();
        let mut line = String::new();
        loop {
            line.clear();
            match self.0.read_line(&mut line) {
                Ok(0) => panic!("the stream ended before {what}"),
                Ok(_) => {}
                Err(e) => panic!("no {what}: {e}"),
            }
            let Some(data) = line.strip_prefix("data: ") else {
                continue;
            };
            let data: Value = serde_json::from_str(data).unwrap();
            if wanted(&data) {
                return data;
            }
        }
    }
}
