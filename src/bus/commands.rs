//! The command connection: asks and waits for the answer, each wait bounded.

use std::time::Duration;

use redis::{Cmd, ConnectionLike, FromRedisValue, Pipeline, RedisResult, Value};

use super::connection::Connection;
use super::{Address, BusError, Limits, ServerIdentity};

/// A blocking command connection that is made when first needed, and made anew after it broke.
///
/// A call that fails for want of a connection is not repeated: only the caller knows whether that would be safe.
pub struct Commands {
    address: Address,
    client_name: String,
    limits: Limits,
    connection: Option<Connection>,
    connects: u64,
}

impl Commands {
    /// A connection to `address` that will call itself `client_name` (`svc:role`) in `CLIENT LIST`.
    pub fn new(address: Address, client_name: impl Into<String>, limits: Limits) -> Commands {
        Commands {
            address,
            client_name: client_name.into(),
            limits,
            connection: None,
            connects: 0,
        }
    }

    /// Where it goes.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether this process was told to stop: then no connection is made any more, and that is no fault of the bus.
    pub fn is_ending(&self) -> bool {
        self.address.context().connections.is_ending()
    }

    /// How often a connection was made: a change means that everything tied to the old one (WATCH, say) is gone.
    pub fn connects(&self) -> u64 {
        self.connects
    }

    /// Whether a connection is there that has not failed yet.
    pub fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// The address of this end of the connection, when there is one.
    pub fn local_address(&self) -> Option<String> {
        self.connection.as_ref()?.local_address()
    }

    /// Lets go of the connection; the next call makes a new one.
    pub fn close(&mut self) {
        self.connection = None;
    }

    /// Goes to another address from the next call on.
    pub fn set_address(&mut self, address: Address) {
        if address != self.address {
            self.close();
        }
        self.address = address;
    }

    /// Looks the name up afresh and connects, within `budget`; the old connection goes when the new one is there.
    /// Whether another server answers than before, or the same one in another role.
    ///
    /// # Errors
    /// There is no connection within `budget`; the old one stays.
    pub fn renew(&mut self, budget: Duration) -> Result<bool, BusError> {
        let limits = Limits {
            connect: budget.min(self.limits.connect),
            ..self.limits
        };
        let fresh = Connection::open(&self.address, &self.client_name, &limits)?;
        self.connects += 1;
        let old = self.connection.as_ref();
        let is_other = old.is_some_and(|old| old.identity().is_other(fresh.identity()));
        self.connection = Some(fresh);
        Ok(is_other)
    }

    /// Connects unless connected.
    ///
    /// # Errors
    /// There is no connection within the limits that this was made with.
    pub fn connect(&mut self) -> Result<(), BusError> {
        self.connection().map(|_| ())
    }

    /// Who answers: the server as it was when the connection was made, which is made now when there is none.
    ///
    /// # Errors
    /// As [`connect`](Commands::connect).
    pub fn server(&mut self) -> Result<ServerIdentity, BusError> {
        self.connection()
            .map(|connection| connection.identity().clone())
    }

    /// Whether the server serves: one that is still loading its data refuses a PING.
    ///
    /// # Errors
    /// There is no connection, or the server does not serve yet ([`BusError::Loading`]).
    pub fn ping(&mut self) -> Result<(), BusError> {
        match self.query::<()>(&redis::cmd("PING")) {
            // A user who may not even ask that has been answered all the same.
            Err(error) if error.is_no_such_command() => Ok(()),
            done => done,
        }
    }

    /// Whether this can be the bus that carries control: not in cluster mode, where `keys`, which belong to different
    /// slots, cannot be reached together. What else keeps it from answering is no matter here.
    ///
    /// # Errors
    /// When it is a Redis Cluster.
    pub fn refuse_cluster(&mut self, keys: [&str; 2]) -> Result<(), BusError> {
        match self.query::<i64>(redis::cmd("EXISTS").arg(&keys)) {
            Err(error @ BusError::Cluster { .. }) => Err(error),
            _ => Ok(()),
        }
    }

    /// Runs one command.
    ///
    /// # Errors
    /// There is no connection, it broke or was too slow, the server answered with an error, or the answer is no `T`.
    pub fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, BusError> {
        self.run(|c| command.query(c))
    }

    /// Runs a pipeline.
    ///
    /// # Errors
    /// As [`query`](Commands::query); after an error in the middle, what came before it was done.
    pub fn pipe<T: FromRedisValue>(&mut self, pipeline: &Pipeline) -> Result<T, BusError> {
        self.run(|c| pipeline.query(c))
    }

    /// Runs a pipeline of `count` commands; each answer may be an error, for itself.
    ///
    /// # Errors
    /// The connection broke before all answers were there: what was done by then is not known.
    pub fn answers(&mut self, pipeline: &Pipeline, count: usize) -> Result<Vec<Value>, BusError> {
        let packet = packed(pipeline);
        self.run(|c| c.req_packed_commands(&packet, 0, count))
    }

    /// As [`run`](Commands::run), where each wait may take up to `patience`.
    ///
    /// # Errors
    /// As [`run`](Commands::run).
    pub fn run_within<T>(
        &mut self,
        patience: Duration,
        work: impl FnOnce(&mut Connection) -> RedisResult<T>,
    ) -> Result<T, BusError> {
        let usual = self.limits.read;
        self.run(|connection| {
            connection.set_patience(patience);
            let done = work(connection);
            connection.set_patience(usual);
            done
        })
    }

    /// Runs `work` on the connection; when the connection failed in it, it is dropped.
    ///
    /// # Errors
    /// There is no connection, or `work` failed.
    pub fn run<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> RedisResult<T>,
    ) -> Result<T, BusError> {
        let done = work(self.connection()?);
        done.map_err(|e| {
            let error = BusError::from_redis(e, &self.address, "waiting for an answer");
            // After any failure but an error reply, an answer may still be under way: the connection is of no use.
            // One that takes no writes may have lost its place to another server, which the name leads to by now.
            if error.is_connection_lost() || matches!(error, BusError::ReadOnly { .. }) {
                self.connection = None;
            }
            error
        })
    }

    fn connection(&mut self) -> Result<&mut Connection, BusError> {
        // One that broke while nobody used it is no news: it is made anew without a word.
        let kept = self.connection.take().filter(|kept| !kept.is_stale());
        let kept = kept.and_then(|mut kept| kept.is_quiet().then_some(kept));
        let connection = match kept {
            Some(kept) => kept,
            None => {
                let made = Connection::open(&self.address, &self.client_name, &self.limits)?;
                self.connects += 1;
                made
            }
        };
        Ok(self.connection.insert(connection))
    }
}

/// The commands of a pipeline that is no transaction, as they are sent. The Redis crate's own takes five times as long, and
/// longer than the answers to many small ones.
pub(super) fn packed(pipeline: &Pipeline) -> Vec<u8> {
    let sizes = pipeline.cmd_iter().map(|command| {
        let words = command.args_iter();
        words.map(|word| word_of(&word).len() + WORD_BYTES).sum()
    });
    let size: usize = sizes.map(|words: usize| words + WORD_BYTES).sum();
    let mut out = Vec::with_capacity(size);
    for command in pipeline.cmd_iter() {
        length(&mut out, b'*', command.args_iter().count());
        for word in command.args_iter() {
            let word = word_of(&word);
            length(&mut out, b'$', word.len());
            out.extend_from_slice(word);
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}

/// What stands around a word at most, but for very long ones.
const WORD_BYTES: usize = 10;

fn word_of<'a>(word: &redis::Arg<&'a [u8]>) -> &'a [u8] {
    match word {
        redis::Arg::Simple(word) => word,
        // Where a SCAN stands, which no pipeline begins.
        _ => b"0",
    }
}

fn length(out: &mut Vec<u8>, kind: u8, length: usize) {
    out.push(kind);
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut left = length;
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    for digit in &digits[at..] {
        out.push(*digit);
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread;
    use std::time::Instant;

    use super::*;

    const GREETING: &[u8] = b"+OK\r\n:1\r\n$8\r\nrun_id:a\r\n$11\r\nrole:master\r\n";

    /// A server that greets each connection and then serves it by `serve`.
    fn served_by(serve: impl Fn(TcpStream) + Send + 'static) -> Commands {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let _ = stream.read(&mut [0; 4096]);
                stream.write_all(GREETING).expect("greeted");
                serve(stream);
            }
        });
        let url = format!("redis://127.0.0.1:{port}");
        let limits = Limits {
            connect: Duration::from_secs(10),
            read: Duration::from_millis(200),
        };
        Commands::new(Address::parse(&url, "TEST").expect("valid"), "test", limits)
    }

    #[test]
    fn a_pipeline_is_sent_as_the_crate_would() {
        let mut pipeline = redis::pipe();
        pipeline.cmd("PING");
        for len in [0, 9, 10, 99, 1_000, 70_000] {
            pipeline.cmd("SET").arg("key").arg(vec![b'x'; len]);
        }
        let ours = packed(&pipeline);
        assert_eq!(ours, pipeline.get_packed_pipeline());
        assert_eq!(packed(&redis::pipe()), b"");
    }

    #[test]
    fn a_long_patience_ends_with_the_work_that_needs_it_also_when_that_fails() {
        let mut commands = served_by(|mut stream| {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"-ERR no\r\n");
            // The next question is not answered.
            while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
        });
        let long = Duration::from_secs(3600);
        let failed = commands.run_within(long, |connection| {
            redis::cmd("EXEC").query::<()>(connection)
        });
        assert!(matches!(failed, Err(BusError::Reply { .. })), "{failed:?}");
        let began = Instant::now();
        let late = commands.query::<()>(&redis::cmd("GET"));
        assert!(matches!(late, Err(BusError::TimedOut { .. })), "{late:?}");
        assert!(began.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn a_connection_that_was_closed_while_idle_is_made_anew_without_a_failure() {
        let (closed, is_closed) = crossbeam_channel::bounded(10);
        let mut commands = served_by(move |mut stream| {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"+PONG\r\n");
            drop(stream);
            closed.send(()).expect("heard");
        });
        for connects in 1..=5 {
            commands.ping().expect("an answer");
            assert_eq!(commands.connects(), connects);
            is_closed.recv().expect("closed");
        }
    }
}
