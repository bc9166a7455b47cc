//! Writes that count only while a lease is held: compared by the server, in the same script or transaction.

use std::borrow::Borrow;
use std::time::Duration;

use redis::{ConnectionLike, FromRedisValue, Pipeline, RedisResult};

use crate::bus::{BusError, Commands, Connection};

/// How a script begins that only the holder may run. KEYS: lease first. ARGV: token first. Answers `fenced` to others.
pub const FENCE: &str = r#"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end
"#;

/// As [`FENCE`], where a lease that nobody holds keeps nobody from writing; nor does it one that has no token.
pub const FENCE_UNLESS_FREE: &str = r#"
local holder = redis.call('GET', KEYS[1])
if ARGV[1] ~= '' and holder and holder ~= ARGV[1] then return 'fenced' end
"#;

/// Whether a write passes when nobody holds the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfFree {
    /// No: whoever holds no lease has none to write for.
    Refused,
    /// Yes: it ran out, and nobody else wrote since.
    Passes,
}

/// The token of one holding, and the key that must still hold it. Clones are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    key: String,
    token: String,
    if_free: IfFree,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed<T> {
    /// It was carried out; what its commands answered.
    Done(T),
    /// The lease is another's: nothing was written.
    Fenced,
    /// Some key that it depends on was written by others each time: nothing was written.
    Contended,
}

impl Fence {
    /// The fence of the lease at `key` for the holding `token`.
    pub fn new(key: &str, token: &str, if_free: IfFree) -> Fence {
        Fence {
            key: key.to_owned(),
            token: token.to_owned(),
            if_free,
        }
    }

    /// The key of the lease.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value that it must have.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Whether it lets pass what is written when nobody holds the lease.
    pub fn if_free(&self) -> IfFree {
        self.if_free
    }

    /// Carries out a transaction if the lease is still held and neither it nor the keys in `watched` change meanwhile;
    /// tries that up to `tries` times. A renewal is a change too. `prepare` may look at the watched keys and gives the
    /// transaction, which must be atomic. Each wait for an answer may take up to `patience`.
    ///
    /// A transaction of before whose answer was lost may have been carried out: it must do no harm when it is repeated.
    ///
    /// # Errors
    /// When the connection breaks, or the server refuses something.
    pub fn commit<T: FromRedisValue, P: Borrow<Pipeline>>(
        &self,
        commands: &mut Commands,
        patience: Duration,
        tries: usize,
        watched: &[&str],
        mut prepare: impl FnMut(&mut Connection) -> RedisResult<P>,
    ) -> Result<Committed<T>, BusError> {
        let mut look = redis::pipe();
        look.cmd("WATCH").arg(&self.key).arg(watched).ignore();
        look.cmd("GET").arg(&self.key);
        for _ in 0..tries {
            let done = commands.run_within(patience, |connection| {
                let (holder,): (Option<String>,) = look.query(connection)?;
                if !self.lets_pass(holder.as_deref()) {
                    unwatch(connection)?;
                    return Ok(Some(Committed::Fenced));
                }
                let transaction = match prepare(connection) {
                    Ok(transaction) => transaction,
                    Err(error) => {
                        // Of a connection that broke, this is not heard either.
                        let _ = unwatch(connection);
                        return Err(error);
                    }
                };
                let answers: Option<T> = transaction.borrow().query(connection)?;
                Ok(answers.map(Committed::Done))
            })?;
            if let Some(done) = done {
                return Ok(done);
            }
        }
        Ok(Committed::Contended)
    }

    fn lets_pass(&self, holder: Option<&str>) -> bool {
        match holder {
            Some(holder) => holder == self.token,
            None => self.if_free == IfFree::Passes,
        }
    }
}

fn unwatch(connection: &mut impl ConnectionLike) -> RedisResult<()> {
    redis::cmd("UNWATCH").query(connection)
}
