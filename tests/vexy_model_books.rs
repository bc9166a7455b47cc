//! What all machines know together: the budget, the breaker and the pauses, by the clock of Redis.

use std::thread;
use std::time::{Duration, Instant};

use marketswarm::bus::Address;
use marketswarm::vexy_ai::model::ask::Verdict;
use marketswarm::vexy_ai::model::breaker::{Gate, Outcome};
use marketswarm::vexy_ai::model::budget::{Cost, Limits, Short};
use marketswarm::vexy_ai::model::dialect::Usage;
use marketswarm::vexy_ai::model::ledger::{Ledger, Reservation, Reserved};
use serde_json::json;

use crate::support::model_server::{
    Desk, KEY, ModelServer, TITLE, answered, error, failed, good, status,
};
use crate::support::receiver::Reply;
use crate::support::{FakeClock, RedisServer, secs};

const CALL: Duration = Duration::from_secs(70);
const WIDE: Limits = Limits {
    calls_per_min: 1_000_000,
    tokens_per_min: 1_000_000_000,
    calls_per_day: 1_000_000,
    tokens_per_day: 1_000_000_000,
    cost_per_day: None,
};

fn ledger(redis: &RedisServer) -> Ledger {
    Ledger::new(Address::parse(&redis.url(), "TEST").unwrap(), "test:model")
}

fn cost(tokens: u64, nano: u64) -> Cost {
    Cost { tokens, nano }
}

#[track_caller]
fn taken(reserved: Reserved) -> Reservation {
    match reserved {
        Reserved::Call(reservation) => reservation,
        short => panic!("{short:?}"),
    }
}

#[track_caller]
fn short(reserved: Reserved) -> (Short, i64) {
    match reserved {
        Reserved::Short { short, wait_ms } => (short, wait_ms),
        call => panic!("{call:?}"),
    }
}

#[test]
fn however_many_ask_no_more_calls_are_given_than_there_are() {
    let redis = RedisServer::start();
    let limits = Limits {
        calls_per_min: 25,
        ..WIDE
    };
    let given: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut ledger = ledger(&redis);
                    let mut given = 0;
                    for _ in 0..20 {
                        if let Reserved::Call(_) = ledger.reserve(&limits, cost(10, 0)).unwrap() {
                            given += 1;
                        }
                    }
                    given
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!(given, 25);
    let spent = ledger(&redis).spent().unwrap();
    assert_eq!((spent.calls, spent.tokens), (25, 250));
}

#[test]
fn each_limit_is_kept_and_named() {
    let redis = RedisServer::start();
    let mut books = ledger(&redis);
    taken(books.reserve(&WIDE, cost(600, 5_000)).unwrap());
    let (what, wait_ms) = short(
        books
            .reserve(
                &Limits {
                    tokens_per_min: 1_000,
                    ..WIDE
                },
                cost(401, 0),
            )
            .unwrap(),
    );
    assert_eq!(what, Short::TokensPerMin);
    assert!((1..=61_000).contains(&wait_ms), "{wait_ms}");
    taken(
        books
            .reserve(
                &Limits {
                    tokens_per_min: 1_000,
                    ..WIDE
                },
                cost(400, 0),
            )
            .unwrap(),
    );
    let day = 1..=86_400_000;
    for (limits, what) in [
        (
            Limits {
                calls_per_day: 2,
                ..WIDE
            },
            Short::CallsPerDay,
        ),
        (
            Limits {
                tokens_per_day: 1_010,
                ..WIDE
            },
            Short::TokensPerDay,
        ),
        (
            Limits {
                cost_per_day: Some(0.000_005_5),
                ..WIDE
            },
            Short::CostPerDay,
        ),
    ] {
        let (short, wait_ms) = short(books.reserve(&limits, cost(100, 1_000)).unwrap());
        assert_eq!(short, what);
        assert!(day.contains(&wait_ms), "{wait_ms}");
    }
    taken(
        books
            .reserve(
                &Limits {
                    cost_per_day: Some(0.000_006),
                    ..WIDE
                },
                cost(0, 1_000),
            )
            .unwrap(),
    );
}

#[test]
fn what_a_call_did_cost_takes_the_place_of_what_was_reserved() {
    let redis = RedisServer::start();
    let mut books = ledger(&redis);
    let limits = Limits {
        tokens_per_min: 1_000,
        tokens_per_day: 1_500,
        ..WIDE
    };
    let first = taken(books.reserve(&limits, cost(900, 9_000)).unwrap());
    short(books.reserve(&limits, cost(900, 0)).unwrap());
    books
        .settle(
            &first,
            Usage {
                input: 80,
                output: 20,
            },
            cost(100, 1_000),
        )
        .unwrap();
    let spent = books.spent().unwrap();
    assert_eq!(
        (spent.calls, spent.tokens, spent.nano, spent.settled),
        (1, 100, 1_000, 1)
    );
    // Never settled: nothing comes back.
    taken(books.reserve(&limits, cost(900, 0)).unwrap());
    assert_eq!(
        short(books.reserve(&limits, cost(1, 0)).unwrap()).0,
        Short::TokensPerMin
    );
    let usage: std::collections::BTreeMap<String, String> =
        redis.query(&["HGETALL", &format!("vexy:model:usage:{}", spent.day)]);
    assert_eq!(
        (usage["input"].as_str(), usage["output"].as_str()),
        ("80", "20")
    );
}

#[test]
fn a_bus_that_lost_everything_gives_no_call_of_the_day_twice() {
    let redis = RedisServer::start();
    let limits = Limits {
        calls_per_day: 3,
        ..WIDE
    };
    let mut books = ledger(&redis);
    taken(books.reserve(&limits, cost(100, 0)).unwrap());
    taken(books.reserve(&limits, cost(100, 0)).unwrap());
    redis.query::<()>(&["FLUSHALL"]);
    taken(books.reserve(&limits, cost(100, 0)).unwrap());
    assert_eq!(
        short(books.reserve(&limits, cost(100, 0)).unwrap()).0,
        Short::CallsPerDay
    );
    assert_eq!(books.spent().unwrap().tokens, 300);
}

#[test]
fn a_bus_that_lost_everything_gives_no_call_or_token_of_the_minute_twice() {
    let Some(clock) = FakeClock::here() else {
        return;
    };
    let redis = clock.redis();
    let calls = Limits {
        calls_per_min: 3,
        ..WIDE
    };
    let tokens = Limits {
        tokens_per_min: 1_000,
        ..WIDE
    };
    for (limits, of_each, what) in [
        (calls, 1, Short::CallsPerMin),
        (tokens, 400, Short::TokensPerMin),
    ] {
        let mut books = ledger(&redis);
        let mut others = ledger(&redis);
        taken(others.reserve(&limits, cost(of_each, 0)).unwrap());
        // Whoever asks last knows what all of them have spent.
        let mut asked = 1;
        while let Reserved::Call(_) = books.reserve(&limits, cost(of_each, 0)).unwrap() {
            asked += 1;
        }
        assert_eq!(asked, if of_each == 1 { 3 } else { 2 });
        redis.query::<()>(&["FLUSHALL"]);
        assert_eq!(
            short(books.reserve(&limits, cost(of_each, 0)).unwrap()).0,
            what
        );
        assert_eq!(
            short(others.reserve(&limits, cost(of_each, 0)).unwrap()).0,
            what
        );
        redis.query::<()>(&["FLUSHALL"]);
        clock.set(if of_each == 1 { 62 } else { 124 });
        taken(books.reserve(&limits, cost(of_each, 0)).unwrap());
        redis.query::<()>(&["FLUSHALL"]);
    }
}

#[test]
fn the_day_is_the_one_of_the_clock_of_redis() {
    let redis = RedisServer::start();
    let day = ledger(&redis).spent().unwrap().day;
    let (secs, _): (i64, i64) = redis.query(&["TIME"]);
    let today = jiff::Timestamp::from_second(secs).unwrap().to_string();
    assert_eq!(day, today[..10]);
    let Some(clock) = FakeClock::here() else {
        return;
    };
    // Over the ends of months and years, and a leap day.
    for days in [1, 30, 59, 365, 500, 800, 1_200, 4_000] {
        clock.set(days * 86_400);
        let redis = clock.redis();
        let day = ledger(&redis).spent().unwrap().day;
        let (secs, _): (i64, i64) = redis.query(&["TIME"]);
        let then = jiff::Timestamp::from_second(secs).unwrap().to_string();
        assert_eq!(day, then[..10]);
        clock.set(0);
    }
}

#[test]
fn a_step_of_the_clock_lets_no_call_more_through() {
    let Some(clock) = FakeClock::here() else {
        return;
    };
    clock.set(0);
    let redis = clock.redis();
    let mut books = ledger(&redis);
    let limits = Limits {
        calls_per_min: 2,
        ..WIDE
    };
    taken(books.reserve(&limits, cost(1, 0)).unwrap());
    taken(books.reserve(&limits, cost(1, 0)).unwrap());
    clock.set(-3_600);
    let (what, wait_ms) = short(books.reserve(&limits, cost(1, 0)).unwrap());
    assert_eq!(what, Short::CallsPerMin);
    assert!(
        wait_ms <= 61_000,
        "nobody waits for the clock to come back: {wait_ms}"
    );
    clock.set(-3_600 + 62);
    taken(books.reserve(&limits, cost(1, 0)).unwrap());
    clock.set(0);
}

#[test]
fn a_refused_key_stops_all_machines_until_it_changes() {
    let redis = RedisServer::start();
    for (reply, words) in [
        (
            error(401, "Incorrect API key", None, "invalid_api_key"),
            "401: the key is refused",
        ),
        (
            error(402, "Insufficient credits", None, ""),
            "402: payment is due",
        ),
        (error(403, "no", None, ""), "403: the key is refused"),
        (
            error(
                429,
                "You exceeded your current quota",
                None,
                "insufficient_quota",
            ),
            "the quota is spent",
        ),
        (
            status(
                404,
                &json!({"error": "model \"m\" not found, try pulling it first"}),
            ),
            "no such model",
        ),
    ] {
        redis.query::<()>(&["FLUSHALL"]);
        let server = ModelServer::that(move |_, taken| {
            match taken.headers["authorization"].ends_with("new") {
                true => good(taken),
                false => reply.clone(),
            }
        });
        let mut desk = Desk::new(&redis, &server.url());
        desk.patience = 0;
        assert_eq!(
            desk.ask(),
            Verdict::Stopped,
            "the item waits, and is not failed"
        );
        assert!(desk.waits[0].contains(words), "{:?}", desk.waits);
        let mut other = Desk::new(&redis, &server.url());
        other.patience = 0;
        assert_eq!(other.ask(), Verdict::Stopped);
        assert!(other.waits[0].contains(words), "{:?}", other.waits);
        assert_eq!(server.calls(), 1, "no other machine asked");
        let (breaker, now_ms) = other.ledger.breaker(&other.endpoint.fingerprint).unwrap();
        let left_sec = (breaker.until_ms - now_ms) / 1_000;
        assert!((880..=900).contains(&left_sec), "{left_sec}");
        let mut mended = Desk::with(&redis, &server.url(), &[("VEXY_LLM_KEY", "new")], json!({}));
        assert_eq!(answered(mended.ask()), TITLE);
    }
}

#[test]
fn five_failures_stop_all_machines_and_one_of_them_probes() {
    let redis = RedisServer::start();
    let server = ModelServer::that(|_, _| status(500, &json!({})));
    let mut desk = Desk::new(&redis, &server.url());
    failed(desk.ask());
    let mut other = Desk::new(&redis, &server.url());
    other.patience = 2;
    assert_eq!(other.ask(), Verdict::Stopped);
    assert_eq!(server.calls(), 5);
    let print = desk.endpoint.fingerprint.clone();
    let (breaker, now_ms) = desk.ledger.breaker(&print).unwrap();
    assert!((20_000..=30_000).contains(&(breaker.until_ms - now_ms)));
    // As if it were over.
    let mut over = breaker.clone();
    over.until_ms = now_ms - 1;
    let text = serde_json::to_string(&over).unwrap();
    redis.query::<i64>(&["HSET", "vexy:model:breaker", &print, &text]);
    let gates: Vec<Gate> = thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| ledger(&redis).gate(&print, CALL).unwrap()))
            .collect();
        all.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let probes = gates.iter().filter(|gate| **gate == Gate::Probe).count();
    assert_eq!(probes, 1, "{gates:?}");
    let mut books = ledger(&redis);
    books.told(&print, Outcome::Failure("500"), None).unwrap();
    let (breaker, now_ms) = books.breaker(&print).unwrap();
    assert!(
        (50_000..=60_000).contains(&(breaker.until_ms - now_ms)),
        "it doubles"
    );
    books.told(&print, Outcome::Success, None).unwrap();
    assert_eq!(books.gate(&print, CALL).unwrap(), Gate::Open);
}

#[test]
fn a_pause_that_the_server_asks_for_binds_all_machines() {
    let redis = RedisServer::start();
    for (header, ms) in [
        ("Retry-After: 40", 40_000),
        ("Retry-After-Ms: 35500", 35_500),
        ("x-ratelimit-reset-requests: 6m0s", 360_000),
        ("x-ratelimit-reset-tokens: 1m2.5s", 62_500),
    ] {
        redis.query::<()>(&["FLUSHALL"]);
        let server =
            ModelServer::that(move |_, _| Reply::Full(429, format!("{header}\r\n"), Vec::new()));
        let mut desk = Desk::new(&redis, &server.url());
        desk.patience = 0;
        let began = Instant::now();
        assert_eq!(desk.ask(), Verdict::Stopped);
        let print = desk.endpoint.fingerprint.clone();
        match ledger(&redis).gate(&print, CALL).unwrap() {
            Gate::Wait { ms: left, why } => {
                let passed_ms = i64::try_from(began.elapsed().as_millis()).unwrap() + 100;
                assert!(
                    left <= ms && left > ms - passed_ms,
                    "{header}: {left} after {passed_ms}"
                );
                assert!(why.contains("asked for a pause"), "{why}");
            }
            gate => panic!("{header}: {gate:?}"),
        }
    }
    // A short one is waited for.
    redis.query::<()>(&["FLUSHALL"]);
    let server = ModelServer::first(vec![Reply::Full(
        429,
        "Retry-After-Ms: 1500\r\n".into(),
        Vec::new(),
    )]);
    let mut desk = Desk::new(&redis, &server.url());
    let began = Instant::now();
    assert_eq!(answered(desk.ask()), TITLE);
    assert!(began.elapsed() >= secs(1.5));
}

#[test]
fn a_call_that_never_fits_is_not_waited_for() {
    let redis = RedisServer::start();
    let server = ModelServer::good();
    for (truth, words) in [
        (json!({"tokens_per_min": 1_000}), "tokens_per_min"),
        (json!({"tokens_per_day": 1_000}), "tokens_per_day"),
        (
            json!({"cost_per_day": 0.000_001, "price_in": 1.0, "price_out": 1.0}),
            "cost_per_day",
        ),
    ] {
        let mut desk = Desk::with(&redis, &server.url(), &[("VEXY_LLM_KEY", KEY)], truth);
        match desk.ask() {
            Verdict::Skipped(because) => assert!(because.contains(words), "{because}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(server.calls(), 0);
}

#[test]
fn a_spent_budget_makes_no_call_and_fails_nothing() {
    let redis = RedisServer::start();
    let server = ModelServer::good();
    let mut desk = Desk::with(&redis, &server.url(), &[], json!({"calls_per_day": 2}));
    answered(desk.ask_about("Acme climbs", "Acme climbs."));
    answered(desk.ask_about("Acme falls", "Acme falls."));
    desk.patience = 0;
    assert_eq!(desk.ask(), Verdict::Stopped);
    assert_eq!(desk.waits, ["calls_per_day is spent"]);
    assert_eq!(server.calls(), 2);
}

#[test]
fn without_a_bus_nothing_is_asked() {
    let mut redis = RedisServer::start();
    let server = ModelServer::good();
    let mut desk = Desk::new(&redis, &server.url());
    redis.kill();
    assert!(desk.try_ask(TITLE, "").is_err());
    assert_eq!(server.calls(), 0);
}
