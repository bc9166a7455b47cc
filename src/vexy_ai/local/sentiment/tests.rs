use proptest::prelude::*;

use super::*;
use crate::vexy_ai::local::{Article, Place};

fn of(title: &str, text: &str) -> (f64, Label, Vec<Reason>) {
    let text = Text::new(&Article {
        title,
        text,
        ..Article::default()
    });
    let sentiments = Sentiments::new();
    let marked = sentiments.mark(&text);
    let mut why = Vec::new();
    let (score, label) = sentiments.of(&text, marked, &mut why);
    (score, label, why)
}

fn label_of(text: &str) -> Label {
    of("", text).1
}

/// The rules and words of the hits of a sentence.
fn hits(text: &str) -> Vec<String> {
    let why = of("", text).2;
    why.iter()
        .map(|r| format!("{}: {} {:+.2}", r.rule, r.words, r.weight))
        .collect()
}

#[test]
fn a_direction_counts_by_the_measure_that_it_governs() {
    for (text, label) in [
        ("Profit rose", Label::Positive),
        ("Profit fell", Label::Negative),
        ("The net loss narrowed", Label::Positive),
        ("The net loss widened", Label::Negative),
        ("Costs were reduced", Label::Positive),
        ("A sharp fall in unemployment was seen", Label::Positive),
        ("Higher raw material prices were paid", Label::Negative),
        ("The company will cut 200 jobs", Label::Negative),
        ("Its dividend was raised", Label::Positive),
        ("It raised its dividend", Label::Positive),
        ("The fund increased its stake", Label::Neutral),
        ("The plant is in Kotka", Label::Neutral),
    ] {
        assert_eq!(label_of(text), label, "{text}: {:?}", hits(text));
    }
}

#[test]
fn the_head_noun_governs() {
    assert_eq!(label_of("Profit before taxes fell"), Label::Negative);
    assert_eq!(
        label_of("The loss of the profit centre grew"),
        Label::Negative
    );
    assert_eq!(
        hits("The profit margin of the debt business rose"),
        ["direction: profit margin of the debt business rose +1.20"]
    );
}

#[test]
fn two_numbers_of_one_unit_are_compared() {
    for (text, label) in [
        (
            "Operating profit was EUR 8.4 mn, compared with EUR 9.1 mn",
            Label::Negative,
        ),
        (
            "Operating profit was EUR 9.1 mn, compared with EUR 8.4 mn",
            Label::Positive,
        ),
        (
            "Operating profit was EUR 1.1 bn, compared with EUR 840 mn",
            Label::Positive,
        ),
        ("Costs were EUR 9.1 mn against EUR 8.4 mn", Label::Negative),
        ("Net sales were EUR 9.1 mn (EUR 8.4 mn)", Label::Positive),
        ("Net sales were EUR 7.5 mn ($ 9.6 mn)", Label::Neutral),
        (
            "Net sales were EUR 9.1 mn and 8.4 % of it came from abroad",
            Label::Neutral,
        ),
    ] {
        assert_eq!(label_of(text), label, "{text}: {:?}", hits(text));
    }
}

#[test]
fn a_swing_into_profit_or_loss_is_told() {
    assert_eq!(
        label_of("It made a loss of EUR 4 mn, compared with a profit of EUR 2 mn"),
        Label::Negative
    );
    assert_eq!(
        label_of("It made a profit of EUR 2 mn, against a loss of EUR 4 mn"),
        Label::Positive
    );
}

#[test]
fn negation_turns_and_takes_some() {
    let plain = of("", "It is profitable").0;
    let negated = of("", "It is not profitable yet").0;
    assert!(plain > 0.0 && negated < 0.0, "{plain} {negated}");
    let (_, _, why) = of("", "It was not impressive");
    assert!((why[0].weight + 0.74).abs() < 1e-9, "{why:?}");
    // Further away than three words, or in another clause, it says nothing.
    assert!(of("", "It was not there, impressive").0 > 0.0);
}

#[test]
fn words_of_degree_add_or_take() {
    let plain = of("", "Profit rose").0;
    assert!(of("", "Profit rose sharply").0 > plain);
    assert!(of("", "Profit rose slightly").0 < plain);
}

#[test]
fn what_is_no_signal_is_none() {
    for text in [
        "More than 300 people work there",
        "It employs up to 40 people",
        "The fund will sell shares to the public",
        "The tower will rise to 80 metres",
        "The order includes 34 lifts",
    ] {
        assert_eq!(label_of(text), Label::Neutral, "{text}: {:?}", hits(text));
    }
}

#[test]
fn the_title_counts_twice_and_later_sentences_less() {
    let (title, text) = (of("Profit rose", "").2, of("", "Profit rose").2);
    assert!((title[0].weight - 2.0 * text[0].weight).abs() < 1e-9);
    assert_eq!(
        (title[0].place, text[0].place),
        (Place::Title, Place::Sentence(0))
    );
    let later = of("", "Here it is. Profit rose").2;
    assert!(later[0].weight < text[0].weight);
    assert_eq!(later[0].place, Place::Sentence(1));
}

#[test]
fn what_follows_despite_weighs_little() {
    assert_eq!(
        of("Shares rally despite weak results", "").1,
        Label::Positive
    );
    assert_eq!(
        of("Shares fall even as profit rises", "").1,
        Label::Negative
    );
}

#[test]
fn what_is_governed_is_looked_for_in_linear_time() {
    let steps = |words: &str, times: usize| {
        govern::steps::taken();
        of("", &words.repeat(times));
        govern::steps::taken()
    };
    for words in [
        "raise ",
        "rose ",
        "up 5 ",
        "profit of ",
        "rising and ",
        "a rise ",
        "lower ",
    ] {
        let (few, many) = (steps(words, 200), steps(words, 2000));
        assert!(many <= 12 * few.max(200), "{words}: {few} and {many} steps");
    }
}

proptest! {
    #[test]
    fn reasons_add_up_to_the_score(title in "\\PC{0,80}", text in "\\PC{0,400}") {
        adds_up(&title, &text)?;
    }

    #[test]
    fn reasons_of_our_own_words_add_up_as_well(
        words in proptest::collection::vec(
            prop_oneof![
                Just("profit"), Just("loss"), Just("rose"), Just("fell"), Just("up"), Just("not"), Just("despite"),
                Just("but"), Just("from"), Just("8.4"), Just("%"), Just("EUR"), Just("mn"), Just(","), Just("."),
                Just("higher"), Just("costs"), Just("cut"), Just("in"), Just("strong"), Just("sharply"), Just("?"),
                Just("hit"), Just("52"), Just("week"), Just("high"), Just("("), Just("compared"), Just("Sell"), Just("mixed"),
            ],
            0..80,
        ),
    ) {
        let text = words.join(" ");
        adds_up(&text, &text)?;
    }
}

fn adds_up(title: &str, text: &str) -> Result<(), TestCaseError> {
    let (score, label, why) = of(title, text);
    let sum: f64 = why.iter().map(|r| r.weight).sum();
    prop_assert!((bounded(sum) - score).abs() < 1e-9);
    prop_assert!((-1.0..=1.0).contains(&score));
    prop_assert!(why.len() <= HITS_MAX);
    prop_assert_eq!(label == Label::Neutral, score.abs() < LABELLED);
    let there = why
        .iter()
        .all(|r| title.contains(&*r.words) || text.contains(&*r.words));
    prop_assert!(there, "each reason shows words of the article");
    Ok(())
}
