//! The reader's footing: elements out of tokens, whatever is unclosed, misplaced or missing.
//!
//! What each element means is in [`super::fields`]. Here is how it is found, how its text is read, and where it ends
//! when its end tag does not say so. Known elements nest a handful deep, so nothing here needs a tree.

mod ahead;
pub mod section;
mod tag;
mod text;

pub use tag::Tag;
pub use text::Kind;

use std::borrow::Cow;
use std::sync::Arc;

use super::entry::{Channel, Entry};
use super::markup::{Token, Tokenizer};
use super::names::{self, Namespaces, Ns};
use super::repair::{Repair, Repairs};
use super::url;
use crate::feed::item::Hints;

/// Deepest nesting that is looked at.
pub const MAX_DEPTH: usize = 256;

/// How many times the text may be read again in all, when unknown elements turn out to be unclosed.
const MOST_REREAD: usize = 2;

pub struct Reader<'a> {
    pub tokens: Tokenizer<'a>,
    names: Namespaces<'a>,
    /// The vocabulary of unprefixed elements.
    pub native: Ns,
    /// Where the document came from: what its outermost `xml:base` is relative to.
    address: Box<str>,
    bases: Vec<Arc<str>>,
    /// So many of them hold for all of the item or channel that is being read.
    own_bases: usize,
    /// Names of the open containers: an end tag of one of them ends all that is inside.
    path: Vec<&'a str>,
    /// Names of the open elements within a field.
    inner: Vec<&'a str>,
    reread: usize,
    /// How much of the text was looked at ahead of the reading.
    looked_ahead: usize,
    /// The text ended inside an element.
    pub cut: bool,
    /// A date of the item or channel that is being read is none.
    pub bad_date: bool,
    pub channel: Channel<'a>,
    pub entries: Vec<Entry<'a>>,
    pub hints: Hints,
    pub sy_period_sec: Option<u64>,
    pub sy_frequency: Option<u64>,
    pub max_items: usize,
    pub over_limit: bool,
}

/// Where a container stands, and so what ends it when its end tag is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Holds items: only an end tag ends it.
    Feed,
    /// An item: the next item ends it.
    Item,
    /// A part of an item or feed: the next field ends it too.
    Part,
}

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By its end tag, or by what must come after it.
    Closed,
    /// The text ended.
    Cut,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str, repairs: Repairs, max_items: usize, address: &str) -> Reader<'a> {
        Reader {
            tokens: Tokenizer::new(text, repairs),
            names: Namespaces::default(),
            native: Ns::Rss,
            address: address.into(),
            bases: Vec::new(),
            own_bases: 0,
            path: Vec::new(),
            inner: Vec::new(),
            reread: 0,
            looked_ahead: 0,
            cut: false,
            bad_date: false,
            channel: Channel::default(),
            entries: Vec::new(),
            hints: Hints::default(),
            sy_period_sec: None,
            sy_frequency: None,
            max_items,
            over_limit: false,
        }
    }

    pub fn repair(&mut self, repair: Repair) {
        let at = self.tokens.start();
        self.tokens.repairs.at(repair, at);
    }

    /// The `xml:base` in force.
    pub fn base(&self) -> Option<Arc<str>> {
        self.bases.last().cloned()
    }

    /// The bases in force hold for all of the item or channel that begins here. Returns how many did before; give that
    /// to [`Self::own_bases_were`] at its end.
    pub fn own_bases(&mut self) -> usize {
        std::mem::replace(&mut self.own_bases, self.bases.len())
    }

    pub fn own_bases_were(&mut self, bases: usize) {
        self.own_bases = bases;
    }

    /// A URL as it may stay beside the base of its item or channel: one with a base of its own is resolved at once.
    pub fn based(&self, url: Cow<'a, str>) -> Cow<'a, str> {
        if self.bases.len() <= self.own_bases {
            return url;
        }
        match url::resolve(&url, self.bases.last().map(|base| &**base)) {
            Some(Cow::Owned(absolute)) => Cow::Owned(absolute),
            _ => url,
        }
    }

    /// Reads the children of `parent` up to its end; `each` reads one child and says whether it was one of its own.
    pub fn children(
        &mut self,
        parent: &Tag<'a>,
        level: Level,
        mut each: impl FnMut(&mut Reader<'a>, &Tag<'a>) -> bool,
    ) -> End {
        if parent.empty {
            return End::Closed;
        }
        self.path.push(parent.name);
        let mut is_closed = None;
        let end = loop {
            match self.tokens.next(parent.name) {
                Token::Text(_) | Token::Cdata(_) => {}
                Token::Start {
                    name,
                    attributes,
                    empty,
                } => {
                    let scope = self.enter(attributes);
                    let tag = self.tag(name, attributes, empty);
                    let next_item = level != Level::Feed && tag.is_item();
                    if next_item {
                        self.leave(scope);
                        break self.ends_here();
                    }
                    if !each(self, &tag) {
                        if level == Level::Part
                            && text::ends_field(&tag, 0, Kind::Html)
                            && !*is_closed.get_or_insert_with(|| self.is_closed(parent.name, &tag))
                        {
                            self.leave(scope);
                            self.tokens.rewind(tag.at);
                            self.repair(Repair::UnclosedElement);
                            break End::Closed;
                        }
                        self.skip(&tag);
                    }
                    self.leave(scope);
                }
                Token::End { name } if self.same_name(name, parent.name) => break End::Closed,
                Token::End { name } if self.is_open(name) && !self.is_accident(name, "", &[]) => {
                    break self.ends_here();
                }
                Token::End { .. } => self.repair(Repair::StrayEndTag),
                // Cut within its own end tag: nothing of it is missing.
                Token::Cut if self.is_end_of(parent.name) => break End::Closed,
                Token::Cut | Token::Eof => {
                    self.cut |= !self.over_limit;
                    break End::Cut;
                }
            }
        };
        self.path.pop();
        end
    }

    /// Skips an element with all that is in it. One that is never closed is taken as empty.
    pub fn skip(&mut self, tag: &Tag<'a>) {
        if tag.empty {
            return;
        }
        let from = self.tokens.at();
        let (mut same, mut items) = (0, 0);
        let mut depth = self.path.len();
        loop {
            match self.tokens.next(tag.name) {
                Token::Start {
                    name, empty: false, ..
                } => {
                    if self.is_item_name(name) {
                        // A feed within an item is damage, and its items are those of the feed around it.
                        let is_feed = tag.starts_feed();
                        if items == 0 && (is_feed || !self.is_closed_around_items(tag.name, same)) {
                            break;
                        }
                        items += 1;
                    }
                    same += usize::from(name == tag.name);
                    depth += 1;
                    if depth == MAX_DEPTH {
                        self.repair(Repair::NestingCut);
                    }
                }
                Token::Start { .. } | Token::Text(_) | Token::Cdata(_) => {}
                Token::End { name } if name.eq_ignore_ascii_case(tag.name) => {
                    if same == 0 {
                        return;
                    }
                    same -= 1;
                    depth = depth.saturating_sub(1);
                }
                Token::End { name } if items > 0 && self.is_item_name(name) => {
                    items -= 1;
                    depth = depth.saturating_sub(1);
                }
                Token::End { name }
                    if self.is_open(name) && !self.is_accident(name, tag.name, &[]) =>
                {
                    break;
                }
                Token::End { .. } => depth = depth.saturating_sub(1),
                Token::Cut | Token::Eof => {
                    self.cut |= !self.over_limit;
                    return;
                }
            }
        }
        self.ends_here();
        // What follows the unclosed tag may be the item's own fields: read them, unless this was done too often.
        self.reread += self.tokens.at() - from;
        if self.reread <= self.tokens.text().len() * MOST_REREAD {
            self.tokens.rewind(from);
        }
    }

    /// The element that is being read ends before the current token, without an end tag of its own.
    fn ends_here(&mut self) -> End {
        self.repair(Repair::UnclosedElement);
        let start = self.tokens.start();
        self.tokens.rewind(start);
        End::Closed
    }

    /// Is what is left of the text the start of this end tag?
    fn is_end_of(&self, name: &str) -> bool {
        let left = &self.tokens.text()[self.tokens.start()..];
        left.strip_prefix("</")
            .is_some_and(|left| name.starts_with(left))
    }

    fn is_item_name(&self, name: &str) -> bool {
        let (prefix, local) = names::split(name);
        let prefix = prefix.unwrap_or_default();
        let ns = self.names.declared(prefix);
        (prefix.is_empty() || matches!(ns, Some(Ns::Rss | Ns::Atom)))
            && (local.eq_ignore_ascii_case("item") || local.eq_ignore_ascii_case("entry"))
    }

    fn is_open(&self, name: &str) -> bool {
        self.path.iter().any(|open| open.eq_ignore_ascii_case(name))
    }

    /// An end tag of an element further out, just read: does it stand here by accident, rather than end all that is
    /// inside? It does when the next tag still belongs inside: `field`, an element of `inner` or an open container ends, or
    /// it is a field's of an item, which no feed has behind its own end.
    fn is_accident(&self, outer: &str, field: &str, inner: &[&str]) -> bool {
        let outermost = self
            .path
            .iter()
            .rposition(|open| open.eq_ignore_ascii_case(outer));
        let between = self
            .path
            .get(outermost.map_or(0, |at| at + 1)..)
            .unwrap_or_default();
        let Some((name, is_end)) = next_tag(&self.tokens.text()[self.tokens.at()..]) else {
            return false;
        };
        let is_name = |open: &&str| open.eq_ignore_ascii_case(name);
        let ends_inside = is_end && (is_name(&field) || inner.iter().chain(between).any(is_name));
        let in_item = || between.iter().any(|open| self.is_item_name(open));
        ends_inside || is_item_field(name) && in_item()
    }

    fn same_name(&mut self, end: &str, start: &str) -> bool {
        if end != start && end.eq_ignore_ascii_case(start) {
            self.repair(Repair::MismatchedCase);
        }
        self.same_name_quietly(end, start)
    }

    fn same_name_quietly(&self, end: &str, start: &str) -> bool {
        end.len() == start.len() && end.eq_ignore_ascii_case(start)
    }
}

/// The name of the next tag, and whether it is an end tag. Looks no further than to the next markup.
fn next_tag(text: &str) -> Option<(&str, bool)> {
    let tag = &text[text.find('<')? + 1..];
    let name = tag.strip_prefix('/').unwrap_or(tag);
    let len =
        name.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, ':' | '_' | '-' | '.'));
    Some((&name[..len.unwrap_or(name.len())], tag.starts_with('/')))
}

/// Does only an item, or an entry, have an element of this name?
fn is_item_field(name: &str) -> bool {
    const FIELDS: [&str; 19] = [
        "author",
        "category",
        "comments",
        "content",
        "creator",
        "date",
        "description",
        "enclosure",
        "encoded",
        "guid",
        "id",
        "issued",
        "link",
        "modified",
        "pubdate",
        "published",
        "summary",
        "title",
        "updated",
    ];
    let local = name.rsplit(':').next().unwrap_or(name);
    FIELDS.iter().any(|field| field.eq_ignore_ascii_case(local))
}
