//! A fail-over that breaks no connection: everybody moves to where the name leads, and nobody is told dead for it.

use crate::support::{Alerts, PATIENCE, Proxy, Stage, secs, until};

/// The name of the bus leads to a replica that became the master, while the old server answers all who are connected.
fn everybody_moves(is_demoted: bool) {
    // The services are real: none of them may starve for a timeout because this machine is busy.
    let old = Stage::new(&["massive", "mesh", "sentinel"], 0.25, 3.0);
    let new = Stage::new(&[], 0.25, 3.0);
    // A replica waits 5 s for others that may want the same data.
    old.redis.config_set("repl-diskless-sync-delay", "0");
    let name = Proxy::to(old.redis.port());
    let url = name.url();
    let port = |stage: &Stage| stage.redis.port().to_string();
    new.redis
        .query::<()>(&["REPLICAOF", "127.0.0.1", &port(&old)]);
    let env = [("SYSTEM_REDIS_URL", url.as_str())];
    let healer = old.start_with("healer", &env);
    let _sentinel = old.start_with("sentinel", &env);
    let mut massive = old.start_with("massive", &env);
    let _mesh = old.start_with("mesh", &env);
    old.wait_health("massive", "up");
    old.wait_health("mesh", "up");
    healer.wait_log("speaks", PATIENCE);
    new.wait_health("massive", "up");

    new.redis.query::<()>(&["REPLICAOF", "NO", "ONE"]);
    // From now on the new server hears of no beat that goes to the old one.
    let beats = ["massive", "mesh", "sentinel", "healer"]
        .map(|svc| Alerts::on_channel(&new.redis, &format!("{svc}:heartbeat")));
    name.lead_to(new.redis.port());
    if is_demoted {
        old.redis
            .query::<()>(&["REPLICAOF", "127.0.0.1", &port(&new)]);
    }

    healer.wait_log("this is another server", PATIENCE);
    for ear in &beats {
        ear.wait_for("a beat on the new server", PATIENCE, |_| true);
    }
    new.wait_health("massive", "up");
    let is_death = |kind: &str| {
        matches!(
            kind,
            "heartbeat_miss" | "healer_miss" | "service_restarting"
        )
    };
    new.alerts.assert_none(secs(8.0), |a| is_death(a.kind()));
    old.alerts.assert_none(secs(0.0), |a| is_death(a.kind()));
    // The whole of each process has moved: nobody is connected to the old server any more but the other server.
    new.redis.wait_subscribed("truth:changed", 3);
    until("nobody is left", PATIENCE, || {
        match old.redis.subscribers("truth:changed") {
            0 => Ok(()),
            n => Err(format!("{n} are")),
        }
    });

    massive.kill();
    new.alerts.wait("heartbeat_miss", "massive", PATIENCE);
}

#[test]
fn a_master_that_became_a_replica_where_it_stands_is_left() {
    everybody_moves(true);
}

#[test]
fn a_master_that_the_name_leads_to_no_more_is_left() {
    everybody_moves(false);
}
