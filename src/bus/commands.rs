//! The command connection: asks and waits for the answer, each wait bounded.

use std::time::Duration;

use redis::{Cmd, ConnectionLike, FromRedisValue, Pipeline, RedisResult, Value};

use super::line::Line;
use super::{Address, BusError, Subscribed};

/// How long each step may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the name look-up to the end of the log-in.
    pub connect: Duration,
    /// For each wait for bytes of an answer, or for room for a question.
    pub read: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            // Of a bus that is a second away: TCP, TLS and the log-in are a second each, at least.
            connect: Duration::from_secs(5),
            read: Duration::from_millis(1500),
        }
    }
}

/// A blocking command connection that is made when first needed, and made anew after it broke.
///
/// A call that fails for want of a connection is not repeated: only the caller knows whether that would be safe.
pub struct Commands {
    address: Address,
    client_name: String,
    limits: Limits,
    line: Option<Line>,
    connects: u64,
}

impl Commands {
    /// A connection to `address` that will call itself `client_name` (`svc:role`) in `CLIENT LIST`.
    pub fn new(address: Address, client_name: impl Into<String>, limits: Limits) -> Commands {
        Commands {
            address,
            client_name: client_name.into(),
            limits,
            line: None,
            connects: 0,
        }
    }

    /// Where it goes.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// How often a connection was made: a change means that everything tied to the old one (WATCH, say) is gone.
    pub fn connects(&self) -> u64 {
        self.connects
    }

    /// Whether a connection is there that has not failed yet.
    pub fn is_connected(&self) -> bool {
        self.line.is_some()
    }

    /// Lets go of the connection; the next call makes a new one.
    pub fn close(&mut self) {
        self.line = None;
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
    pub fn renew(&mut self, budget: Duration) -> Result<bool, BusError> {
        let limits = Limits {
            connect: budget.min(self.limits.connect),
            ..self.limits
        };
        let fresh = Line::open(&self.address, &self.client_name, &limits)?;
        self.connects += 1;
        let old = self.line.as_ref();
        let is_other = old.is_some_and(|old| old.identity().is_other(fresh.identity()));
        self.line = Some(fresh);
        Ok(is_other)
    }

    /// Connects unless connected.
    pub fn connect(&mut self) -> Result<(), BusError> {
        self.line().map(|_| ())
    }

    /// Who answers: the server as it was when the connection was made, which is made now when there is none.
    pub fn server(&mut self) -> Result<Subscribed, BusError> {
        self.line().map(|line| line.identity().clone())
    }

    /// Whether the server serves: one that is still loading its data refuses a PING.
    pub fn ping(&mut self) -> Result<(), BusError> {
        match self.query::<()>(&redis::cmd("PING")) {
            // A user who may not even ask that has been answered all the same.
            Err(error) if error.is_no_such_command() => Ok(()),
            done => done,
        }
    }

    /// Runs one command.
    pub fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, BusError> {
        self.run(|c| command.query(c))
    }

    /// Runs a pipeline.
    pub fn pipe<T: FromRedisValue>(&mut self, pipeline: &Pipeline) -> Result<T, BusError> {
        self.run(|c| pipeline.query(c))
    }

    /// Runs a pipeline of `count` commands; each answer may be an error, for itself.
    pub fn answers(&mut self, pipeline: &Pipeline, count: usize) -> Result<Vec<Value>, BusError> {
        let packet = pipeline.get_packed_pipeline();
        self.run(|c| c.req_packed_commands(&packet, 0, count))
    }

    /// Runs `work` on the connection; when the connection failed in it, it is dropped.
    pub fn run<T>(
        &mut self,
        work: impl FnOnce(&mut Line) -> RedisResult<T>,
    ) -> Result<T, BusError> {
        let done = work(self.line()?);
        done.map_err(|e| {
            let error = BusError::from_redis(e, &self.address, "waiting for an answer");
            // After any failure but an error reply, an answer may still be under way: the connection is of no use.
            // One that takes no writes may have lost its place to another server, which the name leads to by now.
            if error.is_connection_lost() || matches!(error, BusError::ReadOnly { .. }) {
                self.line = None;
            }
            error
        })
    }

    fn line(&mut self) -> Result<&mut Line, BusError> {
        let fresh = match self.line.take() {
            Some(open) if !open.is_stale() => open,
            _ => {
                let made = Line::open(&self.address, &self.client_name, &self.limits)?;
                self.connects += 1;
                made
            }
        };
        Ok(self.line.insert(fresh))
    }
}
