//! Help for owners of sections: a field that cannot be, told with its path.

use std::fmt::Display;

use serde::de::DeserializeOwned;

use super::{Problem, Problems, Section, Sections};

/// A field that cannot be: its name, what is wrong with it, and what to write instead.
pub type Wrong = (&'static str, String, &'static str);

/// Whether the field `name` lies within the two ends, both of which it may be.
///
/// # Errors
/// When it does not.
// Out of line: a section asks this of dozens of fields, once in its life.
#[cold]
pub fn range<T: PartialOrd + Display>(
    name: &'static str,
    value: &T,
    (min, max): (T, T),
) -> Result<(), Wrong> {
    if (&min..=&max).contains(&value) {
        return Ok(());
    }
    Err((name, format!("{value} is not from {min} to {max}"), ""))
}

impl<'a> Section<'a> {
    /// The member `name`, to tell a problem at its place; where there is none, this value itself.
    #[must_use]
    pub fn at(&self, name: &str) -> Section<'a> {
        self.field(name).unwrap_or_else(|| self.clone())
    }

    /// What is wrong with a field of this object, as a problem.
    pub fn wrong(&self, (name, what, instead): Wrong) -> Problem {
        self.at(name).problem(what, instead)
    }
}

impl Sections<'_> {
    /// Reads the object `name`, and tells what `wrong` finds in it. `None` when there is none, or it cannot be read.
    pub fn read_and<T: DeserializeOwned>(
        &self,
        name: &str,
        problems: &mut Problems,
        wrong: impl Fn(&T) -> Result<(), Wrong>,
    ) -> Option<T> {
        let section = self.get(name)?;
        // serde would take the values of a list for those of the fields.
        match section.members().and_then(|_| section.read::<T>()) {
            Ok(read) => {
                if let Err(found) = wrong(&read) {
                    problems.push(section.wrong(found));
                }
                Some(read)
            }
            Err(problem) => {
                problems.push(problem);
                None
            }
        }
    }
}
