//! How often the local analyser's word for a sentence is the one that a reader would give.
//!
//! `vexy_sentiment/sentences.tsv` holds sentences of our own in the manner of company news, each with the label that an
//! investor would give it. `SENTIMENT_DATA` names a folder with `headlines.jsonl`, real headlines that readers have
//! labelled (`title`, `label`); it is data of another project and not part of this one. Without it the test says so and
//! checks nothing.

use std::path::Path;

use marketswarm::vexy_ai::local::companies::Companies;
use marketswarm::vexy_ai::local::{Analyser, Article, Label, Options};
use serde_json::Value;

const OPTIONS: Options = Options { summary_chars: 300 };
const LABELS: [&str; 3] = ["positive", "neutral", "negative"];

/// How often which label was given to what has which label.
#[derive(Default)]
struct Table([[usize; 3]; 3]);

impl Table {
    fn add(&mut self, is: &str, given: Label) {
        let number = |label: &str| {
            let found = LABELS.iter().position(|l| *l == label);
            found.unwrap_or_else(|| panic!("{label:?} is no label"))
        };
        self.0[number(is)][number(given.as_str())] += 1;
    }

    fn accuracy(&self) -> f64 {
        let right: usize = (0..3).map(|n| self.0[n][n]).sum();
        right as f64 / self.0.iter().flatten().sum::<usize>() as f64
    }

    /// The mean over the labels of the harmonic mean of precision and recall.
    fn macro_f1(&self) -> f64 {
        let f1 = |n: usize| {
            let are: usize = self.0[n].iter().sum();
            let given: usize = self.0.iter().map(|row| row[n]).sum();
            2.0 * self.0[n][n] as f64 / (are + given).max(1) as f64
        };
        (0..3).map(f1).sum::<f64>() / 3.0
    }
}

#[test]
fn sentences_of_company_news_have_the_label_that_a_reader_gives() {
    let analyser = Analyser::new(Companies::shipped());
    let (mut as_text, mut as_title) = (Table::default(), Table::default());
    for line in include_str!("vexy_sentiment/sentences.tsv").lines() {
        let (label, sentence) = line.split_once('\t').expect("a label, a tab, a sentence");
        let of = |title, text| {
            let article = Article {
                title,
                text,
                ..Article::default()
            };
            analyser.analyse(&article, &OPTIONS).label
        };
        as_text.add(label, of("", sentence));
        as_title.add(label, of(sentence, ""));
    }
    for (table, place) in [(as_text, "text"), (as_title, "title")] {
        let (accuracy, macro_f1) = (table.accuracy(), table.macro_f1());
        println!("as {place}: accuracy {accuracy:.4}, macro-F1 {macro_f1:.4}");
        assert!(
            accuracy >= 0.90,
            "as {place}: accuracy {accuracy:.4}, {:?}",
            table.0
        );
        assert!(
            macro_f1 >= 0.88,
            "as {place}: macro-F1 {macro_f1:.4}, {:?}",
            table.0
        );
    }
}

#[test]
fn headlines_have_the_label_that_a_reader_gives() {
    let Some(folder) = std::env::var_os("SENTIMENT_DATA") else {
        crate::support::say_skipped(
            "SENTIMENT_DATA is not set, so the sentiment of headlines is not checked against readers",
        );
        return;
    };
    let path = Path::new(&folder).join("headlines.jsonl");
    let lines =
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let analyser = Analyser::new(Companies::shipped());
    let mut table = Table::default();
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let article = Article {
            title: line["title"].as_str().expect("a title"),
            ..Article::default()
        };
        let given = analyser.analyse(&article, &OPTIONS).label;
        table.add(line["label"].as_str().expect("a label"), given);
    }
    let (accuracy, macro_f1) = (table.accuracy(), table.macro_f1());
    println!("accuracy {accuracy:.4}, macro-F1 {macro_f1:.4}");
    assert!(accuracy >= 0.78, "accuracy {accuracy:.4}, {:?}", table.0);
}
