//! What the server decides: each script runs in one go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use redis::Value;

use super::member::Member;
use super::view::{Action, Claimed, Holder, Peer, View};
use crate::bus::script::text_of;
use crate::bus::{BusError, Commands, Script, Scripts};
use crate::clock::Mono;
use crate::contract::lease::{
    DRAIN, MEMBERS_MAX, PARTS_FIELD, SESSION_MS, members_key, parts_key, session_key,
    session_prefix, token_key,
};
use crate::contract::mesh::GOSSIP;

/// Renews a session; answers the server's time, whether the session was there, who holds which part, who has a session,
/// and what is drained.
///
/// KEYS: session, members, parts, drain. ARGV: instance, its host, milliseconds, how many parts it wants, what the keys of
/// sessions begin with, members at most, the field that holds the number of parts.
///
/// The number of parts changes when nobody holds any; who has no session holds none then.
const RENEW: &str = r#"
if redis.call('SADD', KEYS[2], ARGV[1]) == 1 and redis.call('SCARD', KEYS[2]) > tonumber(ARGV[6]) then
  redis.call('SREM', KEYS[2], ARGV[1])
  return redis.error_reply('ERR ' .. KEYS[2] .. ' has as many members as there may be')
end
local had = redis.call('EXISTS', KEYS[1])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
local all = redis.call('SMEMBERS', KEYS[2])
local keys = {}
for i, inst in ipairs(all) do keys[i] = ARGV[5] .. inst end
local hosts = redis.call('MGET', unpack(keys))
local members, gone = {}, {}
for i, inst in ipairs(all) do
  if hosts[i] then
    members[#members + 1] = inst
    members[#members + 1] = hosts[i]
  else
    gone[#gone + 1] = inst
  end
end
if #gone > 0 then redis.call('SREM', KEYS[2], unpack(gone)) end
local count = redis.call('HGET', KEYS[3], ARGV[7])
if count ~= ARGV[4] then
  local held = redis.call('HGETALL', KEYS[3])
  local left = 0
  for i = 1, #held, 2 do
    if held[i] ~= ARGV[7] then
      local inst = string.match(held[i + 1], '^(.*)|%d+$')
      if inst and redis.call('EXISTS', ARGV[5] .. inst) == 1 then
        left = left + 1
      else
        redis.call('HDEL', KEYS[3], held[i])
      end
    end
  end
  if left == 0 then redis.call('HSET', KEYS[3], ARGV[7], ARGV[4]) end
end
local time = redis.call('TIME')
return {time[1], time[2], had, redis.call('HGETALL', KEYS[3]), members, redis.call('HKEYS', KEYS[4])}
"#;

/// Claims a part; answers its token, `others` or `stale`.
///
/// KEYS: session, parts, token. ARGV: instance, part, its holder as it was read, least token, what the keys of sessions
/// begin with, the longest that a session lasts, in how many parts the work is shared, the field that holds that.
///
/// A session that lasts longer than one can was left by a step back of the server's clock: its owner did not renew it since.
const CLAIM: &str = r#"
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HGET', KEYS[2], ARGV[8]) ~= ARGV[7] then return 'stale' end
local holder = redis.call('HGET', KEYS[2], ARGV[2])
if holder then
  local inst = string.match(holder, '^(.*)|%d+$')
  if inst and inst ~= ARGV[1] then
    if holder ~= ARGV[3] then return 'others' end
    local left = redis.call('PTTL', ARGV[5] .. inst)
    if left >= 0 and left <= tonumber(ARGV[6]) then return 'others' end
  end
end
local time = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[3]) or '0') or 0
local token = math.max(last + 1, time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[4]))
local text = string.format('%.0f', token)
redis.call('SET', KEYS[3], text)
redis.call('HSET', KEYS[2], ARGV[2], ARGV[1] .. '|' .. text)
return text
"#;

/// Releases a part and says so. KEYS: parts. ARGV: part, instance and token, channel, what is said.
const RELEASE: &str = r#"
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1
"#;

/// Releases all and ends the session. KEYS: session, members, parts. ARGV: instance, channel, what is said, the field that
/// holds the number of parts.
const LEAVE: &str = r#"
local held = redis.call('HGETALL', KEYS[3])
for i = 1, #held, 2 do
  if held[i] ~= ARGV[4] and string.match(held[i + 1], '^(.*)|%d+$') == ARGV[1] then redis.call('HDEL', KEYS[3], held[i]) end
end
redis.call('DEL', KEYS[1])
redis.call('SREM', KEYS[2], ARGV[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
"#;

/// The scripts as one member of a service calls them on the system bus.
pub struct SessionScripts {
    commands: Commands,
    scripts: Scripts,
    renew: Script,
    claim: Script,
    release: Script,
    leave: Script,
}

impl SessionScripts {
    /// Through this connection.
    pub fn new(commands: Commands) -> SessionScripts {
        let [renew, claim, release, leave] = [RENEW, CLAIM, RELEASE, LEAVE].map(Script::new);
        SessionScripts {
            commands,
            scripts: Scripts::new([&renew, &claim, &release, &leave]),
            renew,
            claim,
            release,
            leave,
        }
    }

    /// The connection.
    pub fn commands(&mut self) -> &mut Commands {
        &mut self.commands
    }

    /// Renews the session of `member` and tells it the answer.
    ///
    /// # Errors
    /// When there is no answer, or an error is; the member knows.
    pub fn renew(&mut self, member: &mut Member) -> Result<(), BusError> {
        let svc = member.svc();
        let (session, members, parts) = (
            session_key(svc, member.inst()),
            members_key(svc),
            parts_key(svc),
        );
        let mut packet = redis::pipe();
        let call = self
            .renew
            .call(&mut packet, &[&session, &members, &parts, DRAIN]);
        call.arg(member.inst()).arg(member.host()).arg(SESSION_MS);
        call.arg(member.wanted()).arg(session_prefix(svc));
        call.arg(MEMBERS_MAX).arg(PARTS_FIELD);
        // A connection that must be made is no part of the question.
        let made = self.commands.connect();
        member.asks(Mono::now());
        let answer = made.and_then(|()| self.scripts.run(&mut self.commands, &packet));
        let now = Mono::now();
        match answer {
            Ok(answer) => {
                let view = view(answer, self.commands.connects());
                member.answered(view, now);
                Ok(())
            }
            Err(error) => {
                member.unanswered(now);
                Err(error)
            }
        }
    }

    /// Claims and releases, and tells the member what became of it.
    ///
    /// # Errors
    /// When there is no answer: what was asked for may have been done, and is found out by the next renewal.
    pub fn ask(&mut self, member: &mut Member, actions: &[Action]) -> Result<(), BusError> {
        let mut packet = redis::pipe();
        let mut asked = Vec::new();
        for action in actions {
            match action {
                Action::Renew => continue,
                Action::Claim {
                    part,
                    holder,
                    floor,
                } => self.add_claim(&mut packet, member, *part, holder.as_ref(), *floor),
                Action::Release { part, token } => {
                    let holder = Holder {
                        inst: member.inst().to_owned(),
                        token: *token,
                    };
                    let svc = member.svc();
                    let call = self.release.call(&mut packet, &[&parts_key(svc)]);
                    call.arg(part).arg(holder.text()).arg(GOSSIP).arg(word(svc));
                }
            }
            asked.push(action);
        }
        let answers = self
            .scripts
            .send(&mut self.commands, &packet, asked.len())?;
        for (action, answer) in asked.into_iter().zip(answers) {
            match (action, answer) {
                (_, Value::ServerError(e)) => {
                    return Err(crate::bus::script::refusal(&e, &self.commands));
                }
                (Action::Claim { part, .. }, answer) => {
                    let said = text_of(&answer).unwrap_or_default();
                    member.claimed(
                        *part,
                        match (said.as_str(), said.parse()) {
                            (_, Ok(token)) => Claimed::Ours(token),
                            ("others", _) => Claimed::Others,
                            _ => Claimed::Stale,
                        },
                    );
                }
                (Action::Release { part, .. }, _) => member.released(*part),
                (Action::Renew, _) => {}
            }
        }
        Ok(())
    }

    fn add_claim(
        &self,
        packet: &mut redis::Pipeline,
        member: &Member,
        part: u32,
        holder: Option<&Holder>,
        floor: u64,
    ) {
        let svc = member.svc();
        let (session, parts, token) = (
            session_key(svc, member.inst()),
            parts_key(svc),
            token_key(svc),
        );
        let call = self.claim.call(packet, &[&session, &parts, &token]);
        call.arg(member.inst()).arg(part);
        call.arg(holder.map(Holder::text).unwrap_or_default())
            .arg(floor);
        call.arg(session_prefix(svc)).arg(SESSION_MS);
        call.arg(member.wanted()).arg(PARTS_FIELD);
    }

    /// Gives everything back and ends the session, if a connection is there.
    ///
    /// # Errors
    /// When there is no answer: then the session runs out by itself.
    pub fn leave(&mut self, member: &Member, patience: Duration) -> Result<(), BusError> {
        let svc = member.svc();
        let keys = [
            session_key(svc, member.inst()),
            members_key(svc),
            parts_key(svc),
        ];
        let mut packet = redis::pipe();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let call = self.leave.call(&mut packet, &keys);
        call.arg(member.inst())
            .arg(GOSSIP)
            .arg(word(svc))
            .arg(PARTS_FIELD);
        let mut scripts = Scripts::new([&self.leave]).with_patience(patience);
        scripts.run(&mut self.commands, &packet).map(drop)
    }
}

/// What is said when something was released.
fn word(svc: &str) -> String {
    format!(r#"{{"type":"released","svc":"{svc}"}}"#)
}

fn view(answer: Value, connection: u64) -> View {
    let mut answer = match answer {
        Value::Array(answers) => answers.into_iter(),
        _ => Vec::new().into_iter(),
    };
    let mut next = || answer.next().unwrap_or(Value::Nil);
    let (secs, micros) = (number(&next()), number(&next()));
    let had_session = number(&next()) == 1;
    let held = texts(next());
    let members = texts(next());
    let drained: BTreeSet<String> = texts(next()).into_iter().collect();
    let mut parts = 0;
    let mut holders = BTreeMap::new();
    for pair in held.chunks_exact(2) {
        if pair[0] == PARTS_FIELD {
            parts = pair[1].parse().unwrap_or(0);
        } else if let (Ok(part), Some(holder)) = (pair[0].parse(), Holder::read(&pair[1])) {
            holders.insert(part, holder);
        }
    }
    let peers = members.chunks_exact(2).map(|pair| Peer {
        inst: pair[0].clone(),
        host: pair[1].clone(),
    });
    View {
        server_us: secs.saturating_mul(1_000_000).saturating_add(micros),
        connection,
        had_session,
        parts,
        holders,
        members: peers.collect(),
        drained,
    }
}

fn number(value: &Value) -> u64 {
    match value {
        Value::Int(n) => u64::try_from(*n).unwrap_or(0),
        other => text_of(other)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0),
    }
}

fn texts(value: Value) -> Vec<String> {
    match value {
        Value::Array(values) => values
            .iter()
            .map(|v| text_of(v).unwrap_or_default())
            .collect(),
        _ => Vec::new(),
    }
}
