//! Values of JSON feeds as they come: numbers for strings, `null` or a lone element for lists.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{Deserializer, Error, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor};

/// Most tags, and most attachments, that one item keeps.
pub const MOST_LISTED: usize = 100;

/// A string, or a number where a string should be; anything else is nothing. Never empty.
#[derive(Default)]
pub struct Lenient<'a>(pub Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Lenient<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Lenient<'a>, D::Error> {
        json.deserialize_any(LenientVisitor(PhantomData))
    }
}

struct LenientVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for LenientVisitor<'a> {
    type Value = Lenient<'a>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "anything")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Lenient<'a>, E> {
        let text = text.trim();
        Ok(Lenient((!text.is_empty()).then_some(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Lenient<'a>, E> {
        let text = text.trim();
        Ok(Lenient(
            (!text.is_empty()).then(|| Cow::Owned(text.to_string())),
        ))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Lenient<'a>, E> {
        Ok(Lenient(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Lenient<'a>, E> {
        Ok(Lenient(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Lenient<'a>, E> {
        Ok(Lenient(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Lenient<'a>, E> {
        Ok(Lenient(None))
    }

    fn visit_unit<E>(self) -> Result<Lenient<'a>, E> {
        Ok(Lenient(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Lenient<'a>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Lenient(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lenient<'a>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Lenient(None))
    }
}

/// A list of a limited length. `null` is an empty one; anything else that is none, one of its only element.
pub struct List<T> {
    pub all: Vec<T>,
    /// It was written as one.
    pub is_list: bool,
}

impl<T> Default for List<T> {
    fn default() -> List<T> {
        List {
            all: Vec::new(),
            is_list: true,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<List<T>, D::Error> {
        json.deserialize_any(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<T> ListVisitor<T> {
    fn only<'de, D: Deserializer<'de>>(json: D) -> Result<List<T>, D::Error>
    where
        T: Deserialize<'de>,
    {
        Ok(List {
            all: vec![T::deserialize(json)?],
            is_list: false,
        })
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "a list")
    }

    fn visit_unit<E>(self) -> Result<List<T>, E> {
        Ok(List::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<List<T>, E> {
        Ok(List::default())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<List<T>, E> {
        Self::only(number.into_deserializer())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<List<T>, E> {
        Self::only(number.into_deserializer())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<List<T>, E> {
        Self::only(number.into_deserializer())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<List<T>, E> {
        Self::only(text.into_deserializer())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<List<T>, E> {
        Self::only(BorrowedStrDeserializer::new(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<List<T>, A::Error> {
        Self::only(MapAccessDeserializer::new(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<List<T>, A::Error> {
        let mut list = List::default();
        while list.all.len() < MOST_LISTED {
            match elements.next_element()? {
                Some(element) => list.all.push(element),
                None => return Ok(list),
            }
        }
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(list)
    }
}

/// An object of which some values count, or what stands in its place.
pub enum Read<'a> {
    Word(Lenient<'a>),
    Object([Lenient<'a>; 3]),
}

/// Reads an object for the values with these names.
pub struct Parts<'a>(pub [&'static str; 3], pub PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for Parts<'a> {
    type Value = Read<'a>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read<'a>, A::Error> {
        let mut parts = [const { Lenient(None) }; 3];
        while let Some(key) = map.next_key::<Lenient>()? {
            let key = key.0.unwrap_or_default();
            match self.0.iter().position(|name| *name == key) {
                Some(at) => {
                    let value = map.next_value::<Lenient>()?;
                    if value.0.is_some() {
                        parts[at] = value;
                    }
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Read::Object(parts))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Read<'a>, E> {
        LenientVisitor(PhantomData)
            .visit_borrowed_str(text)
            .map(Read::Word)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Read<'a>, E> {
        LenientVisitor(PhantomData).visit_str(text).map(Read::Word)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Read<'a>, E> {
        Ok(Read::Word(Lenient::default()))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Read<'a>, E> {
        Ok(Read::Word(Lenient::default()))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Read<'a>, E> {
        Ok(Read::Word(Lenient::default()))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Read<'a>, E> {
        Ok(Read::Word(Lenient::default()))
    }

    fn visit_unit<E: Error>(self) -> Result<Read<'a>, E> {
        Ok(Read::Word(Lenient::default()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Read<'a>, A::Error> {
        LenientVisitor(PhantomData).visit_seq(list).map(Read::Word)
    }
}
