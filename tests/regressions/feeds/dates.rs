//! Dates that were read wrong, or not at all.

use marketswarm::feed::document::{Context, Document};

/// When the items of a feed with these dates were published.
fn published(dates: &[&str]) -> Vec<Option<i64>> {
    let items = dates
        .iter()
        .map(|date| format!("<item><title>t</title><pubDate>{date}</pubDate></item>"));
    let feed = format!(
        "<rss version='2.0'><channel><title>Dates</title>{}</channel></rss>",
        items.collect::<String>()
    );
    let document = Document::decode(feed.as_bytes(), None);
    let context = Context {
        url: "http://feed.example/",
        max_items: 100,
    };
    let parsed = document.parse(context).expect("a feed");
    parsed
        .entries
        .iter()
        .map(|entry| entry.dated_ts())
        .collect()
}

/// All of these dates are the same moment; `None`: none is a date.
#[track_caller]
fn all_are(moment: Option<&str>, dates: &[&str]) {
    let moment = moment.map(|moment| {
        moment
            .parse::<jiff::Timestamp>()
            .expect("a moment")
            .as_second()
    });
    assert_eq!(published(dates), vec![moment; dates.len()], "{dates:#?}");
}

#[test]
fn an_offset_behind_a_name_was_left_out_or_taken_for_the_clock() {
    all_are(
        Some("2025-03-04T15:45:10Z"),
        &[
            "Tue, 04 Mar 2025 10:45:10 GMT-0500",
            "Tue, 04 Mar 2025 16:45:10 GMT+01:00",
            "Tue Mar 04 2025 21:15:10 GMT+0530 (India Standard Time)",
            "4 March 2025 12:45:10 UTC-3",
        ],
    );
}

#[test]
fn the_names_of_places_were_no_zones() {
    all_are(
        Some("2025-06-30T22:15:00Z"),
        &[
            "Mon, 30 Jun 2025 18:15:00 America/Toronto",
            "2025-07-01 00:15:00 Europe/Paris",
            "2025-07-01T07:15:00+09:00[Asia/Tokyo]",
            "Tue, 01 Jul 2025 08:15:00 +1000 (Australia/Brisbane)",
        ],
    );
    all_are(
        Some("2025-12-30T22:15:00Z"),
        &[
            "Tue, 30 Dec 2025 17:15:00 America/Toronto",
            "2025-12-30 23:15 Europe/Paris",
        ],
    );
}

#[test]
fn a_zone_by_name_was_not_read_behind_an_iso_clock() {
    all_are(
        Some("2025-06-30T22:15:00Z"),
        &[
            "2025-06-30 18:15:00 EDT",
            "2025-06-30T15:15:00 PDT",
            "2025-07-01 12:15 AM CEST",
            "2025-06-30 22:15 GMT",
        ],
    );
}

#[test]
fn the_afternoon_with_dots_was_the_morning() {
    all_are(
        Some("2025-06-30T16:20:00Z"),
        &[
            "June 30, 2025, 4:20 p.m.",
            "Jun 30 2025 12:20 P.M. EDT",
            "6/30/2025 4:20 PM",
            "30 June 2025 4:20pm",
        ],
    );
    all_are(
        Some("2025-06-30T00:20:00Z"),
        &["June 30, 2025, 12:20 a.m.", "2025-06-30 12:20 AM"],
    );
}

#[test]
fn a_tuesday_of_spain_and_france_was_march() {
    all_are(
        Some("2025-07-01T08:00:00Z"),
        &[
            "mar, 01 jul 2025 08:00:00 +0000",
            "mar. 1 juil. 2025 10:00:00 +0200",
            "mardi 1er juillet 2025 08:00",
        ],
    );
    all_are(None, &["mar. 1 liepos 2025 08:00", "martes 1 2025"]);
}

#[test]
fn the_zero_of_a_database_was_a_date() {
    all_are(
        None,
        &[
            "Fri, 31 Dec -0001 00:00:00 +0000",
            "-0001-11-30 00:00:00",
            "0001-01-01T00:00:00Z",
            "Mon, 01 Jan 0001 00:00:00 +0000",
            "0000-00-00",
        ],
    );
}

#[test]
fn a_day_with_dots_was_read_as_in_america() {
    all_are(
        Some("2025-03-04T10:00:00Z"),
        &[
            "04.03.2025 10:00",
            "4.3.2025, 10:00 Uhr",
            "04.03.25 10:00",
            "03/04/2025 10:00",
        ],
    );
}

#[test]
fn a_sign_too_many_hid_the_offset() {
    all_are(
        Some("2025-03-04T15:45:10Z"),
        &[
            "2025-03-04T10:45:10:-0500",
            "2025-03-04T10:45:10 -:0500",
            "Tue, 04 Mar 2025 10:45:10 --0500",
            "Tue, 04 Mar 2025 10:45:10 - 0500",
        ],
    );
}

#[test]
fn dots_behind_the_hour_of_an_iso_clock_hid_the_minutes() {
    all_are(
        Some("2025-03-04T15:45:10Z"),
        &["2025-03-04T15.45.10Z", "2025-03-04T10.45.10-05:00"],
    );
    all_are(
        Some("2025-03-04T15:45:00Z"),
        &["2025-03-04T15.45", "2025-03-04T16.45+01:00"],
    );
}

#[test]
fn the_zone_of_a_clock_that_comes_first_was_a_part_of_the_day() {
    all_are(
        Some("2025-03-04T15:45:00Z"),
        &[
            "16:45 04.03.2025 +0100",
            "10:45 EST 4 Mar 2025",
            "10:45 AM EST, March 4, 2025",
        ],
    );
}

#[test]
fn an_hour_without_minutes_was_midnight() {
    all_are(
        Some("2025-03-04T15:00:00Z"),
        &[
            "Tue, 04 Mar 2025 10 -0500",
            "2025-03-04T10-05:00",
            "2025-03-04T15Z",
            "March 4, 2025 3 PM",
        ],
    );
}

#[test]
fn words_around_a_day_in_figures_hid_it() {
    all_are(
        Some("2025-03-04T15:45:00Z"),
        &[
            "Tue, 2025-03-04 15:45",
            "2025-03-04 at 15:45:00",
            "on Tuesday 2025-03-04 at 15:45 UTC",
        ],
    );
}

#[test]
fn a_zone_that_was_named_twice_counted_twice() {
    all_are(
        Some("2025-07-04T15:45:00Z"),
        &[
            "Fri, 04 Jul 2025 11:45:00 EDT-04:00",
            "Fri, 04 Jul 2025 11:45:00 EDT (-0400)",
            "Fri, 04 Jul 2025 11:45 -0400 EDT",
        ],
    );
}

#[test]
fn a_zone_without_its_season_was_always_in_summer() {
    all_are(
        Some("2025-01-14T15:45:00Z"),
        &[
            "Tue, 14 Jan 2025 10:45:00 ET",
            "Jan 14, 2025 9:45 a.m. CT",
            "2025-01-14 07:45 PT",
        ],
    );
    all_are(
        Some("2025-07-15T15:45:00Z"),
        &[
            "Tue, 15 Jul 2025 11:45:00 ET",
            "Jul 15, 2025 10:45 a.m. CT",
            "2025-07-15 08:45 PT",
        ],
    );
}

#[test]
fn what_contradicts_itself_was_some_date() {
    all_are(
        None,
        &[
            "2025-07-15 08:45 EDT JST",
            "2025-07-15 08:45 +-0400",
            "2025-07-15 08:45 Europe/Atlantis",
        ],
    );
}
