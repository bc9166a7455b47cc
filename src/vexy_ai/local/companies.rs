//! The companies that are known by name: lines of `TICKER<TAB>NAME`, the larger companies first.
//!
//! The list that is shipped, `companies.tsv`, is the SEC's `company_tickers` (public domain), one row a company with its legal
//! suffixes cut. `scripts/companies.sh` makes it from the Python package edgartools 5.62.1 (MIT): 7984 of its 10365 rows,
//! 184566 bytes, SHA-256 4aa6df36c9ec94a9398d419b7c02a92d5d5b9d6f8375a3c2726204bdd4e308c3.

use std::borrow::Cow;
use std::fmt;

/// Bytes of a list at most, as of any file that the environment names.
pub const BYTES_MAX: usize = 1024 * 1024;
/// Companies of a list at most.
pub const ROWS_MAX: usize = 50_000;
/// Bytes of a ticker at most.
pub const TICKER_MAX: usize = 12;
/// Bytes of a name at most.
pub const NAME_MAX: usize = 120;

const SHIPPED: &str = include_str!("companies.tsv");

/// A list of companies, in the order of its lines.
#[derive(Clone, Debug)]
pub struct Companies {
    text: Cow<'static, str>,
    rows: Vec<Row>,
}

/// Where a line stands in the text.
#[derive(Clone, Copy, Debug)]
struct Row {
    start: u32,
    ticker: u8,
    name: u8,
}

/// One company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Company<'a> {
    pub ticker: &'a str,
    pub name: &'a str,
}

/// Why a list cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompaniesError {
    /// More than [`BYTES_MAX`] bytes.
    TooLarge { bytes: usize },
    /// More than [`ROWS_MAX`] companies.
    TooMany,
    /// Not a single company.
    Empty,
    /// A line, from 1, and what is wrong with it.
    Line { line: usize, reason: String },
}

impl fmt::Display for CompaniesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompaniesError::TooLarge { bytes } => {
                write!(f, "{bytes} bytes, and {BYTES_MAX} are the limit")
            }
            CompaniesError::TooMany => write!(f, "more than {ROWS_MAX} companies"),
            CompaniesError::Empty => write!(f, "no company in it: write lines of TICKER<TAB>NAME"),
            CompaniesError::Line { line, reason } => write!(f, "line {line}: {reason}"),
        }
    }
}

impl std::error::Error for CompaniesError {}

impl Companies {
    /// The list that is shipped.
    pub fn shipped() -> Companies {
        // The shipped list is read by a test; were it damaged all the same, no company would be known by name.
        Companies::read(Cow::Borrowed(SHIPPED)).unwrap_or_else(|_| Companies::none())
    }

    /// No company: only symbols are found.
    pub fn none() -> Companies {
        Companies {
            text: Cow::Borrowed(""),
            rows: Vec::new(),
        }
    }

    /// A list of the operator's, such as `VEXY_COMPANIES_FILE` holds. Empty lines and those that begin with `#` are skipped.
    ///
    /// # Errors
    /// The first line that is wrong, or which limit is passed.
    pub fn parse(text: String) -> Result<Companies, CompaniesError> {
        Companies::read(Cow::Owned(text))
    }

    fn read(text: Cow<'static, str>) -> Result<Companies, CompaniesError> {
        if text.len() > BYTES_MAX {
            return Err(CompaniesError::TooLarge { bytes: text.len() });
        }
        let mut rows = Vec::with_capacity(text.len() / 24);
        let mut start = 0;
        for (number, line) in text.split_inclusive('\n').enumerate() {
            let bare = line.trim_end_matches(['\n', '\r']);
            let from = start;
            start += line.len();
            if bare.trim().is_empty() || bare.starts_with('#') {
                continue;
            }
            let (ticker, name) = row(bare).map_err(|reason| CompaniesError::Line {
                line: number + 1,
                reason,
            })?;
            if rows.len() == ROWS_MAX {
                return Err(CompaniesError::TooMany);
            }
            rows.push(Row {
                start: from as u32,
                ticker: ticker.len() as u8,
                name: name.len() as u8,
            });
        }
        if rows.is_empty() {
            return Err(CompaniesError::Empty);
        }
        rows.shrink_to_fit();
        Ok(Companies { text, rows })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The company of a place in the list, from 0.
    pub fn get(&self, at: usize) -> Option<Company<'_>> {
        let row = self.rows.get(at)?;
        let ticker_end = row.start as usize + usize::from(row.ticker);
        Some(Company {
            ticker: &self.text[row.start as usize..ticker_end],
            name: &self.text[ticker_end + 1..ticker_end + 1 + usize::from(row.name)],
        })
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Company<'_>> {
        (0..self.len()).filter_map(|at| self.get(at))
    }
}

/// The ticker and the name of a line.
fn row(line: &str) -> Result<(&str, &str), String> {
    let Some((ticker, name)) = line.split_once('\t') else {
        return Err("there is no tab: write TICKER<TAB>NAME".to_owned());
    };
    let sign = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'.' || b == b'-';
    if ticker.is_empty() || ticker.len() > TICKER_MAX || !ticker.bytes().all(sign) {
        return Err(format!(
            "no ticker before the tab: 1 to {TICKER_MAX} capital letters, digits, dots and hyphens"
        ));
    }
    let name = name.trim_end();
    if name.contains('\t') {
        return Err("more than one tab: write TICKER<TAB>NAME".to_owned());
    }
    if name.len() > NAME_MAX {
        return Err(format!(
            "the name has {} bytes, and {NAME_MAX} are the limit",
            name.len()
        ));
    }
    if !name.chars().any(char::is_alphanumeric) {
        return Err("there is no name after the tab".to_owned());
    }
    if name.chars().any(char::is_control) {
        return Err("the name holds a control character".to_owned());
    }
    Ok((ticker, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_shipped_list_is_whole_and_as_it_was_made() {
        let list = Companies::read(Cow::Borrowed(SHIPPED)).expect("the shipped list");
        assert_eq!((list.len(), SHIPPED.len()), (7984, 184_566));
        let digest = ring::digest::digest(&ring::digest::SHA256, SHIPPED.as_bytes());
        let hex: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            hex,
            "4aa6df36c9ec94a9398d419b7c02a92d5d5b9d6f8375a3c2726204bdd4e308c3"
        );
        let microsoft = list.iter().find(|c| c.ticker == "MSFT").expect("MSFT");
        assert_eq!(microsoft.name, "Microsoft");
    }

    #[test]
    fn a_list_of_ones_own_may_have_comments_and_either_line_end() {
        let list =
            Companies::parse("# mine\r\n\r\nBRK.B\tBerkshire Hathaway\r\nX\tÜnal & Söhne".into())
                .expect("a list");
        let all: Vec<_> = list.iter().map(|c| (c.ticker, c.name)).collect();
        assert_eq!(
            all,
            [("BRK.B", "Berkshire Hathaway"), ("X", "Ünal & Söhne")]
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let said = |text: &str| match Companies::parse(text.into()) {
            Ok(_) => "nothing".to_owned(),
            Err(error) => error.to_string(),
        };
        for (text, wrong) in [
            ("A\tAgilent\nAAPL Apple\n", "line 2: there is no tab"),
            ("aapl\tApple\n", "line 1: no ticker before the tab"),
            ("\tApple\n", "line 1: no ticker"),
            ("ABCDEFGHIJKLM\tLong\n", "line 1: no ticker"),
            ("A\tB\tC\n", "line 1: more than one tab"),
            ("A\t--\n", "line 1: there is no name"),
            ("A\tB\u{7}\n", "line 1: the name holds a control"),
            ("# none\n", "no company in it"),
        ] {
            assert!(said(text).starts_with(wrong), "{text:?}: {}", said(text));
        }
        assert!(said(&format!("A\t{}", "b".repeat(121))).starts_with("line 1: the name has 121"));
        assert!(said(&"A\tB\n".repeat(ROWS_MAX + 1)).starts_with("more than 50000"));
        assert!(said(&" ".repeat(BYTES_MAX + 1)).ends_with("are the limit"));
    }

    proptest! {
        #[test]
        fn whatever_is_read_comes_back(text in "([A-Z]{0,3}[\t ]?[a-zé# ]{0,4}[\r\n]{0,2}){0,8}") {
            if let Ok(list) = Companies::parse(text.clone()) {
                for company in list.iter() {
                    let line = format!("{}\t{}", company.ticker, company.name);
                    prop_assert!(text.lines().any(|l| l.trim_end() == line), "{line:?} of {text:?}");
                }
            }
        }
    }
}
