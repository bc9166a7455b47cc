//! JSON Feed 1.0 and 1.1, item by item: a bad value, a bad item or a cut tail costs nothing but itself.

mod item;
mod lenient;
mod mend;

pub use mend::mended;

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use item::{Author, Item, first_person};
use lenient::{Lenient, List};

use super::entry::{Channel, Entry, Format, Text};
use super::repair::{Repair, Repairs};
use super::xml::section::unwrapped;
use super::{Context, Parsed, Refused};
use crate::feed::item::Hints;

/// Reads a text that starts like a JSON object.
pub fn read<'a>(
    text: &'a str,
    repairs: Repairs,
    context: Context<'_>,
) -> Result<Parsed<'a>, Refused> {
    let mut feed = Reading {
        text,
        max_items: context.max_items,
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
        url: context.url.to_string(),
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
        // Borrowed from the text, so the difference of addresses is the offset.
        let offset = raw.as_ptr() as usize - self.text.as_ptr() as usize;
        let item = match serde_json::from_str::<Item>(raw) {
            Ok(item) => Some(item),
            // Valid as a whole, so one of its values cannot be read.
            Err(_) => Item::value_by_value(raw),
        };
        match item {
            Some(item) => {
                if item.lost_a_value {
                    self.repairs.at(Repair::BadJsonValue, offset);
                }
                self.entries.push(item.into_entry(offset));
            }
            None => self.repairs.at(Repair::BadJsonItem, offset),
        }
    }

    /// Reads a value of the feed itself; one that cannot be read is none.
    fn value<T: Deserialize<'a> + Default>(&mut self, raw: &'a RawValue) -> T {
        serde_json::from_str(raw.get()).unwrap_or_else(|_| {
            self.repairs.whole(Repair::BadJsonValue);
            T::default()
        })
    }

    fn field(&mut self, name: &str, raw: &'a RawValue) {
        match name {
            "version" => {
                let version = self.value::<Lenient>(raw).0.unwrap_or_default();
                let number = version.rsplit('/').next().unwrap_or_default();
                self.state.is_feed = true;
                self.channel.format = Format::Json(number.chars().take(10).collect());
            }
            "authors" | "author" => {
                let author = first_person(self.value::<List<Author>>(raw));
                self.channel
                    .author
                    .offer(u8::from(name == "author"), author);
            }
            _ => {
                let Some(word) = self.value::<Lenient>(raw).0 else {
                    return;
                };
                let channel = &mut self.channel;
                match name {
                    "title" => channel.title.offer(0, Some(Text::plain(unwrapped(word)))),
                    "description" => {
                        channel
                            .description
                            .offer(0, Some(Text::plain(unwrapped(word))));
                    }
                    "home_page_url" => channel.link.offer(0, Some(word)),
                    "feed_url" => channel.feed_link.offer(0, Some(word)),
                    "language" => channel.language.offer(0, Some(word)),
                    "icon" => channel.image.offer(0, Some(word)),
                    _ => channel.image.offer(1, Some(word)),
                }
            }
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
            match &*key {
                "items" => {
                    reading.state.is_feed = true;
                    map.next_value_seed(Items(reading))?;
                }
                "version" | "title" | "description" | "home_page_url" | "feed_url" | "language"
                | "icon" | "favicon" | "authors" | "author" => {
                    let raw = map.next_value::<&RawValue>()?;
                    reading.field(&key, raw);
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

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
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

    /// A list with gaps, which some programs write as an object of numbers and items; or one item, which others write
    /// without its list.
    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let mut is_item = false;
        while let Some((_, value)) = map.next_entry::<IgnoredAny, &RawValue>()? {
            let value = value.get();
            if is_item {
                continue;
            }
            if !value.starts_with('{') {
                is_item = true;
                let at = value.as_ptr() as usize - self.0.text.as_ptr() as usize;
                let open = self.0.text[..at].rfind('{').unwrap_or(at);
                let mut item = serde_json::Deserializer::from_str(&self.0.text[open..]);
                if let Ok(item) = <&RawValue>::deserialize(&mut item) {
                    self.0.keep_item(item.get());
                }
            } else if self.0.entries.len() < self.0.max_items {
                self.0.keep_item(value);
            } else {
                self.0.state.over_limit = true;
            }
        }
        Ok(())
    }
}
