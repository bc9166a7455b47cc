//! What everybody sees holds nothing that is not for everybody.

use std::sync::Arc;

use super::*;
use crate::console::config::Group;
use crate::console::view::tests::{row, view};
use crate::history::{AlertId, Incident as Whole, Member, Span, SpanKind};

/// Stands wherever nobody may read it.
const CANARY: &str = "canary-7f3";

fn public() -> Public {
    let services = vec![
        ("Web <shop>".into(), CANARY.to_owned()),
        ("Mail".into(), "nobody".to_owned()),
    ];
    Public {
        title: "Shop".into(),
        groups: vec![Group {
            name: "All".into(),
            services,
        }],
    }
}

fn shown() -> Shown {
    let mut down = (*row(CANARY, Stand::Down, &[])).clone();
    down.reason = Some(format!("{CANARY} says {CANARY}").as_str().into());
    let mut view = view(vec![Arc::new(down), row("other", Stand::Up, &[])]);
    let member = |svc: &str| Member {
        svc: svc.into(),
        span: Span {
            from: 100,
            to: 160,
            kind: SpanKind::Down,
            id: AlertId::from(CANARY),
        },
        lasts: false,
    };
    let incident = |svc: &str| Whole {
        id: CANARY.into(),
        from: 90,
        to: Some(200),
        members: vec![member(svc), member("other")],
    };
    view.incidents = Arc::new(vec![incident("other"), incident(CANARY)]);
    Shown::of(&view, &public(), 300)
}

#[test]
fn nothing_but_labels_states_and_times_gets_out() {
    let shown = shown();
    let badge = shown.badge("Web <shop>").expect("listed");
    let all = [
        page(&shown),
        atom(&shown),
        badge_svg(&badge),
        badge_json(&badge),
    ];
    for text in &all {
        assert!(!text.contains(CANARY) && !text.contains("other"), "{text}");
        assert!(!text.contains("<shop>") || text.starts_with('{'), "{text}");
    }
    assert!(
        all[0].contains("Not all is up") && all[0].contains("Web &lt;shop&gt;"),
        "{}",
        all[0]
    );
    assert_eq!(all[1].matches("<entry>").count(), 1, "{}", all[1]);
    assert!(
        all[1].contains("From 1970-01-01T00:01:40Z to 1970-01-01T00:02:40Z."),
        "{}",
        all[1]
    );
    assert!(
        all[2].contains("#c9252d") && all[3].contains("\"message\":\"down\""),
        "{all:?}"
    );
}

#[test]
fn who_is_not_listed_has_no_badge_and_who_is_not_known_is_grey() {
    let shown = shown();
    for other in ["other", CANARY, ""] {
        assert_eq!(shown.badge(other), None, "{other}");
    }
    let mail = shown.badge("Mail").expect("listed");
    assert!(badge_svg(&mail).contains("#57606a"), "{mail:?}");
}
