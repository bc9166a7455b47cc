//! The rules, each by an answer of the documented shape.

mod daily;
mod snapshots;

use super::*;
use crate::massive::answer::node::Node;
use crate::massive::facts::Spot;
use crate::massive::number::Decimal;

/// 2026-11-27 15:00:00 UTC, a Friday.
const NOW_MS: i64 = 1_795_791_600_000;

/// Elements that nobody reads.
#[derive(Default)]
pub struct NoElements;

impl<'a> Fields<'a> for NoElements {
    fn slot(&mut self, _: &str) -> Slot<'_, 'a> {
        Slot::Unused
    }
}

/// Takes no member.
pub fn nobody<'a>() -> impl Node<'a> {
    Nobody
}

fn facts<'b>(path: &str, body: &'b str) -> Facts<'b> {
    let request = Request::parse(path).expect(path);
    read(body.as_bytes(), &request, NOW_MS).expect(body)
}

/// `path reason` of each refusal.
fn refused(facts: &Facts) -> Vec<String> {
    let refusals = facts.refusals.list().iter();
    refusals
        .map(|refusal| format!("{} {}", refusal.path, refusal.reason))
        .collect()
}

/// Nanoseconds of a moment so many seconds before now.
fn ns(sec_ago: i64) -> String {
    ((NOW_MS - sec_ago * 1_000) * 1_000_000 + 123_456).to_string()
}

fn text<'n>(number: Option<&'n Decimal>) -> Option<&'n str> {
    number.map(Decimal::text)
}

/// Kind, text and event of the price.
fn price<'s>(spot: &'s Spot) -> Option<(&'static str, &'s str, Option<i64>)> {
    let price = spot.price.as_ref()?;
    Some((price.kind.word(), price.value.text(), price.event_ms))
}

#[test]
fn an_answer_is_json_from_its_first_byte_to_its_last() {
    let request = Request::parse("/v3/snapshot").expect("a path");
    let of = |body: &[u8]| read(body, &request, NOW_MS).map(|_| ());
    let not_json = |line, column| Err(NotUnderstood::NotJson { line, column });
    assert_eq!(of(b"{}"), Ok(()));
    assert_eq!(of(b"<html>no</html>"), not_json(1, 1));
    assert_eq!(of(b""), not_json(1, 1));
    assert_eq!(of(b"{\n \"a\": nil}"), not_json(2, 7));
    assert!(matches!(
        of(br#"{"results":[{"ticker":"A"}"#),
        Err(NotUnderstood::NotJson { .. })
    ));
    assert!(matches!(
        of(br#"{"results":[]} {}"#),
        Err(NotUnderstood::NotJson { .. })
    ));
    assert_eq!(of(b"{\"a\":\"\xff\"}"), Err(NotUnderstood::NotUtf8));
    for other in ["[]", "5", "null", "\"words\"", "true"] {
        assert_eq!(
            of(other.as_bytes()),
            Err(NotUnderstood::NotAnAnswer),
            "{other}"
        );
    }
    let long = vec![b' '; answer::ANSWER_MAX_BYTES + 1];
    assert_eq!(of(&long), Err(NotUnderstood::TooLong));
    let deep = format!("{{\"results\":{}", "[".repeat(100_000));
    assert!(of(deep.as_bytes()).is_err());
    // Elements were handed on by the time that the second list comes.
    assert!(of(br#"{"results":[],"results":[{}]}"#).is_err());
    let upcoming = Request::parse("/v1/marketstatus/upcoming").expect("a path");
    assert!(read(b"[]", &upcoming, NOW_MS).is_ok());
}

#[test]
fn an_envelope_that_is_an_error_has_no_facts() {
    for (body, path_and_reason) in [
        (
            r#"{"status":"NOT_AUTHORIZED","results":[{"ticker":"A","value":5}]}"#,
            "status not entitled",
        ),
        (
            r#"{"status":"ERROR","error":"Unknown API Key"}"#,
            "status key_refused",
        ),
        (
            r#"{"error":"You've exceeded the maximum requests per minute"}"#,
            "error too_many_calls",
        ),
        (r#"{"status":7}"#, "status vendor_error"),
    ] {
        let facts = facts("/v3/snapshot?ticker.any_of=A", body);
        assert!(facts.spots.is_empty() && facts.code != Code::Good, "{body}");
        assert_eq!(refused(&facts), [path_and_reason]);
    }
}

#[test]
fn what_was_asked_for_and_is_not_there_is_missing() {
    let of = |path: &str, body: &str| {
        let facts = facts(path, body);
        let list = facts.refusals.list().iter();
        list.map(|r| format!("{} {} {}", r.symbol, r.path, r.reason))
            .collect::<Vec<_>>()
    };
    let batch = "/v3/snapshot?ticker.any_of=A,B";
    let one = r#"{"status":"OK","results":[{"ticker":"B","value":5}]}"#;
    assert_eq!(of(batch, one), ["A results missing"]);
    for nothing in [
        r#"{"status":"OK","results":null}"#,
        r#"{"status":"OK"}"#,
        r#"{"results":[]}"#,
    ] {
        assert_eq!(
            of(batch, nothing),
            ["A results missing", "B results missing"]
        );
        assert_eq!(of("/v3/snapshot", nothing), [" results missing"]);
    }
    assert_eq!(of(batch, r#"{"results":5}"#)[0], " results wrong_type");
    // What is not on this page may be on the next.
    let paged = r#"{"results":[{"ticker":"B","value":5}],"next_url":"https://api.massive.com/v3/snapshot?cursor=a"}"#;
    assert_eq!(of(batch, paged), [""; 0]);
    let nobody = r#"{"status":"OK","results":[],"ticker":"SPY"}"#;
    assert_eq!(
        of("/v2/aggs/ticker/SPY/prev", nobody),
        ["SPY results missing"]
    );
    assert_eq!(
        of("/v2/aggs/ticker/SPY/range/1/minute/0/1", nobody),
        ["SPY results missing"]
    );
    assert_eq!(
        of(
            "/v2/snapshot/locale/us/markets/stocks/tickers?tickers=SPY",
            r#"{"tickers":[]}"#
        ),
        ["SPY tickers missing"]
    );
}

#[test]
fn what_was_not_asked_for_or_comes_twice_is_dropped() {
    let facts = facts(
        "/v3/snapshot?ticker.any_of=AMPB",
        r#"{"results":[{"ticker":"AMpB","value":5},{"ticker":"AMPB","value":6},{"ticker":"AMPB","value":7},{"value":8},
            5,null,{"ticker":"A B"}]}"#,
    );
    assert_eq!(facts.spots.len(), 1);
    assert_eq!(price(&facts.spots[0]).map(|(_, text, _)| text), Some("6"));
    assert_eq!(
        refused(&facts),
        [
            "results[0] not_asked",
            "results[2] double",
            "results[3].ticker no_ticker",
            "results[4] wrong_type",
            "results[5] wrong_type",
            "results[6].ticker no_ticker",
        ]
    );
}

#[test]
fn the_market_stands_as_the_vendor_says() {
    let session = |body: &str| {
        let facts = facts("/v1/marketstatus/now", body);
        let session = facts.market.as_ref().and_then(|market| market.session);
        (
            session.map(crate::massive::session::Session::word),
            refused(&facts),
        )
    };
    for (body, word) in [
        (r#"{"market":"open"}"#, "open"),
        (r#"{"market":"closed"}"#, "closed"),
        (
            r#"{"market":"extended-hours","earlyHours":true,"afterHours":false}"#,
            "pre",
        ),
        (r#"{"market":"extended-hours","afterHours":true}"#, "after"),
    ] {
        assert_eq!(session(body), (Some(word), vec![]), "{body}");
    }
    for body in [
        r#"{"market":"extended-hours"}"#,
        r#"{"market":"odd"}"#,
        "{}",
    ] {
        assert_eq!(
            session(body),
            (None, vec!["market missing".to_owned()]),
            "{body}"
        );
    }
    let (none, refused) =
        session(r#"{"market":1,"earlyHours":"yes","serverTime":"soon","indicesGroups":[]}"#);
    assert_eq!(none, None);
    assert_eq!(
        refused,
        [
            "earlyHours wrong_type",
            "market wrong_type",
            "market missing",
            "serverTime bad_time",
            "indicesGroups wrong_type"
        ]
    );
    let facts = facts(
        "/v1/marketstatus/now",
        r#"{"market":"open","serverTime":"2026-11-27T10:00:00-05:00"}"#,
    );
    assert_eq!(
        facts.market.and_then(|market| market.server_ms),
        Some(NOW_MS)
    );
}

#[test]
fn days_that_differ_are_read_row_by_row() {
    let facts = facts(
        "/v1/marketstatus/upcoming",
        r#"[{"exchange":"NYSE","date":"2026-12-25","status":"closed"},
            {"exchange":"OTC","date":"2026-12-25","status":"closed"},
            {"exchange":"NYSE","date":"2026-12-24","status":"early-close",
             "open":"2026-12-24T14:30:00.000Z","close":"2026-12-24T18:00:00.000Z"},
            {"exchange":"NYSE","date":"2026-13-24","status":"closed"},
            {"exchange":"NYSE","status":"closed"},
            {"exchange":"NYSE","date":"2026-12-31","status":"maybe"},
            {"date":"2026-12-31","status":"closed"},
            {"exchange":"NYSE","date":"2026-12-31","status":"early-close","close":"2026-12-24T18:00:00Z"}]"#,
    );
    let of = |body| refused(&read(body, &upcoming(), NOW_MS).expect("JSON"));
    assert_eq!(of(b"[]".as_slice()), [""; 0], "no day differs");
    assert_eq!(of(b"{}".as_slice()), [" missing"]);
    assert_eq!(facts.calendar.len(), 2);
    assert_eq!(facts.calendar[0].exchanges, ["NYSE", "OTC"]);
    assert_eq!(
        refused(&facts),
        [
            "[3].date bad_time",
            "[4].date missing",
            "[5].status missing",
            "[6].exchange missing",
            "[7].close bad_time",
        ]
    );
}

fn upcoming() -> Request {
    Request::parse("/v1/marketstatus/upcoming").expect("a path")
}
