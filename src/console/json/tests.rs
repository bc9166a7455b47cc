use super::*;
use crate::console::view::tests::{row, view};

fn asked(query: &str) -> Result<Asked, &'static str> {
    let head = format!("GET /x?{query} HTTP/1.1\r\nHost: a\r\n\r\n");
    Asked::of(
        &Request::read(head.as_bytes())
            .expect("valid")
            .expect("whole")
            .0,
    )
}

fn names(view: &View, query: &str) -> (Vec<String>, Option<String>, u64) {
    let answer = services(view, &asked(query).expect(query), 1000);
    let list = answer["services"].as_array().expect("a list");
    let names = list
        .iter()
        .map(|s| s["svc"].as_str().expect("a name").to_owned());
    let next = answer["next"].as_str().map(str::to_owned);
    (
        names.collect(),
        next,
        answer["total"].as_u64().expect("a number"),
    )
}

#[test]
fn pages_hold_each_service_once_in_every_order() {
    use Stand::*;
    let stands = [Up, Down, Off, Unknown, Up, Degraded, Planned];
    let rows = (0..50).map(|n| row(&format!("s{n:02}"), stands[n % stands.len()], &[]));
    let view = view(rows.collect());
    for sort in ["state", "name"] {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let (page, next, total) = names(&view, &format!("sort={sort}&limit=7&after={after}"));
            assert_eq!(total, 50);
            all.extend(page);
            match next {
                Some(next) => after = next,
                None => break,
            }
        }
        let expected: Vec<String> = match sort {
            "name" => view.rows.iter().map(|row| row.svc.to_string()).collect(),
            _ => view.worst().map(|row| row.svc.to_string()).collect(),
        };
        assert_eq!(all, expected);
    }
}

#[test]
fn services_are_found_by_state_group_and_a_part_of_their_name() {
    use Stand::*;
    let view = view(vec![
        row("API", Down, &[]),
        row("db", Up, &[]),
        row("dbx", Degraded, &[]),
    ]);
    assert_eq!(names(&view, "state=down,degraded").0, ["API", "dbx"]);
    assert_eq!(names(&view, "q=ap").0, ["API"]);
    assert_eq!(names(&view, "group=db").0, ["db"]);
    for wrong in [
        "state=green",
        "limit=0",
        "limit=201",
        "limit=x",
        "sort=age",
        "after=x",
        "after=green.x",
        "bars=1h",
    ] {
        assert!(asked(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_summary_adds_up_and_an_unknown_uptime_is_null() {
    use Stand::*;
    let view = view(vec![
        row("a", Up, &[]),
        row("b", Down, &[]),
        row("c", Off, &[]),
    ]);
    let summary = summary(&view, 200);
    assert_eq!(summary["total"], 3);
    assert_eq!(
        summary["counts"],
        serde_json::json!({"up":1,"down":1,"degraded":0,"planned":0,"unknown":0,"off":1})
    );
    let detail = service(&view, view.row("b").expect("a row"), 200);
    assert_eq!(detail["uptime"]["24h"], Json::Null);
    assert_eq!(detail["days"].as_array().map(Vec::len), Some(90));
    assert_eq!(detail["bar"].as_str().map(str::len), Some(24));
    assert_eq!(detail["reason"], "no beat for 2 min 10 s (limit 30 s)");
}

#[test]
fn a_cell_shows_its_worst() {
    let cell = |down, planned, unknown, up| {
        letter(&Sums {
            down,
            planned,
            unknown,
            up,
            ..Sums::default()
        })
    };
    assert_eq!(cell(1, 10, 100, 1000), 'd');
    assert_eq!(cell(0, 1, 100, 1000), 'p');
    assert_eq!(cell(0, 0, 100, 10), 'k');
    assert_eq!(cell(0, 0, 10, 100), 'u');
    assert_eq!(cell(0, 0, 0, 0), 'o');
}
