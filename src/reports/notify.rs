//! The channels that tell people: what is on its way since when, and what could not be delivered.

use serde_json::{Value as Json, json};

use super::masked::masked;
use crate::bus::{BusError, Commands};
use crate::contract::{dead_key, outbox_key};
use crate::notify::Role;
use crate::notify::outbox::{DeadLetter, OutboxMessage};
use crate::swarm_state::{Teller, tellers};
use crate::text::SafeText;

/// Letters of one channel that are read, the newest.
const LETTERS_MAX: usize = 50;
/// Bytes of a title, and of a reason.
const TITLE_BYTES: usize = 200;
const REASON_BYTES: usize = 400;

/// One channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    pub teller: Teller,
    /// When the oldest message that is on its way was written, in seconds since 1970.
    pub waiting_since_ts: Option<i64>,
    /// What was answered last to one of those.
    pub last_answer: Option<SafeText>,
    /// What was given up, the newest first.
    pub letters: Vec<Letter>,
}

/// A message that could not be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub at_ts: i64,
    pub to: SafeText,
    pub title: SafeText,
    pub reason: SafeText,
}

/// The channels of the healer, in the order of their names. One packet for all that is said of them.
///
/// # Errors
/// Those of the bus.
pub fn channels(commands: &mut Commands) -> Result<Vec<Channel>, BusError> {
    let tellers = tellers(commands)?;
    if tellers.is_empty() {
        return Ok(Vec::new());
    }
    let mut ask = redis::pipe();
    for teller in &tellers {
        let group = format!("{}:{}", Role::Healer.as_str(), teller.channel);
        ask.cmd("HVALS").arg(outbox_key(&group));
        ask.cmd("LRANGE").arg(dead_key(&teller.channel));
        ask.arg(0).arg(LETTERS_MAX - 1);
    }
    let found: Vec<Vec<String>> = commands.pipe(&ask)?;
    let both = found.chunks_exact(2).map(|both| (&both[0], &both[1]));
    let channel = |(teller, (waiting, dead)): (Teller, (&Vec<String>, &Vec<String>))| {
        let waiting: Vec<OutboxMessage> = waiting.iter().filter_map(|text| read(text)).collect();
        let oldest = waiting.iter().min_by_key(|message| message.made_ms);
        let answer = oldest.and_then(|message| message.deliveries.first());
        Channel {
            teller,
            waiting_since_ts: oldest.map(|message| message.made_ms.div_euclid(1000)),
            last_answer: answer
                .filter(|delivery| !delivery.last.is_empty())
                .map(|delivery| SafeText::cut(&masked(&delivery.last), REASON_BYTES)),
            letters: dead.iter().map(|text| Letter::of(text)).collect(),
        }
    };
    Ok(tellers.into_iter().zip(both).map(channel).collect())
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

impl Letter {
    fn of(text: &str) -> Letter {
        match read::<DeadLetter>(text) {
            Some(letter) => Letter {
                at_ts: letter.at_ms.div_euclid(1000),
                to: SafeText::cut(&letter.to, TITLE_BYTES),
                title: SafeText::cut(&letter.message.title, TITLE_BYTES),
                reason: SafeText::cut(&masked(&letter.reason), REASON_BYTES),
            },
            None => Letter {
                at_ts: 0,
                to: SafeText::default(),
                title: SafeText::default(),
                reason: "a letter that cannot be read".into(),
            },
        }
    }
}

impl Channel {
    /// It as JSON.
    pub fn json(&self) -> Json {
        let letters = self.letters.iter().map(|letter| {
            json!({ "ts": letter.at_ts, "to": letter.to, "title": letter.title, "reason": letter.reason })
        });
        json!({
            "channel": self.teller.channel,
            "at_work": self.teller.is_at_work,
            "waiting": self.teller.waiting,
            "waiting_since_ts": self.waiting_since_ts,
            "last_answer": self.last_answer,
            "dead": self.teller.dead,
            "letters": letters.collect::<Vec<_>>(),
        })
    }
}
