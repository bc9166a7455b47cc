//! What lasts: it began, and no end of it is known. Pure.

use serde::{Deserialize, Serialize};

use super::span::{Span, SpanKind};

/// What lasts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOutages {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<Open>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<Open>,
}

impl OpenOutages {
    /// Whether nothing lasts.
    pub fn is_empty(&self) -> bool {
        self.down.is_none() && self.degraded.is_none()
    }
}

/// Something that lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Epoch seconds.
    pub from: i64,
    /// The alert that began it.
    pub id: Box<str>,
    /// It was announced to last until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_until: Option<i64>,
}

impl Open {
    /// The spans that it is when it ends at `to`: of a planned stop what was planned, and what was more than that.
    pub fn closed(&self, to: i64) -> Vec<Span> {
        let to = to.max(self.from);
        let span = |from, to, kind| Span {
            from,
            to,
            kind,
            id: (&*self.id).into(),
        };
        let planned_to = self
            .planned_until
            .map_or(self.from, |until| until.clamp(self.from, to));
        let mut spans = Vec::new();
        if self.planned_until.is_some() {
            spans.push(span(self.from, planned_to, SpanKind::Planned));
        }
        if planned_to < to || spans.is_empty() {
            spans.push(span(planned_to, to, SpanKind::Down));
        }
        spans
    }
}
