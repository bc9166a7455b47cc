//! What is done on the bus in a request's name: silences, their ends, acknowledgements.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::answer::{json_line, said};
use super::look::Lookout;
use super::shared::Shared;
use super::view::Stand;
use crate::bus::{Address, BusError};
use crate::clock::{self, Mono};
use crate::contract::asks::{self, ASK_SEC, ASKS_MAX, Wanted, ask_key, asks_key};
use crate::contract::feeds::POLL;
use crate::contract::{Name, SYSTEM_BUS, holder_key, is_name};
use crate::http::Response;
use crate::rss_agg::config::Config as FeedConfig;
use crate::swarm_state::{
    Acked, NotSilenced, SPAN_MAX, StateReader, Wish, acknowledge, end_silence, silence, when,
};
use crate::text::SafeText;
use crate::truth::HEALER;

/// The list of who did what.
pub const AUDIT: &str = "console:audit";
/// How long whoever asks waits for the answer of a channel, and from one look for it to the next.
const ANSWER_WITHIN: Duration = Duration::from_millis(1500);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Entries that it keeps.
const AUDIT_MAX: usize = 1000;

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Silence(NewSilence),
    End {
        id: String,
    },
    Ack {
        svc: String,
    },
    /// Something of whoever holds a channel.
    Channel {
        channel: String,
        what: Wanted,
        id: String,
    },
    /// A poll of a feed.
    Poll {
        feed: String,
    },
}

/// The body of a request that only needs a name of its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Chosen by the client: asked again under the same it is the same request.
    pub id: String,
}

/// The body of a request for a silence.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSilence {
    /// Chosen by the client: asked again under the same it is the same silence.
    pub id: String,
    pub svc: String,
    pub span: String,
    pub why: String,
    #[serde(default)]
    pub from: Option<String>,
}

/// A request that asks for something to be done.
pub struct Ask {
    pub action: Action,
    /// Who asks.
    pub by: SafeText,
}

/// Whoever acts.
pub struct Actor {
    reader: StateReader,
    shared: Arc<Shared>,
    lookout: Lookout,
}

impl Actor {
    /// One that works on the bus at `address`.
    pub fn new(address: Address, shared: Arc<Shared>, lookout: Lookout) -> Actor {
        Actor {
            reader: StateReader::new(address, "console:act"),
            shared,
            lookout,
        }
    }

    /// Does it, and says what came of it.
    pub fn answer(&mut self, ask: &Ask) -> Response {
        let done = self.act(ask);
        self.lookout.silences();
        done.unwrap_or_else(|error| said(503, &format!("{SYSTEM_BUS} does not take it: {error}")))
    }

    fn act(&mut self, ask: &Ask) -> Result<Response, BusError> {
        let response = match &ask.action {
            Action::Silence(new) => self.silence(new, &ask.by)?,
            Action::End { id } => self.end(id)?,
            Action::Ack { svc } => self.acknowledge(svc, &ask.by)?,
            Action::Channel { channel, what, id } => {
                self.ask_channel(channel, (*what, id), &ask.by)?
            }
            Action::Poll { feed } => self.poll(feed)?,
        };
        if response.status < 300 {
            self.note(ask)?;
        }
        Ok(response)
    }

    fn silence(&mut self, new: &NewSilence, by: &str) -> Result<Response, BusError> {
        let now_ms = clock::wall_millis() as i64;
        let truth = self.shared.truth();
        let wish = match checked(new, now_ms, |svc| {
            truth.as_ref().is_some_and(|t| t.service(svc).is_some())
        }) {
            Ok(wish) => Wish { by, ..wish },
            Err((status, text)) => return Ok(said(status, text)),
        };
        match silence(self.reader.commands(), &wish, now_ms) {
            Ok(silence) if silence.svc == new.svc => {
                Ok(json_line(200, &json!({ "silence": silence })))
            }
            Ok(_) => Ok(said(409, "another silence has this id; choose another")),
            Err(NotSilenced::Bus(error)) => Err(error),
            Err(error) => Ok(said(409, &error.to_string())),
        }
    }

    fn end(&mut self, id: &str) -> Result<Response, BusError> {
        // Ended before is as good as ended now: whoever asks again hears the same.
        let ended = end_silence(self.reader.commands(), id)?;
        Ok(json_line(200, &json!({ "id": id, "ended": ended })))
    }

    fn acknowledge(&mut self, svc: &str, by: &str) -> Result<Response, BusError> {
        let Some(truth) = self
            .shared
            .truth()
            .filter(|truth| truth.service(svc).is_some())
        else {
            return Ok(said(404, "truth names no such service"));
        };
        // As it is shown: to listen for a healer that is silent takes longer than whoever asks waits.
        let view = self.shared.view();
        let row = view.row(svc);
        match row.map(|row| row.last_known.unwrap_or(row.stand)) {
            Some(Stand::Down | Stand::Degraded | Stand::Planned) => {}
            Some(Stand::Up | Stand::Off) if view.judged => {
                return Ok(said(409, "it is not down: there is nothing to acknowledge"));
            }
            _ => {
                let why = view
                    .troubles
                    .first()
                    .map_or("it is not judged", |why| why.as_str());
                return Ok(said(409, &format!("nobody knows how it stands: {why}")));
            }
        }
        let now_ms = clock::wall_millis() as i64;
        let id = format!("ack-{svc}");
        Ok(
            match acknowledge(&mut self.reader, &truth, svc, by, now_ms)? {
                Acked::Done => json_line(200, &json!({ "id": id })),
                Acked::NotDown => said(409, "it is not down: there is nothing to acknowledge"),
                Acked::Unknown(why) => said(409, &format!("nobody knows how it stands: {why}")),
            },
        )
    }

    /// Asks whoever holds the channel, once under each id, and waits a moment for the answer.
    fn ask_channel(
        &mut self,
        channel: &str,
        (what, id): (Wanted, &str),
        by: &str,
    ) -> Result<Response, BusError> {
        if !is_name(channel) || !is_name(id) {
            return Ok(said(422, "id: 1 to 64 of A-Z a-z 0-9 _ . -"));
        }
        let group = format!("{HEALER}:{channel}");
        let commands = self.reader.commands();
        if !commands.query::<bool>(redis::cmd("EXISTS").arg(holder_key(&group)))? {
            return Ok(said(409, "nobody tells people through this channel now"));
        }
        let answer_at = ask_key(&group, id);
        let mut begin = redis::cmd("SET");
        begin
            .arg(&answer_at)
            .arg("")
            .arg("EX")
            .arg(ASK_SEC)
            .arg("NX");
        if commands.query::<Option<String>>(&begin)?.is_some() {
            let ask = asks::Ask {
                id: id.to_owned(),
                what,
                by: by.to_owned(),
            };
            let asks = asks_key(&group);
            let mut packet = redis::pipe();
            packet.atomic();
            // It has string keys only, so it can be written.
            let text = serde_json::to_string(&ask).unwrap_or_default();
            packet.cmd("RPUSH").arg(&asks).arg(text).ignore();
            packet
                .cmd("LTRIM")
                .arg(&asks)
                .arg(-(ASKS_MAX as i64))
                .arg(-1)
                .ignore();
            packet.cmd("EXPIRE").arg(&asks).arg(ASK_SEC).ignore();
            commands.pipe::<()>(&packet)?;
        }
        let until = Mono::now() + ANSWER_WITHIN;
        loop {
            let text: Option<String> = commands.query(redis::cmd("GET").arg(&answer_at))?;
            let answer = text.and_then(|text| serde_json::from_str(&text).ok());
            if let Some(answer) = answer {
                return Ok(json_line(200, &answer));
            }
            if Mono::now() >= until {
                return Ok(said(
                    202,
                    "asked; ask again under the same id for the answer",
                ));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Has the feed reader poll a feed now. Twice is as good as once: a poll that is under way is not begun again.
    fn poll(&mut self, feed: &str) -> Result<Response, BusError> {
        let truth = self.shared.truth();
        let config = truth.and_then(|truth| FeedConfig::from_truth(&truth).ok());
        let is_known = config.is_some_and(|config| config.feeds.iter().any(|f| f.id == feed));
        if !is_known {
            return Ok(said(404, "truth names no such feed"));
        }
        let mut publish = redis::cmd("PUBLISH");
        let heard: u64 = self.reader.commands().query(publish.arg(POLL).arg(feed))?;
        Ok(match heard {
            0 => said(409, "rss_agg does not listen: is it running?"),
            _ => said(200, "it is polled now"),
        })
    }

    /// Enters in the list of who did what.
    fn note(&mut self, ask: &Ask) -> Result<(), BusError> {
        let (what, on) = match &ask.action {
            Action::Silence(new) => ("silence", &new.svc),
            Action::End { id } => ("end", id),
            Action::Ack { svc } => ("ack", svc),
            Action::Channel { channel, what, .. } => (what.as_str(), channel),
            Action::Poll { feed } => ("poll", feed),
        };
        let entry = json!({ "ts": clock::wall_secs(), "by": ask.by, "what": what, "on": on });
        let mut packet = redis::pipe();
        packet.atomic();
        packet
            .cmd("LPUSH")
            .arg(AUDIT)
            .arg(entry.to_string())
            .ignore();
        packet
            .cmd("LTRIM")
            .arg(AUDIT)
            .arg(0)
            .arg(AUDIT_MAX - 1)
            .ignore();
        self.reader.commands().pipe(&packet)
    }
}

/// The wish of `new`, or with which status and words it is refused. `is_known`: whether truth names a service.
fn checked<'n>(
    new: &'n NewSilence,
    now_ms: i64,
    is_known: impl Fn(&str) -> bool,
) -> Result<Wish<'n>, (u16, &'static str)> {
    if new.id.parse::<Name>().is_err() || new.id.starts_with("ack-") {
        return Err((422, "id: 1 to 64 of A-Z a-z 0-9 _ . -, and not ack-"));
    }
    if new.svc != "*" && !is_known(&new.svc) {
        return Err((404, "truth names no such service"));
    }
    let span = when::span(&new.span).filter(|span| !span.is_zero() && *span <= SPAN_MAX);
    let span = span.ok_or((422, "span: no span up to a year; write 2h, say"))?;
    if new.why.trim().is_empty() {
        return Err((422, "why: say why, for whoever wonders later"));
    }
    // Of the zone of whoever asks nothing is known here.
    let utc = jiff::tz::TimeZone::UTC;
    let from_ms = match new.from.as_deref().filter(|from| !from.is_empty()) {
        None => now_ms,
        Some(text) => when::moment(text, now_ms, &utc)
            .filter(|at| *at >= now_ms)
            .ok_or((
                422,
                "from: no moment to come; write 22:00 (UTC) or +30m, say",
            ))?,
    };
    Ok(Wish {
        id: &new.id,
        svc: &new.svc,
        from_ms,
        span,
        why: &new.why,
        by: "",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_that_makes_no_sense_is_refused_with_what_to_write() {
        let new = |id: &str, svc: &str, span: &str, why: &str, from: &str| NewSilence {
            id: id.into(),
            svc: svc.into(),
            span: span.into(),
            why: why.into(),
            from: Some(from.into()),
        };
        let now_ms = 1_800_000_000_000;
        let status = |new: NewSilence| match checked(&new, now_ms, |svc| svc == "db") {
            Ok(wish) => (200, wish.from_ms - now_ms),
            Err((status, words)) => {
                assert!(!words.is_empty());
                (status, 0)
            }
        };
        assert_eq!(status(new("a", "db", "2h", "disks", "")), (200, 0));
        assert_eq!(
            status(new("a", "*", "2h", "disks", "+30m")),
            (200, 1_800_000)
        );
        for (bad, code) in [
            (new("", "db", "2h", "disks", ""), 422),
            (new("../x", "db", "2h", "disks", ""), 422),
            (new("ack-db", "db", "2h", "disks", ""), 422),
            (new("a", "no", "2h", "disks", ""), 404),
            (new("a", "db", "2 years", "disks", ""), 422),
            (new("a", "db", "0s", "disks", ""), 422),
            (new("a", "db", "9999d", "disks", ""), 422),
            (new("a", "db", "2h", " ", ""), 422),
            (new("a", "db", "2h", "disks", "2020-01-01T00:00:00Z"), 422),
        ] {
            assert_eq!(status(bad.clone()).0, code, "{bad:?}");
        }
    }
}
