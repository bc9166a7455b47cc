use super::*;
use crate::console::access::Who;
use crate::console::view::tests::{row, view};

#[test]
fn what_comes_from_outside_is_text_on_every_page() {
    let evil = "<script>alert(1)</script>\"'&";
    let mut bad = (*row("db", Stand::Down, &["x"])).clone();
    bad.reason = Some(evil.into());
    let mut view = view(vec![std::sync::Arc::new(bad)]);
    view.history_note = Some(evil.into());
    let who = Who::Known(evil.into());
    let reader = Reader {
        who: &who,
        has_login: true,
    };
    let row = std::sync::Arc::clone(view.row("db").expect("a row"));
    for page in [
        list(&view, reader, 200),
        service(
            &view,
            &row,
            About {
                description: Some(evil),
                runbook: Some(evil),
            },
            reader,
            200,
        ),
        incidents(&view, reader, 200),
        login(Some(evil)),
        message(evil, evil),
    ] {
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(page.contains("&lt;script&gt;"), "{page}");
    }
}

#[test]
fn without_a_script_the_list_answers_what_is_not_up() {
    let view = view(vec![
        row("db", Stand::Down, &[]),
        row("fine", Stand::Up, &[]),
    ]);
    let reader = Reader {
        who: &Who::Local,
        has_login: false,
    };
    let page = list(&view, reader, 200);
    assert!(page.contains("1 of 2 down: db for 1 min 40 s"), "{page}");
    assert!(
        page.contains("href=\"/services/db\"") && !page.contains("services/fine"),
        "{page}"
    );
    assert!(page.contains("<title>(1) MarketSwarm</title>"), "{page}");
}
