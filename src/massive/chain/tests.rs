//! Chains, page by page.

use super::contract::ContractType;
use super::snapshot::{Fetch, gamma_exposure, snapshot};
use super::*;
use crate::massive::answer::request::date;

const NOW_MS: i64 = 1_795_791_600_000;
const HOST: &str = "api.massive.com";
const PATH: &str = "/v3/snapshot/options/SPY";
const WANTED: Wanted = Wanted {
    expirations: 2,
    max_contracts: 100,
};

fn contract(expiration: &str, strike: &str, side: &str) -> String {
    let letter = if side == "call" { 'C' } else { 'P' };
    let strike_thousands = strike.parse::<f64>().expect(strike) * 1_000.0;
    let date = expiration.replace('-', "");
    format!(
        r#"{{"details":{{"contract_type":"{side}","expiration_date":"{expiration}","strike_price":{strike},
            "shares_per_contract":100,"ticker":"O:SPY{}{letter}{strike_thousands:08}"}},
            "last_quote":{{"bid":5.00,"ask":5.20,"last_updated":1795791599000000000}},
            "greeks":{{"gamma":0.01,"delta":0}},"open_interest":10,"implied_volatility":0.2,"day":{{"volume":0}}}}"#,
        &date[2..]
    )
}

fn page(contracts: &[String], cursor: Option<&str>) -> String {
    let next = cursor.map_or_else(String::new, |cursor| {
        format!(r#","next_url":"https://{HOST}{PATH}?cursor={cursor}""#)
    });
    format!(
        r#"{{"status":"OK","results":[{}]{next}}}"#,
        contracts.join(",")
    )
}

fn gathering(query: &str, wanted: Wanted) -> Gathering {
    let request = Request::parse(&format!("{PATH}{query}")).expect("a path");
    Gathering::new(request, HOST, wanted)
}

fn strikes(gathering: Gathering) -> Vec<String> {
    let all = gathering.finish().into_values().flatten();
    all.map(|contract| format!("{} {}", contract.expiration, contract.strike.text()))
        .collect()
}

#[test]
fn pages_are_followed_until_one_more_expiration_begins() {
    let mut chain = gathering("", WANTED);
    let first = page(
        &[
            contract("2026-12-04", "600", "call"),
            contract("2026-12-04", "600", "put"),
        ],
        Some("a"),
    );
    let next = chain.page(first.as_bytes(), NOW_MS);
    assert_eq!(next, Ok(Next::Page(format!("{PATH}?cursor=a"))));
    let second = page(
        &[
            contract("2026-12-04", "600", "put"),
            contract("2026-12-11", "602.50", "call"),
            contract("2026-12-18", "600", "call"),
        ],
        Some("b"),
    );
    assert_eq!(chain.page(second.as_bytes(), NOW_MS), Ok(Next::Whole));
    assert_eq!(
        strikes(chain),
        ["2026-12-04 600", "2026-12-04 600", "2026-12-11 602.50"],
        "the double is dropped, and the third expiration"
    );
}

#[test]
fn filters_hold_though_pages_leak_other_contracts() {
    let query = "?expiration_date.gte=2026-12-04&strike_price.gte=590&strike_price.lte=610";
    let mut chain = gathering(query, WANTED);
    let leaky = page(
        &[
            contract("2026-11-27", "600", "call"),
            contract("2026-12-04", "600", "call"),
            contract("2026-12-04", "700", "call"),
        ],
        None,
    );
    assert_eq!(chain.page(leaky.as_bytes(), NOW_MS), Ok(Next::Whole));
    assert_eq!(chain.refusals().count(), 2);
    assert_eq!(strikes(chain), ["2026-12-04 600"]);
}

#[test]
fn a_page_that_fails_fails_the_chain() {
    let good = contract("2026-12-04", "600", "call");
    let fails = |body: &str, query: &str, wanted| {
        gathering(query, wanted)
            .page(body.as_bytes(), NOW_MS)
            .expect_err(body)
    };
    let foreign =
        format!(r#"{{"results":[{good}],"next_url":"https://evil.example{PATH}?cursor=a"}}"#);
    assert_eq!(
        fails(&foreign, "", WANTED),
        ChainError::Cursor(BadCursor::ForeignHost)
    );
    let refused = r#"{"status":"NOT_AUTHORIZED"}"#;
    assert_eq!(
        fails(refused, "", WANTED),
        ChainError::Refused(Code::NotEntitled)
    );
    assert!(matches!(
        fails("<html>", "", WANTED),
        ChainError::NotUnderstood(_)
    ));
    let one = Wanted {
        max_contracts: 1,
        ..WANTED
    };
    let two = page(&[good.clone(), contract("2026-12-04", "601", "call")], None);
    assert_eq!(fails(&two, "", one), ChainError::TooMany(1));
    let mut chain = gathering("", WANTED);
    let first = page(&[good], Some("a"));
    assert!(chain.page(first.as_bytes(), NOW_MS).is_ok());
    let again = chain.page(first.as_bytes(), NOW_MS);
    assert_eq!(again, Err(ChainError::Cursor(BadCursor::SeenBefore)));
}

#[test]
fn one_contract_in_twenty_may_be_none() {
    let mut contracts: Vec<String> = (0..19)
        .map(|nth| contract("2026-12-04", &(600 + nth).to_string(), "call"))
        .collect();
    contracts.push(r#"{"details":{"ticker":"O:X"}}"#.to_owned());
    let whole = gathering("", WANTED).page(page(&contracts, None).as_bytes(), NOW_MS);
    assert_eq!(whole, Ok(Next::Whole));
    contracts.remove(0);
    let refused = gathering("", WANTED).page(page(&contracts, None).as_bytes(), NOW_MS);
    assert_eq!(refused, Err(ChainError::Dropped(1, 19)));
}

#[test]
fn a_contract_is_what_its_details_say() {
    for (change, is_one) in [
        ("", true),
        (r#""ticker":"O:"#, true),
        (r#""contract_type":"#, false),
        (r#""expiration_date":"#, false),
        (r#""strike_price":"#, false),
    ] {
        let whole = contract("2026-12-04", "600", "call");
        let changed = if change.is_empty() {
            whole
        } else if is_one {
            whole.replace("O:SPY261204C00600000", "O:ODD")
        } else {
            whole.replace(change, &change.replace(r#"":"#, r#"_":"#))
        };
        let body = page(&[changed], None);
        let facts = normalise::read(body.as_bytes(), &Request::parse(PATH).expect(PATH), NOW_MS)
            .expect("JSON");
        assert_eq!(
            (facts.contracts.len(), facts.dropped),
            (usize::from(is_one), usize::from(!is_one)),
            "{change}"
        );
    }
}

#[test]
fn an_expiration_is_written_once_for_good() {
    let contracts: Vec<String> = ["call", "put"]
        .map(|side| contract("2026-12-04", "600.0", side))
        .into();
    let mut chain = gathering("", WANTED);
    assert_eq!(
        chain.page(page(&contracts, None).as_bytes(), NOW_MS),
        Ok(Next::Whole)
    );
    let (expiration, contracts) = chain.finish().pop_first().expect("one");
    let fetch = Fetch {
        underlying: "SPY",
        spot: Some(601.13),
        strikes_pct: 10.0,
        fetch_id: "f1",
        fetched_ms: NOW_MS,
        source: "massive",
    };
    let written = snapshot(fetch, expiration, &contracts);
    assert!(written.json.starts_with(
        r#"{"ts":"2026-11-27T15:00:00.000Z","underlying":"SPY","expiration":"2026-12-04","atm":600.0,"range_points":60.113,"spot":601.13,"fetch_id":"f1","oldest_ms":1795791599000,"newest_ms":1795791599000,"digest":""#
    ), "{}", written.json);
    assert!(written.json.contains(
        r#"{"ticker":"O:SPY261204C00600000","expiration":"2026-12-04","strike":600.0,"type":"call","bid":5.00,"ask":5.20,"mid":5.1,"spread_pct":3.921569,"iv":0.2,"delta":0,"gamma":0.01,"volume":0,"oi":10,"updated":1795791599000}"#
    ), "{}", written.json);
    let json: serde_json::Value = serde_json::from_str(&written.json).expect("JSON");
    assert_eq!(json["contracts"].as_array().map(Vec::len), Some(2));
    // Another fetch of the same contracts, without a spot.
    let later = Fetch {
        spot: None,
        fetch_id: "f2",
        fetched_ms: NOW_MS + 1,
        ..fetch
    };
    let again = snapshot(later, expiration, &contracts);
    assert_eq!(again.digest, written.digest);
    assert_ne!(again.json, written.json);
    assert!(
        again
            .json
            .contains(r#""atm":null,"range_points":null,"spot":null"#)
    );
    let calls = gamma_exposure(
        fetch,
        ContractType::Call,
        [(expiration, contracts.as_slice())].into_iter(),
    );
    assert_eq!(
        calls,
        r#"{"ts":"2026-11-27T15:00:00.000Z","symbol":"SPY","expirations":{"2026-12-04":{"600.0":10}},"source":"massive"}"#
    );
    assert_eq!(date("2026-12-04"), Some(expiration));
}
