//! JSON Feed 1.0 and 1.1, item by item: one bad item, or a cut tail, costs nothing but itself.

mod lenient;

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use lenient::{Lenient, List};

use super::date;
use super::entry::{Channel, Entry, Format, Person, RawEnclosure, Text};
use super::repair::{Repair, Repairs};
use super::url;
use super::{Parsed, Refused};
use crate::rss_agg::item::Hints;

/// Reads a text that starts like a JSON object.
pub fn read<'a>(
    text: &'a str,
    repairs: Repairs,
    max_items: usize,
    url: &str,
) -> Result<Parsed<'a>, Refused> {
    let mut feed = Reading {
        text,
        max_items,
        repairs,
        channel: Channel::default(),
        entries: Vec::new(),
        state: State::default(),
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let read = feed.object(&mut json);
    let State {
        is_feed,
        over_limit,
        ..
    } = feed.state;
    let whole = read.is_ok();
    match read {
        Err(error) if feed.entries.is_empty() => {
            return Err(Refused::Unreadable {
                reason: format!("bad JSON: {error}"),
            });
        }
        Err(_) => feed.repairs.at(Repair::Truncated, text.len()),
        Ok(()) if !is_feed => {
            return Err(Refused::NotAFeed {
                root: "JSON".to_string(),
            });
        }
        Ok(()) if json.end().is_err() => feed.repairs.whole(Repair::TrailingJunk),
        Ok(()) => {}
    }
    if let Some(first) = feed.entries.first() {
        // The format has no dates of its own for the feed; its newest item comes first.
        feed.channel.published_ts.offer(1, first.published_ts.value);
        feed.channel.updated_ts.offer(1, first.updated_ts.value);
    }
    let Reading {
        channel,
        entries,
        repairs,
        ..
    } = feed;
    Ok(Parsed {
        channel,
        entries,
        hints: Hints::default(),
        repairs,
        whole,
        over_limit,
        url: url.to_string(),
    })
}

#[derive(Default)]
struct State {
    /// A version or a list of items was there.
    is_feed: bool,
    over_limit: bool,
}

/// What was read so far: it stays when the rest turns out to be damaged.
struct Reading<'a> {
    text: &'a str,
    max_items: usize,
    repairs: Repairs,
    channel: Channel<'a>,
    entries: Vec<Entry<'a>>,
    state: State,
}

impl<'a> Reading<'a> {
    fn object<D: Deserializer<'a>>(&mut self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(Object(self))
    }

    fn keep_item(&mut self, raw: &'a str) {
        match serde_json::from_str::<JsonItem>(raw) {
            Ok(item) => {
                // Borrowed from the text, so the difference of addresses is the offset.
                let offset = raw.as_ptr() as usize - self.text.as_ptr() as usize;
                self.entries.push(item.into_entry(offset));
            }
            Err(_) => self.repairs.whole(Repair::BadJsonItem),
        }
    }
}

/// The top of the document.
struct Object<'r, 'a>(&'r mut Reading<'a>);

impl<'a> Visitor<'a> for Object<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "a feed object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let reading = self.0;
        while let Some(key) = map.next_key::<Cow<str>>()? {
            let channel = &mut reading.channel;
            match &*key {
                "version" => {
                    let version = map.next_value::<Lenient>()?.0.unwrap_or_default();
                    reading.state.is_feed = true;
                    let number = version
                        .rsplit('/')
                        .next()
                        .unwrap_or_default()
                        .chars()
                        .take(10)
                        .collect();
                    channel.format = Format::Json(number);
                }
                "title" => channel
                    .title
                    .offer(0, map.next_value::<Lenient>()?.0.map(Text::plain)),
                "description" => channel
                    .description
                    .offer(0, map.next_value::<Lenient>()?.0.map(Text::plain)),
                "home_page_url" => channel.link.offer(0, map.next_value::<Lenient>()?.0),
                "feed_url" => channel.feed_link.offer(0, map.next_value::<Lenient>()?.0),
                "language" => channel.language.offer(0, map.next_value::<Lenient>()?.0),
                "icon" => channel.image.offer(0, map.next_value::<Lenient>()?.0),
                "favicon" => channel.image.offer(1, map.next_value::<Lenient>()?.0),
                "authors" => channel.author.offer(0, first_person(map.next_value()?)),
                "author" => channel
                    .author
                    .offer(1, map.next_value::<JsonAuthor>()?.into_person()),
                "items" => {
                    reading.state.is_feed = true;
                    map.next_value_seed(Items(reading))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// The list of items: each is taken as it stands first, so that a bad one does not spoil the list.
struct Items<'r, 'a>(&'r mut Reading<'a>);

impl<'a> DeserializeSeed<'a> for Items<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Items<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "a list of items")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        while self.0.entries.len() < self.0.max_items {
            match list.next_element::<&RawValue>()? {
                Some(item) => self.0.keep_item(item.get()),
                None => return Ok(()),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            self.0.state.over_limit = true;
        }
        Ok(())
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct JsonItem<'a> {
    #[serde(borrow)]
    id: Lenient<'a>,
    #[serde(borrow)]
    url: Lenient<'a>,
    #[serde(borrow)]
    external_url: Lenient<'a>,
    #[serde(borrow)]
    title: Lenient<'a>,
    #[serde(borrow)]
    content_html: Lenient<'a>,
    #[serde(borrow)]
    content_text: Lenient<'a>,
    #[serde(borrow)]
    summary: Lenient<'a>,
    #[serde(borrow)]
    image: Lenient<'a>,
    #[serde(borrow)]
    banner_image: Lenient<'a>,
    #[serde(borrow)]
    date_published: Lenient<'a>,
    #[serde(borrow)]
    date_modified: Lenient<'a>,
    #[serde(borrow)]
    language: Lenient<'a>,
    #[serde(borrow)]
    author: JsonAuthor<'a>,
    #[serde(borrow)]
    authors: List<JsonAuthor<'a>>,
    #[serde(borrow)]
    tags: List<Lenient<'a>>,
    #[serde(borrow)]
    attachments: List<JsonAttachment<'a>>,
}

impl<'a> JsonItem<'a> {
    fn into_entry(self, offset: usize) -> Entry<'a> {
        let page = self.id.0.clone().filter(|id| url::is_http(id));
        let mut entry = Entry {
            guid: self.id.0,
            language: self.language.0,
            offset,
            ..Entry::default()
        };
        entry.title.offer(0, self.title.0.map(Text::plain));
        entry.link.offer(0, self.url.0);
        entry.link.offer(1, self.external_url.0);
        // The format recommends a URL as the id; that of the item.
        entry.link.offer(2, page);
        entry.summary.offer(0, self.summary.0.map(Text::plain));
        entry.content.offer(
            0,
            self.content_html.0.map(|raw| Text {
                raw,
                is_html: true,
                ..Text::default()
            }),
        );
        entry.content.offer(1, self.content_text.0.map(Text::plain));
        entry.image.offer(0, self.image.0);
        entry.image.offer(1, self.banner_image.0);
        entry.author.offer(0, first_person(self.authors));
        entry.author.offer(1, self.author.into_person());
        for (written, target) in [
            (self.date_published.0, &mut entry.published_ts),
            (self.date_modified.0, &mut entry.updated_ts),
        ] {
            let ts = written.as_deref().map(date::parse);
            entry.bad_date |= ts == Some(None);
            target.offer(0, ts.flatten());
        }
        entry.categories = self.tags.0.into_iter().filter_map(|tag| tag.0).collect();
        entry.enclosures = self
            .attachments
            .0
            .into_iter()
            .filter_map(JsonAttachment::into_enclosure)
            .collect();
        entry
    }
}

fn first_person<'a>(authors: List<JsonAuthor<'a>>) -> Option<Person<'a>> {
    authors.0.into_iter().find_map(JsonAuthor::into_person)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct JsonAuthor<'a> {
    #[serde(borrow)]
    name: Lenient<'a>,
}

impl<'a> JsonAuthor<'a> {
    fn into_person(self) -> Option<Person<'a>> {
        self.name.0.map(|name| Person::Parts {
            name: Some(name),
            email: None,
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct JsonAttachment<'a> {
    #[serde(borrow)]
    url: Lenient<'a>,
    #[serde(borrow)]
    mime_type: Lenient<'a>,
    #[serde(borrow)]
    size_in_bytes: Lenient<'a>,
}

impl<'a> JsonAttachment<'a> {
    fn into_enclosure(self) -> Option<RawEnclosure<'a>> {
        Some(RawEnclosure {
            url: self.url.0?,
            media_type: self.mime_type.0,
            length: self.size_in_bytes.0,
        })
    }
}
