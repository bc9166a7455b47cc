//! Any bytes as an answer to any path, and as a frame of any cluster: no panic, and a report that is JSON and keeps the
//! rules of prices.
#![no_main]

use libfuzzer_sys::fuzz_target;
use marketswarm::massive::answer::request::Request;
use marketswarm::massive::check::{Came, check};
use marketswarm::massive::facts::{Feed, Refusals};
use marketswarm::massive::frames::{Channel, Cluster, read};
use marketswarm::massive::stream::coalesce::Coalescer;
use marketswarm::massive::stream::params::Source;

const PATHS: [&str; 14] = [
    "/v1/marketstatus/now",
    "/v1/marketstatus/upcoming",
    "/v3/snapshot",
    "/v3/snapshot/indices",
    "/v3/snapshot/options/SPY",
    "/v3/snapshot/options/SPY/{optionContract}",
    "/v3/trades/SPY",
    "/v3/reference/conditions",
    "/v2/last/trade/SPY",
    "/v2/snapshot/locale/us/markets/stocks/tickers",
    "/v2/snapshot/locale/us/markets/stocks/tickers/SPY",
    "/v2/aggs/grouped/locale/us/market/stocks/2026-11-25",
    "/v2/aggs/ticker/SPY/prev",
    "/v2/aggs/ticker/SPY/range/1/minute/0/1",
];

fuzz_target!(|input: &[u8]| {
    let Some((path, body)) = input.split_first() else { return };
    if let Ok(text) = std::str::from_utf8(body) {
        frame(text, Cluster::ALL[usize::from(*path) % 3]);
    }
    let request = Request::parse(PATHS[usize::from(*path) % PATHS.len()]).expect("a path");
    let came = Came { now_ms: 1_795_791_600_000, is_given: true };
    let Ok(report) = check(body, &request, came) else { return };
    let json: serde_json::Value = serde_json::from_str(&report.json()).expect("JSON");
    for value in json["values"].as_array().expect("a list") {
        assert_ne!(value["price"].as_f64(), Some(0.0), "{value}");
        assert!(!(value["bid"].as_f64() > value["ask"].as_f64() && value["ask"].is_number()), "{value}");
    }
});

fn frame(text: &str, cluster: Cluster) {
    let mut kept = Coalescer::new(Feed::Live);
    for symbol in ["A", "SPY", "I:SPX"] {
        kept.set_source(cluster, symbol, Source::Channel(Channel::Minutes));
    }
    let mut refusals = Refusals::default();
    let _ = read(text, cluster, 1_795_791_600_000, &mut refusals, &mut |event| kept.take(&event));
    for spot in kept.flush().spots {
        if let Some(price) = &spot.price {
            assert!(price.value.value() != 0.0 && price.event_ms.is_some(), "{spot:?}");
        }
        if let Some((bid, ask)) = spot.quote.and_then(|quote| quote.bid.zip(quote.ask)) {
            assert!(bid.value() <= ask.value());
        }
    }
}
