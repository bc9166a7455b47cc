use super::*;
use crate::vexy_ai::local::Article;
use proptest::prelude::*;

/// Headlines of our own and the tickers that they name. All were in view when the rules were made: what is measured on
/// them guards against steps back, and says little of headlines that nobody saw.
const TICKERS: &str = include_str!("../../../../tests/analyst/tickers.tsv");

fn found(names: &Names, title: &str) -> Vec<(String, &'static str)> {
    let text = Text::new(&Article {
        title,
        ..Article::default()
    });
    let tickers = names.find(&text, false).0;
    tickers
        .into_iter()
        .map(|t| (t.symbol.into(), t.rule))
        .collect()
}

/// Recall, and others than the expected an item.
fn measured(names: &Names) -> (f64, f64) {
    let (mut expected, mut hits, mut others, mut items) = (0.0, 0.0, 0.0, 0.0);
    for line in TICKERS.lines() {
        let (title, tickers) = line.split_once('\t').expect("a tab");
        let want: Vec<&str> = tickers.split(',').filter(|t| !t.is_empty()).collect();
        let got = found(names, title);
        let right = got.iter().filter(|(s, _)| want.contains(&s.as_str()));
        let right = right.count();
        if right < want.len().max(got.len()) {
            println!("{title}: {got:?} for {want:?}");
        }
        items += 1.0;
        expected += want.len() as f64;
        hits += right as f64;
        others += (got.len() - right) as f64;
    }
    (hits / expected, others / items)
}

#[test]
fn tickers_are_found_in_headlines_and_few_others() {
    let names = Names::new(Companies::shipped());
    let (recall, others) = measured(&names);
    println!("recall {recall:.3}, others {others:.3}");
    assert!(
        recall >= 0.95 && others <= 0.04,
        "recall {recall}, others {others}"
    );
}

fn rules(names: &Names, title: &str) -> String {
    let hits = found(names, title);
    let hits: Vec<String> = hits
        .into_iter()
        .map(|(s, rule)| format!("{s} {rule}"))
        .collect();
    hits.join(", ")
}

#[test]
fn each_hit_says_its_rule() {
    let names = Names::new(Companies::shipped());
    for (title, hits) in [
        ("$AAPL $BRK.B up", "AAPL cashtag, BRK.B cashtag"),
        ("$4 or US$B is no tag", ""),
        ("Exelixis (NASDAQ: EXEL) up", "EXEL exchange"),
        (
            "Acme Mining (NYSE American: ACMX, TSX: ACM) drills",
            "ACMX exchange, ACM exchange",
        ),
        (
            "Vodafone VOD.L, Nokia NOKIA.HE and Apple AAPL.O",
            "AAPL suffix, VOD.L suffix, NOKIA.HE suffix, NOK name",
        ),
        ("Snap (SNAP) falls", "SNAP symbol"),
        ("Sanctions (SNAP) fall", ""),
        ("TSLA falls", "TSLA symbol"),
        ("ALL IN CAPITALS TSLA SAYS", ""),
        ("microsoft and bank of america gain", "MSFT name, BAC name"),
        ("a target for apple growers", ""),
        ("Shares of Gap fall", "GAP name+evidence"),
        ("Procter & Gamble, Procter and Gamble, P&G", "PG name"),
        ("McDonald\u{2019}s and Moody's Corp", "MCD name, MCO name"),
        ("Dow Inc profit falls, Dow Jones rises", "DOW name"),
    ] {
        assert_eq!(rules(&names, title), hits, "{title}");
    }
}

#[test]
fn in_other_languages_only_symbols_are_found() {
    let names = Names::new(Companies::shipped());
    let text = Text::new(&Article {
        title: "Apple und Microsoft steigen, $NVDA und SAP.DE auch; TSLA nicht",
        ..Article::default()
    });
    let tickers = names.find(&text, true).0;
    let symbols: Vec<&str> = tickers.iter().map(|t| t.symbol.as_str()).collect();
    assert_eq!(symbols, ["NVDA", "SAP.DE"]);
}

#[test]
fn what_the_title_names_comes_first_then_what_is_named_most() {
    let names = Names::new(Companies::shipped());
    let text = Text::new(&Article {
        title: "Nvidia gains",
        text: "Apple fell. Microsoft rose. Microsoft and Nvidia said so.",
        ..Article::default()
    });
    let (tickers, why) = names.find(&text, false);
    let symbols: Vec<&str> = tickers.iter().map(|t| t.symbol.as_str()).collect();
    assert_eq!(symbols, ["NVDA", "MSFT", "AAPL"]);
    assert_eq!(
        (why[0].words.as_str(), why[0].place),
        ("Nvidia", Place::Title)
    );
}

#[test]
fn a_list_of_ones_own_replaces_the_shipped_one() {
    let list = Companies::parse("ACME\tAcme Rockets\nMSFT\tMicrosoft".into()).expect("a list");
    let names = Names::new(list);
    let title = "Acme Rockets to buy Twitter from Apple, Google says";
    assert_eq!(rules(&names, title), "ACME name");
    assert_eq!(rules(&Names::new(Companies::none()), title), "");
}

proptest! {
    #[test]
    fn any_text_is_read(title in ".{0,60}", text in "([A-Z][a-z]{0,6}|[$][A-Z]{1,6}|of|Target|Gap|[(]NYSE: |[(]|[)]|[:.,&'-]|3M|Apple|Goldman| |\n|\u{e9}){0,60}") {
        thread_local! {
            static NAMES: Names = Names::new(Companies::shipped());
        }
        let text = Text::new(&Article { title: &title, text: &text, ..Article::default() });
        NAMES.with(|names| {
            let (tickers, why) = names.find(&text, false);
            assert!(tickers.len() <= TICKERS_MAX);
            assert!(why.len() >= tickers.len());
        });
    }
}
