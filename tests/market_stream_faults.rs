//! A stream that misbehaves: whatever it does, massive says what is missing, gets it elsewhere, and comes back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::market_stream::{ready, started, streaming, ticks, total, trade};
use crate::support::certificates::Authority;
use crate::support::stream_vendor::{Auth, StreamVendor};
use crate::support::vendor::{KEY, Market, now_ms, refusal};
use crate::support::{Alerts, PATIENCE, repetitions, until};

/// What no process may write is in the key.
const SECRET: &str = "hunter2";

fn gaps(market: &Market) -> Vec<(String, BTreeMap<String, String>)> {
    market.redis.query(&["XRANGE", "massive:gaps", "-", "+"])
}

fn wait_gap(market: &Market, n: usize) -> BTreeMap<String, String> {
    until(&format!("{n} gaps"), PATIENCE, || {
        let gaps = gaps(market);
        match gaps.get(n - 1) {
            Some(gap) => Ok(gap.1.clone()),
            None => Err(format!("{gaps:?}")),
        }
    })
}

fn links(market: &Market) -> Value {
    serde_json::from_str(&market.status("stream_links")).unwrap_or_default()
}

#[test]
fn a_connection_that_ends_is_made_again_and_what_was_missed_is_asked_for() {
    let (market, stream, _massive) = started(&["SPY"]);
    stream.cut("/stocks");
    stream.wait_connections("/stocks", 2);
    stream.wait_asked("/stocks", "T.SPY");
    let gap = wait_gap(&market, 1);
    assert_eq!(
        (&gap["cluster"][..], &gap["source"][..]),
        ("stocks", "massive")
    );
    let ms = |name: &str| gap[name].parse::<i64>().unwrap();
    assert!(
        (0..60_000).contains(&(ms("to_ms") - ms("from_ms"))),
        "{gap:?}"
    );
    // The price that came about meanwhile comes by a snapshot, though prices are asked for once a minute by now.
    market.vendor.price("SPY", "0.75");
    stream.close("/stocks", 1001, "going away");
    let gap = wait_gap(&market, 2);
    assert!(gap["reason"].contains("going away"), "{gap:?}");
    market.wait_price("SPY", "0.75");
    until("gaps are counted", PATIENCE, || {
        match total(&market, "gaps") {
            2.. => Ok(()),
            n => Err(n.to_string()),
        }
    });
}

#[test]
fn minutes_that_were_missed_are_filled_in_by_the_answers_of_the_vendor() {
    let (market, stream) = streaming(&["SPY", "I:SPX"]);
    let _massive = market.start();
    ready(&market, &stream, &["SPY", "I:SPX"]);
    // What a test can wait for: the next end of a minute, with no connection.
    stream.behave(|manner| manner.is_away = true);
    stream.cut("/stocks");
    let minute = now_ms() / 60_000 * 60_000;
    let start = minute + 30_000;
    market.vendor.price_at("SPY", "5.25", minute);
    std::thread::sleep(Duration::from_millis(
        (minute + 60_500 - now_ms()).max(0) as u64
    ));
    stream.behave(|manner| manner.is_away = false);
    // After a minute away the next attempt is up to half a minute off.
    let asked = until("the minutes are asked for", 4 * PATIENCE, || {
        let asked = market
            .vendor
            .arrivals_of("/v2/aggs/ticker/SPY/range/1/minute/");
        match asked.is_empty() {
            true => Err("nobody asks".to_owned()),
            false => Ok(asked),
        }
    });
    let parts: Vec<&str> = asked[0].path().split('/').collect();
    let (from, to): (i64, i64) = (parts[8].parse().unwrap(), parts[9].parse().unwrap());
    assert!(
        from <= minute && (minute..start + 60_000).contains(&to),
        "{from} {to}"
    );
    assert_eq!(asked[0].parameter("limit").as_deref(), Some("50000"));
    until("the minute", PATIENCE, || {
        let bars: Vec<String> = market.redis.query(&[
            "ZRANGEBYSCORE",
            "market:bars:SPY",
            &minute.to_string(),
            &minute.to_string(),
        ]);
        match bars
            .first()
            .is_some_and(|bar| bar.contains("\"close\":5.25"))
        {
            true => Ok(()),
            false => Err(format!("{bars:?}")),
        }
    });
    let indices = market.vendor.arrivals_of("/v2/aggs/ticker/I:SPX/range");
    assert!(indices.is_empty(), "of the index nothing was missed");
}

#[test]
fn over_tls_a_stream_is_believed_by_its_ca_alone_and_is_read_as_any_other() {
    let (right, wrong) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::copy(wrong.file(), &file).unwrap();
    let stream = StreamVendor::open_tls(&right.issue("stream", &["localhost"]));
    let mut market = Market::open(&["SPY"]);
    market.section("vendor")["stream"] = json!("live");
    market.section("vendor")["stream_url"] = json!(stream.url());
    let env = [
        ("MASSIVE_API_KEY", KEY),
        ("MASSIVE_CA_FILE", file.to_str().unwrap()),
    ];
    let massive = market.start_with(&env);
    massive.wait_log("signed by", PATIENCE);
    assert!(stream.seen().is_empty(), "nobody was told the key");
    std::fs::copy(right.file(), &file).unwrap();
    ready(&market, &stream, &["SPY"]);
    let many: Vec<Value> = (0..5_000)
        .map(|n| {
            trade(
                "SPY",
                1.0 + f64::from(n % 9) / 100.0,
                now_ms(),
                100 + i64::from(n),
                &[14],
            )
        })
        .collect();
    for part in many.chunks(50) {
        stream.send("/stocks", part);
    }
    stream.send("/stocks", &[trade("SPY", 1.25, now_ms(), 9_000, &[14])]);
    market.wait_price("SPY", "1.25");
    assert_eq!(total(&market, "gaps"), 0);
}

#[test]
fn a_refused_key_stops_everything_and_a_new_one_is_tried_at_once() {
    let (market, stream) = streaming(&["SPY"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "hunter2-bad\n").unwrap();
    stream.behave(|manner| manner.auth = Auth::Refused);
    market.vendor.rule(|arrival| {
        let key = arrival.header("authorization");
        let is_good = key.is_some_and(|key| key == format!("Bearer {KEY}"));
        (!is_good).then(|| refusal(401))
    });
    let _massive = market.start_with(&[("MASSIVE_API_KEY_FILE", file.to_str().unwrap())]);
    let ear = Alerts::on_channel(&market.redis, "massive:heartbeat");
    ear.wait_for("the key is refused", PATIENCE, |beat| {
        let reason = beat.json["reason"].as_str().unwrap_or("");
        reason.contains("refuses the key: put a good one")
    });
    let (asked, seen) = (market.vendor.arrivals().len(), stream.seen().len());
    std::thread::sleep(Duration::from_secs(3));
    assert!(market.vendor.arrivals().len() <= asked + 1, "all stops");
    assert_eq!(stream.seen().len(), seen, "all stops");
    stream.behave(|manner| manner.auth = Auth::Good);
    std::fs::write(&file, KEY).unwrap();
    ready(&market, &stream, &["SPY"]);
    market.wait_status("");
}

#[test]
fn a_plan_without_a_stream_has_its_answers_all_the_same() {
    let (market, stream) = streaming(&["SPY"]);
    stream.behave(|manner| manner.auth = Auth::Refused);
    let _massive = market.start();
    let beat = market.wait_status("degraded");
    let reason = beat["reason"].as_str().unwrap();
    assert!(
        reason.contains("refuses the key for the stream of stocks"),
        "{beat}"
    );
    market.vendor.price("SPY", "98.5");
    market.wait_price("SPY", "98.5");
    market.vendor.price("SPY", "98.75");
    market.wait_price("SPY", "98.75");
    assert_eq!(
        stream.seen().len(),
        1,
        "the stream is left alone for an hour"
    );
}

#[test]
fn one_connection_too_many_waits_for_a_minute_and_says_so() {
    let (market, stream) = streaming(&["SPY", "I:SPX"]);
    stream.behave(|manner| manner.auth = Auth::TooMany);
    let massive = market.start();
    stream.wait_connections("/stocks", 1);
    until("it is said", PATIENCE, || {
        let links = links(&market).to_string();
        match links.contains("no further connection") {
            true => Ok(()),
            false => Err(links),
        }
    });
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(
        stream.seen_of("/stocks").len(),
        1,
        "no attempt within a minute"
    );
    assert!(
        massive
            .log()
            .contains("Maximum number of websocket connections")
    );
    // Prices are asked for meanwhile as if there were no stream.
    market.vendor.price("SPY", "99.75");
    market.wait_price("SPY", "99.75");
}

#[test]
fn without_a_greeting_the_key_goes_out_after_three_seconds() {
    let (market, stream) = streaming(&["SPY"]);
    stream.behave(|manner| manner.greets = false);
    let _massive = market.start();
    ready(&market, &stream, &["SPY"]);
    let seen = &stream.seen_of("/stocks")[0];
    let (at, text) = &seen.said[0];
    assert!(text.contains("auth"), "{text}");
    // The vendor notes the connection a moment after it is there.
    assert!(at.duration_since(seen.at) >= Duration::from_secs(2));
}

#[test]
fn a_vendor_that_never_judges_the_key_is_tried_again() {
    let (market, stream) = streaming(&["SPY"]);
    stream.behave(|manner| manner.auth = Auth::Silent);
    let _massive = market.start();
    let seen = stream.wait_connections("/stocks", 2);
    let between = seen[1].at.duration_since(seen[0].at);
    assert!(between >= Duration::from_secs(9), "{between:?}");
    stream.behave(|manner| manner.auth = Auth::Good);
    ready(&market, &stream, &["SPY"]);
}

#[test]
fn what_is_no_frame_costs_itself_and_what_is_too_long_the_connection() {
    let (market, stream, _massive) = started(&["SPY"]);
    let ms = now_ms();
    for text in [
        "",
        "{}",
        "[",
        "[1,null,{\"ev\":5}]",
        "<html>",
        r#"[{"ev":"T","sym":"SPY"}]"#,
    ] {
        stream.send_text("/stocks", text);
    }
    let whole = json!([trade("SPY", 1.01, ms, 50, &[14])]).to_string();
    stream.send_split("/stocks", &whole, 7);
    market.wait_price("SPY", "1.01");
    assert_eq!(
        stream.seen_of("/stocks").len(),
        1,
        "it is the same connection"
    );
    until("it is counted and kept", PATIENCE, || {
        let (bad, kept) = (total(&market, "stream_bad_frames"), market.quarantine());
        match bad == 4 && format!("{kept:?}").contains("/stocks") {
            true => Ok(()),
            false => Err(format!("{bad} {kept:?}")),
        }
    });
    // Over what one message may have: 4 MiB.
    let giant = format!("[{}]", "1,".repeat(3 << 20));
    stream.send_text("/stocks", &giant);
    stream.wait_connections("/stocks", 2);
    let gap = wait_gap(&market, 1);
    assert!(gap["reason"].contains("4 MiB"), "{gap:?}");
    stream.wait_asked("/stocks", "T.SPY");
    stream.send("/stocks", &[trade("SPY", 1.02, now_ms(), 60, &[14])]);
    market.wait_price("SPY", "1.02");
}

#[test]
fn a_connection_that_only_stands_there_is_given_up_and_after_half_a_minute_it_is_said() {
    let (market, stream, _massive) = started(&["SPY"]);
    let start = Instant::now();
    stream.stall("/stocks");
    // It must not come back, so that what follows can be seen.
    stream.behave(|manner| manner.is_away = true);
    let beats = Alerts::on_channel(&market.redis, "massive:heartbeat");
    let beat = beats.wait_for("degraded", 4 * PATIENCE, |beat| {
        beat.json["status"] == "degraded"
    });
    let reason = beat.json["reason"].as_str().unwrap();
    assert!(reason.contains("the stream of stocks is down"), "{reason}");
    // 45 s of silence, 30 s without a connection.
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(70), "{took:?}");
    // By now prices are asked for as if there were no stream.
    market.vendor.price("SPY", "0.95");
    market.wait_price("SPY", "0.95");
    stream.behave(|manner| manner.is_away = false);
    // After so many attempts in vain the next one is up to half a minute off.
    until("it is connected to again", 4 * PATIENCE, || {
        match stream.seen_of("/stocks").len() {
            2.. => Ok(()),
            n => Err(n.to_string()),
        }
    });
    // Beats of before are not heard by a new ear.
    let beats = Alerts::on_channel(&market.redis, "massive:heartbeat");
    beats.wait_for("well again", 4 * PATIENCE, |beat| {
        beat.json["status"].is_null()
    });
}

#[test]
fn a_flood_costs_quotes_before_anything_else_and_the_last_trade_counts() {
    let (market, stream, _massive) = started(&["SPY"]);
    let ms = now_ms();
    let quote = |n: i64| json!({"ev": "Q", "sym": "SPY", "bp": 1, "bs": 1, "ap": 2, "as": 1, "t": ms, "q": n, "z": 3});
    // So long that a program that was not made fast falls behind.
    let frame: Vec<Value> = (0..2_000).map(|n| quote(i64::from(n))).collect();
    let text = json!(frame).to_string();
    for nth in 0..300 {
        stream.send_text("/stocks", &text);
        if nth % 100 == 50 {
            let price = 1.0 + f64::from(nth) / 1_000.0;
            stream.send(
                "/stocks",
                &[trade("SPY", price, now_ms(), 100 + i64::from(nth), &[])],
            );
        }
    }
    stream.wait_sent();
    stream.send("/stocks", &[trade("SPY", 1.04, now_ms(), 9_000, &[])]);
    market.wait_price("SPY", "1.04");
    until("all is accounted for", PATIENCE, || {
        let (frames, quotes) = (
            total(&market, "stream_frames"),
            total(&market, "stream_dropped_quotes"),
        );
        println!("{frames} frames were read, {quotes} of quotes dropped");
        match frames + quotes >= 304 {
            true => Ok(()),
            false => Err(format!("{frames} {quotes}")),
        }
    });
    let dropped = total(&market, "stream_dropped_frames");
    assert_eq!(dropped, 0, "nothing but quotes is dropped");
}

#[test]
fn the_key_is_nowhere_but_in_the_frame_that_it_goes_out_in() {
    let (mut market, stream) = streaming(&["SPY"]);
    market.redis = crate::support::RedisServer::start_with(&["--rdbcompression", "no"]);
    let beats = Alerts::on_channel(&market.redis, "massive:heartbeat");
    let massive = market.start();
    ready(&market, &stream, &["SPY"]);
    let ms = now_ms();
    for text in [
        format!(r#"[{{"ev":"status","status":"error","message":"{KEY} is of no use"}}]"#),
        format!(r#"[{{"ev":"status","status":"{KEY}","message":"{KEY}"}}]"#),
        format!(r#"[{{"ev":"T","sym":"{KEY}","p":5,"t":{ms},"c":["{KEY}"]}},{{"ev":"{KEY}"}}]"#),
        format!(r#"[{{"ev":"T","sym":"SPY","p":"{KEY}","t":{ms}}}]"#),
        format!("{KEY} is no frame"),
    ] {
        stream.send_text("/stocks", &text);
    }
    stream.send("/stocks", &[trade("SPY", 1.02, ms, 60, &[14])]);
    market.wait_price("SPY", "1.02");
    stream.close("/stocks", 1011, KEY);
    wait_gap(&market, 1);
    until("what was refused", PATIENCE, || {
        let kept = format!("{:?}", market.quarantine());
        match kept.contains("is no frame") {
            true => Ok(()),
            false => Err(kept),
        }
    });
    let mut said = vec![massive.log()];
    for args in [
        &[][..],
        &["--json"],
        &["status"],
        &["status", "--json"],
        &["get", "SPY"],
    ] {
        said.push(market.cli(args).1);
    }
    said.extend(beats.all().iter().map(|beat| beat.json.to_string()));
    let files = [market.redis.saved(), market.redis.data().into_bytes()];
    said.extend(
        files
            .iter()
            .map(|file| String::from_utf8_lossy(file).into_owned()),
    );
    for text in said {
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[test]
fn kills_amid_a_stream_repeat_no_tick_and_make_none_up() {
    let (market, stream) = streaming(&["SPY"]);
    let number = AtomicU32::new(1);
    let mut told = BTreeMap::new();
    let streamed = || {
        let mut all = ticks(&market, "SPY");
        all.retain(|(id, _)| !id.ends_with("-0"));
        all
    };
    let kills = repetitions(5);
    for kill in 0..kills {
        let mut massive = market.start();
        stream.wait_connections("/stocks", kill as usize + 1);
        stream.wait_asked("/stocks", "T.SPY");
        let life = Instant::now();
        let span = Duration::from_millis(fastrand::u64(200..1_500));
        // A slow machine writes none in so short a life: the last one goes on until it did.
        let is_last = kill + 1 == kills;
        while life.elapsed() < span
            || (is_last && streamed().is_empty() && life.elapsed() < PATIENCE)
        {
            let n = number.fetch_add(1, Ordering::SeqCst);
            let (ms, price) = (now_ms(), 100.0 + f64::from(n % 20) + 0.125);
            told.insert(format!("{ms}-{n}"), price.to_string());
            // The same one twice, as after a connection that was made again.
            let one = trade("SPY", price, ms, i64::from(n), &[]);
            stream.send("/stocks", &[one.clone(), one]);
            std::thread::sleep(Duration::from_millis(3));
        }
        massive.kill();
        market.redis.query::<i64>(&["DEL", "massive:lease"]);
    }
    let streamed = streamed();
    println!("{} trades told, {} ticks", told.len(), streamed.len());
    assert!(!streamed.is_empty());
    for (id, tick) in &streamed {
        assert_eq!(
            told.get(id),
            tick.get("price"),
            "{id} is no event of the vendor's"
        );
    }
    // Ids are unique by themselves; that each is another event, their numbers say.
    let numbers: Vec<&str> = streamed
        .iter()
        .filter_map(|(id, _)| id.split_once('-'))
        .map(|(_, n)| n)
        .collect();
    let distinct: std::collections::BTreeSet<&&str> = numbers.iter().collect();
    assert_eq!(distinct.len(), numbers.len());
}
