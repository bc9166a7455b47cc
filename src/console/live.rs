//! The frames of live clients (server-sent events, <https://html.spec.whatwg.org/multipage/server-sent-events.html>). Pure.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::json::summary;
use super::shared::{CHANGED_MAX, Changed};
use super::view::View;
use crate::http::{Body, Response};

/// No two frames of states come nearer.
pub const FRAME_EVERY: Duration = Duration::from_millis(250);
/// Whoever hears nothing for longer knows that something is wrong.
pub const TICK_EVERY: Duration = Duration::from_secs(15);
/// When a client comes back after it lost us, in milliseconds: not all at once.
const RETRY_MS: std::ops::Range<u32> = 2000..8000;

/// How things stand, and who changed; nobody: look at all.
pub fn state(view: &View, changed: &Changed, now_ts: i64) -> Arc<[u8]> {
    let mut frame = summary(view, now_ts);
    frame["changed"] = match changed.names.len() {
        0 => json!([]),
        n if n > CHANGED_MAX => json!("many"),
        _ => json!(changed.names),
    };
    event("state", &frame.to_string())
}

/// A sign of life.
pub fn tick(view: &View, now_ts: i64) -> Arc<[u8]> {
    event(
        "tick",
        &json!({ "rev": view.rev, "ts": now_ts }).to_string(),
    )
}

/// Some frames were left out: look at all.
pub fn resync() -> Arc<[u8]> {
    event("resync", "{}")
}

/// The answer to a client that wants to live, with its first frame.
pub fn begin(view: &View, now_ts: i64) -> Response {
    let retry = fastrand::u32(RETRY_MS);
    let mut first = format!("retry: {retry}\n").into_bytes();
    let nobody = Changed::default();
    first.extend_from_slice(&state(view, &nobody, now_ts));
    Response::new(200)
        .with("Content-Type", "text/event-stream")
        .with("X-Accel-Buffering", "no")
        .body(Body::Owned(first))
}

fn event(name: &str, data: &str) -> Arc<[u8]> {
    format!("event: {name}\ndata: {data}\n\n")
        .into_bytes()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::view::Stand;
    use crate::console::view::tests::{row, view};

    #[test]
    fn a_frame_is_one_line_of_data_and_many_changes_are_many() {
        let view = view(vec![row("a", Stand::Down, &[])]);
        let frame =
            |changed| String::from_utf8(state(&view, &changed, 200).to_vec()).expect("text");
        let few = frame(Changed {
            names: ["a".into()].into(),
        });
        assert!(
            few.starts_with("event: state\ndata: {") && few.ends_with("}\n\n"),
            "{few}"
        );
        assert_eq!(few.lines().count(), 3);
        assert!(few.contains(r#""changed":["a"]"#), "{few}");
        let names = (0..=CHANGED_MAX).map(|n| format!("s{n}").into()).collect();
        assert!(frame(Changed { names }).contains(r#""changed":"many""#));
    }
}
