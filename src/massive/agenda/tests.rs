use std::time::Duration;

use url::Url;

use super::*;
use crate::massive::config::Source;
use crate::massive::symbol;
use crate::massive::verdict::Next;

const DAY: Duration = Duration::from_secs(86_400);
const SEED: u64 = 7;

fn config(symbols: &[&str], indices: &[&str]) -> Config {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Config {
        source: Source::Massive,
        base_url: Url::parse("https://api.massive.com").expect("a URL"),
        calls_per_min: 60_000,
        symbols: names(symbols),
        indices: names(indices),
        chains: Vec::new(),
        spots_ms: 1_000,
        closed_ms: 60_000,
        stale_ms: 120_000,
        jump_pct: 30.0,
        max_contracts: 10_000,
        chain_span_ms: 60_000,
        tick_entries: 5_000,
        allow_hosts: Vec::new(),
        summary: true,
        gex: true,
        model: None,
        stream: crate::massive::config::StreamMode::Off,
        stream_url: Url::parse("wss://delayed.massive.com").expect("a URL"),
    }
}

/// An agenda, and the time that it is there.
struct Lab {
    agenda: Agenda,
    config: Config,
    now: i64,
}

impl Lab {
    fn new(symbols: &[&str], indices: &[&str]) -> Lab {
        Lab {
            agenda: Agenda::default(),
            config: config(symbols, indices),
            now: 0,
        }
    }

    /// The next call for prices; what else is due goes out meanwhile.
    fn next(&mut self) -> Option<(JobId, Ask)> {
        for _ in 0..20 {
            self.agenda.replan(&self.config, false, 300_000, self.now);
            match self.agenda.due(self.now) {
                Err(_) => self.now += 250,
                Ok(id @ (JobId::Market | JobId::Calendar)) => {
                    self.agenda.went_out(id, self.now);
                    self.agenda.good(id, 1, (0, 0), self.now);
                    self.agenda.came_back(id, self.now);
                }
                Ok(id) => {
                    // A Saturday.
                    let now_ms = 1_795_900_000_000;
                    let ask = self
                        .agenda
                        .ask(id, &self.config, &Calendar::default(), now_ms);
                    self.agenda.went_out(id, self.now);
                    return ask.map(|ask| (id, ask));
                }
            }
        }
        None
    }

    fn fails(&mut self, (id, ask): (JobId, Ask), next: Next) {
        self.agenda
            .failed(id, Some(ask), next, "as told", SEED, self.now);
        self.agenda.came_back(id, self.now);
    }

    fn place(&mut self) -> String {
        let (id, ask) = self.next().expect("a call");
        self.agenda.good(id, 1, (1, 1), self.now);
        self.agenda.came_back(id, self.now);
        ask.target.split('?').next().unwrap_or_default().to_owned()
    }
}

#[test]
fn what_is_not_in_the_plan_goes_down_its_own_ladder_and_up_again_after_a_day() {
    let mut lab = Lab::new(&["SPY"], &["I:SPX"]);
    let mixed = lab.next().expect("a call");
    assert_eq!(mixed.1.symbols, ["I:SPX", "SPY"]);
    lab.fails(mixed, Next::RungDown(DAY));
    assert_eq!(lab.place(), "/v3/snapshot/indices");
    let stocks = lab.next().expect("a call");
    assert_eq!(stocks.0, JobId::Symbols);
    assert!(
        stocks
            .1
            .target
            .starts_with("/v2/snapshot/locale/us/markets/stocks/tickers?")
    );
    lab.fails(stocks, Next::RungDown(DAY));
    lab.now += 1_000;
    let places = [lab.place(), lab.place()];
    assert!(
        places.contains(&"/v3/snapshot/indices".to_owned()),
        "{places:?}"
    );
    assert!(
        places
            .iter()
            .any(|place| place.starts_with("/v2/aggs/grouped/")),
        "{places:?}"
    );
    lab.now += 86_400_000;
    let places = [lab.place(), lab.place()];
    assert!(places.contains(&"/v3/snapshot".to_owned()), "{places:?}");
    assert!(
        places
            .iter()
            .any(|place| place.starts_with("/v2/snapshot/locale/")),
        "{places:?}"
    );
    lab.agenda.new_key();
    assert!(lab.agenda.rungs.are_mixed());
}

#[test]
fn after_a_failure_a_job_waits_and_after_five_one_probe_goes_out_at_a_time() {
    let mut lab = Lab::new(&["SPY"], &[]);
    let mut last = 0;
    for nth in 1..=6_u32 {
        let call = lab.next();
        let Some(call) = call else {
            lab.now += 1_000;
            continue;
        };
        let waited = lab.now - last;
        let least = if nth == 1 { 0 } else { 1_600 << (nth - 2) };
        assert!(waited >= least, "{nth}: {waited} ms");
        last = lab.now;
        lab.fails(call, Next::BackOff { quarantine: false });
        lab.now += 1_600 << (nth - 1);
    }
    assert!(lab.agenda.vendor_fails(lab.now + 60_000).is_some());
    assert_eq!(
        lab.agenda.fault(symbol::Class::Stock, lab.now + 60_000),
        Some("source_failing")
    );
    assert_eq!(
        lab.agenda.fault(symbol::Class::Stock, 0),
        None,
        "not at once"
    );
}

#[test]
fn a_refused_key_and_too_many_calls_stop_everybody() {
    let mut lab = Lab::new(&["SPY"], &["I:SPX"]);
    let call = lab.next().expect("a call");
    lab.fails(call, Next::Wait(Duration::from_secs(60)));
    assert_eq!(lab.agenda.due(lab.now), Err(60_000));
    lab.now += 60_000;
    let call = lab.next().expect("the same again");
    assert_eq!(call.1.symbols, ["I:SPX", "SPY"]);
    lab.fails(call, Next::KeyRefused(Duration::from_secs(3_600)));
    assert_eq!(lab.agenda.due(lab.now), Err(3_600_000));
    assert_eq!(
        lab.agenda.fault(symbol::Class::Index, lab.now),
        Some("key_refused")
    );
    lab.agenda.new_key();
    assert!(lab.next().is_some());
}

#[test]
fn too_large_a_batch_is_halved_until_it_fits() {
    let mut lab = Lab::new(&["A", "B", "C", "D"], &[]);
    for symbols in [4, 2, 1] {
        let call = lab.next().expect("a call");
        assert_eq!(call.1.symbols.len(), symbols);
        if symbols > 1 {
            lab.fails(call, Next::HalfBatch);
        }
    }
}

#[test]
fn who_is_not_found_is_spared_for_a_day_and_off_is_off_until_truth_changes() {
    let mut lab = Lab::new(&["A", "B"], &[]);
    let call = lab.next().expect("a call");
    lab.agenda.spare("A", lab.now);
    lab.agenda.good(call.0, 1, (1, 1), lab.now);
    lab.agenda.came_back(call.0, lab.now);
    let call = lab.next().expect("a call");
    assert_eq!(call.1.symbols, ["B"]);
    lab.fails(call, Next::Off);
    assert_eq!(
        lab.agenda.fault(symbol::Class::Stock, lab.now),
        Some("bad_request")
    );
    lab.now += 10_000;
    assert!(lab.next().is_none(), "it is off");
    lab.agenda.renew();
    let call = lab.next().expect("a call");
    assert_eq!(call.1.symbols, ["A", "B"], "the new truth may mean another");
}

#[test]
fn what_failed_is_asked_again_after_its_back_off_however_long_its_interval_and_whatever_is_planned_anew()
 {
    for closes_meanwhile in [false, true] {
        let mut lab = Lab::new(&["SPY"], &[]);
        lab.config.spots_ms = 60_000;
        let back_off = Next::BackOff { quarantine: false };
        let mut again = Vec::new();
        for _ in 0..2 {
            lab.agenda.replan(&lab.config, false, 300_000, lab.now);
            while let Ok(id) = lab.agenda.due(lab.now) {
                lab.agenda
                    .ask(id, &lab.config, &Calendar::default(), 1_795_900_000_000);
                lab.agenda.went_out(id, lab.now);
                lab.agenda.came_back(id, lab.now);
                lab.agenda
                    .failed(id, None, back_off, "refused", SEED, lab.now);
                again.push(id);
            }
            lab.agenda
                .replan(&lab.config, closes_meanwhile, 300_000, lab.now);
            assert!(lab.agenda.due(lab.now + 1_500).is_err(), "not at once");
            // The first wait is 2 s, a fifth more or less.
            lab.now += 2_500;
        }
        let rounds = [JobId::Market, JobId::Calendar, JobId::Symbols];
        assert_eq!(again, [rounds, rounds].concat(), "{closes_meanwhile}");
    }
}
