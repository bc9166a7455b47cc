//! A model of our own beside the vendor's numbers: on request only, by the rates that were given, and never in their
//! place.

use serde_json::{Value, json};

use crate::support::vendor::{Market, now_ms, results};
use crate::support::{PATIENCE, until};

const EXPIRATION: &str = "2030-01-18";
/// Its end: four in the afternoon in New York.
const END_MS: i64 = 1_895_000_400_000;
const SPOT: f64 = 100.0;
const STRIKE: f64 = 105.0;
const MID: f64 = 18.0;
const RATE: f64 = 0.04;
const DIVIDEND: f64 = 0.01;

/// A chain of one call, and a spot.
fn market(derive: Value) -> Market {
    let mut market = Market::open(&["SPY"]);
    market.vendor.price("SPY", "100.0");
    *market.section("chains") = json!([{"underlying": "SPY", "expirations": 1, "interval_sec": 5}]);
    *market.section("derive") = derive;
    market.vendor.rule(|arrival| {
        let is_chain = arrival.path().starts_with("/v3/snapshot/options/");
        is_chain.then(|| {
            results(vec![json!({
                "details": {"ticker": "O:SPY300118C00105000", "strike_price": STRIKE, "expiration_date": EXPIRATION,
                    "contract_type": "call", "shares_per_contract": 100},
                "last_quote": {"bid": MID - 0.25, "ask": MID + 0.25, "last_updated": now_ms() * 1_000_000},
                "greeks": {"delta": 0.125, "gamma": 0.5}, "open_interest": 10, "implied_volatility": 0.75,
            })])
        })
    });
    market
}

/// The contract, once its chain is stored.
fn contract(market: &Market) -> Value {
    let text = until("a chain", PATIENCE, || {
        let key: Option<String> = market
            .redis
            .query(&["GET", &format!("massive:chain:latest:SPY:{EXPIRATION}")]);
        let text: Option<String> = match &key {
            Some(key) => market.redis.query(&["GET", key]),
            None => None,
        };
        text.ok_or_else(|| format!("{key:?}"))
    });
    let chain: Value = serde_json::from_str(&text).unwrap();
    chain["contracts"][0].clone()
}

/// The normal distribution, by its integral and nothing cleverer.
fn normal(x: f64) -> f64 {
    let density = |x: f64| (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let steps = 20_000;
    let width = x / f64::from(steps);
    let inner = (1..steps).map(|nth| {
        let weight = if nth % 2 == 1 { 4.0 } else { 2.0 };
        weight * density(f64::from(nth) * width)
    });
    0.5 + width / 3.0 * (density(0.0) + inner.sum::<f64>() + density(x))
}

/// What a call is worth, as the books have it.
fn call(spot: f64, years: f64, volatility: f64) -> f64 {
    let drift = (RATE - DIVIDEND + volatility * volatility / 2.0) * years;
    let d1 = ((spot / STRIKE).ln() + drift) / (volatility * years.sqrt());
    let d2 = d1 - volatility * years.sqrt();
    spot * (-DIVIDEND * years).exp() * normal(d1) - STRIKE * (-RATE * years).exp() * normal(d2)
}

#[test]
fn the_model_says_what_the_books_say_and_leaves_the_vendors_numbers_alone() {
    let derive = json!({"model": "black-scholes", "rate_pct": 4.0, "dividend_pct": 1.0});
    let market = market(derive);
    let _massive = market.start();
    let contract = contract(&market);
    for (name, value) in [("iv", 0.75), ("delta", 0.125), ("gamma", 0.5), ("mid", MID)] {
        assert_eq!(contract[name].as_f64(), Some(value), "{contract}");
    }
    let model = &contract["model"];
    let number = |name: &str| {
        model[name]
            .as_f64()
            .unwrap_or_else(|| panic!("{name}: {contract}"))
    };
    let quoted = contract["updated"].as_i64().unwrap();
    #[expect(clippy::cast_precision_loss, reason = "years need no more")]
    let years = (END_MS - quoted) as f64 / (365.0 * 86_400_000.0);
    let iv = number("iv");
    let is_near = |name: &str, told: f64, worth: f64| {
        assert!(
            (told - worth).abs() < 1e-3 * worth.abs(),
            "{name}: {told}, not {worth}"
        );
    };
    is_near("price", call(SPOT, years, iv), MID);
    let step = 0.1;
    let (up, down) = (call(SPOT + step, years, iv), call(SPOT - step, years, iv));
    is_near("delta", number("delta"), (up - down) / (2.0 * step));
    is_near(
        "gamma",
        number("gamma"),
        (up - 2.0 * call(SPOT, years, iv) + down) / (step * step),
    );
    let more = call(SPOT, years, iv + 0.001) - call(SPOT, years, iv - 0.001);
    is_near("vega", number("vega"), more / 0.002 / 100.0);
    let day = 1.0 / 365.0;
    let later = call(SPOT, years - day, iv) - call(SPOT, years + day, iv);
    is_near("theta", number("theta"), later / 2.0);
    assert_eq!((number("rate_pct"), number("dividend_pct")), (4.0, 1.0));
}

#[test]
fn nobody_gets_a_model_without_asking() {
    let market = market(json!({}));
    let _massive = market.start();
    let contract = contract(&market);
    assert_eq!(contract["mid"].as_f64(), Some(MID), "{contract}");
    assert_eq!(contract.get("model"), None, "{contract}");
}
