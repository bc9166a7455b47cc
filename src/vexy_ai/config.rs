//! What truth says about the analyst, `services.vexy_ai`, and what the environment says.

mod analysis;
mod digest;
mod environment;
pub mod model;
#[cfg(test)]
mod tests;

use crate::truth::{Problem, Problems, SectionSchema, Sections, ServiceSchema, Truth};

pub use analysis::Analysis;
pub use digest::{Digest, Epoch};
pub use environment::{Environment, name};
pub use model::Model;

/// The service's name in truth. Every analyst takes its sections from there, whatever it is called itself.
pub const SERVICE: &str = "vexy_ai";

/// What there is in `services.vexy_ai`, and who checks it.
pub const SCHEMA: ServiceSchema = ServiceSchema {
    svc: SERVICE,
    sections: Some(&[
        SectionSchema {
            name: "analysis",
            fields: &[
                "workers",
                "batch",
                "claim_idle_sec",
                "max_deliveries",
                "summary_chars",
                "feeds",
                "categories",
                "watch",
                "behind_warn_sec",
                "keep_sec",
                "keep_items",
            ],
        },
        SectionSchema {
            name: "model",
            fields: &[
                "url",
                "model",
                "min_salience",
                "concurrency",
                "timeout_sec",
                "max_input_chars",
                "max_output_tokens",
                "calls_per_min",
                "tokens_per_min",
                "calls_per_day",
                "tokens_per_day",
                "price_in",
                "price_out",
                "cost_per_day",
                "queue_max",
                "max_age_sec",
                "cache_sec",
                "extra",
            ],
        },
        SectionSchema {
            name: "digest",
            fields: &["epochs", "tz", "days", "top", "min_salience", "events_from"],
        },
    ]),
    validator: Some(check),
    advisor: None,
    key_variable: None,
    is_spared: false,
};

/// Everything that truth says, with the defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// How items are analysed, and how long what was found is kept.
    pub analysis: Analysis,
    /// Which model refines what, and what that may cost.
    pub model: Model,
    /// When what was found is summed up, and how.
    pub digest: Digest,
}

impl Config {
    /// Reads the sections of a truth that passed validation.
    ///
    /// # Errors
    /// What did not pass it.
    pub fn from_truth(truth: &Truth) -> Result<Config, Problem> {
        Ok(Config {
            analysis: truth.read_section(SERVICE, "analysis")?.unwrap_or_default(),
            model: truth.read_section(SERVICE, "model")?.unwrap_or_default(),
            digest: truth.read_section(SERVICE, "digest")?.unwrap_or_default(),
        })
    }
}

/// The validator of the sections, for everybody who checks a truth before it is in force.
fn check(sections: &Sections<'_>, problems: &mut Problems) {
    analysis::check(sections, problems);
    model::check(sections, problems);
    digest::check(sections, problems);
}
