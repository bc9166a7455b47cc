//! The way from a message to the console. Pure.

use super::config::Url;
use super::notification::Notification;
use crate::contract::{AlertKind, is_name};

/// Where the console at `console` shows what `telling` is about: the page of the one service that it names, else the list
/// of all.
pub fn link(console: &Url, telling: &Notification) -> String {
    let whole = console.expose().to_string();
    let base = whole.split(['?', '#']).next().unwrap_or_default();
    let base = base.trim_end_matches('/');
    match only_service(telling) {
        Some(svc) => format!("{base}/services/{svc}"),
        None => format!("{base}/"),
    }
}

/// The one service that `telling` is about, if it is about one.
pub fn only_service(telling: &Notification) -> Option<&str> {
    let [group] = telling.groups.as_slice() else {
        return None;
    };
    let is_bus = matches!(
        group.kind,
        AlertKind::BusDown | AlertKind::BusUnstable | AlertKind::BusReadonly
    );
    match group.lines.as_slice() {
        [line] if group.more == 0 && !is_bus && is_name(&line.svc) => Some(&line.svc),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::notification::{NotificationGroup, NotificationKind, NotificationLine};

    #[test]
    fn one_service_is_linked_to_and_nothing_that_could_be_another_place() {
        let console =
            Url::parse("CONSOLE_URL", "https://status.example.org/swarm/?a=b").expect("one");
        let about = |names: &[&str], kind| {
            let line = |svc: &&str| NotificationLine {
                svc: (*svc).to_owned(),
                ..NotificationLine::default()
            };
            let group = NotificationGroup {
                say: NotificationKind::Begin,
                kind,
                never_heard: false,
                lines: names.iter().map(line).collect(),
                more: 0,
            };
            let telling = Notification {
                groups: vec![group],
                ..Notification::default()
            };
            link(&console, &telling)
        };
        let base = "https://status.example.org/swarm";
        let miss = AlertKind::HeartbeatMiss;
        assert_eq!(about(&["db"], miss), format!("{base}/services/db"));
        for (names, kind) in [
            (&["db", "api"][..], miss),
            (&["../login?x"][..], miss),
            (&["system-redis"][..], AlertKind::BusDown),
        ] {
            assert_eq!(about(names, kind), format!("{base}/"));
        }
    }
}
