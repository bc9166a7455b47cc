//! `marketswarm mesh work`: the streams that are watched.

use std::process::ExitCode;

use super::{Words, ago, columns, print, system};
use crate::env::Env;
use crate::reports::mesh::{Works, waiting};
use crate::service::Error;

/// Runs the command.
pub(super) fn run(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.none()?;
    let mut commands = system(env)?;
    let found = Works::read(&mut commands)?;
    print(&if words.json {
        format!("{:#}\n", serde_json::json!(found.works))
    } else if found.works.is_empty() {
        "no stream is watched, or mesh has not looked yet; truth names them in services.mesh.watch_streams\n"
            .to_owned()
    } else {
        text(&found)
    })?;
    Ok(ExitCode::from(u8::from(!found.all_move())))
}

fn text(found: &Works) -> String {
    let now_ts = found.read_ts;
    let rows: Vec<Vec<String>> = found
        .works
        .iter()
        .map(|work| {
            let age = work
                .oldest_sec
                .map_or_else(|| "-".to_owned(), |age| ago(0, -(age as i64)));
            let mut remark = work
                .reason
                .as_ref()
                .map_or("", |why| why.as_str())
                .to_owned();
            if found.is_old(work) {
                remark = format!("nobody has looked for {}", ago(now_ts, work.as_of_ts));
            }
            vec![
                work.service.clone(),
                work.key.clone(),
                work.group.clone(),
                work.bus.clone(),
                work.state.as_str().to_owned(),
                ago(now_ts, work.since_ts),
                waiting(work),
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
