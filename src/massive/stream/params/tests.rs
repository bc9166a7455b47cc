use proptest::prelude::*;
use proptest::test_runner::Config;

use super::*;

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn what_is_not_confirmed_goes_one_channel_down_until_there_is_none() {
    let mut params = Params::new(Cluster::Stocks);
    params.want(&names(&["SPY", "QQQ"]));
    params.begin(0);
    let asked = params.ask(0);
    assert_eq!(
        asked,
        [
            r#"{"action":"subscribe","params":"T.QQQ,T.SPY,Q.QQQ,Q.SPY,AM.QQQ,AM.SPY,LULD.QQQ,LULD.SPY"}"#
        ]
    );
    params.confirm(" T.SPY");
    params.confirm("AM.QQQ,AM.SPY");
    params.judge(CONFIRM_MS - 1);
    assert_eq!(params.ask(CONFIRM_MS - 1), [""; 0], "there is time left");
    params.judge(CONFIRM_MS);
    assert_eq!(params.price_channel("SPY"), Some(Channel::Trades));
    assert_eq!(
        params.ask(CONFIRM_MS),
        [r#"{"action":"subscribe","params":"A.QQQ"}"#]
    );
    // Its minutes come already: that they are its price is known at once.
    assert_eq!(params.price_channel("QQQ"), Some(Channel::Minutes));
    params.judge(2 * CONFIRM_MS);
    assert_eq!(params.price_channel("QQQ"), Some(Channel::Minutes));
    assert_eq!((params.covered(), params.counts()), ((2, 2), (3, 6)));
    // A word that came late.
    params.confirm("T.QQQ");
    assert_eq!(params.price_channel("QQQ"), Some(Channel::Trades));
}

#[test]
fn a_symbol_without_any_channel_is_not_covered_and_is_asked_for_again_in_a_day() {
    let mut params = Params::new(Cluster::Indices);
    params.want(&names(&["I:SPX"]));
    params.begin(0);
    for (at, asked) in [(0, "V.I:SPX,AM.I:SPX"), (10_000, "A.I:SPX"), (20_000, "")] {
        params.judge(at);
        let wanted = format!(r#"{{"action":"subscribe","params":"{asked}"}}"#);
        let wanted = if asked.is_empty() {
            vec![]
        } else {
            vec![wanted]
        };
        assert_eq!(params.ask(at), wanted, "{at}");
    }
    assert_eq!(params.covered(), (1, 0));
    params.judge(AGAIN_MS);
    assert_eq!(
        params.ask(AGAIN_MS),
        [r#"{"action":"subscribe","params":"V.I:SPX,AM.I:SPX"}"#]
    );
}

#[test]
fn no_message_has_more_than_five_hundred_parameters() {
    let mut params = Params::new(Cluster::Options);
    let contracts: Vec<String> = (0..1_000).map(|n| format!("O:SPY{n:015}")).collect();
    params.want(&contracts);
    params.begin(0);
    let messages = params.ask(0);
    let counts = messages
        .iter()
        .map(|message| message.matches("O:SPY").count());
    assert_eq!(counts.collect::<Vec<_>>(), [500; 4]);
}

#[test]
fn what_leaves_is_told_to_the_vendor_and_what_comes_back_is_asked_for() {
    let mut params = Params::new(Cluster::Indices);
    params.want(&names(&["I:A", "I:B"]));
    params.begin(0);
    params.ask(0);
    params.confirm("V.I:A,AM.I:A");
    params.take_changes();
    params.want(&names(&["I:B"]));
    assert_eq!(params.take_changes(), [("I:A".to_owned(), Source::Gone)]);
    assert_eq!(
        params.ask(1),
        [r#"{"action":"unsubscribe","params":"V.I:A,AM.I:A"}"#]
    );
    params.want(&names(&["I:A", "I:B"]));
    assert_eq!(
        params.ask(2),
        [r#"{"action":"subscribe","params":"V.I:A,AM.I:A"}"#]
    );
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]
    /// Whatever the vendor confirms, when, and whatever is wanted meanwhile: nobody's price comes by a channel that was
    /// not confirmed, what was confirmed is never asked for twice, and in the end each symbol has the best that there is.
    #[test]
    fn whatever_is_confirmed_each_symbol_has_the_best_channel_in_the_end(
        offered in prop::collection::btree_set((0usize..3, 0usize..6), 0..12),
        steps in prop::collection::vec((0u8..4, 0usize..6, 0i64..4_000), 0..60),
    ) {
        let symbols: Vec<String> = (0..6).map(|n| format!("S{n}")).collect();
        let is_offered = |channel: Channel, symbol: &str| {
            let rung = TRADED.iter().position(|known| *known == channel);
            let nth = symbols.iter().position(|known| known == symbol);
            rung.zip(nth).is_some_and(|at| offered.contains(&at))
        };
        let mut params = Params::new(Cluster::Stocks);
        let (mut now_ms, mut wanted) = (0, BTreeSet::new());
        params.begin(0);
        let mut unanswered: Vec<String> = Vec::new();
        let mut confirmed: BTreeSet<String> = BTreeSet::new();
        let settle = (0..8).map(|_| (3, 0, 10_000));
        for (what, nth, wait) in steps.into_iter().chain(settle) {
            match what {
                0 => { wanted.insert(symbols[nth].clone()); }
                1 => { wanted.remove(&symbols[nth]); }
                2 => {}
                _ => {
                    now_ms += wait;
                    params.judge(now_ms);
                }
            }
            params.want(&wanted.iter().cloned().collect::<Vec<_>>());
            for message in params.ask(now_ms) {
                let is_more = message.contains(r#""subscribe""#);
                let list = message.split('"').nth(7).expect("parameters").to_owned();
                for name in list.split(',') {
                    if is_more {
                        prop_assert!(!confirmed.contains(name), "{} is asked for twice", name);
                        unanswered.push(name.to_owned());
                    } else {
                        confirmed.remove(name);
                        unanswered.retain(|known| known != name);
                    }
                }
            }
            // The vendor answers some at once, the others later.
            let later = unanswered.split_off(if what == 2 { unanswered.len() / 2 } else { unanswered.len() });
            for name in std::mem::replace(&mut unanswered, later) {
                let (word, symbol) = name.split_once('.').expect("a parameter");
                let channel = Channel::ALL.into_iter().find(|known| known.word() == word).expect("a channel");
                if is_offered(channel, symbol) {
                    params.confirm(&name);
                    confirmed.insert(name);
                }
            }
            for symbol in &symbols {
                if let Some(channel) = params.price_channel(symbol) {
                    let name = format!("{}.{symbol}", channel.word());
                    prop_assert!(confirmed.contains(&name), "{}", name);
                }
            }
        }
        for symbol in &wanted {
            let best = TRADED.into_iter().find(|channel| is_offered(*channel, symbol));
            prop_assert_eq!(params.price_channel(symbol), best, "{}", symbol);
        }
    }
}
