//! Silences and acknowledgements, as they are kept on the system bus: each at a key of its own that runs out with it, and
//! the ids of all in one set.

use redis::streams::StreamRangeReply;
use redis::{FromRedisValue, Value, cmd};

use crate::bus::{BusError, Commands, Script, Scripts};
use crate::contract::{SILENCES, SILENCES_LOG, SILENCES_LOG_MAX, Silence, silence_key};

/// All silences and acknowledgements in force or to come, by their beginning; forgets the ids of those that have
/// expired.
///
/// # Errors
/// When the bus does not answer.
pub fn silences(commands: &mut Commands) -> Result<Vec<Silence>, BusError> {
    let ids: Vec<String> = commands.query(cmd("SMEMBERS").arg(SILENCES))?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<String> = ids.iter().map(|id| silence_key(id)).collect();
    let found: Vec<Option<String>> = commands.query(cmd("MGET").arg(keys))?;
    let (mut silences, mut expired) = (Vec::new(), Vec::new());
    for (id, json) in ids.into_iter().zip(found) {
        match json.map(|j| serde_json::from_str::<Silence>(&j)) {
            Some(Ok(silence)) => silences.push(silence),
            Some(Err(e)) => log::warn!("silence {id} cannot be read: {e}"),
            None => expired.push(id),
        }
    }
    if !expired.is_empty() {
        commands.query::<()>(cmd("SREM").arg(SILENCES).arg(expired))?;
    }
    silences.sort_unstable_by(|a, b| (a.from_ms, &a.id).cmp(&(b.from_ms, &b.id)));
    Ok(silences)
}

/// Keeps a silence, unless one of its id is there, and enters it in the log of silences. Answers with the one that is there
/// then: whoever offers one again is not heard twice. An acknowledgement is of the present outage, and replaces one that
/// is left of an earlier one.
const KEEP: &str = r#"
local known = redis.call('GET', KEYS[1])
if known and ARGV[5] ~= '1' then return known end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], '*', 'silence', ARGV[2])
return ARGV[2]
"#;

/// Ends a silence, if it is there, and enters that in the log.
const END: &str = r#"
redis.call('SREM', KEYS[2], ARGV[1])
if redis.call('DEL', KEYS[1]) == 0 then return 0 end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[2], '*', 'end', ARGV[1])
return 1
"#;

/// Writes `silence`; it goes by itself when it is over. One of its id that is there already stays, and is the
/// answer; an acknowledgement replaces it.
///
/// # Errors
/// When the bus does not take it.
pub fn keep_silence(
    commands: &mut Commands,
    silence: &Silence,
    now_ms: i64,
) -> Result<Silence, BusError> {
    let keep = Script::new(KEEP);
    let mut packet = redis::pipe();
    let key = silence_key(&silence.id);
    let call = keep.call(&mut packet, &[&key, SILENCES, SILENCES_LOG]);
    call.arg(&silence.id).arg(silence.to_json());
    call.arg((silence.until_ms - now_ms).max(1));
    call.arg(SILENCES_LOG_MAX).arg(u8::from(silence.ack));
    let kept = Scripts::new([&keep]).run(commands, &packet)?;
    let kept = String::from_redis_value(kept).unwrap_or_default();
    Ok(serde_json::from_str(&kept).unwrap_or_else(|_| silence.clone()))
}

/// Ends the silence with this id; false when there is none.
///
/// # Errors
/// When the bus does not take it.
pub fn end_silence(commands: &mut Commands, id: &str) -> Result<bool, BusError> {
    let end = Script::new(END);
    let mut packet = redis::pipe();
    let key = silence_key(id);
    let call = end.call(&mut packet, &[&key, SILENCES, SILENCES_LOG]);
    call.arg(id).arg(SILENCES_LOG_MAX);
    Ok(Scripts::new([&end]).run(commands, &packet)? == Value::Int(1))
}

/// Whom each silence of the log silenced, and from when to when, in epoch seconds: from its beginning, or from when it was
/// made if that was later, until its end, however that came. Acknowledgements silence nobody.
///
/// # Errors
/// When the bus does not answer.
pub fn silence_log(commands: &mut Commands) -> Result<Vec<(String, i64, i64)>, BusError> {
    let answer: StreamRangeReply =
        commands.query(cmd("XRANGE").arg(SILENCES_LOG).arg("-").arg("+"))?;
    Ok(spans(answer.ids.into_iter().map(|entry| {
        let made_ms = entry
            .id
            .split('-')
            .next()
            .and_then(|ms| ms.parse().ok())
            .unwrap_or(0);
        let field = |name: &str| entry.get::<String>(name);
        (made_ms, field("silence"), field("end"))
    })))
}

/// The spans of entries: when each was made, a silence, the id of one that ended.
fn spans(
    entries: impl Iterator<Item = (i64, Option<String>, Option<String>)>,
) -> Vec<(String, i64, i64)> {
    let mut all: Vec<(Silence, i64)> = Vec::new();
    for (made_ms, begun, ended) in entries {
        if let Some(silence) = begun.and_then(|json| serde_json::from_str::<Silence>(&json).ok()) {
            all.push((silence, made_ms));
        } else if let Some(id) = ended
            && let Some((silence, _)) = all.iter_mut().rev().find(|(s, _)| s.id == id)
        {
            silence.until_ms = silence.until_ms.min(made_ms);
        }
    }
    let all = all.into_iter().filter(|(silence, _)| !silence.ack);
    let span = |(silence, made_ms): (Silence, i64)| {
        let from = silence.from_ms.max(made_ms).div_euclid(1000);
        (silence.svc, from, silence.until_ms.div_euclid(1000))
    };
    all.map(span).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_counts_from_when_it_was_made_until_it_ended() {
        let silence = |id: &str, ack, from_ms, until_ms| {
            let silence = Silence {
                id: id.into(),
                svc: "db".into(),
                ack,
                from_ms,
                until_ms,
                why: String::new(),
                by: String::new(),
            };
            Some(silence.to_json())
        };
        let entries = [
            (10_000, silence("a", false, 5_000, 90_000), None),
            (20_000, silence("b", false, 50_000, 60_000), None),
            (21_000, silence("c", true, 21_000, 99_000), None),
            (30_000, None, Some("a".into())),
            (31_000, None, Some("nobody".into())),
            (32_000, Some("rubbish".into()), None),
        ];
        let db = |from, to| ("db".to_owned(), from, to);
        assert_eq!(spans(entries.into_iter()), [db(10, 30), db(50, 60)]);
    }
}
