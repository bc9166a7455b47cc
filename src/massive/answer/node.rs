//! Objects of an answer, filled member by member.
//!
//! What is kept of a scalar is its JSON text, so that a decimal keeps its digits and an integer never passes through an
//! `f64`. Nothing here fails on a value of the wrong type: that is noted where it
//! stands, and judged by whoever wants it. Of a key that stands there twice the last one counts, as everywhere.

/// The JSON text of a value, or nothing where it is absent or null.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raw<'a>(Option<&'a str>);

impl<'a> Raw<'a> {
    /// What stands where a value should be.
    pub fn of(json: &'a str) -> Raw<'a> {
        Raw((json != "null").then_some(json))
    }

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

/// Takes no member.
pub struct Nobody;

impl<'a> Node<'a> for Nobody {
    fn begin(&mut self, _: Presence) {}
    fn slot(&mut self, _: &str) -> Slot<'_, 'a> {
        Slot::Unused
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
                // Of byte strings the compiler makes a decision tree; texts it would compare one after the other.
                match key.as_bytes() {
                    $($key => $crate::massive::answer::node::Place::slot(&mut self.$field),)*
                    _ => $crate::massive::answer::node::Slot::Unused,
                }
            }
        }
    };
}
pub(crate) use object;
