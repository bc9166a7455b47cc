//! What may stay: elements and attributes that only show text, pictures and links.

use crate::feed::document::lower;

/// What becomes of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Keep(Element),
    /// The tags go, what is between them stays.
    Unwrap,
    /// All of it goes: what is inside is no text, or none that a reader should see.
    Remove,
}

/// An element that may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// In lower case, as it is written.
    pub name: &'static str,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Inline,
    /// Ends an open paragraph.
    Block,
    /// A block that parts of lists or tables live in.
    Container,
    /// A part of a list or table: it ends the one before it.
    Part(Group),
    /// Has no end tag.
    Void,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Item,
    Term,
    Cell,
    Row,
    Rows,
}

impl Group {
    /// A row also ends a cell, a group of rows also a row and a cell.
    pub fn ends(self, open: Group) -> bool {
        self == open
            || matches!(
                (self, open),
                (Group::Row, Group::Cell) | (Group::Rows, Group::Cell | Group::Row)
            )
    }
}

/// Longest name of an element that is known.
const LONGEST: usize = 12;

static INLINE: &[&str] = &[
    "a", "abbr", "acronym", "b", "bdi", "bdo", "cite", "code", "del", "dfn", "em", "i", "ins",
    "kbd", "mark", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong",
    "sub", "sup", "time", "tt", "u", "var",
];
static BLOCK: &[&str] = &[
    "article",
    "aside",
    "blockquote",
    "center",
    "details",
    "div",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hgroup",
    "nav",
    "p",
    "pre",
    "summary",
];
static CONTAINER: &[&str] = &["dl", "ol", "table", "ul"];
static PARTS: &[(&str, Group)] = &[
    ("li", Group::Item),
    ("dt", Group::Term),
    ("dd", Group::Term),
    ("td", Group::Cell),
    ("th", Group::Cell),
    ("tr", Group::Row),
    ("tbody", Group::Rows),
    ("thead", Group::Rows),
    ("tfoot", Group::Rows),
    ("caption", Group::Rows),
];
static VOID: &[&str] = &["br", "hr", "img", "wbr"];
static REMOVE: &[&str] = &[
    "applet",
    "audio",
    "canvas",
    "embed",
    "frameset",
    "head",
    "iframe",
    "math",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "plaintext",
    "script",
    "select",
    "style",
    "svg",
    "template",
    "textarea",
    "title",
    "video",
    "xmp",
];

/// The rule for an element.
pub fn element(name: &str) -> Rule {
    let mut buffer = [0; LONGEST];
    let name = lower(name, &mut buffer);
    let known = |list: &'static [&'static str]| list.iter().copied().find(|known| *known == name);
    let keep = |name, kind| Rule::Keep(Element { name, kind });
    if let Some(name) = known(INLINE) {
        keep(name, Kind::Inline)
    } else if let Some(name) = known(BLOCK) {
        keep(name, Kind::Block)
    } else if let Some(name) = known(VOID) {
        keep(name, Kind::Void)
    } else if let Some((name, group)) = PARTS.iter().find(|(known, _)| *known == name) {
        keep(name, Kind::Part(*group))
    } else if let Some(name) = known(CONTAINER) {
        keep(name, Kind::Container)
    } else if known(REMOVE).is_some() {
        Rule::Remove
    } else {
        Rule::Unwrap
    }
}

/// What an attribute's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Shown or ignored, but never followed.
    Words,
    /// An absolute http(s) URL, or nothing.
    Url,
    /// The same, or a `mailto:`.
    Link,
    Number,
}

/// The attribute as it may stay on this element.
pub fn attribute(element: &str, name: &str) -> Option<(&'static str, Value)> {
    let allowed: &[(&str, Value)] = match element {
        "a" => &[("href", Value::Link)],
        "img" => &[
            ("src", Value::Url),
            ("alt", Value::Words),
            ("width", Value::Number),
            ("height", Value::Number),
        ],
        "blockquote" | "q" | "del" | "ins" => &[("cite", Value::Url)],
        "ol" => &[("start", Value::Number)],
        "td" | "th" => &[("colspan", Value::Number), ("rowspan", Value::Number)],
        "bdo" => &[("dir", Value::Words)],
        _ => &[],
    };
    let everywhere = [("title", Value::Words), ("lang", Value::Words)];
    allowed
        .iter()
        .chain(&everywhere)
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .copied()
}
