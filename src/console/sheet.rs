//! What a page of a topic says: remarks, tables, and a text. Pure: reports and `now` in, words out.

mod analysis;
mod feeds;
mod market;
mod mesh;
mod notify;
mod truth;

use std::time::Duration;

use super::view::Stand;
use crate::clock::human;

pub use analysis::analysis;
pub use feeds::feeds;
pub use market::market;
pub use mesh::mesh;
pub use notify::notify;
pub use truth::truth;

/// Rows of one table; of more their number is told.
pub const ROWS_MAX: usize = 200;

/// All that a page says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    /// What is to be known of all that follows.
    pub remarks: Vec<String>,
    pub tables: Vec<Table>,
    /// A text of several lines, and its name.
    pub text: Option<(&'static str, String)>,
}

/// Rows under their heads.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub name: &'static str,
    pub heads: &'static [&'static str],
    pub rows: Vec<Vec<Cell>>,
    /// Rows that found no room.
    pub more: usize,
}

/// One place in a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    pub text: String,
    /// How that stands, where it is a state: told by a shape and a colour besides.
    pub stand: Option<Stand>,
    /// Where it leads.
    pub link: Option<String>,
    /// What a click asks for, by whoever may act: the paths, each with its word.
    pub asks: Vec<(&'static str, String)>,
}

impl Sheet {
    /// One that says one thing.
    pub fn only(remark: &str) -> Sheet {
        Sheet {
            remarks: vec![remark.to_owned()],
            ..Sheet::default()
        }
    }
}

impl Table {
    /// A table of up to [`ROWS_MAX`] of `all`.
    pub fn of<T>(
        name: &'static str,
        heads: &'static [&'static str],
        all: &[T],
        row: impl FnMut(&T) -> Vec<Cell>,
    ) -> Table {
        Table {
            name,
            heads,
            rows: all.iter().take(ROWS_MAX).map(row).collect(),
            more: all.len().saturating_sub(ROWS_MAX),
        }
    }
}

impl Cell {
    /// A word that says how something stands.
    pub fn stand(stand: Stand, text: impl Into<String>) -> Cell {
        Cell {
            text: text.into(),
            stand: Some(stand),
            ..Cell::default()
        }
    }

    /// A service, and the way to its page.
    pub fn service(name: &str) -> Cell {
        Cell {
            text: name.to_owned(),
            link: Some(format!("/services/{name}")),
            ..Cell::default()
        }
    }

    /// Things that can be asked for.
    pub fn asks(asks: &[(&'static str, String)]) -> Cell {
        Cell {
            asks: asks.to_vec(),
            ..Cell::default()
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Cell {
        Cell {
            text: text.into(),
            ..Cell::default()
        }
    }
}

/// What stands where nothing is known.
const NONE: &str = "—";

fn or_none<T: ToString>(value: Option<T>) -> Cell {
    value
        .map_or_else(|| NONE.to_owned(), |value| value.to_string())
        .into()
}

fn span(secs: i64) -> String {
    human(Duration::from_secs(secs.max(0).unsigned_abs()))
}

fn ago(ts: Option<i64>, now_ts: i64) -> Cell {
    or_none(ts.map(|ts| format!("{} ago", span(now_ts - ts))))
}

#[cfg(test)]
mod tests;
