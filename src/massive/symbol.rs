//! What a symbol is called: stocks (`BRK.B`), indices (`I:SPX`) and option contracts (`O:SPY261218C00600000`).
//!
//! Case is kept: the vendor calls the preferred share of AMB `AMpB`, and `AMPB` is another company.
//! Source: <https://massive.com/docs/rest/stocks/tickers/all-tickers>.

/// Most bytes of a stock's symbol.
pub const STOCK_MAX_BYTES: usize = 16;
/// Most bytes of an index' symbol, its `I:` included.
pub const INDEX_MAX_BYTES: usize = 17;
/// Most bytes that a ticker of the vendor's is read with; a contract's has 21 at most.
pub const TICKER_MAX_BYTES: usize = 32;

/// The ticker that stands in an answer as the JSON string `json`: printable, and no longer than any that there are.
pub fn ticker_text(json: &str) -> Option<&str> {
    let text = json.strip_prefix('"')?.strip_suffix('"')?;
    let plain = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    (!text.is_empty() && text.len() <= TICKER_MAX_BYTES && text.bytes().all(plain)).then_some(text)
}

/// What kind of thing a ticker names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Stock,
    Index,
    Option,
}

/// The kind of thing that a ticker names, by the prefix that the vendor gives it.
pub fn class(ticker: &str) -> Class {
    match ticker.get(..2) {
        Some("I:") => Class::Index,
        Some("O:") => Class::Option,
        _ => Class::Stock,
    }
}

/// Makes sure that this may stand among the symbols of stocks.
///
/// # Errors
/// What is wrong with it, and what to write instead.
pub fn stock(text: &str) -> Result<(), String> {
    if let Some(index) = text.strip_prefix('^') {
        return Err(format!(
            "{text:?} is an index: write \"I:{index}\" in `indices`"
        ));
    }
    if text.starts_with("I:") {
        return Err(format!("{text:?} is an index: write it in `indices`"));
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'.';
    if (1..=STOCK_MAX_BYTES).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(());
    }
    let with_dot = text.replace(['/', '-'], ".");
    if with_dot != text && stock(&with_dot).is_ok() {
        return Err(format!(
            "{text:?} is no symbol of the vendor's: write {with_dot:?}"
        ));
    }
    Err(format!(
        "{text:?} is no symbol: 1 to {STOCK_MAX_BYTES} letters, digits and dots, such as \"SPY\" or \"BRK.B\""
    ))
}

/// Makes sure that this may stand among the symbols of indices.
///
/// # Errors
/// What is wrong with it, and what to write instead.
pub fn index(text: &str) -> Result<(), String> {
    let plain = |name: &str| {
        (1..=INDEX_MAX_BYTES - 2).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    if text.strip_prefix("I:").is_some_and(plain) {
        return Ok(());
    }
    let name = text.trim_start_matches('^').trim_start_matches("I:");
    let name = name.to_ascii_uppercase();
    if plain(&name) {
        return Err(format!(
            "{text:?} is no index of the vendor's: write \"I:{name}\""
        ));
    }
    Err(format!(
        "{text:?} is no index: \"I:\" and 1 to 15 capital letters and digits, such as \"I:SPX\""
    ))
}

/// The name of an underlying as it stands in keys of chains: `SPX` for `I:SPX`.
pub fn in_chain_keys(underlying: &str) -> &str {
    underlying.strip_prefix("I:").unwrap_or(underlying)
}

/// Is it one of the demo's names, `DEMO1` or `I:DEMO`? The real source refuses them, and the demo all others.
pub fn is_demo(symbol: &str) -> bool {
    in_chain_keys(symbol)
        .strip_prefix("DEMO")
        .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_taken_as_the_vendor_writes_them() {
        for good in ["SPY", "BRK.B", "AMpB", "AMPB", "A", "ABCDEFGHIJKLMNOP"] {
            assert_eq!(stock(good), Ok(()), "{good}");
        }
        for good in ["I:SPX", "I:NDX", "I:A", "I:ABCDEFGHIJKLMNO", "I:5"] {
            assert_eq!(index(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_write() {
        let says = |outcome: Result<(), String>, words: &str| {
            let said = outcome.expect_err(words);
            assert!(said.contains(words), "{said}");
        };
        says(stock("BRK/B"), "write \"BRK.B\"");
        says(stock("BRK-B"), "write \"BRK.B\"");
        says(stock("^SPX"), "write \"I:SPX\" in `indices`");
        says(stock("I:SPX"), "in `indices`");
        says(stock("ABCDEFGHIJKLMNOPQ"), "1 to 16");
        for bad in ["", "A B", "É", "SPY,QQQ", "O:SPY261218C00600000"] {
            says(stock(bad), "is no symbol");
        }
        says(index("SPX"), "write \"I:SPX\"");
        says(index("^SPX"), "write \"I:SPX\"");
        says(index("I:spx"), "write \"I:SPX\"");
        for bad in ["", "I:", "I:A.B", "I:ABCDEFGHIJKLMNOP"] {
            says(index(bad), "is no index");
        }
    }

    #[test]
    fn a_name_tells_its_class_and_whether_it_is_the_demos() {
        assert_eq!(class("I:SPX"), Class::Index);
        assert_eq!(class("O:SPY261218C00600000"), Class::Option);
        assert_eq!(class("I"), Class::Stock);
        assert_eq!(class("é"), Class::Stock);
        assert_eq!(in_chain_keys("I:SPX"), "SPX");
        assert!(is_demo("DEMO1") && is_demo("I:DEMO") && is_demo("DEMO"));
        assert!(!is_demo("DEMOX") && !is_demo("SPY"));
    }
}
