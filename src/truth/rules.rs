//! By what a document is judged.

use super::Defaults;
use super::schema::ServiceSchema;

/// What whoever judges a document brings along.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// What holds where a service says nothing.
    pub defaults: Defaults,
    /// What each service keeps there for itself, and who looks at it.
    pub schemas: &'static [ServiceSchema],
    /// Whether only what no daemon could use makes a document bad.
    ///
    /// Whoever writes a document is told of everything. A daemon must not refuse what another takes, so what only its
    /// own environment makes wrong is none of its business, and where an owner can do without what is wrong in a
    /// section, the rest of the document counts for more.
    pub is_lenient: bool,
}

impl Rules {
    /// What is known of the sections of the service `svc`.
    pub(super) fn schema_of(&self, svc: &str) -> Option<&'static ServiceSchema> {
        self.schemas.iter().find(|schema| schema.svc == svc)
    }

    /// For whoever writes or checks a document.
    pub fn strict(defaults: Defaults, schemas: &'static [ServiceSchema]) -> Rules {
        Rules {
            defaults,
            schemas,
            is_lenient: false,
        }
    }

    /// For whoever runs by it.
    pub fn lenient(defaults: Defaults, schemas: &'static [ServiceSchema]) -> Rules {
        Rules {
            defaults,
            schemas,
            is_lenient: true,
        }
    }
}

/// Strict, and without sections: nobody's are known.
impl From<Defaults> for Rules {
    fn from(defaults: Defaults) -> Rules {
        Rules::strict(defaults, &[])
    }
}
