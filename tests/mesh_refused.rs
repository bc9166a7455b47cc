//! A server that takes no writes: mesh says so, goes on hearing, and the registry is right when writes pass again.

use std::collections::BTreeMap;

use marketswarm::contract::mesh::State;

use crate::support::crowd::Crowd;
use crate::support::registry::{Follower, states, wait};
use crate::support::{Alerts, Daemon, PATIENCE, RedisServer, Stage, secs, until};

/// While writes are refused one dies, one joins and one leaves; afterwards the registry knows all of that.
fn refuse(
    redis: RedisServer,
    url: impl FnOnce(&RedisServer) -> String,
    refuse: impl FnOnce(&RedisServer),
    allow: impl FnOnce(&RedisServer),
) {
    let stage = Stage::on(redis, &["mesh", "pool"], 0.2, 2.0);
    let beats = Alerts::on_channel(&stage.redis, "mesh:heartbeat");
    let crowd = Crowd::of("pool", stage.redis.port(), secs(0.2));
    ["stays", "dies", "leaves"]
        .iter()
        .for_each(|name| crowd.join(name));
    let url = url(&stage.redis);
    let mut mesh = stage.start_with("mesh", &[("SYSTEM_REDIS_URL", &url)]);
    let follower = Follower::start(&stage.redis);
    wait(&stage.redis, "three are up", PATIENCE, |registry| {
        registry
            .services
            .get("pool")
            .is_some_and(|counts| counts.up == 3)
    });

    refuse(&stage.redis);
    crowd.die("dies");
    crowd.join("joins");
    crowd.leave("leaves");
    let said = beats.wait_for("that writes are refused", PATIENCE, |beat| {
        beat.json["status"] == "degraded"
    });
    assert!(said.json["reason"].is_string(), "{}", said.json);
    assert!(mesh.is_alive());

    let before = beats.all().len();
    allow(&stage.redis);
    let wanted: BTreeMap<String, State> = [
        ("stays", State::Up),
        ("dies", State::Failed),
        ("leaves", State::Left),
        ("joins", State::Up),
    ]
    .map(|(name, state)| (name.to_owned(), state))
    .into();
    wait(
        &stage.redis,
        "the registry is right",
        PATIENCE,
        |registry| states(registry, "pool") == wanted && registry.stale_sec().is_none(),
    );
    follower.assert_is_right(&stage.redis);
    until("its beats are well again", PATIENCE, || {
        match beats
            .all()
            .split_off(before)
            .last()
            .map(|beat| beat.json.clone())
        {
            Some(last) if last["status"].is_null() => Ok(()),
            last => Err(format!("{last:?}")),
        }
    });
    assert!(mesh.is_alive());
}

#[test]
fn out_of_memory_is_said_and_made_up_for() {
    refuse(
        RedisServer::start(),
        RedisServer::url,
        |redis| redis.config_set("maxmemory", "1"),
        |redis| redis.config_set("maxmemory", "0"),
    );
}

#[test]
fn a_master_without_its_replicas_is_said_and_made_up_for() {
    refuse(
        RedisServer::start(),
        RedisServer::url,
        |redis| redis.config_set("min-replicas-to-write", "1"),
        |redis| redis.config_set("min-replicas-to-write", "0"),
    );
}

#[test]
fn the_right_to_run_scripts_that_is_lost_is_said_and_made_up_for() {
    let user = [
        "ACL", "SETUSER", "keeper", "on", ">s3cret", "~*", "&*", "+@all",
    ];
    refuse(
        RedisServer::start(),
        |redis| {
            redis.query::<()>(&user);
            format!("redis://keeper:s3cret@127.0.0.1:{}", redis.port())
        },
        |redis| redis.query::<()>(&["ACL", "SETUSER", "keeper", "-@scripting"]),
        |redis| redis.query::<()>(&["ACL", "SETUSER", "keeper", "+@scripting"]),
    );
}

#[test]
fn events_are_followed_as_they_happen() {
    let stage = Stage::new(&["mesh", "pool"], 0.2, 2.0);
    let _mesh = stage.start("mesh");
    let crowd = Crowd::of("pool", stage.redis.port(), secs(0.2));
    crowd.join("before");
    wait(&stage.redis, "one is up", PATIENCE, |registry| {
        states(registry, "pool").get("before") == Some(&State::Up)
    });
    let url = stage.redis.url();
    let env = [("SYSTEM_REDIS_URL", url.as_str())];
    let people = Daemon::start_with("marketswarm", &["mesh", "events", "--follow"], &env);
    let programs = Daemon::start_with(
        "marketswarm",
        &["mesh", "events", "--follow", "--json"],
        &env,
    );
    people.wait_log("up         pool/before", PATIENCE);
    programs.wait_log(r#""inst":"before""#, PATIENCE);
    crowd.join("after");
    people.wait_log("joined     pool/after", PATIENCE);
    people.wait_log("up         pool/after", PATIENCE);
    programs.wait_log(r#""inst":"after""#, PATIENCE);
    crowd.leave("after");
    people.wait_log("left       pool/after", PATIENCE);
    // A record that is lost is said, and followed on.
    stage.redis.query::<i64>(&["DEL", "mesh:head"]);
    people.wait_log("all of it was read again", PATIENCE);
    crowd.join("later");
    people.wait_log("up         pool/later", PATIENCE);
    assert_eq!(people.log_count("joined     pool/after"), 1);
}
