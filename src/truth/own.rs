//! What each service of ours keeps in truth for itself.

/// What a service of ours keeps in truth besides what every service may have.
pub struct Own {
    pub svc: &'static str,
    /// Its sections; any other name gets a warning. `None`: any name is a section of this service.
    pub sections: Option<&'static [OwnSection]>,
}

/// One section: its name, and the fields of the object that it is, or of each object of the list that it is. Other
/// fields get a warning; an empty list knows nothing about them.
pub struct OwnSection {
    pub name: &'static str,
    pub fields: &'static [&'static str],
}

/// The sections of each service. Whoever reads one checks it too: see [`Check`](super::Check).
pub const OWN: &[Own] = &[
    Own {
        svc: "rss_agg",
        sections: Some(&[
            OwnSection {
                name: "feeds",
                fields: &["id", "url", "category", "interval_sec", "headers_env"],
            },
            OwnSection {
                name: "schedule",
                fields: &["interval_sec", "min_sec", "max_sec"],
            },
            OwnSection {
                name: "limits",
                fields: &[
                    "allow_hosts",
                    "per_host_rps",
                    "per_host_connections",
                    "first_items",
                    "max_items",
                    "contact",
                    "keep_sec",
                    "keep_items",
                ],
            },
            OwnSection {
                name: "filters",
                fields: &["feed", "field", "match", "action"],
            },
        ]),
    },
    Own {
        svc: "healer",
        sections: Some(&[OwnSection {
            name: "notify",
            fields: &[],
        }]),
    },
    Own {
        svc: "massive",
        sections: None,
    },
    Own {
        svc: "mesh",
        sections: None,
    },
    Own {
        svc: "vexy_ai",
        sections: None,
    },
];

impl Own {
    /// What is known of the service `svc`.
    pub fn of(svc: &str) -> Option<&'static Own> {
        OWN.iter().find(|own| own.svc == svc)
    }

    /// The fields of the section `name`; `None` when this service has no such section.
    pub fn fields_of(&self, name: &str) -> Option<&'static [&'static str]> {
        match self.sections {
            None => Some(&[]),
            Some(sections) => sections
                .iter()
                .find(|section| section.name == name)
                .map(|section| section.fields),
        }
    }
}
