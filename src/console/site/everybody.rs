//! What is answered to everybody, without an identity.

use super::route::Public as Asked;
use super::{Console, HTML, JSON, RESOURCE_POLICY};
use crate::console::config::Public;
use crate::console::public::{self, Badge, Shown};
use crate::console::view::View;
use crate::http::{Body, Request, Response};

/// What is shown to everybody is made anew when something changed, and as often as that, in seconds: whoever asks without
/// end costs no more.
const MADE_EVERY_SEC: i64 = 5;
const SVG: &str = "image/svg+xml";
const ATOM: &str = "application/atom+xml";

impl Console {
    /// Answers what everybody may ask for, where truth lets them.
    pub(super) fn public(
        &mut self,
        request: &Request,
        asked: Asked<'_>,
        view: &View,
        now_ts: i64,
    ) -> Response {
        self.show(view, now_ts);
        let answer = self.shown.as_ref().and_then(|(_, _, shown)| {
            Some(match asked {
                Asked::Page => page(HTML, public::page(shown)),
                Asked::Atom => page(ATOM, public::atom(shown)),
                Asked::Badge(label) => badge(SVG, public::badge_svg(&shown.badge(label)?)),
                Asked::BadgeJson(label) => badge(JSON, public::badge_json(&shown.badge(label)?)),
                Asked::Uptime(label, window) => {
                    let uptime: Badge = shown.uptime(label, window)?;
                    badge(SVG, public::badge_svg(&uptime))
                }
            })
        });
        answer.unwrap_or_else(|| self.refuse(request, 404, "there is nothing of this name"))
    }

    fn show(&mut self, view: &View, now_ts: i64) {
        let is_new = |(rev, made, _): &(u64, i64, Shown)| {
            *rev == view.rev && (0..MADE_EVERY_SEC).contains(&(now_ts - made))
        };
        if self.shown.as_ref().is_some_and(is_new) {
            return;
        }
        let truth = self.shared.truth();
        let public = truth.and_then(|truth| Public::of(&truth));
        let made = public.map(|public| Shown::of(view, &public, now_ts));
        self.shown = made.map(|shown| (view.rev, now_ts, shown));
    }
}

fn page(media_type: &'static str, text: String) -> Response {
    Response::new(200)
        .with("Content-Type", media_type)
        .with("Cache-Control", "no-cache")
        .body(Body::Owned(text.into_bytes()))
}

fn badge(media_type: &'static str, text: String) -> Response {
    page(media_type, text).with(RESOURCE_POLICY, "cross-origin")
}
