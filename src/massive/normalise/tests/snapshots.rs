//! Spots of the first and second rung.

use super::*;
use crate::massive::facts::Feed;

fn spot(element: &str) -> (Spot<'static>, Vec<String>) {
    let body = format!(r#"{{"status":"OK","results":[{element}]}}"#);
    let facts = facts("/v3/snapshot", Box::leak(body.into_boxed_str()));
    let refused = refused(&facts);
    (facts.spots.into_iter().next().expect(element), refused)
}

fn ticker(element: &str) -> (Spot<'static>, Vec<String>) {
    let body = format!(r#"{{"status":"OK","tickers":[{element}]}}"#);
    let path = "/v2/snapshot/locale/us/markets/stocks/tickers";
    let facts = facts(path, Box::leak(body.into_boxed_str()));
    let refused = refused(&facts);
    (facts.spots.into_iter().next().expect(element), refused)
}

#[test]
fn the_price_is_the_first_of_value_trade_minute_day_and_previous_close() {
    let (two, three) = (ns(2), ns(3));
    let parts = [
        format!(r#""value":5.10,"last_updated":{two}"#),
        format!(r#""last_trade":{{"price":5.20,"sip_timestamp":{three}}}"#),
        format!(r#""last_minute":{{"close":5.30,"last_updated":{three}}}"#),
        r#""session":{"close":5.40,"previous_close":5.50}"#.to_owned(),
    ];
    let at = |sec_ago: i64| Some(NOW_MS - sec_ago * 1_000);
    let of = |from: usize| {
        let (spot, refused) = spot(&format!(r#"{{"ticker":"A",{}}}"#, parts[from..].join(",")));
        assert_eq!(refused, [""; 0]);
        price(&spot).map(|(kind, text, event_ms)| (kind, text.to_owned(), event_ms))
    };
    assert_eq!(of(0), Some(("value", "5.10".into(), at(2))));
    assert_eq!(of(1), Some(("trade", "5.20".into(), at(3))));
    assert_eq!(of(2), Some(("minute", "5.30".into(), at(3))));
    assert_eq!(of(3), Some(("day", "5.40".into(), None)));
    let (prev, _) = spot(r#"{"ticker":"A","session":{"close":0,"previous_close":5.50}}"#);
    assert_eq!(price(&prev), Some(("prev", "5.50", None)));
}

#[test]
fn the_price_is_never_mid_bid_or_fair_value() {
    let (spot, refused) = spot(
        r#"{"ticker":"A","fmv":5,"last_quote":{"bid":4,"ask":6,"midpoint":5},"session":{"price":5}}"#,
    );
    assert_eq!(price(&spot), None);
    assert_eq!(refused, ["results[0] no_price"]);
}

#[test]
fn zero_is_absent_where_nothing_can_cost_nothing() {
    let (spot, refused) = spot(
        r#"{"ticker":"A","value":0,"last_updated":0,"last_trade":{"price":0.0,"sip_timestamp":0},
            "last_quote":{"bid":0,"bid_size":0,"ask":5.1,"ask_size":2,"last_updated":0},
            "session":{"open":0,"high":0,"low":0,"close":0,"volume":0,"previous_close":5,"change":0}}"#,
    );
    assert_eq!(price(&spot), Some(("prev", "5", None)));
    let quote = spot.quote.expect("a quote");
    assert_eq!(
        (text(quote.bid.as_ref()), text(quote.ask.as_ref())),
        (Some("0"), Some("5.1"))
    );
    assert_eq!(
        (text(quote.bid_size.as_ref()), quote.event_ms),
        (Some("0"), None)
    );
    let day = spot.day.expect("a day");
    assert_eq!((day.open, day.close), (None, None));
    assert_eq!(
        (text(day.volume.as_ref()), text(day.change.as_ref())),
        (Some("0"), Some("0"))
    );
    assert_eq!(refused, [""; 0]);
}

#[test]
fn a_quote_needs_a_side_that_is_one() {
    let quote = |fields: &str| {
        let (spot, refused) = spot(&format!(
            r#"{{"ticker":"A","value":5,"last_quote":{{{fields}}}}}"#
        ));
        let quote = spot.quote.map(|q| {
            (
                text(q.bid.as_ref()).map(str::to_owned),
                text(q.ask.as_ref()).map(str::to_owned),
            )
        });
        (quote, refused)
    };
    let side = |text: &str| Some(text.to_owned());
    assert_eq!(quote(r#""bid":0,"ask":0"#), (None, vec![]));
    assert_eq!(quote(r#""bid":0"#), (None, vec![]));
    assert_eq!(quote(r#""bid":4"#), (Some((side("4"), None)), vec![]));
    assert_eq!(
        quote(r#""bid":5,"ask":5"#),
        (Some((side("5"), side("5"))), vec![])
    );
    let crossed = "results[0].last_quote.bid bid_over_ask".to_owned();
    assert_eq!(quote(r#""bid":5.01,"ask":5"#), (None, vec![crossed]));
    let negative = "results[0].last_quote.ask negative".to_owned();
    assert_eq!(
        quote(r#""bid":4,"ask":-5"#),
        (Some((side("4"), None)), vec![negative])
    );
}

#[test]
fn a_low_over_the_high_takes_all_four_prices_with_it() {
    let (found, refused) = spot(
        r#"{"ticker":"I:DJI","value":3822.39,"session":{"open":1,"high":3834.41,"low":38217.11,"close":3822.39,"previous_close":3812.19}}"#,
    );
    let day = found.day.expect("a day");
    assert_eq!(
        (day.open, day.high, day.low, day.close),
        (None, None, None, None)
    );
    assert_eq!(text(day.prev_close.as_ref()), Some("3812.19"));
    assert_eq!(refused, ["results[0].session.low low_over_high"]);
    // Nor does its close stand in for a price.
    let (found, _) = spot(r#"{"ticker":"A","session":{"high":1,"low":2,"close":1.5}}"#);
    assert_eq!(price(&found), None);
    let (found, refused) = spot(r#"{"ticker":"A","last_minute":{"high":1,"low":2,"close":1.5}}"#);
    assert_eq!(price(&found), None);
    assert_eq!(
        refused,
        [
            "results[0].last_minute.low low_over_high",
            "results[0] no_price"
        ]
    );
}

#[test]
fn a_change_that_does_not_fit_is_dropped_with_its_percents() {
    let change = |price: &str, prev: &str, change: &str| {
        let (spot, refused) = spot(&format!(
            r#"{{"ticker":"A","value":{price},"session":{{"previous_close":{prev},"change":{change},"change_percent":1}}}}"#
        ));
        let day = spot.day.expect("a day");
        assert_eq!(day.change.is_some(), day.change_pct.is_some());
        (day.change.is_some(), refused)
    };
    let off = "results[0].session.change change_off".to_owned();
    assert_eq!(change("101", "100", "1"), (true, vec![]));
    assert_eq!(
        change("101", "100", "2"),
        (true, vec![]),
        "off by exactly 1 %"
    );
    assert_eq!(change("101", "100", "2.01"), (false, vec![off.clone()]));
    assert_eq!(change("101", "100", "-1"), (false, vec![off]));
    // Without a previous close nothing can be said against it.
    assert_eq!(change("101", "0", "50"), (true, vec![]));
}

#[test]
fn a_group_whose_time_cannot_be_is_refused_whole() {
    let ahead = (NOW_MS + 6_000) * 1_000_000;
    let (found, refused) = spot(&format!(
        r#"{{"ticker":"A","last_trade":{{"price":5,"sip_timestamp":{ahead}}},"last_minute":{{"close":6,"last_updated":{}}},
            "last_quote":{{"bid":4,"ask":5,"last_updated":1605192894630}},"session":{{"close":7}}}}"#,
        ns(60)
    ));
    assert_eq!(price(&found), Some(("minute", "6", Some(NOW_MS - 60_000))));
    assert_eq!((found.quote, found.day.is_some()), (None, true));
    assert_eq!(
        refused,
        [
            "results[0].last_trade.sip_timestamp bad_time",
            "results[0].last_quote.last_updated bad_time"
        ]
    );
    let (found, _) = spot(&format!(
        r#"{{"ticker":"A","value":5,"last_updated":{ahead},"session":{{"close":7}}}}"#
    ));
    assert_eq!((found.price, found.day), (None, None));
}

#[test]
fn a_trade_is_dated_by_the_consolidated_tape_else_by_its_update() {
    let (two, three) = (ns(2), ns(3));
    for (times, sec_ago) in [
        (
            format!(r#""sip_timestamp":{three},"last_updated":{two}"#),
            Some(3),
        ),
        (format!(r#""last_updated":{two}"#), Some(2)),
        (
            format!(r#""sip_timestamp":0,"last_updated":{two}"#),
            Some(2),
        ),
        (
            r#""participant_timestamp":1605192894630916607"#.to_owned(),
            None,
        ),
    ] {
        let (found, _) = spot(&format!(
            r#"{{"ticker":"A","last_trade":{{"price":5,{times}}}}}"#
        ));
        let event_ms = found.price.and_then(|price| price.event_ms);
        assert_eq!(event_ms, sec_ago.map(|sec| NOW_MS - sec * 1_000), "{times}");
    }
}

#[test]
fn a_field_of_the_wrong_type_is_absent_and_counted() {
    let (found, refused) = spot(
        r#"{"ticker":"A","value":"5","last_updated":1.5,"last_trade":[],"last_quote":{"bid":"x","ask":5,"ask_size":true},
            "session":{"close":7,"volume":{},"open":1e999,"change":null},"timeframe":1}"#,
    );
    assert_eq!(price(&found), Some(("day", "7", None)));
    assert_eq!(
        refused,
        [
            "results[0].last_updated wrong_type",
            "results[0].timeframe wrong_type",
            "results[0].value wrong_type",
            "results[0].last_trade wrong_type",
            "results[0].session.open wrong_type",
            "results[0].session.volume wrong_type",
            "results[0].last_quote.bid wrong_type",
            "results[0].last_quote.ask_size wrong_type",
        ]
    );
}

#[test]
fn only_an_index_may_be_below_zero() {
    let (index, refused) = spot(r#"{"ticker":"I:TICK","type":"indices","value":-312.5}"#);
    assert_eq!(price(&index), Some(("value", "-312.5", None)));
    assert_eq!(refused, [""; 0]);
    let (stock, refused) = spot(r#"{"ticker":"A","value":-5}"#);
    assert_eq!(price(&stock), None);
    assert_eq!(
        refused,
        ["results[0].value negative", "results[0] no_price"]
    );
}

#[test]
fn of_a_key_that_is_there_twice_the_last_one_counts() {
    let (found, _) = spot(
        r#"{"ticker":"A","value":5,"value":6,"last_quote":{"bid":4,"ask":5},"last_quote":{"ask":7}}"#,
    );
    assert_eq!(price(&found).map(|(_, text, _)| text), Some("6"));
    let quote = found.quote.expect("a quote");
    assert_eq!((quote.bid, text(quote.ask.as_ref())), (None, Some("7")));
    let (found, _) = spot(r#"{"ticker":"A","\u0076alue":6}"#);
    assert_eq!(
        price(&found).map(|(_, text, _)| text),
        Some("6"),
        "a key with an escape"
    );
}

#[test]
fn an_error_of_one_symbol_concerns_it_alone() {
    let facts = facts(
        "/v3/snapshot?ticker.any_of=A,B,C,D",
        r#"{"status":"OK","results":[{"ticker":"A","error":"NOT_FOUND","message":"Ticker not found."},
            {"ticker":"B","error":"NOT_ENTITLED"},{"ticker":"C","error":"odd"},{"ticker":"D","value":5}]}"#,
    );
    assert_eq!(facts.spots.len(), 1);
    assert_eq!(
        refused(&facts),
        [
            "results[0].error not found",
            "results[1].error not entitled",
            "results[2].error vendor_error",
        ]
    );
}

#[test]
fn the_vendor_says_with_each_symbol_how_its_market_stands() {
    for (status, word) in [
        ("open", Some("open")),
        ("regular_trading", Some("open")),
        ("early_trading", Some("pre")),
        ("late_trading", Some("after")),
        ("closed", Some("closed")),
        ("halted", None),
    ] {
        let (found, _) = spot(&format!(
            r#"{{"ticker":"A","value":5,"market_status":"{status}"}}"#
        ));
        assert_eq!(
            found.session.map(crate::massive::session::Session::word),
            word,
            "{status}"
        );
    }
}

#[test]
fn the_second_rung_counts_in_other_units() {
    let minute_ms = NOW_MS - 120_000;
    let seconds_ago = |sec_ago: i64| NOW_MS / 1_000 - sec_ago;
    let (found, refused) = ticker(&format!(
        r#"{{"ticker":"A","min":{{"c":5.3,"t":{minute_ms}}},"day":{{"o":5,"h":6,"l":4,"c":5.3,"v":7.5}},"prevDay":{{"c":5.1}},
            "lastQuote":{{"p":5.2,"P":5.4,"s":1,"S":2,"t":{}}},"todaysChange":0.2,"todaysChangePerc":3.9,"updated":{}}}"#,
        ns(1),
        seconds_ago(30),
    ));
    assert_eq!(refused, [""; 0]);
    assert_eq!(
        price(&found),
        Some(("minute", "5.3", Some(minute_ms + 60_000))),
        "the end of the minute"
    );
    let quote = found.quote.expect("a quote");
    assert_eq!(
        (text(quote.bid.as_ref()), text(quote.ask_size.as_ref())),
        (Some("5.2"), Some("2"))
    );
    assert_eq!(quote.event_ms, Some(NOW_MS - 1_000));
    let day = found.day.expect("a day");
    assert_eq!(
        (text(day.prev_close.as_ref()), text(day.volume.as_ref())),
        (Some("5.1"), Some("7.5"))
    );
    assert_eq!(day.event_ms, Some(NOW_MS - 30_000));
    // A minute that still runs has come about until now, not later.
    let (found, _) = ticker(&format!(
        r#"{{"ticker":"A","min":{{"c":5.3,"t":{}}}}}"#,
        NOW_MS - 20_000
    ));
    assert_eq!(price(&found), Some(("minute", "5.3", Some(NOW_MS))));
    // Milliseconds where nanoseconds are documented are no time.
    let (found, refused) = ticker(&format!(
        r#"{{"ticker":"A","lastTrade":{{"p":5.3,"t":{minute_ms}}}}}"#
    ));
    assert_eq!(price(&found), None);
    assert_eq!(refused[0], "tickers[0].lastTrade.t bad_time");
}

#[test]
fn the_second_rung_takes_day_and_previous_close_in_turn() {
    let (found, _) = ticker(&format!(
        r#"{{"ticker":"A","day":{{"c":5.3}},"prevDay":{{"c":5.1}},"updated":{}}}"#,
        ns(30)
    ));
    assert_eq!(price(&found), Some(("day", "5.3", Some(NOW_MS - 30_000))));
    let (found, _) = ticker(r#"{"ticker":"A","day":{"c":0},"prevDay":{"c":5.1},"todaysChange":0}"#);
    assert_eq!(price(&found), Some(("prev", "5.1", None)));
}

#[test]
fn how_far_behind_a_price_is_the_answer_says_or_the_round() {
    let feed_of = |body: &str, path: &str| {
        let facts = facts(path, body);
        facts.spots[0].price.as_ref().map(|price| price.feed)
    };
    let v3 = |fields: &str, status: &str| {
        feed_of(
            &format!(r#"{{"status":"{status}","results":[{{"ticker":"A",{fields}}}]}}"#),
            "/v3/snapshot",
        )
    };
    assert_eq!(
        v3(r#""value":5,"timeframe":"REAL-TIME""#, "OK"),
        Some(Feed::Live)
    );
    assert_eq!(
        v3(r#""value":5,"timeframe":"DELAYED""#, "OK"),
        Some(Feed::Delayed)
    );
    assert_eq!(
        v3(r#""last_trade":{"price":5,"timeframe":"DELAYED"}"#, "OK"),
        Some(Feed::Delayed)
    );
    assert_eq!(v3(r#""value":5"#, "DELAYED"), Some(Feed::Delayed));
    assert_eq!(v3(r#""value":5"#, "OK"), Some(Feed::Unknown));
    let v2 = |sec_ago: i64| {
        let body = format!(
            r#"{{"tickers":[{{"ticker":"A","lastTrade":{{"p":5,"t":{}}}}}]}}"#,
            ns(sec_ago)
        );
        feed_of(&body, "/v2/snapshot/locale/us/markets/stocks/tickers")
    };
    assert_eq!(
        [v2(3), v2(901), v2(5_000)],
        [Some(Feed::Live), Some(Feed::Delayed), Some(Feed::Unknown)]
    );
}
