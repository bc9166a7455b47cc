//! Values of JSON feeds as they come: numbers for strings, `null` for lists.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Most tags, and most attachments, that one item keeps.
const MOST_LISTED: usize = 100;

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

/// A list of a limited length; `null` is an empty one.
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> List<T> {
        List(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<List<T>, D::Error> {
        json.deserialize_any(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "a list")
    }

    fn visit_unit<E>(self) -> Result<List<T>, E> {
        Ok(List::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<List<T>, A::Error> {
        let mut list = Vec::new();
        while list.len() < MOST_LISTED {
            match elements.next_element()? {
                Some(element) => list.push(element),
                None => return Ok(List(list)),
            }
        }
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(List(list))
    }
}
