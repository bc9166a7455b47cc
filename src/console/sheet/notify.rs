//! Those who tell people: since when something waits, and what could not be delivered.

use super::{Cell, Sheet, Table, ago, or_none};
use crate::console::view::Stand;
use crate::reports::notify::{Channel, Letter};
use crate::swarm_state::NOBODY_IS_TOLD;

const HEADS: [&str; 7] = [
    "Channel",
    "State",
    "Waiting",
    "Waiting since",
    "Last answer",
    "Dead letters",
    "Ask for",
];
const LETTERS: [&str; 5] = ["When", "Channel", "To", "Message", "Why"];

/// The page.
pub fn notify(channels: &[Channel], now_ts: i64) -> Sheet {
    let mut sheet = Sheet::default();
    if channels.is_empty() {
        sheet.remarks.push(format!(
            "{NOBODY_IS_TOLD}: the healer has no channel. Set WEBHOOK_URL or SMTP_HOST, or name channels in services.healer.notify."
        ));
        return sheet;
    }
    let row = |channel: &Channel| {
        let teller = &channel.teller;
        let state = match teller.is_at_work {
            true => Cell::stand(Stand::Up, "at work"),
            false => Cell::stand(Stand::Down, "not at work"),
        };
        let dead = match teller.dead {
            0 => "0".into(),
            dead => Cell::stand(Stand::Degraded, dead.to_string()),
        };
        vec![
            teller.channel.as_str().into(),
            state,
            teller.waiting.to_string().into(),
            ago(channel.waiting_since_ts, now_ts),
            or_none(channel.last_answer.as_ref()),
            dead,
            asks(&teller.channel),
        ]
    };
    sheet
        .tables
        .push(Table::of("Channels", &HEADS, channels, row));
    let letters: Vec<(&str, &Letter)> = channels
        .iter()
        .flat_map(|channel| {
            channel
                .letters
                .iter()
                .map(|l| (&*channel.teller.channel, l))
        })
        .collect();
    if !letters.is_empty() {
        let row = |(channel, letter): &(&str, &Letter)| {
            vec![
                ago((letter.at_ts > 0).then_some(letter.at_ts), now_ts),
                (*channel).into(),
                letter.to.as_str().into(),
                letter.title.as_str().into(),
                letter.reason.as_str().into(),
            ]
        };
        let table = Table::of("Dead letters", &LETTERS, &letters, row);
        sheet.tables.push(table);
        let words = "To send them once more: Resend, or marketswarm notify dead --resend";
        sheet.remarks.push(words.to_owned());
    }
    sheet
}

fn asks(channel: &str) -> Cell {
    let path = |what: &str| format!("/api/v1/notify/{channel}/{what}");
    Cell::asks(&[("Test", path("test")), ("Resend", path("resend"))])
}
