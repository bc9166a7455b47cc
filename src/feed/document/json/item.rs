//! One item of a JSON feed.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::lenient::{Lenient, List, Parts, Read};
use crate::feed::document::date;
use crate::feed::document::entry::{Entry, Person, RawEnclosure, Text};
use crate::feed::document::url;
use crate::feed::document::xml::section::unwrapped;

/// An item as it is written. Of a name that comes twice, the last value that is one counts.
#[derive(Default)]
pub struct Item<'a> {
    id: Lenient<'a>,
    url: Lenient<'a>,
    external_url: Lenient<'a>,
    title: Lenient<'a>,
    content_html: Lenient<'a>,
    content_text: Lenient<'a>,
    summary: Lenient<'a>,
    image: Lenient<'a>,
    banner_image: Lenient<'a>,
    date_published: Lenient<'a>,
    date_modified: Lenient<'a>,
    language: Lenient<'a>,
    author: List<Author<'a>>,
    authors: List<Author<'a>>,
    tags: List<Lenient<'a>>,
    attachments: List<Attachment<'a>>,
    /// One of its values could not be read.
    pub lost_a_value: bool,
}

impl<'a> Item<'a> {
    /// Reads each value by itself, so that one that cannot be read costs only itself. `None` when it is no object.
    pub fn value_by_value(raw: &'a str) -> Option<Item<'a>> {
        let mut json = serde_json::Deserializer::from_str(raw);
        json.deserialize_map(ItemVisitor { careful: true }).ok()
    }

    fn word(&mut self, name: Name) -> &mut Lenient<'a> {
        match name {
            Name::Id => &mut self.id,
            Name::Url => &mut self.url,
            Name::ExternalUrl => &mut self.external_url,
            Name::Title => &mut self.title,
            Name::ContentHtml => &mut self.content_html,
            Name::ContentText => &mut self.content_text,
            Name::Summary => &mut self.summary,
            Name::Image => &mut self.image,
            Name::BannerImage => &mut self.banner_image,
            Name::DatePublished => &mut self.date_published,
            Name::DateModified => &mut self.date_modified,
            _ => &mut self.language,
        }
    }

    pub fn into_entry(self, offset: usize) -> Entry<'a> {
        let page = self.id.0.clone().filter(|id| url::is_http(id));
        let mut entry = Entry {
            guid: self.id.0,
            language: self.language.0,
            offset,
            ..Entry::default()
        };
        let plain = |word: Lenient<'a>| word.0.map(|word| Text::plain(unwrapped(word)));
        entry.title.offer(0, plain(self.title));
        let links = [self.url, self.external_url].map(address);
        for (rank, link) in links.into_iter().enumerate() {
            let other_scheme = link.as_deref().is_some_and(|link| !url::may_be_http(link));
            entry
                .link
                .offer(rank as u8 + 10 * u8::from(other_scheme), link);
        }
        // The format recommends that an id be the URL of its item.
        entry.link.offer(2, page);
        entry.summary.offer(0, plain(self.summary));
        let html = self.content_html.0.map(|raw| Text {
            raw: unwrapped(raw),
            is_html: true,
            ..Text::default()
        });
        entry.content.offer(0, html);
        entry.content.offer(1, plain(self.content_text));
        entry.image.offer(0, address(self.image));
        entry.image.offer(1, address(self.banner_image));
        entry.author.offer(0, first_person(self.authors));
        entry.author.offer(1, first_person(self.author));
        for (written, target) in [
            (self.date_published.0, &mut entry.published_ts),
            (self.date_modified.0, &mut entry.updated_ts),
        ] {
            let ts = written.as_deref().map(date::parse);
            entry.bad_date |= ts == Some(None);
            target.offer(0, ts.flatten());
        }
        entry.categories = tags(self.tags);
        entry.enclosures = self
            .attachments
            .all
            .into_iter()
            .filter_map(Attachment::into_enclosure)
            .collect();
        entry
    }
}

/// A number is no address, though one could be made of it.
fn address<'a>(word: Lenient<'a>) -> Option<Cow<'a, str>> {
    let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    word.0.filter(|word| !is_number(word))
}

/// Tags in a list, or in one string with commas.
fn tags<'a>(tags: List<Lenient<'a>>) -> Vec<Cow<'a, str>> {
    let is_list = tags.is_list;
    let words = tags.all.into_iter().filter_map(|tag| tag.0);
    if is_list {
        return words.collect();
    }
    let parts = words.flat_map(|word| {
        let parts = word
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        parts
            .map(|part| Cow::Owned(part.to_string()))
            .collect::<Vec<_>>()
    });
    parts.take(super::lenient::MOST_LISTED).collect()
}

/// The first of these authors who has a name.
pub fn first_person<'a>(authors: List<Author<'a>>) -> Option<Person<'a>> {
    authors.all.into_iter().find_map(|author| author.0)
}

impl<'de: 'a, 'a> Deserialize<'de> for Item<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Item<'a>, D::Error> {
        json.deserialize_map(ItemVisitor { careful: false })
    }
}

struct ItemVisitor {
    careful: bool,
}

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "an item")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item<'de>, A::Error> {
        let mut item = Item::default();
        let mut values = Values {
            careful: self.careful,
            lost: false,
        };
        while let Some(name) = map.next_key::<Name>()? {
            match name {
                Name::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
                Name::Author => item.author = values.next(&mut map)?,
                Name::Authors => item.authors = values.next(&mut map)?,
                Name::Tags => item.tags = values.next(&mut map)?,
                Name::Attachments => item.attachments = values.next(&mut map)?,
                name => {
                    let word = match name {
                        Name::Id => values.next_with_digits(&mut map)?,
                        _ => values.next(&mut map)?,
                    };
                    if word.0.is_some() {
                        *item.word(name) = word;
                    }
                }
            }
        }
        item.lost_a_value = values.lost;
        Ok(item)
    }
}

/// Takes the values of an object: at once, or each by itself.
struct Values {
    careful: bool,
    lost: bool,
}

impl Values {
    fn next<'de, T, A>(&mut self, map: &mut A) -> Result<T, A::Error>
    where
        T: Deserialize<'de> + Default,
        A: MapAccess<'de>,
    {
        if !self.careful {
            return map.next_value();
        }
        let raw = map.next_value::<&RawValue>()?;
        Ok(self.read(raw))
    }

    /// The same, but a whole number keeps all of its digits: two ids that differ in the last one are two.
    fn next_with_digits<'de, A>(&mut self, map: &mut A) -> Result<Lenient<'de>, A::Error>
    where
        A: MapAccess<'de>,
    {
        let raw = map.next_value::<&RawValue>()?;
        let is_whole = raw.get().bytes().all(|byte| byte.is_ascii_digit());
        Ok(if is_whole {
            Lenient(Some(Cow::Borrowed(raw.get())))
        } else {
            self.read(raw)
        })
    }

    fn read<'de, T: Deserialize<'de> + Default>(&mut self, raw: &'de RawValue) -> T {
        let value = serde_json::from_str(raw.get());
        self.lost |= value.is_err();
        value.unwrap_or_default()
    }
}

/// The names that an item's values have.
#[derive(Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Name {
    Id,
    Url,
    ExternalUrl,
    Title,
    ContentHtml,
    ContentText,
    Summary,
    Image,
    BannerImage,
    DatePublished,
    DateModified,
    Language,
    Author,
    Authors,
    Tags,
    Attachments,
    #[serde(other)]
    Other,
}

/// An author: an object with a name, or only the name.
#[derive(Default)]
pub struct Author<'a>(Option<Person<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Author<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Author<'a>, D::Error> {
        let parts = json.deserialize_any(Parts::<'a>(["name", "", ""], PhantomData))?;
        Ok(Author(match parts {
            Read::Word(word) => word.0.map(Person::Text),
            Read::Object([name, ..]) => name.0.map(|name| Person::Parts {
                name: Some(name),
                email: None,
            }),
        }))
    }
}

/// An attachment: an object with a URL, or only the URL.
#[derive(Default)]
struct Attachment<'a>([Lenient<'a>; 3]);

impl<'de: 'a, 'a> Deserialize<'de> for Attachment<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Attachment<'a>, D::Error> {
        let names = ["url", "mime_type", "size_in_bytes"];
        Ok(
            match json.deserialize_any(Parts::<'a>(names, PhantomData))? {
                Read::Word(url) => Attachment([url, Lenient::default(), Lenient::default()]),
                Read::Object(parts) => Attachment(parts),
            },
        )
    }
}

impl<'a> Attachment<'a> {
    fn into_enclosure(self) -> Option<RawEnclosure<'a>> {
        let [url, media_type, length] = self.0;
        Some(RawEnclosure {
            url: address(url)?,
            media_type: media_type.0,
            length: length.0,
        })
    }
}
