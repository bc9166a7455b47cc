//! What a service keeps in truth besides what every service may have. The owner of a section says it here: truth
//! itself knows none of them.

use super::{Problems, Sections};

/// What one service keeps in truth for itself, and who looks at it.
///
/// Bootstrap, every daemon and `marketswarm truth check` judge by the same table of them, and so refuse what the
/// running service could not use.
#[derive(Clone, Copy, Debug)]
pub struct ServiceSchema {
    /// The service.
    pub svc: &'static str,
    /// Its sections; any other name gets a warning. `None`: any name is a section of this service.
    pub sections: Option<&'static [SectionSchema]>,
    /// Looks at what stands in them; `None`: nobody does yet.
    pub validator: Option<Validator>,
    /// Says what in them is odd, though it can be used: a warning.
    pub advisor: Option<Validator>,
    /// The variable of the environment that its key belongs into: a section that is named like one is refused with that.
    pub key_variable: Option<&'static str>,
    /// The owner goes on without what is wrong there, so that a daemon does not refuse the document for it.
    pub is_spared: bool,
}

/// One section: its name, and the fields of the object that it is, or of each object of the list that it is. Other
/// fields get a warning; an empty list knows nothing about them.
#[derive(Clone, Copy, Debug)]
pub struct SectionSchema {
    /// The section's name.
    pub name: &'static str,
    /// The names that may stand in it.
    pub fields: &'static [&'static str],
}

/// What names say of what holds a secret.
const KEYS: [&str; 3] = ["key", "token", "secret"];

/// Looks at a service's own sections and adds what is wrong with them, or odd.
pub type Validator = fn(&Sections<'_>, &mut Problems);

impl ServiceSchema {
    /// A service that may keep anything, at which nobody looks.
    pub const fn open(svc: &'static str) -> ServiceSchema {
        ServiceSchema {
            svc,
            sections: None,
            validator: None,
            advisor: None,
            key_variable: None,
            is_spared: false,
        }
    }

    /// Where the key belongs that a section of this name would hold; `None` for any other.
    pub(super) fn variable_for(&self, name: &str) -> Option<&'static str> {
        let lower = name.to_ascii_lowercase();
        let is_key = KEYS.iter().any(|word| lower.contains(word));
        self.key_variable.filter(|_| is_key)
    }

    /// The fields of the section `name`; `None` when this service has no such section.
    pub(super) fn fields_of(&self, name: &str) -> Option<&'static [&'static str]> {
        let Some(sections) = self.sections else {
            return Some(&[]);
        };
        let section = sections.iter().find(|section| section.name == name);
        section.map(|section| section.fields)
    }
}
