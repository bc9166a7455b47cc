//! Whom truth named no more a moment ago: who is named again at once may not have heard of either.

use std::collections::HashMap;

use super::output::Spec;
use crate::clock::Mono;

/// So many are remembered; who is named anew while there are more counts as one of them.
const REMEMBERED_MAX: usize = 10_000;

/// Services that were dropped, until nothing follows from it any more.
#[derive(Debug, Default)]
pub struct Departed {
    services: HashMap<Box<str>, Former>,
    /// Until then there may be some that were not remembered.
    crowded_until: Mono,
}

#[derive(Debug)]
struct Former {
    /// `None` when it may have beaten elsewhere even then.
    channel: Option<Box<[u8]>>,
    timeout_ms: u32,
    interval_ms: u32,
    until: Mono,
}

/// What a service that is named again may still live by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lives {
    /// It knows where and how often to beat, as far as anybody can tell.
    ByThis,
    /// It beats where it shall, perhaps more seldom: it may be silent for so many milliseconds.
    Slower(u32),
    /// It may beat elsewhere.
    Elsewhere,
}

impl Departed {
    /// Forgets those whose time is over at `now`.
    pub fn tidy(&mut self, now: Mono) {
        self.services.retain(|_, former| former.until > now);
        self.services.shrink_to(REMEMBERED_MAX / 10);
    }

    /// `spec` held until now, and the service may live by it until `until`; `unsure`: or by what held before, elsewhere.
    pub fn note(&mut self, spec: &Spec<'_>, unsure: bool, until: Mono) {
        if self.services.len() >= REMEMBERED_MAX {
            self.crowded_until = until;
            return;
        }
        let former = Former {
            channel: (!unsure).then(|| spec.channel.as_bytes().into()),
            timeout_ms: spec.timeout_ms,
            interval_ms: spec.interval_ms,
            until,
        };
        self.services.insert(spec.svc.into(), former);
    }

    /// Truth names this service, which nobody watched.
    pub fn named(&mut self, spec: &Spec<'_>, now: Mono) -> Lives {
        let Some(former) = self.services.remove(spec.svc) else {
            return match self.crowded_until > now {
                true => Lives::Elsewhere,
                false => Lives::ByThis,
            };
        };
        let is_faster =
            spec.interval_ms < former.interval_ms && spec.timeout_ms < former.timeout_ms;
        if former.channel.as_deref() != Some(spec.channel.as_bytes()) {
            Lives::Elsewhere
        } else if is_faster {
            Lives::Slower(former.timeout_ms)
        } else {
            Lives::ByThis
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(channel: &'static str, timeout_ms: u32, interval_ms: u32) -> Spec<'static> {
        Spec {
            svc: "a",
            channel,
            timeout_ms,
            interval_ms,
        }
    }

    #[test]
    fn who_is_named_again_may_live_by_what_held_before() {
        let (now, until) = (Mono(0), Mono(10));
        for (again, lives) in [
            (spec("a", 30, 10), Lives::ByThis),
            (spec("a", 50, 20), Lives::ByThis),
            (spec("a", 3, 1), Lives::Slower(30)),
            (spec("b", 30, 10), Lives::Elsewhere),
        ] {
            let mut departed = Departed::default();
            departed.note(&spec("a", 30, 10), false, until);
            assert_eq!(departed.named(&again, now), lives, "{again:?}");
            assert_eq!(departed.named(&again, now), Lives::ByThis, "once");
            departed.note(&spec("a", 30, 10), false, until);
            departed.tidy(until);
            assert_eq!(departed.named(&again, until), Lives::ByThis, "too long ago");
            departed.note(&spec("a", 30, 10), true, until);
            assert_eq!(departed.named(&again, now), Lives::Elsewhere, "nobody knew");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded_and_of_the_others_nothing_is_believed() {
        let mut departed = Departed::default();
        for n in 0..=REMEMBERED_MAX {
            let svc = format!("s{n}");
            let one = Spec {
                svc: &svc,
                ..spec("a", 30, 10)
            };
            departed.note(&one, false, Mono(10));
        }
        assert_eq!(departed.services.len(), REMEMBERED_MAX);
        assert_eq!(
            departed.named(&spec("a", 30, 10), Mono(9)),
            Lives::Elsewhere
        );
        assert_eq!(departed.named(&spec("a", 30, 10), Mono(10)), Lives::ByThis);
    }
}
