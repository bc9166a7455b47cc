//! By what a document is judged.

use super::{Defaults, Problems, Sections};

/// What whoever judges a document brings along.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub defaults: Defaults,
    /// Who looks at the sections of which service.
    pub checks: &'static [Check],
    /// Whether only what no daemon could use makes a document bad.
    ///
    /// Whoever writes a document is told of everything. A daemon must not refuse what another takes, so what only its
    /// own environment makes wrong is none of its business, and where an owner can do without what is wrong in a
    /// section, the rest of the document counts for more.
    pub is_lenient: bool,
}

/// Looks at a service's own sections and adds what is wrong with them.
pub type Validator = fn(&Sections<'_>, &mut Problems);

/// Who looks at the sections of one service. The owner of a section hands its validator in: bootstrap, every daemon and
/// `marketswarm truth check` then refuse what the running service could not use.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    pub svc: &'static str,
    pub validator: Validator,
    /// The owner goes on without what is wrong there.
    pub is_spared: bool,
}

impl Rules {
    /// For whoever writes or checks a document.
    pub fn strict(defaults: Defaults, checks: &'static [Check]) -> Rules {
        Rules {
            defaults,
            checks,
            is_lenient: false,
        }
    }

    /// For whoever runs by it.
    pub fn lenient(defaults: Defaults, checks: &'static [Check]) -> Rules {
        Rules {
            defaults,
            checks,
            is_lenient: true,
        }
    }
}

/// Strict, but for the sections, which nobody looks at.
impl From<Defaults> for Rules {
    fn from(defaults: Defaults) -> Rules {
        Rules::strict(defaults, &[])
    }
}
