use super::*;

const NOW_MS: i64 = 1_795_791_600_000;

/// What a frame says: its events as text, and what was refused.
fn said(text: &str, cluster: Cluster) -> (Vec<String>, Vec<String>) {
    let mut refusals = Refusals::default();
    let mut events = Vec::new();
    read(text, cluster, NOW_MS, &mut refusals, &mut |event| {
        events.push(match event {
            Event::Status { status, message } => format!("{status}: {message}"),
            Event::Trade(of) => format!(
                "{} {} at {} #{} {:?}{}",
                of.symbol,
                of.price.text(),
                of.event_ms,
                of.sequence.unwrap_or(-1),
                of.conditions.codes().collect::<Vec<_>>(),
                if of.is_late { " late" } else { "" }
            ),
            Event::Value {
                symbol,
                value,
                event_ms,
            } => format!("{symbol} {} at {event_ms}", value.text()),
            Event::Quote { symbol, quote, .. } => format!(
                "{symbol} {} {}",
                quote.bid.as_ref().map_or("-", Decimal::text),
                quote.ask.as_ref().map_or("-", Decimal::text)
            ),
            Event::Bar(of) => format!(
                "{} {} to {}: {}",
                of.symbol,
                of.start_ms,
                of.end_ms.unwrap_or(0),
                of.day.close.as_ref().map_or("-", Decimal::text)
            ),
            Event::Band { symbol, band } => format!(
                "{symbol} {} {} at {}",
                band.down.as_ref().map_or("-", Decimal::text),
                band.up.as_ref().map_or("-", Decimal::text),
                band.event_ms
            ),
        });
    })
    .expect("a frame");
    let refused = refusals.list().iter();
    let refused = refused.map(|of| format!("{} {} {}", of.symbol, of.path, of.reason));
    (events, refused.collect())
}

#[test]
fn every_channel_is_read_by_its_own_units() {
    let stocks = r#"[{"ev":"status","status":"success","message":"subscribed to: T.MSFT"},
        {"ev":"T","sym":"MSFT","x":4,"i":"12345","z":3,"p":114.1250,"s":100,"c":[0,12],"t":1536036818784,"q":3681328},
        {"ev":"Q","sym":"MSFT","bp":114.125,"bs":100,"ap":114.128,"as":160,"c":0,"i":[604],"t":1536036818784,"q":50385480},
        {"ev":"A","sym":"SPCE","v":200,"o":25.39,"c":25.39,"h":25.39,"l":25.39,"s":1610144868000,"e":1610144869000},
        {"ev":"AM","sym":"GTE","v":4110,"o":0.4488,"c":0.4486,"h":0.4489,"l":0.4486,"s":1610144640000,"e":1610144700000},
        {"ev":"LULD","T":"MSFT","h":218.96,"l":198.11,"i":[21],"z":3,"t":1601316752683746,"q":290317}]"#;
    let (events, refused) = said(stocks, Cluster::Stocks);
    assert_eq!(refused, [""; 0]);
    assert_eq!(
        events,
        [
            "success: subscribed to: T.MSFT",
            "MSFT 114.1250 at 1536036818784 #3681328 [0, 12]",
            "MSFT 114.125 114.128",
            "SPCE 1610144868000 to 1610144869000: 25.39",
            "GTE 1610144640000 to 1610144700000: 0.4486",
            "MSFT 198.11 218.96 at 1601316752683",
        ]
    );
    let (events, refused) = said(
        r#"[{"ev":"V","val":-3.5,"T":"I:TICK","t":1678220098130}]"#,
        Cluster::Indices,
    );
    assert_eq!(
        (events, refused.len()),
        (vec!["I:TICK -3.5 at 1678220098130".to_owned()], 0)
    );
}

#[test]
fn what_is_not_as_documented_is_refused_with_its_place_and_costs_itself() {
    for (event, reason) in [
        (
            r#"{"ev":"T","sym":"A","p":"5","t":1536036818784}"#,
            "A T[0].p wrong_type",
        ),
        (
            r#"{"ev":"T","sym":"A","p":0,"t":1536036818784}"#,
            "A T[0].p no_price",
        ),
        (r#"{"ev":"T","sym":"A","p":5}"#, "A T[0].t missing"),
        // Nanoseconds where milliseconds are documented.
        (
            r#"{"ev":"T","sym":"A","p":5,"t":1536036818784000000}"#,
            "A T[0].t bad_time",
        ),
        (
            r#"{"ev":"T","sym":"A","p":5,"t":1536036818784,"c":["x"]}"#,
            "A T[0].c wrong_type",
        ),
        (
            r#"{"ev":"Q","sym":"A","bp":6,"ap":5,"t":1536036818784}"#,
            "A Q[0].bp bid_over_ask",
        ),
        (
            r#"{"ev":"AM","sym":"A","o":1,"h":1,"l":2,"c":1,"s":1610144640000}"#,
            "A AM[0].l low_over_high",
        ),
        (
            r#"{"ev":"LULD","T":"A","h":1,"l":2,"t":1601316752683}"#,
            "A LULD[0].l low_over_high",
        ),
        (
            r#"{"ev":"T","p":5,"t":1536036818784}"#,
            " T[0].sym no_ticker",
        ),
        (
            r#"{"ev":"V","T":"I:SPX","val":5,"t":1536036818784}"#,
            " [0].ev not_asked",
        ),
        ("5", " [0] wrong_type"),
    ] {
        let (events, refused) = said(&format!("[{event}]"), Cluster::Stocks);
        assert_eq!(events, [""; 0], "{event}");
        assert!(refused.contains(&reason.to_owned()), "{event}: {refused:?}");
    }
}

#[test]
fn a_trade_that_was_known_ten_seconds_before_is_late() {
    for (trft, late) in [(9_999, false), (10_000, true), (-5_000, false)] {
        let reported = 1_536_036_818_784_i64 - trft;
        let text = format!(r#"[{{"ev":"T","sym":"A","p":5,"t":1536036818784,"trft":{reported}}}]"#);
        let (events, _) = said(&text, Cluster::Stocks);
        assert_eq!(events[0].ends_with("late"), late, "{trft}");
    }
}

#[test]
fn what_is_no_list_is_no_frame() {
    let mut refusals = Refusals::default();
    for text in ["", "{}", "5", "[", r#"[{"ev":"T"}"#, "[1,]", "\u{1}"] {
        let read = read(text, Cluster::Stocks, NOW_MS, &mut refusals, &mut |_| {});
        assert!(read.is_err(), "{text:?}");
    }
}
