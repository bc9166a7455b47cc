//! `marketswarm alerts`: the history, one outage a line.

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::*;
use serde_json::json;

use super::{bad_args, known, print, printed};
use crate::bus::{Buses, Commands, Limits};
use crate::clock::{self, human, rfc3339};
use crate::contract::{Alert, AlertKind};
use crate::env::Env;
use crate::service::{Error, is_reader_gone, stream};
use crate::swarm_state::{Logged, log_after};
use crate::swarm_state::{locator, when};
use crate::text::SafeText;

const HELP: &str = "\
marketswarm alerts: the history, one outage a line

usage: marketswarm alerts [--since 1h] [--svc NAME] [--json] [--follow]

  --since SPAN   only what was so within the last 10m, 2h, 1d
  --svc NAME     only this service or bus
  --json         a JSON object a line
  --follow       then whatever begins or ends, as it comes

The log holds the last 100 000 alerts.
";

/// How long `--follow` waits for the bus at a time.
const FOLLOW_WAIT: Duration = Duration::from_secs(1);

/// Something that was so for a while, or happened.
#[derive(Clone, Debug, PartialEq)]
struct Outage {
    begin: Alert,
    from_ts: i64,
    /// `None` while it lasts; the same as `from_ts` for what has no end.
    to_ts: Option<i64>,
}

/// Makes outages of alerts.
#[derive(Default)]
struct History {
    outages: Vec<Outage>,
    /// Where the open outage of a kind and service stands.
    open: HashMap<(AlertKind, String), usize>,
}

/// Runs the command.
pub(super) fn run(mut args: lexopt::Parser, env: Env) -> Result<ExitCode, Error> {
    let bad = |e| bad_args("alerts", e);
    let (mut since, mut svc, mut as_json, mut follow) = (None, None, false, false);
    while let Some(arg) = args.next().map_err(bad)? {
        match arg {
            Long("since") => {
                let text = args.value().map_err(bad)?.to_string_lossy().into_owned();
                let span = when::span(&text).ok_or_else(|| {
                    Error::Config(format!("--since {text}: no span; write 10m, 2h or 1d"))
                })?;
                since = Some(clock::wall_secs() - span.as_secs() as i64);
            }
            Long("svc") => svc = Some(args.value().map_err(bad)?.to_string_lossy().into_owned()),
            Long("json") => as_json = true,
            Long("follow") | Short('f') => follow = true,
            Long("help") | Short('h') => return printed(HELP),
            other => return Err(bad(other.unexpected())),
        }
    }
    let env = locator::with_buses(&env)?;
    let address = Buses::from_env(&env)?.system();
    let mut commands = Commands::new(address, "marketswarm:alerts", Limits::default());
    let wanted = |alert: &Alert| svc.as_ref().is_none_or(|s| *s == alert.svc);
    let mut history = History::default();
    let mut last = "0".to_owned();
    loop {
        let part = log_after(&mut commands, &last, None)?;
        let Some(end) = part.last() else { break };
        last.clone_from(&end.id);
        for alert in alerts_of(part).filter(wanted) {
            history.hear(alert);
        }
    }
    if let Some(svc) = svc.as_deref().filter(|_| history.outages.is_empty()) {
        // Of a name that nobody has there is never anything to tell, which would look like peace.
        known::in_truth(&env, svc)?;
    }
    history.outages.sort_by_key(|o| o.from_ts);
    let recent = |o: &&Outage| since.is_none_or(|since| o.to_ts.is_none_or(|to| to >= since));
    let now = clock::wall_secs();
    let mut shown = 0;
    for outage in history.outages.iter().filter(recent) {
        if !stream(&outage.shown(now, as_json))? {
            return Ok(ExitCode::SUCCESS);
        }
        shown += 1;
    }
    if shown == 0 && !as_json {
        print("no alerts\n")?;
    }
    if !follow {
        return Ok(ExitCode::SUCCESS);
    }
    history.reopen();
    loop {
        let part = log_after(&mut commands, &last, Some(FOLLOW_WAIT))?;
        if let Some(end) = part.last() {
            last.clone_from(&end.id);
        }
        for alert in alerts_of(part).filter(wanted) {
            if let Some(outage) = history.hear(alert) {
                stream(&outage.shown(clock::wall_secs(), as_json))?;
            }
        }
        if is_reader_gone() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn alerts_of(part: Vec<Logged>) -> impl Iterator<Item = Alert> {
    part.into_iter().filter_map(|l| Some(l.entry?.alert))
}

impl History {
    /// Takes the next alert; gives what it began, ended or told.
    fn hear(&mut self, alert: Alert) -> Option<Outage> {
        let begin = alert.kind.ends();
        let (kind, ends) = (begin.unwrap_or(alert.kind), begin.is_some());
        let key = (kind, alert.svc.clone());
        if ends {
            let at = self.open.remove(&key);
            let outage = match at.and_then(|at| self.outages.get_mut(at)) {
                Some(outage) => outage,
                // Its beginning was trimmed away: what the end says of it must do.
                None => {
                    let mut begin = Alert::new(kind, alert.svc.clone(), alert.ts);
                    begin.since_ts = alert.since_ts;
                    self.outages.push(Outage::of(begin));
                    self.outages.last_mut()?
                }
            };
            outage.to_ts = Some(alert.ts);
            return Some(outage.clone());
        }
        let lasts = kind.ended_by().is_some();
        if lasts && self.open.contains_key(&key) {
            // Told again: the same outage.
            return None;
        }
        let mut outage = Outage::of(alert);
        if lasts {
            self.open.insert(key, self.outages.len());
        } else {
            outage.to_ts = Some(outage.from_ts);
        }
        self.outages.push(outage.clone());
        Some(outage)
    }

    /// After a sort, finds the open outages again and lets go of the others.
    fn reopen(&mut self) {
        self.outages.retain(|o| o.to_ts.is_none());
        let of = |(at, o): (usize, &Outage)| ((o.begin.kind, o.begin.svc.clone()), at);
        self.open = self.outages.iter().enumerate().map(of).collect();
    }
}

impl Outage {
    fn of(begin: Alert) -> Outage {
        Outage {
            from_ts: (begin.began_ms() + 500).div_euclid(1000),
            to_ts: None,
            begin,
        }
    }

    fn shown(&self, now: i64, as_json: bool) -> String {
        if as_json {
            return format!("{}\n", self.json(now));
        }
        let lasted = human(secs(self.to_ts.unwrap_or(now) - self.from_ts));
        let lasted = match self.to_ts {
            Some(to) if to == self.from_ts => String::new(),
            Some(_) => lasted,
            None => format!("{lasted} so far"),
        };
        format!(
            "{}  {lasted:<18} {:<20} {}\n",
            rfc3339(self.from_ts)
                .replace('T', " ")
                .trim_end_matches('Z'),
            SafeText::cut(&self.begin.svc, 64),
            self.what(),
        )
    }

    fn what(&self) -> String {
        use AlertKind::*;
        let begin = &self.begin;
        let word = match begin.kind {
            HeartbeatMiss if begin.never_heard => "not seen".to_owned(),
            HeartbeatMiss if begin.planned => "stopped on purpose".to_owned(),
            HeartbeatMiss | HealerMiss => "down".to_owned(),
            BusDown => "bus down".to_owned(),
            ServiceDegraded => "degraded".to_owned(),
            kind => kind.as_str().replace('_', " "),
        };
        match (&begin.reason, begin.timeout_sec) {
            (Some(reason), _) => format!("{word}: {}", SafeText::cut(reason, 120)),
            (None, Some(limit)) => format!("{word} (limit {limit} s)"),
            (None, None) => word,
        }
    }

    fn json(&self, now: i64) -> serde_json::Value {
        json!({
            "svc": self.begin.svc,
            "type": self.begin.kind,
            "from_ts": self.from_ts,
            "to_ts": self.to_ts,
            "duration_sec": self.to_ts.unwrap_or(now) - self.from_ts,
            "alert": self.begin,
        })
    }
}

fn secs(secs: i64) -> Duration {
    Duration::from_secs(u64::try_from(secs).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(kind: AlertKind, svc: &str, ts: i64) -> Alert {
        let mut alert = Alert::new(kind, svc, ts);
        alert.late_sec = (kind == AlertKind::HeartbeatMiss).then_some(30.0);
        alert
    }

    #[test]
    fn an_outage_is_one_line_with_its_duration() {
        use AlertKind::*;
        let mut history = History::default();
        for (kind, svc, ts) in [
            (HeartbeatMiss, "a", 1_795_528_830),
            (HeartbeatMiss, "b", 1_795_528_840),
            (HeartbeatOk, "a", 1_795_528_933),
            (ServiceRestarting, "c", 1_795_528_950),
        ] {
            history.hear(alert(kind, svc, ts));
        }
        let lines: Vec<String> = history
            .outages
            .iter()
            .map(|o| o.shown(1_795_528_990, false))
            .collect();
        assert_eq!(
            lines,
            [
                "2026-11-24 14:00:00  2 min 13 s         a                    down\n",
                "2026-11-24 14:00:10  3 min so far       b                    down\n",
                "2026-11-24 14:02:30                     c                    service restarting\n",
            ]
        );
    }

    #[test]
    fn an_end_whose_beginning_is_gone_still_tells_what_it_knows() {
        let mut end = alert(AlertKind::HeartbeatOk, "a", 1_795_528_860);
        end.since_ts = Some(1_795_528_800);
        let outage = History::default().hear(end).expect("an outage");
        assert_eq!(
            (outage.from_ts, outage.to_ts),
            (1_795_528_800, Some(1_795_528_860))
        );
    }
}
