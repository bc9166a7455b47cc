//! Symbols that are written as such: `$AAPL`, `(NASDAQ: AAPL)`, `VOD.L`, `Apple (AAPL)`, and `TSLA` where nothing else is called so.

use super::Found;
use super::table::{Table, with_dot};
use crate::vexy_ai::local::by_hash::Filter;
use crate::vexy_ai::local::text::{Kind, Text, Token, word_hash};

/// What stands before a colon and a symbol.
const EXCHANGES: &str = "nasdaq nasdaqgs nasdaqgm nasdaqcm nyse nysearca nyseamerican amex nysemkt arca cboe otc otcqb otcqx otcpk \
    otcbb otcmkts tsx tsxv tsx-v cse neo lse lon aim asx epa etr fra xetra euronext ams bit bme swx six hkex hkg \
    sehk tse tyo sgx kospi krx nse nzx jse bvl";
/// What stands between such a word and the colon.
const PARTS: &str =
    "american arca global select capital market mkt gs gm cm pink pinks markets bb qb qx v paris";
/// Suffixes of exchanges as Reuters and Yahoo write them. That of a US exchange is left out of the symbol.
const SUFFIXES: &str = "L TO V PA DE F MI AS BR MC SW ST HE CO OL VI LS WA HK T SS SZ KS KQ TW SI AX NZ NS BO SA MX JO IS TA NE CN";
const US_SUFFIXES: &[&str] = &["N", "O", "OQ", "K", "P"];
/// Letters that tell a class of shares.
const CLASSES: &[&str] = &["A", "B", "C"];

/// Knows the names of exchanges.
#[derive(Debug)]
pub(super) struct Symbols {
    exchanges: Vec<u64>,
    filter: Filter,
}

impl Symbols {
    pub(super) fn new() -> Symbols {
        let exchanges: Vec<u64> = EXCHANGES.split_whitespace().map(word_hash).collect();
        Symbols {
            filter: Filter::new(exchanges.iter().copied()),
            exchanges,
        }
    }

    fn is_exchange(&self, hash: u64) -> bool {
        self.filter.may_have(hash) && self.exchanges.contains(&hash)
    }

    /// Adds what stands as a symbol in `text`.
    pub(super) fn find(&self, text: &Text, table: &Table, marked_only: bool, found: &mut Found) {
        let mut lists_until = 0;
        for sentence in text.sentences().iter().filter(|s| !s.repeated) {
            for at in sentence.first as usize..sentence.last as usize {
                let token = &text.tokens()[at];
                let hit = match token.kind {
                    Kind::Cashtag => Some((text.word(token).to_ascii_uppercase(), "cashtag")),
                    Kind::Word if !token.capital() => None,
                    Kind::Dotted | Kind::Word if at < lists_until => None,
                    Kind::Word if self.is_exchange(token.hash) => {
                        lists_until = exchange(text, table, at, found).unwrap_or(lists_until);
                        None
                    }
                    Kind::Dotted => suffixed(text.word(token)),
                    Kind::Word if !marked_only && is_symbol(text, table, at) => {
                        Some((text.word(token).to_owned(), "symbol"))
                    }
                    _ => None,
                };
                if let Some((symbol, rule)) = hit {
                    add(text, table, token, &symbol, rule, found);
                }
            }
        }
    }
}

fn add(
    text: &Text,
    table: &Table,
    token: &Token,
    symbol: &str,
    rule: &'static str,
    found: &mut Found,
) {
    let name = name_of(table, symbol);
    found.add(
        with_dot(symbol),
        name,
        rule,
        text.word(token),
        1.0,
        text.place(token.sentence),
    );
}

fn name_of<'a>(table: &'a Table, symbol: &str) -> Option<&'a str> {
    let lower = symbol.to_ascii_lowercase().replace('.', "-");
    table.by_symbol(word_hash(&lower)).map(|(name, _)| name)
}

fn is_one_of(word: &str, words: &str) -> bool {
    words.split_ascii_whitespace().any(|w| w == word)
}

/// The symbols after an exchange's name and a colon, and the token after them.
fn exchange(text: &Text, table: &Table, at: usize, found: &mut Found) -> Option<usize> {
    let tokens = text.tokens();
    let mut next = at + 1;
    while next < at + 4
        && tokens
            .get(next)
            .is_some_and(|t| is_one_of(text.lower(t), PARTS))
    {
        next += 1;
    }
    if tokens.get(next).is_none_or(|t| text.word(t) != ":") {
        return None;
    }
    next += 1;
    loop {
        let token = tokens.get(next)?;
        let word = text.word(token);
        let symbol = match token.kind {
            Kind::Cashtag => true,
            Kind::Word | Kind::Dotted => {
                word.len() <= 6
                    && word
                        .bytes()
                        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'.')
            }
            _ => false,
        };
        if !symbol {
            return Some(next);
        }
        add(text, table, token, word, "exchange", found);
        let more = tokens
            .get(next + 1)
            .is_some_and(|t| matches!(text.word(t), "," | ";" | "/"));
        // After a comma only another symbol that the list knows: what follows may be anything.
        let known = tokens.get(next + 2).is_some_and(|t| {
            name_of(table, text.word(t)).is_some() && (t.upper() || t.kind == Kind::Cashtag)
        });
        if !more || !known {
            return Some(next + 1);
        }
        next += 2;
    }
}

/// `VOD.L` as it is, `AAPL.O` without the exchange, `BRK.B` as it is.
fn suffixed(word: &str) -> Option<(String, &'static str)> {
    let (symbol, suffix) = word.split_once('.')?;
    if US_SUFFIXES.contains(&suffix)
        && symbol.len() <= 5
        && symbol.bytes().all(|b| b.is_ascii_uppercase())
    {
        return Some((symbol.to_owned(), "suffix"));
    }
    let class = CLASSES.contains(&suffix) && symbol.len() <= 4 && symbol.len() >= 2;
    (class || is_one_of(suffix, SUFFIXES)).then(|| (word.to_owned(), "suffix"))
}

/// Whether the word at `at` is a symbol of the list: in brackets after its company's name, or one that means nothing else.
fn is_symbol(text: &Text, table: &Table, at: usize) -> bool {
    let token = &text.tokens()[at];
    let len = token.end - token.start;
    if len > 5
        || token.joined()
        || token.possessive()
        || !(token.upper() || len == 1 && token.capital())
    {
        return false;
    }
    let Some((name, bare)) = table.by_symbol(token.hash) else {
        return false;
    };
    let around = |step: isize| {
        let other = at
            .checked_add_signed(step)
            .and_then(|at| text.tokens().get(at));
        other.map_or("", |t| text.lower(t))
    };
    if around(-1) == "(" && matches!(around(1), ")" | ",") {
        let before = around(-2);
        let names_it = before.len() > 1 && name.to_lowercase().contains(before);
        return bare || names_it;
    }
    // Among nothing but capitals a symbol looks like any word, and beside a number's sign like a unit.
    bare && !next_is_joined(text, at) && !all_capitals(text, token.sentence)
}

fn next_is_joined(text: &Text, at: usize) -> bool {
    let number = |t: &Token| matches!(t.kind, Kind::Number);
    text.tokens().get(at + 1).is_some_and(Token::joined)
        || at
            .checked_sub(1)
            .is_some_and(|before| number(&text.tokens()[before]))
}

/// Whether more than half of a sentence's words are in capitals.
pub(super) fn all_capitals(text: &Text, sentence: u16) -> bool {
    let Some(sentence) = text.sentences().get(usize::from(sentence)) else {
        return false;
    };
    let words = text
        .tokens_of(sentence)
        .iter()
        .filter(|t| t.kind == Kind::Word);
    let (all, upper) = words.fold((0, 0), |(all, upper), t| {
        (all + 1, upper + u32::from(t.upper()))
    });
    upper * 2 > all && all > 1
}
