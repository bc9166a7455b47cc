//! The way to the vendor: who is believed over TLS, names that lead nowhere, and answers that do not end.

use std::time::Instant;

use marketswarm::bus::Address;
use marketswarm::env::{Env, Secret};
use marketswarm::massive::meter::{Meter, SharedLog};
use marketswarm::massive::vendor::{
    Client, Failure, PATIENCE as PATIENCE_OF_CALLS, Patience, trust_store,
};
use marketswarm::net::ssrf_guard::SsrfGuard;
use serde_json::json;
use url::Url;

use crate::support::certificates::Authority;
use crate::support::vendor::{KEY, Market, Reply, Vendor};
use crate::support::{PATIENCE, RedisServer, secs, until};

#[test]
fn a_vendor_behind_a_private_ca_is_believed_by_that_ca_alone_and_a_new_file_counts_at_once() {
    let (right, wrong) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::copy(wrong.file(), &file).unwrap();
    let vendor = Vendor::open_tls(&right.issue("vendor", &["localhost"]));
    let market = Market::of(vendor, &["SPY"]);
    let env = [
        ("MASSIVE_API_KEY", KEY),
        ("MASSIVE_CA_FILE", file.to_str().unwrap()),
    ];
    let massive = market.start_with(&env);
    massive.wait_log("signed by", PATIENCE);
    until("the failure among the jobs", PATIENCE, || {
        let jobs = market.status("jobs");
        match jobs.contains("MASSIVE_CA") {
            true => Ok(()),
            false => Err(jobs),
        }
    });
    assert!(
        market.vendor.arrivals().is_empty(),
        "nobody was told the key"
    );
    assert_eq!(
        market.redis.query::<usize>(&["LLEN", "massive:budget"]),
        0,
        "no call was made"
    );
    std::fs::copy(right.file(), &file).unwrap();
    market.wait_price("SPY", "100.50");
    let arrival = market.vendor.arrivals().remove(0);
    assert_eq!(arrival.sni.as_deref(), Some("localhost"));
    drop(massive);

    // Without a CA of its own only the public ones are believed.
    let market = Market::of(
        Vendor::open_tls(&right.issue("again", &["localhost"])),
        &["SPY"],
    );
    let massive = market.start();
    massive.wait_log("signed by no public CA", PATIENCE);
    assert!(market.vendor.arrivals().is_empty());
}

#[test]
fn a_ca_that_is_none_ends_the_start_with_its_name() {
    let market = Market::open(&["SPY"]);
    let mut massive = market.start_with(&[("MASSIVE_API_KEY", KEY), ("MASSIVE_CA", "hunter2")]);
    assert_eq!(massive.wait_exit(PATIENCE), 2);
    assert!(massive.log().contains("MASSIVE_CA"), "{}", massive.log());
}

#[test]
fn a_name_that_leads_nowhere_costs_no_call_and_backs_off() {
    let mut market = Market::open(&["SPY"]);
    let host = "no-such-vendor.invalid";
    market.section("vendor")["base_url"] = json!(format!("https://{host}"));
    let env = [("MASSIVE_API_KEY", KEY), ("MASSIVE_KEY_HOSTS", host)];
    let massive = market.start_with(&env);
    let said = massive.wait_log(host, PATIENCE * 3);
    assert!(said.contains("asked again later"), "{said}");
    let missing = market.wait_snapshot("SPY", "a record without a price", |s| {
        s.get("stale").is_some_and(|stale| stale == "1")
    });
    assert_eq!(missing.get("price"), None);
    assert_eq!(market.redis.query::<usize>(&["LLEN", "massive:budget"]), 0);
    // It is the job that waits, and says why.
    until("the failure among the jobs", PATIENCE, || {
        let jobs = market.status("jobs");
        match jobs.contains(host) {
            true => Ok(()),
            false => Err(jobs),
        }
    });
}

#[test]
fn without_leave_the_key_goes_to_nobody_but_the_vendor() {
    let mut market = Market::open(&["SPY"]);
    market.section("vendor")["base_url"] = json!("https://no-such-vendor.invalid");
    let _massive = market.start();
    let beat = market.wait_status("degraded");
    let reason = beat["reason"].as_str().unwrap();
    assert!(reason.contains("MASSIVE_KEY_HOSTS"), "{reason}");
    assert_eq!(market.status("jobs"), "", "nothing is asked");
}

/// A client that is as patient as that, and a store that counts its calls.
fn client(patience: Patience) -> (RedisServer, Client) {
    let redis = RedisServer::start();
    let address = Address::parse(&redis.url(), "TEST").expect("a URL");
    let calls = SharedLog::default();
    calls.allow(100);
    let guard = SsrfGuard::new(&["127.0.0.1".to_owned()]).expect("a host");
    let trust = trust_store(&Env::from_pairs::<&str, &str>([])).expect("public CAs");
    let meter = Meter::new(calls, address, "test:meter");
    (redis, Client::new(guard, &trust, meter, patience))
}

#[test]
fn a_body_that_never_ends_is_cut_when_all_of_the_time_is_over() {
    assert_eq!(
        PATIENCE_OF_CALLS,
        Patience {
            connect: secs(5.0),
            first_byte: secs(10.0),
            total: secs(30.0)
        }
    );
    let vendor = Vendor::open();
    vendor.always("/v3", Reply::Drip("{\"results\":[", secs(0.05)));
    let patience = Patience {
        total: secs(2.0),
        ..PATIENCE_OF_CALLS
    };
    let (redis, client) = client(patience);
    let base = Url::parse(&vendor.url()).unwrap();
    let start = Instant::now();
    let reply = client
        .get(&base, "/v3/snapshot", Some(&Secret::new(KEY)))
        .expect("a begin");
    let took = start.elapsed();
    assert!(reply.is_cut && reply.body.starts_with(b"{\"results\":["));
    assert!(
        took >= patience.total && took < PATIENCE_OF_CALLS.total / 2,
        "{took:?}"
    );
    assert_eq!(
        redis.query::<usize>(&["LLEN", "massive:budget"]),
        1,
        "it was a call"
    );
}

#[test]
fn a_vendor_that_never_begins_to_answer_is_given_up() {
    let vendor = Vendor::open();
    vendor.always("/v3", Reply::Hang);
    let (redis, client) = client(Patience {
        first_byte: secs(1.0),
        ..PATIENCE_OF_CALLS
    });
    let base = Url::parse(&vendor.url()).unwrap();
    let start = Instant::now();
    let failure = client
        .get(&base, "/v3/snapshot", Some(&Secret::new(KEY)))
        .expect_err("no answer");
    assert!(matches!(failure, Failure::Unreachable(_)), "{failure:?}");
    assert!(
        start.elapsed() < PATIENCE_OF_CALLS.first_byte,
        "{failure:?}"
    );
    assert_eq!(redis.query::<usize>(&["LLEN", "massive:budget"]), 1);
}
