use super::{lenient, parse, strict};

#[test]
fn every_way_to_write_a_date_is_read() {
    // Thu, 01 Jan 2004 19:48:21 UTC
    let ts = 1_072_986_501;
    for text in [
        "Thu, 01 Jan 2004 19:48:21 GMT",
        "Thu, 1 Jan 04 19:48:21 +0000",
        "thursday, 01-january-2004 19:48:21 UT",
        "01 Jan 2004 14:48:21 EST",
        "Thu, 01 Jan 2004 20:48:21 +01:00",
        "Thu Jan  1 19:48:21 2004",
        "Thu Jan  1 19:48:21 GMT 2004",
        "January 1st, 2004 7:48:21 PM",
        "01/01/2004 19:48:21",
        "Thu, 01 Jan 2004 19:48:21",
        "Thu,01 Jan 2004 19:48:21 GMT+0000",
        "2004-01-01T19:48:21Z",
        "2004-01-01T19:48:21.123456Z",
        "2004-01-01t19:48:21+00:00",
        "2004-01-01 19:48:21",
        "2004-01-01T14:48:21-0500",
        "20040101T194821Z",
        "2004/01/01 19:48:21 UTC",
        "1072986501",
        "1072986501000",
        "\u{a0}Thu, 01 Jan 2004 19:48:21 GMT",
    ] {
        assert_eq!(parse(text), Some(ts), "{text}");
    }
}

#[test]
fn a_day_alone_is_its_midnight() {
    assert_eq!(parse("2004"), Some(1_072_915_200));
    assert_eq!(parse("2004-01"), Some(1_072_915_200));
    assert_eq!(parse("2004-01-01"), Some(1_072_915_200));
    assert_eq!(parse("20040101"), Some(1_072_915_200));
    assert_eq!(parse("1 Jan 2004"), Some(1_072_915_200));
    assert_eq!(parse("Thu, 29 Feb 2024 24:00:00 GMT"), parse("2024-03-01"));
    assert_eq!(parse("1999-12-31T23:59:60Z"), parse("1999-12-31T23:59:59Z"));
}

#[test]
fn two_digit_years_turn_in_1970() {
    assert_eq!(parse("01 Jan 69 00:00:00 GMT"), parse("2069-01-01"));
    assert_eq!(parse("01 Jan 70 00:00:00 GMT"), Some(0));
}

#[test]
fn what_is_no_date_is_none() {
    for text in [
        "",
        "yesterday",
        "Thu,",
        "25:00:00",
        "2004-13-01",
        "32 Jan 2004",
        "31 Jun 2004",
        "2023-02-29T12:00:00Z",
        "second Tuesday of July 2024",
        "0000-00-00T00:00:00Z",
        "-",
        "é",
    ] {
        assert_eq!(parse(text), None, "{text}");
    }
    assert_eq!(parse(&"9".repeat(5_000)), None);
}

/// Tue, 09 Jul 2024 12:30:00 UTC.
const NOON: i64 = 1_720_528_200;

#[track_caller]
fn all_are(ts: Option<i64>, texts: &[&str]) {
    let wrong: Vec<String> = texts
        .iter()
        .filter(|text| parse(text) != ts)
        .map(|text| format!("{text}: {:?}", parse(text)))
        .collect();
    assert!(wrong.is_empty(), "not {ts:?}:\n{}", wrong.join("\n"));
}

#[test]
fn an_offset_counts_behind_a_name_and_is_no_clock() {
    all_are(
        Some(NOON),
        &[
            "Tue, 09 Jul 2024 08:30:00 GMT-0400",
            "Tue, 09 Jul 2024 08:30:00 GMT-04:00",
            "Tue, 09 Jul 2024 08:30:00 GMT -0400",
            "Tue, 09 Jul 2024 08:30:00 UTC-4",
            "Tue, 09 Jul 2024 08:30:00 UTC\u{2212}04:00",
            "Tue, 09 Jul 2024 18:00 UTC+5:30",
            "Tue, 09 Jul 2024 18:00 GMT+0530 (India Standard Time)",
            "Tue Jul 09 2024 08:30:00 GMT-0400 (Eastern Daylight Time)",
            "Tue Jul 09 2024 14:30:00 GMT+0200 (Central European Summer Time)",
            "Tue Jul 09 2024 14:30:00 GMT+0200 (CEST)",
            "2024-07-09 14:30:00 GMT+2",
            "2024-07-09T14:30:00UTC+02:00",
            "2024-07-09T14:30:00 +02:00",
            "2024-07-09 14:30:00+02",
            "Jul 9, 2024 2:30 PM UTC+02:00",
            "Tue, 09 Jul 2024 08:30:00 Z-0400",
        ],
    );
    // A day alone with a zone is its midnight there.
    assert_eq!(parse("2024-07-09-04:00"), parse("2024-07-09T04:00Z"));
    assert_eq!(parse("2024-07-09+02:00"), parse("2024-07-08T22:00Z"));
}

#[test]
fn a_dot_stands_in_a_clock_where_the_half_of_the_day_follows() {
    all_are(
        Some(NOON),
        &[
            "9 July 2024, 12.30 p.m. +0000",
            "July 9, 2024 8.30 AM EDT",
            "8.30am EDT, 9 July 2024",
            "12.30pm, 09.07.2024",
        ],
    );
}

#[test]
fn places_have_their_summer_and_their_winter() {
    all_are(
        Some(NOON),
        &[
            "Tue, 09 Jul 2024 08:30:00 America/New_York",
            "Tue, 09 Jul 2024 08:30:00 (America/New_York)",
            "2024-07-09T08:30:00[America/New_York]",
            "2024-07-09 07:30 america/chicago",
            "2024-07-09 09:30:00 America/Argentina/Buenos_Aires",
            "2024-07-09 08:30:00 America/Port-au-Prince",
            "2024-07-09 08:30:00 US/Eastern",
            "2024-07-09 08:30:00 EST5EDT",
            "2024-07-09 18:00:00 Asia/Kolkata",
            "2024-07-09 18:15:00 Asia/Kathmandu",
            "2024-07-09 17:30:00 Etc/GMT-5",
            "2024-07-09T12:30:00Z[America/New_York]",
            "2024-07-09T08:30:00-04:00[Europe/Berlin]",
            "9 Jul 2024 Europe/London 13:30",
            "08:30 ET, Tue 9 July 2024",
            "July 9, 2024 8:30 a.m. Eastern Time",
            "July 9, 2024 7:30 AM Central Daylight Time",
            "July 9, 2024 5:30 AM PT",
            "Tue, 9 Jul 2024 06:30:00 MT",
        ],
    );
    let winter = parse("2024-01-09T12:30:00Z");
    all_are(
        winter,
        &[
            "Tue, 09 Jan 2024 07:30:00 America/New_York",
            "Tue, 09 Jan 2024 07:30:00 ET",
            "2024-01-09 06:30 CT",
            "2024-01-09 05:30 MT",
            "2024-01-09 4:30 AM Pacific",
            "2024-01-09 13:30:00 Europe/Berlin",
            "2024-01-09 7:30 AM Eastern Standard Time",
            "Jan 9, 2024 7:30 am (ET)",
        ],
    );
    // The hour that comes twice is one of two; the one that never comes is read as before the change.
    assert_eq!(parse("2024-11-03 01:30 ET"), None);
    assert_eq!(parse("2024-03-10 02:30 ET"), parse("2024-03-10T07:30Z"));
}

#[test]
fn a_zone_is_read_behind_any_clock_and_before_the_day() {
    all_are(
        Some(NOON),
        &[
            "2024-07-09 08:30:00 EDT",
            "2024-07-09T08:30:00EDT",
            "2024-07-09T08:30 edt",
            "2024/07/09 08:30 AM EDT",
            "2024-07-09 8:30 a.m. (EDT)",
            "08:30 EDT 9 Jul 2024",
            "8:30 am EDT, July 9, 2024",
            "14:30 09.07.2024 +0200",
            "14:30 +0200 09.07.2024",
            "14:30:00 2024-07-09 +02:00",
            "14:30 09-Jul-2024 +0200",
            "Tue, 09 Jul 2024 08:30:00 EDT-04:00",
            "Tue, 09 Jul 2024 08:30:00 EDT-0400",
            "Tue, 09 Jul 2024 08:30:00 -0400 EDT",
            "Tue, 09 Jul 2024 08:30:00 -0400 (EDT)",
            "Tue, 09 Jul 2024 08:30:00 EDT (EDT)",
            "Tue, 09 Jul 2024 08:30:00 -0400 EST",
            "Tue, 09 Jul 2024 08:30:00 -0400 (GMT)",
            "Tue Jul 9 08:30:00 EDT 2024",
            "Tue Jul 9 08:30:00 -0400 2024",
            "9/Jul/2024:08:30:00 -0400",
            "09.07.2024 14:30 Uhr MESZ",
            "2024-07-09 08:30:00.000123 -0400 EDT m=+0.000012345",
            "July 9, 2024 8:30 a.m. E.D.T.",
            "July 9, 2024 8:30 a.m. E.T.",
        ],
    );
    all_are(
        None,
        &[
            "Tue, 09 Jul 2024 08:30:00 -0400 JST",
            "Tue, 09 Jul 2024 08:30:00 EST JST",
            "Tue, 09 Jul 2024 08:30:00 +-0400",
            "Tue, 09 Jul 2024 08:30:00 -0400 +0200",
            "Tue, 09 Jul 2024 08:30:00 +9900",
            "Tue, 09 Jul 2024 08:30 09:30",
            "Tue, 09 Jul 2024 08:30 America/New York",
            "Tue, 09 Jul 2024 08:30 Europe/Atlantis",
        ],
    );
}

#[test]
fn signs_that_slipped_in_change_nothing() {
    all_are(
        Some(NOON),
        &[
            "2024-07-09T08:30:00:-0400",
            "2024-07-09T08:30:00 : -0400",
            "Tue, 09 Jul 2024 08:30:00 --0400",
            "Tue, 09 Jul 2024 08:30:00 - 0400",
            "Tue, 09 Jul 2024 08:30:00, -0400",
            "Tue, 09 Jul 2024 08:30:00. -0400",
            "Tue, 09 Jul 2024 14:30:00 ++0200",
            "Tue,, 09 Jul 2024 - 12:30:00",
            "09 Jul 2024 | 12:30",
        ],
    );
}

#[test]
fn twelve_hours_are_told_apart() {
    let afternoon = parse("2024-07-09T16:05:00Z");
    all_are(
        afternoon,
        &[
            "July 9, 2024, 4:05 p.m.",
            "July 9, 2024 4:05 P.M. UTC",
            "July 9, 2024 4:05p.m.",
            "July 9, 2024 4:05 p. m.",
            "July 9, 2024 4:05 pm.",
            "July 9, 2024 4:05p",
            "7/9/2024 4:05:00 PM",
            "2024-07-09 04:05 PM",
            "2024-07-09 PM 04:05",
            "2024年7月9日 下午4:05",
            "Tuesday 9th July 2024 04:05pm",
            "4:05 p.m. July 9, 2024",
        ],
    );
    let hour = parse("2024-07-09T20:00:00Z");
    all_are(
        hour,
        &[
            "July 9, 2024 8 PM",
            "8 p.m. July 9, 2024",
            "9 Jul 2024 20h",
            "9 juillet 2024 20h00",
        ],
    );
    all_are(
        parse("2024-07-09T00:05Z"),
        &[
            "July 9, 2024 12:05 a.m.",
            "2024-07-09 12:05 AM",
            "2024-07-09 0:05 am",
        ],
    );
    all_are(
        parse("2024-07-09T12:05Z"),
        &["July 9, 2024 12:05 p.m.", "2024-07-09 12:05 PM"],
    );
    all_are(
        parse("2024-07-09"),
        &["July 9, 2024 12 midnight", "July 9, 2024 12:00 a.m."],
    );
    all_are(None, &["July 9, 2024 14:05 a.m."]);
}

#[test]
fn an_hour_may_stand_alone() {
    let hour = parse("2024-07-09T12:00:00Z");
    all_are(
        hour,
        &[
            "Tue, 09 Jul 2024 08 -0400",
            "Tue, 09 Jul 2024 08 EDT",
            "Tue, 09 Jul 2024 08 -04:00",
            "2024-07-09T08-04:00",
            "2024-07-09T08-04",
            "2024-07-09T12Z",
            "2024-07-09T12",
            "20240709T12Z",
            "20240709T1200Z",
            "20240709T120000Z",
            "20240709 1200",
            "20240709120000",
            "Tue, 09 Jul 2024 12",
            "2024-07-09 12",
            "2024-07-09 08 -0400",
            "2024-07-09 08 EDT",
            "2024-07-09 12-00-00",
            "9.7.2024 12.00",
            "9. Juli 2024 kl. 12.00",
        ],
    );
}

#[test]
fn a_day_in_figures_is_day_first_except_with_slashes() {
    let day = parse("2024-07-05T16:05Z");
    all_are(
        day,
        &[
            "05.07.2024 16:05",
            "5.7.2024 16:05",
            "05. 07. 2024 16:05",
            "05.07.24, 16:05",
            "05.07.2024 16:05 Uhr",
            "05.07.2024 - 16:05",
            "Fri, 05.07.2024 16:05",
            "2024.07.05 16:05",
            "2024. 7. 5. 16:05",
            "07/05/2024 16:05",
            "7/5/24 16:05",
            "05-07-2024 16:05",
            "2024/7/5 16:05",
            "2024:07:05 16:05:00",
            "２０２４年７月５日 １６：０５",
            "2024 07 05 16:05",
        ],
    );
    all_are(
        parse("2024-07-25"),
        &[
            "25/07/2024",
            "07/25/2024",
            "25.07.2024",
            "25-07-2024",
            "25 07 2024",
        ],
    );
    // A weekday tells which one it is.
    all_are(
        parse("2024-07-05"),
        &["Fri 05/07/2024", "Fri 07/05/2024", "Friday, 05-07-2024"],
    );
    all_are(
        parse("2024-05-07"),
        &["Tue 05/07/2024", "Tue 07/05/2024", "Tuesday 07-05-2024"],
    );
    all_are(None, &["05 07 2024", "24-07-09", "32.13.2024", "1-2"]);
}

#[test]
fn words_match_whole_and_may_be_of_other_languages() {
    all_are(
        Some(NOON),
        &[
            "mar, 09 jul 2024 12:30:00 +0000",
            "mar. 9 juil. 2024 14:30:00 +0200",
            "martes, 9 de julio de 2024 12:30",
            "mardi 9 juillet 2024 12:30",
            "Di, 09 Jul 2024 14:30:00 +0200",
            "Dienstag, 9. Juli 2024 um 12:30 Uhr",
            "am 9. Juli 2024 um 12:30",
            "mar 9 lug 2024 12:30",
            "Tue, 2024-07-09 12:30",
            "Tuesday 2024-07-09T12:30:00Z",
            "2024-07-09 at 12:30:00",
            "2024-07-09, 12:30",
            "on 2024-07-09 at 12:30 UTC",
            "Published: 9 July 2024 12:30",
            "9th of July, 2024 12:30",
            "2024-Jul-09 12:30",
            "09-JUL-24 12:30",
        ],
    );
    all_are(
        parse("2024-12-10"),
        &[
            "10 déc. 2024",
            "10 dic 2024",
            "10. Dez. 2024",
            "10 décembre 2024",
        ],
    );
    all_are(
        parse("2024-08-01"),
        &["1er août 2024", "1 de agosto de 2024", "01 AOÛT 2024"],
    );
    all_are(
        parse("2024-03-12"),
        &["mar, 12 mar 2024", "12. März 2024", "Tue, 12 Mar 2024"],
    );
    all_are(
        None,
        &[
            "mar. 9 juuli 2024 12:30",
            "mar, 10 jul 2024",
            "9 марта 2024",
            "Martes 9 2024",
            "9 Janet 2024",
            "mayor 9 2024",
            "9 Jul Aug 2024",
            "mar 9 июл 2024",
            "2 days ago",
            "today at 8:30",
            "Week 28, 9 Jul 2024",
            "No 12 09 Jul 24",
        ],
    );
}

#[test]
fn zero_years_are_no_date() {
    all_are(
        None,
        &[
            "Wed, 30 Nov -0001 00:00:00 +0000",
            "-0001-11-30T00:00:00+00:00",
            "-1-11-30",
            "Mon, 01 Jan 0001 00:00:00 GMT",
            "0001-01-01T00:00:00Z",
            "0001-01-01",
            "1-01-01T00:00:00Z",
            "1/1/0001 12:00:00 AM",
            "01.01.0001 00:00:00",
            "00010101T000000Z",
            "0000-00-00 00:00:00",
            "0000-01-01",
            "00/00/0000",
            "Sat, 00 Jan 0000 00:00:00",
            "Thu, 1 Jan 1 00:00:00",
            "0000",
        ],
    );
}

proptest::proptest! {
    #[test]
    fn whatever_is_written_is_read_without_a_panic(text in "[ 0-9:./+,'()\\[\\]A-Za-zé年-]{0,60}") {
        let _ = parse(&text);
    }

    /// Parts of dates in any order: a mistake in the order is likelier met than by chance.
    #[test]
    fn parts_in_any_order_are_read_without_a_panic(
        parts in proptest::collection::vec(proptest::sample::select(vec![
            "Tue", ",", "09", "Jul", "2024", "08:30", ":", "00", "-", "+", "-0400", "GMT", "EDT", "(", "T", "Z", "p.m.",
            "America/New_York", "mar", "/", ".", " ", " ", "7", "20240709", "h", "99999999999999999999",
        ]), 0..30),
    ) {
        let _ = parse(&parts.concat());
    }

    #[test]
    fn every_moment_is_read_as_it_was_written(ts in 0_i64..4_000_000_000, offset_hours in -12_i64..=14) {
        let sign = if offset_hours < 0 { '-' } else { '+' };
        let there = jiff::Timestamp::from_second(ts + offset_hours * 3_600).expect("a time");
        for form in ["%a, %d %b %Y %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%A, %d-%b-%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%b %d, %Y %I:%M:%S %p"] {
            let text = format!("{} {sign}{:02}00", there.strftime(form), offset_hours.abs());
            proptest::prop_assert_eq!(parse(&text), Some(ts), "{}", text);
            proptest::prop_assert_eq!(lenient(&text), Some(ts), "{}", text);
        }
    }

    #[test]
    fn the_short_way_leads_where_the_long_one_does(
        text in "((Mon|Tue|Sun|Set|Mar|[A-Z][a-z]{2}), )?[0-9]{1,2} (Jan|Feb|Mar|Dec) [0-2][0-9]{3} [0-2][0-9]:[0-6][0-9]:[0-6][0-9] (GMT|[+-][01][0-9][0-6][0-9])|\
                [0-2][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,9})?(Z|[+-][01][0-9]:[0-6][0-9])",
    ) {
        if let Some(ts) = strict::parse(&text) {
            proptest::prop_assert_eq!(lenient(&text), Some(ts), "{}", text);
        }
    }
}
