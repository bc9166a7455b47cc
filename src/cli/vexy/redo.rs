//! Asks for items to be analysed once more.

use redis::Value;

use crate::bus::{BusError, Commands, Script, Scripts};
use crate::contract::analysis::{DEAD, DEAD_MAX, GROUP, REDO};
use crate::service::Error;

/// Items in one script.
const AT_ONCE: usize = 500;

/// Appends items to the stream of those that are analysed once more, and removes the dead letters that stand beside
/// them; all of them, or none: then it answers how much room there is, below zero (-1: none). What every worker is done
/// with makes room first. A letter that somebody else took meanwhile is left out.
///
/// KEYS: the stream, the dead letters. ARGV: group, greatest length, `1` for the model too, then pairs of a uid and the
/// id of a letter (empty: none).
const REDO_ALL: &str = r#"
local first
for _, group in ipairs(redis.call('EXISTS', KEYS[1]) == 1 and redis.call('XINFO', 'GROUPS', KEYS[1]) or {}) do
  local is = {}
  for i = 1, #group, 2 do is[group[i]] = group[i + 1] end
  if is.name == ARGV[1] then
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1])
    if pending[1] > 0 then
      first = pending[2]
    else
      local ms, seq = string.match(is['last-delivered-id'], '^(%d+)-(%d+)$')
      first = ms .. '-' .. string.format('%.0f', tonumber(seq) + 1)
    end
  end
end
if first then redis.call('XTRIM', KEYS[1], 'MINID', first) end
local wanted = {}
for i = 4, #ARGV, 2 do
  local letter = ARGV[i + 1]
  if letter == '' or #redis.call('XRANGE', KEYS[2], letter, letter) > 0 then wanted[#wanted + 1] = i end
end
local room = tonumber(ARGV[2]) - redis.call('XLEN', KEYS[1])
if #wanted > room then return -math.max(room, 0) - 1 end
for _, i in ipairs(wanted) do
  if ARGV[3] == '1' then
    redis.call('XADD', KEYS[1], '*', 'uid', ARGV[i], 'model', '1')
  else
    redis.call('XADD', KEYS[1], '*', 'uid', ARGV[i])
  end
  if ARGV[i + 1] ~= '' then redis.call('XDEL', KEYS[2], ARGV[i + 1]) end
end
return #wanted
"#;

/// One item, and the dead letter that goes for it.
pub(super) struct Again {
    pub uid: String,
    pub letter: Option<String>,
}

/// Asks for these items, in their order; how many were asked for. A dead letter that is gone meanwhile is left out.
///
/// # Errors
/// Those of the bus, and when no more may wait.
pub(super) fn redo(store: &mut Commands, all: &[Again], with_model: bool) -> Result<u64, Error> {
    let script = Script::new(REDO_ALL);
    let mut scripts = Scripts::new([&script]);
    let mut asked = 0;
    for part in all.chunks(AT_ONCE) {
        let mut packet = redis::pipe();
        let call = script.call(&mut packet, &[REDO, DEAD]);
        call.arg(GROUP).arg(DEAD_MAX).arg(u8::from(with_model));
        for again in part {
            call.arg(&again.uid)
                .arg(again.letter.as_deref().unwrap_or_default());
        }
        match answer(scripts.run(store, &packet))? {
            Ok(added) => asked += added,
            Err(room) => {
                let left = all.len() as u64 - asked;
                return Err(Error::Other(format!(
                    "{asked} items are asked for, {left} are not: {DEAD_MAX} may wait at once, and there is room for \
                     {room} more; try again when some are done (see marketswarm vexy status)"
                )));
            }
        }
    }
    Ok(asked)
}

/// How many were added, or how many there is room for.
fn answer(answer: Result<Value, BusError>) -> Result<Result<u64, u64>, BusError> {
    Ok(match answer? {
        Value::Int(added) if added >= 0 => Ok(added.unsigned_abs()),
        Value::Int(room) => Err(room.unsigned_abs() - 1),
        _ => Ok(0),
    })
}
