//! The vendor's answers: bytes in, documented fields out, borrowed from the bytes.
//!
//! An answer is an envelope (`status`, `error`, `next_url`) around a list, which is read element by element: no more
//! than one element is held at a time. [`ask`] writes requests, [`request`] says which of the fifteen paths an answer
//! belongs to.

pub mod ask;
pub mod fields;
pub mod node;
pub mod request;

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use node::{Fields, Fill, Key, Node, Object, Presence, Raw, Slot, object, take};

/// Most bytes of an answer, decoded.
pub const ANSWER_MAX_BYTES: usize = 16 << 20;

object! {
    /// What surrounds the list.
    Envelope {
        status: Raw<'a> = "status",
        error: Raw<'a> = "error",
        message: Raw<'a> = "message",
        /// Whose bars or trades these are, where the elements do not say it.
        ticker: Raw<'a> = "ticker",
        next_url: Raw<'a> = "next_url",
    }
}

/// What stood where the list should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listed {
    /// Nothing, or null.
    #[default]
    Nothing,
    /// A list of so many elements.
    Many(usize),
    /// One object in place of a list.
    One,
    WrongType,
}

/// An answer that was read to its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer<'a> {
    pub envelope: Envelope<'a>,
    pub listed: Listed,
}

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotUnderstood {
    /// Over [`ANSWER_MAX_BYTES`].
    TooLong,
    NotUtf8,
    /// Not JSON, or cut: where.
    NotJson {
        line: usize,
        column: usize,
    },
    /// JSON, but neither an object nor the list that the path answers with.
    NotAnAnswer,
}

impl fmt::Display for NotUnderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotUnderstood::TooLong => {
                write!(f, "the answer is over {} MiB", ANSWER_MAX_BYTES >> 20)
            }
            NotUnderstood::NotUtf8 => write!(f, "the answer is not UTF-8"),
            NotUnderstood::NotJson { line, column } => write!(
                f,
                "the answer is not JSON, or was cut (line {line}, column {column})"
            ),
            NotUnderstood::NotAnAnswer => {
                write!(f, "the answer is JSON, but no answer of this path")
            }
        }
    }
}

/// Reads an answer whose list has the key `list`, or is the answer itself. `each` gets the elements, with their numbers,
/// one at a time; one that is no object comes as [`Presence::WrongType`]. `around` takes those members that are neither
/// the list nor of the envelope.
///
/// # Errors
/// The answer is not understood. What `each` got until then is of no worth.
pub fn read<'a, T: Fields<'a> + Default>(
    body: &'a [u8],
    list: Option<&'static str>,
    around: &mut dyn Node<'a>,
    each: &mut dyn FnMut(usize, &Object<T>),
) -> Result<Answer<'a>, NotUnderstood> {
    if body.len() > ANSWER_MAX_BYTES {
        return Err(NotUnderstood::TooLong);
    }
    let text = std::str::from_utf8(body).map_err(|_| NotUnderstood::NotUtf8)?;
    let mut root = Root {
        answer: Answer::default(),
        list,
        around,
        element: Object::default(),
        each,
        is_answer: false,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let outcome = Whole(&mut root).deserialize(&mut json);
    outcome
        .and_then(|()| json.end())
        .map_err(|error| NotUnderstood::NotJson {
            line: error.line(),
            column: error.column(),
        })?;
    match root.is_answer {
        true => Ok(root.answer),
        false => Err(NotUnderstood::NotAnAnswer),
    }
}

/// An answer being read.
struct Root<'r, 'a, T> {
    answer: Answer<'a>,
    list: Option<&'static str>,
    around: &'r mut dyn Node<'a>,
    element: Object<T>,
    each: &'r mut dyn FnMut(usize, &Object<T>),
    is_answer: bool,
}

/// Reads the whole answer.
struct Whole<'w, 'r, 'a, T>(&'w mut Root<'r, 'a, T>);

impl<'de, T: Fields<'de> + Default> DeserializeSeed<'de> for Whole<'_, '_, 'de, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, T: Fields<'de> + Default> Visitor<'de> for Whole<'_, '_, 'de, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "an answer")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let root = self.0;
        root.is_answer = true;
        root.around.begin(Presence::There);
        while let Some(key) = map.next_key_seed(Key)? {
            if root.list == Some(&*key) {
                // Elements that were handed on cannot be taken back for those of a second list.
                if root.answer.listed != Listed::Nothing {
                    return Err(serde::de::Error::custom("the list stands there twice"));
                }
                map.next_value_seed(Elements(root))?;
                continue;
            }
            match root.answer.envelope.slot(&key) {
                Slot::Unused => take(root.around.slot(&key), &mut map)?,
                slot => take(slot, &mut map)?,
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        self.0.is_answer = self.0.list.is_none();
        Elements(self.0).visit_seq(list)
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
}

/// Reads the list, or the one object in its place.
struct Elements<'w, 'r, 'a, T>(&'w mut Root<'r, 'a, T>);

impl<'de, T: Fields<'de> + Default> Elements<'_, '_, 'de, T> {
    fn wrong_type<E>(self) -> Result<(), E> {
        self.0.answer.listed = Listed::WrongType;
        Ok(())
    }
}

impl<'de, T: Fields<'de> + Default> DeserializeSeed<'de> for Elements<'_, '_, 'de, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, T: Fields<'de> + Default> Visitor<'de> for Elements<'_, '_, 'de, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "anything")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let root = self.0;
        let mut count = 0;
        while list.next_element_seed(Fill(&mut root.element))?.is_some() {
            // Null is no element either.
            if root.element.presence == Presence::Absent {
                root.element.presence = Presence::WrongType;
            }
            (root.each)(count, &root.element);
            count += 1;
        }
        root.answer.listed = Listed::Many(count);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let root = self.0;
        Fill(&mut root.element).visit_map(map)?;
        (root.each)(0, &root.element);
        root.answer.listed = Listed::One;
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
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
}
