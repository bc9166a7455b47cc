//! The repairs that a document needed, by name.

use std::fmt;

use serde::ser::{Serialize, SerializeSeq, Serializer};

/// One kind of damage that was mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Repair {
    /// A byte order mark at the start of JSON, which forbids it, was dropped.
    ByteOrderMark,
    /// The bytes were not in the encoding that was declared.
    WrongEncoding,
    /// No encoding was declared and the bytes were not UTF-8: read as windows-1252.
    AssumedWindows1252,
    /// Bytes that are no character in the encoding became U+FFFD.
    BadBytes,
    /// Control characters that XML forbids were dropped.
    ControlCharacters,
    /// Text or tags before the document were skipped.
    LeadingJunk,
    /// A `&` that starts no entity was read as itself.
    BareAmpersand,
    /// A `<` that starts no tag was read as itself.
    BareLess,
    /// An entity that XML does not know was read as HTML, or left as it stands.
    UndeclaredEntity,
    /// An entity that the document itself defines was left as it stands.
    EntityNotExpanded,
    /// A prefix without a declaration was understood by its usual name.
    UndeclaredPrefix,
    /// An element without an end tag was closed where the next one starts.
    UnclosedElement,
    /// An end tag that closes nothing was skipped.
    StrayEndTag,
    /// A tag without its `>` was ended at the next tag.
    UnclosedTag,
    /// An attribute without quotes was read up to the next space.
    UnquotedAttribute,
    /// An attribute without its closing quote was ended with its tag.
    UnclosedQuote,
    /// A CDATA section without its `]]>` was ended with its element.
    UnclosedCdata,
    /// A CDATA section within another ended the outer one: the rest was read as text.
    NestedCdata,
    /// A section under another name than CDATA was read as one.
    MisspeltCdata,
    /// A comment without its `-->` was ended at the next `>`.
    UnclosedComment,
    /// An end tag in other letters than its start tag (`<pubDate>…</pubdate>`).
    MismatchedCase,
    /// `<rss>` without a version.
    MissingVersion,
    /// Items without the root element that should hold them.
    MissingRoot,
    /// The document ends in the middle; its complete items count.
    Truncated,
    /// Something follows the end of the document.
    TrailingJunk,
    /// Elements nested deeper than the limit were not looked at.
    NestingCut,
    /// A few letters that do not belong into base64 were dropped.
    StrayInBase64,
    /// Content that should be base64 was taken as it stands.
    BadBase64,
    /// Half a surrogate pair in a JSON string became U+FFFD.
    HalfSurrogate,
    /// A comma, a quote, an escape, a control character or a bare word in JSON was read as it was meant.
    JsonSlip,
    /// A value of a JSON feed was unreadable and skipped.
    BadJsonValue,
    /// One item of a JSON feed was unreadable and skipped.
    BadJsonItem,
}

impl Repair {
    /// The stable name, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Repair::ByteOrderMark => "byte_order_mark",
            Repair::WrongEncoding => "wrong_encoding",
            Repair::AssumedWindows1252 => "assumed_windows_1252",
            Repair::BadBytes => "bad_bytes",
            Repair::ControlCharacters => "control_characters",
            Repair::LeadingJunk => "leading_junk",
            Repair::BareAmpersand => "bare_ampersand",
            Repair::BareLess => "bare_less_than",
            Repair::UndeclaredEntity => "undeclared_entity",
            Repair::EntityNotExpanded => "entity_not_expanded",
            Repair::UndeclaredPrefix => "undeclared_prefix",
            Repair::UnclosedElement => "unclosed_element",
            Repair::StrayEndTag => "stray_end_tag",
            Repair::UnclosedTag => "unclosed_tag",
            Repair::UnquotedAttribute => "unquoted_attribute",
            Repair::UnclosedQuote => "unclosed_quote",
            Repair::UnclosedCdata => "unclosed_cdata",
            Repair::NestedCdata => "nested_cdata",
            Repair::MisspeltCdata => "misspelt_cdata",
            Repair::UnclosedComment => "unclosed_comment",
            Repair::MismatchedCase => "mismatched_case",
            Repair::MissingVersion => "missing_version",
            Repair::MissingRoot => "missing_root",
            Repair::Truncated => "truncated",
            Repair::TrailingJunk => "trailing_junk",
            Repair::NestingCut => "nesting_cut",
            Repair::StrayInBase64 => "stray_in_base64",
            Repair::BadBase64 => "bad_base64",
            Repair::HalfSurrogate => "half_surrogate",
            Repair::JsonSlip => "json_slip",
            Repair::BadJsonValue => "bad_json_value",
            Repair::BadJsonItem => "bad_json_item",
        }
    }

    /// What was wrong and what was done, for people.
    pub fn words(self) -> &'static str {
        match self {
            Repair::ByteOrderMark => "a byte order mark was dropped",
            Repair::WrongEncoding => {
                "the text is not in the encoding it declares; the right one was used"
            }
            Repair::AssumedWindows1252 => {
                "no encoding declared and not UTF-8; read as windows-1252"
            }
            Repair::BadBytes => "bytes that are no character became U+FFFD",
            Repair::ControlCharacters => "control characters were dropped",
            Repair::LeadingJunk => "what stands before the feed was skipped",
            Repair::BareAmpersand => "a bare & was read as itself",
            Repair::BareLess => "a bare < was read as itself",
            Repair::UndeclaredEntity => "an entity that XML does not know was read as HTML",
            Repair::EntityNotExpanded => "an entity defined by the document was not expanded",
            Repair::UndeclaredPrefix => "an undeclared prefix was understood by its usual name",
            Repair::UnclosedElement => "an element without end tag was closed",
            Repair::StrayEndTag => "an end tag that closes nothing was skipped",
            Repair::UnclosedTag => "a tag without > was ended at the next tag",
            Repair::UnquotedAttribute => "an attribute without quotes was read to the next space",
            Repair::UnclosedQuote => "an attribute without closing quote was ended with its tag",
            Repair::UnclosedCdata => "a CDATA section without end was ended with its element",
            Repair::NestedCdata => {
                "a CDATA section within another ended both; what follows was read as text"
            }
            Repair::MisspeltCdata => "a section with another name than CDATA was read as one",
            Repair::UnclosedComment => "a comment without end was ended at the next >",
            Repair::MismatchedCase => "an end tag in other letters than its start tag was accepted",
            Repair::MissingVersion => "<rss> without a version was read as RSS 2.0",
            Repair::MissingRoot => "items without a root element were read all the same",
            Repair::Truncated => "the document ends in the middle; its complete items count",
            Repair::TrailingJunk => "what follows the end of the feed was skipped",
            Repair::NestingCut => "elements nested too deep were not looked at",
            Repair::StrayInBase64 => "letters that do not belong into base64 were dropped",
            Repair::BadBase64 => "content that is not base64 was taken as it stands",
            Repair::HalfSurrogate => "half a surrogate pair became U+FFFD",
            Repair::JsonSlip => "a slip in the writing of JSON was read as it was meant",
            Repair::BadJsonValue => "an unreadable value was skipped",
            Repair::BadJsonItem => "an unreadable item was skipped",
        }
    }
}

/// How often each repair was needed, and where first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repairs(Vec<Needed>);

/// One line of [`Repairs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needed {
    pub repair: Repair,
    pub count: u32,
    /// Line of the first one, from 1; 0 where it concerns the document as a whole.
    pub line: u32,
    /// Byte offset behind `line`, until the lines are counted.
    offset: Option<usize>,
}

impl Repairs {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Needed> {
        self.0.iter()
    }

    pub fn count(&self, repair: Repair) -> u32 {
        self.0
            .iter()
            .find(|n| n.repair == repair)
            .map_or(0, |n| n.count)
    }

    /// Notes a repair of the document as a whole.
    pub(super) fn whole(&mut self, repair: Repair) {
        self.note(repair, None);
    }

    /// Notes a repair at a byte offset of the text.
    pub(super) fn at(&mut self, repair: Repair, offset: usize) {
        self.note(repair, Some(offset));
    }

    // At most one entry per kind, so this list has a limit of its own.
    fn note(&mut self, repair: Repair, offset: Option<usize>) {
        match self.0.iter_mut().find(|n| n.repair == repair) {
            Some(needed) => needed.count = needed.count.saturating_add(1),
            None => self.0.push(Needed {
                repair,
                count: 1,
                line: 0,
                offset,
            }),
        }
    }

    /// Turns offsets into lines; once, at the end, because counting lines costs a pass over the text.
    pub(super) fn count_lines(&mut self, text: &str) {
        for needed in &mut self.0 {
            if let Some(head) = needed.offset.and_then(|at| text.as_bytes().get(..at)) {
                let lines = memchr::memchr_iter(b'\n', head).count();
                needed.line = u32::try_from(lines).unwrap_or(u32::MAX).saturating_add(1);
            }
        }
    }
}

impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repair.words())?;
        if self.line > 0 {
            write!(f, " (line {})", self.line)?;
        }
        if self.count > 1 {
            write!(f, ", {} times", self.count)?;
        }
        Ok(())
    }
}

impl Serialize for Repairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for needed in &self.0 {
            list.serialize_element(&serde_json::json!({
                "repair": needed.repair.name(), "words": needed.repair.words(),
                "count": needed.count, "line": needed.line,
            }))?;
        }
        list.end()
    }
}
