//! Reads how the swarm stands from the system bus.

use std::ops::ControlFlow;
use std::time::Duration;

use redis::{FromRedisValue, Value};

use super::oversight::{BusRecords, Healer, Oversight};
use super::snapshots::snapshots;
use crate::bus::{Address, BusError, Commands, Limits, overhear};
use crate::clock;
use crate::contract::{
    BUS_HEALTH, BUS_HEALTH_EVERY, BUS_HEALTH_TTL, BusHealth, HEALER_ECHOES, HEALER_LEASE, Health,
    REFUSED_EVERY, WritesRefused,
};

/// How long a reader waits for a bus: one that is far away needs seconds to greet.
pub const READER_LIMITS: Limits = Limits {
    connect: Duration::from_secs(5),
    read: Duration::from_secs(5),
};
/// A healer that could write would have written within this.
const SILENT_AFTER: Duration = Duration::from_millis(2500 * BUS_HEALTH_EVERY.as_secs());
/// How long to listen for a healer that cannot write: it echoes each second, and says why as often.
const LISTEN: Duration = REFUSED_EVERY.saturating_mul(2);

/// A connection to the system bus that reads what the healer wrote there, and listens to it when that is not enough.
pub struct StateReader {
    commands: Commands,
    client_name: String,
}

/// What one look at the keys brought.
struct Keys {
    has_lease: bool,
    buses: Option<BusRecords>,
}

impl StateReader {
    /// A reader of the bus at `address`; `client_name` is what `CLIENT LIST` shows.
    pub fn new(address: Address, client_name: &str) -> StateReader {
        StateReader {
            commands: Commands::new(address, client_name, READER_LIMITS),
            client_name: client_name.to_owned(),
        }
    }

    /// The connection, for what else is read from there.
    pub fn commands(&mut self) -> &mut Commands {
        &mut self.commands
    }

    /// Who judges, and what can be judged. Takes two seconds more when the keys do not tell: a healer whose writes are
    /// refused is heard, though its lease and its records ran out.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub fn oversight(&mut self) -> Result<Oversight, BusError> {
        let mut keys = self.keys()?;
        let is_fresh = keys.buses.as_ref().is_some_and(|b| b.age <= SILENT_AFTER);
        let mut heard = Heard::default();
        if !keys.has_lease || !is_fresh {
            heard = self.listen();
            keys = self.keys()?;
        }
        let healer = match (heard.refused, keys.has_lease) {
            (Some(refused), _) => Healer::Refused(refused),
            (None, true) => Healer::Speaks,
            (None, false) if heard.echo => Healer::Mute,
            (None, false) => Healer::Silent,
        };
        let now_ts = now_of(&healer, keys.buses.as_ref()).unwrap_or_else(clock::wall_secs);
        Ok(Oversight {
            healer,
            buses: keys.buses,
            now_ts,
        })
    }

    /// The latest snapshots of these services, in their order.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub fn health<'a>(
        &mut self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<Option<Health>>, BusError> {
        snapshots(&mut self.commands, names)
    }

    fn keys(&mut self) -> Result<Keys, BusError> {
        let mut packet = redis::pipe();
        packet.cmd("EXISTS").arg(HEALER_LEASE);
        packet.cmd("HGETALL").arg(BUS_HEALTH);
        packet.cmd("PTTL").arg(BUS_HEALTH);
        let [lease, records, ttl] = <[Value; 3]>::try_from(self.commands.answers(&packet, 3)?)
            .unwrap_or([Value::Nil, Value::Nil, Value::Nil]);
        if let Value::ServerError(e) = &lease {
            let details = e.details().unwrap_or_default();
            return Err(BusError::from_reply(
                e.code(),
                details,
                self.commands.address(),
            ));
        }
        let records = Vec::<(String, String)>::from_redis_value(records).unwrap_or_default();
        let ttl = Option::<i64>::from_redis_value(ttl).ok().flatten();
        Ok(Keys {
            has_lease: lease == Value::Int(1),
            buses: bus_records(records, ttl),
        })
    }

    /// What healers say on their echo channels. A user who may not listen there hears nothing.
    fn listen(&self) -> Heard {
        let mut heard = Heard::default();
        let name = format!("{}:echoes", self.client_name);
        let address = self.commands.address();
        let done = overhear(
            address,
            &name,
            &READER_LIMITS,
            HEALER_ECHOES,
            LISTEN,
            |word| {
                heard.echo = true;
                heard.refused = read_refused(word);
                match heard.refused {
                    Some(_) => ControlFlow::Break(()),
                    None => ControlFlow::Continue(()),
                }
            },
        );
        if let Err(error) = done {
            log::debug!("the healer's echoes cannot be heard: {error}");
        }
        heard
    }
}

/// What was heard of healers.
#[derive(Debug, Default)]
struct Heard {
    echo: bool,
    refused: Option<WritesRefused>,
}

/// What a healer says of its writes; `None` when it is an echo.
fn read_refused(word: &[u8]) -> Option<WritesRefused> {
    serde_json::from_slice(word).ok()
}

/// `ttl`: milliseconds that the hash has left.
fn bus_records(records: Vec<(String, String)>, ttl: Option<i64>) -> Option<BusRecords> {
    let mut buses = BusRecords::default();
    for (name, json) in records {
        let Ok(record) = serde_json::from_str::<BusHealth>(&json) else {
            continue;
        };
        buses.by_name.insert(name, record);
    }
    // One that lives for ever was made by nobody of ours: it counts as old.
    let left = ttl.and_then(|ttl| u64::try_from(ttl).ok()).unwrap_or(0);
    buses.age = BUS_HEALTH_TTL.saturating_sub(Duration::from_millis(left));
    (!buses.by_name.is_empty()).then_some(buses)
}

/// The present by the clock that dates snapshots, which need not agree with that of this machine.
fn now_of(healer: &Healer, buses: Option<&BusRecords>) -> Option<i64> {
    if let Healer::Refused(refused) = healer {
        return Some(refused.as_of_ts);
    }
    let buses = buses?;
    let written = buses.by_name.values().map(|record| record.as_of_ts).max()?;
    Some(written.saturating_add(i64::try_from(buses.age.as_secs()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(as_of_ts: i64) -> String {
        let record = BusHealth {
            bus: "b".into(),
            judged: false,
            since_ts: 1,
            reason: Some("no\u{1b}[2J link\n".into()),
            as_of_ts,
            services: 1,
            refresh_sec: 60,
        };
        record.to_json()
    }

    #[test]
    fn the_clock_of_redis_tells_how_old_the_records_are() {
        let records = vec![("b".to_owned(), record(1000)), ("c".into(), "junk".into())];
        let buses = bus_records(records, Some(270_000)).expect("a record");
        assert_eq!(buses.age, Duration::from_secs(30));
        assert_eq!(buses.by_name.len(), 1);
        assert_eq!(now_of(&Healer::Speaks, Some(&buses)), Some(1030));
        let reason = buses.by_name["b"].reason.as_deref();
        assert_eq!(reason, Some("no\u{fffd}[2J link"), "fit for a terminal");
        assert_eq!(bus_records(Vec::new(), Some(-2)), None);
        let for_ever = bus_records(vec![("b".into(), record(1))], Some(-1));
        assert_eq!(for_ever.map(|b| b.age), Some(BUS_HEALTH_TTL));
    }

    #[test]
    fn an_echo_is_no_word_about_writes() {
        assert_eq!(read_refused(b"17"), None);
        assert_eq!(read_refused(b"{\"a\":1}"), None);
        let said = WritesRefused {
            writes_refused: "OOM".into(),
            since_ts: 5,
            as_of_ts: 9,
        };
        assert_eq!(read_refused(said.to_json().as_bytes()), Some(said));
    }
}
