//! Bars, trades and conditions.

use super::*;
use crate::massive::facts::Feed;

const CLOSE_MS: i64 = 1_795_640_400_000;

#[test]
fn a_daily_bar_is_a_price_of_the_end_of_that_day() {
    let body = format!(
        r#"{{"status":"OK","results":[{{"T":"KIMpL","o":26.07,"h":26.25,"l":25.91,"c":25.9102,"v":4369.6,"t":{CLOSE_MS}}},
            {{"T":"X","h":1,"l":2,"c":1.5,"t":{CLOSE_MS}}},{{"T":"Y","c":3,"t":{}}}]}}"#,
        NOW_MS + 5_001
    );
    let facts = facts("/v2/aggs/grouped/locale/us/market/stocks/2026-11-25", &body);
    let first = &facts.spots[0];
    assert_eq!(price(first), Some(("day", "25.9102", Some(CLOSE_MS))));
    assert_eq!(
        first.price.as_ref().map(|price| price.feed),
        Some(Feed::EndOfDay)
    );
    let day = first.day.as_ref().expect("a day");
    assert_eq!(
        (text(day.close.as_ref()), text(day.volume.as_ref())),
        (Some("25.9102"), Some("4369.6"))
    );
    assert_eq!(
        refused(&facts),
        [
            "results[1].l low_over_high",
            "results[1] no_price",
            "results[2].t bad_time",
            "results[2] no_price"
        ]
    );
}

#[test]
fn of_the_whole_market_only_what_is_wanted_is_taken() {
    let request =
        Request::parse("/v2/aggs/grouped/locale/us/market/stocks/2026-11-25").expect("a path");
    let request = request.only(["A".to_owned(), "B".to_owned()]);
    let body = br#"{"results":[{"T":"A","c":1},{"T":"C","c":2}]}"#;
    let facts = read(body, &request, NOW_MS).expect("an answer");
    assert_eq!(facts.spots.len(), 1);
    assert_eq!(refused(&facts), ["results missing"]);
    assert_eq!(facts.refusals.list()[0].symbol, "B");
}

#[test]
fn the_previous_day_of_an_index_is_one_too() {
    let body = format!(
        r#"{{"results":[{{"T":"I:NDX","c":15070.14948566977,"t":{CLOSE_MS}}}],"ticker":"I:NDX"}}"#
    );
    let facts = facts("/v2/aggs/ticker/I:NDX/prev", &body);
    assert_eq!(
        price(&facts.spots[0]),
        Some(("prev", "15070.14948566977", Some(CLOSE_MS)))
    );
    let facts = super::facts("/v2/aggs/ticker/SPY/prev", &body);
    assert_eq!(facts.spots, []);
    assert_eq!(refused(&facts), ["results[0] not_asked", "results missing"]);
}

#[test]
fn bars_of_a_range_need_a_time_and_a_close() {
    let body = r#"{"ticker":"SPY","results":[{"c":1.5,"t":1795791480000},{"c":1.5},{"t":1795791480000},{"c":1,"t":-5}]}"#;
    let facts = facts("/v2/aggs/ticker/{stocksTicker}/range/1/minute/0/1", body);
    assert_eq!(facts.bars.len(), 1);
    assert_eq!(
        (facts.bars[0].symbol.as_str(), facts.bars[0].start_ms),
        ("SPY", 1_795_791_480_000)
    );
    assert_eq!(
        refused(&facts),
        [
            "results[1].t missing",
            "results[2].c no_price",
            "results[3].t bad_time"
        ]
    );
    let facts = super::facts("/v2/aggs/ticker/QQQ/range/1/minute/0/1", body);
    assert_eq!(facts.bars, []);
}

#[test]
fn trades_keep_their_order_and_conditions() {
    let body = format!(
        r#"{{"results":[{{"price":5.05,"size":100,"conditions":[12,41],"sequence_number":1063,"sip_timestamp":{0}}},
            {{"price":0,"sip_timestamp":{0}}},{{"price":5}},{{"price":5,"sip_timestamp":{0},"conditions":["x"]}}]}}"#,
        ns(9)
    );
    let facts = facts("/v3/trades/SPY", &body);
    assert_eq!(facts.ticks.len(), 2);
    let first = &facts.ticks[0].price;
    assert_eq!(
        (first.conditions.as_slice(), first.sequence),
        ([12, 41].as_slice(), Some(1_063))
    );
    assert_eq!(
        refused(&facts),
        [
            "results[1].price no_price",
            "results[2].sip_timestamp missing",
            "results[3].conditions wrong_type"
        ]
    );
    let last = format!(
        r#"{{"results":{{"T":"SPY","p":5.05,"s":2,"q":7,"t":{}}},"status":"OK"}}"#,
        ns(1)
    );
    let facts = super::facts("/v2/last/trade/SPY", &last);
    assert_eq!(
        price(&facts.spots[0]),
        Some(("trade", "5.05", Some(NOW_MS - 1_000)))
    );
}

#[test]
fn conditions_say_whether_a_trade_may_become_the_price() {
    let facts = facts(
        "/v3/reference/conditions",
        r#"{"results":[{"id":2,"name":"Average Price Trade","update_rules":{"consolidated":{"updates_open_close":false}}},
            {"id":3,"name":"x"},{"name":"y"}]}"#,
    );
    let rules: Vec<_> = facts
        .rules
        .iter()
        .map(|rule| (rule.id, rule.updates_price))
        .collect();
    assert_eq!(rules, [(2, Some(false)), (3, None)]);
    assert_eq!(refused(&facts), ["results[2].id missing"]);
}
