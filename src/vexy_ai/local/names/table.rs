//! All names by their first word, the longest first.
//!
//! No automaton over letters (Aho and Corasick's) is needed: a name begins and ends with a word, and the words of a text are
//! cut and hashed for the other rules anyway, so one look-up for each of them finds where a name may begin.

use std::collections::hash_map::Entry as Slot;
use std::collections::{HashMap, HashSet};

use compact_str::CompactString;

use crate::vexy_ai::local::Article;
use crate::vexy_ai::local::by_hash::{ByHash, Filter};
use crate::vexy_ai::local::companies::Companies;
use crate::vexy_ai::local::text::{Kind, Text, Token, word_hash};

const ALIASES: &str = include_str!("aliases.txt");
/// Words of companies' names that are English words too, or names of people and places: chosen by us among the words of the
/// shipped list, with an English dictionary at hand.
const COMMON: &str = include_str!("common.txt");

/// Words that say what a company does or is, and that people leave out: "Palantir" is Palantir Technologies.
const DESCRIPTORS: &str = "aerospace gold mines mining silver airlines airways automotive bancorp bancshares beauty bio biopharma biopharmaceuticals biosciences \
    biotech biotechnologies biotherapeutics brands chemical chemicals cloud com communications companies data \
    diagnostics digital electronics energy enterprise enterprises entertainment financial foods genomics global \
    group health healthcare holding holdings hotels industries insurance interactive international labs \
    laboratories lifesciences markets materials media medical medicines motor motors networks oncology online \
    petroleum pharma pharmaceutical pharmaceuticals platforms power properties realty reit resorts resources \
    restaurants robotics sciences security semiconductor semiconductors services software solar solutions steel \
    stores surgical systems technologies technology therapeutics us usa wholesale worldwide";

/// Short names in capitals that mean something else more often.
const ACRONYMS: &str = "adp agi agm ai aids am ama ams api apr arr asa asm ath atm atr aud bdc boe boc bmi bps btc bse cac cad cagr \
    cbc cbo cdc ceo cet cfo cia cio coo cop cpa cpi crr csr cto dao dax defi dia doe doj dtc ebit ecb ecm eia eod \
    eps erp esg est etf eth eu eur ev evs faq fbi fcc fda fed fmc fmcg fomc ftc ftse fx fy gaap gbp gdp glp gmt \
    gnp gop gps gst gta hiv hk hr ibl ico icj ict ifc imf ipi ipo irs iot ism isa isis jpy kpi led llc lng loi lpg \
    lse ltd mbs mda mena mlp mou mpc mri mrna msci msp nafta nasa nasdaq nato nav nba nbc nfl nft ngo nhl nhs nii \
    nim npa npas npi npv nri nse nsa nyc nyse obr oem ofs ok opec orr otc pbt pat pc pce pcr pdt peg pga phd pii \
    plc pm pmi pml ppi ppp pr psu qe qip qoq rbi rbc rcs rda reit rfp rng roce roe roi rsi sa saas sar sba sbi sec \
    sei sez sip slr sme sofr spac spv ssr stem suv tcs tds tam tbi tsx ttm tv uae ucla ufo uk un us usa usd usda \
    uti uv vat vc vix who wti wto xrp ytd yoy";

/// Symbols of companies that speak as analysts or are quoted.
const SPEAKERS: &str = "JPM GS MS C BAC WFC BCS UBS DB JEF PIPR SF RJF OPY HSBC RY BMO NMR MFG EVR KEY MCO SPGI MORN TD LAZ NYT TRI \
    NWSA BNS CM BLK LPLA SMFG MUFG SCHW TFC SNEX HLI CG IVZ BEN TROW STT ING BBVA MQBKY ROTH NWG USB";

/// Names that mean something else so often (an index, a news agency) that they count only with a legal suffix, as an alias.
const NEVER: &str = "nasdaq dow msci news reuters national first american global universal";

/// Beyond this place in the list a name made of common words needs evidence.
const WELL_KNOWN: usize = 2500;

/// What a name needs to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// It means nothing else, in whatever letters.
    Nothing,
    /// Capital letters.
    Capital,
    /// Capital letters, and words around it that speak of a company.
    Evidence,
}

/// One name of a company.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    company: u32,
    /// Its words after the first, in [`Table::words`].
    words: u32,
    count: u8,
    pub(super) need: Need,
    /// All of it must be in capitals.
    pub(super) upper: bool,
    /// The name of people too.
    pub(super) surname: bool,
    pub(super) speaks: bool,
    /// Among the largest.
    pub(super) large: bool,
    /// Far down in the list.
    pub(super) obscure: bool,
}

/// All names.
#[derive(Debug)]
pub(super) struct Table {
    /// Where the entries of a first word are.
    heads: ByHash<(u32, u32)>,
    filter: Filter,
    entries: Vec<Entry>,
    words: Vec<u64>,
    companies: Companies,
    /// Symbols that aliases add to those of the list, from `companies.len()` on.
    more: Vec<&'static str>,
    /// Symbols of the list and whether one that stands bare counts as a symbol.
    symbols: ByHash<(u32, bool)>,
    ampersand: u64,
    and: u64,
    bang: u64,
}

/// Names while they are gathered: the first that claims one has it.
struct Gathered {
    names: HashMap<Vec<u64>, Entry>,
    speakers: HashSet<&'static str>,
}

impl Gathered {
    fn claim(
        &mut self,
        words: &[u64],
        company: usize,
        symbol: &str,
        need: Need,
        upper: bool,
    ) -> bool {
        if words.is_empty() || words.len() > 8 {
            return false;
        }
        match self.names.entry(words.to_vec()) {
            Slot::Occupied(_) => false,
            Slot::Vacant(slot) => {
                slot.insert(Entry {
                    company: company as u32,
                    words: 0,
                    count: words.len() as u8 - 1,
                    need,
                    upper,
                    surname: false,
                    speaks: self.speakers.contains(symbol),
                    large: company < 400,
                    obscure: company >= WELL_KNOWN,
                });
                true
            }
        }
    }
}

impl Table {
    #[allow(clippy::too_many_lines)] // One list after the other.
    pub(super) fn new(companies: Companies) -> Table {
        let hashes =
            |words: &str| -> HashSet<u64> { words.split_whitespace().map(word_hash).collect() };
        let common = hashes(COMMON);
        let (descriptors, acronyms, never) = (hashes(DESCRIPTORS), hashes(ACRONYMS), hashes(NEVER));
        let and = word_hash("and");
        let mut by_symbol: HashMap<&str, usize> = HashMap::with_capacity(companies.len());
        for (at, company) in companies.iter().enumerate() {
            by_symbol.entry(company.ticker).or_insert(at);
        }
        let mut gathered = Gathered {
            names: HashMap::with_capacity(companies.len() * 2),
            speakers: SPEAKERS.split_whitespace().collect(),
        };
        let mut more = Vec::new();
        add_aliases(&mut gathered, companies.len(), &by_symbol, &mut more, and);

        let all: Vec<Vec<u64>> = companies.iter().map(|c| words_of(c.name, and)).collect();
        let mut firsts: HashMap<u64, (usize, usize)> = HashMap::new();
        for (at, words) in all.iter().enumerate() {
            if let Some(first) = words.first() {
                let seen = firsts.entry(*first).or_insert((at, usize::MAX));
                if seen.0 != at {
                    seen.1 = seen.1.min(at);
                }
            }
        }
        for (at, (company, words)) in companies.iter().zip(&all).enumerate() {
            let all_common = words.iter().all(|w| common.contains(w));
            let initials = words.len() == 1
                && company.name.len() <= 5
                && company
                    .name
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
            let need = match words.len() {
                1 if all_common || acronyms.contains(&words[0]) || company.name.len() < 3 => {
                    Need::Evidence
                }
                1 if initials && at > WELL_KNOWN => Need::Evidence,
                1 => Need::Capital,
                _ if all_common && at > WELL_KNOWN => Need::Evidence,
                _ => Need::Capital,
            };
            if words.len() > 1 || words.first().is_some_and(|word| !never.contains(word)) {
                gathered.claim(words, at, company.ticker, need, initials);
            }
            let short = words
                .iter()
                .rposition(|w| !descriptors.contains(w))
                .map_or(0, |last| last + 1);
            if short == 0 || short == words.len() {
                continue;
            }
            // "Ballard Power" of Ballard Power Systems.
            for longer in (short + 1..words.len()).rev() {
                let some = &words[..longer];
                if longer > 1 && (at < WELL_KNOWN || !some.iter().all(|w| common.contains(w))) {
                    gathered.claim(some, at, company.ticker, Need::Capital, false);
                }
            }
            let short = &words[..short];
            let (best, second) = firsts.get(&short[0]).copied().unwrap_or((at, usize::MAX));
            let alone = best == at && second.saturating_sub(200) > at * 4;
            let said = company.name.split_whitespace().next().unwrap_or_default();
            if short.len() == 1 && !never.contains(&short[0]) {
                let distinct =
                    !common.contains(&short[0]) && !acronyms.contains(&short[0]) && said.len() >= 4;
                if alone && distinct {
                    gathered.claim(short, at, company.ticker, Need::Capital, false);
                } else if alone && at < WELL_KNOWN / 2 && said.len() >= 4 {
                    gathered.claim(short, at, company.ticker, Need::Evidence, false);
                }
            } else if short.len() > 1
                && (at < WELL_KNOWN / 2 || !short.iter().all(|w| common.contains(w)))
            {
                gathered.claim(short, at, company.ticker, Need::Capital, false);
            }
        }
        let mut symbols = ByHash::with_capacity_and_hasher(companies.len(), Default::default());
        for (at, company) in companies.iter().enumerate() {
            let hash = word_hash(&company.ticker.to_ascii_lowercase());
            let plain = company.ticker.bytes().all(|b| b.is_ascii_uppercase());
            let bare = plain
                && !acronyms.contains(&hash)
                && !common.contains(&hash)
                && (company.ticker.len() >= 4 || company.ticker.len() == 3 && at < 1200);
            symbols.entry(hash).or_insert((at as u32, bare));
        }
        drop(by_symbol);
        Table::packed(gathered.names, companies, more, symbols, &common)
    }

    fn packed(
        names: HashMap<Vec<u64>, Entry>,
        companies: Companies,
        more: Vec<&'static str>,
        symbols: ByHash<(u32, bool)>,
        common: &HashSet<u64>,
    ) -> Table {
        let mut names: Vec<(Vec<u64>, Entry)> = names.into_iter().collect();
        // By first word, the longest first, then as the list has them: the same in every run.
        names.sort_unstable_by(|(a, x), (b, y)| {
            (a[0], b.len(), x.company, &a[1..]).cmp(&(b[0], a.len(), y.company, &b[1..]))
        });
        let mut table = Table {
            filter: Filter::new(Vec::new().into_iter()),
            heads: ByHash::with_capacity_and_hasher(names.len(), Default::default()),
            entries: Vec::with_capacity(names.len()),
            words: Vec::new(),
            companies,
            more,
            symbols,
            ampersand: word_hash("&"),
            and: word_hash("and"),
            bang: word_hash("!"),
        };
        for (words, mut entry) in names {
            entry.words = table.words.len() as u32;
            entry.surname = words.len() == 1 && common.contains(&words[0]);
            table.words.extend_from_slice(&words[1..]);
            let at = table.entries.len() as u32;
            table.entries.push(entry);
            table.heads.entry(words[0]).or_insert((at, at)).1 = at + 1;
        }
        table.filter = Filter::new(table.heads.keys().copied());
        table.heads.shrink_to_fit();
        table.words.shrink_to_fit();
        table
    }

    /// The names that begin with a word, the longest first.
    pub(super) fn beginning_with(&self, hash: u64) -> &[Entry] {
        if !self.filter.may_have(hash) {
            return &[];
        }
        match self.heads.get(&hash) {
            Some(&(from, to)) => &self.entries[from as usize..to as usize],
            None => &[],
        }
    }

    /// The end of a name whose first word stands at `at`, if all its words follow before `last`.
    pub(super) fn matches(
        &self,
        entry: &Entry,
        tokens: &[Token],
        at: usize,
        last: usize,
    ) -> Option<usize> {
        let words =
            &self.words[entry.words as usize..entry.words as usize + usize::from(entry.count)];
        let mut end = at + 1;
        for word in words {
            let mut token = tokens[..last].get(end)?;
            if token.hash != *word && [self.ampersand, self.and, self.bang].contains(&token.hash) {
                end += 1;
                token = tokens[..last].get(end)?;
            }
            if token.hash != *word {
                return None;
            }
            end += 1;
        }
        Some(end)
    }

    /// The symbol of a name's company, with a dot before the class of a share.
    pub(super) fn symbol(&self, entry: &Entry) -> CompactString {
        let at = entry.company as usize;
        match self.companies.get(at) {
            Some(company) => with_dot(company.ticker),
            None => with_dot(
                self.more
                    .get(at - self.companies.len())
                    .copied()
                    .unwrap_or_default(),
            ),
        }
    }

    /// The company's name in the list.
    pub(super) fn name(&self, entry: &Entry) -> Option<&str> {
        self.companies
            .get(entry.company as usize)
            .map(|company| company.name)
    }

    /// The name of the company with a symbol (lower-cased, by its hash), and whether it counts when it stands bare.
    pub(super) fn by_symbol(&self, hash: u64) -> Option<(&str, bool)> {
        let (at, bare) = self.symbols.get(&hash)?;
        Some((self.companies.get(*at as usize)?.name, *bare))
    }
}

/// `BRK.B` for `BRK-B`, as the vendors of market data have it.
pub(super) fn with_dot(symbol: &str) -> CompactString {
    match symbol.contains('-') {
        true => symbol.replace('-', ".").into(),
        false => symbol.into(),
    }
}

/// The hashes of a name's words, as the text of an article is cut up.
fn words_of(name: &str, and: u64) -> Vec<u64> {
    let text = Text::new(&Article {
        title: name,
        ..Article::default()
    });
    let word =
        |t: &&Token| matches!(t.kind, Kind::Word | Kind::Number | Kind::Dotted) && t.hash != and;
    text.tokens().iter().filter(word).map(|t| t.hash).collect()
}

fn add_aliases(
    gathered: &mut Gathered,
    listed: usize,
    by_symbol: &HashMap<&str, usize>,
    more: &mut Vec<&'static str>,
    and: u64,
) {
    for line in ALIASES.lines().filter(|line| !line.starts_with('#')) {
        let Some((symbol, names)) = line.split_once(' ') else {
            continue;
        };
        let (symbol, company) = match symbol.strip_prefix('@') {
            // A list of the operator's own is not to bring companies that it does not have.
            Some(_) if !by_symbol.contains_key("AAPL") => continue,
            Some(symbol) => match by_symbol.get(symbol) {
                Some(&at) => (symbol, at),
                None => {
                    more.push(symbol);
                    (symbol, listed + more.len() - 1)
                }
            },
            None => match by_symbol.get(symbol) {
                Some(&at) => (symbol, at),
                None => continue,
            },
        };
        for name in names.split('|') {
            let (need, name) = match name.as_bytes().first() {
                Some(b'~') => (Need::Nothing, &name[1..]),
                Some(b'?') => (Need::Evidence, &name[1..]),
                _ => (Need::Capital, name),
            };
            let letters = name.len() <= 4 && name.bytes().all(|b| b.is_ascii_uppercase());
            let upper = letters && need != Need::Nothing;
            gathered.claim(&words_of(name, and), company, symbol, need, upper);
        }
    }
}
