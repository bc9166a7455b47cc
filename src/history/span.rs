//! One span, and its text in Redis. Pure.

use std::fmt;
use std::str::FromStr;

use super::id::AlertId;

/// What was so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpanKind {
    Down,
    /// Down, as it was announced.
    Planned,
    Degraded,
}

impl SpanKind {
    /// The word for it, in Redis too.
    pub fn as_str(self) -> &'static str {
        match self {
            SpanKind::Down => "down",
            SpanKind::Planned => "planned",
            SpanKind::Degraded => "degraded",
        }
    }
}

/// What was so in `[from, to)`, in epoch seconds; `id` is that of the alert that began it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: i64,
    pub to: i64,
    pub kind: SpanKind,
    pub id: AlertId,
}

impl fmt::Display for Span {
    /// `from,to,kind,id`: an entry of the list of a service.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Span { from, to, kind, id } = self;
        write!(f, "{from},{to},{},{id}", kind.as_str())
    }
}

impl FromStr for Span {
    type Err = ();

    fn from_str(text: &str) -> Result<Span, ()> {
        let mut parts = text.splitn(4, ',');
        let mut next = || parts.next().ok_or(());
        let (from, to) = (
            next()?.parse().map_err(drop)?,
            next()?.parse().map_err(drop)?,
        );
        let kind = match next()? {
            "down" => SpanKind::Down,
            "planned" => SpanKind::Planned,
            "degraded" => SpanKind::Degraded,
            _ => return Err(()),
        };
        let id = next()?.into();
        (from <= to)
            .then_some(Span { from, to, kind, id })
            .ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_as_it_was_written_and_rubbish_is_none() {
        let text = "100,160,down,68965b998ceca3ad-1";
        let span: Span = text.parse().expect("a span");
        assert_eq!((span.from, span.to, span.kind), (100, 160, SpanKind::Down));
        assert_eq!(span.to_string(), text);
        for text in ["", "1,2,down", "2,1,down,x", "a,2,down,x", "1,2,up,x"] {
            assert_eq!(text.parse::<Span>(), Err(()), "{text}");
        }
    }
}
