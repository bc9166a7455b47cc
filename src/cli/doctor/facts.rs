//! What a Redis server says of itself, and what is wrong with it for a bus. Pure.

use std::collections::HashMap;
use std::time::Duration;

use super::Finding;
use crate::clock::human;

/// The oldest server that has all commands that are used: COPY and XAUTOCLAIM came with it
/// (<https://redis.io/docs/latest/commands/copy/>).
const OLDEST: (u32, u32) = (6, 2);
/// Beyond this round trip no silence is judged, and beyond this people hear late.
const FAR: Duration = Duration::from_secs(1);
const SLOW: Duration = Duration::from_millis(250);
/// A wall clock that differs by more makes dates that mislead.
const CLOCK_OFF_SEC: f64 = 2.0;
/// Percent of what is allowed: memory and clients.
const NEARLY: u64 = 80;

/// What is known of one server.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The fields of INFO.
    pub(super) info: HashMap<String, String>,
    /// Settings; empty where CONFIG is forbidden.
    pub(super) config: HashMap<String, String>,
    /// Median of some round trips.
    pub(super) round_trip: Duration,
    /// Seconds that the clock of this machine is ahead of the server's.
    pub(super) clock_ahead_sec: Option<f64>,
}

impl Facts {
    /// The fields of the answer to INFO: `name:value` lines (<https://redis.io/docs/latest/commands/info/>).
    pub(super) fn read_info(text: &str) -> HashMap<String, String> {
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        fields
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect()
    }

    fn text(&self, name: &str) -> &str {
        self.info.get(name).map_or("", String::as_str)
    }

    fn number(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or(0)
    }

    /// `Redis 7.0.15, 0.1 ms away`.
    pub(super) fn summary(&self) -> String {
        let version = match self.text("redis_version") {
            "" => "Redis".to_owned(),
            version => format!("Redis {version}"),
        };
        format!("{version}, {} ms away", millis(self.round_trip))
    }

    /// Everything that makes this server a bad bus named `bus`.
    pub(super) fn judge(&self, bus: &str) -> Vec<Finding> {
        let mut found = Vec::new();
        found.extend(self.distance(bus));
        found.extend(self.clock(bus));
        found.extend(self.version(bus));
        found.extend(self.role(bus));
        found.extend(self.eviction(bus));
        found.extend(self.memory(bus));
        found.extend(self.saving(bus));
        found.extend(self.clients(bus));
        found
    }

    fn distance(&self, bus: &str) -> Option<Finding> {
        let what = format!("a round trip takes {} ms", millis(self.round_trip));
        if self.round_trip > FAR {
            let remedy = "bring it nearer: beyond a second no silence can be judged";
            return Some(Finding::wrong(bus, what, remedy));
        }
        let remedy = "bring it nearer, or live with deaths that are told some round trips later";
        (self.round_trip > SLOW).then(|| Finding::risk(bus, what, remedy))
    }

    fn clock(&self, bus: &str) -> Option<Finding> {
        let ahead = self.clock_ahead_sec?;
        let side = if ahead > 0.0 { "ahead of" } else { "behind" };
        let what = format!(
            "the clock of this machine is {} {side} the server's",
            human(Duration::from_secs_f64(ahead.abs()))
        );
        let remedy =
            "let both follow NTP: judging goes by neither, but alerts and prices carry their dates";
        (ahead.abs() > CLOCK_OFF_SEC).then(|| Finding::risk(bus, what, remedy))
    }

    fn version(&self, bus: &str) -> Option<Finding> {
        let version = self.text("redis_version");
        let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
        let (major, minor) = (parts.next()??, parts.next()??);
        let what = format!("Redis {version} lacks commands that are used");
        let remedy = format!("install Redis {}.{} or later", OLDEST.0, OLDEST.1);
        ((major, minor) < OLDEST).then(|| Finding::wrong(bus, what, remedy))
    }

    fn role(&self, bus: &str) -> Option<Finding> {
        if self.text("cluster_enabled") == "1" {
            let what = "is a Redis Cluster, where a script reaches the keys of one slot alone";
            return Some(Finding::wrong(
                bus,
                what,
                "take a server with `cluster-enabled no`",
            ));
        }
        if self.text("role") == "slave" {
            let master = format!("{}:{}", self.text("master_host"), self.text("master_port"));
            let what = "is a replica, which takes no writes";
            return Some(Finding::wrong(
                bus,
                what,
                format!("name its master: {master}"),
            ));
        }
        None
    }

    fn eviction(&self, bus: &str) -> Option<Finding> {
        let policy = self.text("maxmemory_policy");
        if policy.is_empty() || policy == "noeviction" {
            return None;
        }
        let what = format!(
            "may throw keys away when memory is full (maxmemory-policy {policy}): truth, alerts, leases"
        );
        let remedy = "CONFIG SET maxmemory-policy noeviction, and the same in redis.conf";
        let grade = if self.number("maxmemory") > 0 {
            Finding::wrong
        } else {
            Finding::risk
        };
        Some(grade(bus.to_owned(), what, remedy.to_owned()))
    }

    fn memory(&self, bus: &str) -> Option<Finding> {
        let (used, most) = (self.number("used_memory"), self.number("maxmemory"));
        if most == 0 {
            let total = self.number("total_system_memory");
            let what = "has no maxmemory: a flood takes all memory of its machine before writes are refused";
            return (total > 0).then(|| Finding::note(bus, what));
        }
        let share = used.saturating_mul(100) / most;
        let what = format!("uses {share} % of its maxmemory");
        let remedy = "raise maxmemory, or keep less (limits of the services' sections in truth)";
        match share {
            100.. => Some(Finding::wrong(
                bus,
                format!("{what}: writes are refused"),
                remedy,
            )),
            NEARLY.. => Some(Finding::risk(bus, what, remedy)),
            _ => None,
        }
    }

    fn saving(&self, bus: &str) -> Option<Finding> {
        let failed = [
            (
                "rdb_last_bgsave_status",
                "the last snapshot could not be saved",
            ),
            (
                "aof_last_write_status",
                "the last write to the append-only file failed",
            ),
            (
                "aof_last_bgrewrite_status",
                "the append-only file could not be rewritten",
            ),
        ];
        let failed = failed.iter().find(|(field, _)| self.text(field) == "err");
        if let Some((_, what)) = failed {
            let remedy =
                "look at the server's log: its disk is full or its folder may not be written";
            return Some(Finding::wrong(bus, *what, remedy));
        }
        let keeps_nothing = self.text("aof_enabled") == "0"
            && self.config.get("save").is_some_and(String::is_empty);
        let what =
            "keeps nothing over a restart: truth, history of alerts and what waits would be gone";
        let remedy =
            "CONFIG SET appendonly yes, and the same in redis.conf; bootstrap again after a loss";
        keeps_nothing.then(|| Finding::risk(bus, what, remedy))
    }

    fn clients(&self, bus: &str) -> Option<Finding> {
        let (now, most) = (self.number("connected_clients"), self.number("maxclients"));
        let nearly = most > 0 && now.saturating_mul(100) / most >= NEARLY;
        let what = format!("serves {now} clients of {most} at most");
        let remedy =
            "raise maxclients (and LimitNOFILE of its unit): who finds no place looks dead";
        nearly.then(|| Finding::risk(bus, what, remedy))
    }
}

/// Milliseconds with one digit behind the point: on one machine a round trip takes a tenth of one.
fn millis(span: Duration) -> String {
    format!("{:.1}", span.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::super::report::Grade;
    use super::*;

    const WELL: &str = "# Server\r\nredis_version:7.0.15\r\nrole:master\r\ncluster_enabled:0\r\nmaxmemory:1000\r\n\
                        used_memory:100\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\nconnected_clients:3\r\n\
                        maxclients:100\r\nrdb_last_bgsave_status:ok\r\n";

    fn facts(changes: &[(&str, &str)]) -> Facts {
        let mut info = Facts::read_info(WELL);
        for (name, value) in changes {
            info.insert((*name).into(), (*value).into());
        }
        Facts {
            info,
            round_trip: Duration::from_micros(80),
            clock_ahead_sec: Some(0.01),
            ..Facts::default()
        }
    }

    #[test]
    fn a_server_that_is_well_gives_nothing_to_say() {
        assert_eq!(facts(&[]).judge("bus"), []);
        assert!(facts(&[]).summary().starts_with("Redis 7.0.15, "));
        // One that forbids INFO says nothing of itself.
        let silent = Facts::default();
        assert_eq!(silent.judge("bus"), []);
    }

    #[test]
    fn each_fault_is_found_with_its_grade_and_a_remedy() {
        type Changes<'c> = &'c [(&'c str, &'c str)];
        let cases: &[(Changes, Grade, &str)] = &[
            (&[("redis_version", "6.0.16")], Grade::Wrong, "6.0.16"),
            (
                &[
                    ("role", "slave"),
                    ("master_host", "m"),
                    ("master_port", "1"),
                ],
                Grade::Wrong,
                "replica",
            ),
            (&[("cluster_enabled", "1")], Grade::Wrong, "Cluster"),
            (
                &[("maxmemory_policy", "allkeys-lru")],
                Grade::Wrong,
                "allkeys-lru",
            ),
            (
                &[("maxmemory_policy", "allkeys-lru"), ("maxmemory", "0")],
                Grade::Risk,
                "allkeys-lru",
            ),
            (&[("used_memory", "850")], Grade::Risk, "85 %"),
            (&[("used_memory", "1000")], Grade::Wrong, "refused"),
            (
                &[("rdb_last_bgsave_status", "err")],
                Grade::Wrong,
                "snapshot",
            ),
            (
                &[("aof_last_write_status", "err")],
                Grade::Wrong,
                "append-only",
            ),
            (&[("connected_clients", "80")], Grade::Risk, "80 clients"),
        ];
        for (changes, grade, word) in cases {
            let found = facts(changes).judge("bus");
            assert_eq!(found.len(), 1, "{changes:?}: {found:?}");
            assert_eq!(found[0].grade, *grade, "{changes:?}");
            assert!(found[0].what.contains(word), "{found:?}");
            assert!(!found[0].remedy.is_empty(), "{found:?}");
        }
    }

    #[test]
    fn distance_clock_and_what_is_not_kept_are_found() {
        let mut far = facts(&[("aof_enabled", "0")]);
        far.round_trip = Duration::from_millis(300);
        far.clock_ahead_sec = Some(-90.0);
        far.config.insert("save".into(), String::new());
        let found = far.judge("bus");
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found.iter().all(|finding| finding.grade == Grade::Risk));
        assert!(found[1].what.contains("behind"), "{found:?}");
        far.round_trip = Duration::from_millis(1100);
        assert_eq!(far.judge("bus")[0].grade, Grade::Wrong);
    }
}
