//! Objects of an answer, filled member by member.
//!
//! serde_json reads the grammar; what is kept of a scalar is its JSON text, so that a decimal keeps its digits and an
//! integer never passes through an `f64`. Nothing here fails on a value of the wrong type: that is noted where it
//! stands, and judged by whoever wants it. Of a key that stands there twice the last one counts, as everywhere.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The JSON text of a value, or nothing where it is absent or null.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raw<'a>(Option<&'a str>);

impl<'a> Raw<'a> {
    /// The text.
    pub fn get(self) -> Option<&'a str> {
        self.0
    }
}

/// Was an object there?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// Absent or null.
    #[default]
    Absent,
    /// An object.
    There,
    /// Something else.
    WrongType,
}

/// An object within an answer: the fields that are used, and whether it was there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Object<T> {
    pub fields: T,
    pub presence: Presence,
}

/// Where the value of a member goes.
pub enum Slot<'n, 'a> {
    Scalar(&'n mut Raw<'a>),
    Object(&'n mut dyn Node<'a>),
    /// Nobody uses it.
    Unused,
}

/// The fields of an object that are used.
pub trait Fields<'a> {
    /// Where the value of `key` goes.
    fn slot(&mut self, key: &str) -> Slot<'_, 'a>;
}

/// An object that can be filled.
pub trait Node<'a> {
    /// Begins anew: whatever an earlier value of the same key left is forgotten.
    fn begin(&mut self, presence: Presence);
    /// Where the value of `key` goes.
    fn slot(&mut self, key: &str) -> Slot<'_, 'a>;
}

impl<'a, T: Fields<'a> + Default> Node<'a> for Object<T> {
    fn begin(&mut self, presence: Presence) {
        self.fields = T::default();
        self.presence = presence;
    }

    fn slot(&mut self, key: &str) -> Slot<'_, 'a> {
        self.fields.slot(key)
    }
}

/// What can take the value of a member.
pub trait Place<'a> {
    fn slot(&mut self) -> Slot<'_, 'a>;
}

impl<'a> Place<'a> for Raw<'a> {
    fn slot(&mut self) -> Slot<'_, 'a> {
        Slot::Scalar(self)
    }
}

impl<'a, T: Fields<'a> + Default> Place<'a> for Object<T> {
    fn slot(&mut self) -> Slot<'_, 'a> {
        Slot::Object(self)
    }
}

/// Declares an object of the vendor's: its fields, and the names that they go by.
macro_rules! object {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty = $key:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name<'a> { $($(#[$field_doc])* pub $field: $type,)* }

        impl<'a> $crate::massive::answer::node::Fields<'a> for $name<'a> {
            fn slot(&mut self, key: &str) -> $crate::massive::answer::node::Slot<'_, 'a> {
                match key {
                    $($key => $crate::massive::answer::node::Place::slot(&mut self.$field),)*
                    _ => $crate::massive::answer::node::Slot::Unused,
                }
            }
        }
    };
}
pub(crate) use object;

/// Reads the next value into a node.
pub(super) struct Fill<'n, 'a>(pub &'n mut dyn Node<'a>);

impl<'de> DeserializeSeed<'de> for Fill<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Fill<'_, 'de> {
    fn wrong_type<E>(self) -> Result<(), E> {
        self.0.begin(Presence::WrongType);
        Ok(())
    }
}

impl<'de> Visitor<'de> for Fill<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.begin(Presence::There);
        while let Some(key) = map.next_key_seed(Key)? {
            take(self.0.slot(&key), &mut map)?;
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.begin(Presence::Absent);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.wrong_type()
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.wrong_type()
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.wrong_type()
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.wrong_type()
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.wrong_type()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        self.wrong_type()
    }
}

/// Takes the value of the member whose key was read.
pub(super) fn take<'de, A: MapAccess<'de>>(
    slot: Slot<'_, 'de>,
    map: &mut A,
) -> Result<(), A::Error> {
    match slot {
        Slot::Scalar(raw) => {
            let text = map.next_value::<&'de RawValue>()?.get();
            raw.0 = (text != "null").then_some(text);
        }
        Slot::Object(node) => map.next_value_seed(Fill(node))?,
        Slot::Unused => drop(map.next_value::<IgnoredAny>()?),
    }
    Ok(())
}

/// A key; borrowed unless it holds escapes.
pub(super) struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Cow<'de, str>, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}
