//! One connection of our own: made, logged in, and asked, each wait bounded.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use redis::{Cmd, ConnectionLike, RedisResult, Value};

use super::answers::Answers;
use super::byte_stream::{ByteStream, remaining};
use super::{Address, BusError, Limits, ServerIdentity};

/// For an answer that is wanted when the time for all of them has passed.
const LAST_WORD: Duration = Duration::from_millis(50);

/// A connection that answers. As a [`ConnectionLike`] it gives up at the first answer that does not come, where the
/// Redis crate's own would wait the whole limit for each of the others.
pub struct Connection {
    address: Address,
    stream: ByteStream,
    answers: Answers,
    /// How long a wait for bytes of an answer, or for room for a question, may take.
    patience: Duration,
    /// What the socket was last told of it.
    applied: Duration,
    identity: ServerIdentity,
}

impl Connection {
    /// Connects, logs in, says who we are and asks who answers, all of it within `limits.connect`.
    pub(super) fn open(
        address: &Address,
        client_name: &str,
        limits: &Limits,
    ) -> Result<Connection, BusError> {
        let end = Instant::now() + limits.connect;
        let stream = ByteStream::connect(address, end)?;
        let mut connection = Connection {
            address: address.clone(),
            stream,
            answers: Answers::new(),
            patience: limits.connect,
            applied: Duration::ZERO,
            identity: ServerIdentity::default(),
        };
        connection
            .greet(client_name, end)
            .map_err(|e| with_hint(e, address))?;
        connection.patience = limits.read;
        let connections = &address.context().connections;
        connections.greeted(connection.stream.socket(), &connection.identity);
        Ok(connection)
    }

    /// Who answers, as it said at the greeting.
    pub(super) fn identity(&self) -> &ServerIdentity {
        &self.identity
    }

    /// Whether the server has not ended the connection, nor said anything that nobody asked for: before a question, for
    /// a server may close what was idle for long (`timeout` in redis.conf).
    pub(super) fn is_quiet(&mut self) -> bool {
        self.stream.is_quiet()
    }

    /// The address of this end.
    pub(super) fn local_address(&self) -> Option<String> {
        let here = self.stream.tcp().local_addr().ok()?;
        Some(here.ip().to_string())
    }

    /// Whether another server answers at its address by now.
    pub(super) fn is_stale(&self) -> bool {
        self.stream.socket().is_stale()
    }

    /// How long each wait may take from now on.
    pub(super) fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// The bare stream, for who speaks or listens on it in another way.
    pub(super) fn into_stream(self) -> ByteStream {
        self.stream
    }

    /// What is asked at the greeting, in one packet, and how many of its commands must succeed: the first ones.
    fn greeting(&self, client_name: &str) -> (Vec<u8>, usize) {
        let settings = self.address.info().redis_settings();
        let mut packet = Vec::new();
        let mut ask = |command: &Cmd| command.write_packed_command(&mut packet);
        let mut owed = 0;
        if let Some(password) = settings.password() {
            let mut auth = redis::cmd("AUTH");
            if let Some(user) = settings.username() {
                auth.arg(user);
            }
            ask(auth.arg(password));
            owed += 1;
        }
        if settings.db() != 0 {
            ask(redis::cmd("SELECT").arg(settings.db()));
            owed += 1;
        }
        ask(redis::cmd("CLIENT").arg("SETNAME").arg(client_name));
        ask(redis::cmd("CLIENT").arg("ID"));
        ask(redis::cmd("INFO").arg("server"));
        ask(redis::cmd("INFO").arg("replication"));
        (packet, owed)
    }

    /// All questions go out in one packet: a greeting costs one turn, and does not wait the whole limit for each.
    fn greet(&mut self, client_name: &str, end: Instant) -> Result<(), BusError> {
        let (packet, owed) = self.greeting(client_name);
        let error = |e, address: &Address| BusError::from_redis(e, address, "log in");
        self.send(&packet).map_err(|e| error(e, &self.address))?;
        let mut answer = || -> Result<Value, BusError> {
            self.patience = remaining(end).ok_or_else(|| BusError::TimedOut {
                address: self.address.to_string(),
                what: "log in".into(),
            })?;
            match self.receive() {
                Ok(Value::ServerError(e)) => Err(BusError::from_reply(
                    e.code(),
                    e.details().unwrap_or_default(),
                    &self.address,
                )),
                Ok(value) => Ok(value),
                Err(e) => Err(error(e, &self.address)),
            }
        };
        for _ in 0..owed {
            answer()?;
        }
        // A user that may do little, and a server that knows little, shall still do to work with.
        let mut refused = Vec::new();
        let mut allowed = |what| match answer() {
            Ok(value) => Ok(Some(value)),
            Err(BusError::Denied { .. } | BusError::Reply { .. }) => {
                refused.push(what);
                Ok(None)
            }
            Err(e) => Err(e),
        };
        allowed("CLIENT SETNAME")?;
        let client_id = match allowed("CLIENT ID")? {
            Some(Value::Int(id)) => Some(id),
            _ => None,
        };
        let run_id = info(allowed("INFO server")?, "run_id");
        let mut role = info(allowed("INFO replication")?, "role");
        if role.is_none() {
            let asked = redis::cmd("ROLE").get_packed_command();
            self.send(&asked).map_err(|e| error(e, &self.address))?;
            self.patience = remaining(end).unwrap_or(LAST_WORD);
            role = role_of(self.receive().map_err(|e| error(e, &self.address))?);
        }
        if !refused.is_empty() {
            self.say_limits(&refused);
        }
        self.identity = ServerIdentity {
            client_id,
            run_id,
            role,
            count: 0,
        };
        Ok(())
    }

    /// What a server that refuses `refused` cannot be asked, once.
    fn say_limits(&self, refused: &[&str]) {
        let (address, refused) = (&self.address, refused.join(", "));
        if !address.context().connections.is_news(address, &refused) {
            return;
        }
        let blind = if refused.contains("INFO server") {
            "; that another server answers under this name is noticed only when a connection breaks"
        } else {
            ""
        };
        log::warn!(
            "{address} refuses {refused}: it works without, and subscriptions are proven by their confirmations and by \
             echoes{blind}. For all of it: ACL SETUSER <user> +client|setname +client|id +client|list +info, and no \
             rename-command for CLIENT and INFO"
        );
    }

    fn send(&mut self, packet: &[u8]) -> RedisResult<()> {
        let _busy = self.stream.socket().busy();
        self.apply_patience()?;
        self.stream.write_all(packet)?;
        Ok(self.stream.flush()?)
    }

    fn receive(&mut self) -> RedisResult<Value> {
        let _busy = self.stream.socket().busy();
        self.apply_patience()?;
        self.answers.next(&mut self.stream)
    }

    /// To be called while marked as busy: a wait that does not see the end of the process is then cut by it.
    fn apply_patience(&mut self) -> io::Result<()> {
        let connections = &self.address.context().connections;
        let patience = connections.patience(self.patience);
        if patience != self.applied {
            self.stream.limit(patience)?;
            self.applied = patience;
        }
        Ok(())
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command(&mut self, command: &[u8]) -> RedisResult<Value> {
        self.send(command)?;
        self.receive()
    }

    fn req_packed_commands(
        &mut self,
        commands: &[u8],
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        self.send(commands)?;
        for _ in 0..offset {
            // What was refused on the way into a transaction makes the EXEC fail.
            self.receive()?;
        }
        (0..count).map(|_| self.receive()).collect()
    }

    fn get_db(&self) -> i64 {
        self.address.info().redis_settings().db()
    }

    fn check_connection(&mut self) -> bool {
        redis::cmd("PING").query::<()>(self).is_ok()
    }

    fn is_open(&self) -> bool {
        !self.is_stale()
    }
}

/// A server that hangs up or talks nonsense at the first word may speak TLS.
fn with_hint(error: BusError, address: &Address) -> BusError {
    let hint = |reason: String| {
        format!("{reason}; if that is a TLS port, write rediss:// instead of redis://")
    };
    match error {
        _ if address.tls() => error,
        BusError::Unreachable { address, reason } => BusError::Unreachable {
            address,
            reason: hint(reason),
        },
        BusError::Protocol { address, reason } => BusError::Protocol {
            address,
            reason: hint(reason),
        },
        other => other,
    }
}

/// A field of what INFO answered, if it did.
fn info(answer: Option<Value>, field: &str) -> Option<String> {
    match answer? {
        Value::BulkString(text) => info_field(&String::from_utf8_lossy(&text), field),
        _ => None,
    }
}

/// The role by the answer to ROLE, whose first part it is.
fn role_of(answer: Value) -> Option<String> {
    match answer {
        Value::Array(parts) => redis::from_redis_value(parts.into_iter().next()?).ok(),
        _ => None,
    }
}

/// The value of `field` in the text that INFO answers.
pub fn info_field(info: &str, field: &str) -> Option<String> {
    info.lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
        .map(|value| value.trim().to_owned())
}
