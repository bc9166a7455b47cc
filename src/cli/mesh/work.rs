//! `marketswarm mesh work`: the streams that are watched.

use std::collections::BTreeMap;
use std::process::ExitCode;

use super::{Words, ago, columns, print, system};
use crate::contract::mesh::{FRESH_SEC, WORK, Work, WorkState};
use crate::env::Env;
use crate::service::Error;

/// Runs the command.
pub(super) fn run(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.none()?;
    let mut commands = system(env)?;
    let mut ask = redis::pipe();
    ask.atomic().cmd("TIME");
    ask.cmd("HGETALL").arg(WORK);
    let ((now_ts, _), fields): ((i64, i64), BTreeMap<String, String>) = commands.pipe(&ask)?;
    let works: Vec<Work> = fields
        .values()
        .filter_map(|text| serde_json::from_str(text).ok())
        .collect();
    let is_old = |work: &Work| now_ts - work.as_of_ts > FRESH_SEC;
    let is_well = works
        .iter()
        .all(|work| matches!(work.state, WorkState::Moving | WorkState::Paused) && !is_old(work));
    print(&if words.json {
        format!("{:#}\n", serde_json::json!(works))
    } else if works.is_empty() {
        "no stream is watched, or mesh has not looked yet; truth names them in services.mesh.watch_streams\n"
            .to_owned()
    } else {
        text(&works, now_ts, is_old)
    })?;
    Ok(ExitCode::from(u8::from(!is_well)))
}

fn text(works: &[Work], now_ts: i64, is_old: impl Fn(&Work) -> bool) -> String {
    let rows: Vec<Vec<String>> = works
        .iter()
        .map(|work| {
            let waiting = match (work.pending, work.unread) {
                (0, false) => "nothing".to_owned(),
                (0, true) => "new ones".to_owned(),
                (n, false) => format!("{n} in hand"),
                (n, true) => format!("{n} in hand, new ones"),
            };
            let age = work
                .oldest_sec
                .map_or_else(|| "-".to_owned(), |age| ago(0, -(age as i64)));
            let mut remark = work
                .reason
                .as_ref()
                .map_or("", |why| why.as_str())
                .to_owned();
            if is_old(work) {
                remark = format!("nobody has looked for {}", ago(now_ts, work.as_of_ts));
            }
            vec![
                work.service.clone(),
                work.key.clone(),
                work.group.clone(),
                work.bus.clone(),
                work.state.as_str().to_owned(),
                ago(now_ts, work.since_ts),
                waiting,
                age,
                remark,
            ]
        })
        .collect();
    let heads = [
        "SERVICE", "STREAM", "GROUP", "BUS", "STATE", "SINCE", "WAITS", "OLDEST", "",
    ];
    columns(&heads, &rows)
}
