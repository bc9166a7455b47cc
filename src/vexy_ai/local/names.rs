//! Which companies an article names: symbols that are written as such, then names by longest match.
//!
//! A name that is also a word (Target, Gap, Visa) counts only with `evidence`. A bank that speaks as an analyst, or a paper
//! that is quoted, is not what the article is about.

mod evidence;
mod symbols;
mod table;

use compact_str::CompactString;

use super::companies::Companies;
use super::text::{Kind, Text, Token};
use super::{Place, Reason, Ticker};
use evidence::{Context, Words};
use symbols::Symbols;
use table::{Entry, Need, Table};

/// Tickers of one article at most.
const TICKERS_MAX: usize = 20;
/// What most articles have at most: there is room for it from the start, and for the reasons of the other rules.
const HITS_USUAL: usize = 8;
const REASONS_USUAL: usize = 64;
/// Reasons for one ticker at most.
const REASONS_MAX: u32 = 2;

/// Knows all companies; made once.
#[derive(Debug)]
pub struct Names {
    symbols: Symbols,
    table: Table,
    words: Words,
}

/// A hit, before hits of one company are put together.
struct Hit {
    symbol: CompactString,
    name: Option<CompactString>,
    rule: &'static str,
    mentions: u32,
    in_title: bool,
}

/// What was found so far.
struct Found {
    hits: Vec<Hit>,
    why: Vec<Reason>,
}

impl Names {
    /// Knows `companies`, and what people call those of them that are well known.
    pub fn new(companies: Companies) -> Names {
        Names {
            symbols: Symbols::new(),
            table: Table::new(companies),
            words: Words::new(),
        }
    }

    /// The tickers of an article, what it is most about first, and why. With `symbols_only`, for texts in a language that is not
    /// ours, those written as such.
    pub fn find(&self, text: &Text, symbols_only: bool) -> (Vec<Ticker>, Vec<Reason>) {
        let mut found = Found {
            hits: Vec::with_capacity(HITS_USUAL),
            why: Vec::with_capacity(REASONS_USUAL),
        };
        self.symbols
            .find(text, &self.table, symbols_only, &mut found);
        if !symbols_only {
            self.find_names(text, &mut found);
        }
        // `VOD.L` stands for what its name would say once more.
        let listed: Vec<CompactString> = found
            .hits
            .iter()
            .filter(|h| h.rule == "suffix")
            .map(|h| h.symbol.clone())
            .collect();
        found.hits.retain(|hit| {
            let twice = |listed: &CompactString| {
                listed
                    .strip_prefix(&*hit.symbol)
                    .is_some_and(|rest| rest.starts_with('.'))
            };
            !listed.iter().any(twice)
        });
        // The sort is stable: of two that are named equally often, the first comes first.
        found
            .hits
            .sort_by_key(|hit| (!hit.in_title, std::cmp::Reverse(hit.mentions)));
        found.hits.truncate(TICKERS_MAX);
        let tickers = found.hits.into_iter().map(|hit| Ticker {
            symbol: hit.symbol,
            name: hit.name,
            rule: hit.rule,
        });
        (tickers.collect(), found.why)
    }

    fn find_names(&self, text: &Text, found: &mut Found) {
        for sentence in text.sentences() {
            if sentence.repeated {
                continue;
            }
            let (first, last) = (sentence.first as usize, sentence.last as usize);
            let mut context = None;
            let mut at = first;
            while at < last {
                let token = &text.tokens()[at];
                let candidates = match token.kind {
                    Kind::Word | Kind::Number | Kind::Dotted => {
                        self.table.beginning_with(token.hash)
                    }
                    _ => &[],
                };
                let mut next = at + 1;
                for entry in candidates {
                    let Some(end) = self.table.matches(entry, text.tokens(), at, last) else {
                        continue;
                    };
                    let context =
                        context.get_or_insert_with(|| Context::of(text, first, last, &self.words));
                    if let Some((rule, weight)) = self.judge(text, entry, at, end, context, found) {
                        let symbol = self.table.symbol(entry);
                        let words = text.words(token, &text.tokens()[end - 1]);
                        found.add(
                            symbol,
                            self.table.name(entry),
                            rule,
                            words,
                            weight,
                            text.place(token.sentence),
                        );
                        next = end;
                        break;
                    }
                    if entry.need != Need::Evidence {
                        // A word within a name that does not count is no name either.
                        next = end;
                        break;
                    }
                }
                at = next;
            }
        }
    }

    /// Whether the tokens from `at` to before `end` name the company, by which rule and with which weight.
    fn judge(
        &self,
        text: &Text,
        entry: &Entry,
        at: usize,
        end: usize,
        context: &Context,
        found: &Found,
    ) -> Option<(&'static str, f64)> {
        let tokens = &text.tokens()[at..end];
        if entry.need != Need::Nothing && !tokens.iter().all(|t| self.is_capital(text, t)) {
            return None;
        }
        if entry.upper && !tokens[0].upper() {
            return None;
        }
        if context.is_elsewhere(text, at, end, &self.words)
            || (entry.speaks && context.speaks(text, at, end, &self.words))
        {
            return None;
        }
        let doubtful = entry.need == Need::Evidence
            || entry.surname && context.follows_a_name(text, at)
            || (context.no_capitals && entry.need != Need::Nothing);
        if !doubtful {
            return Some(("name", 1.0));
        }
        let symbol = self.table.symbol(entry);
        let known = found.hits.iter().any(|hit| hit.symbol == symbol);
        let score =
            evidence::score(text, entry, at, end, context, &self.words) + if known { 3 } else { 0 };
        evidence::is_enough(score, entry).then_some(("name+evidence", f64::from(score)))
    }

    fn is_capital(&self, text: &Text, token: &Token) -> bool {
        token.kind != Kind::Word
            || token.capital()
            || self.words.is_small(token.hash)
            || text.word(token).bytes().any(|b| b.is_ascii_uppercase())
    }
}

impl Found {
    fn add(
        &mut self,
        symbol: CompactString,
        name: Option<&str>,
        rule: &'static str,
        words: &str,
        weight: f64,
        place: Place,
    ) {
        let in_title = place == Place::Title;
        let known = self.hits.iter().position(|hit| hit.symbol == symbol);
        if known.is_none() && self.hits.len() >= 4 * TICKERS_MAX {
            return;
        }
        let at = known.unwrap_or_else(|| {
            self.hits.push(Hit {
                symbol,
                name: name.map(CompactString::from),
                rule,
                mentions: 0,
                in_title: false,
            });
            self.hits.len() - 1
        });
        let hit = &mut self.hits[at];
        hit.mentions += 1;
        hit.in_title |= in_title;
        let mentions = hit.mentions;
        if mentions <= REASONS_MAX {
            self.why.push(Reason {
                part: "ticker",
                rule,
                words: words.into(),
                weight,
                place,
            });
        }
    }
}

#[cfg(test)]
mod tests;
