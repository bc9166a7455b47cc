//! A receiver that forgets what it does not hear of again is told again, every minute, what fires. No I/O.

use std::collections::BTreeMap;

use crate::contract::{Alert, AlertKind};
use crate::notify::format::refiring;
use crate::notify::notification::Ms;

/// Alertmanager ends what it does not hear of for five minutes by default, and keeps nothing over a restart.
const EVERY_MS: Ms = 60_000;
/// Alerts in one post; with more of them there are more posts a minute.
const ALERTS_MAX: usize = 1000;

type Key = (AlertKind, String);

/// What fires at the receiver's.
///
/// Invariant: `posted` holds what was posted as firing and not as over since; so whatever ends in any way, be it that
/// truth drops it, is posted once more as over.
pub(super) struct Refiring {
    posted: BTreeMap<Key, Alert>,
    /// Posted last; the next post goes on behind it.
    last: Option<Key>,
    next_ms: Ms,
}

/// One post.
pub(super) struct Post {
    /// What is sent, as it was sent before.
    pub body: String,
    firing: Vec<(Key, Alert)>,
    over: Vec<Key>,
    next_ms: Ms,
    last: Option<Key>,
}

impl Refiring {
    /// Nothing was posted yet; what is told from `now_ms` on is posted when it is told.
    pub fn new(now_ms: Ms) -> Refiring {
        Refiring {
            posted: BTreeMap::new(),
            last: None,
            next_ms: now_ms + EVERY_MS,
        }
    }

    /// Whether it is time.
    pub fn is_due(&self, now_ms: Ms) -> bool {
        now_ms >= self.next_ms
    }

    /// The clock stepped.
    pub fn shift(&mut self, by: Ms) {
        self.next_ms += by;
    }

    /// What is to be posted at `now_ms` when these fire; `None` when there is nothing.
    pub fn post<'a>(
        &mut self,
        now_ms: Ms,
        firing: impl Iterator<Item = &'a Alert>,
    ) -> Option<Post> {
        let firing: BTreeMap<Key, &Alert> = firing
            .filter(|alert| alert.kind.ended_by().is_some())
            .map(|alert| ((alert.kind, alert.subject().into_owned()), alert))
            .collect();
        let gone = self
            .posted
            .iter()
            .filter(|(key, _)| !firing.contains_key(key));
        let over: Vec<(&Key, &Alert)> = gone.take(ALERTS_MAX).collect();
        let room = ALERTS_MAX - over.len();
        let behind = |key: &&Key| self.last.as_ref().is_none_or(|last| *key > last);
        let rest = firing.keys().filter(behind).count();
        let skipped = if rest > 0 { firing.len() - rest } else { 0 };
        let these: Vec<(Key, Alert)> = firing
            .iter()
            .skip(skipped)
            .take(room)
            .map(|(key, alert)| (key.clone(), (*alert).clone()))
            .collect();
        if these.is_empty() && over.is_empty() {
            self.next_ms = now_ms + EVERY_MS;
            return None;
        }
        let posts = firing.len().div_ceil(ALERTS_MAX).max(1) as Ms;
        Some(Post {
            body: refiring(
                now_ms,
                these.iter().map(|(_, alert)| alert),
                over.iter().map(|(_, alert)| *alert),
            ),
            next_ms: now_ms + EVERY_MS / posts,
            last: these.last().map(|(key, _)| key.clone()),
            over: over.into_iter().map(|(key, _)| key.clone()).collect(),
            firing: these,
        })
    }

    /// It was posted; `taken`: and taken. One that was not is made again in a minute.
    pub fn posted(&mut self, post: Post, now_ms: Ms, taken: bool) {
        if !taken {
            self.next_ms = now_ms + EVERY_MS;
            return;
        }
        self.next_ms = post.next_ms;
        self.last = post.last;
        self.posted.extend(post.firing);
        for key in post.over {
            self.posted.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn miss(svc: &str) -> Alert {
        Alert::new(AlertKind::HeartbeatMiss, svc, 1_795_528_800)
    }

    #[test]
    fn all_that_fires_is_posted_each_minute_and_what_is_gone_once_more_as_over() {
        let all: Vec<Alert> = (0..2500).map(|n| miss(&format!("s{n:04}"))).collect();
        let mut refiring = Refiring::new(-EVERY_MS);
        let mut now = 0;
        while refiring.posted.len() < all.len() {
            let post = refiring.post(now, all.iter()).expect("there is more");
            refiring.posted(post, now, true);
            now = refiring.next_ms;
        }
        assert_eq!(now, EVERY_MS, "three posts within a minute");
        let post = refiring.post(now, all[1..].iter()).expect("one is over");
        assert!(post.body.contains("s0000"));
        refiring.posted(post, now, false);
        assert!(
            refiring
                .posted
                .contains_key(&(AlertKind::HeartbeatMiss, "s0000".into()))
        );
        let post = refiring.post(now, all[1..].iter()).expect("said again");
        refiring.posted(post, now, true);
        assert_eq!(refiring.posted.len(), 2499);
        let once = Alert::new(AlertKind::TruthRejected, "healer", 0);
        assert!(
            Refiring::new(-EVERY_MS).post(0, [once].iter()).is_none(),
            "it has no end"
        );
    }
}
