//! Which beats say who sends them.

use std::time::Duration;

use crate::bus::Commands;
use crate::clock::Mono;
use crate::contract::Card;
use crate::text::SafeText;

/// Whoever missed it knows it by then.
const CARD_EVERY: Duration = Duration::from_secs(60);

/// The card, and when it went out last. It rides on the first beat, on the first one of each connection, every
/// [`CARD_EVERY`], and on the one after somebody began to listen.
#[derive(Default)]
pub(super) struct Carding {
    card: Option<Card>,
    /// When, and over which connection.
    sent: Option<(Mono, u64)>,
}

impl Carding {
    /// Sends `card`, whose address is found out here.
    pub fn new(card: Card) -> Carding {
        Carding {
            card: Some(card),
            sent: None,
        }
    }

    /// It rides on the next beat.
    pub fn owe(&mut self) {
        self.sent = None;
    }

    /// The beat as it goes out over `commands`, and whether the card is on it.
    pub fn on(&mut self, beat: String, commands: &mut Commands, now: Mono) -> (String, bool) {
        let Some(card) = &mut self.card else {
            return (beat, false);
        };
        let is_known = self.sent.is_some_and(|(at, connection)| {
            commands.connects() == connection && now.since(at) < CARD_EVERY
        });
        if is_known {
            return (beat, false);
        }
        // Of a connection that is still to be made it is not known: then the next beat says it once more.
        let addr = commands.local_address();
        card.addr = addr.map(SafeText::from).unwrap_or_default();
        (card.on(&beat), true)
    }

    /// The card went out over this connection.
    pub fn sent(&mut self, connection: u64, now: Mono) {
        let is_whole = self.card.as_ref().is_some_and(|card| !card.addr.is_empty());
        self.sent = is_whole.then_some((now, connection));
    }
}
