//! A healer that is killed again and again in a storm of alerts loses none and doubles none, on either channel.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use crate::support::mail_server::{MailServer, header};
use crate::support::notifier::{log_alert, miss, ok};
use crate::support::receiver::{Receiver, Reply};
use crate::support::truth::{seed, truth_of};
use crate::support::{Daemon, RedisServer, secs, until};

const KILLS: usize = 100;
const SERVICES: usize = 150;
/// Between a kill and the moment that the receiver noted for the message that the dead one was sending lies no more, in
/// seconds, however busy the machine is. The receiver may note it after the kill: what was sent still arrives.
const AROUND_KILL: f64 = 5.0;

/// A message that a receiver took.
struct Took {
    id: String,
    /// Seconds since the epoch.
    at: f64,
    /// The ids of the alerts that it tells.
    alerts: BTreeSet<String>,
}

fn epoch() -> f64 {
    let now = SystemTime::UNIX_EPOCH.elapsed();
    now.unwrap().as_secs_f64()
}

fn posts(receiver: &Receiver) -> Vec<Took> {
    let now = epoch();
    let taken = receiver.accepted();
    taken
        .iter()
        .map(|t| {
            let json = t.json();
            let alerts = json["alerts"].as_array().into_iter().flatten();
            Took {
                id: t.id().to_owned(),
                at: now - t.at.elapsed().as_secs_f64(),
                alerts: alerts
                    .filter_map(|a| Some(a["id"].as_str()?.to_owned()))
                    .collect(),
            }
        })
        .collect()
}

fn mails(server: &MailServer) -> Vec<Took> {
    let took = |mail: &serde_json::Value| Took {
        id: header(mail, "Message-ID"),
        at: mail["at"].as_f64().unwrap(),
        alerts: header(mail, "X-MarketSwarm-Alerts")
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
    };
    server.mails().iter().map(took).collect()
}

#[test]
fn a_healer_killed_a_hundred_times_in_a_storm_of_alerts_loses_none_and_doubles_none() {
    let mut rng = fastrand::Rng::new();
    let redis = RedisServer::start();
    let names: Vec<String> = (0..SERVICES).map(|i| format!("s{i:03}")).collect();
    let named: Vec<&str> = names.iter().map(String::as_str).collect();
    // Silence of an hour is fine: the storm comes from the log alone.
    seed(&redis, &truth_of(&named, 10.0, 3600.0));
    let receiver = Receiver::that(|_, _| match fastrand::u32(..6) {
        0 => Reply::status(503),
        1 => Reply::Cut,
        _ => Reply::ok(),
    });
    let mail = MailServer::start();
    let url = redis.url();
    let mut env = mail
        .as_ref()
        .map(|m| m.env("flaky@example.org"))
        .unwrap_or_default();
    for (name, value) in [
        ("SYSTEM_REDIS_URL", url),
        ("WEBHOOK_URL", receiver.url()),
        // The receiver always answers or cuts: a message comes twice for a kill, never for a late answer.
        ("WEBHOOK_TIMEOUT_SEC", "60".into()),
    ] {
        env.push((name.into(), value));
    }
    let env: Vec<(&str, &str)> = env.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();

    let mut storm: Vec<usize> = (0..2 * SERVICES).map(|i| i % SERVICES).collect();
    rng.shuffle(&mut storm);
    let (mut down, mut told) = (BTreeSet::new(), BTreeSet::new());
    let mut kills: Vec<f64> = Vec::new();
    let mut healer = Daemon::start("healer", &env);
    while kills.len() < KILLS || !storm.is_empty() {
        for _ in 0..rng.usize(..7) {
            let Some(i) = storm.pop() else { break };
            let alert = if down.insert(i) {
                miss(named[i])
            } else {
                ok(named[i])
            };
            told.insert(log_alert(&redis, &alert));
        }
        std::thread::sleep(Duration::from_millis(rng.u64(50..900)));
        healer.kill();
        kills.push(epoch());
        // The dead one's lease would last five seconds more.
        redis.query::<i64>(&["DEL", "healer:lease"]);
        healer = Daemon::start("healer", &env);
    }
    assert_eq!(told.len(), 2 * SERVICES);
    check("webhook", &redis, &told, &kills, || posts(&receiver));
    if let Some(mail) = &mail {
        check("email", &redis, &told, &kills, || mails(mail));
    }
}

/// Every alert reached the channel, in one message; a message came twice only where a kill allows it.
fn check(
    channel: &str,
    redis: &RedisServer,
    told: &BTreeSet<String>,
    kills: &[f64],
    took: impl Fn() -> Vec<Took>,
) {
    until(&format!("every alert at {channel}"), secs(90.0), || {
        let seen: BTreeSet<String> = took().into_iter().flat_map(|t| t.alerts).collect();
        let missing: Vec<_> = told.difference(&seen).collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("missing {missing:?}"))
        }
    });
    wait_acknowledged(redis, &format!("healer:{channel}"));
    let dead = redis.query::<i64>(&["LLEN", &format!("healer:dead:{channel}")]);
    assert_eq!(dead, 0, "dead letters of {channel}");
    check_doubles(channel, &took(), kills);
}

fn wait_acknowledged(redis: &RedisServer, group: &str) {
    until("nothing is left to acknowledge", secs(30.0), || {
        type Pending = (i64, redis::Value, redis::Value, redis::Value);
        let (waiting, ..): Pending = redis.query(&["XPENDING", "healer:alerts:log", group]);
        if waiting == 0 {
            Ok(())
        } else {
            Err(waiting.to_string())
        }
    });
}

/// A message that was taken twice: only where a kill fell between the answer and our note of it, and each kill is such
/// a reason once, for a channel sends one at a time. An alert in two messages: never.
fn check_doubles(channel: &str, taken: &[Took], kills: &[f64]) {
    let mut reasons = kills.to_vec();
    let mut last: BTreeMap<&str, f64> = BTreeMap::new();
    for one in taken {
        if let Some(before) = last.insert(&one.id, one.at) {
            let is_reason = |k: &f64| *k < one.at && (*k - before).abs() < AROUND_KILL;
            let Some(reason) = reasons.iter().position(is_reason) else {
                panic!("{channel}: {} was taken twice without a kill", one.id);
            };
            reasons.remove(reason);
        }
    }
    let mut carrier: BTreeMap<&str, &str> = BTreeMap::new();
    for one in taken {
        for alert in &one.alerts {
            let other = carrier.insert(alert, &one.id);
            assert!(
                other.is_none_or(|other| other == one.id),
                "{channel}: {alert} was told by {other:?} and by {}",
                one.id
            );
        }
    }
}
