//! What feeds and items have in common: texts, persons, categories, dates, pictures and files.

use std::borrow::Cow;

use crate::feed::document::date;
use crate::feed::document::entry::{Person, Ranked, RawEnclosure, Text};
use crate::feed::document::markup::Token;
use crate::feed::document::plain::Tags;
use crate::feed::document::repair::Repair;
use crate::feed::document::xml::{Kind, Level, Reader, Tag};

/// Most categories, and most enclosures, that one item keeps.
const MOST_LISTED: usize = 100;

/// So many letters that are none of base64's may stand among so many that are, and one more in each so many.
const STRAYS_TOLERATED: usize = 3;
const LETTERS_MIN: usize = 16;

/// An Atom text construct, in the manner of 1.0 (`type`) or 0.3 (`type` and `mode`).
pub fn atom_text<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Option<Text<'a>> {
    let written = reader.value(tag, "type").unwrap_or("text");
    let written = written.trim().to_ascii_lowercase();
    let mode = reader.value(tag, "mode").unwrap_or_default().trim();
    let xhtml = written == "xhtml" || written.ends_with("+xml");
    let base64 = mode.eq_ignore_ascii_case("base64")
        || (written.contains('/')
            && !written.starts_with("text/")
            && !xhtml
            && !written.ends_with("/xml"));
    let kind = match written.as_str() {
        _ if xhtml => Kind::Xhtml,
        "html" | "text/html" => Kind::Html,
        _ => Kind::Plain,
    };
    let text = reader.text(tag, kind)?;
    if !base64 || text.is_html && kind == Kind::Plain {
        return Some(text);
    }
    match decode_base64(&text.raw) {
        Some((bytes, clean)) => {
            if !clean {
                reader.repair(Repair::StrayInBase64);
            }
            let decoded = String::from_utf8_lossy(&bytes).trim().to_string();
            if decoded.contains(['\u{FFFD}', '\0']) {
                // A picture, say, is of no use to a reader; under a type that nobody knows it was text all along.
                let known =
                    written == "application/octet-stream" || !written.starts_with("application/");
                return Some(text).filter(|_| !known);
            }
            let is_html = text.is_html || decoded.contains("</");
            Some(Text {
                raw: Cow::Owned(decoded),
                is_html,
                ..text
            })
        }
        None => {
            reader.repair(Repair::BadBase64);
            Some(text)
        }
    }
}

/// Decodes base64 with white space anywhere, and with a few letters that do not belong there or anything behind its end,
/// when the rest is text: then it was not clean.
fn decode_base64(written: &str) -> Option<(Vec<u8>, bool)> {
    let is_letter = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let (body, rest) = written.split_once('=').unwrap_or((written, ""));
    let letters: Vec<u8> = body.bytes().filter(is_letter).collect();
    let strays = body.chars().filter(|c| !c.is_whitespace()).count() - letters.len();
    let few = strays <= STRAYS_TOLERATED && letters.len() >= LETTERS_MIN;
    if strays > 0 && !few && strays * LETTERS_MIN > letters.len() {
        return None;
    }
    let clean = strays == 0
        && rest
            .trim_matches(|c: char| c == '=' || c.is_whitespace())
            .is_empty();
    let padding = base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
    let bytes = base64::Engine::decode(&padding, letters).ok()?;
    let is_text = || std::str::from_utf8(&bytes).is_ok_and(|text| !text.contains('\0'));
    (clean || is_text()).then_some((bytes, clean))
}

/// An author outside of Atom: one string; or the elements of Atom's, where its habits crept in.
pub fn author<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Option<Person<'a>> {
    let inside = reader.tokens.at();
    let text = reader.text(tag, Kind::Plain)?;
    if !text.is_html {
        return Some(Person::Text(text.raw));
    }
    if !text.unclosed {
        let (end, repairs) = (reader.tokens.at(), reader.tokens.repairs.clone());
        reader.tokens.rewind(inside);
        let parts = person(reader, tag);
        reader.tokens.rewind(end);
        reader.tokens.repairs = repairs;
        if parts.is_some() {
            return parts;
        }
    }
    let mut plain = String::new();
    text.to_plain(Tags::OfALine, &mut plain);
    // What is left of elements says who somebody is, but not by what name.
    (!plain.is_empty() && !plain.contains('<')).then_some(Person::Text(Cow::Owned(plain)))
}

/// An Atom person, or an iTunes owner. What else stands in it (an id, a link, a date) is the person's, not the entry's.
pub fn person<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Option<Person<'a>> {
    let (mut name, mut email) = (None, None);
    reader.children(tag, Level::Part, |reader, tag| {
        match tag.local() {
            "name" => name = reader.word(tag).or(name.take()),
            "email" => email = reader.word(tag).or(email.take()),
            _ => return false,
        }
        true
    });
    (name.is_some() || email.is_some()).then_some(Person::Parts { name, email })
}

pub fn atom_category<'a>(
    reader: &mut Reader<'a>,
    tag: &Tag<'a>,
    categories: &mut Vec<Cow<'a, str>>,
) {
    let label = reader
        .attribute(tag, "label")
        .or_else(|| reader.attribute(tag, "term"));
    let text = reader.word(tag);
    keep(categories, label.or(text));
}

pub fn keywords<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>, categories: &mut Vec<Cow<'a, str>>) {
    let words = reader.word(tag).unwrap_or_default();
    for word in words
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
    {
        keep(categories, Some(Cow::Owned(word.to_string())));
    }
}

pub fn itunes_category<'a>(
    reader: &mut Reader<'a>,
    tag: &Tag<'a>,
    categories: &mut Vec<Cow<'a, str>>,
) {
    let text = reader.attribute(tag, "text");
    keep(categories, text);
    reader.children(tag, Level::Part, |reader, tag| {
        let is_category = tag.local() == "category";
        if is_category {
            // One level below is all that the format knows.
            let text = reader.attribute(tag, "text");
            keep(categories, text);
            reader.skip(tag);
        }
        is_category
    });
}

pub fn keep<'a>(list: &mut Vec<Cow<'a, str>>, word: Option<Cow<'a, str>>) {
    if let Some(word) = word
        && list.len() < MOST_LISTED
    {
        list.push(word);
    }
}

/// Reads a date; notes one that is none.
pub fn when<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Option<i64> {
    let written = reader.word(tag)?;
    let ts = date::parse(&written);
    reader.bad_date |= ts.is_none();
    ts
}

pub fn enclosure<'a>(
    reader: &mut Reader<'a>,
    tag: &Tag<'a>,
    url: &str,
    length: &str,
) -> Option<RawEnclosure<'a>> {
    Some(RawEnclosure {
        url: reader.url(tag, url)?,
        media_type: reader.attribute(tag, "type"),
        length: reader.attribute(tag, length),
    })
}

pub fn keep_enclosure<'a>(list: &mut Vec<RawEnclosure<'a>>, enclosure: Option<RawEnclosure<'a>>) {
    if let Some(enclosure) = enclosure
        && list.len() < MOST_LISTED
        && list.iter().all(|known| known.url != enclosure.url)
    {
        list.push(enclosure);
    }
}

pub enum Media<'a> {
    Image(Cow<'a, str>),
    File(RawEnclosure<'a>),
    Nothing,
}

pub fn media_content<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Media<'a> {
    let Some(file) = enclosure(reader, tag, "url", "fileSize") else {
        return Media::Nothing;
    };
    let is_image = tag
        .attributes
        .get("medium")
        .is_some_and(|medium| medium.eq_ignore_ascii_case("image"))
        || file
            .media_type
            .as_deref()
            .is_some_and(|media_type| media_type.starts_with("image/"));
    if is_image {
        Media::Image(file.url)
    } else {
        Media::File(file)
    }
}

/// `<image>` with its `<url>`, or with nothing but a URL.
pub fn image<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>, found: &mut Ranked<Cow<'a, str>>) {
    if tag.empty {
        found.offer(1, reader.attribute(tag, "rdf:resource"));
        return;
    }
    let inside = reader.tokens.at();
    let is_text = matches!(reader.tokens.next(tag.name), Token::Text(t) | Token::Cdata(t) if !t.trim().is_empty());
    reader.tokens.rewind(inside);
    if is_text {
        found.offer(0, reader.word(tag));
        return;
    }
    reader.children(tag, Level::Part, |reader, tag| {
        match tag.local() {
            "url" => {
                let url = reader.word(tag);
                found.offer(0, url.map(|url| reader.based(url)));
            }
            // A picture has a title and a link of its own.
            "title" | "link" | "description" | "width" | "height" => reader.skip(tag),
            _ => return false,
        }
        true
    });
}
