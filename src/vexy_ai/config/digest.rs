//! `services.vexy_ai.digest`.

use jiff::civil::{Time, Weekday};
use serde::Deserialize;

use crate::text::SafeText;
use crate::truth::{Problems, Section, Sections, Wrong, range};

/// Digests of one day at most.
const EPOCHS_MAX: usize = 24;
/// The longest name of one, and the longest zone.
const NAME_MAX_BYTES: usize = 64;
const ZONE_MAX_BYTES: usize = 128;

/// When what was found is summed up, and how.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct Digest {
    /// None: nothing is summed up.
    pub epochs: Vec<Epoch>,
    /// An IANA name or a POSIX rule; whether anybody knows it is not judged here.
    pub tz: String,
    /// `mon` to `sun`; none: every day.
    pub days: Vec<String>,
    /// Stories that one names.
    pub top: usize,
    /// What weighs less is counted and not named.
    pub min_salience: u8,
    /// What weighs so much is told at once. `None`: nothing is.
    pub events_from: Option<u8>,
}

/// One moment of the day.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Epoch {
    pub name: String,
    /// `09:30`.
    pub time: String,
}

impl Default for Digest {
    fn default() -> Digest {
        Digest {
            epochs: Vec::new(),
            tz: "UTC".to_owned(),
            days: Vec::new(),
            top: 5,
            min_salience: 40,
            events_from: None,
        }
    }
}

impl Digest {
    /// Is nothing to be said?
    pub fn is_off(&self) -> bool {
        self.epochs.is_empty() && self.events_from.is_none()
    }

    /// The days on which something is summed up; empty for every day.
    pub fn weekdays(&self) -> Vec<Weekday> {
        self.days.iter().filter_map(|day| weekday(day)).collect()
    }

    fn wrong(&self) -> Result<(), Wrong> {
        range("top", &self.top, (1, 20))?;
        range("min_salience", &self.min_salience, (0, 100))?;
        range("events_from", &self.events_from.unwrap_or(1), (1, 100))?;
        if self.tz.is_empty() || self.tz.len() > ZONE_MAX_BYTES || !self.tz.is_ascii() {
            let what = format!(
                "{:?} is no time zone",
                SafeText::cut(&self.tz, NAME_MAX_BYTES)
            );
            let instead = "write a name such as \"America/New_York\", or a rule such as \"EST5EDT,M3.2.0,M11.1.0\"";
            return Err(("tz", what, instead));
        }
        if self.epochs.len() > EPOCHS_MAX {
            let what = format!(
                "{} epochs, of which {EPOCHS_MAX} are the most",
                self.epochs.len()
            );
            return Err(("epochs", what, "leave some out"));
        }
        Ok(())
    }
}

impl Epoch {
    /// The time of day; `None` where it is none.
    pub fn at(&self) -> Option<Time> {
        let (hour, minute) = self.time.split_once(':')?;
        let number = |text: &str| {
            let is_number = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| text.parse::<i8>().ok()).flatten()
        };
        Time::new(number(hour)?, number(minute)?, 0, 0).ok()
    }
}

/// The day of the week; `None` where it is none.
fn weekday(name: &str) -> Option<Weekday> {
    Some(match name {
        "mon" => Weekday::Monday,
        "tue" => Weekday::Tuesday,
        "wed" => Weekday::Wednesday,
        "thu" => Weekday::Thursday,
        "fri" => Weekday::Friday,
        "sat" => Weekday::Saturday,
        "sun" => Weekday::Sunday,
        _ => return None,
    })
}

/// Checks the section, and every member of its lists.
pub(super) fn check(sections: &Sections<'_>, problems: &mut Problems) {
    let Some(digest) = sections.read_and("digest", problems, Digest::wrong) else {
        return;
    };
    let Some(section) = sections.get("digest") else {
        return;
    };
    let elements = section.at("days").elements().unwrap_or_default();
    for (day, element) in digest.days.iter().zip(&elements) {
        if weekday(day).is_none() {
            let what = format!("{:?} is no day", SafeText::cut(day, NAME_MAX_BYTES));
            problems.push(element.problem(what, "write mon, tue, wed, thu, fri, sat or sun"));
        }
    }
    let elements = section.at("epochs").elements().unwrap_or_default();
    for (nth, (epoch, element)) in digest
        .epochs
        .iter()
        .zip(&elements)
        .enumerate()
        .take(EPOCHS_MAX)
    {
        check_epoch(epoch, &digest.epochs[..nth], element, problems);
    }
}

fn check_epoch(epoch: &Epoch, before: &[Epoch], element: &Section<'_>, problems: &mut Problems) {
    let name = SafeText::new(&epoch.name);
    if epoch.name.is_empty() || epoch.name.len() > NAME_MAX_BYTES || name != *epoch.name {
        let what = format!("{:?} is no name", SafeText::cut(&name, NAME_MAX_BYTES));
        problems.push(
            element
                .at("name")
                .problem(what, "write one line of at most 64 bytes"),
        );
    } else if before.iter().any(|other| other.name == epoch.name) {
        let what = format!("{name:?} a second time");
        problems.push(
            element
                .at("name")
                .problem(what, "each is said once a day: give it another name"),
        );
    }
    if epoch.at().is_none() {
        let what = format!(
            "{:?} is no time of day",
            SafeText::cut(&epoch.time, NAME_MAX_BYTES)
        );
        problems.push(element.at("time").problem(what, "write it as \"09:30\""));
    } else if let Some(other) = before.iter().find(|other| other.at() == epoch.at()) {
        let what = format!(
            "two epochs at one time: {:?} is at {}, too",
            SafeText::new(&other.name),
            other.time
        );
        problems.push(element.at("time").problem(what, "leave one of them out"));
    }
}
