//! Badges: small pictures of one state, or one share. Pure.

use serde_json::json;

use super::Shown;
use crate::console::page::Html;
use crate::console::view::{Stand, WINDOWS};
use crate::history::Uptime;

/// Pixels of a letter and around a word, about.
const LETTER_PX: usize = 7;
const AROUND_PX: usize = 12;

/// What a badge says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Badge {
    pub label: String,
    pub words: String,
    pub stand: Stand,
}

impl Shown {
    /// The badge of the state of the service that is called so.
    pub fn badge(&self, label: &str) -> Option<Badge> {
        let mut all = self.groups.iter().flat_map(|(_, services)| services);
        let service = all.find(|service| service.label == label)?;
        Some(Badge {
            label: service.label.clone(),
            words: service.stand.as_str().to_owned(),
            stand: service.stand,
        })
    }

    /// The badge of its uptime within `window`, by name; grey while nothing is known of it.
    pub fn uptime(&self, label: &str, window: &str) -> Option<Badge> {
        let at = WINDOWS.iter().position(|(name, _)| *name == window)?;
        let mut all = self.groups.iter().flat_map(|(_, services)| services);
        let service = all.find(|service| service.label == label)?;
        let share = service.uptime[at];
        Some(Badge {
            label: format!("{label} {window}"),
            words: share.map_or("unknown".to_owned(), |share| share.to_string()),
            stand: match share.map(Uptime::percent) {
                None => Stand::Unknown,
                Some(percent) if percent >= 99.0 => Stand::Up,
                Some(percent) if percent >= 95.0 => Stand::Degraded,
                Some(_) => Stand::Down,
            },
        })
    }
}

fn color(stand: Stand) -> &'static str {
    match stand {
        Stand::Down => "#c9252d",
        Stand::Degraded | Stand::Planned => "#9a6700",
        Stand::Up => "#1a7f37",
        Stand::Unknown | Stand::Off => "#57606a",
    }
}

/// As a picture.
pub fn svg(badge: &Badge) -> String {
    let width = |text: &str| text.chars().count() * LETTER_PX + AROUND_PX;
    let (left, right) = (width(&badge.label), width(&badge.words));
    let all = (left + right).to_string();
    let said = format!("{}: {}", badge.label, badge.words);
    let mut svg = Html::default();
    let space = "http://www.w3.org/2000/svg";
    svg.open(
        "svg",
        &[
            ("xmlns", space),
            ("width", &all),
            ("height", "20"),
            ("role", "img"),
            ("aria-label", &said),
        ],
    );
    svg.element("title", &[], &said);
    let mut part = |x: usize, width: usize, fill: &str, text: &str| {
        let middle = (x + width / 2).to_string();
        let (x, width) = (x.to_string(), width.to_string());
        svg.open(
            "rect",
            &[
                ("x", &x),
                ("width", &width),
                ("height", "20"),
                ("fill", fill),
            ],
        );
        svg.close("rect");
        svg.element(
            "text",
            &[
                ("x", &middle),
                ("y", "14"),
                ("fill", "#fff"),
                ("text-anchor", "middle"),
                ("font-family", "Verdana,sans-serif"),
                ("font-size", "11"),
            ],
            text,
        );
    };
    part(0, left, "#1f2328", &badge.label);
    part(left, right, color(badge.stand), &badge.words);
    svg.close("svg");
    svg.finish()
}

/// As what draws badges elsewhere reads it (<https://shields.io/badges/endpoint-badge>).
pub fn json(badge: &Badge) -> String {
    let color = color(badge.stand).trim_start_matches('#');
    json!({ "schemaVersion": 1, "label": badge.label, "message": badge.words, "color": color })
        .to_string()
}
