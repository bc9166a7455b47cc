//! What an operator has asked for: pauses and drains, as the hash [`CONTROL`](crate::contract::analysis::CONTROL) keeps
//! them. Each field holds when it was asked, in seconds since 1970; no field means no.

use std::collections::BTreeMap;

/// The field that pauses every worker: nothing new is begun.
pub const PAUSED: &str = "paused";
/// The field that pauses the model stage alone.
pub const MODEL_PAUSED: &str = "model_paused";

/// The field that drains one worker (`VEXY_NAME`): it finishes what it has, and takes nothing new.
pub fn drain_field(name: &str) -> String {
    format!("drain:{name}")
}

/// What is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Since when all work is paused.
    pub paused_ts: Option<i64>,
    /// Since when the model is asked nothing.
    pub model_paused_ts: Option<i64>,
    /// The workers that are drained, and since when.
    pub drained: BTreeMap<String, i64>,
}

impl Control {
    /// Reads the fields of the hash. One that nobody knows counts as absent; a time that is none as 1970.
    pub fn read<N: AsRef<str>, V: AsRef<str>>(fields: impl IntoIterator<Item = (N, V)>) -> Control {
        let mut control = Control::default();
        for (name, value) in fields {
            let ts = value.as_ref().parse().unwrap_or(0);
            match name.as_ref() {
                PAUSED => control.paused_ts = Some(ts),
                MODEL_PAUSED => control.model_paused_ts = Some(ts),
                name => {
                    if let Some(worker) = name.strip_prefix("drain:") {
                        control.drained.insert(worker.to_owned(), ts);
                    }
                }
            }
        }
        control
    }

    /// May this worker begin something new?
    pub fn allows(&self, worker: &str) -> bool {
        self.paused_ts.is_none() && !self.drained.contains_key(worker)
    }

    /// May this worker ask the model?
    pub fn allows_model(&self, worker: &str) -> bool {
        self.allows(worker) && self.model_paused_ts.is_none()
    }

    /// The word that the worker's beat says, while it is kept from its work.
    pub fn word(&self, worker: &str) -> Option<&'static str> {
        if self.drained.contains_key(worker) {
            Some("drained")
        } else {
            self.paused_ts.is_some().then_some("paused")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_stops_all_a_drain_one_and_what_nobody_knows_nothing() {
        let none = Control::read([("colour", "blue")]);
        assert_eq!(none, Control::default());
        assert!(none.allows("a") && none.allows_model("a") && none.word("a").is_none());

        let model = Control::read([(MODEL_PAUSED, "5")]);
        assert!(model.allows("a") && !model.allows_model("a") && model.word("a").is_none());

        let all = Control::read([(PAUSED, "no time")]);
        assert!(!all.allows("a") && !all.allows_model("a"));
        assert_eq!((all.word("a"), all.paused_ts), (Some("paused"), Some(0)));

        let one = Control::read([(drain_field("a"), "7".to_owned())]);
        assert!(!one.allows("a") && one.allows("b"));
        assert_eq!((one.word("a"), one.word("b")), (Some("drained"), None));
    }
}
