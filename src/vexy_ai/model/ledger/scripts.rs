//! The scripts of the books, which Redis runs one after the other, whoever asks.

/// The clock of Redis in milliseconds, and one record.
pub const READ: &str = "
local time = redis.call('TIME')
return {time[1] * 1000 + math.floor(time[2] / 1000), redis.call('HGET', KEYS[1], ARGV[1]) or ''}";

/// Writes a record, unless another did. ARGV: its name, what it was, what it is, most records, seconds to keep them.
pub const WRITE: &str = "
local is = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if is ~= ARGV[2] then return 0 end
if is == '' and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 1";

/// The clock of Redis in seconds, and its day as UTC has it (Hinnant, days_from_civil).
pub const DAY: &str = "
local time = redis.call('TIME')
local sec = tonumber(time[1])
local z = math.floor(sec / 86400) + 719468
local era = math.floor(z / 146097)
local doe = z - era * 146097
local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
local mp = math.floor((5 * doy + 2) / 153)
local month = mp < 10 and mp + 3 or mp - 9
local day = string.format('%04d-%02d-%02d', yoe + era * 400 + (month <= 2 and 1 or 0), month,
    doy - math.floor((153 * mp + 2) / 5) + 1)
local function whole(n) return string.format('%.0f', n) end
";

/// Reserves a call and the most that it may cost, or says what is short and for how many milliseconds.
///
/// The last minute is kept by seconds, so that no minute, whenever it begins, sees more; seconds that lie ahead, after a
/// clock stepped back, count as now. Where the caller knows of more calls of the day than are there, data was lost, and
/// his count goes on: that of the day, and that of the minute, where nobody has begun another.
///
/// KEYS: minute, beginning of a day's. ARGV: tokens, cost; calls and tokens a minute, calls, tokens and cost a day (-1:
/// not limited); day, calls, tokens and cost that the caller knows; seconds to keep a day; second at which he knew of so
/// many calls and tokens of the minute before it.
pub const RESERVE: &str = "
local minute, usage = KEYS[1], KEYS[2] .. day
local tokens, cost = tonumber(ARGV[1]), tonumber(ARGV[2])
local is = redis.call('HMGET', usage, 'calls', 'tokens', 'nano')
local calls_day, tokens_day, cost_day = tonumber(is[1] or 0), tonumber(is[2] or 0), tonumber(is[3] or 0)
if ARGV[8] == day and calls_day < tonumber(ARGV[9]) then
    calls_day, tokens_day, cost_day = tonumber(ARGV[9]), math.max(tokens_day, tonumber(ARGV[10])),
        math.max(cost_day, tonumber(ARGV[11]))
    redis.call('HSET', usage, 'calls', whole(calls_day), 'tokens', whole(tokens_day), 'nano', whole(cost_day))
    if redis.call('EXISTS', minute) == 0 then
        redis.call('HSET', minute, ARGV[13], ARGV[14] .. ' ' .. ARGV[15])
        redis.call('EXPIRE', minute, 180)
    end
end
local midnight = (86400 - sec % 86400) * 1000
if calls_day + 1 > tonumber(ARGV[5]) then return {0, 'calls_per_day', midnight} end
if tokens_day + tokens > tonumber(ARGV[6]) then return {0, 'tokens_per_day', midnight} end
if tonumber(ARGV[7]) >= 0 and cost_day + cost > tonumber(ARGV[7]) then return {0, 'cost_per_day', midnight} end
local all, seconds = redis.call('HGETALL', minute), {}
local of, calls, used = {}, 0, 0
for i = 1, #all, 2 do
    local at = tonumber(all[i])
    local c, t = string.match(all[i + 1], '^(%d+) (%d+)$')
    c, t = tonumber(c or 0), tonumber(t or 0)
    if at > sec or at < sec - 60 then redis.call('HDEL', minute, all[i]) end
    if at >= sec - 60 then
        at = math.min(at, sec)
        if not of[at] then of[at] = {0, 0} seconds[#seconds + 1] = at end
        of[at][1], of[at][2] = of[at][1] + c, of[at][2] + t
        calls, used = calls + c, used + t
    end
end
local function put(at)
    redis.call('HSET', minute, whole(at), whole(of[at][1]) .. ' ' .. whole(of[at][2]))
    redis.call('EXPIRE', minute, 180)
end
if of[sec] then put(sec) end
local short = calls + 1 > tonumber(ARGV[3]) and 'calls_per_min'
    or used + tokens > tonumber(ARGV[4]) and 'tokens_per_min'
if short then
    table.sort(seconds)
    local wait = 1
    for _, at in ipairs(seconds) do
        calls, used = calls - of[at][1], used - of[at][2]
        wait = at + 61 - sec
        if calls + 1 <= tonumber(ARGV[3]) and used + tokens <= tonumber(ARGV[4]) then break end
    end
    return {0, short, wait * 1000}
end
if not of[sec] then of[sec] = {0, 0} end
of[sec][1], of[sec][2] = of[sec][1] + 1, of[sec][2] + tokens
put(sec)
redis.call('HSET', usage, 'calls', whole(calls_day + 1), 'tokens', whole(tokens_day + tokens), 'nano', whole(cost_day + cost))
redis.call('EXPIRE', usage, ARGV[12])
return {1, day, sec, calls_day + 1, tokens_day + tokens, whole(cost_day + cost), calls + 1, used + tokens}";

/// Puts what a call did cost in the place of what was reserved for it.
///
/// KEYS: minute, the day's. ARGV: second of the reservation, tokens and cost that were reserved, tokens and cost that it
/// was, tokens that were sent and answered.
pub const SETTLE: &str = "
local function whole(n) return string.format('%.0f', math.max(0, n)) end
if redis.call('EXISTS', KEYS[2]) == 1 then
    local is = redis.call('HMGET', KEYS[2], 'tokens', 'nano')
    redis.call('HSET', KEYS[2], 'tokens', whole(tonumber(is[1] or 0) - ARGV[2] + ARGV[4]),
        'nano', whole(tonumber(is[2] or 0) - ARGV[3] + ARGV[5]))
    redis.call('HINCRBY', KEYS[2], 'settled', 1)
    redis.call('HINCRBY', KEYS[2], 'input', ARGV[6])
    redis.call('HINCRBY', KEYS[2], 'output', ARGV[7])
end
local second = redis.call('HGET', KEYS[1], ARGV[1])
if second then
    local c, t = string.match(second, '^(%d+) (%d+)$')
    redis.call('HSET', KEYS[1], ARGV[1], c .. ' ' .. whole(tonumber(t) - ARGV[2] + ARGV[4]))
end
return 1";

/// What is spent today. KEYS: beginning of a day's. ARGV: a field to count, if any.
pub const SPENT: &str = "
local usage = KEYS[1] .. day
if ARGV[1] ~= '' then
    redis.call('HINCRBY', usage, ARGV[1], 1)
    redis.call('EXPIRE', usage, ARGV[2])
end
local is = redis.call('HMGET', usage, 'calls', 'tokens', 'nano', 'settled', 'cached')
for i = 1, 5 do is[i] = is[i] or '0' end
return {day, is[1], is[2], is[3], is[4], is[5]}";
