//! What the analyst says of the demo's items, as it comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::Sender;

use super::event::Event;
use crate::bus::{Address, Commands, Limits};
use crate::vexy_ai::tail::{Tail, line};

/// How long one look waits for news, and one that failed for the next: half of what an end may take.
const LOOK: Duration = Duration::from_millis(500);
/// Of what came at once, the newest are said: a feed's first reading brings many.
const AT_ONCE: usize = 3;

/// A thread that follows the analyses; it ends when this is dropped.
pub(super) struct Analyses {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Analyses {
    /// Follows what is analysed at this bus.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(super) fn start(store: Address, sender: Sender<Event>) -> std::io::Result<Analyses> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("analyses".into())
            .spawn(move || follow(store, &sender, &stopped))?;
        Ok(Analyses {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Analyses {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // It waits for no more than one look.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn follow(store: Address, sender: &Sender<Event>, stop: &AtomicBool) {
    let mut store = Commands::new(store, "marketswarm:analyses", Limits::default());
    let mut tail = Tail::default();
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut news) = tail.next(&mut store, LOOK) else {
            // The bus is away, which others tell.
            thread::sleep(LOOK);
            continue;
        };
        let newest = news.split_off(news.len().saturating_sub(AT_ONCE));
        let more = match news.len() {
            0 => None,
            n => Some(format!("vexy_ai: {n} items are analysed")),
        };
        let lines = newest.iter().map(|(_, record)| line(record));
        for text in more.into_iter().chain(lines) {
            // A loop that is busy with other things loses a line of the demo, and is not held up.
            let _ = sender.try_send(Event::Analysed(text));
        }
    }
}
