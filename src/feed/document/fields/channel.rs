//! The feed itself: `<channel>`, `<feed>`, `<rdf:RDF>`.

use std::borrow::Cow;

use super::item::item;
use super::links::{self, Relation};
use super::parts::*;
use crate::feed::document::entry::{Channel, Ranked, Text};
use crate::feed::document::hints;
use crate::feed::document::names::Ns;
use crate::feed::document::xml::{Kind, Level, Reader, Tag};

/// Reads a child of `<channel>`, `<feed>` or `<rdf:RDF>`.
#[allow(clippy::too_many_lines)] // A table of names.
pub fn channel_field<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> bool {
    if tag.is_item() {
        item(reader, tag);
        return true;
    }
    match (tag.ns, tag.local()) {
        (Ns::Rss, "channel") => {
            reader.channel.base = reader.base().or(reader.channel.base.take());
            reader.own_bases();
            reader.children(tag, Level::Feed, channel_field);
        }
        // A root within the root: of a document of which a part is there twice.
        (Ns::Rss | Ns::Atom, "feed" | "rss") => {
            reader.children(tag, Level::Feed, channel_field);
        }
        (Ns::Rss, "title") => html(reader, tag, 0, |channel| &mut channel.title),
        (Ns::Atom, "title") => construct(reader, tag, 1, |channel| &mut channel.title),
        (Ns::Dc | Ns::DcTerms | Ns::Itunes, "title") => {
            html(reader, tag, 2, |channel| &mut channel.title)
        }
        (Ns::Rss, "description") => html(reader, tag, 0, |channel| &mut channel.description),
        (Ns::Atom, "subtitle" | "tagline") => {
            construct(reader, tag, 1, |channel| &mut channel.description)
        }
        (Ns::Atom, "info") => construct(reader, tag, 4, |channel| &mut channel.description),
        (Ns::Dc | Ns::DcTerms, "description") | (Ns::Itunes, "summary") => {
            html(reader, tag, 2, |channel| &mut channel.description)
        }
        (Ns::Itunes, "subtitle") => html(reader, tag, 3, |channel| &mut channel.description),
        (Ns::Rss, "link") => {
            let link = links::rss_link(reader, tag);
            let rank = links::rss_rank(link.as_deref());
            reader.channel.link.offer_last(rank, link);
        }
        (Ns::Atom, "link") => channel_link(reader, tag),
        (Ns::Rss, "language") => word(reader, tag, 0, |channel| &mut channel.language),
        (Ns::Dc, "language") => word(reader, tag, 1, |channel| &mut channel.language),
        (Ns::Rss, "copyright") => html(reader, tag, 0, |channel| &mut channel.copyright),
        (Ns::Atom, "rights" | "copyright") => {
            construct(reader, tag, 0, |channel| &mut channel.copyright)
        }
        (Ns::Dc | Ns::DcTerms, "rights") => html(reader, tag, 1, |channel| &mut channel.copyright),
        (Ns::Rss | Ns::Atom, "generator") => generator(reader, tag),
        (Ns::Rss, "managingeditor") => channel_author(reader, tag, 0),
        (Ns::Rss, "author") => channel_author(reader, tag, 1),
        (Ns::Rss, "webmaster") => channel_author(reader, tag, 2),
        (Ns::Dc, "creator" | "author") => channel_author(reader, tag, 3),
        (Ns::Itunes, "author") => channel_author(reader, tag, 4),
        (Ns::Atom, "author") => {
            let author = person(reader, tag);
            reader.channel.author.offer(0, author);
        }
        (Ns::Itunes, "owner") => {
            let owner = person(reader, tag);
            reader.channel.author.offer(5, owner);
        }
        (Ns::Rss, "category") | (Ns::Dc, "subject") => {
            let category = reader.word(tag);
            keep(&mut reader.channel.categories, category);
        }
        (Ns::Atom, "category") => with_categories(reader, tag, atom_category),
        (Ns::Itunes, "keywords") => with_categories(reader, tag, keywords),
        (Ns::Itunes, "category") => with_categories(reader, tag, itunes_category),
        (Ns::Rss, "image") => {
            let mut found = Ranked::default();
            image(reader, tag, &mut found);
            reader.channel.image.offer(0, found.value);
        }
        (Ns::Itunes, "image") => {
            let url = reader.url(tag, "href");
            reader.channel.image.offer(1, url);
            reader.skip(tag);
        }
        (Ns::Atom, "logo") => word(reader, tag, 2, |channel| &mut channel.image),
        (Ns::Atom, "icon") => word(reader, tag, 4, |channel| &mut channel.image),
        (Ns::Media, "content") => {
            if let Media::Image(url) = media_content(reader, tag) {
                reader.channel.image.offer(3, Some(url));
            }
            reader.skip(tag);
        }
        (Ns::Media, "thumbnail") => {
            let url = reader.url(tag, "url");
            reader.channel.image.offer(3, url);
            reader.skip(tag);
        }
        (Ns::Rss, "pubdate") | (Ns::Atom, "published" | "issued") => {
            let ts = when(reader, tag);
            reader.channel.published_ts.offer(0, ts);
        }
        (Ns::Rss, "lastbuilddate") | (Ns::Atom, "updated" | "modified") => {
            let ts = when(reader, tag);
            reader.channel.updated_ts.offer(0, ts);
        }
        (Ns::Dc | Ns::DcTerms, "date" | "modified") => {
            let ts = when(reader, tag);
            reader.channel.updated_ts.offer(1, ts);
        }
        _ => return hints::hint_field(reader, tag),
    }
    true
}

fn html<'a>(
    reader: &mut Reader<'a>,
    tag: &Tag<'a>,
    rank: u8,
    field: for<'c> fn(&'c mut Channel<'a>) -> &'c mut Ranked<Text<'a>>,
) {
    let text = reader.text(tag, Kind::Html);
    field(&mut reader.channel).offer(rank, text);
}

fn construct<'a>(
    reader: &mut Reader<'a>,
    tag: &Tag<'a>,
    rank: u8,
    field: for<'c> fn(&'c mut Channel<'a>) -> &'c mut Ranked<Text<'a>>,
) {
    let text = atom_text(reader, tag);
    field(&mut reader.channel).offer(rank, text);
}

fn word<'a>(
    reader: &mut Reader<'a>,
    tag: &Tag<'a>,
    rank: u8,
    field: for<'c> fn(&'c mut Channel<'a>) -> &'c mut Ranked<Cow<'a, str>>,
) {
    let word = reader.word(tag);
    field(&mut reader.channel).offer(rank, word);
}

fn channel_author<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>, rank: u8) {
    let author = author(reader, tag);
    reader.channel.author.offer(rank, author);
}

fn with_categories<'a>(
    reader: &mut Reader<'a>,
    tag: &Tag<'a>,
    read: fn(&mut Reader<'a>, &Tag<'a>, &mut Vec<Cow<'a, str>>),
) {
    let mut categories = std::mem::take(&mut reader.channel.categories);
    read(reader, tag, &mut categories);
    reader.channel.categories = categories;
}

fn channel_link<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) {
    let (relation, href, rank) = links::atom_link(reader, tag);
    match relation {
        Relation::Itself => reader.channel.feed_link.offer(0, href),
        Relation::Alternate => reader.channel.link.offer(rank, href),
        Relation::Enclosure | Relation::Other => {}
    }
}

fn generator<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) {
    let version = reader.attribute(tag, "version");
    let uri = reader
        .attribute(tag, "uri")
        .or_else(|| reader.attribute(tag, "url"));
    let name = reader.word(tag);
    let parts = [name, version.map(|v| Cow::Owned(format!("v{v}"))), uri];
    let words: Vec<&str> = parts.iter().flatten().map(|part| &**part).collect();
    if !words.is_empty() && reader.channel.generator.is_none() {
        reader.channel.generator = Some(words.join(" "));
    }
}
