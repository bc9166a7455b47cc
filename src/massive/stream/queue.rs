//! Decoder between the threads that read them and the one that works on them.
//!
//! It is bounded by number and by bytes. At the limit the oldest frame that holds nothing but quotes goes, since a newer
//! quote says all of it; where there is none, the oldest of all, which is a gap.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use tungstenite::Utf8Bytes;

use super::params::Source;
use crate::clock::Mono;
use crate::fail_stop::{lock, sound};
use crate::massive::frames::Cluster;

/// Most frames that wait, and most bytes of them.
pub const FRAMES_MAX: usize = 8_192;
pub const BYTES_MAX: usize = 16 << 20;

/// What is passed on.
#[derive(Clone, Debug)]
pub enum Item {
    Frame(Frame),
    /// Where the prices of these symbols come by from now on.
    Sources(Cluster, Vec<(String, Source)>),
}

/// A frame as it came.
#[derive(Clone, Debug)]
pub struct Frame {
    pub cluster: Cluster,
    pub text: Utf8Bytes,
    pub came: Mono,
}

/// What was dropped since somebody asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Decoder of quotes alone.
    pub quotes: u64,
    /// Others: each leaves a gap.
    pub others: u64,
    /// When the first of those came.
    pub since: Option<Mono>,
}

impl Dropped {
    /// Adds what was dropped besides.
    pub fn add(&mut self, more: Dropped) {
        self.quotes += more.quotes;
        self.others += more.others;
        self.since = self.since.or(more.since);
    }
}

/// Items in the order of `nth`, quotes apart from the rest, so that the oldest of them is found at once.
#[derive(Debug, Default)]
struct Waiting {
    quotes: VecDeque<(u64, Frame)>,
    others: VecDeque<(u64, Item)>,
    nth: u64,
    /// Of all frames: their number and their bytes.
    frames: usize,
    bytes: usize,
    dropped: Dropped,
    is_closed: bool,
}

/// The queue. All threads share it.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    came: Condvar,
}

/// What is taken at once.
#[derive(Debug, Default)]
pub struct Taken {
    pub items: Vec<Item>,
    pub dropped: Dropped,
    pub is_closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.waiting)
    }

    /// Adds a frame.
    pub fn push(&self, frame: Frame) {
        let is_quotes = is_quotes_alone(&frame.text);
        let mut waiting = self.lock();
        waiting.nth += 1;
        waiting.frames += 1;
        waiting.bytes += frame.text.len();
        let nth = waiting.nth;
        if is_quotes {
            waiting.quotes.push_back((nth, frame));
        } else {
            waiting.others.push_back((nth, Item::Frame(frame)));
        }
        while waiting.frames > FRAMES_MAX || waiting.bytes > BYTES_MAX && waiting.frames > 1 {
            waiting.drop_one();
        }
        let is_first = waiting.frames == 1;
        drop(waiting);
        if is_first {
            self.came.notify_one();
        }
    }

    /// Adds what is no frame; it is never dropped: there is one for each change of a subscription.
    pub fn push_item(&self, item: Item) {
        let mut waiting = self.lock();
        waiting.nth += 1;
        let nth = waiting.nth;
        waiting.others.push_back((nth, item));
        drop(waiting);
        self.came.notify_one();
    }

    /// Is nothing worked on any more?
    pub fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// No more is worked on.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.came.notify_all();
    }

    /// Everything that waits, in its order; waits for something, but no longer than `patience`.
    pub fn take(&self, patience: Duration) -> Taken {
        let mut waiting = self.lock();
        if waiting.is_empty() && !waiting.is_closed {
            let waited = self.came.wait_timeout(waiting, patience);
            waiting = sound(waited).0;
        }
        let is_closed = waiting.is_closed;
        let dropped = std::mem::take(&mut waiting.dropped);
        let quotes = std::mem::take(&mut waiting.quotes);
        let others = std::mem::take(&mut waiting.others);
        (waiting.frames, waiting.bytes) = (0, 0);
        drop(waiting);
        Taken {
            items: merged(quotes, others),
            dropped,
            is_closed,
        }
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.quotes.is_empty() && self.others.is_empty()
    }

    /// Makes room for one frame.
    fn drop_one(&mut self) {
        let frame = match self.quotes.pop_front() {
            Some((_, frame)) => {
                self.dropped.quotes += 1;
                frame
            }
            None => {
                let is_frame = |(_, item): &(u64, Item)| matches!(item, Item::Frame(_));
                let oldest = self.others.iter().position(is_frame);
                let Some((_, Item::Frame(frame))) =
                    oldest.and_then(|oldest| self.others.remove(oldest))
                else {
                    return;
                };
                self.dropped.others += 1;
                self.dropped.since.get_or_insert(frame.came);
                frame
            }
        };
        self.frames -= 1;
        self.bytes -= frame.text.len();
    }
}

fn merged(quotes: VecDeque<(u64, Frame)>, mut others: VecDeque<(u64, Item)>) -> Vec<Item> {
    let mut items = Vec::with_capacity(quotes.len() + others.len());
    for (nth, frame) in quotes {
        while others.front().is_some_and(|(other, _)| *other < nth) {
            items.extend(others.pop_front().map(|(_, item)| item));
        }
        items.push(Item::Frame(frame));
    }
    items.extend(others.into_iter().map(|(_, item)| item));
    items
}

/// Is every event of a frame a quote, as the vendor writes it? Of what it writes otherwise nobody says so.
fn is_quotes_alone(text: &str) -> bool {
    const EVENT: &[u8] = br#""ev":""#;
    let bytes = text.as_bytes();
    let mut events = memchr::memmem::find_iter(bytes, EVENT).peekable();
    events.peek().is_some() && events.all(|at| bytes[at + EVENT.len()..].starts_with(b"Q\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Frame {
        Frame {
            cluster: Cluster::Stocks,
            text: text.to_owned().into(),
            came: Mono(0),
        }
    }

    fn texts(queue: &Queue) -> (Vec<String>, Dropped) {
        let taken = queue.take(Duration::ZERO);
        let text = |item: &Item| match item {
            Item::Frame(frame) => frame.text.to_string(),
            Item::Sources(..) => "prices".to_owned(),
        };
        (taken.items.iter().map(text).collect(), taken.dropped)
    }

    const QUOTE: &str = r#"[{"ev":"Q","sym":"A"},{"ev":"Q","sym":"B"}]"#;
    const MIXED: &str = r#"[{"ev":"Q","sym":"A"},{"ev":"T","sym":"B"}]"#;

    #[test]
    fn what_waits_comes_out_in_its_order() {
        let queue = Queue::default();
        for text in [MIXED, QUOTE, "a", QUOTE] {
            queue.push(frame(text));
        }
        queue.push_item(Item::Sources(Cluster::Stocks, Vec::new()));
        queue.push(frame("b"));
        let (all, dropped) = texts(&queue);
        assert_eq!(all, [MIXED, QUOTE, "a", QUOTE, "prices", "b"]);
        assert_eq!(dropped, Dropped::default());
        assert_eq!(texts(&queue).0.len(), 0);
    }

    #[test]
    fn at_the_limit_the_oldest_quotes_go_first_and_then_the_oldest() {
        let queue = Queue::default();
        queue.push(frame("first"));
        for _ in 0..FRAMES_MAX {
            queue.push(frame(QUOTE));
        }
        queue.push(frame("last"));
        let (all, dropped) = texts(&queue);
        let gone = Dropped {
            quotes: 2,
            ..Dropped::default()
        };
        assert_eq!((all.len(), dropped), (FRAMES_MAX, gone));
        assert_eq!((&all[0][..], &all[FRAMES_MAX - 1][..]), ("first", "last"));

        queue.push_item(Item::Sources(Cluster::Stocks, Vec::new()));
        for nth in 0..FRAMES_MAX + 3 {
            queue.push(frame(&nth.to_string()));
        }
        let (all, dropped) = texts(&queue);
        let gone = Dropped {
            others: 3,
            since: Some(Mono(0)),
            ..Dropped::default()
        };
        assert_eq!((all.len(), dropped), (FRAMES_MAX + 1, gone));
        assert_eq!((&all[0][..], &all[1][..]), ("prices", "3"));
    }

    #[test]
    fn bytes_have_a_limit_too_and_one_frame_always_fits() {
        let queue = Queue::default();
        let long = "x".repeat(BYTES_MAX / 2);
        for _ in 0..5 {
            queue.push(frame(&long));
        }
        let (all, dropped) = texts(&queue);
        assert_eq!((all.len(), dropped.others), (2, 3));
        queue.push(frame(&"x".repeat(BYTES_MAX + 1)));
        assert_eq!(texts(&queue).0.len(), 1);
    }

    #[test]
    fn a_frame_that_comes_ends_the_wait_and_so_does_the_end() {
        let queue = Queue::default();
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| queue.take(Duration::from_secs(30)).items.len());
            queue.push(frame("a"));
            assert_eq!(taken.join().expect("joined"), 1);
            let ended = scope.spawn(|| queue.take(Duration::from_secs(30)).is_closed);
            queue.close();
            assert!(ended.join().expect("joined"));
        });
    }
}
