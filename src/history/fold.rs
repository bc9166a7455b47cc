//! Makes spans of alerts, one alert at a time. Pure.
//!
//! The same alerts make the same spans, whoever folds them: so several may follow one log, and it does not matter which
//! of them writes.

use std::collections::HashMap;

use super::open::{Open, OpenOutages};
use super::span::{Span, SpanKind};
use crate::contract::{Alert, AlertKind};

/// A planned stop that does not say how long it lasts is planned for so long.
const PLANNED_SEC: i64 = 24 * 3600;

/// What an alert changed of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub svc: String,
    /// What lasts from now on.
    pub open: OpenOutages,
    /// What ended.
    pub closed: Vec<Span>,
}

/// What lasts, by service.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    pub open: HashMap<String, OpenOutages>,
    /// Up to then entries of the log were lost: an end whose beginning is not known began before.
    pub lost_until: Option<i64>,
}

impl Fold {
    /// Takes in an alert; answers with what it changed.
    pub fn hear(&mut self, alert: &Alert) -> Option<Change> {
        use AlertKind::*;
        let before = self.open.get(&alert.svc).cloned().unwrap_or_default();
        let mut open = before.clone();
        let mut closed = Vec::new();
        match alert.kind {
            // Told again, or repeated: the same outage.
            HeartbeatMiss | HealerMiss if open.down.is_some() => return None,
            HeartbeatMiss | HealerMiss => {
                let began = secs(alert.began_ms());
                close_degraded(&mut open, began, &mut closed);
                let until = alert.eta.unwrap_or(began.saturating_add(PLANNED_SEC));
                open.down = Some(Open {
                    from: began,
                    id: id_of(alert),
                    planned_until: alert.planned.then_some(until),
                });
            }
            HeartbeatOk | HealerOk => {
                let age = alert.age_sec.filter(|age| age.is_finite()).unwrap_or(0.0);
                let to = secs(
                    alert
                        .ts
                        .saturating_mul(1000)
                        .saturating_sub((age * 1000.0) as i64),
                );
                match open.down.take().or_else(|| self.lost_beginning(alert)) {
                    Some(down) => closed.extend(down.closed(to)),
                    None => close_degraded(&mut open, to, &mut closed),
                }
            }
            ServiceDegraded if open.degraded.is_none() && open.down.is_none() => {
                open.degraded = Some(Open {
                    from: alert.ts,
                    id: id_of(alert),
                    planned_until: None,
                });
            }
            ServiceRestored => close_degraded(&mut open, alert.ts, &mut closed),
            _ => return None,
        }
        if open == before && closed.is_empty() {
            return None;
        }
        Some(self.set(&alert.svc, open, closed))
    }

    /// The service is watched no longer: what lasts ends at `now`.
    pub fn remove(&mut self, svc: &str, now: i64) -> Option<Change> {
        self.end(svc, now)
    }

    /// Its end was lost; it is known to be up since `since`.
    pub fn is_up(&mut self, svc: &str, since: i64) -> Option<Change> {
        self.end(svc, since)
    }

    fn end(&mut self, svc: &str, to: i64) -> Option<Change> {
        let mut open = self.open.get(svc)?.clone();
        let mut closed = Vec::new();
        close_degraded(&mut open, to, &mut closed);
        if let Some(down) = open.down.take() {
            closed.extend(down.closed(to));
        }
        Some(self.set(svc, open, closed))
    }

    fn set(&mut self, svc: &str, open: OpenOutages, closed: Vec<Span>) -> Change {
        match open.is_empty() {
            true => drop(self.open.remove(svc)),
            false => drop(self.open.insert(svc.to_owned(), open.clone())),
        }
        Change {
            svc: svc.to_owned(),
            open,
            closed,
        }
    }

    /// The outage that `ok` ends, where the alert that began it was lost.
    fn lost_beginning(&self, ok: &Alert) -> Option<Open> {
        let since = ok.since_ts?;
        let is_lost = self.lost_until.is_some_and(|until| since <= until);
        is_lost.then(|| Open {
            from: since,
            id: id_of(ok),
            planned_until: None,
        })
    }
}

fn close_degraded(open: &mut OpenOutages, to: i64, closed: &mut Vec<Span>) {
    if let Some(degraded) = open.degraded.take() {
        closed.push(Span {
            from: degraded.from,
            to: to.max(degraded.from),
            kind: SpanKind::Degraded,
            id: (&*degraded.id).into(),
        });
    }
}

/// Of older writers an alert has no id, and a hostile one has any: then its date must do.
fn id_of(alert: &Alert) -> Box<str> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
    let is_plain = (1..=64).contains(&alert.id.len()) && alert.id.bytes().all(allowed);
    match is_plain {
        true => alert.id.as_str().into(),
        false => format!("{}-{}", alert.kind.as_str(), alert.ts).into(),
    }
}

/// Milliseconds as the nearest second.
fn secs(ms: i64) -> i64 {
    ms.saturating_add(500).div_euclid(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(kind: AlertKind, ts: i64, set: impl FnOnce(&mut Alert)) -> Alert {
        let mut alert = Alert::new(kind, "a", ts);
        alert.id = format!("i-{ts}");
        set(&mut alert);
        alert
    }

    fn spans(alerts: &[Alert]) -> (Vec<String>, Fold) {
        let mut fold = Fold::default();
        let closed = alerts
            .iter()
            .filter_map(|a| fold.hear(a))
            .flat_map(|c| c.closed);
        (closed.map(|s| s.to_string()).collect(), fold)
    }

    #[test]
    fn an_outage_lasts_from_the_last_beat_to_the_first() {
        use AlertKind::*;
        let miss = alert(HeartbeatMiss, 130, |a| a.late_sec = Some(30.2));
        let again = alert(HeartbeatMiss, 150, |a| a.again = true);
        let ok = alert(HeartbeatOk, 170, |a| a.age_sec = Some(2.7));
        let (closed, fold) = spans(&[miss, again, ok.clone(), ok]);
        assert_eq!(closed, ["100,167,down,i-130"]);
        assert!(fold.open.is_empty());
    }

    #[test]
    fn a_planned_stop_is_planned_as_long_as_it_was_announced() {
        use AlertKind::*;
        let miss = |eta: Option<i64>| {
            alert(HeartbeatMiss, 130, |a| {
                a.late_sec = Some(30.0);
                a.planned = true;
                a.eta = eta;
            })
        };
        let ok = |ts| alert(HeartbeatOk, ts, |_| {});
        let day = 100 + PLANNED_SEC;
        for (eta, end, closed) in [
            (Some(400), 300, vec!["100,300,planned,i-130".to_owned()]),
            (
                Some(200),
                300,
                vec!["100,200,planned,i-130".into(), "200,300,down,i-130".into()],
            ),
            (
                Some(50),
                300,
                vec!["100,100,planned,i-130".into(), "100,300,down,i-130".into()],
            ),
            (
                None,
                day + 1,
                vec![
                    format!("100,{day},planned,i-130"),
                    format!("{day},{},down,i-130", day + 1),
                ],
            ),
        ] {
            assert_eq!(spans(&[miss(eta), ok(end)]).0, closed);
        }
    }

    #[test]
    fn down_ends_degraded_and_up_ends_both() {
        use AlertKind::*;
        let degraded = alert(ServiceDegraded, 50, |_| {});
        let miss = alert(HeartbeatMiss, 130, |a| a.late_sec = Some(30.0));
        let ok = alert(HeartbeatOk, 150, |_| {});
        let (closed, fold) = spans(&[degraded.clone(), miss, degraded.clone(), ok]);
        assert_eq!(closed, ["50,100,degraded,i-50", "100,150,down,i-130"]);
        assert!(fold.open.is_empty());
        let (closed, _) = spans(&[degraded, alert(ServiceRestored, 60, |_| {})]);
        assert_eq!(closed, ["50,60,degraded,i-50"]);
    }

    #[test]
    fn a_clock_that_steps_back_makes_no_span_that_ends_before_it_begins() {
        use AlertKind::*;
        let (closed, _) = spans(&[
            alert(HeartbeatMiss, 130, |_| {}),
            alert(HeartbeatOk, 20, |_| {}),
        ]);
        assert_eq!(closed, ["130,130,down,i-130"]);
    }

    #[test]
    fn an_end_whose_beginning_was_lost_tells_it_itself_and_else_it_is_none() {
        let ok = alert(AlertKind::HeartbeatOk, 170, |a| a.since_ts = Some(100));
        assert_eq!(Fold::default().hear(&ok), None);
        let mut fold = Fold {
            lost_until: Some(120),
            ..Fold::default()
        };
        let change = fold.hear(&ok).expect("a change");
        assert_eq!(change.closed[0].to_string(), "100,170,down,i-170");
    }

    #[test]
    fn a_service_that_is_removed_leaves_nothing_open() {
        let (_, mut fold) = spans(&[alert(AlertKind::HeartbeatMiss, 130, |_| {})]);
        let change = fold.remove("a", 200).expect("a change");
        assert_eq!(change.closed[0].to_string(), "130,200,down,i-130");
        assert!(change.open.is_empty() && fold.remove("a", 201).is_none());
    }
}
