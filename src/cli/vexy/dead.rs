//! `marketswarm vexy dead`, `retry` and `drop`: what was given up.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::redo::{Again, redo};
use super::swarm::Swarm;
use super::{Words, print};
use crate::bus::stream::{self, Entry, EntryId, READ_MAX};
use crate::bus::{BusError, Commands};
use crate::clock::{human, wall_millis};
use crate::contract::analysis::DEAD;
use crate::env::Env;
use crate::service::Error;
use crate::text::SafeText;

/// Columns of a title.
const TITLE_COLUMNS: usize = 72;

/// Runs `vexy dead`.
pub(super) fn list(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.none()?;
    words.only(&["--json"])?;
    let mut swarm = Swarm::find(env)?;
    let letters = letters(&mut swarm.store)?;
    let now_ms = wall_millis();
    let lines: String = if words.json {
        letters.iter().map(json_line).collect()
    } else {
        letters.iter().map(|letter| line(letter, now_ms)).collect()
    };
    print(&lines)?;
    if letters.is_empty() && !words.json {
        print("nothing was given up\n")?;
    }
    Ok(ExitCode::from(u8::from(!letters.is_empty())))
}

/// Runs `vexy retry`.
pub(super) fn retry(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    let mut swarm = Swarm::find(env)?;
    let Chosen { letters, unknown } = Chosen::read(words, &mut swarm.store)?;
    let (mut again, mut nameless) = (Vec::new(), 0);
    for letter in &letters {
        match letter.text("uid").filter(|uid| !uid.is_empty()) {
            Some(uid) => again.push(Again {
                uid: uid.into_owned(),
                letter: Some(letter.id.to_string()),
            }),
            None => nameless += 1,
        }
    }
    let asked = redo(&mut swarm.store, &again, false)?;
    print(&format!("{asked} items are analysed once more\n"))?;
    if nameless > 0 {
        print(&format!(
            "{nameless} letters name no item: marketswarm vexy drop forgets them\n"
        ))?;
    }
    told(&unknown, nameless > 0)
}

/// Runs `vexy drop`.
pub(super) fn forget(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    let mut swarm = Swarm::find(env)?;
    let Chosen { letters, unknown } = Chosen::read(words, &mut swarm.store)?;
    let mut dropped = 0;
    for part in letters.chunks(READ_MAX) {
        let mut delete = redis::cmd("XDEL");
        delete.arg(DEAD);
        for letter in part {
            delete.arg(letter.id.to_string());
        }
        dropped += swarm.store.query::<u64>(&delete)?;
    }
    print(&format!("{dropped} letters are forgotten\n"))?;
    told(&unknown, false)
}

/// What of the command line names nothing, and the exit code.
fn told(unknown: &[String], failed: bool) -> Result<ExitCode, Error> {
    for id in unknown {
        print(&format!(
            "{}: no letter has this id, and none is about an item of that name; see marketswarm vexy dead\n",
            SafeText::new(id)
        ))?;
    }
    Ok(ExitCode::from(u8::from(failed || !unknown.is_empty())))
}

/// The letters that a command line means, and its words that mean none.
struct Chosen {
    letters: Vec<Entry>,
    unknown: Vec<String>,
}

impl Chosen {
    fn read(words: &Words, store: &mut Commands) -> Result<Chosen, Error> {
        words.only(&["--all"])?;
        if words.values.is_empty() != words.all {
            return Err(Error::Config(
                "it takes ids of letters or of items, or --all; see marketswarm vexy dead".into(),
            ));
        }
        let all = letters(store)?;
        if words.all {
            return Ok(Chosen {
                letters: all,
                unknown: Vec::new(),
            });
        }
        let is = |letter: &Entry, id: &str| {
            letter.id.to_string() == id || letter.text("uid").is_some_and(|uid| uid == id)
        };
        let known = |id: &&String| all.iter().any(|letter| is(letter, id));
        let unknown = words
            .values
            .iter()
            .filter(|id| !known(id))
            .cloned()
            .collect();
        let named = |letter: &Entry| words.values.iter().any(|id| is(letter, id));
        Ok(Chosen {
            letters: all.iter().filter(|letter| named(letter)).cloned().collect(),
            unknown,
        })
    }
}

/// Every letter, the oldest first: the stream is bounded where it is written.
fn letters(store: &mut Commands) -> Result<Vec<Entry>, BusError> {
    let (mut all, mut last) = (Vec::new(), EntryId::ZERO);
    loop {
        let part = stream::between(store, DEAD, last, None, READ_MAX)?;
        let Some(newest) = part.last() else {
            return Ok(all);
        };
        last = newest.id;
        all.extend(part);
    }
}

fn line(letter: &Entry, now_ms: u64) -> String {
    let get = |name: &str| {
        letter
            .text(name)
            .map_or_else(|| "-".to_owned(), |text| SafeText::new(&text).into())
    };
    let age = human(Duration::from_millis(now_ms.saturating_sub(letter.id.ms)));
    let title = letter.text("title").unwrap_or_default();
    let title = SafeText::within(&title, SafeText::MAX_BYTES, TITLE_COLUMNS);
    format!(
        "{}  {age} ago  {}  {title}\n    {} {}, delivered {} times: {}\n",
        letter.id,
        get("uid"),
        get("stream"),
        get("entry"),
        get("deliveries"),
        get("reason")
    )
}

fn json_line(letter: &Entry) -> String {
    let mut fields = Map::new();
    fields.insert("id".to_owned(), letter.id.to_string().into());
    for (name, value) in letter.fields.iter().flatten() {
        let (name, value) = (
            String::from_utf8_lossy(name),
            String::from_utf8_lossy(value),
        );
        let number = (name == "deliveries")
            .then(|| value.parse::<u64>().ok())
            .flatten();
        fields.insert(
            name.into_owned(),
            number.map_or_else(|| Json::from(&*value), Json::from),
        );
    }
    format!("{}\n", Json::Object(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(fields: &[(&str, &str)]) -> Entry {
        let bytes =
            |(name, value): &(&str, &str)| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        Entry {
            id: EntryId { ms: 60_000, seq: 1 },
            fields: Some(fields.iter().map(bytes).collect()),
        }
    }

    #[test]
    fn a_letter_is_two_lines_whatever_its_title_holds() {
        let forged = letter(&[
            ("uid", "a1"),
            ("stream", "rss:queue"),
            ("entry", "5-0"),
            ("deliveries", "6"),
            ("reason", "delivered\n6 times"),
            ("title", "Up\n0-0  forged \u{1b}[2J"),
        ]);
        assert_eq!(
            line(&forged, 180_000),
            "60000-1  2 min ago  a1  Up 0-0  forged \u{fffd}[2J\n    \
             rss:queue 5-0, delivered 6 times: delivered 6 times\n"
        );
        let json: Json = serde_json::from_str(&json_line(&forged)).unwrap();
        assert_eq!(json["deliveries"], 6);
        assert_eq!(json["id"], "60000-1");
    }
}
