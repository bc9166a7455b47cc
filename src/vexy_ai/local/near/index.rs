//! The index in memory: the articles of the last day, and who is like whom.

use std::collections::{HashMap, VecDeque};

use super::{ALIKE, BAND, BANDS, agreement};
use crate::vexy_ai::local::Signature;
use crate::vexy_ai::local::by_hash::ByHash;

/// How long an article can be joined after it came, in seconds.
pub const LIFE_SEC: i64 = 24 * 3600;
/// Articles at most; beyond that the oldest go before their time. One takes about 600 bytes.
pub const ARTICLES_MAX: usize = 16_384;
/// How many of a band are looked at, the newest first. A flood of one and the same text cannot make this slow.
const LOOKS_MAX: usize = 64;

/// The articles of the last day. A number is given to each in the order in which they come; the ring holds a run of them.
///
/// Invariant: `ring` holds the articles `first..first + ring.len()`; `heads` leads to the newest article of each band that
/// is still in the ring, `next` from there to older ones (one that is below `first` ends the chain), and `by_uid` to the
/// article in the ring that counts for a uid.
#[derive(Debug)]
pub struct Index {
    ring: VecDeque<Entry>,
    first: u64,
    heads: ByHash<u64>,
    by_uid: HashMap<Box<str>, u64>,
    articles_max: usize,
}

#[derive(Debug)]
struct Entry {
    uid: Box<str>,
    /// The cluster's uid, when it is not the article's own.
    cluster: Option<Box<str>>,
    came_ts: i64,
    /// Its uid came again: only its place in the chains counts.
    replaced: bool,
    /// `None` for an article that can only be joined by a link.
    signature: Option<Box<Signature>>,
    next: [u64; BANDS],
}

impl Entry {
    fn cluster(&self) -> &str {
        self.cluster.as_deref().unwrap_or(&self.uid)
    }
}

/// No older article.
const NONE: u64 = u64::MAX;

/// Where an article belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The uid of the cluster's first article.
    pub uid: String,
    pub by: Joined,
}

/// What joined an article to its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// The feed reader says that it has the link of another.
    Link,
    /// Its words.
    Text,
    /// Nothing: it is the first.
    Own,
}

impl Joined {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Joined::Link => "link",
            Joined::Text => "text",
            Joined::Own => "self",
        }
    }
}

impl Default for Index {
    fn default() -> Index {
        Index::with_limit(ARTICLES_MAX)
    }
}

impl Index {
    /// An index that holds at most `articles_max` articles.
    pub fn with_limit(articles_max: usize) -> Index {
        Index {
            ring: VecDeque::new(),
            first: 0,
            heads: ByHash::default(),
            by_uid: HashMap::new(),
            articles_max: articles_max.max(1),
        }
    }

    /// The cluster of an article that comes at `now_ts`, which is remembered.
    ///
    /// `dup_of` is the uid whose link it shares. Otherwise the article that is most like it decides, the newer of two that
    /// are equally so. One that comes again stays where it was when its words are the same or it began a cluster.
    pub fn place(
        &mut self,
        uid: &str,
        signature: Option<&Signature>,
        dup_of: Option<&str>,
        now_ts: i64,
    ) -> Cluster {
        self.expire(now_ts);
        let cluster = self.find(uid, signature, dup_of, now_ts);
        self.insert(uid, signature, &cluster.uid, now_ts);
        cluster
    }

    /// Remembers an article that was placed elsewhere or earlier, as the log tells it.
    pub fn learn(&mut self, uid: &str, signature: Option<&Signature>, cluster: &str, came_ts: i64) {
        self.insert(uid, signature, cluster, came_ts);
    }

    /// Whether it holds this article in this cluster.
    pub fn has(&self, uid: &str, cluster: &str) -> bool {
        self.entry_of(uid)
            .is_some_and(|entry| entry.cluster() == cluster)
    }

    /// How many articles it holds.
    pub fn len(&self) -> usize {
        self.by_uid.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.by_uid.is_empty()
    }

    fn find(
        &self,
        uid: &str,
        signature: Option<&Signature>,
        dup_of: Option<&str>,
        now_ts: i64,
    ) -> Cluster {
        if let Some(other) = dup_of.filter(|other| *other != uid) {
            let uid = self.entry_of(other).map_or(other, Entry::cluster);
            return Cluster {
                uid: uid.to_owned(),
                by: Joined::Link,
            };
        }
        let known = self
            .entry_of(uid)
            .filter(|entry| entry.cluster.is_none() || entry.signature.as_deref() == signature);
        let like = known.or_else(|| self.most_like(uid, signature?, now_ts));
        let cluster = like.map_or(uid, Entry::cluster);
        Cluster {
            uid: cluster.to_owned(),
            by: if cluster == uid {
                Joined::Own
            } else {
                Joined::Text
            },
        }
    }

    fn most_like(&self, uid: &str, signature: &Signature, now_ts: i64) -> Option<&Entry> {
        let mut best: Option<(u32, u64)> = None;
        for band in 0..BANDS {
            let mut number = self
                .heads
                .get(&band_key(signature, band))
                .copied()
                .unwrap_or(NONE);
            for _ in 0..LOOKS_MAX {
                let Some(entry) = self.entry(number) else {
                    break;
                };
                if let Some(other) = &entry.signature
                    && !entry.replaced
                    && *entry.uid != *uid
                    && is_of_the_day(entry.came_ts, now_ts)
                {
                    let score = (agreement(signature, other), number);
                    if score.0 >= ALIKE && best.is_none_or(|best| score > best) {
                        best = Some(score);
                    }
                }
                number = entry.next[band];
            }
        }
        best.and_then(|(_, number)| self.entry(number))
    }

    fn entry(&self, number: u64) -> Option<&Entry> {
        let at = number.checked_sub(self.first)?;
        self.ring.get(usize::try_from(at).ok()?)
    }

    fn entry_of(&self, uid: &str) -> Option<&Entry> {
        self.entry(*self.by_uid.get(uid)?)
    }

    fn insert(&mut self, uid: &str, signature: Option<&Signature>, cluster: &str, came_ts: i64) {
        let number = self.first + self.ring.len() as u64;
        let mut entry = Entry {
            uid: uid.into(),
            cluster: (cluster != uid).then(|| cluster.into()),
            came_ts,
            replaced: false,
            signature: signature.copied().map(Box::new),
            next: [NONE; BANDS],
        };
        if let Some(signature) = signature {
            for (band, next) in entry.next.iter_mut().enumerate() {
                let before = self.heads.insert(band_key(signature, band), number);
                *next = before.unwrap_or(NONE);
            }
        }
        self.ring.push_back(entry);
        if let Some(before) = self.by_uid.insert(uid.into(), number)
            && let Some(entry) = self.ring.get_mut((before - self.first) as usize)
        {
            entry.replaced = true;
        }
        while self.ring.len() > self.articles_max {
            self.drop_oldest();
        }
        debug_assert!(self.by_uid.len() <= self.ring.len());
    }

    fn expire(&mut self, now_ts: i64) {
        while let Some(oldest) = self.ring.front() {
            if is_of_the_day(oldest.came_ts, now_ts) && !oldest.replaced {
                break;
            }
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some(entry) = self.ring.pop_front() else {
            return;
        };
        let number = self.first;
        self.first += 1;
        if let Some(signature) = &entry.signature {
            for band in 0..BANDS {
                let key = band_key(signature, band);
                if self.heads.get(&key) == Some(&number) {
                    self.heads.remove(&key);
                }
            }
        }
        if self.by_uid.get(&entry.uid) == Some(&number) {
            self.by_uid.remove(&entry.uid);
        }
    }
}

fn is_of_the_day(came_ts: i64, now_ts: i64) -> bool {
    came_ts > now_ts.saturating_sub(LIFE_SEC)
}

/// What articles that agree in a band have in common.
fn band_key(signature: &Signature, band: usize) -> u64 {
    let mut key = band as u64 + 1;
    for value in &signature[band * BAND..(band + 1) * BAND] {
        let wide = u128::from(key ^ u64::from(*value)) * 0x9e37_79b9_7f4a_7c15_u128;
        key = (wide >> 64) as u64 ^ wide as u64;
    }
    key
}
