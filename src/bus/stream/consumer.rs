//! A worker of a consumer group, with its connection.

use std::time::Duration;

use redis::Value;

use super::group::is_no_group;
use super::{Ask, Delivery, Entry, EntryId, Grave, Group, Intake, Policy, READ_MAX, Reply};
use crate::bus::script::text_of;
use crate::bus::{BusError, Commands, Script, Scripts};
use crate::clock::Mono;

/// Questions that one call asks at most before it gives the caller a turn.
const ASKS_MAX: usize = 200;
/// Entries that one script touches at most: while it runs, Redis does nothing else.
pub(super) const TOUCHED_MAX: usize = 100;

/// Puts an entry among the dead letters, as it is, and acknowledges it; answers `dead`, `trimmed` when there was nothing
/// left of it, or `gone` when it is not pending under this name (any more).
///
/// An entry that names an item by its `uid` and has no `title` gets the item's, when the item is at hand.
///
/// KEYS: stream, dead letters. ARGV: group, consumer, id, deliveries, reason, greatest length of the dead letters, and of
/// an entry's names and values; beginning of the items' keys, empty where there are none.
const BURY: &str = r#"
local mine = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2])
if mine.err or #mine == 0 then return 'gone' end
local entry = redis.call('XRANGE', KEYS[1], ARGV[3], ARGV[3])[1]
if entry then
  local letter = {'stream', KEYS[1], 'group', ARGV[1], 'entry', ARGV[3], 'deliveries', ARGV[4], 'reason', ARGV[5]}
  local bytes, is = 0, {}
  for _, part in ipairs(entry[2]) do bytes = bytes + #part end
  for i = 1, #entry[2], 2 do is[entry[2][i]] = entry[2][i + 1] end
  if bytes <= tonumber(ARGV[7]) and #entry[2] <= 2000 then
    for _, part in ipairs(entry[2]) do letter[#letter + 1] = part end
  end
  if ARGV[8] ~= '' and is.uid and not is.title then
    local title = redis.pcall('HGET', ARGV[8] .. is.uid, 'title')
    if type(title) == 'string' and #title <= tonumber(ARGV[7]) then
      letter[#letter + 1] = 'title'
      letter[#letter + 1] = title
    end
  end
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[6], '*', unpack(letter))
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
return entry and 'dead' or 'trimmed'
"#;

/// Sets for how long entries of ours count as untouched; those that are not ours (any more) are left alone.
///
/// KEYS: stream. ARGV: group, consumer, milliseconds, ids.
pub(super) const TOUCH: &str = r#"
local touched = 0
for i = 4, #ARGV do
  local mine = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])
  if #mine > 0 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'IDLE', ARGV[3], 'JUSTID')
    touched = touched + 1
  end
end
return touched
"#;

/// Removes consumers that nobody was for so long and that owe nothing: with one that does, its pending entries would go.
///
/// KEYS: stream. ARGV: group, milliseconds.
const TIDY: &str = r#"
local removed = 0
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local is = {}
  for i = 1, #consumer, 2 do is[consumer[i]] = consumer[i + 1] end
  if is.pending == 0 and is.idle >= tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], is.name)
    removed = removed + 1
  end
end
return removed
"#;

/// Where entries go that were delivered too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetters {
    /// The stream of them. Fields: `stream`, `group`, `entry`, `deliveries`, `reason`, then those of the entry.
    pub key: String,
    /// It is kept at about so many.
    pub max_len: u64,
    /// Beginning of the keys of the items that entries name by their `uid`: a letter whose entry says no `title` gets the
    /// item's. Empty: there are none.
    pub items: &'static str,
}

/// What a worker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whose entries it reads, and under which name.
    pub group: Group,
    /// Its limits.
    pub policy: Policy,
    /// Where the dead letters go.
    pub dead: DeadLetters,
    /// Where a group begins that is not there: [`EntryId::ZERO`] for everything that the stream holds.
    pub from: EntryId,
}

/// A worker of a group. It goes through one [`Commands`] all its life.
pub struct Consumer {
    settings: Settings,
    intake: Intake,
    bury: Script,
    touch: Script,
    tidy: Script,
    scripts: Scripts,
    buried: u64,
    /// The group was made anew, and nothing was read from it since.
    made: bool,
}

/// What came before the reading of new entries.
pub(super) enum Before {
    /// Entries of before, which are worked on alone.
    Delivered(Vec<Delivery>),
    /// Nothing: so many new ones may be read.
    Room(usize),
    /// As much is in hand as there may be, or there was much to do.
    Nothing,
}

impl Consumer {
    /// A worker that has just started.
    pub fn new(settings: Settings) -> Consumer {
        let [bury, touch, tidy] = [BURY, TOUCH, TIDY].map(Script::new);
        Consumer {
            intake: Intake::new(settings.policy),
            scripts: Scripts::new([&bury, &touch, &tidy]),
            settings,
            bury,
            touch,
            tidy,
            buried: 0,
            made: false,
        }
    }

    /// The group, for acknowledgements in a transaction of the caller's ([`settle`](Consumer::settle) follows).
    pub fn group(&self) -> &Group {
        &self.settings.group
    }

    /// The limits that it works by.
    pub fn policy(&self) -> Policy {
        self.settings.policy
    }

    /// How many entries this worker put among the dead letters.
    pub fn buried(&self) -> u64 {
        self.buried
    }

    /// What is in hand: delivered, and neither acknowledged nor given back.
    pub fn in_hand(&self) -> Vec<EntryId> {
        self.intake.in_hand().collect()
    }

    /// Entries to work on: one of before, or new ones; waits up to `block` for new ones when there are none. Nothing when
    /// as much is in hand as there may be.
    ///
    /// # Errors
    /// Those of the bus: after one, the next call begins with what was handed out and never arrived. `block` must be
    /// shorter than the connection waits for an answer.
    pub fn next(
        &mut self,
        commands: &mut Commands,
        block: Duration,
    ) -> Result<Vec<Delivery>, BusError> {
        match self.before_new(commands)? {
            Before::Delivered(delivered) => Ok(delivered),
            Before::Room(count) => {
                let group = &self.settings.group;
                let read = group.unread(commands, count.min(READ_MAX), Some(block));
                self.took_new(read)
            }
            Before::Nothing => Ok(Vec::new()),
        }
    }

    /// Does everything that comes before the reading of new entries: makes the group, looks through what is pending under
    /// this name and what others left, buries.
    pub(super) fn before_new(&mut self, commands: &mut Commands) -> Result<Before, BusError> {
        for _ in 0..ASKS_MAX {
            let Some(ask) = self.intake.ask() else {
                break;
            };
            if let Ask::Unread { count } = ask {
                return Ok(Before::Room(count));
            }
            match self.carry_out(commands, &ask) {
                Ok(reply) => {
                    let delivered = self.intake.answered(reply, Mono::now());
                    if !delivered.is_empty() {
                        return Ok(Before::Delivered(delivered));
                    }
                }
                Err(error) => self.failed(error)?,
            }
        }
        Ok(Before::Nothing)
    }

    /// Takes in what the reading of new entries brought.
    pub(super) fn took_new(
        &mut self,
        read: Result<Vec<Entry>, BusError>,
    ) -> Result<Vec<Delivery>, BusError> {
        match read {
            Ok(entries) => {
                self.made = false;
                Ok(self.intake.answered(Reply::Entries(entries), Mono::now()))
            }
            Err(error) => self.failed(error).map(|()| Vec::new()),
        }
    }

    fn failed(&mut self, error: BusError) -> Result<(), BusError> {
        if is_no_group(&error) && self.make_again() {
            let group = &self.settings.group;
            log::warn!("{} of {} is gone: made anew", group.name, group.key);
            return Ok(());
        }
        self.got_no_answer();
        Err(error)
    }

    /// The group is not there: it is made with the next question. False when that was done just before, in vain: then
    /// somebody has to hear of it, and the next time it is made anew.
    pub(super) fn make_again(&mut self) -> bool {
        self.made = !self.made;
        if self.made {
            self.intake.no_group();
        }
        self.made
    }

    /// What was asked last got no answer, or an error.
    pub(super) fn got_no_answer(&mut self) {
        self.intake.failed();
    }

    fn carry_out(&mut self, commands: &mut Commands, ask: &Ask) -> Result<Reply, BusError> {
        let group = &self.settings.group;
        Ok(match ask {
            Ask::Make => {
                group.make(commands, self.settings.from)?;
                Reply::Done
            }
            Ask::Pending { after } => Reply::Pending(group.pending(commands, *after)?),
            Ask::Own { id } => Reply::Entries(group.own(commands, id.before(), 1)?),
            Ask::Claim { cursor } => {
                let idle = self.settings.policy.claim_idle;
                let (next, claimed) = group.claim_idle(commands, idle, *cursor)?;
                Reply::Claimed(next, claimed)
            }
            // Read by the caller, who may wait for several streams at once.
            Ask::Unread { .. } => Reply::Entries(Vec::new()),
            Ask::Bury(grave) => {
                self.bury(commands, grave)?;
                Reply::Done
            }
        })
    }

    fn bury(&mut self, commands: &mut Commands, grave: &Grave) -> Result<(), BusError> {
        let (group, dead) = (&self.settings.group, &self.settings.dead);
        let mut packet = redis::pipe();
        self.bury
            .call(&mut packet, &[&group.key, &dead.key])
            .arg(&group.name)
            .arg(&group.consumer)
            .arg(grave.id.to_string())
            .arg(grave.deliveries)
            .arg(&grave.reason)
            .arg(dead.max_len)
            .arg(self.settings.policy.max_bytes)
            .arg(dead.items);
        let answer = self.scripts.run(commands, &packet)?;
        if text_of(&answer).as_deref() == Some("dead") {
            self.buried += 1;
            let (id, key, reason) = (grave.id, &group.key, &grave.reason);
            log::warn!("entry {id} of {key} is put into {}: {reason}", dead.key);
        }
        Ok(())
    }

    /// Puts an entry in hand among the dead letters, and acknowledges it.
    ///
    /// # Errors
    /// Those of the bus: then it stays in hand, and this may be repeated.
    pub fn give_up(&mut self, commands: &mut Commands, grave: &Grave) -> Result<(), BusError> {
        self.bury(commands, grave)?;
        self.intake.settle(&[grave.id]);
        Ok(())
    }

    /// The group is not there any more, as a script found: it is made anew with the next reading, and hands out anew what
    /// was in hand.
    pub fn group_is_gone(&mut self) {
        let ids = self.in_hand();
        self.intake.settle(&ids);
        self.intake.no_group();
    }

    /// Acknowledges entries in hand; how many of them were still pending.
    ///
    /// # Errors
    /// Those of the bus: then they stay in hand, and this may be repeated.
    pub fn acknowledge(
        &mut self,
        commands: &mut Commands,
        ids: &[EntryId],
    ) -> Result<u64, BusError> {
        let acknowledged = self.settings.group.acknowledge(commands, ids)?;
        self.intake.settle(ids);
        Ok(acknowledged)
    }

    /// These were acknowledged in a transaction of the caller's.
    pub fn settle(&mut self, ids: &[EntryId]) {
        self.intake.settle(ids);
    }

    /// Says of everything in hand that it is being worked on: to be called every third of the time after which others
    /// take it for given up.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn renew(&mut self, commands: &mut Commands) -> Result<(), BusError> {
        let ids = self.in_hand();
        self.touch(commands, &ids, Duration::ZERO)
    }

    /// Gives entries in hand back: others may take them at once.
    ///
    /// # Errors
    /// Those of the bus: then others take them when they have been untouched for long enough.
    pub fn give_back(&mut self, commands: &mut Commands, ids: &[EntryId]) -> Result<(), BusError> {
        self.intake.settle(ids);
        self.touch(commands, ids, self.settings.policy.claim_idle)
    }

    fn touch(
        &mut self,
        commands: &mut Commands,
        ids: &[EntryId],
        idle: Duration,
    ) -> Result<(), BusError> {
        let group = &self.settings.group;
        for ids in ids.chunks(TOUCHED_MAX) {
            let mut packet = redis::pipe();
            let call = self.touch.call(&mut packet, &[&group.key]);
            call.arg(&group.name).arg(&group.consumer);
            call.arg(idle.as_millis() as u64);
            for id in ids {
                call.arg(id.to_string());
            }
            self.scripts.run(commands, &packet)?;
        }
        Ok(())
    }

    /// Removes consumers of the group that nobody was for `idle` and that owe nothing; how many.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn tidy(&mut self, commands: &mut Commands, idle: Duration) -> Result<u64, BusError> {
        let group = &self.settings.group;
        let mut packet = redis::pipe();
        let call = self.tidy.call(&mut packet, &[&group.key]);
        call.arg(&group.name).arg(idle.as_millis() as u64);
        match self.scripts.run(commands, &packet)? {
            Value::Int(removed) => Ok(removed.unsigned_abs()),
            _ => Ok(0),
        }
    }
}
