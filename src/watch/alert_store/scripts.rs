//! The scripts of the alert store: each runs on the server in one go, or not at all.
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

/// Since when the status that is stored in a snapshot is `unknown`; nothing when it is another. What stands in its alert, its
/// last field, does not count.
const UNKNOWN_SINCE: &str = r#"
local function unknown_since(health)
  local at = type(health) == 'string' and string.find(health, '"status":"unknown"', 1, true)
  local alert = at and string.find(health, '"alert":', 1, true)
  return at and (not alert or at < alert) and string.match(health, '"since_ts":(%d+)')
end
"#;

/// Says alerts of services, each if its health key is as the judgement took it to be; answers what became of each.
///
/// Further KEYS: the health key of each. Further ARGV for each: id of the alert before, id of this one, alert, health up
/// to `"alert":`, which is its last field, whether it is published already.
///
/// The id in the stored health is found by its place: before it in an alert stands nothing that is free text. A key
/// that somebody made something else of than text is overwritten: it must not keep all others waiting.
///
/// All of them share one MGET, one INCRBY and one MSET, which costs Redis three quarters of what GET, INCR and SET for
/// each do. Where a service was `unknown` before, its number comes with since when: `was <since> <n>`. The log is trimmed with
/// the last entry. Where one of these is refused, what was done is undone and each is
/// said by itself, so that a user who may run only the smaller commands is served, and an error says what it always did.
const TELL: &str = r#"
local log, counter, channel = KEYS[2], KEYS[3], ARGV[2]
local call, pcall, find, match = redis.call, redis.pcall, string.find, string.match
local function stored_id(health)
  local at = type(health) == 'string' and find(health, '"alert":{', 1, true)
  return at and match(health, '"id":"([^"]*)"', at) or ''
end
local function verdict(id, at)
  if id == ARGV[at + 2] then return 'already' end
  if id ~= '' and id ~= ARGV[at + 1] then return 'conflict ' .. id end
end
local function together()
  local found = pcall('MGET', unpack(KEYS, 4))
  if found.err then return nil end
  local told, new, last = {}, {}, {}
  for i = 1, #KEYS - 3 do
    local key, at = KEYS[i + 3], 5 * i - 2
    told[i] = verdict(last[key] or stored_id(found[i]), at)
    if not told[i] then
      last[key] = ARGV[at + 2]
      new[#new + 1] = i
    end
  end
  local count = #new
  if count == 0 then return told end
  local n = pcall('INCRBY', counter, count)
  if type(n) == 'table' then return nil end
  n = n - count
  local entries, health, refused = {}, {}, nil
  for j = 1, count do
    local i = new[j]
    local at = 5 * i - 2
    local alert, entry = ARGV[at + 3], nil
    if j < count then
      entry = pcall('XADD', log, '*', 'n', n + j, 'alert', alert)
    else
      entry = pcall('XADD', log, 'MAXLEN', '~', ARGV[3], '*', 'n', n + j, 'alert', alert)
    end
    refused = type(entry) == 'table' and entry.err
    if refused then break end
    entries[j] = entry
    health[2 * j - 1], health[2 * j] = KEYS[i + 3], ARGV[at + 4] .. alert .. '}'
    told[i] = n + j
  end
  if refused or pcall('MSET', unpack(health)).err then
    if #entries > 0 then pcall('XDEL', log, unpack(entries)) end
    pcall('DECRBY', counter, count)
    return nil
  end
  for j = 1, count do
    local at = 5 * new[j] - 2
    local since = unknown_since(found[new[j]])
    if since then told[new[j]] = 'was ' .. since .. ' ' .. told[new[j]] end
    if ARGV[at + 5] ~= '1' then call('PUBLISH', channel, ARGV[at + 3]) end
  end
  return told
end
local function each()
  local told = {}
  for i = 1, #KEYS - 3 do
    local key, at = KEYS[i + 3], 5 * i - 2
    local alert = ARGV[at + 3]
    local health = pcall('GET', key)
    told[i] = verdict(stored_id(health), at) or say(alert, ARGV[at + 5], function()
      return pcall('SET', key, ARGV[at + 4] .. alert .. '}')
    end)
    local since = type(told[i]) == 'number' and unknown_since(health)
    if since then told[i] = 'was ' .. since .. ' ' .. told[i] end
  end
  return told
end
return together() or each()
"#;

/// Sets a snapshot and keeps the last alert that is stored with it. Answers `was <since>` where the service was `unknown`
/// before and is not any more.
///
/// KEYS: lease, health key. ARGV: speaker, health up to `"alert":`, which is its last field.
const KEEP: &str = r#"
local now = redis.pcall('GET', KEYS[2])
local at = type(now) == 'string' and string.find(now, '"alert":', 1, true)
redis.call('SET', KEYS[2], ARGV[2] .. (at and string.sub(now, at + 8) or 'null}'))
local since = unknown_since(now)
if since and not unknown_since(ARGV[2]) then return 'was ' .. since end
return 'done'
"#;

/// Drops health keys. Further KEYS: those.
const FORGET: &str = r#"
for i = 2, #KEYS do
  local gone = redis.pcall('UNLINK', KEYS[i])
  if type(gone) == 'table' then redis.call('DEL', KEYS[i]) end
end
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

/// Notes of which buses the speaker is sure now. KEYS: lease, hash, log. ARGV: speaker, now, the gap that is bridged in
/// seconds, greatest length of the log; then two for each: name, since when it is sure of it.
///
/// A note of another speaker, one that is older than the gap, and one from before a doubt go to the log.
const JUDGED: &str = r#"
local now, gap = tonumber(ARGV[2]), tonumber(ARGV[3])
for i = 5, #ARGV, 2 do
  local bus, since = ARGV[i], math.min(tonumber(ARGV[i + 1]), now)
  local said = redis.call('HGET', KEYS[2], bus) or ''
  local inst, from, to = string.match(said, '^([^,]*),(%d+),(%d+)$')
  from, to = tonumber(from), tonumber(to)
  if from and inst == ARGV[1] and since <= to and now >= to and now - to <= gap then
    since = from
  elseif from then
    redis.call('RPUSH', KEYS[3], bus .. ',' .. said:sub(#inst + 2))
    redis.call('LTRIM', KEYS[3], -ARGV[4], -1)
  end
  redis.call('HSET', KEYS[2], bus, string.format('%s,%d,%d', ARGV[1], since, now))
end
return 'done'
"#;

/// Notes when services were not judged. KEYS: lease, log. ARGV: speaker, greatest length of the log, then the entries.
const UNWATCHED: &str = r#"
redis.call('RPUSH', KEYS[2], unpack(ARGV, 3))
redis.call('LTRIM', KEYS[2], -ARGV[2], -1)
return 'done'
"#;

/// Answers which of the commands that must be called may not be, or are not there. Changes nothing: whether all keys may be
/// touched, the server says before it runs.
///
/// Further KEYS: log, counter, ids, a health key. Further ARGV: channel.
///
/// Servers before Redis 7 have no `redis.acl_check_cmd`. There a command is called so that it can only fail, which it does
/// otherwise where it is forbidden; for those that cannot fail nothing is said.
const PROBE: &str = r#"
local log, counter, ids, health = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local calls = {
  {'GET', health}, {'SET', health, '{}', '?'}, {'XADD', log, '?', 'n', '1'}, {'ZADD', ids, '?', '1'},
  {'INCR', counter, unsafe = true}, {'PUBLISH', ARGV[2], '', unsafe = true},
}
local function may(call)
  if redis.acl_check_cmd then
    local known, allowed = pcall(redis.acl_check_cmd, unpack(call))
    return known and allowed
  end
  if call.unsafe then return true end
  local done = redis.pcall(unpack(call))
  local err = type(done) == 'table' and done.err or ''
  return not (string.find(err, "can't run", 1, true) or string.find(err, 'Unknown', 1, true))
end
local forbidden = {}
for _, call in ipairs(calls) do
  if not may(call) then forbidden[#forbidden + 1] = call[1] end
end
return forbidden
"#;

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
    /// Notes which buses are judged.
    pub judged: Script,
    /// Notes when services were not judged.
    pub unwatched: Script,
    /// Takes or renews the lease, by a real write: a memory that is full is noticed.
    pub hold: Script,
    /// Gives the lease back, unless another has it.
    pub release: Script,
    /// Finds out what is forbidden.
    pub probe: Script,
}

impl Default for Texts {
    fn default() -> Texts {
        Texts {
            tell: Script::new(&[FENCE_UNLESS_FREE, SAY, UNKNOWN_SINCE, TELL].concat()),
            note: Script::new(&[FENCE_UNLESS_FREE, SAY, NOTE].concat()),
            refresh: Script::new(&[FENCE_UNLESS_FREE, UNKNOWN_SINCE, KEEP].concat()),
            forget: Script::new(&[FENCE_UNLESS_FREE, FORGET].concat()),
            buses: Script::new(&[FENCE_UNLESS_FREE, BUSES].concat()),
            judged: Script::new(&[FENCE_UNLESS_FREE, JUDGED].concat()),
            unwatched: Script::new(&[FENCE_UNLESS_FREE, UNWATCHED].concat()),
            hold: Script::new(HOLD),
            release: Script::new(RELEASE),
            probe: Script::new(PROBE),
        }
    }
}

impl Texts {
    /// Every one of them, to be loaded.
    pub fn all(&self) -> [&Script; 10] {
        [
            &self.tell,
            &self.note,
            &self.refresh,
            &self.forget,
            &self.buses,
            &self.judged,
            &self.unwatched,
            &self.hold,
            &self.release,
            &self.probe,
        ]
    }
}
