//! What a locked phone shows, word by word.

use jiff::tz::{TimeZone, offset};

use super::*;

/// 2026-11-24 14:02:38 UTC, 31 s after the last beat.
const JUDGED: i64 = 1_795_528_958;

fn miss(svc: &str) -> Alert {
    let mut alert = Alert::new(AlertKind::HeartbeatMiss, svc, JUDGED);
    (alert.late_sec, alert.timeout_sec) = (Some(31.2), Some(30.0));
    (alert.last_i, alert.host) = (Some(4711), Some("web1".into()));
    alert
}

/// A message with one line.
fn one(
    say: NotificationKind,
    begin: Alert,
    set: impl FnOnce(&mut NotificationLine),
) -> Notification {
    let mut notification = Notification {
        now_ms: JUDGED * 1000 + 500,
        ..Notification::default()
    };
    let (svc, kind) = (begin.svc.clone(), begin.kind);
    let mut line = NotificationLine {
        svc,
        bad: true,
        begin: Some(begin),
        ..NotificationLine::default()
    };
    set(&mut line);
    notification.push(say, kind, line);
    notification
}

#[test]
fn a_death_says_how_long_where_since_when_and_how_far_it_came() {
    let mut notification = one(NotificationKind::Begin, miss("rss_agg"), |_| {});
    notification.also_down.push("massive");
    assert_eq!(
        text(&notification, &TimeZone::fixed(offset(1))),
        "DOWN rss_agg: no beat for 31 s (limit 30 s)\n\
         host web1, bus system-redis\n\
         since 2026-11-24 14:02:06 UTC (15:02:06 +01)\n\
         last beat number 4711\n\
         also down: massive"
    );
}

#[test]
fn an_end_says_how_long_it_lasted() {
    let notification = one(NotificationKind::End, miss("rss_agg"), |line| {
        line.bad = false;
        line.end = Some(Alert::new(
            AlertKind::HeartbeatOk,
            "rss_agg",
            JUDGED - 31 + 133,
        ));
    });
    assert_eq!(title(&notification), "UP rss_agg after 2 min 13 s");
    let text = text(&notification, &TimeZone::UTC);
    assert!(
        text.contains("from 2026-11-24 14:02:06 UTC\nto 2026-11-24 14:04:20 UTC"),
        "{text}"
    );
}

#[test]
fn each_kind_of_news_has_its_words() {
    let with = |kind, svc: &str, set: &dyn Fn(&mut Alert)| {
        let mut alert = Alert::new(kind, svc, JUDGED);
        set(&mut alert);
        alert
    };
    use AlertKind::*;
    let never = with(HeartbeatMiss, "vexy_ai", &|a| {
        (a.late_sec, a.timeout_sec, a.never_heard) = (Some(30.0), Some(30.0), true);
    });
    let stuck = with(ServiceDegraded, "mesh", &|a| {
        a.reason = Some("the disk is full".into())
    });
    let bus = with(BusDown, "system-redis", &|a| {
        a.reason = Some("nothing heard for 5 s".into())
    });
    let loops = with(ServiceRestarting, "mesh", &|a| a.count = Some(3));
    let healer = with(HealerMiss, "healer", &|a| {
        (a.late_sec, a.timeout_sec) = (Some(35.0), Some(30.0))
    });
    let quick = with(HeartbeatMiss, "q", &|a| {
        (a.late_sec, a.timeout_sec) = (Some(1.62), Some(1.5))
    });
    for (say, alert, said) in [
        (
            NotificationKind::Begin,
            never.clone(),
            "NOT SEEN YET vexy_ai: nothing in 30 s",
        ),
        (
            NotificationKind::Still,
            never,
            "STILL NOT SEEN vexy_ai: nothing in 30 s",
        ),
        (
            NotificationKind::Begin,
            stuck,
            "DEGRADED mesh: the disk is full",
        ),
        (
            NotificationKind::Begin,
            bus,
            "BUS DOWN system-redis: nothing heard for 5 s",
        ),
        (
            NotificationKind::Once,
            loops,
            "RESTARTING mesh: started anew 3 times in a short while",
        ),
        (
            NotificationKind::Begin,
            healer,
            "DOWN healer: no beat for 35 s (limit 30 s); nobody judges the services until it is back",
        ),
        (
            NotificationKind::Begin,
            quick,
            "DOWN q: no beat for 1.6 s (limit 1.5 s)",
        ),
        (
            NotificationKind::Remind,
            miss("a"),
            "STILL DOWN a: no beat for 31 s (limit 30 s)",
        ),
    ] {
        assert_eq!(title(&one(say, alert, |_| {})), said);
    }
}

#[test]
fn text_of_others_is_one_harmless_line() {
    let mut alert = miss("x");
    (alert.kind, alert.reason) = (AlertKind::ServiceDegraded, Some("r\nUP everything".into()));
    let text = text(&one(NotificationKind::Begin, alert, |_| {}), &TimeZone::UTC);
    assert!(!text.lines().any(|l| l.starts_with("UP")), "{text}");
}
