//! The scripts of the record: each runs on the server in one go. All have the lease as their first key and the speaker as
//! their first argument; a lease that nobody holds refuses as another's does.

use crate::bus::Script;
use crate::bus::lease::{FENCE, HOLD, RELEASE};

/// Tells transitions.
///
/// Further KEYS: instances, services, head, events. Further ARGV: epoch, the number that was written last, the channel,
/// the greatest length of the stream, whether a bus is in doubt, how many transitions; for each of them name, id that it
/// follows, its own, what to do, event without its number, record up to its number; then names and counts of services.
///
/// A mesh numbers its transitions and tells them in order: one that is not above the last that it told (`said`) is told
/// already, also when its record is gone by now.
///
/// The stream refuses a number that is not above its last: its entry is the first write of each transition, so that
/// nothing else is done then.
const SAY: &str = r#"
local head = redis.call('HMGET', KEYS[4], 'epoch', 'seq', 'said')
local seq = tonumber(head[2] or '')
if head[1] ~= ARGV[2] or not seq or seq < tonumber(ARGV[3]) then return 'lost' end
local said = head[3] or ''
local function split(id) return string.match(id, '^(.*)%-(%d+)$') end
local function was_said(id)
  local inst, n = split(id)
  local last, m = split(said)
  return inst and inst == last and tonumber(n) <= tonumber(m)
end
local function say(name, previous, id, op, event, open)
  local stored = op ~= 'bus' and redis.call('HGET', KEYS[2], name)
  if was_said(id) then return 'already' end
  if op == 'del' and not stored then return 'already' end
  if stored then
    local has = string.match(stored, '"id":"([^"]*)","seq":%d+}$') or ''
    if has == id then return 'already' end
    if has ~= '' and has ~= previous then return 'conflict ' .. stored end
  end
  local n = string.format('%.0f', seq + 1)
  local record = open .. n .. '}'
  local text = '{"epoch":' .. ARGV[2] .. ',"seq":' .. n .. ',' .. event
  if op ~= 'bus' then text = text .. record .. '}' end
  local added = redis.pcall('XADD', KEYS[5], 'MAXLEN', '~', ARGV[5], ARGV[2] .. '-' .. n, 'event', text)
  if type(added) == 'table' and added.err then
    if string.find(added.err, 'equal or smaller', 1, true) then return 'lost' end
    return added
  end
  seq = seq + 1
  if op == 'set' then redis.call('HSET', KEYS[2], name, record) end
  if op == 'del' then redis.call('HDEL', KEYS[2], name) end
  said = id
  redis.call('PUBLISH', ARGV[4], text)
  return seq
end
local told, count = {}, tonumber(ARGV[7])
for i = 1, count do
  local at = 2 + 6 * i
  told[i] = say(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5])
  if told[i] == 'lost' then return 'lost' end
  if type(told[i]) == 'table' then break end
end
for i = 8 + 6 * count, #ARGV - 1, 2 do redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1]) end
redis.call('HSET', KEYS[4], 'seq', string.format('%.0f', seq), 'as_of_ts', redis.call('TIME')[1], 'doubting', ARGV[6])
if said ~= '' then redis.call('HSET', KEYS[4], 'said', said) end
return told
"#;

/// Writes records with the number that they have, if they are as they were. Further KEYS: instances. Further ARGV for
/// each: name, id, record up to its number.
const REFRESH: &str = r#"
for i = 2, #ARGV - 2, 3 do
  local stored = redis.call('HGET', KEYS[2], ARGV[i])
  local id, seq = string.match(stored or '', '"id":"([^"]*)","seq":(%d+)}$')
  if id == ARGV[i + 1] then redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 2] .. seq .. '}') end
end
return 'done'
"#;

/// Takes all of it away. Further KEYS: those.
const CLEAR: &str = r#"
redis.call('UNLINK', KEYS[4], KEYS[2], KEYS[3])
return 'done'
"#;

/// Sets fields and takes others out. Further KEYS: hash. Further ARGV: how many are set, their names and values, the names
/// of those that go.
const PUT: &str = r#"
local last = 2 + 2 * tonumber(ARGV[2])
for i = 3, last - 1, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
for i = last + 1, #ARGV do redis.call('HDEL', KEYS[2], ARGV[i]) end
return 'done'
"#;

/// Begins an epoch with its first event; answers it, or `later` when the stream has a later one.
///
/// Further KEYS: head, events. Further ARGV: the least that it may be, channel, greatest length of the stream, whether a
/// bus is in doubt. A number of milliseconds has 13 digits: `%.0f` writes all of them.
const BEGIN: &str = r#"
local time = redis.call('TIME')
local epoch = math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[2]))
local info = redis.pcall('XINFO', 'STREAM', KEYS[3])
if type(info) == 'table' and not info.err then
  for i = 1, #info - 1, 2 do
    if info[i] == 'last-generated-id' then
      epoch = math.max(epoch, tonumber(string.match(info[i + 1], '^%d+')) + 1)
    end
  end
end
local text = string.format('%.0f', epoch)
local event = '{"epoch":' .. text .. ',"seq":1,"type":"reset","ts":' .. time[1] .. '}'
local added = redis.pcall('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], text .. '-1', 'event', event)
if type(added) == 'table' and added.err then
  if string.find(added.err, 'equal or smaller', 1, true) then return 'later' end
  return added
end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'epoch', text, 'seq', '1', 'as_of_ts', time[1], 'doubting', ARGV[5])
redis.call('PUBLISH', ARGV[3], event)
return 'epoch ' .. text
"#;

/// All scripts, compiled to what the server knows them by.
pub struct Texts {
    pub say: Script,
    pub refresh: Script,
    pub clear: Script,
    pub put: Script,
    pub begin: Script,
    pub hold: Script,
    pub release: Script,
}

impl Default for Texts {
    fn default() -> Texts {
        let fenced = |text: &str| Script::new(&[FENCE, text].concat());
        Texts {
            say: fenced(SAY),
            refresh: fenced(REFRESH),
            clear: fenced(CLEAR),
            put: fenced(PUT),
            begin: fenced(BEGIN),
            hold: Script::new(HOLD),
            release: Script::new(RELEASE),
        }
    }
}

impl Texts {
    /// Every one of them, to be loaded.
    pub fn all(&self) -> [&Script; 7] {
        [
            &self.say,
            &self.refresh,
            &self.clear,
            &self.put,
            &self.begin,
            &self.hold,
            &self.release,
        ]
    }
}
