//! The lease as the server keeps it.

use redis::{Pipeline, Value};

use super::{Answer, Ask, Lease, Standing};
use crate::bus::script::{refusal, text_of};
use crate::bus::{BusError, Commands, Script, Scripts};
use crate::clock::Mono;

/// Takes or renews a lease; answers `kept` or `taken`, or who else holds it and for how many milliseconds.
///
/// KEYS: lease. ARGV: current value, milliseconds, and where they differ from it: the value that takes it, and what all
/// values of this owner begin with, before their number. What an earlier question took whose answer was lost is taken anew;
/// a question that is heard after a later one takes nothing from it.
///
/// A held lease is renewed by SET, so that it is known at once when writes are refused, and then by PEXPIRE, which Redis
/// allows even when it is out of memory: the refusal is the second part of the answer. One that would last longer than
/// anybody takes it for was left by a step back of the server's wall clock, and its holder did not renew it since: he is
/// gone, or finds out within one renewal that another holds it.
pub const HOLD: &str = r#"
local holder = redis.call('GET', KEYS[1])
local fresh = ARGV[3] or ARGV[1]
if holder == ARGV[1] then
  local set = redis.pcall('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  if not set.err then return {'kept'} end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return {'kept', set}
end
local number = function(value) return tonumber(string.sub(value, #ARGV[4] + 1)) or 0 end
local is_ours = holder and ARGV[4] and string.sub(holder, 1, #ARGV[4]) == ARGV[4]
if holder and not (is_ours and number(holder) < number(fresh)) then
  local left = redis.call('PTTL', KEYS[1])
  if left <= tonumber(ARGV[2]) then return {'others', holder, left} end
end
redis.call('SET', KEYS[1], fresh, 'PX', ARGV[2])
return {'taken'}
"#;

/// Gives a lease back. KEYS: lease. ARGV: its value.
pub const RELEASE: &str = r#"
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"#;

/// What came of asking for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// How the lease stands since this answer.
    pub standing: Standing,
    /// Who else holds it.
    pub holder: Option<String>,
    /// The lease goes on, but writes are refused.
    pub refused: Option<BusError>,
}

/// What the server answered to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// What the server said.
    pub answer: Answer,
    /// The lease goes on, but writes are refused.
    pub refused: Option<BusError>,
}

/// Asks for the lease.
///
/// # Errors
/// When there is no answer, or an error is: then the lease was not taken by this.
pub fn take(
    lease: &mut Lease,
    commands: &mut Commands,
    scripts: &mut Scripts,
    hold: &Script,
) -> Result<Held, BusError> {
    let ask = lease.ask(Mono::now());
    match put(&ask, lease.key(), commands, scripts, hold) {
        Ok(Answered { answer, refused }) => Ok(Held {
            standing: lease.answered(&answer, Mono::now()),
            holder: answer.holder().map(str::to_owned),
            refused,
        }),
        Err(error) => {
            lease.failed(&error, Mono::now());
            Err(error)
        }
    }
}

/// Puts a question about the lease at `key`.
///
/// # Errors
/// When there is no answer, or an error is: then the lease was not taken by this.
pub fn put(
    ask: &Ask,
    key: &str,
    commands: &mut Commands,
    scripts: &mut Scripts,
    hold: &Script,
) -> Result<Answered, BusError> {
    let mut packet = redis::pipe();
    let call = hold.call(&mut packet, &[key]);
    call.arg(&ask.current).arg(ask.ttl_ms);
    if ask.has_token() {
        call.arg(&ask.fresh).arg(&ask.ours);
    }
    let parts = match scripts.run(commands, &packet)? {
        Value::Array(parts) => parts,
        _ => Vec::new(),
    };
    let refused = match parts.get(1) {
        Some(Value::ServerError(e)) => Some(refusal(e, commands)),
        _ => None,
    };
    let answer = match parts.first().and_then(text_of).as_deref() {
        Some("kept") => Answer::Kept,
        Some("taken") => Answer::Taken,
        _ => Answer::Others {
            holder: parts.get(1).and_then(text_of).unwrap_or_default(),
            left_ms: match parts.get(2) {
                // One that never runs out was set by hand: it is asked for again in time.
                Some(Value::Int(left)) => u64::try_from(*left).unwrap_or(u64::MAX),
                _ => u64::MAX,
            },
        },
    };
    Ok(Answered { answer, refused })
}

/// Gives the lease back, so that whoever stands by need not wait for it to run out.
///
/// # Errors
/// When there is no answer, or an error is: then it runs out by itself.
pub fn release(
    lease: &mut Lease,
    commands: &mut Commands,
    scripts: &mut Scripts,
    release: &Script,
) -> Result<(), BusError> {
    let mut packet: Pipeline = redis::pipe();
    let call = release.call(&mut packet, &[lease.key()]);
    call.arg(&lease.token);
    lease.released();
    scripts.run(commands, &packet).map(drop)
}
