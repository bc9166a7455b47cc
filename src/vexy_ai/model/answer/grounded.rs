//! Whether what an answer says stands in the text that it is about: its words, numbers, tickers and links.

use std::collections::HashSet;

use super::Shown;

mod number;

use number::Numbers;

/// Words of English that say nothing about what a text is about.
const EMPTY: [&str; 62] = [
    "about", "above", "after", "again", "also", "amid", "among", "and", "are", "been", "before",
    "being", "below", "between", "both", "but", "could", "during", "each", "for", "from", "had",
    "has", "have", "her", "his", "how", "into", "its", "more", "most", "new", "not", "now", "off",
    "one", "only", "other", "our", "out", "over", "per", "said", "she", "should", "some", "such",
    "than", "that", "the", "their", "them", "there", "these", "they", "this", "those", "was",
    "were", "which", "will", "with",
];
/// The shortest content word, in characters.
const WORD_MIN: usize = 3;
/// From here on scripts are written without blanks: pairs of characters stand for words.
const UNSPACED_FROM: char = '\u{2e80}';
/// What a link begins with, besides `//` and `www.`.
const SCHEMES: [&str; 7] = [
    "javascript:",
    "data:",
    "mailto:",
    "tel:",
    "file:",
    "blob:",
    "sms:",
];

/// What a text holds, made once for all the checks of an answer.
pub(super) struct Words {
    /// Stems of its words.
    stems: HashSet<String>,
    /// Its words as they are, cut at everything that a ticker cannot hold.
    symbols: HashSet<String>,
    numbers: Numbers,
    /// All of it in lower case.
    lower: String,
}

impl Words {
    pub fn of(shown: &Shown<'_>) -> Words {
        let text = format!("{}\n{}", shown.title, shown.text);
        let symbols = text
            .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-')))
            .map(|word| word.trim_matches(['.', '-']).to_owned())
            .filter(|word| !word.is_empty());
        Words {
            symbols: symbols.collect(),
            stems: content_words(&text).collect(),
            numbers: Numbers::of(&text),
            lower: text.to_lowercase(),
        }
    }

    /// Does the text name this ticker, in capitals?
    pub fn has_ticker(&self, symbol: &str) -> bool {
        self.symbols.contains(symbol)
    }

    /// Are half of the content words of `text`, and one at least, words of the text?
    pub fn has_half_of(&self, text: &str) -> bool {
        let words: HashSet<String> = content_words(text).collect();
        let known = words.iter().filter(|w| self.stems.contains(*w)).count();
        known > 0 && 2 * known >= words.len()
    }

    /// The first number of `text` that is none of the text's.
    pub fn unknown_number(&self, text: &str) -> Option<String> {
        self.numbers.unknown_in(text)
    }

    /// Is each link of `text` the item's own, and each name of a site one that the text has?
    pub fn links_are_known(&self, text: &str, url: &str) -> bool {
        text.split_whitespace().all(|word| {
            let word = word.trim_matches(|c: char| "()[]{}\"'`,;!?*_".contains(c));
            let word = word.trim_end_matches(['.', ':']);
            let lower = word.to_lowercase();
            let is_link = lower.contains("//")
                || lower.contains("www.")
                || lower.contains("](")
                || SCHEMES.iter().any(|scheme| lower.contains(scheme));
            if is_link {
                return !url.is_empty() && word == url;
            }
            // A company may be called by its site's name, but nobody by a page or a mailbox.
            let is_bare = !lower.contains(['/', '?', '#', '@', ':']);
            !is_site(&lower) || (is_bare && self.lower.contains(&lower))
        })
    }
}

/// Something like `example.com`, `example.com/path` or `user@example.com`.
fn is_site(word: &str) -> bool {
    let host = word.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    match host.rsplit_once('.') {
        Some((name, top)) => {
            top.chars().count() >= 2
                && top.chars().all(char::is_alphabetic)
                && name.chars().any(char::is_alphanumeric)
        }
        None => false,
    }
}

/// Stems of the words of `text` that carry its meaning.
fn content_words(text: &str) -> impl Iterator<Item = String> {
    let lower = text.to_lowercase();
    let mut all = Vec::new();
    for word in lower.split(|c: char| !c.is_alphabetic()) {
        if word.chars().any(|c| c >= UNSPACED_FROM) {
            let chars: Vec<char> = word.chars().collect();
            all.extend(chars.windows(2).map(|pair| pair.iter().collect()));
        } else if word.chars().count() >= WORD_MIN && EMPTY.binary_search(&word).is_err() {
            all.push(stem(word).to_owned());
        }
    }
    all.into_iter()
}

/// A word without the ends that tell number and tense, so that `rises`, `rising` and `rise` are one.
fn stem(word: &str) -> &str {
    for end in [
        "ings", "ing", "ies", "ied", "ers", "es", "ed", "er", "ly", "s", "e", "y",
    ] {
        if let Some(short) = word.strip_suffix(end)
            && short.chars().count() >= WORD_MIN
        {
            return short;
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Words {
        Words::of(&Shown {
            text,
            ..Shown::default()
        })
    }

    #[test]
    fn the_empty_words_are_in_order() {
        assert!(EMPTY.is_sorted());
    }

    #[test]
    fn half_of_the_words_are_to_be_the_texts() {
        let text = words(
            "Profits at Acme rose as factories reopened; the company is raising its dividend.",
        );
        for (said, has) in [
            ("Acme raised the dividend.", true),
            ("Profit rises", true),
            ("Acme's profit collapsed entirely, insiders whisper", false),
            ("the and of", false),
            ("", false),
        ] {
            assert_eq!(text.has_half_of(said), has, "{said}");
        }
        let text = words("东京电力公司上调全年利润预期");
        assert!(text.has_half_of("东京电力上调利润预期") && !text.has_half_of("苹果公司破产"));
    }

    #[test]
    fn links_are_the_items_or_none() {
        let text = words(
            "Amazon.com said so; see investors.acme.com or evil.example/login for more. U.S. sales rose.",
        );
        let url = "https://news.example/a?b=1";
        for (said, known) in [
            ("Amazon.com said so.", true),
            ("See https://news.example/a?b=1.", true),
            ("(https://news.example/a?b=1)", true),
            ("U.S. sales rose 5.2 per cent, e.g. here", true),
            ("See https://evil.example/", false),
            ("See https://news.example/a?b=1&c=2", false),
            ("evil.site has it", false),
            ("evil.example/login", false),
            ("visit www.acme.com", false),
            ("[x](https://news.example/a?b=1)", false),
            ("javascript:alert(1)", false),
            ("write to a@evil.example", false),
            ("ftp://investors.acme.com", false),
            ("evil.example/path?x", false),
            ("//evil.example", false),
        ] {
            assert_eq!(text.links_are_known(said, url), known, "{said}");
        }
        assert!(!text.links_are_known("see https://", ""));
    }

    #[test]
    fn tickers_are_words_of_the_text_as_they_are() {
        let text = words("Acme (NASDAQ: ACME) and $BRK.B; VOD.L. apple fell");
        for (symbol, has) in [
            ("ACME", true),
            ("BRK.B", true),
            ("VOD.L", true),
            ("APPLE", false),
            ("BRK", false),
        ] {
            assert_eq!(text.has_ticker(symbol), has, "{symbol}");
        }
    }
}
