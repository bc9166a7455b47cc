//! The scripts of the ledger: each runs on the server in one go, or not at all.
//!
//! All have the lease as their first key and the speaker as their first argument; one that speaks without a lease
//! (the sentinel) is empty.

use crate::bus::Script;
use crate::bus::lease::{FENCE_UNLESS_FREE, HOLD, RELEASE};

/// Counts an alert, appends it to the log, lets `remember` store that it was said, and publishes it unless that was done
/// before (`1`). Answers its number, or an error.
///
/// Rights may be missing for one command and not for another. What cannot be remembered is taken out of the log again: it
/// will be offered once more, and would stand there twice.
///
/// KEYS: lease, log, counter. ARGV: speaker, channel, greatest length of the log.
const SAY: &str = r#"
local function say(alert, published, remember)
  local n = redis.call('INCR', KEYS[3])
  local entry = redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', 'n', n, 'alert', alert)
  local done = remember(n)
  if type(done) == 'table' and done.err then
    redis.pcall('XDEL', KEYS[2], entry)
    redis.pcall('DECR', KEYS[3])
    return done
  end
  if published ~= '1' then redis.call('PUBLISH', ARGV[2], alert) end
  return n
end
"#;

/// Says one alert that no health key remembers, unless it was said before. Further KEYS: the ids of the last of them.
/// Further ARGV: id, alert, whether it is published already, how many ids are kept.
///
/// A key of ids that somebody made something else of is begun anew: it must not keep anything from being said.
const NOTE: &str = r#"
local said = redis.pcall('ZSCORE', KEYS[4], ARGV[4])
if type(said) == 'table' then redis.call('DEL', KEYS[4]) elseif said then return 'already' end
return say(ARGV[5], ARGV[6], function(n)
  redis.pcall('ZREMRANGEBYRANK', KEYS[4], 0, -ARGV[7])
  return redis.pcall('ZADD', KEYS[4], n, ARGV[4])
end)
"#;

/// Says alerts of services, each if its health key is as the judgement took it to be; answers what became of each.
///
/// Further KEYS: the health key of each. Further ARGV for each: id of the alert before, id of this one, alert, health up
/// to `"alert":`, which is its last field, whether it is published already.
///
/// The id in the stored health is found by its place: before it in an alert stands nothing that is free text. A key
/// that somebody made something else of than text is overwritten: it must not keep all others waiting.
const TELL: &str = r#"
local function tell(key, before, this, alert, health, published)
  local now = redis.pcall('GET', key)
  if type(now) == 'string' then
    local id = string.match(now, '"alert":{.-"id":"([^"]*)"') or ''
    if id == this then return 'already' end
    if id ~= '' and id ~= before then return 'conflict ' .. id end
  end
  return say(alert, published, function() return redis.pcall('SET', key, health .. alert .. '}') end)
end
local told = {}
for i = 1, #KEYS - 3 do
  local at = 5 * i - 2
  told[i] = tell(KEYS[i + 3], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5])
end
return told
"#;

/// Sets a snapshot and keeps the last alert that is stored with it.
///
/// KEYS: lease, health key. ARGV: speaker, health up to `"alert":`, which is its last field.
const KEEP: &str = r#"
local now = redis.pcall('GET', KEYS[2])
local at = type(now) == 'string' and string.find(now, '"alert":', 1, true)
redis.call('SET', KEYS[2], ARGV[2] .. (at and string.sub(now, at + 8) or 'null}'))
return 'done'
"#;

/// Drops health keys. Further KEYS: those.
const FORGET: &str = r#"
for i = 2, #KEYS do redis.call('UNLINK', KEYS[i]) end
return 'done'
"#;

/// Sets the records of all buses. KEYS: lease, hash. ARGV: speaker, milliseconds that it lives, name and record of each.
///
/// A key that somebody made something else of is begun anew.
const BUSES: &str = r#"
local set = redis.pcall('HSET', KEYS[2], unpack(ARGV, 3))
if type(set) == 'table' then
  if not string.find(set.err, 'WRONGTYPE', 1, true) then return set end
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[2], unpack(ARGV, 3))
end
local named = {}
for i = 3, #ARGV, 2 do named[ARGV[i]] = true end
for _, name in ipairs(redis.call('HKEYS', KEYS[2])) do
  if not named[name] then redis.call('HDEL', KEYS[2], name) end
end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 'done'
"#;

/// Does nothing: whether all keys may be touched, the server says before it runs.
const TOUCH: &str = "return 1";

/// All scripts, compiled to what the server knows them by.
pub struct Texts {
    /// Tells transitions.
    pub tell: Script,
    /// Appends and publishes an alert that belongs to no health key.
    pub note: Script,
    /// Sets a snapshot.
    pub refresh: Script,
    /// Drops health keys.
    pub forget: Script,
    /// Sets the records of the buses.
    pub buses: Script,
    pub hold: Script,
    pub release: Script,
    /// Does nothing.
    pub touch: Script,
}

impl Default for Texts {
    fn default() -> Texts {
        Texts {
            tell: Script::new(&[FENCE_UNLESS_FREE, SAY, TELL].concat()),
            note: Script::new(&[FENCE_UNLESS_FREE, SAY, NOTE].concat()),
            refresh: Script::new(&[FENCE_UNLESS_FREE, KEEP].concat()),
            forget: Script::new(&[FENCE_UNLESS_FREE, FORGET].concat()),
            buses: Script::new(&[FENCE_UNLESS_FREE, BUSES].concat()),
            hold: Script::new(HOLD),
            release: Script::new(RELEASE),
            touch: Script::new(TOUCH),
        }
    }
}

impl Texts {
    /// Every one of them, to be loaded.
    pub fn all(&self) -> [&Script; 8] {
        [
            &self.tell,
            &self.note,
            &self.refresh,
            &self.forget,
            &self.buses,
            &self.hold,
            &self.release,
            &self.touch,
        ]
    }
}
