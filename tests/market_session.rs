//! When the market is open, as the daemon sees it: the change of clocks, holidays, early closes, and a vendor's clock that
//! cannot be. The wall clock of massive, and the vendor's, stand where the test puts them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::vendor::{KEY, Market, now_ms, refusal};
use crate::support::{Daemon, FakeClock, PATIENCE, until};

/// A market at another time.
struct Elsewhen {
    clock: FakeClock,
    market: Market,
    massive: Option<Daemon>,
    prices: u32,
}

fn ms(moment: &str) -> i64 {
    let moment: jiff::Timestamp = moment.parse().expect(moment);
    moment.as_millisecond()
}

impl Elsewhen {
    /// A market of SPY, with these days in the vendor's calendar.
    fn open(calendar: Value) -> Option<Elsewhen> {
        let clock = FakeClock::here()?;
        let market = Market::open(&["SPY"]);
        market.vendor.calendar(calendar);
        Some(Elsewhen {
            clock,
            market,
            massive: None,
            prices: 0,
        })
    }

    fn env(&self) -> Vec<(String, String)> {
        let mut env = self.clock.env();
        env.push(("MASSIVE_API_KEY".to_owned(), KEY.to_owned()));
        env.push(("SYSTEM_REDIS_URL".to_owned(), self.market.redis.url()));
        env
    }

    /// Puts the clocks there, and starts massive if it does not run.
    fn go(&mut self, moment: &str) {
        let secs = (ms(moment) - now_ms()) / 1_000;
        self.clock.set(secs);
        self.market.vendor.ahead(secs * 1_000);
        if self.massive.is_none() {
            let env = self.env();
            let env: Vec<(&str, &str)> = env.iter().map(|(n, v)| (&n[..], &v[..])).collect();
            self.massive = Some(self.market.start_with(&env));
        }
    }

    /// A new price of that moment, and the record that it becomes.
    fn trade(&mut self) -> BTreeMap<String, String> {
        self.prices += 1;
        let price = format!("100.{:02}", self.prices);
        self.market.vendor.price("SPY", &price);
        let poll = ["PUBLISH", "massive:poll", "now"];
        self.market.redis.query::<i64>(&poll);
        until(&format!("the price {price}"), PATIENCE, || {
            let spy = self.market.snapshot("SPY");
            match spy.get("price") == Some(&price) {
                true => Ok(spy),
                false => Err(format!("{spy:?}")),
            }
        })
    }

    #[track_caller]
    fn wait_session(&self, moment: &str, word: &str, assumed: &str) {
        until(&format!("{moment}: {word}"), PATIENCE, || {
            let now = ["session", "assumed"].map(|field| self.market.status(field));
            match now == [word, assumed] {
                true => Ok(()),
                false => Err(format!("{now:?}")),
            }
        });
    }

    fn status_ms(&self, field: &str) -> i64 {
        self.market.status(field).parse().expect(field)
    }
}

#[test]
fn the_session_follows_the_clocks_of_new_york_over_their_changes() {
    let Some(mut there) = Elsewhen::open(json!([])) else {
        return;
    };
    // The vendor does not say how the market stands: the calendar does, and that is marked.
    let status = "/v1/marketstatus/now";
    there.market.vendor.always(status, refusal(503));
    for (moment, word) in [
        // The last Friday of summer time, and the first Monday after it.
        ("2026-10-30T13:29:00Z", "pre"),
        ("2026-10-30T13:31:00Z", "open"),
        ("2026-10-30T20:01:00Z", "after"),
        ("2026-11-02T13:31:00Z", "pre"),
        ("2026-11-02T14:31:00Z", "open"),
        ("2026-11-02T20:31:00Z", "open"),
        ("2026-11-02T21:01:00Z", "after"),
        ("2026-11-03T01:01:00Z", "closed"),
        // And back in March.
        ("2027-03-12T13:31:00Z", "pre"),
        ("2027-03-12T14:31:00Z", "open"),
        ("2027-03-13T15:00:00Z", "closed"),
        ("2027-03-15T13:31:00Z", "open"),
        ("2027-03-15T20:01:00Z", "after"),
    ] {
        there.go(moment);
        there.wait_session(moment, word, "1");
    }
    // While open, a price is fresh for as long as its age allows.
    there.go("2027-03-16T14:31:00Z");
    there.wait_session("Tuesday", "open", "1");
    let spy = there.trade();
    let until_ms: i64 = spy["fresh_until_ms"].parse().unwrap();
    let event_ms: i64 = spy["event_ms"].parse().unwrap();
    assert_eq!((until_ms - event_ms, &spy["stale"][..]), (120_000, "0"));
    // A day later it is of the session before: old, whatever is fetched.
    there.go("2027-03-17T15:00:00Z");
    let poll = ["PUBLISH", "massive:poll", "now"];
    there.market.redis.query::<i64>(&poll);
    there
        .market
        .wait_snapshot("SPY", "old", |s| s["stale"] == "1" && s["reason"] == "old");
}

#[test]
fn holidays_and_early_closes_are_the_vendors() {
    let day = |exchange: &str, date: &str, status: &str| json!({"exchange": exchange, "name": "Thanksgiving", "date": date, "status": status});
    let mut early = day("NYSE", "2026-11-27", "early-close");
    early["open"] = json!("2026-11-27T14:30:00.000Z");
    early["close"] = json!("2026-11-27T18:00:00.000Z");
    let calendar = json!([
        day("NYSE", "2026-11-26", "closed"),
        day("NASDAQ", "2026-11-26", "closed"),
        // What another market does is no matter here.
        day("OTC", "2026-11-25", "closed"),
        early,
    ]);
    let Some(mut there) = Elsewhen::open(calendar) else {
        return;
    };
    let status = "/v1/marketstatus/now";
    there.market.vendor.always(status, refusal(503));
    for (moment, word) in [
        ("2026-11-25T15:00:00Z", "open"),
        ("2026-11-26T15:00:00Z", "closed"),
        ("2026-11-27T15:00:00Z", "open"),
        ("2026-11-27T17:30:00Z", "open"),
    ] {
        there.go(moment);
        there.wait_session(moment, word, "1");
    }
    there.trade();
    let env = there.env();
    let env: Vec<(&str, &str)> = env.iter().map(|(n, v)| (&n[..], &v[..])).collect();
    until("a table of now", PATIENCE, || {
        match Daemon::run("marketswarm", &["market"], &env, PATIENCE) {
            (0, said) if said.contains("open until 13:00 New York (assumed)") => Ok(()),
            (code, said) => Err(format!("{code} {said}")),
        }
    });
    // After the early bell the price of the session is no old one, until the next session opens.
    there.go("2026-11-27T18:01:00Z");
    there.wait_session("the early close", "after", "1");
    let spy = there
        .market
        .wait_snapshot("SPY", "after", |s| s["stale"] == "0");
    assert!(spy.contains_key("price"));
    until("the open of Monday", PATIENCE, || {
        match there.status_ms("next_open_ms") {
            at if at == ms("2026-11-30T14:30:00Z") => Ok(()),
            at => Err(at.to_string()),
        }
    });
    // A fresh word of the vendor's counts before the calendar: a halt that no calendar knows.
    there.go("2026-11-30T15:00:00Z");
    there.wait_session("Monday", "open", "1");
    there.market.vendor.heal();
    there.market.vendor.session("closed");
    let poll = ["PUBLISH", "massive:poll", "now"];
    there.market.redis.query::<i64>(&poll);
    until("the vendor's word", PATIENCE, || {
        let now = ["session", "assumed"].map(|field| there.market.status(field));
        match now == ["closed", "0"] {
            true => Ok(()),
            false => Err(format!("{now:?}")),
        }
    });
}

#[test]
fn a_clock_of_the_vendors_that_is_over_a_day_away_is_not_believed_and_that_is_said() {
    let market = Market::open(&["SPY"]);
    market.vendor.ahead(25 * 3_600_000);
    let massive = market.start();
    massive.wait_log("over a day from this host's", PATIENCE);
    market.vendor.price_at("SPY", "100.75", now_ms());
    let spy = market.wait_price("SPY", "100.75");
    assert_eq!(spy["stale"], "0", "{spy:?}");
    // By the host's clock, a time of the vendor's own would be one of tomorrow.
    market.vendor.price("SPY", "101.25");
    until("a time that cannot be", PATIENCE, || {
        let kept = market.quarantine();
        match format!("{kept:?}").contains("bad_time") {
            true => Ok(()),
            false => Err(format!("{kept:?}")),
        }
    });
    assert_eq!(market.snapshot("SPY")["price"], "100.75");
}
