use super::*;
use crate::vexy_ai::local::Article;

/// Headlines of our own and the tickers that they name. Rules were written with every other line in view.
const TICKERS: &str = include_str!("../../../../tests/analyst/tickers.tsv");

fn found(names: &Names, title: &str) -> Vec<(String, &'static str)> {
    let text = Text::new(&Article {
        title,
        ..Article::default()
    });
    let tickers = names.find(&text, false).0;
    tickers.into_iter().map(|t| (t.symbol, t.rule)).collect()
}

/// Recall and false ones an item, over the lines with this remainder by 2.
fn measured(names: &Names, remainder: usize) -> (f64, f64) {
    let (mut expected, mut hits, mut others, mut items) = (0.0, 0.0, 0.0, 0.0);
    for (at, line) in TICKERS.lines().enumerate() {
        let (title, tickers) = line.split_once('\t').expect("a tab");
        let want: Vec<&str> = tickers.split(',').filter(|t| !t.is_empty()).collect();
        let got = found(names, title);
        if std::env::var("SHOW").is_ok() {
            let missed: Vec<_> = want.iter().filter(|w| !got.iter().any(|(s, _)| s == *w)).collect();
            let wrong: Vec<_> = got.iter().filter(|(s, _)| !want.contains(&s.as_str())).collect();
            if (!missed.is_empty() || !wrong.is_empty()) && at % 2 == remainder {
                println!("{title}: missed {missed:?} wrong {wrong:?}");
            }
        }
        if at % 2 == remainder {
            items += 1.0;
            expected += want.len() as f64;
            let right = got.iter().filter(|(s, _)| want.contains(&s.as_str())).count();
            hits += right as f64;
            others += (got.len() - right) as f64;
        }
    }
    (hits / expected, others / items)
}

#[test]
fn tickers_are_found_in_headlines_and_few_others() {
    let names = Names::new(&Companies::shipped());
    for remainder in [0, 1] {
        let (recall, others) = measured(&names, remainder);
        println!("{remainder}: recall {recall:.3} others {others:.3}");
        assert!(recall >= 0.65 && others <= 0.10, "{recall} {others}");
    }
}
