//! When each bus was judged, so that time in which nobody looked counts as nothing.

use std::collections::BTreeMap;

use redis::{Pipeline, cmd};

use super::text::hole_of;
use crate::bus::{BusError, Commands, Script, Scripts};
use crate::contract::{HISTORY_JUDGED, HISTORY_JUDGED_LOG, JUDGED_LOG_MAX};
use crate::history::intervals::Intervals;

/// Notes of buses that they are judged at this second. A note that is older than the gap that is bridged begins anew, and
/// what was goes to the log.
///
/// KEYS: hash, log. ARGV: now, the gap in seconds, entries of the log; then two for each bus: name, since when it is
/// judged.
const NOTE: &str = r#"
local now, gap = tonumber(ARGV[1]), tonumber(ARGV[2])
for i = 4, #ARGV, 2 do
  local from, to = string.match(redis.call('HGET', KEYS[1], ARGV[i]) or '', '^(%d+),(%d+)$')
  from, to = tonumber(from), tonumber(to)
  local since = tonumber(ARGV[i + 1])
  if not from then redis.call('HSET', KEYS[1], ARGV[i], now .. ',' .. now)
  elseif now > to and now - to <= gap and since <= to then
    redis.call('HSET', KEYS[1], ARGV[i], from .. ',' .. now)
  elseif now ~= to then
    redis.call('RPUSH', KEYS[2], ARGV[i] .. ',' .. from .. ',' .. to)
    redis.call('LTRIM', KEYS[2], -ARGV[3], -1)
    redis.call('HSET', KEYS[1], ARGV[i], now .. ',' .. now)
  end
end
return 1
"#;

/// A note that is not renewed for so long ends what it says, in seconds.
const GAP_SEC: i64 = 15;

/// A bus that is judged now.
#[derive(Clone, Copy, Debug)]
pub struct JudgedNow<'a> {
    pub bus: &'a str,
    /// Since when, in epoch seconds.
    pub since_ts: i64,
}

/// What is known to have been judged, and the notes that say so.
pub struct Coverage {
    note: Script,
    scripts: Scripts,
}

impl Default for Coverage {
    fn default() -> Coverage {
        let note = Script::new(NOTE);
        Coverage {
            scripts: Scripts::new([&note]),
            note,
        }
    }
}

impl Coverage {
    /// Notes that these buses are judged at `now`.
    ///
    /// # Errors
    /// When the bus does not answer or takes no writes: then this second is not known to be judged.
    pub fn note(
        &mut self,
        commands: &mut Commands,
        now: i64,
        judged: &[JudgedNow<'_>],
    ) -> Result<(), BusError> {
        if judged.is_empty() {
            return Ok(());
        }
        let mut packet = Pipeline::new();
        let call = self
            .note
            .call(&mut packet, &[HISTORY_JUDGED, HISTORY_JUDGED_LOG]);
        call.arg(now).arg(GAP_SEC).arg(JUDGED_LOG_MAX);
        for bus in judged {
            call.arg(bus.bus).arg(bus.since_ts);
        }
        self.scripts.run(commands, &packet).map(drop)
    }

    /// When each bus was judged.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub fn read(commands: &mut Commands) -> Result<BTreeMap<String, Intervals>, BusError> {
        let mut packet = redis::pipe();
        packet.add_command(
            cmd("LRANGE")
                .arg(HISTORY_JUDGED_LOG)
                .arg(0)
                .arg(-1)
                .to_owned(),
        );
        packet.add_command(cmd("HGETALL").arg(HISTORY_JUDGED).to_owned());
        let (log, now): (Vec<String>, Vec<(String, String)>) = commands.pipe(&packet)?;
        let mut by_bus: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
        let past = log.iter().filter_map(|text| {
            let (bus, interval) = text.split_once(',')?;
            Some((bus.to_owned(), hole_of(interval)?))
        });
        let present = now
            .into_iter()
            .filter_map(|(bus, text)| Some((bus, hole_of(&text)?)));
        for (bus, interval) in past.chain(present) {
            by_bus.entry(bus).or_default().push(interval);
        }
        Ok(by_bus
            .into_iter()
            .map(|(bus, all)| (bus, all.into_iter().collect()))
            .collect())
    }
}
