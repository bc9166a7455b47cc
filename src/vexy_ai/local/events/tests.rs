use super::*;
use crate::vexy_ai::local::Article;

/// Headlines of our own and what they are about. Rules were written with every other line in view.
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

/// Macro-F1 over ten events, on the lines with this remainder by 2.
fn measured(events: &Events, remainder: usize) -> f64 {
    let mut counts = std::collections::HashMap::new();
    for (at, line) in EVENTS.lines().enumerate() {
        let (label, title) = line.split_once('\t').expect("a tab");
        if at % 2 != remainder {
            continue;
        }
        let got = of(events, title).as_str();
        if std::env::var("SHOW").is_ok() && got != label {
            println!("{label} but {got}: {title}");
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
    for remainder in [0, 1] {
        let f1 = measured(&events, remainder);
        println!("{remainder}: macro-F1 {f1:.3}");
        assert!(f1 >= 0.60, "{f1}");
    }
}
