use super::*;
use crate::massive::facts::Refusals;
use crate::massive::frames::read;

const NOW_MS: i64 = 1_795_791_600_000;
const T0: i64 = NOW_MS - 60_000;

fn coalescer() -> Coalescer {
    let mut coalescer = Coalescer::new(Feed::Live);
    for (cluster, symbol, channel) in [
        (Cluster::Stocks, "SPY", Channel::Trades),
        (Cluster::Stocks, "QQQ", Channel::Seconds),
        (Cluster::Stocks, "IWM", Channel::Minutes),
        (Cluster::Indices, "I:SPX", Channel::Values),
        (Cluster::Options, "O:SPY261218C00600000", Channel::Trades),
    ] {
        coalescer.set_source(cluster, symbol, Source::Channel(channel));
    }
    let rule = |id, updates_price| TradeRule {
        id,
        name: String::new(),
        updates_price,
    };
    let rules = [rule(14, Some(true)), rule(37, Some(false)), rule(52, None)];
    coalescer.set_rules(&Arc::new(Rules::new(&rules)));
    coalescer
}

fn feed(coalescer: &mut Coalescer, cluster: Cluster, frame: &str) {
    let mut refusals = Refusals::default();
    read(frame, cluster, NOW_MS, &mut refusals, &mut |event| {
        coalescer.take(&event);
    })
    .expect(frame);
    assert_eq!(refusals.list(), [], "{frame}");
}

fn trade(price: &str, after_ms: i64, number: i64, more: &str) -> String {
    let t = T0 + after_ms;
    format!(r#"[{{"ev":"T","sym":"SPY","p":{price},"s":100,"t":{t},"q":{number}{more}}}]"#)
}

fn prices(flush: &Flush) -> Vec<(&str, &str, &str)> {
    let spots = flush.spots.iter().filter_map(|spot| {
        let price = spot.price.as_ref()?;
        Some((&spot.symbol[..], price.value.text(), price.kind.word()))
    });
    spots.collect()
}

#[test]
fn the_newest_trade_is_the_price_and_the_others_are_counted() {
    let mut all = coalescer();
    feed(
        &mut all,
        Cluster::Stocks,
        &trade("601.130", 0, 1, r#","c":[14]"#),
    );
    feed(&mut all, Cluster::Stocks, &trade("601.140", 0, 2, ""));
    feed(
        &mut all,
        Cluster::Stocks,
        &trade("601.15", 5, 3, r#","c":[0,14]"#),
    );
    let flush = all.flush();
    assert_eq!(prices(&flush), [("SPY", "601.15", "trade")]);
    let price = flush.spots[0].price.as_ref().expect("a price");
    assert_eq!((price.event_ms, price.sequence), (Some(T0 + 5), Some(3)));
    assert_eq!(price.conditions, [0, 14]);
    assert_eq!(price.size.as_ref().map(Decimal::text), Some("100"));
    assert_eq!((flush.counts.events, flush.counts.coalesced), (3, 2));
    assert!(all.is_empty());
    assert_eq!(all.flush(), Flush::default());
}

#[test]
fn what_is_late_ineligible_older_or_there_already_is_no_price() {
    let mut all = coalescer();
    feed(&mut all, Cluster::Stocks, &trade("600", 10, 5, ""));
    all.flush();
    let late = format!(r#","trft":{}"#, T0 + 20 - 10_000);
    for (frame, counted) in [
        (trade("1", 20, 6, &late), "late"),
        (trade("1", 20, 6, r#","c":[14,37]"#), "ineligible"),
        (trade("1", 20, 6, r#","c":[52]"#), "ineligible"),
        (trade("1", 20, 6, r#","c":[999]"#), "ineligible"),
        (trade("1", 9, 9, ""), "steps_back"),
        (trade("1", 10, 4, ""), "steps_back"),
        (trade("600", 10, 5, ""), "doubles"),
    ] {
        feed(&mut all, Cluster::Stocks, &frame);
        let flush = all.flush();
        assert_eq!(prices(&flush), [], "{frame}");
        let counts = format!("{:?}", flush.counts);
        assert!(
            counts.contains(&format!("{counted}: 1")),
            "{frame}: {counts}"
        );
    }
    // The memory outlives a change of the channel.
    all.set_source(Cluster::Stocks, "SPY", Source::None);
    all.set_source(Cluster::Stocks, "SPY", Source::Channel(Channel::Trades));
    feed(&mut all, Cluster::Stocks, &trade("600", 10, 5, ""));
    assert_eq!(all.flush().counts.doubles, 1);
}

#[test]
fn bars_are_kept_as_minutes_and_are_prices_where_nothing_better_comes() {
    let bar = |ev: &str, symbol: &str, ms: i64| {
        format!(
            r#"[{{"ev":"{ev}","sym":"{symbol}","o":1,"h":3,"l":1,"c":2,"v":9,"s":{T0},"e":{}}}]"#,
            T0 + ms
        )
    };
    let mut all = coalescer();
    for symbol in ["SPY", "QQQ", "IWM"] {
        feed(&mut all, Cluster::Stocks, &bar("A", symbol, 1_000));
        feed(&mut all, Cluster::Stocks, &bar("AM", symbol, 60_000));
    }
    feed(&mut all, Cluster::Indices, &bar("AM", "I:SPX", 60_000));
    let flush = all.flush();
    assert_eq!(
        prices(&flush),
        [("QQQ", "2", "trade"), ("IWM", "2", "minute")]
    );
    let minutes: Vec<&str> = flush
        .minutes
        .iter()
        .map(|(symbol, _)| &symbol[..])
        .collect();
    assert_eq!(minutes, ["SPY", "QQQ", "IWM", "I:SPX"]);
    assert_eq!(flush.minutes[0].1.keys().collect::<Vec<_>>(), [&T0]);
}

#[test]
fn each_symbol_has_its_newest_quote_and_those_of_others_are_only_counted() {
    let quote = |symbol: &str, bid: &str, ms: i64| {
        format!(
            r#"[{{"ev":"Q","sym":"{symbol}","bp":{bid},"ap":9,"t":{}}}]"#,
            T0 + ms
        )
    };
    let mut all = coalescer();
    for (bid, ms) in [("1", 5), ("2", 7), ("3", 6)] {
        feed(&mut all, Cluster::Stocks, &quote("SPY", bid, ms));
    }
    feed(
        &mut all,
        Cluster::Options,
        &quote("O:SPY261218C00600000", "4", 1),
    );
    feed(&mut all, Cluster::Stocks, &quote("AAPL", "5", 1));
    all.set_source(Cluster::Stocks, "QQQ", Source::Gone);
    feed(&mut all, Cluster::Stocks, &quote("QQQ", "5", 1));
    let flush = all.flush();
    let bids: Vec<_> = flush
        .spots
        .iter()
        .filter_map(|spot| spot.quote.as_ref()?.bid.as_ref().map(Decimal::text))
        .collect();
    assert_eq!(bids, ["2", "4"]);
    assert_eq!((flush.counts.not_asked, flush.counts.steps_back), (2, 1));
}

#[test]
fn a_place_of_one_that_went_is_anothers() {
    let mut all = coalescer();
    for nth in 0..10_000 {
        let symbol = format!("S{nth}");
        all.set_source(Cluster::Stocks, &symbol, Source::Channel(Channel::Trades));
        let frame = format!(r#"[{{"ev":"T","sym":"{symbol}","p":5,"t":{T0},"q":1}}]"#);
        feed(&mut all, Cluster::Stocks, &frame);
        all.set_source(Cluster::Stocks, &symbol, Source::Gone);
    }
    assert_eq!(prices(&all.flush()), []);
    assert!(all.slots.len() < 10);
}
