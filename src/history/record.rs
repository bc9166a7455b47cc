//! All that is kept of one service. Pure.

use std::collections::BTreeMap;

use super::intervals::Intervals;
use super::open::OpenOutages;
use super::span::{Span, SpanKind};
use super::{DAY_SEC, KEPT_SEC, SPANS_MAX};

/// Seconds of UTC days, of spans that are not kept one by one any more.
pub type Days = BTreeMap<i64, [i64; 3]>;

/// All that is kept of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// What has ended, in the order in which it ended.
    pub spans: Vec<Span>,
    pub open: OpenOutages,
    /// When truth named it. The last interval ends far ahead while it does.
    pub watched: Intervals,
    /// Seconds down, planned and degraded of days, of spans that are kept no more.
    pub days: Days,
}

impl Record {
    /// All spans, with those that last until `now`; a planned stop that lasts longer than announced is two of them.
    pub fn all(&self, now: i64) -> Vec<Span> {
        let mut all = self.spans.clone();
        if let Some(open) = &self.open.down {
            all.extend(open.closed(now));
        }
        if let Some(open) = &self.open.degraded {
            let to = now.max(open.from);
            all.push(Span {
                from: open.from,
                to,
                kind: SpanKind::Degraded,
                id: (&*open.id).into(),
            });
        }
        all
    }

    /// How many of the oldest spans are to be added up by day, or are too old to be kept at all.
    pub fn surplus(&self, now: i64) -> usize {
        let old = self
            .spans
            .iter()
            .take_while(|s| s.to < now - KEPT_SEC)
            .count();
        // A quarter at a time, so that it is not done for each span.
        let many = match self.spans.len() > SPANS_MAX + SPANS_MAX / 4 {
            true => self.spans.len() - SPANS_MAX,
            false => 0,
        };
        old.max(many)
    }

    /// The seconds that the oldest `count` spans add to their days.
    pub fn sums_of_oldest(&self, count: usize, now: i64) -> Days {
        let mut days = Days::new();
        for span in &self.spans[..count.min(self.spans.len())] {
            let mut at = span.from.max(now - KEPT_SEC);
            while at < span.to {
                let day = at.div_euclid(DAY_SEC);
                let to = span.to.min((day + 1) * DAY_SEC);
                let which = match span.kind {
                    SpanKind::Down => 0,
                    SpanKind::Planned => 1,
                    SpanKind::Degraded => 2,
                };
                days.entry(day).or_default()[which] += to - at;
                at = to;
            }
        }
        days
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: i64, to: i64) -> Span {
        Span {
            from,
            to,
            kind: SpanKind::Down,
            id: "x".into(),
        }
    }

    #[test]
    fn what_is_kept_no_more_is_added_up_by_day() {
        let spans: Vec<Span> = (0..81).map(|n| span(n * 1000, n * 1000 + 10)).collect();
        let mut record = Record {
            spans,
            ..Record::default()
        };
        assert_eq!(record.surplus(100_000), 81 - SPANS_MAX);
        record.spans = vec![span(DAY_SEC - 5, DAY_SEC + 7)];
        let days = record.sums_of_oldest(1, DAY_SEC * 2);
        assert_eq!(days, [(0, [5, 0, 0]), (1, [7, 0, 0])].into());
        assert_eq!(record.surplus(DAY_SEC + 8), 0);
        assert_eq!(record.surplus(DAY_SEC + 8 + KEPT_SEC), 1);
    }
}
