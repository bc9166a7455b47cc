//! How the history stands in Redis, besides spans. Pure.

use std::collections::HashMap;

use crate::history::intervals::Intervals;
use crate::history::record::Days;

/// The end of what has none yet: later than any time that is asked about.
pub(super) const OPEN_END: i64 = i64::MAX;

/// `from-to,from-`: epoch seconds; what cannot be read is left out.
pub(super) fn watched_of(text: &str) -> Intervals {
    let interval = |part: &str| {
        let (from, to) = part.split_once('-')?;
        let to = match to.is_empty() {
            true => OPEN_END,
            false => to.parse().ok()?,
        };
        Some((from.parse().ok()?, to))
    };
    text.split(',').filter_map(interval).collect()
}

pub(super) fn watched_text(watched: &Intervals) -> String {
    let part = |(from, to): &(i64, i64)| match *to {
        OPEN_END => format!("{from}-"),
        to => format!("{from}-{to}"),
    };
    let parts: Vec<String> = watched.list().iter().map(part).collect();
    parts.join(",")
}

/// `from,to`.
pub(super) fn hole_of(text: &str) -> Option<(i64, i64)> {
    let (from, to) = text.split_once(',')?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

/// Days by number, each with its seconds down, planned and degraded.
pub(super) fn days_of(hash: HashMap<String, String>) -> Days {
    let day = |(day, text): (String, String)| {
        let mut parts = text.split(',').map(|part| part.parse::<i64>().ok());
        let mut next = || parts.next().flatten().filter(|secs| *secs >= 0);
        Some((day.parse().ok()?, [next()?, next()?, next()?]))
    };
    hash.into_iter().filter_map(day).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_as_it_was_written() {
        let watched: Intervals = [(10, 20), (30, OPEN_END)].into_iter().collect();
        assert_eq!(watched_text(&watched), "10-20,30-");
        assert_eq!(watched_of("10-20,30-"), watched);
        assert_eq!(watched_of("x,10-20,,-5,30-"), watched);
        let hash = [
            ("7", "1,2,3"),
            ("x", "1,2,3"),
            ("8", "1,2"),
            ("9", "-1,2,3"),
        ];
        let hash = hash.map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(
            days_of(hash.into_iter().collect()),
            Days::from([(7, [1, 2, 3])])
        );
        assert_eq!(hole_of("3,9"), Some((3, 9)));
    }
}
