//! An answer judged as a whole, when its last byte is read: its envelope, what is missing, how far behind it is.

use super::{Facts, Reading};
use crate::massive::answer::request::Path;
use crate::massive::answer::{Answer, Listed};
use crate::massive::facts::{Feed, Reason};
use crate::massive::number;
use crate::massive::session::fresh::feed_of_round;
use crate::massive::symbol::ticker_text;
use crate::massive::verdict::{self, Code};

impl<'a> Reading<'_, 'a> {
    /// Judges the answer.
    pub(super) fn finish(&mut self, answer: &Answer<'a>) {
        let code = verdict::code_of(&answer.envelope);
        if code != Code::Good {
            self.facts = Facts {
                code,
                ..Facts::default()
            };
            let field = if answer.envelope.status.get().is_some() {
                "status"
            } else {
                "error"
            };
            self.facts.refusals.add("", field.to_owned(), code.reason());
            return;
        }
        self.facts.next_url = answer
            .envelope
            .next_url
            .get()
            .and_then(number::text)
            .filter(|url| !url.is_empty())
            .map(|url| url.into_owned());
        self.name_the_unnamed(answer);
        self.find_missing(answer);
        let is_delayed = answer.envelope.status.get() == Some("\"DELAYED\"");
        self.set_feeds(is_delayed);
    }

    /// Bars and trades do not say whose they are; where the path does not either, the envelope may.
    fn name_the_unnamed(&mut self, answer: &Answer<'a>) {
        if self.request.path == Path::SingleTickerSnapshot {
            return;
        }
        let Some(named) = answer.envelope.ticker.get().and_then(ticker_text) else {
            return;
        };
        if self.facts.bars.is_empty() {
            return;
        }
        if self.request.wants(named) {
            for bar in &mut self.facts.bars {
                bar.symbol = named.to_owned();
            }
        } else {
            self.facts.bars.clear();
            self.facts
                .refusals
                .add(named, "ticker".to_owned(), Reason::NotAsked);
        }
    }

    fn find_missing(&mut self, answer: &Answer<'a>) {
        let listed = answer.listed;
        let Some(list) = self.request.path.list() else {
            // An object in place of the calendar says nothing of any day; an empty list says that none differs.
            if self.request.path == Path::MarketHolidays && listed == Listed::Nothing {
                self.facts.refusals.add("", String::new(), Reason::Missing);
            }
            return;
        };
        if listed == Listed::WrongType {
            self.facts
                .refusals
                .add("", list.to_owned(), Reason::WrongType);
        }
        // What is not on this page may be on the next.
        if self.facts.next_url.is_some() {
            return;
        }
        let subject_is_here = matches!(self.request.path, Path::CustomBars | Path::Trades)
            && (!self.facts.bars.is_empty() || !self.facts.ticks.is_empty());
        let mut missed = false;
        for symbol in self.request.symbols() {
            if !self.seen.contains(symbol) && !subject_is_here {
                self.facts
                    .refusals
                    .add(symbol, list.to_owned(), Reason::Missing);
                missed = true;
            }
        }
        if !missed && matches!(listed, Listed::Nothing | Listed::Many(0)) {
            self.facts
                .refusals
                .add("", list.to_owned(), Reason::Missing);
        }
    }

    /// Where the answer itself does not say how far behind a price is, the round does.
    fn set_feeds(&mut self, is_delayed: bool) {
        let events = self
            .facts
            .spots
            .iter()
            .filter_map(|spot| spot.price.as_ref()?.event_ms);
        let of_round = match self.request.path {
            _ if is_delayed => Feed::Delayed,
            Path::FullMarketSnapshot | Path::SingleTickerSnapshot => {
                feed_of_round(events.max(), self.now_ms)
            }
            _ => Feed::Unknown,
        };
        for spot in &mut self.facts.spots {
            if let Some(price) = &mut spot.price
                && price.feed == Feed::Unknown
            {
                price.feed = of_round;
            }
        }
    }
}
