//! Writes that count only while a lease is held: compared by the server, in the same script or transaction.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::time::Duration;

use redis::{ConnectionLike, FromRedisValue, Pipeline, RedisResult};

use crate::bus::{BusError, Commands, Connection};
use crate::contract::lease::fence_key;

/// How a script begins that only the holder may run. KEYS: lease first. ARGV: token first. Answers `fenced` to others.
pub const FENCE: &str = r#"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end
"#;

/// As [`FENCE`], where a lease that nobody holds keeps nobody from writing; nor does it one that has no token.
pub const FENCE_UNLESS_FREE: &str = r#"
local holder = redis.call('GET', KEYS[1])
if ARGV[1] ~= '' and holder and holder ~= ARGV[1] then return 'fenced' end
"#;

/// As [`FENCE`] for a part of shared work: a lower token than was seen is refused, a higher one is remembered. KEYS: fence
/// first. ARGV: token first.
pub const FENCE_OF_PART: &str = r#"
local seen = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
if seen > tonumber(ARGV[1]) then return 'fenced' end
if seen < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
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
    rule: Rule,
}

/// How what stands at the key is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// With the value of a lease, which must be the token.
    Lease(IfFree),
    /// With the highest token that was seen: a number, which may not be above this one.
    Part(u64),
}

/// Whether a transaction may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passage {
    Free,
    /// The token is higher than what was seen, and is to be remembered first.
    IsNew,
    Fenced,
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
            rule: Rule::Lease(if_free),
        }
    }

    /// The fence of a part of the work that instances of `svc` share, for the holding `token`: it stands on the bus that
    /// takes the results, and lets nobody pass any more who comes with a lower token than was seen there.
    pub fn of_part(svc: &str, part: u32, token: u64) -> Fence {
        Fence {
            key: fence_key(svc, part),
            token: token.to_string(),
            rule: Rule::Part(token),
        }
    }

    /// The key that is compared: of the lease, or of the fence of a part.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value that it must have, or may not be above.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Whether it lets pass what is written when nobody holds the lease. Of a part, the first token passes.
    pub fn if_free(&self) -> IfFree {
        match self.rule {
            Rule::Lease(if_free) => if_free,
            Rule::Part(_) => IfFree::Passes,
        }
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
                match self.passage(holder.as_deref()) {
                    Passage::Free => {}
                    Passage::IsNew => {
                        self.remember(connection)?;
                        return Ok(None);
                    }
                    Passage::Fenced => {
                        unwatch(connection)?;
                        return Ok(Some(Committed::Fenced));
                    }
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

    fn passage(&self, stored: Option<&str>) -> Passage {
        let lets_pass = |is_ours| {
            if is_ours {
                Passage::Free
            } else {
                Passage::Fenced
            }
        };
        match (self.rule, stored) {
            (Rule::Lease(_), Some(holder)) => lets_pass(holder == self.token),
            (Rule::Lease(if_free), None) => lets_pass(if_free == IfFree::Passes),
            (Rule::Part(token), seen) => {
                // What is no number was written by somebody else, and is written over.
                match seen
                    .and_then(|seen| seen.parse::<u64>().ok())
                    .unwrap_or(0)
                    .cmp(&token)
                {
                    Ordering::Less => Passage::IsNew,
                    Ordering::Equal => Passage::Free,
                    Ordering::Greater => Passage::Fenced,
                }
            }
        }
    }

    /// Writes the token, unless what was looked at changed meanwhile: it is looked at anew either way.
    fn remember(&self, connection: &mut Connection) -> RedisResult<()> {
        let mut write = redis::pipe();
        write.atomic();
        write.cmd("SET").arg(&self.key).arg(&self.token).ignore();
        let _: Option<()> = write.query(connection)?;
        Ok(())
    }
}

fn unwatch(connection: &mut impl ConnectionLike) -> RedisResult<()> {
    redis::cmd("UNWATCH").query(connection)
}
