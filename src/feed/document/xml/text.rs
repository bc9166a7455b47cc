//! The text of a field: in one piece, in several, or as markup.

use std::borrow::Cow;

use super::{MAX_DEPTH, Reader, Tag, section};
use crate::feed::document::entities::{self, Reference};
use crate::feed::document::entry::Text;
use crate::feed::document::markup::{Token, Tokenizer};
use crate::feed::document::names::Ns;
use crate::feed::document::plain::{self, SECTION_END, Tags};
use crate::feed::document::repair::{Repair, Repairs};

impl<'a> Reader<'a> {
    /// The text of an element, up to its end. Markup inside makes it HTML.
    #[allow(clippy::too_many_lines)] // One pass over the text.
    pub fn text(&mut self, tag: &Tag<'a>, kind: Kind) -> Option<Text<'a>> {
        if tag.empty {
            return None;
        }
        let from = self.tokens.at();
        let mut pieces = Pieces::default();
        // What HTML would read differently than XML: then the markup is written anew.
        let mut rewrite = false;
        let mut markup = false;
        let mut div_base = None;
        let mut had_cdata = false;
        // A `]]>` in the text behind a section: it was meant to end there.
        let mut nested = false;
        let mut unclosed = false;
        let mut is_closed = None;
        let mut voids = 0;
        self.inner.clear();
        let end = loop {
            let innermost = self.inner.last().copied().unwrap_or(tag.name);
            match self.tokens.next(innermost) {
                Token::Text(text) if !markup => {
                    let at = self.tokens.start();
                    if had_cdata && text.contains(SECTION_END) {
                        nested = true;
                        self.repair(Repair::NestedCdata);
                    }
                    let text = self.decode(text, at);
                    pieces.push(text);
                }
                Token::Text(_) => {}
                Token::Cdata(text) if !markup => {
                    had_cdata = true;
                    pieces.push(Cow::Borrowed(text));
                }
                Token::Cdata(_) => rewrite = true,
                Token::Start {
                    name,
                    attributes,
                    empty,
                } => {
                    let scope = self.enter(attributes);
                    let inside = self.tag(name, attributes, empty);
                    if kind == Kind::Xhtml && !markup {
                        // That of the `<div>` around it.
                        div_base = self.base();
                    }
                    self.leave(scope);
                    if ends_field(&inside, self.inner.len(), kind)
                        && !*is_closed.get_or_insert_with(|| self.is_closed(tag.name, &inside))
                    {
                        unclosed = true;
                        self.ends_here();
                        break self.tokens.at();
                    }
                    // Text that came as CDATA before the first tag cannot stay as it is either.
                    rewrite |= had_cdata;
                    markup = true;
                    let void = is_void(inside.local());
                    voids += usize::from(void && !empty);
                    rewrite |= (empty && !void) || name.contains(':');
                    if !empty && !void {
                        if self.inner.len() < MAX_DEPTH {
                            self.inner.push(name);
                        } else {
                            self.repair(Repair::NestingCut);
                        }
                    }
                }
                Token::End { name } => match self
                    .inner
                    .iter()
                    .rposition(|open| self.same_name_quietly(name, open))
                {
                    Some(open) => {
                        if open + 1 < self.inner.len() {
                            self.repair(Repair::UnclosedElement);
                        }
                        self.inner.truncate(open);
                    }
                    // Of `</content:encoded>` a damage may have left the half.
                    None if self.same_name(name, tag.name) || Some(name) == tag.prefix() => {
                        break self.tokens.start();
                    }
                    None if self.is_open(name)
                        && !self.is_accident(name, tag.name, &self.inner) =>
                    {
                        unclosed = true;
                        self.ends_here();
                        break self.tokens.at();
                    }
                    // What HTML never closes, XML does.
                    None if voids > 0 && is_void(&name.to_ascii_lowercase()) => voids -= 1,
                    None => self.repair(Repair::StrayEndTag),
                },
                Token::Cut | Token::Eof => {
                    self.cut |= !self.over_limit;
                    break self.tokens.text().len();
                }
            }
        };
        let base = div_base.or_else(|| self.base());
        let (raw, is_html) = if markup {
            let inside = &self.tokens.text()[from..end];
            let inside = if kind == Kind::Xhtml {
                without_div(inside)
            } else {
                inside.trim()
            };
            (
                if rewrite {
                    Cow::Owned(xml_to_html(inside, kind))
                } else {
                    Cow::Borrowed(inside)
                },
                true,
            )
        } else {
            let text = pieces.finish();
            let text = if nested {
                section::cleared(text)
            } else {
                section::unwrapped(text)
            };
            (text, kind != Kind::Plain)
        };
        (!raw.is_empty()).then_some(Text {
            raw,
            is_html,
            base,
            unclosed,
        })
    }

    /// The text of an element that should hold no markup: a URL, a date, a name.
    pub fn word(&mut self, tag: &Tag<'a>) -> Option<Cow<'a, str>> {
        let text = self.text(tag, Kind::Plain)?;
        if !text.is_html {
            return Some(text.raw);
        }
        let mut plain = String::new();
        text.to_plain(Tags::All, &mut plain);
        (!plain.is_empty()).then_some(Cow::Owned(plain))
    }

    /// An attribute's value, references read and white space trimmed.
    pub fn attribute(&mut self, tag: &Tag<'a>, name: &str) -> Option<Cow<'a, str>> {
        let raw = self.value(tag, name)?;
        let value = match self.decode(raw, tag.at) {
            Cow::Borrowed(value) => Cow::Borrowed(value.trim()),
            Cow::Owned(value) => Cow::Owned(value.trim().to_string()),
        };
        (!value.is_empty()).then_some(value)
    }

    /// The URL in an attribute.
    pub fn url(&mut self, tag: &Tag<'a>, name: &str) -> Option<Cow<'a, str>> {
        let url = self.attribute(tag, name)?;
        Some(self.based(url))
    }

    pub(super) fn decode(&mut self, raw: &'a str, offset: usize) -> Cow<'a, str> {
        let own = self.tokens.defines_entities;
        let repairs = &mut self.tokens.repairs;
        entities::decode(raw, |reference, at| {
            let repair = match reference {
                Reference::Xml => return,
                Reference::Unknown if own => Repair::EntityNotExpanded,
                Reference::Html | Reference::Unknown => Repair::UndeclaredEntity,
                Reference::Bare => Repair::BareAmpersand,
            };
            repairs.at(repair, offset + at);
        })
    }
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Plain,
    Html,
    /// Markup inside a `<div>` that is not part of it.
    Xhtml,
}

/// Does this start tag, met inside a field, belong to the next field (the end tag was forgotten)?
pub(super) fn ends_field(tag: &Tag, depth: usize, kind: Kind) -> bool {
    if tag.is_item() {
        return true;
    }
    if kind == Kind::Xhtml {
        // What HTML has no element for.
        return tag.ns == Ns::Atom
            && matches!(
                tag.local(),
                "content" | "id" | "published" | "updated" | "issued" | "modified"
            );
    }
    match (tag.ns, tag.local()) {
        // Names that HTML has too, as far as naked markup goes.
        (Ns::Rss | Ns::Atom, "title" | "link" | "summary" | "source") => {
            depth == 0 || kind == Kind::Plain
        }
        (
            Ns::Rss | Ns::Atom,
            "pubdate" | "guid" | "description" | "author" | "category" | "enclosure" | "comments"
            | "published" | "updated" | "content" | "id" | "issued" | "modified" | "created"
            | "lastbuilddate" | "contributor" | "channel" | "ttl" | "language" | "generator"
            | "copyright" | "managingeditor" | "webmaster",
        ) => true,
        (Ns::Content | Ns::Dc | Ns::DcTerms | Ns::Itunes | Ns::Media | Ns::Syndication, _) => true,
        _ => false,
    }
}

fn is_void(local: &str) -> bool {
    matches!(
        local,
        "br" | "img"
            | "hr"
            | "input"
            | "meta"
            | "link"
            | "wbr"
            | "col"
            | "area"
            | "embed"
            | "source"
            | "track"
    )
}

/// The inside of the `<div>` around XHTML.
fn without_div(markup: &str) -> &str {
    let markup = markup.trim();
    let mut tokens = Tokenizer::new(markup, Repairs::default());
    let Token::Start {
        name, empty: false, ..
    } = tokens.next("")
    else {
        return markup;
    };
    let close = markup.rfind("</").unwrap_or_default();
    let ends = markup[close..]
        .strip_prefix("</")
        .and_then(|end| end.strip_prefix(name));
    let is_last = ends.is_some_and(|rest| rest.find('>').is_none_or(|at| at + 1 == rest.len()));
    if name.rsplit(':').next() != Some("div") || !is_last {
        return markup;
    }
    markup.get(tokens.at()..close).unwrap_or(markup).trim()
}

/// Writes XML markup as HTML: no prefixes, no CDATA, no `<p/>`. Within a field that holds HTML, CDATA holds it too, beside
/// the tags that ended up there; elsewhere it is text.
fn xml_to_html(markup: &str, kind: Kind) -> String {
    let mut tokens = Tokenizer::new(markup, Repairs::default());
    let mut html = String::with_capacity(markup.len());
    let local = |name: &str| match name.rsplit(':').next() {
        // A title of another vocabulary is text; that of HTML's would be none.
        Some("title" | "head") | None => name.to_string(),
        Some(local) => local.to_string(),
    };
    loop {
        match tokens.next("") {
            Token::Text(text) => html.push_str(text),
            Token::Cdata(text) if kind == Kind::Html => html.push_str(text),
            Token::Cdata(text) => plain::escape(text, &mut html),
            Token::Start { name, empty, .. } => {
                let end = tokens.at();
                let name_end = tokens.start() + 1 + name.len();
                let attributes = markup[name_end..end].trim_end_matches(['>', '/']);
                html.extend(["<", &local(name), attributes, ">"]);
                if empty && !is_void(&local(name).to_ascii_lowercase()) {
                    html.extend(["</", &local(name), ">"]);
                }
            }
            Token::End { name } => html.extend(["</", &local(name), ">"]),
            Token::Cut | Token::Eof => return html,
        }
    }
}

/// Text that comes in pieces, copied only when there is more than one.
#[derive(Default)]
struct Pieces<'a> {
    text: Cow<'a, str>,
    /// White space after `text`, kept back until something follows it.
    space: &'a str,
}

impl<'a> Pieces<'a> {
    fn push(&mut self, piece: Cow<'a, str>) {
        let piece = match piece {
            Cow::Borrowed(piece) if self.text.is_empty() => Cow::Borrowed(piece.trim_ascii_start()),
            piece => piece,
        };
        if piece.is_empty() {
            return;
        }
        if self.text.is_empty() {
            self.text = piece;
            return;
        }
        if let Cow::Borrowed(space) = piece
            && self.space.is_empty()
            && space.trim_ascii().is_empty()
        {
            self.space = space;
            return;
        }
        let text = self.text.to_mut();
        text.push_str(std::mem::take(&mut self.space));
        text.push_str(&piece);
    }

    fn finish(self) -> Cow<'a, str> {
        match self.text {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(mut text) => {
                text.truncate(text.trim_end().len());
                let lead = text.len() - text.trim_start().len();
                text.drain(..lead);
                Cow::Owned(text)
            }
        }
    }
}
