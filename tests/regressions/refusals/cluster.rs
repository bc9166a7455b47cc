//! A Redis Cluster as the bus that carries control is refused at the start.

use crate::support::truth::{seed, truth_of};
use crate::support::{Daemon, PATIENCE, RedisServer, until};

fn assert_refused(redis: &RedisServer, program: &str, args: &[&str]) {
    let url = redis.url();
    let env = [
        ("SYSTEM_REDIS_URL", url.as_str()),
        ("BOOTSTRAP_WAIT_SEC", "5"),
    ];
    let (code, log) = Daemon::run(program, args, &env, PATIENCE);
    assert_eq!(code, 2, "{program}: {log}");
    assert!(log.contains("is a Redis Cluster"), "{program}: {log}");
    assert!(log.contains("cluster-enabled no"), "{program}: {log}");
}

#[test]
fn a_cluster_is_no_control_bus() {
    let redis = RedisServer::start_with(&["--cluster-enabled", "yes", "--appendonly", "no"]);
    // No slot is served yet, so no key can be read.
    let truth = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(truth.path(), truth_of(&["svc-a"], 1.0, 5.0).to_string()).unwrap();
    let file = truth.path().to_str().unwrap();
    let all = |redis: &RedisServer| {
        assert_refused(redis, "bootstrap", &["--file", file]);
        for program in ["healer", "sentinel", "mesh"] {
            assert_refused(redis, program, &[]);
        }
    };
    all(&redis);
    redis.query::<()>(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    until("a cluster that serves", PATIENCE, || {
        match redis.try_query::<()>(&["SET", "x", "y"]) {
            Ok(()) => Ok(()),
            Err(e) => Err(e.to_string()),
        }
    });
    seed(&redis, &truth_of(&["svc-a"], 1.0, 5.0));
    all(&redis);
}
