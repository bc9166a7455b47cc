use super::*;

/// A row of this name that stands so, since 100.
pub fn row(svc: &str, stand: Stand, depends: &[&str]) -> Arc<Row> {
    Arc::new(Row {
        svc: svc.into(),
        group: svc.into(),
        bus: "system-redis".into(),
        stand,
        said: None,
        unknown_since: None,
        since_ts: Some(100),
        reason: None,
        last_known: None,
        last_seen_ts: Some(70),
        last_i: Some(7),
        timeout_sec: 30.0,
        misses: 0,
        restarts: 0,
        depends: depends.iter().map(|on| (*on).into()).collect(),
        silenced: false,
        acked: false,
        record: Arc::default(),
    })
}

/// A judged view of these rows.
pub fn view(mut rows: Vec<Arc<Row>>) -> View {
    rows.sort_by(|a, b| a.svc.cmp(&b.svc));
    let mut counts = Counts::default();
    rows.iter().for_each(|row| counts.add(row.stand));
    let mut worst: Vec<u32> = (0..rows.len() as u32).collect();
    worst.sort_by(|a, b| rows[*a as usize].key().cmp(&rows[*b as usize].key()));
    View {
        judged: true,
        counts,
        names: Arc::new(Names::new(rows.iter().map(|row| &*row.svc))),
        rows: Arc::new(rows),
        worst: Arc::new(worst),
        ..View::default()
    }
}

#[test]
fn who_tells_people_is_said_while_somebody_judges() {
    let teller = |channel: &str, is_at_work, dead| Teller {
        channel: channel.into(),
        is_at_work,
        waiting: 0,
        dead,
    };
    let mut view = view(Vec::new());
    assert_eq!(view.told_by().as_deref(), Some(NOBODY_IS_TOLD));
    view.tellers = Arc::new(vec![teller("mail", true, 3), teller("ops", true, 0)]);
    let said = view.told_by();
    assert_eq!(said.as_deref(), Some("told by: mail ● ▲ 3 dead, ops ●"));
    view.tellers = Arc::new(vec![teller("old", false, 1)]);
    let said = view.told_by();
    assert_eq!(said.as_deref(), Some("told by: old ▲ not at work ▲ 1 dead"));
    view.judged = false;
    assert_eq!(view.told_by(), None);
}

#[test]
fn the_headline_names_the_worst_and_what_is_silent_because_of_it() {
    use Stand::*;
    let headline = |rows| view(rows).headline(340).1;
    assert_eq!(
        headline(vec![
            row("a", Up, &[]),
            row("b", Up, &[]),
            row("c", Off, &[])
        ]),
        "all 2 up"
    );
    assert_eq!(
        headline(vec![
            row("a", Up, &[]),
            row("api", Down, &["db"]),
            row("db", Down, &[])
        ]),
        "2 of 3 down: db for 4 min (api silent because of it)"
    );
    assert_eq!(
        headline(vec![row("a", Up, &[]), row("b", Planned, &[])]),
        "1 up, 1 down as planned"
    );
    assert_eq!(
        headline(vec![row("a", Up, &[]), row("b", Degraded, &[])]),
        "1 of 2 degraded: b for 4 min"
    );
    let five = (0..5).map(|n| row(&format!("s{n}"), Down, &[])).collect();
    assert_eq!(
        headline(five),
        "5 of 5 down: s0 for 4 min, s1 for 4 min, s2 for 4 min, 2 more"
    );
    // Those that depend on each other, all down.
    let circle = vec![row("a", Down, &["b"]), row("b", Down, &["a"])];
    assert_eq!(headline(circle), "2 of 2 down: a for 4 min, b for 4 min");
}

#[test]
fn nothing_is_fine_that_nobody_vouches_for() {
    use Stand::*;
    assert!(view(vec![row("a", Up, &[]), row("b", Planned, &[])]).is_ok());
    for stand in [Down, Unknown, Degraded] {
        assert!(!view(vec![row("a", Up, &[]), row("b", stand, &[])]).is_ok());
    }
    assert!(!view(Vec::new()).is_ok());
    let unjudged = View {
        judged: false,
        troubles: vec!["the healer is silent".into()],
        ..view(vec![row("a", Up, &[])])
    };
    assert!(!unjudged.is_ok());
    assert_eq!(
        unjudged.headline(0),
        (Unknown, "the healer is silent".into())
    );
    assert!(View::default().is_stale(Mono::from_secs(20.0)));
}

#[test]
fn time_in_which_a_service_alone_was_not_judged_is_unknown() {
    let mut unknown = (*row("a", Stand::Up, &[])).clone();
    unknown.record = Arc::new(crate::history::Record {
        watched: [(0, i64::MAX)].into_iter().collect(),
        ..Default::default()
    });
    let known = Row {
        svc: "b".into(),
        ..unknown.clone()
    };
    let unknown = Row {
        unknown_since: Some(1900),
        ..unknown
    };
    let mut view = view(vec![Arc::new(unknown.clone()), Arc::new(known.clone())]);
    view.covered = Arc::new(
        [(
            "system-redis".to_owned(),
            [(1000, 2000)].into_iter().collect(),
        )]
        .into(),
    );
    view.unwatched = Arc::new([("a".to_owned(), [(1200, 1250)].into_iter().collect())].into());
    let sums = view.sums(&unknown, 1000, 2000);
    assert_eq!((sums.unknown, sums.up), (150, 850));
    let sums = view.sums(&known, 1000, 2000);
    assert_eq!((sums.unknown, sums.up), (0, 1000));
}
