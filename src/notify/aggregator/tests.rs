//! The promises of the aggregator, one by one.

use super::super::rendering;
use super::*;
use crate::clock::{Mono, Now};
use crate::flap::{FlapDetector, WINDOW_TIMEOUTS};

mod history;
mod quiet;

/// A Tuesday, 14:00 UTC.
pub(super) const START: Ms = 1_794_924_000_000;

/// A aggregator on a clock of its own, and everything that it said.
pub(super) struct Play {
    pub aggregator: Aggregator,
    pub now: Ms,
    pub n: u64,
    silences: Vec<Silence>,
    pub told: Vec<(Ms, Notification)>,
    /// Judges who flaps, as the healer does.
    flaps: FlapDetector<(AlertKind, String)>,
    pub logged: Vec<String>,
}

impl Play {
    pub fn new(rules: Rules) -> Play {
        Play {
            aggregator: Aggregator::new(rules, START),
            now: START,
            n: 0,
            silences: Vec::new(),
            told: Vec::new(),
            flaps: FlapDetector::default(),
            logged: Vec::new(),
        }
    }

    pub fn with_deps(rules: Rules, deps: &[(&str, &[&str])]) -> Play {
        let mut play = Play::new(rules);
        let deps = deps.iter().map(|(svc, on)| {
            let on = on.iter().map(|s| s.to_string()).collect();
            (svc.to_string(), on)
        });
        play.aggregator.set_world(START, deps, |_| true);
        play
    }

    /// Lets time pass and takes every message that falls due.
    pub fn pass(&mut self, ms: Ms) {
        let end = self.now + ms;
        loop {
            let steady = self.flaps.next_due().map(|at| (at.0 / 1000) as Ms);
            let news = self.aggregator.next_wake();
            let Some(at) = news.into_iter().chain(steady).min().filter(|&at| at <= end) else {
                break;
            };
            self.now = self.now.max(at);
            self.say_steady();
            self.compose(None);
        }
        self.now = end;
    }

    pub fn compose(&mut self, digest: Option<Ms>) {
        let id = format!("m{}", self.told.len() + 1);
        if let Some(notification) = self.aggregator.compose(self.now, digest, &id) {
            self.told.push((self.now, notification));
        }
    }

    /// The log gets an alert, and what the healer makes of it.
    pub fn hear(&mut self, alert: Alert) -> Heard {
        self.say_steady();
        let flapping = self.judge(&alert);
        let heard = self.log(alert);
        if let Some(flapping) = flapping {
            self.log(flapping);
        }
        heard
    }

    fn log(&mut self, alert: Alert) -> Heard {
        self.n += 1;
        self.logged.push(alert.id.clone());
        let entry = LogEntry {
            id: format!("{}-{}", self.now, self.n),
            n: Some(self.n),
            at_ms: self.now,
            alert,
        };
        self.aggregator.hear(self.now, entry, true)
    }

    pub fn alert(&self, kind: AlertKind, svc: &str) -> Alert {
        let mut alert = Alert::new(kind, svc, self.now / 1000);
        alert.id = format!("{svc}-{}", self.n + 1);
        alert
    }

    fn judge(&mut self, alert: &Alert) -> Option<Alert> {
        use AlertKind::*;
        let (of, falls) = match alert.kind {
            HeartbeatMiss => (HeartbeatMiss, true),
            HeartbeatOk => (HeartbeatMiss, false),
            ServiceDegraded => (ServiceDegraded, true),
            ServiceRestored => (ServiceDegraded, false),
            _ => return None,
        };
        let key = (of, alert.svc.clone());
        let timeout = alert.timeout_sec.unwrap_or(30.0);
        let window = WINDOW_TIMEOUTS * std::time::Duration::from_secs_f64(timeout);
        if !falls {
            self.flaps.rose(&key, self.moment().mono, window);
            return None;
        }
        let flap = self.flaps.fell(&key, self.moment(), window)?;
        let mut flapping = self.alert(Flapping, &alert.svc);
        flapping.id.push_str("-flapping");
        (flapping.of, flapping.count) = (Some(of), Some(flap.times.into()));
        flapping.since_ts = Some(flap.since_ts);
        Some(flapping)
    }

    fn say_steady(&mut self) {
        while let Some(key) = self.flaps.due(self.moment().mono) {
            let flap = self.flaps.end(&key).expect("it flaps");
            let mut steady = self.alert(AlertKind::Steady, &key.1);
            (steady.of, steady.count) = (Some(key.0), Some(flap.times.into()));
            self.log(steady);
        }
    }

    fn moment(&self) -> Now {
        Now {
            mono: Mono(self.now as u64 * 1000),
            wall_secs: self.now / 1000,
        }
    }

    pub fn miss(&mut self, svc: &str) {
        let mut alert = self.alert(AlertKind::HeartbeatMiss, svc);
        (alert.late_sec, alert.timeout_sec) = (Some(31.2), Some(30.0));
        // The verdict's date, as the healer writes it: the silence is older.
        alert.since_ts = Some(alert.ts);
        self.hear(alert);
    }

    pub fn ok(&mut self, svc: &str) {
        self.hear(self.alert(AlertKind::HeartbeatOk, svc));
    }

    pub fn silence(&mut self, silences: Vec<Silence>) {
        self.silences = silences;
        self.aggregator
            .set_silences(self.now, self.silences.clone());
    }

    /// The first lines of all messages so far.
    pub fn titles(&self) -> Vec<String> {
        self.told.iter().map(|(_, t)| rendering::title(t)).collect()
    }

    pub fn last_text(&self) -> String {
        let last = self.told.last().map(|(_, t)| t).expect("a message");
        rendering::text(last, &jiff::tz::TimeZone::UTC)
    }

    /// Kills the aggregator and brings it back from what it stored.
    pub fn restart(&mut self) {
        self.aggregator.touch_all();
        let changes = self.aggregator.take_changes();
        let (old, rules) = (self.aggregator.clone(), self.aggregator.rules);
        let mut new =
            Aggregator::restore(rules, self.now, &changes.meta, changes.put).expect("reads");
        new.depends_on = old.depends_on;
        self.aggregator = new;
        self.aggregator
            .set_silences(self.now, self.silences.clone());
    }
}

pub(super) fn minutes(n: Ms) -> Ms {
    n * 60_000
}

#[test]
fn a_death_and_a_return_are_two_messages() {
    let mut play = Play::new(Rules::default());
    play.miss("rss_agg");
    play.pass(133_000 - 31_200);
    play.ok("rss_agg");
    play.pass(minutes(60));
    assert_eq!(
        play.titles(),
        [
            "DOWN rss_agg: no beat for 31 s (limit 30 s)",
            "UP rss_agg after 2 min 12 s"
        ]
    );
    assert_eq!(play.told[0].0 - START, 500, "told after the group wait");
    assert!(
        play.aggregator.incidents.is_empty(),
        "nothing is remembered for ever"
    );
}

#[test]
fn five_hundred_deaths_at_once_are_one_message_with_twenty_names() {
    let mut play = Play::new(Rules::default());
    for i in 0..500 {
        play.miss(&format!("s{i:03}"));
    }
    play.pass(minutes(2));
    assert_eq!(play.told.len(), 1);
    let title = &play.titles()[0];
    assert!(
        title.starts_with("DOWN 500 services: s000, s001, "),
        "{title}"
    );
    assert!(title.ends_with("s019 + 480 more"), "{title}");
    assert_eq!(play.told[0].1.alerts.len(), 500);
    for i in 0..500 {
        play.ok(&format!("s{i:03}"));
    }
    play.pass(minutes(2));
    assert_eq!(play.told.len(), 2);
    assert!(
        play.titles()[1].starts_with("UP 500 services: s000"),
        "{:?}",
        play.titles()[1]
    );
}

#[test]
fn a_hundred_thousand_deaths_over_three_seconds_are_one_message_and_one_update() {
    let mut play = Play::new(Rules::default());
    for verb in [Play::miss, Play::ok] {
        let before = play.told.len();
        for i in 0..100_000 {
            verb(&mut play, &format!("s{i}"));
            if i % 100 == 99 {
                play.pass(3);
            }
        }
        play.pass(minutes(5));
        assert_eq!(play.told.len() - before, 2, "{:?}", play.titles());
        let alerts: usize = play.told[before..]
            .iter()
            .map(|(_, t)| t.alerts.len() + t.omitted)
            .sum();
        assert_eq!(alerts, 100_000, "every alert is carried or counted");
    }
}

#[test]
fn what_is_silent_because_of_another_is_told_with_it() {
    let deps: &[(&str, &[&str])] = &[("web", &["api"]), ("api", &["db"])];
    let mut play = Play::with_deps(Rules::default(), deps);
    play.miss("web");
    play.miss("db");
    play.pass(300);
    play.miss("api");
    play.pass(minutes(1) - 300);
    assert_eq!(play.titles(), ["DOWN db: no beat for 31 s (limit 30 s)"]);
    assert!(
        play.last_text()
            .contains("also silent because of it: web, api"),
        "{}",
        play.last_text()
    );
    for svc in ["db", "api", "web"] {
        play.ok(svc);
    }
    play.pass(minutes(10));
    assert_eq!(play.titles()[1..], ["UP 3 services: db, api, web"]);
}

#[test]
fn what_falls_silent_later_because_of_another_is_one_update_and_not_a_message_each() {
    let deps: &[(&str, &[&str])] = &[("a", &["db"]), ("b", &["db"]), ("c", &["db"])];
    let mut play = Play::with_deps(Rules::default(), deps);
    play.miss("db");
    for svc in ["a", "b", "c"] {
        play.pass(9_000);
        play.miss(svc);
    }
    play.pass(minutes(3));
    assert_eq!(
        play.titles(),
        [
            "DOWN db: no beat for 31 s (limit 30 s)",
            "ALSO SILENT because of db: a, b, c"
        ]
    );
}

#[test]
fn what_stays_silent_after_its_cause_is_back_is_told_after_its_own_timeout() {
    let mut play = Play::with_deps(Rules::default(), &[("a", &["db"])]);
    play.miss("db");
    play.pass(5_000);
    play.miss("a");
    play.pass(10_000);
    play.ok("db");
    play.pass(29_000);
    assert_eq!(play.told.len(), 2, "{:?}", play.titles());
    play.pass(2_000);
    assert_eq!(
        play.titles()[2],
        "DOWN a: no beat for 1 min 11 s (limit 30 s)"
    );
}

#[test]
fn a_square_wave_for_an_hour_is_three_messages_and_then_one_steady() {
    for last_is_up in [true, false] {
        let mut play = Play::new(Rules::default());
        for _ in 0..60 {
            play.miss("rss_agg");
            play.pass(30_000);
            play.ok("rss_agg");
            play.pass(30_000);
        }
        if !last_is_up {
            play.miss("rss_agg");
        }
        assert_eq!(
            play.titles(),
            [
                "DOWN rss_agg: no beat for 31 s (limit 30 s)",
                "UP rss_agg after 1 min 1 s",
                "FLAPPING rss_agg: down 2 times in 1 min, down now; quiet until it is steady",
            ]
        );
        play.pass(minutes(10));
        let (state, downs) = if last_is_up { ("up", 60) } else { ("down", 61) };
        assert_eq!(
            play.titles()[3..],
            [format!(
                "STEADY rss_agg: {state} for 3 min, after it was down {downs} times"
            )]
        );
    }
}

#[test]
fn repeats_within_the_rate_limit_are_counted_and_told_with_the_next() {
    let mut play = Play::new(Rules::default());
    for _ in 0..5 {
        let mut alert = play.alert(AlertKind::TruthRejected, "healer");
        alert.reason = Some("line 3: no comma".into());
        play.hear(alert);
        play.pass(10_000);
    }
    play.pass(minutes(5));
    assert_eq!(
        play.titles(),
        [
            "TRUTH REJECTED healer: line 3: no comma",
            "TRUTH REJECTED healer: line 3: no comma (4 times)"
        ]
    );
    assert_eq!(play.told[1].0 - play.told[0].0, 60_500);
}

#[test]
fn a_second_death_within_the_rate_limit_is_told_when_it_is_over_and_its_end_too() {
    let mut play = Play::new(Rules::default());
    let short = |play: &mut Play, kind| {
        let mut alert = play.alert(kind, "a");
        (alert.late_sec, alert.timeout_sec) = (Some(1.5), Some(1.0));
        play.hear(alert);
    };
    short(&mut play, AlertKind::HeartbeatMiss);
    play.pass(5_000);
    short(&mut play, AlertKind::HeartbeatOk);
    play.pass(15_000);
    short(&mut play, AlertKind::HeartbeatMiss);
    play.pass(30_000);
    assert_eq!(play.told.len(), 2, "{:?}", play.titles());
    play.pass(20_000);
    assert_eq!(play.titles()[2], "DOWN a: no beat for 42 s (limit 1 s)");
    short(&mut play, AlertKind::HeartbeatOk);
    play.pass(minutes(5));
    assert_eq!(play.titles()[3], "UP a after 51 s");
}
