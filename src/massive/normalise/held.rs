//! What is held of a symbol from answer to answer.
//!
//! Price, quote and day are groups, each with its own time: a newer one replaces the older whole, an absent one leaves
//! the older as it is. So an answer without a quote ages the quote and nothing else.

use crate::massive::facts::{Band, Day, Price, Quote, Spot};

/// Within how much of a jumped price a later one must lie to confirm it.
const CONFIRMED_WITHIN: f64 = 0.05;

/// The groups of a symbol.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Held {
    pub price: Option<Price<'static>>,
    pub quote: Option<Quote<'static>>,
    pub day: Option<Day<'static>>,
    pub band: Option<Band<'static>>,
    /// A price that jumped and is not confirmed yet.
    jumped: Option<Price<'static>>,
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The price is another one than before, or of another time.
    pub price_changed: bool,
    /// Anything is.
    pub changed: bool,
    /// The price jumped: it is held back until a later one confirms it.
    pub jumped: bool,
}

impl Held {
    /// The groups as they were written before.
    pub fn of(
        price: Option<Price<'static>>,
        quote: Option<Quote<'static>>,
        day: Option<Day<'static>>,
    ) -> Held {
        Held {
            price,
            quote,
            day,
            band: None,
            jumped: None,
        }
    }

    /// Takes what an answer says. `jump_pct` is by how many percent a price may differ from the one before; 0 lets
    /// every price pass.
    pub fn take(&mut self, spot: Spot, jump_pct: f64) -> Taken {
        let mut taken = Taken::default();
        if let Some(price) = spot.price {
            self.take_price(price.into_owned(), jump_pct, &mut taken);
        }
        if let Some(quote) = spot.quote
            && replaces(
                self.quote.as_ref().map(|held| held.event_ms),
                quote.event_ms,
            )
        {
            taken.changed |= put(&mut self.quote, quote.into_owned());
        }
        if let Some(day) = spot.day
            && replaces(self.day.as_ref().map(|held| held.event_ms), day.event_ms)
        {
            taken.changed |= put(&mut self.day, day.into_owned());
        }
        taken
    }

    /// Takes within which prices it may trade; whether that is other than before.
    pub fn take_band(&mut self, band: Band<'static>) -> bool {
        let held = self.band.as_ref().map(|held| Some(held.event_ms));
        replaces(held, Some(band.event_ms)) && put(&mut self.band, band)
    }

    fn take_price(&mut self, price: Price<'static>, jump_pct: f64, taken: &mut Taken) {
        if self
            .price
            .as_ref()
            .is_some_and(|held| is_same_event(held, &price))
        {
            return;
        }
        if !replaces(
            self.price.as_ref().map(|held| held.event_ms),
            price.event_ms,
        ) {
            return;
        }
        if let Some(held) = &self.price
            && jump_pct > 0.0
            && apart(price.value.value(), held.value.value()) > jump_pct / 100.0
            && !self.is_confirmed(&price)
        {
            taken.jumped = true;
            self.jumped = Some(price);
            return;
        }
        self.jumped = None;
        taken.price_changed = put(&mut self.price, price);
        taken.changed |= taken.price_changed;
    }

    /// Does a later event say what the jump said?
    fn is_confirmed(&self, price: &Price) -> bool {
        self.jumped.as_ref().is_some_and(|jumped| {
            price.event_ms > jumped.event_ms
                && apart(price.value.value(), jumped.value.value()) <= CONFIRMED_WITHIN
        })
    }
}

/// Is it what is held, told by another path? The stream numbers its trades, and a snapshot does not.
fn is_same_event(held: &Price, price: &Price) -> bool {
    held.event_ms.is_some()
        && (held.event_ms, held.kind) == (price.event_ms, price.kind)
        && held.value.value() == price.value.value()
        && held.sequence.is_some() != price.sequence.is_some()
}

/// By which share of the other a value differs from it. From 0 nothing is far.
fn apart(value: f64, other: f64) -> f64 {
    if other == 0.0 {
        0.0
    } else {
        ((value - other) / other).abs()
    }
}

/// May a group of this time replace the one that is held? What has no time is not known to be newer than what has one.
fn replaces(held: Option<Option<i64>>, event_ms: Option<i64>) -> bool {
    match (held, event_ms) {
        (None | Some(None), _) => true,
        (Some(Some(_)), None) => false,
        (Some(Some(held)), Some(new)) => new >= held,
    }
}

/// Puts a group in place; true when it differs from the one before.
fn put<T: PartialEq>(place: &mut Option<T>, group: T) -> bool {
    let differs = place.as_ref() != Some(&group);
    *place = Some(group);
    differs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::massive::facts::{Feed, Kind};
    use crate::massive::number::Decimal;

    fn spot(price: &'static str, event_ms: impl Into<Option<i64>>) -> Spot<'static> {
        Spot {
            symbol: "SPY".into(),
            price: Some(Price {
                value: Decimal::read(price).expect(price),
                kind: Kind::Trade,
                event_ms: event_ms.into(),
                size: None,
                conditions: Vec::new(),
                sequence: None,
                feed: Feed::Live,
            }),
            quote: None,
            day: None,
            session: None,
        }
    }

    fn quoted(bid: &'static str, event_ms: i64) -> Spot<'static> {
        let quote = Quote {
            bid: Decimal::read(bid),
            event_ms: Some(event_ms),
            ..Quote::default()
        };
        Spot {
            price: None,
            quote: Some(quote),
            ..spot("1", 1)
        }
    }

    fn price(held: &Held) -> &str {
        held.price.as_ref().map_or("", |price| price.value.text())
    }

    #[test]
    fn a_newer_group_replaces_the_older_and_an_absent_one_leaves_it() {
        let mut held = Held::default();
        assert!(held.take(spot("100", 1_000), 30.0).price_changed);
        assert!(!held.take(spot("100", 1_000), 30.0).changed);
        assert!(!held.take(spot("99", 999), 30.0).changed, "a step back");
        assert_eq!(price(&held), "100");
        assert!(
            !held.take(spot("98", None), 30.0).changed,
            "undated after dated"
        );
        let taken = held.take(quoted("99.5", 500), 30.0);
        assert!(taken.changed && !taken.price_changed);
        assert_eq!(price(&held), "100", "the quote's answer had no price");
        assert!(held.take(spot("101", 1_001), 30.0).price_changed);
        let bid = held.quote.as_ref().and_then(|quote| quote.bid.as_ref());
        assert_eq!(bid.map(Decimal::text), Some("99.5"));
    }

    #[test]
    fn a_dated_price_replaces_an_undated_one() {
        let mut held = Held::default();
        held.take(spot("100", None), 30.0);
        assert!(held.take(spot("101", None), 30.0).changed);
        assert!(held.take(spot("102", 5), 30.0).changed);
    }

    #[test]
    fn a_jump_is_held_until_a_later_event_confirms_it() {
        let mut held = Held::default();
        held.take(spot("100", 1), 30.0);
        // A split: half the price.
        assert!(held.take(spot("50", 2), 30.0).jumped);
        assert_eq!(price(&held), "100");
        assert!(
            held.take(spot("50", 2), 30.0).jumped,
            "the same event again confirms nothing"
        );
        assert!(held.take(spot("51", 3), 30.0).price_changed);
        assert_eq!(price(&held), "51");
    }

    #[test]
    fn a_jump_that_nothing_confirms_goes() {
        let mut held = Held::default();
        held.take(spot("100", 1), 30.0);
        assert!(held.take(spot("500", 2), 30.0).jumped);
        assert!(held.take(spot("101", 3), 30.0).price_changed, "one slip");
        assert!(
            held.take(spot("500", 4), 30.0).jumped,
            "and the first one is forgotten"
        );
        assert!(
            held.take(spot("600", 5), 30.0).jumped,
            "over 5 % from the first"
        );
        assert!(held.take(spot("610", 6), 30.0).price_changed);
    }

    #[test]
    fn a_trade_that_comes_by_stream_and_by_snapshot_is_one() {
        let numbered = |price| {
            let mut spot = spot(price, 5);
            if let Some(price) = &mut spot.price {
                price.sequence = Some(7);
            }
            spot
        };
        let mut held = Held::default();
        held.take(spot("100", 5), 30.0);
        assert!(!held.take(numbered("100.0"), 30.0).changed);
        assert!(held.take(numbered("101"), 30.0).price_changed);
        assert!(!held.take(spot("101", 5), 30.0).changed);
    }

    #[test]
    fn up_to_the_limit_and_without_one_every_price_passes() {
        let mut held = Held::default();
        held.take(spot("100", 1), 30.0);
        assert!(held.take(spot("130", 2), 30.0).price_changed);
        assert!(held.take(spot("1", 3), 0.0).price_changed);
    }
}
