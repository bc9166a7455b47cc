use super::*;
use crate::vexy_ai::local::Article;
use proptest::prelude::*;

/// Headlines of our own and what they are about. All were in view when the phrases were made: what is measured on them
/// guards against steps back, and says little of headlines that nobody saw.
const EVENTS: &str = include_str!("../../../../tests/analyst/events.tsv");

/// The ten that are measured.
const TEN: [Event; 10] = [
    Event::Earnings,
    Event::MAndA,
    Event::AnalystRating,
    Event::Dividend,
    Event::IpoOffering,
    Event::Management,
    Event::LegalRegulatory,
    Event::CentralBank,
    Event::MacroData,
    Event::MarketMove,
];

fn of(events: &Events, title: &str) -> Event {
    let text = Text::new(&Article {
        title,
        ..Article::default()
    });
    events.find(&text).0[0]
}

/// Macro-F1 over the ten.
fn measured(events: &Events) -> f64 {
    let mut counts = std::collections::HashMap::new();
    for line in EVENTS.lines() {
        let (label, title) = line.split_once('\t').expect("a tab");
        let got = of(events, title).as_str();
        if got != label {
            println!("{got} for {label}: {title}");
        }
        *counts.entry((label, got)).or_insert(0) += 1;
    }
    let sum = |keep: &dyn Fn(&str, &str) -> bool| -> f64 {
        let kept = counts.iter().filter(|((label, got), _)| keep(label, got));
        f64::from(kept.map(|(_, n)| n).sum::<i32>())
    };
    let f1 = TEN.iter().map(|event| {
        let name = event.as_str();
        let right = sum(&|label, got| label == name && got == name);
        2.0 * right / (sum(&|label, _| label == name) + sum(&|_, got| got == name))
    });
    f1.sum::<f64>() / 10.0
}

#[test]
fn ten_events_are_told_apart() {
    let events = Events::new();
    let f1 = measured(&events);
    println!("macro-F1 {f1:.3}");
    assert!(f1 >= 0.90, "{f1}");
}

#[test]
fn a_price_that_moves_is_the_event_only_when_nothing_else_is_named() {
    let events = Events::new();
    assert_eq!(of(&events, "Acme shares fall 7%"), Event::MarketMove);
    assert_eq!(
        of(&events, "Acme shares fall 7% as profit misses estimates"),
        Event::Earnings
    );
}

#[test]
fn a_veto_takes_a_phrase_away() {
    let events = Events::new();
    assert_eq!(
        of(&events, "Upgrade of the mobile network begins"),
        Event::Product
    );
    assert_eq!(of(&events, "Five names worth a look"), Event::Other);
}

#[test]
fn the_title_outweighs_the_text() {
    let events = Events::new();
    let text = Text::new(&Article {
        title: "Acme declares dividend",
        text: "Acme was sued by a rival last week. A judge is to hear the lawsuit. A court said so. The lawsuit is one of \
            several lawsuits. Prosecutors have opened an investigation.",
        ..Article::default()
    });
    let (found, why) = events.find(&text);
    assert_eq!(found[0], Event::Dividend);
    assert!(found.contains(&Event::LegalRegulatory), "{found:?}");
    assert_eq!(why[0].place, crate::vexy_ai::local::Place::Title);
}

proptest! {
    #[test]
    fn the_best_event_has_the_greatest_sum_of_reasons(
        title in "((profit|Fed|shares|fall|to buy|7|%|lawsuit|names|CEO|dividend|price target|raised|\\.|\u{e9}) ){0,12}",
        text in ".{0,80}",
    ) {
        thread_local! {
            static EVENTS: Events = Events::new();
        }
        let text = Text::new(&Article { title: &title, text: &text, ..Article::default() });
        let (found, why) = EVENTS.with(|events| events.find(&text));
        let sum = |event: Event| -> f64 {
            why.iter().filter(|r| r.rule == event.as_str()).map(|r| r.weight).sum()
        };
        prop_assert!(!found.is_empty());
        for other in &found[1..] {
            prop_assert!(sum(found[0]) >= sum(*other) || *other == Event::MarketMove, "{found:?} {why:?}");
        }
    }
}
