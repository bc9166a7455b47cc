//! Who speaks while nobody can take the lease, because writes are refused or a right is missing. Pure.
//!
//! Healers hear each other's echoes, which no refusal keeps back. Whoever held the lease last goes on speaking; the
//! others stand by until it was silent for a while. One that speaks says so once a second, with a number that each
//! succession raises: if two ever speak, the lower one, which was succeeded while it stood still, gives way.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Mono;

/// A healer that was not heard for so long is gone.
const GONE_AFTER: Duration = Duration::from_secs(6);
/// One that is there is heard within this: it echoes each second.
const HEARD_WITHIN: Duration = Duration::from_millis(1500);
const SPEAKS: &str = "speaks ";
const WAITS: &str = "waits";
/// Healers that are kept in mind; beyond, nobody new is.
const HEARD_MAX: usize = 64;

/// What is known of the other healers.
#[derive(Debug)]
pub struct Succession {
    me: String,
    /// Since when nobody can take the lease, and the others are listened to.
    since: Option<Mono>,
    /// Whom the lease was last seen with.
    holder: Option<String>,
    heard: BTreeMap<String, Heard>,
    /// The number under which this healer speaks, and the highest that was heard.
    term: u64,
    highest: u64,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    at: Mono,
    word: Word,
}

/// What a healer says of itself on its echo channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// Nothing but echoes: it may be of a version that says no more.
    Echo,
    /// It speaks, without a lease.
    Speaks { term: u64 },
    /// It cannot take the lease either, and stands by.
    Waits,
}

/// What this healer is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It speaks on, without a lease.
    Speak,
    /// Another speaks, or may.
    StandBy,
}

impl Succession {
    /// Of the healer instance `me`, which has not heard of any other.
    pub fn new(me: &str) -> Succession {
        Succession {
            me: me.to_owned(),
            since: None,
            holder: None,
            heard: BTreeMap::new(),
            term: 0,
            highest: 0,
        }
    }

    /// The lease was seen with this healer.
    pub fn saw_holder(&mut self, holder: &str) {
        self.holder = Some(holder.to_owned());
    }

    /// Nobody can take the lease: from here on the others are listened to.
    pub fn begin(&mut self, now: Mono) {
        self.since.get_or_insert(now);
    }

    /// Whether the others are listened to.
    pub fn is_on(&self) -> bool {
        self.since.is_some()
    }

    /// The lease can be asked for again.
    pub fn end(&mut self) {
        self.deafen();
        (self.term, self.highest) = (0, 0);
    }

    /// Nothing can be heard: what was heard is void.
    pub fn deafen(&mut self) {
        self.since = None;
        self.heard.clear();
    }

    /// Something was said on the echo channel of `inst`.
    pub fn hear(&mut self, inst: &str, payload: &[u8], now: Mono) {
        if inst == self.me || (self.heard.len() == HEARD_MAX && !self.heard.contains_key(inst)) {
            return;
        }
        let said = read(payload);
        if let Word::Speaks { term } = said {
            self.highest = self.highest.max(term);
        }
        let first = Heard {
            at: now,
            word: said,
        };
        let heard = self.heard.entry(inst.to_owned()).or_insert(first);
        heard.at = now;
        if said != Word::Echo {
            heard.word = said;
        }
    }

    /// Whether this one has listened for long enough to hear any other, and heard none.
    pub fn waits_alone(&self, now: Mono) -> bool {
        let is_due = |since: Mono| now.since(since) >= HEARD_WITHIN;
        self.since.is_some_and(is_due) && self.heard.is_empty()
    }

    /// Whether another is there that spoke last, or speaks: the lease is left to it, too.
    pub fn is_others(&mut self, now: Mono) -> bool {
        self.heard
            .retain(|_, heard| now.since(heard.at) < GONE_AFTER);
        let holder = self.holder.as_deref().unwrap_or_default();
        let speaks = |heard: &Heard| matches!(heard.word, Word::Speaks { .. });
        self.heard.contains_key(holder) || self.heard.values().any(speaks)
    }

    /// What this healer, which speaks or does not, is to do while nobody can take the lease.
    pub fn turn(&mut self, speaking: bool, now: Mono) -> Turn {
        let is_others = self.is_others(now);
        if speaking {
            return match self.is_succeeded() {
                true => Turn::StandBy,
                false => Turn::Speak,
            };
        }
        let listened = self
            .since
            .is_some_and(|since| now.since(since) >= GONE_AFTER);
        // Of several that wait, one goes first. One that says nothing of itself may speak, unless somebody else is known
        // to have spoken last.
        let goes_first = |(inst, heard): (&String, &Heard)| match heard.word {
            Word::Waits => *inst < self.me,
            Word::Echo => self.holder.is_none(),
            Word::Speaks { .. } => true,
        };
        if !listened || is_others || self.heard.iter().any(goes_first) {
            return Turn::StandBy;
        }
        self.term = self.highest.saturating_add(1);
        Turn::Speak
    }

    /// Whether another speaks that came after this healer.
    fn is_succeeded(&self) -> bool {
        self.heard.iter().any(|(inst, heard)| match heard.word {
            Word::Speaks { term } => term > self.term || (term == self.term && *inst < self.me),
            _ => false,
        })
    }

    /// What this healer is to say of itself.
    pub fn word(&self, speaking: bool) -> String {
        match speaking {
            true => format!("{SPEAKS}{}", self.term),
            false => WAITS.to_owned(),
        }
    }
}

fn read(payload: &[u8]) -> Word {
    let text = std::str::from_utf8(payload).unwrap_or_default();
    let term = text.strip_prefix(SPEAKS).and_then(|term| term.parse().ok());
    match term {
        Some(term) => Word::Speaks { term },
        None if text == WAITS => Word::Waits,
        None => Word::Echo,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: f64) -> Mono {
        Mono::from_secs(secs)
    }

    #[test]
    fn the_last_holder_speaks_until_it_was_silent_for_six_seconds() {
        let mut b = Succession::new("b");
        b.saw_holder("a");
        b.begin(at(0.0));
        for n in 0..10 {
            b.hear("a", b"17", at(n.into()));
            assert_eq!(b.turn(false, at(n.into())), Turn::StandBy);
        }
        assert_eq!(b.turn(false, at(14.9)), Turn::StandBy);
        assert_eq!(b.turn(false, at(15.0)), Turn::Speak);
        // It had only stood still, and finds that it was succeeded.
        let mut a = Succession::new("a");
        a.begin(at(0.0));
        assert_eq!(a.turn(true, at(15.0)), Turn::Speak);
        a.hear("b", b.word(true).as_bytes(), at(15.1));
        b.hear("a", a.word(true).as_bytes(), at(15.1));
        assert_eq!(
            (a.turn(true, at(15.1)), b.turn(true, at(15.1))),
            (Turn::StandBy, Turn::Speak)
        );
    }

    #[test]
    fn a_healer_that_starts_listens_first() {
        let mut c = Succession::new("c");
        assert_eq!(c.turn(false, at(100.0)), Turn::StandBy);
        c.begin(at(100.0));
        assert_eq!(c.turn(false, at(105.9)), Turn::StandBy);
        assert_eq!(c.turn(false, at(106.0)), Turn::Speak);
        // Somebody whose past is not known, and who says no more than echoes, may be the one that speaks.
        let mut d = Succession::new("d");
        d.begin(at(100.0));
        d.hear("x", b"1", at(105.0));
        assert_eq!(d.turn(false, at(110.9)), Turn::StandBy);
        assert_eq!(d.turn(false, at(111.0)), Turn::Speak);
    }

    /// Healers that start, stop, stand still and come back at random, all without a lease: there is soon one that
    /// speaks, and soon one only.
    #[test]
    fn soon_one_speaks_and_one_only() {
        for seed in 0..300 {
            let mut random = fastrand::Rng::with_seed(seed);
            let names = ["a", "b", "c"];
            let mut all: Vec<(Succession, bool, bool)> = names
                .map(|name| (Succession::new(name), false, random.bool()))
                .into();
            let (mut changed, mut now) = (0.0, 0.0);
            let mut waiting: Vec<Vec<(usize, String)>> = vec![Vec::new(); 3];
            while now < 120.0 {
                if now < 80.0 && random.u8(..) < 3 {
                    let who = random.usize(..3);
                    all[who].2 = !all[who].2;
                    if random.bool() {
                        // Another process under the same name.
                        all[who].0 = Succession::new(names[who]);
                        all[who].1 = false;
                        waiting[who].clear();
                    }
                    changed = now;
                }
                for who in 0..3 {
                    let (succession, speaking, runs) = &mut all[who];
                    if !*runs {
                        continue;
                    }
                    succession.begin(at(now));
                    for (from, word) in std::mem::take(&mut waiting[who]) {
                        succession.hear(names[from], word.as_bytes(), at(now));
                    }
                    *speaking = succession.turn(*speaking, at(now)) == Turn::Speak;
                    let words = [succession.word(*speaking), "9".to_owned()];
                    for inbox in &mut waiting {
                        inbox.extend(words.iter().map(|word| (who, word.clone())));
                    }
                }
                now += 1.0;
                let speakers = all
                    .iter()
                    .filter(|(_, speaks, runs)| *speaks && *runs)
                    .count();
                let running = all.iter().filter(|(_, _, runs)| *runs).count();
                if now - changed > 20.0 && running > 0 {
                    assert_eq!(speakers, 1, "seed {seed} at {now}");
                }
                if now - changed > 3.0 {
                    assert!(speakers <= 1, "seed {seed} at {now}");
                }
            }
        }
    }
}
