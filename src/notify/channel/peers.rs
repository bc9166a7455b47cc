//! The channels of one notifier, for what they tell each other.

use std::sync::{Arc, Mutex};

use crossbeam_channel::Sender;

use crate::fail_stop::lock;
use crate::notify::inbox::{INBOX_MAX, Inbox};

/// The inboxes of the channels that run, by name.
#[derive(Clone, Default)]
pub struct Peers(Arc<Mutex<Inboxes>>);

type Inboxes = Vec<(String, Sender<Inbox>)>;

impl Peers {
    /// A channel starts.
    pub fn add(&self, name: &str, inbox: Sender<Inbox>) {
        self.with(|all| all.push((name.to_owned(), inbox)));
    }

    /// A channel stops.
    pub fn remove(&self, name: &str) {
        self.with(|all| all.retain(|(other, _)| other != name));
    }

    /// Tells all but `from`.
    pub fn note(&self, from: &str, text: &str) {
        self.with(|all| {
            // A full inbox means that the other channel has worse to tell.
            let can_take =
                |(name, inbox): &&(String, Sender<Inbox>)| name != from && inbox.len() < INBOX_MAX;
            for (_, inbox) in all.iter().filter(can_take) {
                let _ = inbox.try_send(Inbox::Note(text.to_owned()));
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inboxes) -> T) -> T {
        act(&mut lock(&self.0))
    }
}
