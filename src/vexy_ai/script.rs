//! What is decided on the server in one go: whether an analysis counts, and everything that follows from it.
//!
//! An entry is settled by one script. It asks whether the entry is still pending at all, so whatever comes a second time
//! (after a lost reply, from one who stood still while another took over, from two of one name) finds nothing to do. It
//! compares the item as it is with the item as it was read. The hash of the analysis is its first write: a server that
//! takes no more writes refuses that one, and nothing was done.

use compact_str::ToCompactString;
use redis::{Pipeline, Value};

use super::record::{FIELDS, Kind, Record, message_begin};
use crate::bus::Script;
use crate::bus::stream::{EntryId, Group};
use crate::contract::{analysis, feeds};

/// Keys and names that all of the scripts write to.
const NAMES: &str = r#"
local GROUP, LOG, LOG_MAX, TODO, TOTALS = '$GROUP', '$LOG', $LOG_MAX, '$TODO', '$TOTALS'
local INDEX, DONE, MESSAGES = '$INDEX', '$DONE', '$MESSAGES'
local stream, item, analysis, id = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
local function owed()
  return #redis.call('XPENDING', stream, GROUP, id, id, 1) > 0
end
local function count(name)
  redis.call('HINCRBY', TOTALS, name, 1)
end
local function settle(name)
  redis.call('XACK', stream, GROUP, id)
  if stream == TODO then redis.call('XDEL', stream, id) end
  if name then count(name) end
end
"#;

/// Writes the analysis of one item and everything that belongs to it: see [`Settled`] for what it answers.
///
/// KEYS: stream, item, analysis. ARGV: entry, whether the same text counts too (1), entries that may wait for the model,
/// whether an answer of before does not count (1), time in the index, signature, the message of a first analysis, then the
/// values.
const COMMIT: &str = r#"
if not owed() then return 0 end
local is = redis.call('HMGET', item, 'feed', 'rev')
if not is[1] then settle('gone') return 3 end
if (is[2] or '1') ~= $rev then return 2 end
local was = redis.call('HMGET', analysis, 'text_hash', 'method')
if ARGV[2] ~= '1' and was[1] == $text_hash and was[2] == $method then settle('same') return 4 end
local state, because = $model_state, $because
if state == 'queued' and redis.call('XLEN', TODO) >= tonumber(ARGV[3]) then
  state, because = 'skipped', 'as many wait for the model as there may be'
end
redis.call('HSET', analysis, $HASH)
redis.call('ZADD', INDEX, ARGV[5], $uid)
redis.call('ZADD', DONE, $analysed_ts, $uid)
local kind = was[1] and 'analysis_changed' or 'analysis'
redis.call('XADD', LOG, 'MAXLEN', '~', LOG_MAX, '*', 'uid', $uid, 'rev', $rev, 'kind', kind,
  'salience', $salience, 'cluster', $cluster, 'sig', ARGV[6])
if state == 'queued' then
  redis.call('XADD', TODO, '*', 'uid', $uid, 'rev', $rev, 'salience', $salience, 'again', ARGV[4])
elseif state == 'skipped' then
  count('model_skipped')
end
settle(was[1] and 'changed' or 'analysed')
local said = ARGV[7]
if was[1] or state ~= $model_state then
  local begin = string.format($BEGIN, 'analysis', $model_state)
  said = string.format($BEGIN, kind, state) .. string.sub(said, #begin + 1)
end
redis.call('PUBLISH', MESSAGES, said)
return 1
"#;

/// Settles the entry of an item that is gone, unless it is there again.
///
/// KEYS: stream, item, analysis. ARGV: entry.
const GONE: &str = r#"
if not owed() then return 0 end
if redis.call('EXISTS', item) == 1 then return 2 end
settle('gone')
return 3
"#;

/// Writes what became of an item in the model stage, whatever it is: done, failed, skipped.
///
/// KEYS: stream, item, analysis. ARGV: entry, then as for COMMIT: its second to fourth are not used, and the message is the one
/// of a model's answer.
const COMMIT_MODEL: &str = r#"
if not owed() then return 0 end
local was = redis.call('HMGET', analysis, 'text_hash', 'method')
if not was[1] then settle('gone') return 3 end
if was[1] ~= $text_hash or was[2] ~= $method then settle('model_dropped') return 5 end
local state, because = $model_state, $because
redis.call('HSET', analysis, $HASH)
if state == 'done' then
  redis.call('ZADD', DONE, $analysed_ts, $uid)
  redis.call('XADD', LOG, 'MAXLEN', '~', LOG_MAX, '*', 'uid', $uid, 'rev', $rev, 'kind', 'analysis_model',
    'salience', $salience, 'cluster', $cluster, 'sig', ARGV[6])
end
settle('model_' .. state)
if state == 'done' then
  redis.call('PUBLISH', MESSAGES, ARGV[7])
end
return 1
"#;

/// Arguments before the values.
const BEFORE_VALUES: usize = 7;
/// Those of them that are numbers take about so many bytes.
const NUMBERS_BYTES: usize = 80;

/// What came of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Nothing was done: it is not pending any more.
    Before,
    /// The analysis is written.
    Written,
    /// Nothing was done: the item is another by now, and to be read again.
    ReadAgain,
    /// The item is gone, and the entry with it.
    Gone,
    /// The item has its analysis already.
    Same,
    /// The answer is about another text: it was thrown away, and the entry with it.
    Dropped,
}

impl Settled {
    /// What the script answered; `None` when that was an error, or nothing that it answers.
    pub fn read(answer: &Value) -> Option<Settled> {
        Some(match answer {
            Value::Int(0) => Settled::Before,
            Value::Int(1) => Settled::Written,
            Value::Int(2) => Settled::ReadAgain,
            Value::Int(3) => Settled::Gone,
            Value::Int(4) => Settled::Same,
            Value::Int(5) => Settled::Dropped,
            _ => return None,
        })
    }
}

/// The scripts that settle entries.
#[derive(Clone, Debug)]
pub struct CommitScripts {
    commit: Script,
    gone: Script,
    commit_model: Script,
}

/// An analysis on its way into the store.
#[derive(Clone, Copy, Debug)]
pub struct Commit<'a> {
    pub group: &'a Group,
    pub entry: EntryId,
    pub record: &'a Record,
    /// Of the text, as the log carries it; empty when there is none.
    pub signature: &'a str,
    /// An analysis of the same text takes the place of the one that is there: somebody asked for it.
    pub anew: bool,
    /// An answer that a model gave before does not count.
    pub model_anew: bool,
    /// Entries that may wait for the model.
    pub model_queue_max: usize,
}

impl Default for CommitScripts {
    fn default() -> CommitScripts {
        CommitScripts {
            commit: Script::new(&written_out(COMMIT)),
            gone: Script::new(&written_out(GONE)),
            commit_model: Script::new(&written_out(COMMIT_MODEL)),
        }
    }
}

impl CommitScripts {
    /// All of them, for whoever sends them.
    pub fn all(&self) -> [&Script; 3] {
        [&self.commit, &self.gone, &self.commit_model]
    }

    /// Puts the settling of one entry into `packet`.
    pub fn commit(&self, packet: &mut Pipeline, commit: &Commit<'_>) {
        call(&self.commit, packet, commit, Kind::New);
    }

    /// The same of an entry of the model stage, whose record says what came of it.
    pub fn commit_model(&self, packet: &mut Pipeline, commit: &Commit<'_>) {
        call(&self.commit_model, packet, commit, Kind::Model);
    }

    /// The same of an entry whose item is gone.
    pub fn gone(&self, packet: &mut Pipeline, group: &Group, entry: EntryId, uid: &str) {
        let keys = keys(group, uid);
        let call = self.gone.call(packet, &keys.each_ref().map(String::as_str));
        call.arg(entry.to_string());
    }
}

fn keys(group: &Group, uid: &str) -> [String; 3] {
    [
        group.key.clone(),
        feeds::item_key(uid),
        analysis::analysis_key(uid),
    ]
}

/// The message is one of `kind`.
fn call(script: &Script, packet: &mut Pipeline, commit: &Commit<'_>, kind: Kind) {
    let record = commit.record;
    let flag = |is: bool| if is { "1" } else { "0" };
    let keys = keys(commit.group, &record.uid);
    let values = record.values();
    let message = record.message(kind);
    let bytes: usize = values.iter().map(|value| value.len()).sum();
    let room = (
        BEFORE_VALUES + values.len(),
        bytes + message.len() + commit.signature.len() + NUMBERS_BYTES,
    );
    let call = script.call_with_room(packet, &keys.each_ref().map(String::as_str), room);
    call.arg(&*commit.entry.to_compact_string());
    call.arg(flag(commit.anew)).arg(commit.model_queue_max);
    call.arg(flag(commit.model_anew));
    // What nobody has dated stands where it was analysed.
    let dated = [record.published_ts, record.analysed_ts];
    call.arg(dated.into_iter().find(|ts| *ts != 0).unwrap_or(0));
    call.arg(commit.signature).arg(message);
    for value in &values {
        call.arg(&**value);
    }
}

/// A script with its names filled in: `$uid` is the value of that field, `$HASH` all fields with their values.
fn written_out(script: &str) -> String {
    let value = |nth: usize| format!("ARGV[{}]", BEFORE_VALUES + 1 + nth);
    let mut text = format!("{NAMES}{script}");
    let hash = FIELDS.iter().enumerate().map(|(nth, name)| match *name {
        "model_state" => format!("'{name}', state"),
        "because" => format!("'{name}', because"),
        name => format!("'{name}', {}", value(nth)),
    });
    text = text.replace("$HASH", &hash.collect::<Vec<_>>().join(", "));
    let log_max = analysis::LOG_MAX.to_string();
    let begin = format!("'{}'", message_begin("%s", "%s"));
    for (name, constant) in [
        ("$GROUP", analysis::GROUP),
        ("$LOG_MAX", log_max.as_str()),
        ("$LOG", analysis::LOG),
        ("$TODO", analysis::MODEL_TODO),
        ("$TOTALS", analysis::TOTALS),
        ("$INDEX", analysis::INDEX),
        ("$DONE", analysis::DONE),
        ("$MESSAGES", analysis::MESSAGES),
        ("$BEGIN", begin.as_str()),
    ] {
        text = text.replace(name, constant);
    }
    // The longest names first: one may be the beginning of another.
    let mut fields: Vec<(usize, &str)> = FIELDS.into_iter().enumerate().collect();
    fields.sort_by_key(|(_, name)| std::cmp::Reverse(name.len()));
    for (nth, name) in fields {
        text = text.replace(&format!("${name}"), &value(nth));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_in_a_script_is_left_without_its_value() {
        for script in [COMMIT, GONE, COMMIT_MODEL] {
            let text = written_out(script);
            assert!(!text.contains('$'), "{text}");
        }
        let text = written_out(COMMIT);
        assert!(text.contains("'uid', ARGV[8], 'rev', ARGV[9], 'text_hash', ARGV[10]"));
        assert!(text.contains("'model_state', state, 'because', because, 'local', ARGV[37]"));
        assert!(
            text.contains("local state, because = ARGV[35], ARGV[36]"),
            "{text}"
        );
        assert!(
            text.contains("was[1] == ARGV[10] and was[2] == ARGV[33]"),
            "{text}"
        );
    }
}
