//! What a feed asks of its readers: `ttl`, the syndication module, `skipHours` and `skipDays`.

use super::names::Ns;
use super::xml::{Level, Reader, Tag};

/// Reads a child of the channel that says how often to come.
pub fn hint_field<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> bool {
    match (tag.ns, tag.local()) {
        (Ns::Rss, "ttl") => {
            let minutes = reader
                .word(tag)
                .and_then(|ttl| ttl.trim().parse::<u64>().ok());
            reader.hints.ttl_sec = minutes.filter(|m| *m > 0).map(|m| m.saturating_mul(60));
        }
        (Ns::Syndication, "updateperiod") => {
            let period = reader.word(tag);
            reader.sy_period_sec = period.and_then(|period| period_sec(&period));
        }
        (Ns::Syndication, "updatefrequency") => {
            let times = reader
                .word(tag)
                .and_then(|times| times.trim().parse::<u64>().ok());
            reader.sy_frequency = times.filter(|times| *times > 0);
        }
        (Ns::Rss, "skiphours") => {
            reader.children(tag, Level::Part, |reader, tag| {
                let is_hour = tag.local() == "hour";
                if is_hour {
                    // 24 is how RSS 0.91 writes midnight.
                    let hour = reader
                        .word(tag)
                        .and_then(|hour| hour.trim().parse::<u8>().ok());
                    let hours = &mut reader.hints.skip_hours;
                    hours.extend(
                        hour.filter(|h| *h <= 24)
                            .map(|h| h % 24)
                            .filter(|h| !hours.contains(h)),
                    );
                }
                is_hour
            });
        }
        (Ns::Rss, "skipdays") => {
            reader.children(tag, Level::Part, |reader, tag| {
                let is_day = tag.local() == "day";
                if is_day {
                    let day = reader.word(tag).and_then(|day| day_number(&day));
                    let days = &mut reader.hints.skip_days;
                    days.extend(day.filter(|d| !days.contains(d)));
                }
                is_day
            });
        }
        _ => return false,
    }
    true
}

impl Reader<'_> {
    /// Puts the period and the frequency together, once all is read.
    pub fn finish_hints(&mut self) {
        if let Some(period) = self.sy_period_sec {
            self.hints.sy_sec =
                Some(period / self.sy_frequency.unwrap_or(1)).filter(|sec| *sec > 0);
        } else if let Some(times) = self.sy_frequency {
            // The module's default period is a day.
            self.hints.sy_sec = Some(86_400 / times).filter(|sec| *sec > 0);
        }
    }
}

fn period_sec(period: &str) -> Option<u64> {
    match period.trim().to_ascii_lowercase().as_str() {
        "hourly" => Some(3_600),
        "daily" => Some(86_400),
        "weekly" => Some(7 * 86_400),
        "monthly" => Some(30 * 86_400),
        "yearly" => Some(365 * 86_400),
        _ => None,
    }
}

fn day_number(day: &str) -> Option<u8> {
    let start = day.trim().get(..3)?.to_ascii_lowercase();
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    days.iter()
        .position(|d| *d == start)
        .and_then(|at| u8::try_from(at).ok())
}
