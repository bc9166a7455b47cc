//! Items and entries.

use super::links;
use super::parts::*;
use crate::feed::document::entry::Entry;
use crate::feed::document::names::Ns;
use crate::feed::document::url;
use crate::feed::document::xml::{End, Kind, Level, Reader, Tag};

/// Reads an item or entry and keeps it, if it is complete.
pub fn item<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) {
    if reader.entries.len() >= reader.max_items {
        reader.over_limit = true;
        let end = reader.tokens.text().len();
        reader.tokens.rewind(end);
        return;
    }
    let mut entry = Entry {
        base: reader.base(),
        offset: tag.at,
        ..Entry::default()
    };
    // RSS 1.0 names its items by URL.
    let about = reader.attribute(tag, "rdf:about");
    entry.link.offer(
        links::ABOUT,
        about.clone().filter(|about| url::is_http(about)),
    );
    entry.language = reader.attribute(tag, "xml:lang");
    let outer = std::mem::take(&mut reader.bad_date);
    let outer_bases = reader.own_bases();
    let end = reader.children(tag, Level::Item, |reader, tag| {
        item_field(reader, &mut entry, tag)
    });
    reader.own_bases_were(outer_bases);
    entry.bad_date = std::mem::replace(&mut reader.bad_date, outer);
    if entry.guid.is_none() {
        let own_name = about.is_some() && about != entry.link.value;
        *(if own_name {
            &mut entry.guid
        } else {
            &mut entry.about
        }) = about;
    }
    if end == End::Closed {
        reader.entries.push(entry);
    }
}

#[allow(clippy::too_many_lines)] // A table of names.
fn item_field<'a>(reader: &mut Reader<'a>, entry: &mut Entry<'a>, tag: &Tag<'a>) -> bool {
    match (tag.ns, tag.local()) {
        (Ns::Rss, "title") => entry.title.offer_text(0, reader.text(tag, Kind::Html)),
        (Ns::Atom, "title") => entry.title.offer_text(1, atom_text(reader, tag)),
        (Ns::Dc | Ns::DcTerms, "title") => entry.title.offer_text(2, reader.text(tag, Kind::Html)),
        (Ns::Itunes, "title") | (Ns::Media, "title") => {
            entry.title.offer_text(3, reader.text(tag, Kind::Html))
        }
        (Ns::Rss, "link") => {
            let link = links::rss_link(reader, tag);
            entry
                .link
                .offer_last(links::rss_rank(link.as_deref()), link);
        }
        (Ns::Atom, "link") => {
            links::entry_link(reader, tag, &mut entry.link, &mut entry.enclosures)
        }
        (Ns::Proxy, "origlink") => {
            let link = reader.word(tag).filter(|link| url::is_http(link));
            entry.link.offer(links::ORIGINAL, link);
        }
        (Ns::Rss, "guid") => {
            let permalink = tag
                .attributes
                .get("isPermaLink")
                .is_none_or(|v| v.eq_ignore_ascii_case("true"));
            let guid = reader.word(tag);
            if permalink {
                let link = guid.clone().filter(|guid| url::is_http(guid));
                entry.link.offer(links::GUID, link);
            }
            entry.guid = guid.or(entry.guid.take());
        }
        (Ns::Atom, "id") => {
            let id = reader.word(tag);
            // The id of Atom in RSS is only asked where RSS's own is missing.
            if reader.native == Ns::Atom || entry.guid.is_none() {
                let link = id.clone().filter(|id| url::is_http(id));
                entry.link.offer(links::GUID, link);
                entry.guid = id.or(entry.guid.take());
            }
        }
        (Ns::Rss, "description") => entry.summary.offer_text(0, reader.text(tag, Kind::Html)),
        (Ns::Atom, "summary") => entry.summary.offer_text(0, atom_text(reader, tag)),
        (Ns::Dc | Ns::DcTerms, "description") => {
            entry.summary.offer_text(1, reader.text(tag, Kind::Html))
        }
        (Ns::Itunes, "summary") => entry.summary.offer_text(2, reader.text(tag, Kind::Html)),
        (Ns::Itunes, "subtitle") => entry.summary.offer_text(3, reader.text(tag, Kind::Html)),
        (Ns::Media, "description") => entry.summary.offer_text(4, reader.text(tag, Kind::Html)),
        (Ns::Content, "encoded") => entry.content.offer_text(0, reader.text(tag, Kind::Html)),
        (Ns::Atom, "content") => entry.content.offer_text(1, atom_text(reader, tag)),
        (Ns::Rss, "content") => entry.content.offer_text(3, reader.text(tag, Kind::Html)),
        (Ns::Xhtml, "body" | "div") => entry.content.offer_text(2, reader.text(tag, Kind::Html)),
        (Ns::Rss, "author") => entry.author.offer(0, author(reader, tag)),
        (Ns::Atom, "author") => entry.author.offer(0, person(reader, tag)),
        (Ns::Dc, "creator" | "author") => entry.author.offer(1, author(reader, tag)),
        (Ns::Itunes, "author") => entry.author.offer(2, author(reader, tag)),
        (Ns::Rss, "category") | (Ns::Dc, "subject") => {
            let category = reader.word(tag);
            keep(&mut entry.categories, category);
        }
        (Ns::Atom, "category") => atom_category(reader, tag, &mut entry.categories),
        (Ns::Itunes, "keywords") => keywords(reader, tag, &mut entry.categories),
        (Ns::Itunes, "category") => itunes_category(reader, tag, &mut entry.categories),
        (Ns::Rss, "pubdate") => entry.published_ts.offer(0, when(reader, tag)),
        (Ns::Atom, "published" | "issued") => entry.published_ts.offer(1, when(reader, tag)),
        (Ns::DcTerms, "issued" | "created") => entry.published_ts.offer(1, when(reader, tag)),
        (Ns::Atom, "created") => entry.published_ts.offer(3, when(reader, tag)),
        (Ns::Atom, "updated" | "modified") => entry.updated_ts.offer(0, when(reader, tag)),
        (Ns::DcTerms, "modified") => entry.updated_ts.offer(1, when(reader, tag)),
        (Ns::Dc | Ns::DcTerms, "date") => {
            let ts = when(reader, tag);
            entry.published_ts.offer(2, ts);
            entry.updated_ts.offer(2, ts);
        }
        (Ns::Rss, "enclosure") => {
            let enclosure = enclosure(reader, tag, "url", "length");
            keep_enclosure(&mut entry.enclosures, enclosure);
            media_children(reader, tag, entry);
        }
        (Ns::Media, "group") => {
            media_children(reader, tag, entry);
        }
        (Ns::Media, "content") => {
            match media_content(reader, tag) {
                Media::Image(url) => entry.image.offer(1, Some(url)),
                Media::File(file) => keep_enclosure(&mut entry.enclosures, Some(file)),
                Media::Nothing => {}
            }
            media_children(reader, tag, entry);
        }
        (Ns::Media, "thumbnail") => {
            entry.image.offer(2, reader.url(tag, "url"));
            reader.skip(tag);
        }
        (Ns::Itunes, "image") => {
            entry.image.offer(0, reader.url(tag, "href"));
            reader.skip(tag);
        }
        (Ns::Rss, "image") => image(reader, tag, &mut entry.image),
        (Ns::Dc, "language") => entry.language = reader.word(tag).or(entry.language.take()),
        _ => return false,
    }
    true
}

/// What the media module says within a group, or within a file.
fn media_children<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>, entry: &mut Entry<'a>) {
    reader.children(tag, Level::Part, |reader, tag| match tag.local() {
        // The title is the object's, which may be the picture of whoever wrote the item.
        "title" if tag.ns == Ns::Media => {
            reader.skip(tag);
            true
        }
        _ => tag.ns == Ns::Media && item_field(reader, entry, tag),
    });
}
