//! Servers that close connections on which nothing happens.

use crate::support::{PATIENCE, RedisServer, Stage};

#[test]
fn a_server_that_closes_idle_connections_costs_no_line_in_any_log_and_no_false_alert() {
    // What is idle for more than a second is closed; beats are further apart, and so are the looks at truth.
    let redis = RedisServer::start_with(&["--timeout", "1"]);
    let stage = Stage::on(redis, &["mesh"], 3.0, 8.0);
    let info = [("LOG_LEVEL", "info")];
    let healer = stage.start_with("healer", &info);
    let sentinel = stage.start_with("sentinel", &info);
    let mesh = stage.start_with("mesh", &info);
    let beats = crate::support::Alerts::on_channel(&stage.redis, "mesh:heartbeat");
    let hear = |wanted: usize| {
        for _ in 0..wanted {
            beats.wait_for("a beat", PATIENCE, |_| true);
        }
    };
    hear(2);
    let daemons = [healer, sentinel, mesh];
    let before = daemons.each_ref().map(|daemon| daemon.log());
    hear(4);
    let after = daemons.each_ref().map(|daemon| daemon.log());
    assert_eq!(after, before);
    assert_eq!(stage.alerts.all().len(), 0);
}
