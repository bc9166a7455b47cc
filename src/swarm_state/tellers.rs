//! Who tells people: the channels of the healer, as they stand in Redis.

use redis::cmd;
use redis::streams::StreamInfoGroupsReply;

use crate::bus::{BusError, Commands};
use crate::contract::{ALERT_LOG, dead_key, holder_key, is_name, outbox_key};

/// Channels that are looked at; further ones are left out.
const TELLERS_MAX: usize = 64;
/// Whose channels they are, and how the names of their groups begin.
const OF_HEALER: &str = "healer:";

/// One way to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Teller {
    /// The channel: `webhook`, `email`, or as truth names it.
    pub channel: String,
    /// Whether somebody tells through it.
    pub is_at_work: bool,
    /// Messages that are on their way.
    pub waiting: u64,
    /// Messages that could not be delivered.
    pub dead: u64,
}

/// The channels of the healer. One that was taken away stays for as long as it holds messages.
///
/// # Errors
/// When the bus does not answer.
pub fn tellers(commands: &mut Commands) -> Result<Vec<Teller>, BusError> {
    let mut info = cmd("XINFO");
    let groups = match commands.query::<StreamInfoGroupsReply>(info.arg("GROUPS").arg(ALERT_LOG)) {
        Ok(reply) => reply.groups,
        // There is no log before the first alert or channel.
        Err(BusError::Reply { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let names = groups.into_iter().map(|group| group.name);
    let channels =
        names.filter_map(|group| Some((group.strip_prefix(OF_HEALER)?.to_owned(), group)));
    let mut found = Vec::new();
    for (channel, group) in channels
        .filter(|(channel, _)| is_name(channel))
        .take(TELLERS_MAX)
    {
        let mut packet = redis::pipe();
        packet.cmd("EXISTS").arg(holder_key(&group));
        packet.cmd("HLEN").arg(outbox_key(&group));
        packet.cmd("LLEN").arg(dead_key(&channel));
        let (is_at_work, waiting, dead) = commands.pipe(&packet)?;
        if is_at_work || waiting > 0 || dead > 0 {
            found.push(Teller {
                channel,
                is_at_work,
                waiting,
                dead,
            });
        }
    }
    found.sort_by(|a, b| a.channel.cmp(&b.channel));
    Ok(found)
}
